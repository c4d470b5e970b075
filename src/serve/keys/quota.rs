//! So many requests a day, week or month, in UTC. Pure: time is an argument.

use super::fields::Left;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A million a second for eleven days; counts have 40 bits.
const MOST: u64 = 1_000_000_000_000;
const COUNT_BITS: u32 = 40;
const DAY: i64 = 86_400;
/// A clock that was put back by less, over a turn, has the count of the window that it came from go on: it will be back there
/// soon. One that was put back by more had been wrong before.
const PUT_BACK: i64 = 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    /// From Monday on.
    Week,
    Month,
}

/// As it is written: `10000/day`, `50000/week`, `1000000/month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    requests: u64,
    pub period: Period,
}

impl Period {
    pub const ALL: [Period; 3] = [Period::Day, Period::Week, Period::Month];

    pub fn name(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    /// The number of the window that a time is in: they count from 1970, and before it is all one.
    fn window(self, wall: Timestamp) -> u64 {
        let days = wall.as_second().max(0) / DAY;
        let number = match self {
            Period::Day => days,
            // 1970 began on a Thursday.
            Period::Week => (days + 3) / 7,
            Period::Month => {
                let day = Offset::UTC.to_datetime(wall.max(Timestamp::UNIX_EPOCH));
                (i64::from(day.year()) - 1970) * 12 + i64::from(day.month()) - 1
            }
        };
        number as u64
    }

    /// The first second of a window, since 1970.
    fn start(self, window: u64) -> i64 {
        let window = window as i64;
        match self {
            Period::Day => window * DAY,
            Period::Week => (window * 7 - 3) * DAY,
            Period::Month => {
                // Of a count that somebody damaged, too.
                let year = (1970 + window / 12).min(9999) as i16;
                let first = date(year, (window % 12 + 1) as i8, 1);
                Offset::UTC
                    .to_timestamp(first.at(0, 0, 0, 0))
                    .map_or(i64::MAX, Timestamp::as_second)
            }
        }
    }
}

impl Quota {
    pub fn requests(self) -> u64 {
        self.requests
    }

    fn left(self, window: u64, used: u64, wall: Timestamp) -> Left {
        let start = self.period.start(window);
        let end = self.period.start(window + 1);
        Left {
            policy: self.period.name(),
            quota: self.requests,
            window: Duration::from_secs(end.saturating_sub(start) as u64),
            remaining: self.requests.saturating_sub(used),
            reset: until(end, wall),
        }
    }
}

/// From `wall` to a second.
fn until(second: i64, wall: Timestamp) -> Duration {
    let nanoseconds = i128::from(second) * 1_000_000_000 - wall.as_nanosecond();
    Duration::from_nanos(nanoseconds.clamp(0, i64::MAX.into()) as u64)
}

impl FromStr for Quota {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Quota, Self::Err> {
        let wrong = "not a quota, such as 10000/day, 50000/week or 1000000/month, of at most 1000000000000; what is counted by \
                     the hour or faster is a rate";
        let (requests, period) = text.split_once('/').ok_or(wrong)?;
        let period = Period::ALL
            .into_iter()
            .find(|p| p.name() == period.trim())
            .ok_or(wrong)?;
        match requests.trim().parse() {
            Ok(requests @ 1..=MOST) => Ok(Quota { requests, period }),
            _ => Err(wrong),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.period.name())
    }
}

/// How many requests came in the window that it is in: 24 bits of its number, 40 of their count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A count as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The first day of its window, in UTC.
    pub from: Date,
    pub used: u64,
}

impl Counter {
    /// Counts a request. What is over the quota isn't counted.
    ///
    /// # Errors
    ///
    /// The quota is used up; until when, `reset` says.
    pub fn charge(&self, quota: Quota, wall: Timestamp) -> Result<Left, Left> {
        let mut word = self.0.load(Relaxed);
        loop {
            let (window, used) = at(quota.period, unpack(word), wall);
            let charged = used < quota.requests;
            let used = used + u64::from(charged);
            let next = pack(window, used);
            // A refusal, too, remembers to which window a clock was put back.
            let stored = match next == word {
                true => Ok(word),
                false => self.0.compare_exchange_weak(word, next, Relaxed, Relaxed),
            };
            match (stored, quota.left(window, used, wall)) {
                (Ok(_), left) if charged => return Ok(left),
                (Ok(_), left) => return Err(left),
                (Err(other), _) => word = other,
            }
        }
    }

    /// What is left, and nothing is counted.
    pub fn left(&self, quota: Quota, wall: Timestamp) -> Left {
        let (window, used) = at(quota.period, unpack(self.0.load(Relaxed)), wall);
        quota.left(window, used, wall)
    }

    /// What a restart must know; `None` if nothing was counted in the window of `wall`.
    pub fn count(&self, period: Period, wall: Timestamp) -> Option<Count> {
        let (window, used) = at(period, unpack(self.0.load(Relaxed)), wall);
        let start = Timestamp::from_second(period.start(window)).ok()?;
        (used > 0).then(|| Count {
            from: Offset::UTC.to_datetime(start).date(),
            used,
        })
    }

    /// As it was stored.
    pub fn restored(period: Period, count: Count) -> Counter {
        let start = Offset::UTC
            .to_timestamp(count.from.at(0, 0, 0, 0))
            .unwrap_or(Timestamp::UNIX_EPOCH);
        Counter(AtomicU64::new(pack(period.window(start), count.used.min(MOST))))
    }
}

/// The window that counts at a time, and what was used of it.
fn at(period: Period, (window, used): (u64, u64), wall: Timestamp) -> (u64, u64) {
    let now = period.window(wall);
    match window.cmp(&now) {
        Ordering::Equal => (window, used),
        Ordering::Less => (now, 0),
        Ordering::Greater if period.start(window).saturating_sub(wall.as_second()) <= PUT_BACK => (window, used),
        // Else nobody would get anything until the clock has come to where it wrongly was.
        Ordering::Greater => (now, used),
    }
}

fn pack(window: u64, used: u64) -> u64 {
    window << COUNT_BITS | used
}

fn unpack(word: u64) -> (u64, u64) {
    (word >> COUNT_BITS, word & ((1 << COUNT_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wall(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[test]
    fn a_quota_is_read_as_it_is_written() {
        for text in ["1/day", "50000/week", "1000000000000/month"] {
            assert_eq!(quota(text).to_string(), text);
        }
        for wrong in [
            "",
            "10",
            "0/day",
            "10/d",
            "10/hour",
            "1.5/day",
            "-1/day",
            "1000000000001/day",
        ] {
            assert!(wrong.parse::<Quota>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_turn_at_midnight_on_monday_and_on_the_first() {
        // The last second of a window, and the first one of the next.
        for (period, last, first, days) in [
            ("day", "2026-11-26T23:59:59.999Z", "2026-11-27T00:00:00Z", 1),
            ("week", "2026-11-29T23:59:59.999Z", "2026-11-30T00:00:00Z", 7),
            ("week", "2027-01-03T23:59:59.999Z", "2027-01-04T00:00:00Z", 7),
            ("month", "2026-11-30T23:59:59.999Z", "2026-12-01T00:00:00Z", 31),
            ("month", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z", 31),
            ("month", "2028-01-31T23:59:59.999Z", "2028-02-01T00:00:00Z", 29),
        ] {
            let quota = quota(&format!("2/{period}"));
            let counter = Counter::default();
            let charge = |at: &str| counter.charge(quota, wall(at));
            assert_eq!(charge(last).unwrap().remaining, 1, "{last}");
            let left = charge(last).unwrap();
            assert_eq!((left.remaining, left.reset), (0, Duration::from_millis(1)), "{last}");
            assert!(charge(last).is_err(), "{last}");
            let left = charge(first).unwrap();
            assert_eq!(left.remaining, 1, "{first}");
            assert_eq!(left.window, Duration::from_secs(days * 86_400), "{first}");
            assert_eq!(left.reset, left.window, "{first}");
        }
    }

    #[test]
    fn a_clock_that_is_put_back_gives_nothing_away_and_one_that_was_wrong_locks_nobody_out() {
        let (quota, counter) = (quota("2/day"), Counter::default());
        let charge = |at: &str| counter.charge(quota, wall(at)).is_ok();
        assert!(charge("2026-11-26T23:59:59Z") && charge("2026-11-27T00:00:00Z"));
        // Put back over midnight: the new day's count goes on, once and again.
        assert!(charge("2026-11-26T23:59:58Z"));
        assert!(!charge("2026-11-26T23:59:59Z") && !charge("2026-11-27T00:00:01Z"));
        // Years ahead, by mistake; and back.
        assert!(charge("2031-01-01T00:00:00Z") && charge("2031-01-01T00:00:00Z"));
        assert!(!charge("2026-11-27T00:01:00Z"), "what it used counts");
        assert!(charge("2026-11-28T00:00:00Z"), "until the next turn");
        // Before 1970 is one window.
        let counter = Counter::default();
        assert!(counter.charge(quota, wall("1960-01-01T00:00:00Z")).is_ok());
        assert_eq!(counter.left(quota, wall("1969-12-31T00:00:00Z")).remaining, 1);
    }

    #[test]
    fn a_count_outlives_a_restart_within_its_window() {
        for period in Period::ALL {
            let quota = quota(&format!("10/{}", period.name()));
            let counter = Counter::default();
            let now = wall("2026-11-26T12:00:00Z");
            assert_eq!(counter.count(period, now), None);
            (0..3).for_each(|_| assert!(counter.charge(quota, now).is_ok()));
            let count = counter.count(period, now).unwrap();
            let first = match period {
                Period::Day => date(2026, 11, 26),
                Period::Week => date(2026, 11, 23),
                Period::Month => date(2026, 11, 1),
            };
            assert_eq!(count, Count { from: first, used: 3 });
            let restored = Counter::restored(period, count);
            assert_eq!(restored.left(quota, now).remaining, 7);
            let later = wall("2027-01-01T00:00:00Z");
            assert_eq!(restored.left(quota, later).remaining, 10);
            assert_eq!(restored.count(period, later), None);
        }
        let lowered = Counter::restored(
            Period::Day,
            Count {
                from: date(2026, 11, 26),
                used: u64::MAX,
            },
        );
        let exceeded = lowered.charge(quota("1/day"), wall("2026-11-26T12:00:00Z"));
        assert_eq!(exceeded.unwrap_err().remaining, 0);
    }

    #[test]
    fn threads_at_once_get_the_quota_and_no_more() {
        let (quota, counter, now) = (quota("1000/day"), Counter::default(), wall("2026-11-26T12:00:00Z"));
        let through = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..600 {
                        through.fetch_add(counter.charge(quota, now).is_ok().into(), Relaxed);
                    }
                });
            }
        });
        assert_eq!(through.load(Relaxed), 1000);
    }

    proptest! {
        #[test]
        fn each_window_gives_its_quota_whatever_the_times(
            period in prop::sample::select(Period::ALL.to_vec()),
            steps in prop::collection::vec(0i64..3 * DAY, 1..200),
        ) {
            let quota = Quota { requests: 3, period };
            let counter = Counter::default();
            let mut seconds = 1_800_000_000;
            let mut used = std::collections::BTreeMap::new();
            for step in steps {
                seconds += step;
                let now = Timestamp::from_second(seconds).unwrap();
                let day = Offset::UTC.to_datetime(now).date();
                let window = match period {
                    Period::Day => day,
                    Period::Week => day.checked_sub(jiff::Span::new().days(day.weekday().to_monday_zero_offset())).unwrap(),
                    Period::Month => day.first_of_month(),
                };
                let used = used.entry(window).or_insert(0);
                let charged = counter.charge(quota, now);
                prop_assert_eq!(charged.is_ok(), *used < 3);
                *used = (*used + 1).min(3);
                let (Ok(left) | Err(left)) = charged;
                prop_assert_eq!(left.remaining, 3 - *used);
                prop_assert!(left.reset > Duration::ZERO && left.reset <= left.window);
                prop_assert_eq!(counter.count(period, now), Some(Count { from: window, used: *used }));
            }
        }
    }
}
