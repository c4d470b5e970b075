//! From a score to the share that comes true at it.

use crate::evaluate::Ranking;
use serde::{Deserialize, Serialize};

/// Whether calibration helps is judged on this many stratified folds, each held out once.
const FOLDS: usize = 10;
/// The calibration error is of this many bins of equally many rows.
const BINS: usize = 10;
/// Of scores that rank nearly perfectly no calibration is learnt: there is nothing between 0 and 1 to learn it from.
const PERFECT: f64 = 0.999;

/// An isotonic regression of what came true on the score: the ascending step function with the least sum of squares,
/// by pooling adjacent violators (Ayer et al. 1955; Zadrozny and Elkan 2002). Tied scores are one point; between points it is
/// linear, beyond them constant, as scikit-learn's `IsotonicRegression(out_of_bounds="clip")`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Ascending, at least one.
    scores: Vec<f64>,
    /// Share that is yes at each of them; never descending, from 0 to 1.
    shares: Vec<f64>,
}

/// A score, and whether yes came true.
pub(super) type Outcome = (f64, bool);

impl Calibration {
    /// Learnt from outcomes if it lowers their calibration error: rows that it wasn't learnt from are judged, in ten parts. None
    /// where it doesn't, where one class only came true, or where scores rank nearly perfectly; scores are then taken as they are.
    pub(super) fn if_it_helps(outcomes: &[Outcome]) -> Option<Calibration> {
        let mut ascending = outcomes.to_vec();
        ascending.sort_by(|a, b| a.0.total_cmp(&b.0));
        let auc = ranking(&ascending).roc_auc();
        if auc.is_nan() || auc > PERFECT || outcomes.len() < 2 * FOLDS {
            return None;
        }
        let folds = folds(outcomes);
        let mut as_they_are = Vec::with_capacity(outcomes.len());
        let mut calibrated = Vec::with_capacity(outcomes.len());
        for fold in 0..FOLDS {
            let of = |held_out: bool| {
                let part = outcomes
                    .iter()
                    .zip(&folds)
                    .filter(move |(_, f)| (**f == fold) == held_out);
                part.map(|(outcome, _)| *outcome)
            };
            let calibration = Calibration::of(of(false).collect())?;
            as_they_are.extend(of(true));
            calibrated.extend(of(true).map(|(score, yes)| (calibration.share(score), yes)));
        }
        (calibration_error(calibrated) < calibration_error(as_they_are))
            .then(|| Calibration::of(ascending))
            .flatten()
    }

    /// None of no outcomes.
    fn of(mut outcomes: Vec<Outcome>) -> Option<Calibration> {
        outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
        // (first score, last score, rows, yes) of each pool; a pool's share is above that of the one before.
        let mut pools: Vec<(f64, f64, f64, f64)> = vec![];
        for tied in outcomes.chunk_by(|a, b| a.0 == b.0) {
            let yes = tied.iter().filter(|outcome| outcome.1).count() as f64;
            let mut pool = (tied[0].0, tied[0].0, tied.len() as f64, yes);
            while let Some(&(first, _, rows, yes)) = pools.last() {
                if yes * pool.2 < pool.3 * rows {
                    break;
                }
                pool = (first, pool.1, pool.2 + rows, pool.3 + yes);
                pools.pop();
            }
            pools.push(pool);
        }
        // Of a pool its ends suffice.
        let ends = pools.iter().flat_map(|&(first, last, rows, yes)| {
            let last = (last > first).then_some((last, yes / rows));
            std::iter::once((first, yes / rows)).chain(last)
        });
        let (scores, shares): (Vec<f64>, Vec<f64>) = ends.unzip();
        (!scores.is_empty()).then_some(Calibration { scores, shares })
    }

    /// The share that comes true as yes at a score.
    pub fn share(&self, score: f64) -> f64 {
        let after = self.scores.partition_point(|&known| known < score);
        let last = self.scores.len() - 1;
        if after == 0 || after > last || self.scores[after] == score {
            return self.shares[after.min(last)];
        }
        let (low, high) = (self.scores[after - 1], self.scores[after]);
        let part = (score - low) / (high - low);
        self.shares[after - 1] * (1.0 - part) + self.shares[after] * part
    }

    /// What was read from a file can be used.
    pub fn is_sound(&self) -> bool {
        !self.scores.is_empty()
            && self.scores.len() == self.shares.len()
            && self.scores.is_sorted_by(|a, b| a < b)
            && self.shares.is_sorted()
            && self.shares.iter().all(|share| (0.0..=1.0).contains(share))
    }
}

/// Ascending outcomes, ties at once.
pub(super) fn ranking(ascending: &[Outcome]) -> Ranking {
    let mut ranking = Ranking::default();
    for tied in ascending.chunk_by(|a, b| a.0 == b.0) {
        let yes = tied.iter().filter(|outcome| outcome.1).count();
        ranking.tied(yes as f64, (tied.len() - yes) as f64);
    }
    ranking
}

/// Each class's rows in turn, so that every fold has its share of both.
fn folds(outcomes: &[Outcome]) -> Vec<usize> {
    let mut next = [0, 0];
    let of = |&(_, yes): &Outcome| {
        let next = &mut next[usize::from(yes)];
        *next += 1;
        (*next - 1) % FOLDS
    };
    outcomes.iter().map(of).collect()
}

/// The mean distance of predicted from true shares in ten bins of equally many rows (expected calibration error, Naeini et al.
/// 2015, with equal counts).
fn calibration_error(mut outcomes: Vec<Outcome>) -> f64 {
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = outcomes.len();
    let distances = (0..BINS).map(|bin| {
        let rows = &outcomes[bin * n / BINS..(bin + 1) * n / BINS];
        let difference = rows.iter().map(|&(p, yes)| p - f64::from(u8::from(yes))).sum::<f64>();
        difference.abs()
    });
    distances.sum::<f64>() / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fitted(outcomes: &[(f64, u8)]) -> Calibration {
        Calibration::of(outcomes.iter().map(|&(score, yes)| (score, yes == 1)).collect()).unwrap()
    }

    /// `IsotonicRegression(out_of_bounds="clip").fit([1, 2, 3, 3, 4, 5], [0, 1, 0, 0, 1, 1])` of scikit-learn 1.9.1.
    #[test]
    fn violators_are_pooled_and_ties_are_one_point() {
        let calibration = fitted(&[(1.0, 0), (2.0, 1), (3.0, 0), (3.0, 0), (4.0, 1), (5.0, 1)]);
        for (score, share) in [
            (-9.0, 0.0),
            (1.0, 0.0),
            (1.5, 1.0 / 6.0),
            (2.0, 1.0 / 3.0),
            (2.7, 1.0 / 3.0),
            (3.5, 2.0 / 3.0),
            (4.0, 1.0),
            (4.5, 1.0),
            (99.0, 1.0),
        ] {
            assert!((calibration.share(score) - share).abs() < 1e-12, "{score}");
        }
        // Pools of equal shares are one.
        assert_eq!(fitted(&[(1.0, 1), (2.0, 1)]).scores, [1.0, 2.0]);
        assert_eq!(
            fitted(&[(1.0, 1), (2.0, 0), (3.0, 0), (4.0, 1)]).shares,
            [1.0 / 3.0, 1.0 / 3.0, 1.0]
        );
    }

    #[test]
    fn it_is_used_only_if_it_helps() {
        let rows = |share: fn(f64) -> f64| -> Vec<Outcome> {
            // Of every score so many come true as its share says.
            let scores = (0..100).map(|i| (f64::from(i) + 0.5) / 100.0);
            scores
                .flat_map(|s| (0..50).map(move |j| (s, f64::from((j * 37) % 50) + 0.5 < share(s) * 50.0)))
                .collect()
        };
        assert!(Calibration::if_it_helps(&rows(|s| s)).is_none());
        assert!(Calibration::if_it_helps(&rows(|s| s * s)).is_some());
        // One class only; a perfect ranking; a handful of rows.
        assert!(Calibration::if_it_helps(&rows(|_| 1.0)).is_none());
        assert!(Calibration::if_it_helps(&rows(|s| f64::from(u8::from(s > 0.8)))).is_none());
        assert!(Calibration::if_it_helps(&rows(|s| s * s)[..19]).is_none());
    }

    proptest! {
        /// The least squares among ascending functions: at the pools' own scores the mean is kept, and no worse than a constant.
        #[test]
        fn it_ascends_and_keeps_the_mean(outcomes in prop::collection::vec((0u8..20, 0u8..2), 1..80)) {
            let outcomes: Vec<(f64, u8)> = outcomes.iter().map(|&(s, y)| (f64::from(s) / 20.0, y)).collect();
            let calibration = fitted(&outcomes);
            prop_assert!(calibration.is_sound(), "{:?}", calibration);
            let shares: Vec<f64> = (0..=40).map(|i| calibration.share(f64::from(i) / 40.0)).collect();
            prop_assert!(shares.is_sorted_by(|a, b| *a <= b + 1e-12), "{:?}", shares);
            let expected: f64 = outcomes.iter().map(|o| calibration.share(o.0)).sum();
            let yes: f64 = outcomes.iter().map(|o| f64::from(o.1)).sum();
            prop_assert!((expected - yes).abs() < 1e-9);
        }
    }
}
