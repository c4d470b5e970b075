//! What plots show, as numbers: histograms, ROC curves, calibration, long lines made short.

use crate::plot::round_step;
use crate::quantile::quantile;

/// Equal bins with round edges: bin i holds what is at least `first + i * step` and below `first + (i + 1) * step`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub first: f64,
    pub step: f64,
    pub counts: Vec<usize>,
}

/// More bins than this are too thin to see.
const BINS: f64 = 60.0;

impl Histogram {
    /// Of finite numbers: as wide as Freedman and Diaconis (1981) say, 2 IQR / cube root of n, made round.
    pub fn of(values: &[f64]) -> Histogram {
        let mut ascending: Vec<f64> = values.iter().map(|value| value.clamp(-1e300, 1e300)).collect();
        ascending.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (ascending.first(), ascending.last()) else {
            return Histogram {
                first: 0.0,
                step: 1.0,
                counts: vec![],
            };
        };
        let spread = quantile(&ascending, 0.75) - quantile(&ascending, 0.25);
        let width = 2.0 * spread / (ascending.len() as f64).cbrt();
        let size = min.abs().max(max.abs());
        let least = ((max - min) / BINS).max(size * 1e-9).max(1e-290);
        let step = round_step(if max > min {
            width.max(least)
        } else {
            size.max(1e-280) / 10.0
        });
        let first = (min / step).floor();
        let bin = |value: f64| ((value / step).floor() - first) as usize;
        let mut counts = vec![0; bin(max) + 1];
        for value in ascending {
            counts[bin(value)] += 1;
        }
        Histogram {
            first: first * step,
            step,
            counts,
        }
    }

    /// `bins` bins of numbers from 0 to 1, the last one with its upper edge.
    pub fn of_shares(shares: impl Iterator<Item = f64>, bins: usize) -> Histogram {
        let mut counts = vec![0; bins];
        for share in shares {
            counts[place(share, bins)] += 1;
        }
        Histogram {
            first: 0.0,
            step: 1.0 / bins as f64,
            counts,
        }
    }

    /// (from, to, height), with counts as they are or as shares of `whole`.
    pub fn bars(&self, whole: f64) -> Vec<(f64, f64, f64)> {
        let edge = |i: usize| self.first + i as f64 * self.step;
        self.counts
            .iter()
            .enumerate()
            .map(|(i, &count)| (edge(i), edge(i + 1), count as f64 / whole))
            .collect()
    }
}

fn place(share: f64, bins: usize) -> usize {
    ((share.clamp(0.0, 1.0) * bins as f64) as usize).min(bins - 1)
}

/// (false positive rate, true positive rate) for each threshold, from none called yes to all (Fawcett 2006, algorithm
/// 1). Rows are (probability, yes). None if there is one class only.
pub(super) fn roc(rows: &[(f64, bool)]) -> Option<Vec<(f64, f64)>> {
    let all_yes = rows.iter().filter(|row| row.1).count() as f64;
    let all_no = rows.len() as f64 - all_yes;
    if all_yes == 0.0 || all_no == 0.0 {
        return None;
    }
    let mut descending = rows.to_vec();
    descending.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut curve = vec![(0.0, 0.0)];
    let (mut yes, mut no) = (0.0, 0.0);
    for tied in descending.chunk_by(|a, b| a.0 == b.0) {
        let called = tied.iter().filter(|row| row.1).count() as f64;
        yes += called;
        no += tied.len() as f64 - called;
        curve.push((no / all_no, yes / all_yes));
    }
    Some(curve)
}

/// (recall, precision) for each threshold, the highest first; so many as there are probabilities. Rows are (probability, yes). None
/// where nothing came true as yes.
pub(super) fn precision_recall(rows: &[(f64, bool)]) -> Option<Vec<(f64, f64)>> {
    let all_yes = rows.iter().filter(|row| row.1).count() as f64;
    if all_yes == 0.0 {
        return None;
    }
    let mut descending = rows.to_vec();
    descending.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut yes, mut called) = (0.0, 0.0);
    let tied = descending.chunk_by(|a, b| a.0 == b.0);
    let points = tied.map(|tied| {
        yes += tied.iter().filter(|row| row.1).count() as f64;
        called += tied.len() as f64;
        (yes / all_yes, yes / called)
    });
    Some(points.collect())
}

/// The sum of the precisions, each times by how much the recall grew: the area below the curve as steps, without the optimism of
/// lines between the points. (`average_precision_score`, 3.4.4.9.)
pub(super) fn average_precision(curve: &[(f64, f64)]) -> f64 {
    let mut before = 0.0;
    let steps = curve.iter().map(|&(recall, precision)| {
        let grew = recall - before;
        before = recall;
        grew * precision
    });
    steps.sum()
}

/// Rows whose probabilities fall into the same tenth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tenth {
    /// The mean of the probabilities.
    pub predicted: f64,
    /// The share that came true as yes.
    pub actual: f64,
    /// Where the true share lies with 95 % (Wilson 1927).
    pub lower: f64,
    pub upper: f64,
    pub rows: usize,
}

/// The tenths that hold rows. Rows are (probability, yes).
pub(super) fn calibration(rows: &[(f64, bool)]) -> Vec<Tenth> {
    let mut sums = [(0usize, 0.0, 0.0); 10];
    for &(probability, yes) in rows {
        let sum = &mut sums[place(probability, 10)];
        sum.0 += 1;
        sum.1 += probability;
        sum.2 += f64::from(u8::from(yes));
    }
    let filled = sums.into_iter().filter(|sum| sum.0 > 0);
    filled
        .map(|(rows, probabilities, yes)| {
            let n = rows as f64;
            let (actual, z) = (yes / n, 1.959964);
            let middle = (actual + z * z / (2.0 * n)) / (1.0 + z * z / n);
            let half = z / (1.0 + z * z / n) * (actual * (1.0 - actual) / n + z * z / (4.0 * n * n)).sqrt();
            Tenth {
                predicted: probabilities / n,
                actual,
                lower: middle - half,
                upper: middle + half,
                rows,
            }
        })
        .collect()
}

/// At most `most` points (and the ends) of a line with ascending x: of each run of points the lowest and the highest
/// stay, so that no spike is lost. `run` numbers the run of a point, ascending, below `most` / 2.
pub(super) fn thin(points: &[(f64, f64)], most: usize, run: impl Fn(f64) -> usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let mut kept = vec![points[0]];
    for piece in points.chunk_by(|a, b| run(a.0) == run(b.0)) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = piece
            .iter()
            .min_by(by_height)
            .into_iter()
            .chain(piece.iter().max_by(by_height));
        let mut ends: Vec<(f64, f64)> = ends.copied().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(ends);
    }
    kept.push(points[points.len() - 1]);
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_histogram_has_round_bins() {
        let values: Vec<f64> = (0..1_000).map(|i| f64::from(i) * 0.037).collect();
        let histogram = Histogram::of(&values);
        assert_eq!((histogram.first, histogram.step), (0.0, 5.0));
        assert_eq!(histogram.counts.iter().sum::<usize>(), 1_000);
        let constant = Histogram::of(&[3.0; 5]);
        assert_eq!(constant.counts, [5]);
    }

    #[test]
    fn shares_of_one_fall_into_the_last_bin() {
        assert_eq!(
            Histogram::of_shares([0.0, 0.5, 1.0].into_iter(), 4).counts,
            [1, 0, 1, 1]
        );
    }

    #[test]
    fn a_roc_curve_steps_over_ties_at_once() {
        let rows = [(0.9, true), (0.5, true), (0.5, false), (0.1, false)];
        assert_eq!(roc(&rows).unwrap(), [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        assert_eq!(roc(&[(0.9, true)]), None);
    }

    #[test]
    fn average_precision_is_that_of_scikit_learn() {
        let text = include_str!("../../tests/fixtures/evaluation/yes_no.csv");
        let fields = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
        let rows: Vec<(f64, bool)> = fields
            .map(|(actual, p)| (p.parse().unwrap(), actual.parse::<f64>().unwrap() == 1.0))
            .collect();
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/evaluation/expected.json")).unwrap();
        let expected = expected["yes_no"][0]["average_precision"].as_f64().unwrap();
        let curve = precision_recall(&rows).unwrap();
        assert!((average_precision(&curve) - expected).abs() < 1e-12);
        assert_eq!(curve.last().unwrap().0, 1.0);
        assert_eq!(precision_recall(&[(0.3, false)]), None);
    }

    #[test]
    fn calibration_is_the_share_in_each_tenth() {
        let rows = [(0.11, false), (0.13, true), (0.18, false), (0.14, false), (1.0, true)];
        let tenths = calibration(&rows);
        assert_eq!(tenths.len(), 2);
        assert!((tenths[0].predicted - 0.14).abs() < 1e-12);
        assert_eq!((tenths[0].actual, tenths[0].rows), (0.25, 4));
        // Wilson's interval of 1 in 4: SciPy's binomtest(1, 4).proportion_ci(method="wilson").
        assert!(
            (tenths[0].lower - 0.045587).abs() < 1e-5 && (tenths[0].upper - 0.699358).abs() < 1e-5,
            "{tenths:?}"
        );
    }

    #[test]
    fn a_thinned_line_keeps_its_spikes_and_its_ends() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[4_321].1 = 99.0;
        let thinned = thin(&points, 200, |x| (x / 100.0) as usize);
        assert!(thinned.len() <= 202 && thinned.contains(&(4_321.0, 99.0)));
        assert_eq!((thinned[0].0, thinned[thinned.len() - 1].0), (0.0, 9_999.0));
        assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
    }

    proptest! {
        #[test]
        fn a_histogram_counts_every_number(values in prop::collection::vec(prop::num::f64::NORMAL, 1..50)) {
            let histogram = Histogram::of(&values);
            prop_assert_eq!(histogram.counts.iter().sum::<usize>(), values.len());
            prop_assert!(histogram.counts.len() <= 65, "{}", histogram.counts.len());
        }

        /// The area below the curve is the metric.
        #[test]
        fn the_area_below_the_roc_curve_is_roc_auc(rows in prop::collection::vec((0u8..9, any::<bool>()), 2..50)) {
            let rows: Vec<(f64, bool)> = rows.iter().map(|row| (f64::from(row.0) / 9.0, row.1)).collect();
            let actual: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
            let predicted: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let task = crate::evaluate::Task::Classification { threshold: 0.5 };
            let examples = crate::evaluate::Examples::plain(&actual, &predicted);
            let auc = crate::evaluate::rows::Rows::new(task, &examples).metrics(|_| 1)[0];
            let area = roc(&rows).map(|curve| {
                curve.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum::<f64>()
            });
            match (auc, area) {
                (Some(auc), Some(area)) => prop_assert!((auc - area).abs() < 1e-12),
                (auc, area) => prop_assert_eq!(auc, area),
            }
        }
    }
}
