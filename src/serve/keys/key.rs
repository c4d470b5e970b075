//! Who may ask, and why another may not. Pure.

use super::file::Entry;
use super::quota::Quota;
use super::rate::Rate;
use super::secret::{Digest, is_damaged};
use super::usage::Usage;
use jiff::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Nobody's key is as long; other bytes aren't hashed.
const LONGEST: usize = 256;

/// A key that is in the file.
#[derive(Debug)]
pub struct Key {
    /// Whose. Two keys of one name share their limits.
    pub name: String,
    /// Which of them: how its digest begins.
    pub id: String,
    /// The model groups that it may ask; empty: all.
    pub groups: Vec<String>,
    pub rate: Option<Rate>,
    pub quota: Option<Quota>,
    pub expires: Option<Timestamp>,
    pub revoked: bool,
    /// What its caller used, looked up once: [`Limits`](super::Limits) has it by name.
    pub(super) usage: OnceLock<Arc<Usage>>,
}

impl Key {
    /// # Errors
    ///
    /// [`Reason::Group`]
    pub fn may_ask(&self, group: &str) -> Result<(), Denial> {
        match self.groups.is_empty() || self.groups.iter().any(|g| g == group) {
            true => Ok(()),
            false => Err(Denial::of_key(Reason::Group, self)),
        }
    }

    fn of(entry: &Entry) -> Key {
        Key {
            name: entry.name.to_string(),
            id: entry.sha256.id(),
            groups: entry.groups.clone(),
            rate: entry.rate(),
            quota: entry.quota,
            expires: entry.expires,
            revoked: entry.revoked.is_some(),
            usage: OnceLock::new(),
        }
    }
}

/// The keys of a file, looked up by the digest of what is presented, so that there is no timing to measure.
#[derive(Debug, Default)]
pub struct Keys {
    by_digest: HashMap<Digest, Arc<Key>>,
}

impl Keys {
    pub(super) fn of(entries: &[Entry]) -> Keys {
        let key = |entry: &Entry| (entry.sha256, Arc::new(Key::of(entry)));
        Keys {
            by_digest: entries.iter().map(key).collect(),
        }
    }

    /// The key that is presented, if it opens at all at this time.
    ///
    /// # Errors
    ///
    /// Why not. To a client all are the same: 403 Forbidden.
    pub fn admit(&self, presented: Option<&[u8]>, wall: Timestamp) -> Result<&Arc<Key>, Denial> {
        let presented = presented.ok_or(Denial::of(Reason::Missing))?;
        if presented.len() > LONGEST {
            return Err(Denial::of(Reason::Damaged));
        }
        let Some(key) = self.by_digest.get(&Digest::of(presented)) else {
            return Err(Denial::of(match is_damaged(presented) {
                true => Reason::Damaged,
                false => Reason::Unknown,
            }));
        };
        let denied = |reason| Denial::of_key(reason, key);
        match key.expires {
            _ if key.revoked => Err(denied(Reason::Revoked)),
            Some(expires) if expires <= wall => Err(denied(Reason::Expired)),
            _ => Ok(key),
        }
    }

    /// All of them, in no order; also those that open nothing any more.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.by_digest.values()
    }

    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }
}

/// Who isn't let in, and why: for the log and the metrics, not for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub reason: Reason,
    /// Whose key it is, where that is known.
    pub key: Option<String>,
}

impl Denial {
    pub fn of(reason: Reason) -> Denial {
        Denial { reason, key: None }
    }

    pub fn of_key(reason: Reason, key: &Key) -> Denial {
        Denial {
            reason,
            key: Some(key.name.clone()),
        }
    }
}

/// Why a caller is refused. A label of metrics: there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No key is presented.
    Missing,
    /// A key that was cut or mistyped.
    Damaged,
    Unknown,
    Expired,
    Revoked,
    /// It isn't for this model group.
    Group,
    /// Too many wrong keys came from this peer.
    Peer,
    Rate,
    Quota,
    /// The keys file is damaged, or can't be read.
    NoKeys,
}

impl Reason {
    pub const ALL: [Reason; 10] = [
        Reason::Missing,
        Reason::Damaged,
        Reason::Unknown,
        Reason::Expired,
        Reason::Revoked,
        Reason::Group,
        Reason::Peer,
        Reason::Rate,
        Reason::Quota,
        Reason::NoKeys,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Reason::Missing => "missing",
            Reason::Damaged => "damaged",
            Reason::Unknown => "unknown",
            Reason::Expired => "expired",
            Reason::Revoked => "revoked",
            Reason::Group => "group",
            Reason::Peer => "peer",
            Reason::Rate => "rate",
            Reason::Quota => "quota",
            Reason::NoKeys => "no_keys",
        }
    }

    /// Was it a try to find a key? Those count against a [peer](super::Limits::failed). What somebody knew once, or doesn't
    /// present at all, is no guess.
    pub fn is_guess(self) -> bool {
        matches!(self, Reason::Damaged | Reason::Unknown)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::secret::Secret;
    use super::*;

    fn entry(name: &str, secret: &Secret, more: &str) -> Entry {
        toml::from_str(&format!("name = {name:?}\nsha256 = \"{}\"\n{more}", secret.digest())).unwrap()
    }

    #[test]
    fn a_key_opens_until_it_is_revoked_or_expires_and_only_its_groups() {
        let secrets: Vec<Secret> = (0..5).map(|_| Secret::generate().unwrap()).collect();
        let expiring = "groups = [\"churn\", \"fraud\"]\nexpires = \"2026-12-01T00:00:00Z\"";
        let revoked =
            "expires = \"2026-12-01T00:00:00Z\"\nrevoked = { at = \"2026-11-01T00:00:00Z\", by = \"ana@host\" }";
        let keys = Keys::of(&[
            entry("shop", &secrets[0], ""),
            entry("shop", &secrets[1], expiring),
            entry("desk", &secrets[2], revoked),
        ]);
        let ask = |presented: Option<&str>, at: &str| {
            let admitted = keys.admit(presented.map(str::as_bytes), at.parse().unwrap());
            match admitted {
                Ok(key) => (Some(key.name.clone()), None),
                Err(denial) => (denial.key, Some(denial.reason)),
            }
        };
        let (now, later) = ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z");
        let cut = &secrets[3].reveal()[..50];
        let long = "x".repeat(LONGEST + 1);
        for (presented, at, name, reason) in [
            (Some(secrets[0].reveal()), now, Some("shop"), None),
            (Some(secrets[0].reveal()), later, Some("shop"), None),
            (Some(secrets[1].reveal()), now, Some("shop"), None),
            (Some(secrets[1].reveal()), later, Some("shop"), Some(Reason::Expired)),
            (Some(secrets[2].reveal()), now, Some("desk"), Some(Reason::Revoked)),
            (Some(secrets[2].reveal()), later, Some("desk"), Some(Reason::Revoked)),
            (Some(secrets[3].reveal()), now, None, Some(Reason::Unknown)),
            (Some(cut), now, None, Some(Reason::Damaged)),
            (Some(&long), now, None, Some(Reason::Damaged)),
            (Some("password"), now, None, Some(Reason::Unknown)),
            (None, now, None, Some(Reason::Missing)),
        ] {
            assert_eq!(
                ask(presented, at),
                (name.map(String::from), reason),
                "{presented:?} at {at}"
            );
        }
        let of = |i: usize| {
            keys.admit(Some(secrets[i].reveal().as_bytes()), now.parse().unwrap())
                .unwrap()
        };
        assert!(of(0).may_ask("churn").is_ok() && of(1).may_ask("churn").is_ok());
        let denial = of(1).may_ask("diabetes").unwrap_err();
        assert_eq!((denial.reason, denial.key.as_deref()), (Reason::Group, Some("shop")));
        assert_eq!((keys.len(), keys.is_empty(), keys.iter().count()), (3, false, 3));
    }

    #[test]
    fn names_of_reasons_are_words_of_their_own() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert_eq!(Reason::ALL.iter().filter(|r| r.is_guess()).count(), 2);
    }
}
