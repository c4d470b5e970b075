//! One output that both versions give, in all rows.

use super::exact::Sum;
use super::ranks::{correlation, top_overlap};
use crate::evaluate::curves::Histogram;
use crate::monitor::check::distance::Bins;
use crate::quantile::quantile;
use serde::Serialize;

/// Points of a picture.
const POINTS: usize = 3_000;
/// A histogram reaches so many times as far as 99 % of differences.
const FAR: f64 = 2.0;

/// How far the shadow's values of an output are from the champion's. The rank
/// correlation, the 99th percentile, the overlap, the index and the histogram are of the sample, where not all rows are in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// A number's name, or the class whose probability it is.
    pub name: String,
    /// Rows in which both values are finite numbers.
    pub rows: u64,
    /// Rows that both scored, and in which a value isn't finite.
    pub not_finite: u64,
    /// Rows in which the two are the same number.
    pub same: u64,
    /// The shadow's minus the champion's.
    pub mean: Option<f64>,
    /// Of either sign.
    pub mean_absolute: Option<f64>,
    pub p99_absolute: Option<f64>,
    /// Spearman's; none where one of them says the same of all rows.
    pub rank_correlation: Option<f64>,
    pub top_decile_overlap: Option<f64>,
    /// The population stability index, in bins by the champion's deciles.
    pub psi: Option<f64>,
    /// Of the differences but for those that are 0: (from, to, rows).
    pub histogram: Vec<(f64, f64, u64)>,
    /// Rows of the sample that are too far for it: a few would leave nothing to be seen of the others.
    pub beyond: u64,
    /// (champion's, shadow's) of some rows.
    #[serde(skip)]
    pub points: Vec<(f64, f64)>,
}

/// What is added up of a column.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    rows: u64,
    not_finite: u64,
    same: u64,
    /// Of differences above 0, and of those below.
    above: Sum,
    below: Sum,
}

impl Sums {
    /// The difference; none where it isn't finite.
    pub fn add(&mut self, [champion, shadow]: [f64; 2]) -> Option<f64> {
        let difference = shadow - champion;
        if !difference.is_finite() {
            self.not_finite += 1;
            return None;
        }
        self.rows += 1;
        self.same += u64::from(difference == 0.0);
        let sum = if difference < 0.0 {
            &mut self.below
        } else {
            &mut self.above
        };
        sum.add(difference.abs());
        Some(difference)
    }

    /// `sample`: values of the rows that stand for all, in an order that is as good as any.
    pub fn finish(&self, name: String, mut sample: Vec<[f64; 2]>) -> Column {
        sample.retain(|pair| (pair[1] - pair[0]).is_finite());
        let (above, below, rows) = (self.above.value(), self.below.value(), self.rows as f64);
        let known = |value: f64| Some(value).filter(|value| value.is_finite());
        let differences: Vec<f64> = sample.iter().map(|pair| pair[1] - pair[0]).collect();
        let p99 = absolute_quantile(&differences, 0.99);
        let far = p99.filter(|&p99| p99 > 0.0).map_or(f64::INFINITY, |p99| FAR * p99);
        let (near, beyond): (Vec<f64>, Vec<f64>) = differences
            .iter()
            .filter(|difference| **difference != 0.0)
            .partition(|difference| difference.abs() <= far);
        let histogram = Histogram::of(&near);
        let bars = histogram.bars(1.0).into_iter().zip(&histogram.counts);
        Column {
            name,
            rows: self.rows,
            not_finite: self.not_finite,
            same: self.same,
            mean: known((above - below) / rows),
            mean_absolute: known((above + below) / rows),
            p99_absolute: p99,
            rank_correlation: correlation(&sample),
            top_decile_overlap: top_overlap(&sample),
            psi: psi(&sample),
            histogram: bars.map(|((from, to, _), &rows)| (from, to, rows as u64)).collect(),
            beyond: beyond.len() as u64,
            points: sample.iter().take(POINTS).map(|pair| (pair[0], pair[1])).collect(),
        }
    }
}

fn absolute_quantile(differences: &[f64], share: f64) -> Option<f64> {
    let mut ascending: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    ascending.sort_unstable_by(f64::total_cmp);
    (!ascending.is_empty()).then(|| quantile(&ascending, share))
}

/// Of the shadow's values against the champion's, in bins whose edges are the champion's deciles.
fn psi(sample: &[[f64; 2]]) -> Option<f64> {
    let [champion, shadow] = [0, 1].map(|side| {
        let mut values: Vec<f64> = sample.iter().map(|pair| pair[side]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    });
    if champion.is_empty() {
        return None;
    }
    let mut edges: Vec<f64> = (1..10)
        .map(|tenth| quantile(&champion, f64::from(tenth) / 10.0))
        .collect();
    edges.dedup();
    let counts = |ascending: &[f64]| {
        let mut below = 0;
        let ends = edges
            .iter()
            .map(|&edge| ascending.partition_point(|&value| value <= edge));
        let counts = ends.chain([ascending.len()]).map(|end| {
            let count = end - below;
            below = end;
            count as u64
        });
        counts.collect::<Vec<u64>>()
    };
    let bins = Bins::of_numbers(&counts(&champion), &counts(&shadow), (0, 0));
    bins.is_comparable().then(|| bins.psi())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(pairs: Vec<[f64; 2]>) -> Column {
        let mut sums = Sums::default();
        for &pair in &pairs {
            sums.add(pair);
        }
        sums.finish("y".into(), pairs)
    }

    #[test]
    fn the_same_values_differ_in_nothing() {
        let same = column((0..1_000).map(|i| [f64::from(i), f64::from(i)]).collect());
        assert_eq!(
            (same.mean, same.mean_absolute, same.p99_absolute),
            (Some(0.0), Some(0.0), Some(0.0))
        );
        assert_eq!(
            (same.rank_correlation, same.top_decile_overlap, same.same),
            (Some(1.0), Some(1.0), 1_000)
        );
        assert!(same.psi.unwrap().abs() < 1e-12);
        assert_eq!((same.histogram, same.beyond), (vec![], 0));
    }

    /// (a - e) ln(a / e): a tenth of the rows in each bin, and then none in the first and twice as many in the last, where none counts
    /// as half a row.
    #[test]
    fn differences_are_measured_in_several_ways() {
        let pairs = (0..1_000).map(|i| [f64::from(i), f64::from(if i < 100 { 2_000 + i } else { i })]);
        let moved = column(pairs.collect());
        assert_eq!(
            (moved.mean, moved.mean_absolute, moved.same),
            (Some(200.0), Some(200.0), 900)
        );
        assert_eq!(
            (moved.p99_absolute, moved.top_decile_overlap),
            (Some(2_000.0), Some(0.0))
        );
        let psi = (0.0005f64 - 0.1) * (0.0005f64 / 0.1).ln() + 0.1 * 2f64.ln();
        assert!((moved.psi.unwrap() - psi).abs() < 1e-9, "{:?} {psi}", moved.psi);
        assert_eq!(moved.rank_correlation.map(|rho| (rho * 1e3).round()), Some(460.0));
    }

    #[test]
    fn what_is_not_finite_is_counted_by_itself() {
        let nan = f64::NAN;
        let odd = column(vec![
            [1.0, nan],
            [nan, nan],
            [1.0, f64::INFINITY],
            [f64::MAX, -f64::MAX],
            [1.0, 0.5],
        ]);
        assert_eq!((odd.rows, odd.not_finite, odd.mean, odd.psi), (1, 4, Some(-0.5), None));
        assert_eq!(odd.histogram.iter().map(|bar| bar.2).sum::<u64>(), 1);
        let none = column(vec![[nan, 1.0]]);
        assert_eq!(
            (none.mean, none.p99_absolute, none.rank_correlation),
            (None, None, None)
        );
    }
}
