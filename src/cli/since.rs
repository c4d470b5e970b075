//! Since when: so long ago, or from a moment on.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ago(SignedDuration),
    At(Timestamp),
}

impl Since {
    /// The moment, for who asks `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Since::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Since::At(at) => at,
        }
    }
}

/// `7d`, `36h`, `2026-11-01` (in UTC, as the history shows it), `2026-11-01 08:30`, `2026-11-01T08:30:00+01:00`.
impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Since, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Since::At(at));
        }
        if let Ok(local) = text.parse::<civil::DateTime>()
            && let Ok(at) = TimeZone::UTC.to_timestamp(local)
        {
            return Ok(Since::At(at));
        }
        let ago = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
        match ago {
            Ok(ago) if !ago.is_negative() => Ok(Since::Ago(ago)),
            _ => Err("neither a duration, such as 7d or 36h, nor a date, such as 2026-11-01"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_dates_in_utc() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("7d", "2026-11-19T12:00:00Z"),
            ("1w", "2026-11-19T12:00:00Z"),
            ("36h", "2026-11-25T00:00:00Z"),
            ("90 days", "2026-08-28T12:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01 08:30", "2026-11-01T08:30:00Z"),
            ("2026-11-01T08:30:00+01:00", "2026-11-01T07:30:00Z"),
        ] {
            let since: Since = text.parse().unwrap();
            assert_eq!(since.moment(now).to_string(), moment, "{text}");
        }
        for wrong in ["", "7", "yesterday", "-7d", "2026-13-01", "1 month"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
