//! Rows of examples, as columns.

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

/// A column is text if any of its cells is neither a number nor missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// NaN is missing.
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

impl Frame {
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.columns.iter().find(|series| series.name == name)
    }
}

impl Cells {
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        match self {
            Cells::Numbers(numbers) => numbers.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Cells::Numbers(numbers) => numbers[row].is_nan(),
            Cells::Texts(texts) => texts[row].is_none(),
        }
    }
}
