//! Numbers in a few: moments, quantiles, a histogram.

use crate::quantile::quantile;
use serde::{Deserialize, Serialize};

/// Equal bins between the 1 % and the 99 % quantile; with one for each tail there are 20.
const INNER_BINS: usize = 18;
/// Sums of squares of larger numbers may be infinite; these are scaled down first.
const LARGE: f64 = 1e150;
/// A power of two, so that nothing is rounded: 2^-600.
const SMALLER: f64 = f64::from_bits((1023 - 600) << 52);

/// In the column's own unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub mean: f64,
    /// The standard deviation of the population (divided by n), as scikit-learn's `StandardScaler` takes it.
    pub sd: f64,
    pub min: f64,
    pub max: f64,
    pub quantiles: Quantiles,
    pub histogram: Histogram,
}

/// Linear between neighbours (Hyndman and Fan 1996, type 7; numpy's default).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p01: f64,
    pub p05: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
    pub p99: f64,
}

/// Bin i holds what is at least `edges[i]` and below `edges[i + 1]`; the last bin holds its upper edge too.
///
/// 18 bins of equal width between the 1 % and the 99 % quantile, one from the minimum, one to the maximum: so a single
/// wild value can't press all others into one bin. Fewer where edges would be equal; a constant has one bin, both of
/// whose edges are the constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One more than bins.
    pub edges: Vec<f64>,
    pub counts: Vec<u64>,
}

impl Summary {
    /// Of finite numbers.
    pub fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let (mean, sd) = moments(&values, min, max);
        let quantiles = Quantiles::of(|share| quantile(&values, share));
        let below = |edge| values.partition_point(|&value| value < edge) as u64;
        let histogram = Histogram::of([min, max], &quantiles, values.len() as u64, below);
        Some(Summary {
            mean,
            sd,
            min,
            max,
            quantiles,
            histogram,
        })
    }
}

impl Quantiles {
    pub(super) fn of(at: impl Fn(f64) -> f64) -> Quantiles {
        Quantiles {
            p01: at(0.01),
            p05: at(0.05),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

impl Summary {
    /// Why nothing can be counted by it.
    pub(super) fn defect(&self) -> Option<&'static str> {
        let Histogram { edges, counts } = &self.histogram;
        let ascending =
            edges.windows(2).all(|pair| pair[0] < pair[1]) || matches!(edges[..], [low, high] if low == high);
        if counts.is_empty() || edges.len() != counts.len() + 1 {
            return Some("there isn't one edge more than bins");
        }
        if !ascending || edges.iter().any(|edge| !edge.is_finite()) {
            return Some("the edges don't ascend");
        }
        None
    }
}

/// Mean and standard deviation in two steps, which loses no digits; finite for any finite numbers.
fn moments(values: &[f64], min: f64, max: f64) -> (f64, f64) {
    let scale = if min.abs().max(max.abs()) > LARGE { SMALLER } else { 1.0 };
    let n = values.len() as f64;
    let mean = values.iter().map(|value| value * scale).sum::<f64>() / n;
    let variance = values.iter().map(|value| (value * scale - mean).powi(2)).sum::<f64>() / n;
    // Rounding must not put the mean of a constant beside it.
    if min == max {
        (min, 0.0)
    } else {
        ((mean / scale).clamp(min, max), variance.sqrt() / scale)
    }
}

impl Histogram {
    /// Of `count` numbers from `min` to `max`. `below`: how many of them are less than this.
    pub(super) fn of([min, max]: [f64; 2], quantiles: &Quantiles, count: u64, below: impl Fn(f64) -> u64) -> Histogram {
        let inner = (0..=INNER_BINS).map(|i| {
            let part = i as f64 / INNER_BINS as f64;
            quantiles.p01 * (1.0 - part) + quantiles.p99 * part
        });
        let mut edges: Vec<f64> = std::iter::once(min)
            .chain(inner)
            .chain([max])
            .map(|e| e.clamp(min, max))
            .collect();
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        if edges.len() == 1 {
            return Histogram {
                edges: vec![min, max],
                counts: vec![count],
            };
        }
        let ends = edges[1..edges.len() - 1].iter().map(|&edge| below(edge));
        let mut begin = 0;
        let counts = ends
            .chain([count])
            .map(|end| {
                let count = end - begin;
                begin = end;
                count
            })
            .collect();
        Histogram { edges, counts }
    }
}
