//! So many requests in a unit of time, and the bucket that holds a caller to it. Pure: time is an argument.

use super::fields::Left;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Of a frequency, and of a burst. With it no sum of nanoseconds comes near the end of 64 bits: a million hours are 3.6e18.
const MOST: u32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// As it is written: `10/s`, `600/min`, `100/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    count: u32,
    unit: Unit,
}

/// How fast a caller may ask: at a frequency in the long run, and `burst` at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub frequency: Frequency,
    burst: u32,
}

impl Rate {
    /// Without a `burst`, it is what the frequency gives in its unit. `None`: it is 0, or over a million.
    pub fn new(frequency: Frequency, burst: Option<u32>) -> Option<Rate> {
        let burst = burst.unwrap_or(frequency.count);
        (1..=MOST).contains(&burst).then_some(Rate { frequency, burst })
    }

    pub fn burst(self) -> u32 {
        self.burst
    }

    /// From one request to the next in the long run, in nanoseconds; rounded up, so that it never lets more through.
    fn interval(self) -> u64 {
        self.frequency.unit.nanoseconds().div_ceil(self.frequency.count.into())
    }
}

impl Unit {
    fn nanoseconds(self) -> u64 {
        let seconds = match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
        };
        seconds * 1_000_000_000
    }
}

impl FromStr for Frequency {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Frequency, Self::Err> {
        let wrong =
            "not a rate, such as 10/s, 600/min or 100/h, of at most 1000000; what is counted by the day is a quota";
        let (count, unit) = text.split_once('/').ok_or(wrong)?;
        let unit = match unit.trim() {
            "s" | "second" => Unit::Second,
            "min" | "minute" => Unit::Minute,
            "h" | "hour" => Unit::Hour,
            _ => return Err(wrong),
        };
        match count.trim().parse() {
            Ok(count @ 1..=MOST) => Ok(Frequency { count, unit }),
            _ => Err(wrong),
        }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// A token bucket, as the generic cell rate algorithm has it: one number, the time at which the bucket is full again. It begins
/// full.
///
/// It holds no rate of its own, so two keys of one caller share it, and a rate may change under it.
#[derive(Debug, Default)]
pub struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes a token. `now`: nanoseconds since any start; a `now` that goes back gives nothing away.
    ///
    /// # Errors
    ///
    /// How long it takes until there is one.
    pub fn take(&self, rate: Rate, now: Duration) -> Result<Left, Duration> {
        let now = now.as_nanos() as u64;
        let interval = rate.interval();
        let depth = interval * u64::from(rate.burst);
        let mut full_at = self.full_at.load(Relaxed);
        loop {
            let next = full_at.max(now) + interval;
            let ahead = next - now;
            if ahead > depth {
                return Err(Duration::from_nanos(ahead - depth));
            }
            // Relaxed: nothing else is told by this number.
            match self.full_at.compare_exchange_weak(full_at, next, Relaxed, Relaxed) {
                Ok(_) => {
                    return Ok(Left {
                        remaining: (depth - ahead) / interval,
                        reset: Duration::from_nanos(ahead),
                        ..Left::none_of_burst(rate, Duration::ZERO)
                    });
                }
                Err(other) => full_at = other,
            }
        }
    }
}

impl Left {
    /// Of an empty bucket, which has a token again after `wait`.
    pub fn none_of_burst(rate: Rate, wait: Duration) -> Left {
        Left {
            policy: "burst",
            quota: rate.burst.into(),
            window: Duration::from_nanos(rate.interval() * u64::from(rate.burst)),
            remaining: 0,
            reset: wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(frequency: &str, burst: u32) -> Rate {
        Rate::new(frequency.parse().unwrap(), Some(burst)).unwrap()
    }

    #[test]
    fn a_frequency_is_read_as_it_is_written() {
        for text in ["10/s", "600/min", "100/h", "1000000/s"] {
            assert_eq!(text.parse::<Frequency>().unwrap().to_string(), text);
        }
        let same = [("10 / second", "10/s"), ("6/minute", "6/min"), ("1/hour", "1/h")];
        for (text, canonical) in same {
            assert_eq!(text.parse::<Frequency>().unwrap().to_string(), canonical);
        }
        for wrong in [
            "",
            "10",
            "/s",
            "0/s",
            "-1/s",
            "1.5/s",
            "10/day",
            "10/S",
            "1000001/s",
            "10/s/s",
        ] {
            assert!(wrong.parse::<Frequency>().is_err(), "{wrong}");
        }
        let frequency: Frequency = "10/s".parse().unwrap();
        assert_eq!(Rate::new(frequency, None).unwrap().burst(), 10);
        assert!(Rate::new(frequency, Some(0)).is_none() && Rate::new(frequency, Some(MOST + 1)).is_none());
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_then_one_by_one() {
        let (bucket, rate) = (Bucket::default(), rate("10/s", 3));
        let at = |ms| bucket.take(rate, Duration::from_millis(ms));
        let remaining: Vec<u64> = (0..3).map(|_| at(0).unwrap().remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(at(0), Err(Duration::from_millis(100)));
        assert_eq!(at(60), Err(Duration::from_millis(40)));
        let left = at(100).unwrap();
        assert_eq!((left.remaining, left.reset), (0, Duration::from_millis(300)));
        assert!(at(199).is_err() && at(200).is_ok());
        // After a pause it is full again, and no fuller.
        assert_eq!(at(100_000).unwrap().remaining, 2);
        // A clock that goes back waits for nothing but its own time.
        assert_eq!(at(99_800).unwrap_err(), Duration::from_millis(100));
    }

    #[test]
    fn the_slowest_and_the_largest_rate_fit_their_numbers() {
        let (bucket, slow) = (Bucket::default(), rate("1/h", MOST));
        for _ in 0..1000 {
            bucket.take(slow, Duration::from_secs(u32::MAX.into())).unwrap();
        }
        let (bucket, fast) = (Bucket::default(), rate("1000000/s", 1));
        bucket.take(fast, Duration::ZERO).unwrap();
        assert_eq!(bucket.take(fast, Duration::ZERO), Err(Duration::from_micros(1)));
    }

    proptest! {
        /// Against a bucket of exact tokens, counted in nanoseconds; and in no window more than burst + rate * t.
        #[test]
        fn a_bucket_never_lets_more_through_nor_less(
            count in 1u32..50,
            unit in prop::sample::select(vec!["s", "min", "h"]),
            burst in 1u32..20,
            steps in prop::collection::vec(prop_oneof![Just(0u64), 0..2_000_000_000u64, 0..4_000_000_000_000u64], 1..200),
        ) {
            let rate = rate(&format!("{count}/{unit}"), burst);
            let interval = rate.interval();
            let depth = interval * u64::from(burst);
            let bucket = Bucket::default();
            let (mut now, mut tokens, mut taken) = (0, depth, Vec::new());
            for step in steps {
                now += step;
                tokens = (tokens + step).min(depth);
                let answer = bucket.take(rate, Duration::from_nanos(now));
                prop_assert_eq!(answer.is_ok(), tokens >= interval);
                match answer {
                    Ok(left) => {
                        tokens -= interval;
                        taken.push(now);
                        prop_assert_eq!(left.remaining, tokens / interval);
                    }
                    Err(wait) => prop_assert_eq!(wait.as_nanos() as u64, interval - tokens),
                }
            }
            for (i, from) in taken.iter().enumerate() {
                for (n, to) in taken[i..].iter().enumerate() {
                    let most = u64::from(burst) + (to - from) / interval;
                    let through = n as u64 + 1;
                    prop_assert!(through <= most, "{through} from {from} to {to}");
                }
            }
        }

        /// A clock that jumps, in either direction, gives nothing away: what is let through fits the time that went forward.
        #[test]
        fn a_clock_that_goes_back_gives_nothing_away(times in prop::collection::vec(0u64..10_000, 1..200)) {
            let (bucket, rate) = (Bucket::default(), rate("10/s", 5));
            let let_through = times.iter().filter(|ms| bucket.take(rate, Duration::from_millis(**ms)).is_ok()).count() as u64;
            prop_assert!(let_through <= 5 + times.iter().max().unwrap() / 100);
        }
    }

    #[test]
    fn threads_at_once_get_no_more_than_one_would() {
        let (bucket, rate) = (Bucket::default(), rate("1000/s", 50));
        let through = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for us in 0..200_000 {
                        let taken = bucket.take(rate, Duration::from_micros(us));
                        through.fetch_add(taken.is_ok().into(), Relaxed);
                    }
                });
            }
        });
        // The one that is ahead takes what there is; 200 ms give 199 beside the burst.
        assert_eq!(through.load(Relaxed), 50 + 199);
    }
}
