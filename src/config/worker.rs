//! `[worker]`: what it may use, and how long it waits.

use super::value::{Period, Size};
use serde::Deserialize;
use std::time::Duration;

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
    memory: Size<{ 32 << 20 }, { u64::MAX }>,
    retry_max_backoff: Period<10, 7>,
}

impl Raw {
    pub fn validate(self) -> Worker {
        Worker {
            threads: match self.threads {
                0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
                n => n.min(1024) as usize,
            },
            memory: self.memory.0,
            retry_max_backoff: self.retry_max_backoff.0,
        }
    }
}
