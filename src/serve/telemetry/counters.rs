//! What is counted of the requests that one version answered, or that none did.

use super::histogram::{Counts, Histogram};
use crate::serve::route::Route;
use std::array::from_fn;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One more than routes: paths that lead nowhere.
pub const ROUTES: usize = Route::NAMES.len() + 1;
/// What metrics and logs call those.
pub const NO_ROUTE: &str = "other";

/// A route's place in [`Counters`].
pub fn place(route: Option<&Route>) -> usize {
    route.map_or(ROUTES - 1, Route::index)
}

pub fn name(place: usize) -> &'static str {
    Route::NAMES.get(place).copied().unwrap_or(NO_ROUTE)
}

/// The client went away before all of its request came. Nobody sees it on the wire; nginx has the number.
pub const GONE: u16 = 499;

/// The statuses that there are; others, of which there are none, count as the last.
pub const STATUSES: [u16; 14] = [200, 400, 403, 404, 405, 408, 413, 415, 424, 429, 431, GONE, 503, 500];

#[derive(Default)]
pub struct ByRoute {
    statuses: [AtomicU64; STATUSES.len()],
    /// Of those that are answered as they wished: what is refused is quick, and would hide what is slow.
    pub seconds: Histogram,
}

impl ByRoute {
    /// By [`STATUSES`].
    pub fn statuses(&self) -> [u64; STATUSES.len()] {
        from_fn(|i| self.statuses[i].load(Ordering::Relaxed))
    }
}

/// Rows, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub predicted: u64,
    /// They can't be scored.
    pub bad: u64,
    /// They could be, but were refused with their request for the bad ones in it.
    pub refused: u64,
}

impl Rows {
    pub fn all(self) -> u64 {
        self.predicted + self.bad + self.refused
    }

    /// What came since.
    pub fn since(self, before: Rows) -> Rows {
        Rows {
            predicted: self.predicted.saturating_sub(before.predicted),
            bad: self.bad.saturating_sub(before.bad),
            refused: self.refused.saturating_sub(before.refused),
        }
    }
}

impl AddAssign for Rows {
    fn add_assign(&mut self, other: Rows) {
        self.predicted += other.predicted;
        self.bad += other.bad;
        self.refused += other.refused;
    }
}

#[derive(Default)]
pub struct Counters {
    /// Empty: no version answered.
    pub group: String,
    pub version: String,
    routes: [ByRoute; ROUTES],
    predicted: AtomicU64,
    bad: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub fn of(group: &str, version: u32) -> Counters {
        Counters {
            group: group.into(),
            version: version.to_string(),
            ..Counters::default()
        }
    }

    /// `route`: its [`place`].
    pub fn add(&self, route: usize, status: u16, took: Duration) {
        let route = &self.routes[route];
        let status_at = STATUSES.iter().position(|known| *known == status);
        route.statuses[status_at.unwrap_or(STATUSES.len() - 1)].fetch_add(1, Ordering::Relaxed);
        if status < 300 {
            route.seconds.add(took);
        }
    }

    pub fn add_rows(&self, rows: Rows) {
        for (counter, rows) in [
            (&self.predicted, rows.predicted),
            (&self.bad, rows.bad),
            (&self.refused, rows.refused),
        ] {
            if rows > 0 {
                counter.fetch_add(rows, Ordering::Relaxed);
            }
        }
    }

    pub fn rows(&self) -> Rows {
        Rows {
            predicted: self.predicted.load(Ordering::Relaxed),
            bad: self.bad.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// With their [`name`]s.
    pub fn routes(&self) -> impl Iterator<Item = (&'static str, &ByRoute)> {
        self.routes.iter().enumerate().map(|(at, route)| (name(at), route))
    }
}

/// What a person asks of a route, or of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub answered: u64,
    /// The client's mistakes: 4xx, without those who went away.
    pub refused: u64,
    pub gone: u64,
    /// The server's: 5xx.
    pub failed: u64,
    pub seconds: Counts,
}

impl Totals {
    pub fn add(&mut self, route: &ByRoute) {
        for (status, count) in STATUSES.iter().zip(route.statuses()) {
            match *status {
                GONE => self.gone += count,
                ..300 => self.answered += count,
                300..500 => self.refused += count,
                _ => self.failed += count,
            }
        }
        let counts = route.seconds.counts();
        for (sum, count) in self.seconds.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// What came since.
    pub fn since(&self, before: &Totals) -> Totals {
        Totals {
            answered: self.answered.saturating_sub(before.answered),
            refused: self.refused.saturating_sub(before.refused),
            gone: self.gone.saturating_sub(before.gone),
            failed: self.failed.saturating_sub(before.failed),
            seconds: from_fn(|i| self.seconds[i].saturating_sub(before.seconds[i])),
        }
    }

    pub fn all(&self) -> u64 {
        self.answered + self.refused + self.gone + self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_counts_and_says_nothing_of_latency() {
        let counters = Counters::of("lines", 2);
        for status in [200, 400, 429, GONE, 503, 599] {
            counters.add(3, status, Duration::from_micros(15));
        }
        let mut totals = Totals::default();
        counters.routes().for_each(|(_, route)| totals.add(route));
        let found = (totals.answered, totals.refused, totals.gone, totals.failed);
        assert_eq!(found, (1, 2, 1, 2));
        assert_eq!(totals.seconds.iter().sum::<u64>(), 1);
        assert_eq!(totals.since(&totals), Totals::default());
    }
}
