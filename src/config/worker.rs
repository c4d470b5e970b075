//! `[worker]`: what it may use, and how long it waits.

use super::value::{Period, text};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

const MEMORY_MIN: u64 = 32 << 20;

#[derive(Clone, Debug)]
pub struct Worker {
    pub threads: usize,
    /// Bytes.
    pub memory: u64,
    pub retry_max_backoff: Duration,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    threads: u64,
    #[serde(deserialize_with = "memory")]
    memory: u64,
    retry_max_backoff: Period<10, 7>,
}

impl Raw {
    pub fn validate(self) -> Worker {
        Worker {
            threads: match self.threads {
                0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
                n => n.min(1024) as usize,
            },
            memory: self.memory,
            retry_max_backoff: self.retry_max_backoff.0,
        }
    }
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let expected = "a size of at least \"32MiB\", such as \"512MiB\"";
    text(deserializer, expected, |text| {
        let size = text.parse::<bytesize::ByteSize>().ok()?.as_u64();
        (size >= MEMORY_MIN).then_some(size)
    })
}
