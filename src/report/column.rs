//! Then and now: a column as it was in the baseline, or a week before, beside the period.

use super::Subject;
use super::change::{Change, complement, mean, percent, share};
use super::trail::Trails;
use crate::digits::short;
use crate::monitor::baseline::{Column, Values};
use crate::monitor::{ColumnCounts, Then};
use serde::{Serialize, Serializer};
use std::collections::HashMap;

/// Categories beyond these are one bar.
const CATEGORIES: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Input,
    Output,
    /// The model doesn't take it.
    Other,
}

#[derive(Clone, Debug, Serialize)]
pub struct Portrait {
    pub name: String,
    pub role: Role,
    /// A check was beyond its bar. Then `now` is of the windows in which one was.
    pub changed: bool,
    /// What `then` is: what the last one of these windows was held against.
    #[serde(serialize_with = "in_words")]
    pub when: Then,
    pub then: Side,
    /// Of those windows that were held against the same.
    pub now: Side,
    /// How many windows `now` is of.
    pub windows: usize,
    /// The population stability index of the last window, and its bar.
    pub psi: Option<f64>,
    pub bar: Option<f64>,
    pub numbers: bool,
    pub bins: Vec<Bin>,
}

/// Of then, or of now.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    pub cells: u64,
    /// A share of cells.
    pub missing: f64,
    /// Of finite numbers.
    pub mean: Option<f64>,
}

/// Shares of cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// A category, `0 to 5`, or in parentheses what is no value: `(missing)`.
    pub name: String,
    pub then: f64,
    pub now: f64,
    /// Of numbers: its edges. None of what stands apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<(f64, f64)>,
}

impl Portrait {
    /// `mean 3.1 to 4.5, missing 0 % to 4.2 %`
    pub fn figures(&self) -> String {
        let mut parts = Vec::new();
        if let Some(psi) = self.psi {
            let bar = self
                .bar
                .map_or(String::new(), |bar| format!(" (bar {})", short(bar, 3)));
            parts.push(format!("last PSI {}{bar}", short(psi, 3)));
        }
        if let (Some(then), Some(now)) = (self.then.mean, self.now.mean) {
            parts.push(format!("mean {} \u{2192} {}", short(then, 4), short(now, 4)));
        }
        let missing = [self.then.missing, self.now.missing];
        if missing != [0.0; 2] {
            let [then, now] = missing.map(percent);
            parts.push(format!("missing {then} \u{2192} {now}"));
        }
        parts.join(" \u{b7} ")
    }
}

/// Those that changed first, in the order of the changes; then outputs, then the rest.
pub(super) fn portraits(subject: &Subject, trails: &Trails, changes: &[Change]) -> Vec<Portrait> {
    let baseline = subject.baseline;
    let (inputs, outputs) = (baseline.features.len(), baseline.outputs().len());
    let mut over: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut order: HashMap<&str, usize> = HashMap::new();
    for (check, trail) in trails.over().filter(|(check, _)| check.segment.is_none()) {
        over.entry(&check.column).or_default().extend(&trail.over);
    }
    for change in changes.iter().filter(|change| change.check.segment.is_none()) {
        let next = order.len();
        order.entry(&change.check.column).or_insert(next);
    }
    let complement = complement(baseline);
    let columns = baseline.columns().into_iter().enumerate();
    let columns = columns.filter(|(_, column)| complement != Some(&column.name));
    let mut portraits: Vec<(usize, Portrait)> = columns
        .filter_map(|(i, column)| {
            let role = match i {
                i if i < inputs => Role::Input,
                i if i < inputs + outputs => Role::Output,
                _ => Role::Other,
            };
            let mut windows = over.get(column.name.as_str()).cloned().unwrap_or_default();
            windows.sort_unstable();
            windows.dedup();
            let changed = !windows.is_empty();
            if !changed {
                windows = (0..subject.windows.len()).collect();
            }
            let when = &subject.windows[*windows.last()?].then;
            windows.retain(|&window| subject.windows[window].then.day() == when.day());
            let then = when.column(i, column);
            let counted = |&window: &usize| subject.windows[window].counts.columns.get(i);
            let mut now = ColumnCounts::default();
            windows.iter().filter_map(counted).for_each(|counts| now.add(counts));
            let psi = trails.get("psi", &column.name).and_then(|trail| trail.points.last());
            let rank = match (order.get(column.name.as_str()), role) {
                (Some(&order), _) => order,
                (None, Role::Output) => changes.len() + i,
                (None, _) => changes.len() + inputs + outputs + i,
            };
            let portrait = Portrait {
                name: column.name.clone(),
                role,
                changed,
                when: when.clone(),
                then: side(column, &then),
                now: side(column, &now),
                windows: windows.len(),
                psi: psi.and_then(|point| point.value),
                bar: psi.and_then(|point| point.bar),
                numbers: column.is_numbers(),
                bins: bins(column, &then, &now),
            };
            Some((rank, portrait))
        })
        .collect();
    portraits.sort_by_key(|(rank, _)| *rank);
    portraits.into_iter().map(|(_, portrait)| portrait).collect()
}

fn in_words<S: Serializer>(then: &Then, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(then)
}

fn side(column: &Column, counts: &ColumnCounts) -> Side {
    Side {
        cells: counts.cells(),
        missing: share(counts.missing, counts.cells()),
        mean: if column.is_numbers() { mean(counts) } else { None },
    }
}

/// Bins of numbers in their order, or the most frequent categories, then what stands apart, where there is any.
pub(super) fn bins(column: &Column, then: &ColumnCounts, now: &ColumnCounts) -> Vec<Bin> {
    let bin = |name: String, edges, counts: (u64, u64)| Bin {
        name,
        then: share(counts.0, then.cells()),
        now: share(counts.1, now.cells()),
        edges,
    };
    let count = |counts: &ColumnCounts, i: usize| counts.bins.get(i).copied().unwrap_or(0);
    let both = |i| (count(then, i), count(now, i));
    let mut bins = Vec::new();
    let mut apart = Vec::new();
    match &column.values {
        Values::Numbers { summary, .. } => {
            let edges = summary.as_ref().map_or(&[][..], |summary| &summary.histogram.edges);
            for (i, ends) in edges.windows(2).enumerate() {
                let name = format!("{} to {}", short(ends[0], 4), short(ends[1], 4));
                bins.push(bin(name, Some((ends[0], ends[1])), both(i)));
            }
            apart.push(("below", (then.below, now.below)));
            apart.push(("above", (then.above, now.above)));
            // Where the baseline has no number at all.
            apart.push(("any number", (then.other, now.other)));
        }
        Values::Categories { categories, .. } => {
            let mut order: Vec<usize> = (0..categories.len()).collect();
            let larger = |&i: &usize| share(both(i).0, then.cells()).max(share(both(i).1, now.cells()));
            // The order of the baseline where they are alike.
            order.sort_by(|a, b| larger(b).total_cmp(&larger(a)));
            let (shown, rest) = order.split_at(order.len().min(CATEGORIES));
            bins.extend(
                shown
                    .iter()
                    .map(|&i| bin(categories[i].category.clone(), None, both(i))),
            );
            let sum = rest
                .iter()
                .map(|&i| both(i))
                .fold((0, 0), |sum, both| (sum.0 + both.0, sum.1 + both.1));
            let name = format!("({} other categories)", rest.len());
            if !rest.is_empty() {
                bins.push(bin(name, None, sum));
            }
            let name = if then.other == 0 {
                "not in the baseline"
            } else {
                "not listed"
            };
            apart.push((name, (then.other, now.other)));
        }
    }
    apart.push(("missing", (then.missing, now.missing)));
    apart.push(("infinite", (then.infinite, now.infinite)));
    let apart = apart.into_iter().filter(|(_, counts)| *counts != (0, 0));
    bins.extend(apart.map(|(name, counts)| bin(format!("({name})"), None, counts)));
    bins
}
