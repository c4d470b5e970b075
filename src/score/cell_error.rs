//! Why a cell is none of its column.

/// Why a cell is none of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellError {
    NotANumber,
    NotAnInteger,
    NotABoolean,
    Missing,
    /// A category that the model doesn't know, and that its library would refuse.
    UnknownCategory,
    /// A text of another encoding: no model knows what it would be decoded to.
    NotUtf8,
}

impl CellError {
    pub fn text(self) -> &'static str {
        match self {
            CellError::NotANumber => "not a number",
            CellError::NotAnInteger => "not a whole number",
            CellError::NotABoolean => "neither true nor false",
            CellError::Missing => "missing value",
            CellError::UnknownCategory => "unknown category",
            CellError::NotUtf8 => "text that is not UTF-8",
        }
    }
}
