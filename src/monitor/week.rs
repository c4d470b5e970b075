//! The same weekday a week before.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::ops::Range;

/// The day seven days before the one in which `at` lies, from midnight to midnight, by the clocks of `timezone`. Microseconds since
/// 1970. Empty where there is no such day: beyond all dates.
pub fn week_before(at: i64, timezone: &TimeZone) -> Range<i64> {
    day(at, timezone).unwrap_or(0..0)
}

fn day(at: i64, timezone: &TimeZone) -> Option<Range<i64>> {
    let date = Timestamp::from_microsecond(at)
        .ok()?
        .to_zoned_datetime(timezone.clone())
        .date();
    whole(date.checked_sub(7.days()).ok()?, timezone)
}

/// A day from midnight to midnight, by the clocks of `timezone`. Microseconds since 1970. None: it is beyond all dates.
pub fn whole(date: Date, timezone: &TimeZone) -> Option<Range<i64>> {
    let midnight = |date: Date| {
        Some(
            date.to_zoned_datetime(timezone.clone())
                .ok()?
                .timestamp()
                .as_microsecond(),
        )
    };
    Some(midnight(date)?..midnight(date.tomorrow().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(at: &str, timezone: &str) -> [String; 2] {
        let at: Timestamp = at.parse().unwrap();
        let range = week_before(at.as_microsecond(), &TimeZone::get(timezone).unwrap());
        [range.start, range.end].map(|at| Timestamp::from_microsecond(at).unwrap().to_string())
    }

    #[test]
    fn a_day_is_one_by_the_clocks_of_its_place() {
        assert_eq!(
            of("2026-11-27T00:30:00Z", "UTC"),
            ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"]
        );
        // It is Friday there already; the clocks were set back on Sunday before.
        assert_eq!(
            of("2026-10-29T23:30:00Z", "Europe/Berlin"),
            ["2026-10-22T22:00:00Z", "2026-10-23T22:00:00Z"]
        );
        // A day of 25 hours.
        assert_eq!(
            of("2026-11-01T12:00:00Z", "Europe/Berlin"),
            ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
        );
        assert_eq!(week_before(i64::MIN, &TimeZone::UTC), 0..0);
    }
}
