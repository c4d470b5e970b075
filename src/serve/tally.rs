//! What a version did in an experiment, since this process began: for metrics, people, and the limits that halt it.

use super::telemetry::histogram::{Counts, Histogram, quantile};
use crate::experiment::guard::{Guard, Seen, Standing};
use crate::monitor::sketch::Sketch;
use crate::service::lock;
use crate::transform::Side;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub struct Tally {
    rows: AtomicU64,
    bad_rows: AtomicU64,
    /// A request each: what reading and scoring its rows took.
    seconds: Histogram,
    /// Of good rows, where a limit asks for it.
    predictions: Mutex<Sketch>,
}

/// The same, at the time of asking.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    pub rows: u64,
    pub bad_rows: u64,
    pub seconds: Counts,
    pub seconds_sum: f64,
}

impl Tally {
    /// A request of so many rows.
    pub fn add(&self, rows: u64, bad_rows: u64, took: Duration) {
        self.add_rows(rows, bad_rows);
        self.seconds.add(took);
    }

    /// Rows of a request whose time is counted by somebody else.
    pub fn add_rows(&self, rows: u64, bad_rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        if bad_rows > 0 {
            self.bad_rows.fetch_add(bad_rows, Ordering::Relaxed);
        }
    }

    pub fn time(&self, took: Duration) {
        self.seconds.add(took);
    }

    pub fn add_predictions(&self, predictions: impl Iterator<Item = f64>) {
        let mut sketch = lock(&self.predictions);
        predictions.for_each(|x| sketch.push(x));
    }

    /// What the engine counted of a request's rows.
    pub fn add_side(&self, side: &Side) {
        self.add(side.rows, side.bad_rows, side.took);
        lock(&self.predictions).add(&side.predictions);
    }

    pub fn counted(&self) -> Counted {
        Counted {
            rows: self.rows.load(Ordering::Relaxed),
            bad_rows: self.bad_rows.load(Ordering::Relaxed),
            seconds: self.seconds.counts(),
            seconds_sum: self.seconds.sum(),
        }
    }

    fn predictions(&self) -> Sketch {
        lock(&self.predictions).clone()
    }
}

impl Counted {
    pub fn requests(&self) -> u64 {
        self.seconds.iter().sum()
    }
}

/// The limits of an experiment; one that this program doesn't know is told.
pub fn guards(experiment: &str, rules: &[String]) -> Vec<Guard> {
    let known = rules.iter().filter_map(|rule| match Guard::parse(rule) {
        Ok(guard) => Some(guard),
        Err(error) => {
            tracing::error!(experiment, error, "a limit isn't watched");
            None
        }
    });
    known.collect()
}

/// Does one of them ask how predictions are spread?
pub fn ask_for_predictions(guards: &[Guard]) -> bool {
    guards.iter().any(|guard| matches!(guard, Guard::Psi(_)))
}

/// The first limit that the version on trial is beyond, and what was found. `sides`: the champion, the version on trial.
pub fn beyond<'a>(guards: &'a [Guard], sides: [&Tally; 2]) -> Option<(&'a Guard, String)> {
    if guards.is_empty() {
        return None;
    }
    let counted = sides.map(Tally::counted);
    let predictions = match ask_for_predictions(guards) {
        true => sides.map(Tally::predictions),
        false => Default::default(),
    };
    let seen = |side: usize| Seen {
        rows: counted[side].rows,
        bad_rows: counted[side].bad_rows,
        predictions: &predictions[side],
    };
    let standing = Standing {
        sides: [seen(0), seen(1)],
        requests: counted[1].requests(),
        p99: quantile(&counted[1].seconds, 0.99).map(Duration::from_secs_f64),
    };
    guards.iter().find_map(|guard| Some((guard, guard.found(&standing)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_that_is_broken_is_found() {
        let guards = ["psi > 0.3", "bad_rows > 1%", "p99_ms > 5"].map(|rule| Guard::parse(rule).unwrap());
        let (champion, trial) = (Tally::default(), Tally::default());
        let found = || beyond(&guards, [&champion, &trial]).map(|(guard, _)| guard.to_string());
        for i in 0..1000 {
            champion.add(1, 0, Duration::from_millis(1));
            champion.add_predictions([f64::from(i % 100)].into_iter());
            trial.add(1, 0, Duration::from_millis(1));
            trial.add_predictions([f64::from(i % 100)].into_iter());
        }
        assert_eq!(found(), None);
        (0..20).for_each(|_| trial.time(Duration::from_millis(40)));
        assert_eq!(found().as_deref(), Some("p99_ms > 5"));
        trial.add_rows(20, 20);
        assert_eq!(found().as_deref(), Some("bad_rows > 1%"));
        trial.add_predictions((0..5000).map(|_| 7.0));
        assert_eq!(found().as_deref(), Some("psi > 0.3"));
        assert!(beyond(&[], [&champion, &trial]).is_none());
    }
}
