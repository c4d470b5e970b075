//! Numbers and times as people read them.

use crate::html::thousands;
use crate::serve::telemetry::histogram::{Counts, quantile};
use jiff::Timestamp;
use std::time::Duration;

/// In UTC, to the second.
pub fn time(at: Timestamp) -> String {
    let second = Timestamp::from_second(at.as_second()).unwrap_or(at);
    second.to_string().replace('T', " ").replace('Z', " UTC")
}

/// In the largest unit of which it has two.
pub fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", thousands(seconds / 86_400)),
    }
}

pub fn since(then: Timestamp, now: Timestamp) -> String {
    age(now.as_second() - then.as_second())
}

/// Seconds, to two digits.
pub fn latency(seconds: f64) -> String {
    let (number, unit) = match seconds {
        ..0.001 => (seconds * 1e6, "\u{b5}s"),
        ..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    match number {
        ..10.0 => format!("{number:.1}\u{a0}{unit}"),
        _ => format!("{number:.0}\u{a0}{unit}"),
    }
}

/// So many requests took no longer; a dash of none.
pub fn within(share: f64, seconds: &Counts) -> String {
    quantile(seconds, share).map_or("\u{2013}".into(), latency)
}

/// How many of what should be none, in its colour.
pub fn warned(count: u64) -> String {
    match count {
        0 => "0".into(),
        count => format!("<span class=\"warns\">{}</span>", thousands(count)),
    }
}

/// A share of more than none is never 0 %, and one of less than all never 100 %.
pub fn percent(part: u64, all: u64) -> String {
    if part == 0 || all == 0 {
        return "0\u{a0}%".into();
    }
    let percent = part as f64 * 100.0 / all as f64;
    match percent {
        ..0.01 => "under 0.01\u{a0}%".into(),
        ..10.0 => format!("{percent:.2}\u{a0}%"),
        ..99.95 => format!("{percent:.1}\u{a0}%"),
        _ if part < all => "over 99.9\u{a0}%".into(),
        _ => "100\u{a0}%".into(),
    }
}

pub fn window(length: Duration) -> String {
    format!("last {}", age(length.as_secs() as i64))
}

/// "1 row", "2,000 rows".
pub fn count(number: u64, singular: &str, plural: &str) -> String {
    let word = if number == 1 { singular } else { plural };
    format!("{}\u{a0}{word}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_true() {
        for (seconds, text) in [
            (0.0000149, "15 µs"),
            (0.0000022, "2.2 µs"),
            (0.0123, "12 ms"),
            (2.5, "2.5 s"),
        ] {
            assert_eq!(latency(seconds).replace('\u{a0}', " "), text);
        }
        for (part, all, text) in [
            (0, 0, "0 %"),
            (1, 1_000_000, "under 0.01 %"),
            (1, 3, "33.3 %"),
            (9_999, 10_000, "over 99.9 %"),
            (5, 5, "100 %"),
        ] {
            assert_eq!(percent(part, all).replace('\u{a0}', " "), text);
        }
        for (seconds, text) in [(-3, "0 s"), (119, "119 s"), (7199, "119 min"), (200_000, "2 days")] {
            assert_eq!(age(seconds), text);
        }
    }
}
