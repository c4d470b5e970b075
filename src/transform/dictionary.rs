//! The categories of a column: what their cells say -> their codes.

use super::table::{Number, number, trim};
use crate::model::Category;
use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    texts: HashMap<Vec<u8>, f64>,
    /// By the bits of the number: `10`, `10.0` and `1e1` are the same category.
    numbers: HashMap<u64, f64>,
    /// Other categories are taken, as [`UNSEEN`].
    open: bool,
}

/// The code of what is not among the categories of an open column: in no set of a tree, and none of the indicators of a
/// pipeline, but not missing.
const UNSEEN: f64 = -1.0;

/// What a cell of a column of categories says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    Code(f64),
    Missing,
    Unseen,
}

impl Dictionary {
    /// A category's code is its place in `categories`.
    pub fn of(categories: &[Category], open: bool) -> Dictionary {
        let mut dictionary = Dictionary {
            open,
            ..Dictionary::default()
        };
        for (code, category) in categories.iter().enumerate() {
            dictionary.texts.insert(category.to_string().into_bytes(), code as f64);
            if let Some(number) = category.number() {
                dictionary.numbers.insert(bits(number), code as f64);
            }
        }
        dictionary
    }

    /// Of a cell that is a category to the letter.
    pub fn exact(&self, cell: &[u8]) -> Option<f64> {
        self.texts.get(cell).copied()
    }

    /// Of any cell. Spaces around it count only if there is such a category.
    pub fn read(&self, cell: &[u8]) -> Reading {
        let trimmed = trim(cell);
        let number = match self.exact(cell).or_else(|| self.exact(trimmed)) {
            Some(code) => return Reading::Code(code),
            None => number(trimmed),
        };
        let known = match number {
            Number::Missing => return Reading::Missing,
            Number::Value(x) => self.numbers.get(&bits(x)),
            Number::Invalid => None,
        };
        match known {
            Some(&code) => Reading::Code(code),
            None if self.open => Reading::Code(UNSEEN),
            None => Reading::Unseen,
        }
    }
}

/// One pattern for both zeros.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_categories_by_text_or_number() {
        let text = |t: &str| Category::Text(t.into());
        let words = Dictionary::of(&[text("Oslo"), text("07"), text("NA")], false);
        for (cell, wanted) in [
            ("Oslo", Reading::Code(0.0)),
            ("07", Reading::Code(1.0)),
            ("7", Reading::Unseen),
            ("NA", Reading::Code(2.0)),
            ("na", Reading::Missing),
            ("", Reading::Missing),
            ("oslo", Reading::Unseen),
            (" Oslo\t", Reading::Code(0.0)),
        ] {
            assert_eq!(words.read(cell.as_bytes()), wanted, "{cell}");
        }
        let spaces = Dictionary::of(&[text(" "), text("a "), text("a")], false);
        for (cell, code) in [(" ", 0.0), ("a ", 1.0), (" a ", 2.0), ("a", 2.0)] {
            assert_eq!(spaces.read(cell.as_bytes()), Reading::Code(code), "{cell:?}");
        }
        let numbers = [Category::Integer(10), Category::Number(0.5), Category::Integer(0)];
        let numbers = Dictionary::of(&numbers, true);
        for (cell, code) in [("10", 0.0), ("10.0", 0.0), ("1e1", 0.0), (".5", 1.0), ("-0", 2.0)] {
            assert_eq!(numbers.read(cell.as_bytes()), Reading::Code(code), "{cell}");
        }
        for cell in ["3", "x"] {
            assert_eq!(numbers.read(cell.as_bytes()), Reading::Code(UNSEEN), "{cell}");
        }
    }
}
