//! Columns of numbers with more to them: numbers that mean "missing", a decimal comma, and the words for true and false.

use super::Spelling;
use super::cell_error::CellError;
use super::spelling::{Number, is_integer};
use crate::model::{Column, Type, boolean};

/// What the cells of a column are beside numbers, or instead of them.
#[derive(Clone, Debug)]
pub struct Marks {
    kind: Type,
    /// What False and True stand for: 0 and 1, or a missing value where the column's own numbers say so.
    words: Option<[Number; 2]>,
    spelling: Spelling,
    /// The column's own numbers for "missing", of a column of singles: its library compares them as such.
    singles: Vec<f32>,
}

impl Marks {
    /// None for a column whose cells are numbers and nothing else.
    pub fn of(column: &Column, spelling: &Spelling) -> Option<Marks> {
        let words = column.kind == Type::Boolean || column.boolean;
        let marked = column.kind.is_number() && (words || !spelling.has_plain_numbers());
        let own = || {
            column
                .missing
                .iter()
                .filter_map(|marker| marker.clone().read().number())
        };
        let truth = |x: f64| match own().any(|own| own == x) {
            true => Number::Missing,
            false => Number::Value(x),
        };
        marked.then(|| Marks {
            kind: column.kind,
            words: words.then(|| [0.0, 1.0].map(truth)),
            spelling: spelling.clone(),
            singles: match column.kind {
                Type::Float32 => own().map(|x| x as f32).collect(),
                _ => Vec::new(),
            },
        })
    }

    /// What a word for true or false stands for.
    fn word(&self, cell: &[u8]) -> Option<Number> {
        Some(self.words?[usize::from(boolean::word(cell)?)])
    }

    /// What a cell without spaces around it stands for.
    pub fn read(&self, cell: &[u8]) -> Number {
        match self.word(cell).unwrap_or_else(|| self.spelling.number(cell)) {
            Number::Value(x) if self.is_marker(x) => Number::Missing,
            read => read,
        }
    }

    /// Does one of the column's own numbers mean that a number is missing, which isn't one of the file's?
    fn is_marker(&self, x: f64) -> bool {
        self.singles.contains(&(x as f32))
    }

    /// The number that a word stands for, for the direct readers.
    pub fn direct_word(&self, cell: &[u8]) -> Option<f64> {
        match self.word(cell)? {
            Number::Value(x) => Some(x),
            Number::Missing | Number::Invalid => None,
        }
    }

    /// Of a number that the direct readers read: is it what it seems to be?
    pub fn direct(&self, x: f64) -> Option<f64> {
        // A word for "missing" may read as infinity.
        let plain = !self.spelling.comma() && x.is_finite() && !self.spelling.is_marker(x) && !self.is_marker(x);
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
