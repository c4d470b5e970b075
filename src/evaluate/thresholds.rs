//! What would be called yes at other thresholds: where to put it is a question of what mistakes cost.

use super::metrics::{Confusion, Metric};

/// Thresholds that people look at; those that call as many rows as the one before say nothing new.
const USUAL: [f64; 17] = [
    0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99,
];

/// What comes of one threshold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Threshold {
    pub threshold: f64,
    pub counts: Confusion,
    /// It is the model's.
    pub own: bool,
    /// Of all thresholds it has the highest F1; the highest one, where several do.
    pub best_f1: bool,
}

impl Threshold {
    pub fn called(&self) -> u64 {
        self.counts.true_yes + self.counts.false_yes
    }

    /// NaN where it is undefined.
    pub fn share(&self, metric: Metric) -> f64 {
        Confusion::<f64>::from(self.counts).share(metric)
    }

    /// The share of no that is called yes.
    pub fn false_positives(&self) -> f64 {
        1.0 - self.share(Metric::Specificity)
    }
}

/// Ascending. Rows are (probability, yes).
pub(super) fn thresholds(rows: &[(f64, bool)], own: f64) -> Vec<Threshold> {
    let mut descending = rows.to_vec();
    descending.sort_by(|a, b| b.0.total_cmp(&a.0));
    let yes = descending.iter().filter(|row| row.1).count() as u64;
    let no = descending.len() as u64 - yes;
    // [i]: of the first i rows, those that came true.
    let mut sum = 0;
    let sums = descending.iter().map(|row| {
        sum += u64::from(row.1);
        sum
    });
    let sums: Vec<u64> = std::iter::once(0).chain(sums).collect();
    let at = |threshold: f64| {
        let called = descending.partition_point(|row| row.0 >= threshold);
        let (true_yes, called) = (sums[called], called as u64);
        Confusion {
            true_yes,
            false_yes: called - true_yes,
            true_no: no - (called - true_yes),
            false_no: yes - true_yes,
        }
    };
    let f1 = |threshold: f64| Confusion::<f64>::from(at(threshold)).share(Metric::F1);
    let mut best: Option<(f64, f64)> = None;
    for tied in descending.chunk_by(|a, b| a.0 == b.0) {
        let (threshold, f1) = (tied[0].0, f1(tied[0].0));
        if f1 > best.map_or(0.0, |best| best.1) {
            best = Some((threshold, f1));
        }
    }
    let best = best.map(|best| best.0);
    let mut all: Vec<f64> = USUAL.into_iter().chain([own]).chain(best).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let mut found: Vec<Threshold> = Vec::new();
    for threshold in all {
        let new = Threshold {
            threshold,
            counts: at(threshold),
            own: threshold == own,
            best_f1: Some(threshold) == best,
        };
        if new.own || new.best_f1 || found.last().is_none_or(|last| last.counts != new.counts) {
            found.push(new);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_calls_what_is_at_least_as_likely() {
        let rows = [(0.9, true), (0.5, true), (0.5, false), (0.1, false), (0.07, true)];
        let found = thresholds(&rows, 0.5);
        let own = found.iter().find(|threshold| threshold.own).unwrap();
        assert_eq!((own.called(), own.counts.true_yes, own.counts.false_no), (3, 2, 1));
        assert_eq!((own.share(Metric::Precision), own.false_positives()), (2.0 / 3.0, 0.5));
        // All called yes: F1 is 6 / 8, at 0.5 it is 4 / 6.
        let best: Vec<f64> = found.iter().filter(|t| t.best_f1).map(|t| t.threshold).collect();
        assert_eq!(best, [0.07]);
        let all: Vec<f64> = found.iter().map(|t| t.threshold).collect();
        assert_eq!(all, [0.01, 0.07, 0.1, 0.15, 0.5, 0.6, 0.95]);
        assert!(found.last().unwrap().share(Metric::Precision).is_nan());
    }

    #[test]
    fn no_rows_have_no_best_threshold() {
        let found = thresholds(&[], 0.5);
        assert!(found.iter().all(|t| !t.best_f1 && t.called() == 0));
    }
}
