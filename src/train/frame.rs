//! Rows of examples, as columns.

pub use crate::transform::columns::Cells;

/// Columns of equal length, each under its own name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub rows: usize,
    pub columns: Vec<Series>,
}

/// One column, in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub cells: Cells,
}

impl Frame {
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.columns.iter().find(|series| series.name == name)
    }
}
