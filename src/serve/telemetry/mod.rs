//! What is known of the requests that were answered: [`metrics`] for Prometheus, the [`access_log`], and for the page the last
//! minutes ([`window`]) and the last [`refusals`]. Beside it, how rows look by their baselines ([`windows`]), and
//! what versions on trial did ([`shadows`]).
//!
//! A request is recorded in one place, when its [`Exchange`] ends. That takes a few atomic additions; a lock where it is refused,
//! or logged.

mod access_log;
pub mod arms;
pub mod counters;
pub mod histogram;
pub mod metrics;
mod refusals;
pub mod shadows;
mod window;
pub mod windows;

pub use refusals::Refused;
pub use window::Counted;

use self::access_log::{AccessLog, Line};
use self::counters::{GONE, Rows};
use self::metrics::Metrics;
use self::refusals::{Refusals, shortened};
use self::window::Window;
use super::answer::{Answer, Scored};
use super::keys::Key;
use super::refusal::{Cause, Refusal};
use super::route::{Protocol, Route};
use super::served::Served;
use crate::config;
use crate::error::Result;
use crate::service::{clock, lock};
use hyper::Method;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub struct Telemetry {
    pub metrics: Arc<Metrics>,
    log: AccessLog,
    refusals: Refusals,
    window: Mutex<Window>,
}

impl Telemetry {
    /// # Errors
    /// The access log's thread can't be started.
    pub fn new(access_log: config::AccessLog) -> Result<Telemetry> {
        let metrics = Arc::new(Metrics::new());
        Ok(Telemetry {
            log: AccessLog::start(access_log, metrics.clone())?,
            metrics,
            refusals: Refusals::default(),
            window: Mutex::default(),
        })
    }

    /// A request's head is here. `id`: what its answer calls it.
    pub fn begin<'a>(&'a self, method: Method, client: IpAddr, id: &'a str) -> Exchange<'a> {
        Exchange {
            telemetry: self,
            began: Instant::now(),
            method,
            route: counters::place(None),
            key: None,
            client,
            id,
            is_over: false,
        }
    }

    /// A request whose head is none, so that nobody knows what is asked: HTTP itself refuses it, with this status and no body.
    pub fn refused_unread(&self, status: u16) {
        self.metrics.refuse(None, Cause::BadRequest.place());
        self.metrics.of(None).add(counters::place(None), status, Duration::ZERO);
    }

    /// To be called every few seconds.
    pub fn tick(&self) {
        let mut window = lock(&self.window);
        if window.is_due(clock::monotonic()) {
            window.keep(self.counted());
        }
    }

    /// Since the process began.
    pub fn counted(&self) -> Counted {
        let mut rows = Rows::default();
        self.metrics.for_each(|counters| rows += counters.rows());
        Counted {
            at: clock::monotonic(),
            routes: self.metrics.totals(),
            rows,
        }
    }

    /// Of the last minutes, and how long that is.
    pub fn recent(&self, now: &Counted) -> (Duration, Counted) {
        lock(&self.window).since(now)
    }

    /// The last one first.
    pub fn last_refusals(&self) -> Vec<Refused> {
        self.refusals.last()
    }

    /// Writes what is still to be logged: before the process ends.
    pub fn flush(&self) {
        self.log.flush();
    }
}

/// A request, until it is answered. Where it is dropped before, the client went away.
pub struct Exchange<'a> {
    telemetry: &'a Telemetry,
    began: Instant,
    method: Method,
    /// Its place in [`counters`].
    route: usize,
    /// Whose request it is, once that is known.
    pub key: Option<Arc<Key>>,
    client: IpAddr,
    id: &'a str,
    is_over: bool,
}

impl Exchange<'_> {
    pub fn route(&mut self, route: &Route) {
        self.route = counters::place(Some(route));
    }

    /// It is answered. `protocol`: whose way a refusal is told.
    pub fn end(mut self, result: &Result<Answer, Refusal>, protocol: Protocol) {
        match result {
            Ok(answer) => {
                let scored = answer.scored.as_ref();
                let rows = scored.map_or(Rows::default(), |scored| Rows {
                    predicted: scored.rows - scored.bad_rows,
                    bad: scored.bad_rows,
                    refused: 0,
                });
                let (by, rows) = match scored {
                    Some(scored) => (Some(&scored.by.served), self.without_challenger(scored, rows)),
                    None => (None, rows),
                };
                self.record(answer.status.as_u16(), by, rows, None);
            }
            Err(refusal) => {
                let rows = refusal.detail.rows_and_bad.map_or(Rows::default(), |(rows, bad)| Rows {
                    predicted: 0,
                    bad,
                    refused: rows - bad,
                });
                let status = refusal.status(protocol).as_u16();
                self.telemetry
                    .metrics
                    .refuse(self.key_of(Some(refusal)), metrics::reason(refusal));
                self.record(status, refusal.by.as_ref(), rows, Some(refusal));
            }
        }
    }

    /// Where both versions of an A/B test answer, each has rows of its own: counts the challenger's, and leaves the champion's.
    fn without_challenger(&self, scored: &Scored, rows: Rows) -> Rows {
        let Some((challenger, of_challenger)) = &scored.challenger else {
            return rows;
        };
        self.telemetry.metrics.of(Some(challenger)).add_rows(*of_challenger);
        rows.since(*of_challenger)
    }

    /// By its name; of who isn't let in, too.
    fn key_of<'a>(&'a self, refusal: Option<&'a Refusal>) -> Option<&'a str> {
        let denied = refusal.and_then(|refusal| refusal.detail.denial.as_ref()?.key.as_deref());
        self.key.as_ref().map(|key| key.name.as_str()).or(denied)
    }

    fn record(&mut self, status: u16, by: Option<&Arc<Served>>, rows: Rows, refusal: Option<&Refusal>) {
        self.is_over = true;
        let took = self.began.elapsed();
        let telemetry = self.telemetry;
        let counters = telemetry.metrics.of(by.map(|by| &**by));
        counters.add(self.route, status, took);
        counters.add_rows(rows);
        let route = counters::name(self.route);
        let refused = refusal.map(|refusal| {
            let code = refusal
                .detail
                .denial
                .as_ref()
                .map_or(refusal.code(), |denial| denial.reason.name());
            (code, shortened(&refusal.message))
        });
        if let Some((code, message)) = refused.clone() {
            telemetry.refusals.add(Refused {
                at: clock::wall_clock(),
                route,
                status,
                code,
                message,
                key: self.key_of(refusal).map(Into::into),
                client: self.client,
                id: self.id.into(),
            });
        }
        if telemetry.log.wants(status) {
            telemetry.log.add(Line {
                method: self.method.clone(),
                route,
                status,
                by: by.cloned(),
                rows: rows.all(),
                bad_rows: rows.bad,
                took,
                key: self.key_of(refusal).map(Into::into),
                client: self.client,
                id: self.id.into(),
                refused,
            });
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.record(GONE, None, Rows::default(), None);
        }
    }
}
