//! When a window is over, and when what was found in it is news. Pure: the clock is its caller's.

use crate::monitor::Check;
use std::time::Duration;

/// A window ends after so long, however few rows it has.
pub const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What lasts is told again after so long: where many ask, windows are a second long.
const AGAIN: Duration = Duration::from_secs(60);

/// Since when the open window has rows.
#[derive(Debug, Default)]
pub struct Turn {
    begun: Option<Duration>,
}

impl Turn {
    /// Is it over? Then the next one begins. `rows`: that it has. To be asked every now and then.
    pub fn is_over(&mut self, rows: u64, min_rows: u64, now: Duration) -> bool {
        if rows == 0 {
            return false;
        }
        let begun = *self.begun.get_or_insert(now);
        let is_over = rows >= min_rows || now.saturating_sub(begun) >= LONGEST;
        if is_over {
            self.begun = None;
        }
        is_over
    }
}

/// What was told last.
#[derive(Debug, Default)]
pub struct Told {
    at: Duration,
    /// Check, column, segment.
    over: Vec<(&'static str, String, Option<String>)>,
}

impl Told {
    /// Is it to be told? `over`: what a window is beyond the bars of.
    pub fn is_news(&mut self, over: &[Check], now: Duration) -> bool {
        let over: Vec<_> = over
            .iter()
            .map(|check| (check.check, check.column.clone(), check.segment.clone()))
            .collect();
        let is_known = over.iter().all(|check| self.over.contains(check));
        if over.is_empty() || is_known && now.saturating_sub(self.at) < AGAIN {
            return false;
        }
        *self = Told { at: now, over };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Area;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_is_over_with_its_rows() {
        let mut turn = Turn::default();
        let found = [1, 499, 500, 0, 1, 20_000].map(|rows| turn.is_over(rows, 500, seconds(7)));
        assert_eq!(found, [false, false, true, false, false, true]);
    }

    #[test]
    fn a_window_of_few_rows_is_over_after_an_hour_from_its_first() {
        let mut turn = Turn::default();
        assert!(!turn.is_over(0, 500, seconds(0)));
        assert!(!turn.is_over(3, 500, seconds(4000)));
        assert!(!turn.is_over(4, 500, seconds(4000 + 3599)));
        assert!(turn.is_over(4, 500, seconds(4000 + 3600)));
        assert!(!turn.is_over(1, 500, seconds(8000)));
        assert!(!turn.is_over(499, 500, seconds(11_599)));
        assert!(turn.is_over(500, 500, seconds(11_599)));
        assert!(!turn.is_over(0, 500, seconds(90_000)));
    }

    #[test]
    fn what_lasts_is_told_once_a_minute_and_what_is_new_at_once() {
        let check = |column: &str| Check {
            value: Some(0.5),
            bar: Some(0.1),
            over: true,
            ..Check::new(Area::Data, "missing", column, 500)
        };
        let (a, b) = (check("a"), check("b"));
        let mut told = Told::default();
        let mut is_news = |over: &[&Check], at| {
            let over: Vec<Check> = over.iter().map(|check| (*check).clone()).collect();
            told.is_news(&over, seconds(at))
        };
        assert!(!is_news(&[], 1));
        assert!(is_news(&[&a], 2));
        assert!(!is_news(&[&a], 3) && !is_news(&[], 4) && !is_news(&[&a], 61));
        assert!(is_news(&[&a, &b], 61));
        assert!(!is_news(&[&b], 62));
        assert!(is_news(&[&b], 121));
        assert!(is_news(&[&a], 122));
    }
}
