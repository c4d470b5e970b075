//! What the cells of one column looked like.

use super::summary::Summary;
use crate::monitor::counts::ColumnCounts;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The most frequent ones; an identifier taken for a category must not fill the disk.
const CATEGORIES: usize = 1_000;

/// One column of a baseline: numbers in bins, or categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// Cells that are not missing.
    pub count: u64,
    pub missing: u64,
    #[serde(flatten)]
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Values {
    Numbers {
        /// Cells that are infinite; all that follows is without them.
        infinite: u64,
        /// None where no cell is a finite number.
        summary: Option<Summary>,
        /// Are all finite ones whole? None where nobody knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        whole: Option<bool>,
    },
    Categories {
        /// How many different ones there are.
        distinct: u64,
        /// The most frequent thousand; the most frequent first, equally frequent ones by name.
        categories: Vec<Count>,
        /// Cells of all the rest.
        other: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub category: String,
    pub count: u64,
}

impl Column {
    /// Of numbers; NaN is a missing one.
    pub fn of_numbers(name: &str, cells: &[f64]) -> Column {
        let missing = cells.iter().filter(|cell| cell.is_nan()).count();
        let finite: Vec<f64> = cells.iter().copied().filter(|cell| cell.is_finite()).collect();
        let infinite = cells.len() - missing - finite.len();
        Column {
            name: name.into(),
            count: (cells.len() - missing) as u64,
            missing: missing as u64,
            values: Values::Numbers {
                infinite: infinite as u64,
                whole: (!finite.is_empty()).then(|| finite.iter().all(|x| x.fract() == 0.0)),
                summary: Summary::of(finite),
            },
        }
    }

    /// Of cells that nothing is known of.
    pub fn unknown(name: &str, numbers: bool) -> Column {
        match numbers {
            true => Column::of_numbers(name, &[]),
            false => Column::of_counts(name, [], 0, 0),
        }
    }

    /// Of texts; None is a missing one.
    pub fn of_texts<'a>(name: &str, cells: impl IntoIterator<Item = Option<&'a str>>) -> Column {
        let (mut counts, mut missing): (HashMap<&str, u64>, u64) = Default::default();
        for cell in cells {
            match cell {
                Some(cell) => *counts.entry(cell).or_default() += 1,
                None => missing += 1,
            }
        }
        Column::of_counts(name, counts, 0, missing)
    }

    /// Of categories, each once, with how many cells hold it. `other`: how many cells hold some that are not told apart.
    pub fn of_counts<'a>(
        name: &str,
        counts: impl IntoIterator<Item = (&'a str, u64)>,
        other: u64,
        missing: u64,
    ) -> Column {
        let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let (kept, rest) = counts.split_at(counts.len().min(CATEGORIES));
        Column {
            name: name.into(),
            count: counts.iter().map(|(_, count)| count).sum::<u64>() + other,
            missing,
            values: Values::Categories {
                distinct: counts.len() as u64,
                categories: kept
                    .iter()
                    .map(|&(category, count)| Count {
                        category: category.into(),
                        count,
                    })
                    .collect(),
                other: other + rest.iter().map(|(_, count)| count).sum::<u64>(),
            },
        }
    }

    /// Its own cells as later ones are counted: what those are held against.
    pub fn counts(&self) -> ColumnCounts {
        let mut counts = ColumnCounts {
            missing: self.missing,
            ..ColumnCounts::default()
        };
        match &self.values {
            Values::Numbers { infinite, summary, .. } => {
                counts.infinite = *infinite;
                if let Some(summary) = summary {
                    counts.bins = summary.histogram.counts.clone();
                    counts.range = Some((summary.min, summary.max));
                    counts.sum = summary.mean * counts.bins.iter().sum::<u64>() as f64;
                }
            }
            Values::Categories { categories, other, .. } => {
                counts.bins = categories.iter().map(|category| category.count).collect();
                counts.other = *other;
            }
        }
        counts
    }

    pub fn is_numbers(&self) -> bool {
        matches!(self.values, Values::Numbers { .. })
    }

    /// Why it can't be counted by.
    pub(super) fn defect(&self) -> Option<String> {
        let why = match &self.values {
            Values::Numbers { summary, .. } => summary.as_ref()?.defect()?.to_string(),
            Values::Categories { categories, .. } => {
                let mut seen = HashSet::new();
                let twice = categories.iter().find(|c| !seen.insert(c.category.as_str()))?;
                format!("the category {:?} is listed twice", twice.category)
            }
        };
        Some(format!("of {:?}, {why}", self.name))
    }
}
