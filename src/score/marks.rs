//! Columns of numbers with more to them: numbers that mean "missing", a decimal comma, and the words for true and false.

use super::Spelling;
use super::cell_error::CellError;
use super::spelling::is_integer;
use crate::model::{Column, Type, boolean};

/// What the cells of a column are beside numbers, or instead of them.
#[derive(Clone, Debug)]
pub struct Marks {
    kind: Type,
    /// True and False stand for 1 and 0.
    words: bool,
    spelling: Spelling,
}

impl Marks {
    /// None for a column whose cells are numbers and nothing else.
    pub fn of(column: &Column, spelling: &Spelling) -> Option<Marks> {
        let words = column.kind == Type::Boolean || column.boolean;
        let marked = column.kind.is_number() && (words || !spelling.has_plain_numbers());
        marked.then(|| Marks {
            kind: column.kind,
            words,
            spelling: spelling.clone(),
        })
    }

    /// The number that a word stands for.
    pub fn word(&self, cell: &[u8]) -> Option<f64> {
        let truth = boolean::word(cell).filter(|_| self.words)?;
        Some(truth.into())
    }

    /// Of a number that the direct readers read: is it what it seems to be?
    pub fn direct(&self, x: f64) -> Option<f64> {
        // A word for "missing" may read as infinity.
        let plain = !self.spelling.comma() && x.is_finite() && !self.spelling.is_marker(x);
        self.value(x).ok().filter(|_| plain)
    }

    /// What a number that doesn't mean "missing" stands for.
    pub fn value(&self, x: f64) -> Result<f64, CellError> {
        match self.kind {
            Type::Int64 if !is_integer(x) => Err(CellError::NotAnInteger),
            Type::Boolean if x != 0.0 && x != 1.0 => Err(CellError::NotABoolean),
            _ => Ok(x),
        }
    }

    /// Why a text is neither a number nor a word.
    pub fn fault(&self) -> CellError {
        match self.kind {
            Type::Boolean => CellError::NotABoolean,
            _ => CellError::NotANumber,
        }
    }
}
