//! Dates and times as people and programs write them in cells.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A date or time of ISO 8601 (`2024-01-31`, `2024-01-31 10:00:00`, `2024-01-31T10:00:00+01:00`) as nanoseconds since 1970.
/// Without an offset it counts as UTC.
pub fn moment(text: &str) -> Option<i128> {
    // `20240131` is a number to whoever reads it.
    if !text.contains('-') {
        return None;
    }
    let timestamp = text.parse::<Timestamp>();
    // Beyond the last timestamp, too: 9999-12-31 is what people write for never.
    let civil = || Some(text.parse::<DateTime>().ok()?.duration_since(EPOCH).as_nanos());
    timestamp.ok().map(Timestamp::as_nanosecond).or_else(civil)
}

/// Is it a date, with or without a time? Beside ISO 8601 also `31.12.2024`, `12/31/2024 10:00` and the like: a year of four digits
/// and two numbers of at most two, that can be a month and a day. A time of day alone comes again each day, as categories do.
pub fn is_date(text: &str) -> bool {
    if moment(text).is_some() {
        return true;
    }
    match text.split_once([' ', 'T']) {
        Some((date, time)) => is_day(date) && is_time(time.trim()),
        None => is_day(text),
    }
}

fn is_time(text: &str) -> bool {
    let text = text.trim_end_matches(['Z', 'z']);
    text.contains(':') && text.parse::<Time>().is_ok()
}

fn is_day(text: &str) -> bool {
    let Some(separator) = text.chars().find(|c| ['-', '/', '.'].contains(c)) else {
        return false;
    };
    let parts: Vec<&str> = text.split(separator).collect();
    let [first, second, third] = parts[..] else {
        return false;
    };
    let number = |part: &str| match part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit()) {
        true => part.parse::<u8>().ok().filter(|n| (1..=31).contains(n)),
        false => None,
    };
    let year = |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit());
    let others = match (year(first), year(third)) {
        (true, false) => [number(second), number(third)],
        (false, true) => [number(first), number(second)],
        _ => return false,
    };
    matches!(others, [Some(a), Some(b)] if a.min(b) <= 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_by_their_offset() {
        let day = 86_400_000_000_000i128;
        assert_eq!(moment("1970-01-02"), Some(day));
        assert_eq!(moment("1970-01-02 00:00"), Some(day));
        assert_eq!(moment("1970-01-02T01:00:00+01:00"), Some(day));
        assert_eq!(moment("1969-12-31T23:59:59.999999999Z"), Some(-1));
        assert_eq!(moment("9999-12-31"), Some(2_932_896 * day));
        for text in ["19700102", "2024-02-30", "31.12.2024", "soon", "2024", "-1", ""] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_told_from_texts_that_look_like_them() {
        for text in [
            "2024-01-31",
            "2024-01-31T10:00:00.5Z",
            "31.12.2024",
            "1/2/2024",
            "12/31/2024 10:00",
            "2024/1/2",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "1.2.3",
            "10.0.0.1",
            "31/31/2024",
            "2024-2025",
            "A-12-2024",
            "25:00",
            "10:30",
            "2024-01-31 25:00",
            "1:2:3:4",
            "2024",
            "a",
            "",
            "-",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
