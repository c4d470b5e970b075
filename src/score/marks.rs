//! Columns of numbers with more to them: numbers that mean "missing", and the words for true and false.

use super::cell::{CellError, is_integer};
use crate::model::{Column, Type, boolean};

/// What the cells of a column are beside numbers, or instead of them.
#[derive(Clone, Debug)]
pub struct Marks {
    kind: Type,
    /// True and False stand for 1 and 0.
    words: bool,
    /// Numbers that mean that the value is missing.
    missing: Vec<f64>,
}

impl Marks {
    /// None for a column whose cells are numbers and nothing else.
    pub fn of(column: &Column) -> Option<Marks> {
        let words = column.kind == Type::Boolean || column.boolean;
        let marked = column.kind.is_number() && (words || !column.missing.is_empty());
        marked.then(|| Marks {
            kind: column.kind,
            words,
            missing: column.missing.clone(),
        })
    }

    /// The number that a word stands for.
    pub fn word(&self, cell: &[u8]) -> Option<f64> {
        let truth = boolean::word(cell).filter(|_| self.words)?;
        Some(truth.into())
    }

    /// What a number means; none is a missing value.
    pub fn value(&self, x: f64) -> Result<Option<f64>, CellError> {
        match self.kind {
            _ if self.missing.contains(&x) => Ok(None),
            Type::Int64 if !is_integer(x) => Err(CellError::NotAnInteger),
            Type::Boolean if x != 0.0 && x != 1.0 => Err(CellError::NotABoolean),
            _ => Ok(Some(x)),
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
