//! The two clocks: one tells when something was, the other how long it took.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since 1970. It may jump, in either direction.
pub fn wall_clock() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}

/// Time since this was first asked in this process. It never goes back.
pub fn monotonic() -> Duration {
    START.elapsed()
}
