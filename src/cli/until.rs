//! Until when: for so long, or to a moment.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    For(SignedDuration),
    At(Timestamp),
}

impl Until {
    /// The moment, in whole seconds, for who asks `now`; `None` if it isn't to come, or no calendar has it.
    pub fn moment(self, now: Timestamp) -> Option<Timestamp> {
        let moment = match self {
            Until::For(duration) => now.checked_add(duration).ok()?,
            Until::At(at) => at,
        };
        let whole = Timestamp::from_second(moment.as_second()).ok()?;
        (whole > now).then_some(whole)
    }
}

/// `90d`, `36h`, `2027-02-01` (in UTC), `2027-02-01 08:30`, `2027-02-01T08:30:00+01:00`.
impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Until, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Until::At(at));
        }
        if let Ok(local) = text.parse::<civil::DateTime>()
            && let Ok(at) = TimeZone::UTC.to_timestamp(local)
        {
            return Ok(Until::At(at));
        }
        let duration = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
        match duration {
            Ok(duration) if duration.is_positive() => Ok(Until::For(duration)),
            _ => Err("neither a duration, such as 90d or 36h, nor a date, such as 2027-02-01"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_dates_to_come() {
        let now: Timestamp = "2026-11-26T12:00:00.5Z".parse().unwrap();
        for (text, moment) in [
            ("90d", Some("2027-02-24T12:00:00Z")),
            ("36h", Some("2026-11-28T00:00:00Z")),
            ("2027-02-01", Some("2027-02-01T00:00:00Z")),
            ("2027-02-01 08:30", Some("2027-02-01T08:30:00Z")),
            ("2027-02-01T08:30:00+01:00", Some("2027-02-01T07:30:00Z")),
            ("2026-11-26", None),
            ("1ms", None),
            ("100000w", Some("3943-06-10T12:00:00Z")),
            ("1000000w", None),
        ] {
            let until: Until = text.parse().unwrap();
            assert_eq!(until.moment(now).map(|at| at.to_string()).as_deref(), moment, "{text}");
        }
        for wrong in ["", "90", "never", "-7d", "0d", "2026-13-01", "1 month"] {
            assert!(wrong.parse::<Until>().is_err(), "{wrong}");
        }
    }
}
