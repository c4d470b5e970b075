//! Why a row is bad, whatever its format.

use super::{csv, json};
use crate::score::cell::CellError;

/// Why a row is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Malformed(Malformed),
    Cell {
        feature: u32,
        error: CellError,
    },
    /// A cell of a field that another model takes than the one that the input was opened for.
    Field {
        field: u32,
        error: CellError,
    },
    /// An index among the model's refusals.
    Refused(u32),
}

/// Why the cells of a row can't be told, as its format knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Csv(csv::malformed::Malformed),
    Json(json::cause::Malformed),
}
