//! Dates and times of day as texts of ISO 8601.

use polars_arrow::datatypes::TimeUnit;

const DAY: i64 = 86_400;

/// How many of a unit are a second, and the digits of its fraction.
fn per_second(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

/// Days since 1970.
pub fn push_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        // As the standard has it, and as everybody sees that it is no usual year.
        _ => format!("{year:+07}"),
    };
    out.extend_from_slice(format!("{year}-{month:02}-{day:02}").as_bytes());
}

/// `time`: since midnight. A fraction of a second is written if there is one.
pub fn push_time(time: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let (per, digits) = per_second(unit);
    let (seconds, fraction) = (time.div_euclid(per), time.rem_euclid(per));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.extend_from_slice(format!("{hours:02}:{minutes:02}:{seconds:02}").as_bytes());
    if fraction > 0 {
        out.extend_from_slice(format!(".{fraction:0digits$}").as_bytes());
    }
}

/// `time`: since 1970. `zone`: it is a moment, which is written in UTC, and no reading of somebody's clock.
pub fn push_timestamp(time: i64, unit: TimeUnit, zone: bool, out: &mut Vec<u8>) {
    let day = DAY * per_second(unit).0;
    push_date(time.div_euclid(day), out);
    out.push(b'T');
    push_time(time.rem_euclid(day), unit, out);
    if zone {
        out.push(b'Z');
    }
}

/// Year, month and day of a day since 1970: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn timestamp(time: i64, unit: TimeUnit, zone: bool) -> String {
        let mut out = Vec::new();
        push_timestamp(time, unit, zone, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_written_with_what_they_have() {
        use TimeUnit::*;
        assert_eq!(timestamp(0, Second, false), "1970-01-01T00:00:00");
        assert_eq!(timestamp(-1, Millisecond, true), "1969-12-31T23:59:59.999Z");
        assert_eq!(
            timestamp(1_700_000_000_000_001, Microsecond, false),
            "2023-11-14T22:13:20.000001"
        );
        assert_eq!(timestamp(i64::MAX, Nanosecond, true), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(timestamp(i64::MIN, Second, false), "-292277022657-01-27T08:29:52");
        assert_eq!(timestamp(253_402_300_800, Second, false), "+010000-01-01T00:00:00");
    }

    proptest! {
        #[test]
        fn days_are_those_of_another_calendar(days in -700_000i64..2_900_000) {
            let mut out = Vec::new();
            push_date(days, &mut out);
            let other = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assume!(other.year() >= 0);
            prop_assert_eq!(String::from_utf8(out).unwrap(), other.to_string());
        }
    }
}
