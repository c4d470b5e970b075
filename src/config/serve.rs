//! `[serve]`: where `transform serve` listens, who may ask, and how much.

use super::value::{Period, Size, text};
use serde::{Deserialize, Deserializer};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Serve {
    pub listen: SocketAddr,
    pub auth: Auth,
    /// Who may ask.
    pub keys: PathBuf,
    /// Routes that need no key, beside those of health.
    pub open: Vec<String>,
    /// Whose X-Forwarded-For counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// Of one request, in bytes, as it is sent and once it is decompressed.
    pub max_body: u64,
    pub max_connections: usize,
    /// Of bodies in flight, in bytes.
    pub memory: u64,
    /// Requests that are scored at a time.
    pub max_in_flight: usize,
    /// From the end of a request's head to its answer.
    pub timeout: Duration,
    pub bad_rows: BadRows,
    pub access_log: AccessLog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    Keys,
    None,
}

/// Which requests have a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// Those that are refused or fail, at most 300 a second.
    Errors,
    All,
    Off,
}

/// What a row that can't be scored means for the others of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadRows {
    /// The request is refused, and each bad row named.
    Refuse,
    /// It has null in its place, and the answer says how many there are.
    Null,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(deserialize_with = "address")]
    listen: SocketAddr,
    auth: Auth,
    keys: PathBuf,
    open: Vec<String>,
    trusted_proxies: Vec<IpAddr>,
    max_body: Size<1024, { 1 << 30 }>,
    max_connections: u32,
    memory: Size<{ 1 << 20 }, { u64::MAX }>,
    max_in_flight: u32,
    timeout: Period<100, 1>,
    bad_rows: BadRows,
    access_log: AccessLog,
}

impl Raw {
    pub fn validate(self) -> Serve {
        Serve {
            listen: self.listen,
            auth: self.auth,
            keys: self.keys,
            open: self.open,
            trusted_proxies: self.trusted_proxies,
            max_body: self.max_body.0,
            max_connections: self.max_connections.max(1) as usize,
            memory: self.memory.0.max(self.max_body.0),
            max_in_flight: self.max_in_flight.max(1) as usize,
            timeout: self.timeout.0,
            bad_rows: self.bad_rows,
            access_log: self.access_log,
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    text(
        deserializer,
        "an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        |text| text.parse().ok(),
    )
}
