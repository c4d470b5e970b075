//! One column then and now, as shares of its cells by bin.

use super::ColumnCounts;
use super::baseline::{Column, Values};
use serde::Serialize;

/// Of the categories the most frequent ones then; the rest is one.
const CATEGORIES: usize = 20;

/// A bin of numbers, a category, or what is in none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    #[serde(flatten)]
    pub of: Of,
    /// Shares of all cells.
    pub then: f64,
    pub now: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Of {
    /// At least `from` and below `to`; the last one with `to`.
    Numbers {
        from: f64,
        to: f64,
    },
    Category {
        category: String,
    },
    /// `below`, `above`, `other`, `missing`, `infinite`.
    Rest {
        cells: &'static str,
    },
}

/// `then`: what is usual, counted in the column's bins.
pub fn bins(column: &Column, then: &ColumnCounts, now: &ColumnCounts) -> Vec<Bin> {
    let [all_then, all_now] = [then, now].map(|counts| counts.cells().max(1) as f64);
    let bin = |of, then: u64, now: u64| Bin {
        of,
        then: then as f64 / all_then,
        now: now as f64 / all_now,
    };
    let count = |counts: &[u64], i: usize| counts.get(i).copied().unwrap_or(0);
    let mut bins = Vec::new();
    let (mut other_then, mut other_now) = (then.other, now.other);
    match &column.values {
        Values::Numbers { summary, .. } => {
            let edges = summary.as_ref().map_or(&[][..], |summary| &summary.histogram.edges);
            for (i, pair) in edges.windows(2).enumerate() {
                let of = Of::Numbers {
                    from: pair[0],
                    to: pair[1],
                };
                bins.push(bin(of, count(&then.bins, i), count(&now.bins, i)));
            }
        }
        Values::Categories { categories, .. } => {
            for (i, listed) in categories.iter().enumerate() {
                let (then, now) = (count(&then.bins, i), count(&now.bins, i));
                if i < CATEGORIES {
                    let category = listed.category.clone();
                    bins.push(bin(Of::Category { category }, then, now));
                } else {
                    (other_then, other_now) = (other_then + then, other_now + now);
                }
            }
        }
    }
    let rest = [
        ("below", then.below, now.below),
        ("above", then.above, now.above),
        ("other", other_then, other_now),
        ("missing", then.missing, now.missing),
        ("infinite", then.infinite, now.infinite),
    ];
    let rest = rest.into_iter().filter(|(_, then, now)| then + now > 0);
    bins.extend(rest.map(|(cells, then, now)| bin(Of::Rest { cells }, then, now)));
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_all_cells_add_up_to_one() {
        let column = Column::of_numbers("x", &[1.0, 2.0, 3.0, f64::NAN]);
        let then = column.counts();
        let now = ColumnCounts {
            above: 3,
            missing: 1,
            ..ColumnCounts::default()
        };
        let found = bins(&column, &then, &now);
        let sums = [|bin: &Bin| bin.then, |bin: &Bin| bin.now].map(|side| found.iter().map(side).sum::<f64>());
        assert_eq!(sums, [1.0, 1.0]);
        let text = serde_json::to_string(&found.last()).unwrap();
        assert_eq!(text, r#"{"cells":"missing","then":0.25,"now":0.25}"#);
    }

    #[test]
    fn rare_categories_are_one() {
        let names: Vec<String> = (0..30).map(|i| format!("c{i:02}")).collect();
        let column = Column::of_counts("city", names.iter().map(|name| (name.as_str(), 1)), 0, 0);
        let found = bins(&column, &column.counts(), &column.counts());
        assert_eq!(found.len(), CATEGORIES + 1);
        assert_eq!(found[CATEGORIES].of, Of::Rest { cells: "other" });
        assert!((found[CATEGORIES].now - 1.0 / 3.0).abs() < 1e-12);
    }
}
