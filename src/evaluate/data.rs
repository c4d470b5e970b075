//! What the columns that a model takes look like: the rows that it was trained on beside those that it is evaluated on.

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// As the model takes it, such as `float64`.
    pub kind: String,
    /// None where nobody knows what it was trained on.
    pub trained: Option<Cells>,
    pub evaluated: Cells,
    /// In which respects the second differ from the first by more than chance explains, such as `psi 0.31`.
    pub differs: Vec<String>,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    pub count: u64,
    /// Those that are missing, or can't be read.
    pub missing: u64,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// None where no cell is a finite number.
    Numbers(Option<Range>),
    /// By frequency in the training rows, or where these aren't known in the others; and how many cells have none of them.
    Categories(Vec<(String, u64)>, u64),
}

/// Of finite numbers, in the column's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub lowest: f64,
    pub mean: f64,
    pub highest: f64,
}
