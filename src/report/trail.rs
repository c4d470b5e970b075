//! Each check over all windows.

use crate::monitor::check::Check;
use serde::Serialize;
use std::collections::BTreeMap;

/// Those that are drawn over time. The rest is only remembered where it is beyond its bar: a thousand columns have nine thousand.
const DRAWN: [&str; 5] = ["psi", "missing", "bad_rows", "rows", "duplicates"];

/// A check of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    pub value: Option<f64>,
    pub bar: Option<f64>,
    /// Where the true value lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Beyond the bar.
    pub over: bool,
}

/// One check of one column over the windows.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// As it was when it was beyond its bar last.
    pub last: Option<Check>,
    /// Windows beyond the bar, ascending.
    pub over: Vec<usize>,
    /// In how many windows it had a value.
    pub measured: usize,
    /// One for each window, of those that are drawn.
    pub points: Vec<Point>,
}

impl Trail {
    /// The first window of the last ones in a row that are beyond the bar.
    pub fn since(&self) -> Option<usize> {
        let mut since = *self.over.last()?;
        for &window in self.over.iter().rev().skip(1) {
            if window + 1 < since {
                break;
            }
            since = window;
        }
        Some(since)
    }
}

/// By check, column and segment.
type Key = (&'static str, String, Option<String>);

#[derive(Debug, Default)]
pub struct Trails(BTreeMap<Key, Trail>);

impl Trails {
    /// Takes the checks of window `i`; windows come in their order.
    pub fn take(&mut self, i: usize, checks: impl Iterator<Item = Check>) {
        for check in checks {
            let drawn = DRAWN.contains(&check.check) || check.check.starts_with("estimated_");
            let key = (check.check, check.column.clone(), check.segment.clone());
            let trail = self.0.entry(key).or_default();
            trail.measured += usize::from(check.value.is_some());
            if drawn && check.segment.is_none() {
                // An output may be called as an input is: the first one counts.
                if trail.points.len() > i {
                    continue;
                }
                trail.points.resize(i, Point::default());
                trail.points.push(Point {
                    value: check.value,
                    bar: check.bar,
                    interval: check.interval,
                    over: check.over,
                });
            }
            if check.over && trail.over.last() != Some(&i) {
                trail.over.push(i);
                trail.last = Some(check);
            }
        }
    }

    pub fn get(&self, check: &'static str, column: &str) -> Option<&Trail> {
        self.0.get(&(check, column.to_string(), None))
    }

    /// Was it beyond its bar in any window?
    pub fn is_over(&self, check: &'static str, column: &str, segment: Option<&str>) -> bool {
        let key = (check, column.to_string(), segment.map(String::from));
        self.0.get(&key).is_some_and(|trail| !trail.over.is_empty())
    }

    /// Those that were beyond their bars.
    pub fn over(&self) -> impl Iterator<Item = (&Check, &Trail)> {
        self.0.values().filter_map(|trail| Some((trail.last.as_ref()?, trail)))
    }
}
