//! How long it took, in buckets; and what can be said of it by them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in seconds. From 10 µs, the least that a request takes, to the longest time a body may take by default.
pub const BOUNDS: [f64; BUCKETS - 1] = [
    0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0,
    5.0, 10.0, 30.0,
];
/// One more than bounds: above all of them.
pub const BUCKETS: usize = 21;

/// The same in nanoseconds.
const NANOS: [u64; BUCKETS - 1] = {
    let mut nanos = [0; BUCKETS - 1];
    let mut i = 0;
    while i < nanos.len() {
        nanos[i] = (BOUNDS[i] * 1e9 + 0.5) as u64;
        i += 1;
    }
    nanos
};

/// Two atomic additions a value.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// In nanoseconds: 584 years of them.
    sum: AtomicU64,
}

impl Histogram {
    pub fn add(&self, took: Duration) {
        let nanos = took.as_nanos() as u64;
        let bucket = NANOS.partition_point(|bound| *bound < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// In each bucket.
    pub fn counts(&self) -> Counts {
        std::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed))
    }

    /// In seconds.
    pub fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / 1e9
    }
}

pub type Counts = [u64; BUCKETS];

/// The value below which a share of all lies, in seconds: by where it would be if a bucket's values were spread evenly, as
/// Prometheus' `histogram_quantile` has it. `None`: there are none.
pub fn quantile(counts: &Counts, share: f64) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    let rank = share * all as f64;
    let mut below = 0.0;
    for (i, count) in counts.iter().enumerate() {
        let count = *count as f64;
        if count > 0.0 && below + count >= rank {
            let from = if i == 0 { 0.0 } else { BOUNDS[i - 1] };
            // Of what is above all bounds, no more is known.
            let to = BOUNDS.get(i).copied().unwrap_or(from);
            return Some(from + (to - from) * ((rank - below) / count));
        }
        below += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for nanos in [0, 10_000, 10_001, 30_000_000_000, 30_000_000_001] {
            histogram.add(Duration::from_nanos(nanos));
        }
        let counts = histogram.counts();
        assert_eq!((counts[0], counts[1], counts[19], counts[20]), (2, 1, 1, 1));
        assert!((histogram.sum() - 60.000020002).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let histogram = Histogram::default();
        assert_eq!(quantile(&histogram.counts(), 0.5), None);
        for micros in [30; 99] {
            histogram.add(Duration::from_micros(micros));
        }
        histogram.add(Duration::from_secs(60));
        let at = |share| quantile(&histogram.counts(), share).unwrap();
        assert!((20e-6..=50e-6).contains(&at(0.5)) && (20e-6..=50e-6).contains(&at(0.99)));
        assert_eq!(at(1.0), 30.0);
    }
}
