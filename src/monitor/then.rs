//! What rows are held against.

use super::baseline::Column;
use super::{ColumnCounts, Counts};
use std::fmt;
use std::sync::Arc;

/// The baseline's own rows, or what was counted on the same weekday a week before.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Then {
    #[default]
    Baseline,
    /// The baseline's rows: of that day too few are known.
    Few {
        date: String,
    },
    Day {
        date: String,
        counts: Arc<Counts>,
    },
}

impl Then {
    /// None: the baseline's own.
    pub fn counts(&self) -> Option<&Counts> {
        match self {
            Then::Day { counts, .. } => Some(counts),
            _ => None,
        }
    }

    /// The day, where it counts.
    pub fn day(&self) -> Option<&str> {
        match self {
            Then::Day { date, .. } => Some(date),
            _ => None,
        }
    }

    /// `i`: the column's place in the baseline.
    pub fn column(&self, i: usize, column: &Column) -> ColumnCounts {
        known(self.counts(), i, column)
    }
}

/// What is usual of column `i`. `usual`: of all columns; none: what the baseline has.
pub fn known(usual: Option<&Counts>, i: usize, column: &Column) -> ColumnCounts {
    match usual.and_then(|usual| usual.columns.get(i)) {
        Some(usual) => usual.clone(),
        None => column.counts(),
    }
}

/// `in the baseline`, or `a week before (2026-11-20)`.
impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Then::Baseline => f.write_str("in the baseline"),
            Then::Few { date } => write!(f, "in the baseline (of {date}, a week before, too few rows are known)"),
            Then::Day { date, .. } => write!(f, "a week before ({date})"),
        }
    }
}
