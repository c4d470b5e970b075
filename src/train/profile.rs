//! What the training data looked like, feature by feature: what later data is held against to see drift.

use super::frame::{Cells, Frame, Series};
use crate::evaluate::bootstrap::quantile;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const FORMAT_VERSION: u32 = 1;
/// Equal bins between the 1 % and the 99 % quantile; with one for each tail there are 20.
const INNER_BINS: usize = 18;
/// The most frequent ones; an identifier taken for a category must not fill the disk.
const CATEGORIES: usize = 1_000;
/// Sums of squares of larger numbers may be infinite; these are scaled down first.
const LARGE: f64 = 1e150;
/// A power of two, so that nothing is rounded: 2^-600.
const SMALLER: f64 = f64::from_bits((1023 - 600) << 52);

/// `profile.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub format_version: u32,
    pub rows: usize,
    /// In the order of the columns.
    pub features: Vec<Feature>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    pub name: String,
    /// Cells that are not missing.
    pub count: usize,
    pub missing: usize,
    #[serde(flatten)]
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Values {
    Numbers {
        /// Cells that are infinite; all that follows is without them.
        infinite: usize,
        /// None where no cell is a finite number.
        summary: Option<Summary>,
    },
    Categories {
        /// How many different ones there are.
        distinct: usize,
        /// The most frequent thousand; the most frequent first, equally frequent ones by name.
        categories: Vec<Count>,
        /// Cells of all the rest.
        other: usize,
    },
}

/// In the feature's own unit.
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
    pub counts: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    pub category: String,
    pub count: usize,
}

impl Profile {
    pub fn of(frame: &Frame) -> Profile {
        Profile {
            format_version: FORMAT_VERSION,
            rows: frame.rows,
            features: frame.columns.iter().map(Feature::of).collect(),
        }
    }
}

impl Feature {
    fn of(series: &Series) -> Feature {
        let (count, missing, values) = match &series.cells {
            Cells::Numbers(cells) => {
                let missing = cells.iter().filter(|cell| cell.is_nan()).count();
                let finite: Vec<f64> = cells.iter().copied().filter(|cell| cell.is_finite()).collect();
                let infinite = cells.len() - missing - finite.len();
                (
                    cells.len() - missing,
                    missing,
                    Values::Numbers {
                        infinite,
                        summary: Summary::of(finite),
                    },
                )
            }
            Cells::Texts(cells) => {
                let count = cells.iter().flatten().count();
                (count, cells.len() - count, categories(cells))
            }
        };
        Feature {
            name: series.name.clone(),
            count,
            missing,
            values,
        }
    }
}

fn categories(cells: &[Option<String>]) -> Values {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for cell in cells.iter().flatten() {
        *counts.entry(cell).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let (kept, rest) = counts.split_at(counts.len().min(CATEGORIES));
    Values::Categories {
        distinct: counts.len(),
        categories: kept
            .iter()
            .map(|&(category, count)| Count {
                category: category.into(),
                count,
            })
            .collect(),
        other: rest.iter().map(|&(_, count)| count).sum(),
    }
}

impl Summary {
    /// Of finite numbers.
    fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let (mean, sd) = moments(&values, min, max);
        let at = |share| quantile(&values, share);
        let quantiles = Quantiles {
            p01: at(0.01),
            p05: at(0.05),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p95: at(0.95),
            p99: at(0.99),
        };
        let histogram = Histogram::of(&values, quantiles.p01, quantiles.p99);
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
    /// `ascending` holds at least one number.
    fn of(ascending: &[f64], low: f64, high: f64) -> Histogram {
        let (min, max) = (ascending[0], ascending[ascending.len() - 1]);
        let inner = (0..=INNER_BINS).map(|i| {
            let part = i as f64 / INNER_BINS as f64;
            low * (1.0 - part) + high * part
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
                counts: vec![ascending.len()],
            };
        }
        // Where each bin ends in the ascending numbers.
        let ends = edges[1..edges.len() - 1]
            .iter()
            .map(|&edge| ascending.partition_point(|&value| value < edge));
        let mut begin = 0;
        let counts = ends
            .chain([ascending.len()])
            .map(|end| {
                let count = end - begin;
                begin = end;
                count
            })
            .collect();
        Histogram { edges, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feature(cells: Cells) -> Feature {
        let rows = match &cells {
            Cells::Numbers(cells) => cells.len(),
            Cells::Texts(cells) => cells.len(),
        };
        let frame = Frame {
            rows,
            columns: vec![Series {
                name: "x".into(),
                cells,
            }],
        };
        let profile = Profile::of(&frame);
        // What is written can be read, to the bit.
        let text = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), profile, "{text}");
        profile.features.into_iter().next().unwrap()
    }

    fn summary(cells: &[f64]) -> Option<Summary> {
        match feature(Cells::Numbers(cells.to_vec())).values {
            Values::Numbers { summary, .. } => summary,
            Values::Categories { .. } => panic!("numbers"),
        }
    }

    #[test]
    fn numbers_are_counted_and_summed_up() {
        let cells = vec![1.0, f64::NAN, 2.0, 3.0, f64::INFINITY, 4.0];
        let feature = feature(Cells::Numbers(cells));
        assert_eq!((feature.count, feature.missing), (5, 1));
        let Values::Numbers {
            infinite: 1,
            summary: Some(summary),
        } = feature.values
        else {
            panic!()
        };
        assert_eq!(
            (summary.mean, summary.sd, summary.min, summary.max),
            (2.5, 1.25f64.sqrt(), 1.0, 4.0)
        );
        assert_eq!(
            (summary.quantiles.p25, summary.quantiles.p50, summary.quantiles.p75),
            (1.75, 2.5, 3.25)
        );
    }

    #[test]
    fn a_column_without_numbers_has_no_summary() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn a_constant_has_one_bin_and_no_spread() {
        let summary = summary(&[0.1; 7]).unwrap();
        assert_eq!((summary.mean, summary.sd), (0.1, 0.0));
        assert_eq!(
            summary.histogram,
            Histogram {
                edges: vec![0.1, 0.1],
                counts: vec![7]
            }
        );
    }

    #[test]
    fn one_wild_value_does_not_press_the_others_into_one_bin() {
        let mut cells: Vec<f64> = (0..1_000).map(f64::from).collect();
        cells.push(1e9);
        let histogram = summary(&cells).unwrap().histogram;
        assert_eq!(histogram.counts.len(), 20);
        assert!(*histogram.counts.iter().max().unwrap() < 70, "{histogram:?}");
    }

    #[test]
    fn zeros_and_ones_fall_into_two_bins() {
        let cells: Vec<f64> = (0..100).map(|i| f64::from(i % 4 / 3)).collect();
        let counts = summary(&cells).unwrap().histogram.counts;
        assert_eq!((counts[0], counts[counts.len() - 1]), (75, 25));
    }

    #[test]
    fn categories_are_counted_the_most_frequent_first() {
        let cells = ["Oslo", "Lima", "Oslo", "Ako"].map(|city| Some(city.to_owned()));
        let feature = feature(Cells::Texts([cells.as_slice(), &[None]].concat()));
        assert_eq!((feature.count, feature.missing), (4, 1));
        let count = |category: &str, count| Count {
            category: category.into(),
            count,
        };
        let categories = vec![count("Oslo", 2), count("Ako", 1), count("Lima", 1)];
        assert_eq!(
            feature.values,
            Values::Categories {
                distinct: 3,
                categories,
                other: 0
            }
        );
    }

    #[test]
    fn rare_categories_beyond_a_thousand_are_other() {
        let mut cells: Vec<_> = (0..1_500).map(|i| Some(format!("{i:04}"))).collect();
        cells.push(Some("1499".into()));
        let Values::Categories {
            distinct,
            categories,
            other,
        } = feature(Cells::Texts(cells)).values
        else {
            panic!()
        };
        assert_eq!((distinct, categories.len(), other), (1_500, 1_000, 501 - 1));
        assert_eq!((categories[0].category.as_str(), categories[0].count), ("1499", 2));
    }

    #[test]
    fn json_has_stable_keys() {
        let cells = Cells::Numbers(vec![1.0, 3.0]);
        let frame = Frame {
            rows: 2,
            columns: vec![Series {
                name: "x".into(),
                cells,
            }],
        };
        let json = serde_json::to_value(Profile::of(&frame)).unwrap();
        let feature = &json["features"][0];
        assert_eq!(
            (&json["format_version"], &feature["type"]),
            (&1.into(), &"numbers".into())
        );
        assert_eq!(feature["summary"]["quantiles"]["p50"], 2.0);
        assert_eq!(feature["summary"]["histogram"]["edges"].as_array().unwrap().len(), 21);
    }

    proptest! {
        #[test]
        fn bins_hold_every_number_once(
            cells in prop::collection::vec(prop_oneof![-1e3..1e3, Just(0.0), prop::num::f64::NORMAL], 1..80),
        ) {
            let summary = summary(&cells).unwrap();
            let Histogram { edges, counts } = &summary.histogram;
            prop_assert_eq!(edges.len(), counts.len() + 1);
            prop_assert!(counts.len() <= 20);
            prop_assert_eq!((edges[0], edges[counts.len()]), (summary.min, summary.max));
            for bin in 0..counts.len() {
                let last = bin + 1 == counts.len();
                let (low, high) = (edges[bin], edges[bin + 1]);
                prop_assert!(low < high || summary.min == summary.max);
                let within = |value: &&f64| **value >= low && (**value < high || last && **value <= high);
                prop_assert_eq!(cells.iter().filter(within).count(), counts[bin]);
            }
            prop_assert!(summary.mean >= summary.min && summary.mean <= summary.max);
            prop_assert!(summary.sd.is_finite());
        }
    }
}
