//! What was counted of rows: integers in the bins of a baseline. Counts of neighbouring rows add up to those of both, so they
//! depend neither on threads nor on where an input was cut.

mod bins;
mod counter;
mod encoding;
mod groups;
mod keys;
mod lanes;
mod numbers;
#[cfg(target_arch = "x86_64")]
mod vector;
mod worth;

pub use counter::{Counter, Observed, Scratch};
pub use groups::value as group;
pub use keys::{Keys, fingerprint};

use super::performance::Tally;
use crate::model::unicode;
use std::collections::BTreeMap;

/// What was counted of an input, of a part of one, or of all inputs of a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub rows: u64,
    /// Rows that couldn't be scored. Of them nothing else is counted but the cells that made them bad.
    pub bad_rows: u64,
    /// In the order of the baseline's columns: the model's inputs, its outputs, then other columns.
    pub columns: Vec<ColumnCounts>,
    /// In the order of `monitor.segments`; those of several times may be of several settings.
    pub segments: Vec<SegmentCounts>,
    /// Of each class whose probabilities the baseline knows the worth of.
    pub tallies: Vec<Tally>,
    /// Rows whose key stood before in the same input; none where no key is watched.
    pub duplicates: Option<u64>,
    /// How often the keys that are looked at were halved, of the input with most of them; 0: the duplicates are exact, else they are
    /// estimated by a sample of the keys and by how many are different. See [`Keys`].
    pub halvings: u8,
    /// Watched columns that the input didn't have, or had twice: by their names, which ascend.
    pub absent: Vec<String>,
    /// Columns of the input that the baseline's rows didn't have. The ledger doesn't keep them.
    pub added: Vec<String>,
}

/// Good rows by the value of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentCounts {
    pub column: String,
    /// Of all values the fifty that are least as texts, so that they don't depend on where an input was cut. The empty one is
    /// missing.
    pub values: BTreeMap<String, GroupCounts>,
    /// Of the rest.
    pub other: GroupCounts,
}

/// Of the rows of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupCounts {
    pub rows: u64,
    /// Those that were called the favourable label.
    pub favourable: u64,
    /// In the order of the model's outputs.
    pub outputs: Vec<ColumnCounts>,
}

/// Of the cells of one column in good rows; `bad` alone is of bad ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnCounts {
    /// By bin of the baseline's histogram, or by its categories, in its order.
    pub bins: Vec<u64>,
    /// Below the first edge, and above the last one.
    pub below: u64,
    pub above: u64,
    /// Categories that the baseline doesn't list.
    pub other: u64,
    pub missing: u64,
    pub infinite: u64,
    /// Cells that can't be read.
    pub bad: u64,
    /// Less than 0.
    pub negative: u64,
    /// Finite and not whole; counted where all of the baseline's are whole.
    pub fractional: u64,
    /// Of finite numbers: the least and the greatest, if there are any.
    pub range: Option<(f64, f64)>,
    /// Of finite numbers, added up by batches, in their order.
    pub sum: f64,
}

impl Counts {
    /// By the column's name. Counts of a time with other settings have others.
    pub fn segment(&self, column: &str) -> Option<&SegmentCounts> {
        let name = unicode::name(column);
        self.segments.iter().find(|segment| segment.column == name)
    }

    /// Takes what was counted of the rows behind its own.
    pub fn add(&mut self, next: &Counts) {
        self.rows += next.rows;
        self.bad_rows += next.bad_rows;
        if self.columns.len() < next.columns.len() {
            self.columns.resize_with(next.columns.len(), ColumnCounts::default);
        }
        for (column, next) in self.columns.iter_mut().zip(&next.columns) {
            column.add(next);
        }
        for next in &next.segments {
            match self.segments.iter_mut().find(|own| own.column == next.column) {
                Some(own) => own.add(next),
                None => self.segments.push(next.clone()),
            }
        }
        if self.tallies.len() < next.tallies.len() {
            self.tallies.resize_with(next.tallies.len(), Tally::default);
        }
        for (tally, next) in self.tallies.iter_mut().zip(&next.tallies) {
            add_each(&mut tally.called, &next.called);
            add_each(&mut tally.other, &next.other);
        }
        self.duplicates = match (self.duplicates, next.duplicates) {
            (Some(own), Some(next)) => Some(own.saturating_add(next)),
            (own, next) => own.or(next),
        };
        self.halvings = self.halvings.max(next.halvings);
        self.absent.extend_from_slice(&next.absent);
        self.absent.sort_unstable();
        self.absent.dedup();
    }
}

fn add_each(sums: &mut Vec<u64>, counts: &[u64]) {
    if sums.len() < counts.len() {
        sums.resize(counts.len(), 0);
    }
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

impl ColumnCounts {
    /// Takes what was counted of the cells behind its own.
    pub fn add(&mut self, next: &ColumnCounts) {
        add_each(&mut self.bins, &next.bins);
        let pairs = [
            (&mut self.below, next.below),
            (&mut self.above, next.above),
            (&mut self.other, next.other),
            (&mut self.missing, next.missing),
            (&mut self.infinite, next.infinite),
            (&mut self.bad, next.bad),
            (&mut self.negative, next.negative),
            (&mut self.fractional, next.fractional),
        ];
        pairs.into_iter().for_each(|(sum, count)| *sum += count);
        self.range = match (self.range, next.range) {
            (Some((min, max)), Some((low, high))) => Some((min.min(low), max.max(high))),
            (range, None) | (None, range) => range,
        };
        self.sum += next.sum;
    }

    /// Cells that hold a finite number or a category.
    pub fn present(&self) -> u64 {
        self.bins.iter().sum::<u64>() + self.below + self.above + self.other
    }

    /// Cells in good rows.
    pub fn cells(&self) -> u64 {
        self.present() + self.missing + self.infinite
    }
}
