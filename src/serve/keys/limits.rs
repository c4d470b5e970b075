//! What all requests share: how much each caller used, and who tries keys.

use super::fields::{Left, Remaining};
use super::key::{Key, Reason};
use super::peer::Peers;
use super::quota::{Count, Counter, Period};
use super::usage::Usage;
use crate::error::{Error, Result};
use crate::service::lock;
use crate::spool::durable;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FORMAT_VERSION: u32 = 1;
const MODE: u32 = 0o640;

/// More than a key may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// [`Reason::Rate`]: it is faster than that. [`Reason::Quota`]: that is used up.
    pub reason: Reason,
    pub remaining: Remaining,
    /// Until it may ask again.
    pub wait: Duration,
}

impl Exceeded {
    fn of(reason: Reason, remaining: Remaining, wait: Duration) -> Box<Exceeded> {
        Box::new(Exceeded {
            reason,
            remaining,
            wait,
        })
    }
}

/// The limits of keys and peers. Times are arguments: `now` since any start, on a clock that doesn't go back; `wall` for
/// quotas.
pub struct Limits {
    /// Asked once by each key that is read. As many as there are names.
    usages: Mutex<HashMap<String, Arc<Usage>>>,
    peers: Peers,
    /// As they are in the file.
    stored: Mutex<Stored>,
}

/// `quotas.json`
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    quotas: Vec<Used>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Used {
    name: String,
    period: Period,
    /// The first day of its window, in UTC.
    from: jiff::civil::Date,
    used: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            usages: Mutex::default(),
            peers: Peers::new(),
            stored: Mutex::default(),
        }
    }
}

impl Limits {
    /// With what was used before a restart; nothing, if there is no such file.
    ///
    /// # Errors
    ///
    /// A file that is damaged counts as none only if a person says so, by deleting it.
    pub fn load(path: &Path) -> Result<Limits> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Limits::default()),
            Err(e) if e.kind() != io::ErrorKind::InvalidData => return Err(Error::io("read", path)(e)),
            Err(e) => return Err(damaged(path, &e.to_string())),
        };
        let stored: Stored = serde_json::from_str(&text).map_err(|e| damaged(path, &e.to_string()))?;
        if stored.format_version != FORMAT_VERSION {
            let version = stored.format_version;
            let message = format!("format_version {version} is not known to this version of transform, which knows 1");
            return Err(Error::keys(path, message));
        }
        let mut usages: HashMap<String, Usage> = HashMap::new();
        for used in &stored.quotas {
            let (from, count) = (used.from, used.used);
            usages.entry(used.name.clone()).or_default().counters[used.period as usize] =
                Counter::restored(used.period, Count { from, used: count });
        }
        Ok(Limits {
            usages: Mutex::new(
                usages
                    .into_iter()
                    .map(|(name, usage)| (name, Arc::new(usage)))
                    .collect(),
            ),
            stored: Mutex::new(stored),
            ..Limits::default()
        })
    }

    /// Writes what was used, if it changed since: as a whole, synced. Returns if it wrote. Windows that are over are left out.
    ///
    /// For a thread beside, each second, and for the end: what a killed server forgets is what came after the last time.
    pub fn store(&self, path: &Path, wall: Timestamp) -> Result<bool> {
        // First, so that of two at once none writes what is older.
        let mut stored = lock(&self.stored);
        let used = Stored {
            format_version: FORMAT_VERSION,
            quotas: self.used(wall),
        };
        if stored.quotas == used.quotas {
            return Ok(false);
        }
        if let Some(folder) = path.parent() {
            durable::make_folder(folder, 0o750)?;
        }
        let text = serde_json::to_string_pretty(&used).expect("quotas are JSON");
        durable::replace_or_make(path, text.as_bytes(), MODE)?;
        *stored = used;
        Ok(true)
    }

    fn used(&self, wall: Timestamp) -> Vec<Used> {
        let usages = lock(&self.usages);
        let counts = usages.iter().flat_map(|(name, usage)| {
            Period::ALL.into_iter().filter_map(move |period| {
                let Count { from, used } = usage.counter(period).count(period, wall)?;
                let name = name.clone();
                Some(Used {
                    name,
                    period,
                    from,
                    used,
                })
            })
        });
        let mut counts: Vec<Used> = counts.collect();
        counts.sort_unstable();
        counts
    }

    /// Counts a request by an admitted key: against its rate, then against its quota. Without a lock, but for the first one of
    /// a key that was just read.
    ///
    /// # Errors
    ///
    /// The limit that it is beyond.
    pub fn charge(&self, key: &Key, now: Duration, wall: Timestamp) -> Result<Remaining, Box<Exceeded>> {
        let mut remaining = Remaining::default();
        if key.rate.is_none() && key.quota.is_none() {
            return Ok(remaining);
        }
        let usage = self.usage(key);
        if let Some(rate) = key.rate {
            match usage.bucket.take(rate, now) {
                Ok(left) => remaining.rate = Some(left),
                Err(wait) => {
                    remaining.rate = Some(Left::none_of_burst(rate, wait));
                    let reason = Reason::Rate;
                    return Err(Exceeded::of(reason, remaining, wait));
                }
            }
        }
        if let Some(quota) = key.quota {
            match usage.counter(quota.period).charge(quota, wall) {
                Ok(left) => remaining.quota = Some(left),
                Err(left) => {
                    remaining.quota = Some(left);
                    let (reason, wait) = (Reason::Quota, left.reset);
                    return Err(Exceeded::of(reason, remaining, wait));
                }
            }
        }
        Ok(remaining)
    }

    /// What is left of a key's quota, for who watches. Nothing is counted.
    pub fn quota_left(&self, key: &Key, wall: Timestamp) -> Option<Left> {
        let quota = key.quota?;
        Some(self.usage(key).counter(quota.period).left(quota, wall))
    }

    fn usage<'a>(&self, key: &'a Key) -> &'a Usage {
        key.usage
            .get_or_init(|| lock(&self.usages).entry(key.name.clone()).or_default().clone())
    }

    /// May this peer present a key? Asked before any is looked at.
    ///
    /// # Errors
    ///
    /// How long it may not, for it presented too many wrong ones.
    pub fn peer(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        self.peers.look(peer, now)
    }

    /// A peer presented a key that is wrong ([`Reason::is_guess`](super::Reason::is_guess)). Returns if it is a new one, which
    /// is worth a line in the log: a client that was set up wrongly presents the same one again and again, learns nothing by it,
    /// and must not have others refused behind the same proxy.
    pub fn failed(&self, peer: IpAddr, presented: &[u8], now: Duration) -> bool {
        self.peers.failed(peer, presented, now)
    }
}

fn damaged(path: &Path, message: &str) -> Error {
    Error::keys(
        path,
        format!("{message}; mend it, or delete it: all quotas begin anew then"),
    )
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play operators")]
mod tests {
    use super::super::key::Keys;
    use super::super::secret::{Digest, Secret};
    use super::*;
    use std::fs;

    /// Keys of these names, with what else stands in their entries.
    fn keys(entries: &[(&str, &str)]) -> Vec<Arc<Key>> {
        let secrets: Vec<Secret> = entries.iter().map(|_| Secret::generate().unwrap()).collect();
        let entry = |((name, more), digest): (&(&str, &str), Digest)| {
            toml::from_str(&format!("name = {name:?}\nsha256 = \"{digest}\"\n{more}")).unwrap()
        };
        let entries: Vec<_> = entries
            .iter()
            .zip(secrets.iter().map(Secret::digest))
            .map(entry)
            .collect();
        let keys = Keys::of(&entries);
        let of = |secret: &Secret| {
            keys.admit(Some(secret.reveal().as_bytes()), wall("2026-11-26T12:00:00Z"))
                .unwrap()
                .clone()
        };
        secrets.iter().map(of).collect()
    }

    fn wall(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOON: &str = "2026-11-26T12:00:00Z";

    #[test]
    fn rate_comes_before_quota_and_what_is_too_fast_uses_none_up() {
        let keys = keys(&[("shop", "rate = \"1/s\"\nburst = 2\nquota = \"3/day\""), ("free", "")]);
        let limits = Limits::default();
        let ask = |ms| limits.charge(&keys[0], Duration::from_millis(ms), wall(NOON));
        let remaining = ask(0).unwrap();
        assert_eq!(remaining.policy(), r#""burst";q=2;w=2, "day";q=3;w=86400"#);
        assert_eq!(remaining.limit(), r#""burst";r=1;t=1, "day";r=2;t=43200"#);
        assert!(ask(0).is_ok());
        for _ in 0..5 {
            let exceeded = ask(100).unwrap_err();
            assert_eq!(
                (exceeded.reason, exceeded.wait),
                (Reason::Rate, Duration::from_millis(900))
            );
            assert_eq!(exceeded.remaining.limit(), r#""burst";r=0;t=1"#);
        }
        assert!(ask(1000).is_ok());
        let exceeded = ask(5000).unwrap_err();
        assert_eq!(
            (exceeded.reason, exceeded.wait),
            (Reason::Quota, Duration::from_secs(12 * 3600))
        );
        assert_eq!(exceeded.remaining.limit(), r#""burst";r=1;t=1, "day";r=0;t=43200"#);
        assert_eq!(limits.quota_left(&keys[0], wall(NOON)).unwrap().remaining, 0);
        for _ in 0..1000 {
            assert_eq!(
                limits.charge(&keys[1], Duration::ZERO, wall(NOON)),
                Ok(Remaining::default())
            );
        }
        assert_eq!(limits.quota_left(&keys[1], wall(NOON)), None);
    }

    /// Rotating the key gave a caller its limits anew.
    #[test]
    fn two_keys_of_one_name_and_keys_that_are_read_again_share_their_limits() {
        let entry = ("shop", "rate = \"1/h\"\nburst = 3\nquota = \"3/day\"");
        let limits = Limits::default();
        let pass = |key: &Key| limits.charge(key, Duration::ZERO, wall(NOON)).is_ok();
        let old = keys(&[entry, entry, ("desk", entry.1)]);
        assert!(pass(&old[0]) && pass(&old[1]));
        let again = keys(&[entry, entry]);
        assert!(pass(&again[0]) && !pass(&again[1]) && !pass(&old[0]));
        assert!(pass(&old[2]), "another's are its own");
    }

    #[test]
    fn quotas_outlive_a_restart_and_their_file_holds_no_window_that_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve/quotas.json");
        let keys = |()| keys(&[("shop", "quota = \"5/day\""), ("desk", "quota = \"5/month\"")]);
        let limits = Limits::load(&path).unwrap();
        assert!(
            !limits.store(&path, wall(NOON)).unwrap() && !path.exists(),
            "nothing was used"
        );
        for (key, times) in keys(()).iter().zip([2, 4]) {
            for _ in 0..times {
                limits.charge(key, Duration::ZERO, wall(NOON)).unwrap();
            }
        }
        assert!(limits.store(&path, wall(NOON)).unwrap());
        assert!(!limits.store(&path, wall(NOON)).unwrap(), "nothing changed");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"from\": \"2026-11-01\""), "{text}");

        let limits = Limits::load(&path).unwrap();
        assert!(!limits.store(&path, wall(NOON)).unwrap(), "nothing changed");
        let left = |at| {
            keys(())
                .iter()
                .map(|key| limits.quota_left(key, wall(at)).unwrap().remaining)
                .collect::<Vec<_>>()
        };
        assert_eq!(left(NOON), [3, 1]);
        let tomorrow = "2026-11-27T00:00:00Z";
        assert_eq!(left(tomorrow), [5, 1]);
        assert!(limits.store(&path, wall(tomorrow)).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("desk") && !text.contains("shop"), "{text}");
    }

    #[test]
    fn quotas_that_are_damaged_are_not_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quotas.json");
        for (text, message) in [
            ("", "EOF"),
            ("{\"format_version\": 1, \"quotas\": [", "line 1 column"),
            ("{\"format_version\": 2, \"quotas\": []}", "format_version 2"),
            ("{\"format_version\": 1, \"quotas\": [], \"more\": 1}", "unknown field"),
            (
                "{\"format_version\": 1, \"quotas\": [{\"name\": \"a\", \"period\": \"day\", \"from\": \"2026-13-01\", \"used\": 1}]}",
                "'month'",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = Limits::load(&path).map(drop).unwrap_err();
            assert_eq!(error.code(), "damaged_keys");
            assert!(error.to_string().contains(message), "{error}");
        }
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(Limits::load(&path).map(drop).unwrap_err().code(), "damaged_keys");
    }
}
