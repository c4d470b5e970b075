//! Who is let in: the peer, the key, its limits, in this order.

use super::keys::fields::{self, Left};
use super::keys::{Denial, Exceeded, Key, Keyring, Limits, Reason, Remaining, presented};
use super::refusal::{Cause, Refusal};
use super::route::Route;
use crate::config::{Auth, Serve};
use crate::error::Result;
use crate::service::clock::monotonic;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName};
use jiff::Timestamp;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub struct Guard {
    auth: Auth,
    keyring: Keyring,
    limits: Limits,
    /// Where the quotas are kept.
    quotas: PathBuf,
    /// Routes that need no key.
    open: Vec<String>,
    proxies: Vec<IpAddr>,
}

/// Who asks.
#[derive(Debug, Default)]
pub struct Admitted {
    /// None where none is needed.
    pub key: Option<Arc<Key>>,
    pub remaining: Remaining,
}

impl Guard {
    /// `state`: the server's folder.
    ///
    /// # Errors
    /// The quotas that were kept can't be read. (Keys that can't be read have every request refused.)
    pub fn open(serve: &Serve, state: &Path) -> Result<Guard> {
        let quotas = state.join("quotas.json");
        Ok(Guard {
            auth: serve.auth,
            keyring: Keyring::open(&serve.keys),
            limits: Limits::load(&quotas)?,
            quotas,
            open: serve.open.clone(),
            proxies: serve.trusted_proxies.clone(),
        })
    }

    /// `client`: who asks; `group`: the model group that is asked for, if any.
    ///
    /// # Errors
    /// Why it isn't let in. To a client all that is wrong with a key looks alike.
    pub fn admit(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
        route: &Route,
        group: Option<&str>,
    ) -> Result<Admitted, Refusal> {
        if self.auth == Auth::None || self.open.iter().any(|open| open == route.name()) {
            return Ok(Admitted::default());
        }
        let (now, wall) = (monotonic(), Timestamp::now());
        if let Err(wait) = self.limits.peer(client, now) {
            let refusal = Refusal::new(Cause::TooManyRequests, "Too Many Requests").after(fields::seconds(wait));
            return Err(refusal.denied(Denial::of(Reason::Peer)));
        }
        let keys = self.keyring.current();
        let Ok(keys) = &*keys else {
            let refusal = Refusal::new(Cause::NotReady, "the keys can't be read: the server's log says why").after(5);
            return Err(refusal.denied(Denial::of(Reason::NoKeys)));
        };
        let value = |name: &HeaderName| headers.get(name).map(|value| value.as_bytes());
        let shown = presented(value(&API_KEY), value(&AUTHORIZATION));
        let admitted = keys.admit(shown, wall).and_then(|key| match group {
            Some(group) => key.may_ask(group).map(|()| key),
            None => Ok(key),
        });
        let key = admitted
            .map_err(|denial| self.forbidden(denial, shown, client))?
            .clone();
        match self.limits.charge(&key, now, wall) {
            Ok(remaining) => Ok(Admitted {
                key: Some(key),
                remaining,
            }),
            Err(exceeded) => {
                let Exceeded {
                    reason,
                    remaining,
                    wait,
                } = *exceeded;
                let refusal = match reason {
                    Reason::Quota => Refusal::new(Cause::LimitExceeded, "Limit Exceeded"),
                    _ => Refusal::new(Cause::TooManyRequests, "Too Many Requests"),
                };
                Err(refusal.limited(Denial::of_key(reason, &key), wait, remaining))
            }
        }
    }

    fn forbidden(&self, denial: Denial, shown: Option<&[u8]>, client: IpAddr) -> Refusal {
        let reason = denial.reason;
        let is_new = reason.is_guess() && self.limits.failed(client, shown.unwrap_or_default(), monotonic());
        if is_new {
            tracing::warn!(%client, %reason, "a wrong key was presented");
        }
        Refusal::new(Cause::Forbidden, "Forbidden").denied(denial)
    }

    /// Who asks, behind proxies that are trusted: the last address that none of them is.
    pub fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.proxies.contains(&peer) {
            return peer;
        }
        let mut client = peer;
        let fields = headers
            .get_all("x-forwarded-for")
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = fields.flat_map(|field| field.split(',')).collect();
        for hop in hops.iter().rev() {
            let Ok(address) = hop.trim().parse() else { break };
            client = address;
            if !self.proxies.contains(&address) {
                break;
            }
        }
        client
    }

    /// Reads the keys again if their file changed, and keeps what was used of quotas. For one thread, each second.
    pub fn keep(&self) {
        if self.auth == Auth::None {
            return;
        }
        if let Some(keys) = self.keyring.refresh() {
            log(&keys);
        }
        if let Err(error) = self.limits.store(&self.quotas, Timestamp::now()) {
            tracing::error!(%error, "what is used of quotas can't be kept; a restart would forget it");
        }
    }

    /// How much is left of the quota of each key that may ask, for people.
    pub fn quotas(&self, wall: Timestamp) -> Vec<(Arc<Key>, Left)> {
        let keys = self.keyring.current();
        let keys = keys.iter().flat_map(|keys| keys.iter());
        let valid = keys.filter(|key| !key.revoked && key.expires.is_none_or(|expires| expires > wall));
        valid
            .filter_map(|key| Some((key.clone(), self.limits.quota_left(key, wall)?)))
            .collect()
    }

    /// Why nobody may ask, if the keys can't be read.
    pub fn keys_error(&self) -> Option<String> {
        let keys = self.keyring.current();
        let error = keys.as_ref().as_ref().err()?;
        (self.auth == Auth::Keys).then(|| error.to_string())
    }

    /// At the start.
    pub fn log(&self) {
        match self.auth {
            Auth::None => tracing::warn!("serve.auth = \"none\": whoever reaches this server may ask it"),
            Auth::Keys => log(&self.keyring.current()),
        }
    }
}

fn log(keys: &Result<super::keys::Keys>) {
    match keys {
        Ok(keys) if keys.is_empty() => {
            tracing::warn!("there is no key yet, so nobody may ask: transform keys add NAME makes one");
        }
        Ok(keys) => tracing::info!(keys = keys.len(), "keys read"),
        Err(error) => tracing::error!(%error, "the keys can't be read, so nobody may ask"),
    }
}
