//! What is left of a caller's limits, as `RateLimit` and `RateLimit-Policy` say it
//! (draft-ietf-httpapi-ratelimit-headers-11).

use std::fmt::Write;
use std::time::Duration;

/// What is left of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its name: `burst`, `day`, `week` or `month`.
    pub policy: &'static str,
    /// Requests in a `window`.
    pub quota: u64,
    pub window: Duration,
    pub remaining: u64,
    /// Until all of it is there again; where nothing is left of a burst, until there is something.
    pub reset: Duration,
}

/// What is left of a key's limits, as far as it has any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    pub rate: Option<Left>,
    pub quota: Option<Left>,
}

impl Remaining {
    /// The value of `RateLimit-Policy`: `"burst";q=20;w=2, "day";q=10000;w=86400`. Empty: leave the field out.
    pub fn policy(&self) -> String {
        self.items("q", |left| (left.quota, "w", left.window))
    }

    /// The value of `RateLimit`: `"burst";r=19;t=1, "day";r=9999;t=3600`. Empty: leave the field out.
    pub fn limit(&self) -> String {
        self.items("r", |left| (left.remaining, "t", left.reset))
    }

    fn items(&self, count: &str, of: impl Fn(&Left) -> (u64, &'static str, Duration)) -> String {
        let mut text = String::with_capacity(64);
        for left in self.rate.iter().chain(&self.quota) {
            let comma = if text.is_empty() { "" } else { ", " };
            let (number, time, duration) = of(left);
            let _ = write!(
                text,
                "{comma}\"{}\";{count}={number};{time}={}",
                left.policy,
                seconds(duration)
            );
        }
        text
    }
}

/// Whole seconds, rounded up: for `Retry-After`, too. Never 0, at which clients try again at once.
pub fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_draft_has_them() {
        let left = |policy, quota, window, remaining, reset| Left {
            policy,
            quota,
            window: Duration::from_secs(window),
            remaining,
            reset: Duration::from_millis(reset),
        };
        let mut remaining = Remaining {
            rate: Some(left("burst", 10, 1, 8, 150)),
            quota: Some(left("day", 5000, 86_400, 4999, 3_600_000)),
        };
        assert_eq!(remaining.policy(), r#""burst";q=10;w=1, "day";q=5000;w=86400"#);
        assert_eq!(remaining.limit(), r#""burst";r=8;t=1, "day";r=4999;t=3600"#);
        remaining.rate = None;
        assert_eq!(remaining.limit(), r#""day";r=4999;t=3600"#);
        assert_eq!(Remaining::default().policy(), "");
        for (ms, whole) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(Duration::from_millis(ms)), whole);
        }
    }
}
