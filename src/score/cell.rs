//! What a cell means: THE rule, for scoring, training, golden rows and evaluation, whatever the format.
//!
//! A cell is a text without the quotes of its format. Spaces and tabs around it don't count. Which words and numbers mean that
//! the value is missing, and what stands in front of a fraction, is the [`Spelling`]'s to say: of the file, and of the column.

pub use super::cell_error::CellError;
use super::marks::Marks;
pub use super::spelling::is_integer;

use super::spelling::{Number, Spelling, bits};
use crate::model::unicode::nfc;
use crate::model::{Category, Column, Type, boolean};
use std::borrow::Cow;
use std::collections::HashMap;
use std::str::from_utf8;

/// What the cells of a column can hold.
#[derive(Clone, Debug, Default)]
pub struct Feature {
    /// A missing value is no flaw.
    pub optional: bool,
    pub kind: Kind,
    pub spelling: Spelling,
}

#[derive(Clone, Debug, Default)]
pub enum Kind {
    #[default]
    Numbers,
    Integers,
    /// Numbers, and what else stands for them.
    Marked(Marks),
    Categories(Dictionary),
    /// The index among the features of text.
    Texts(usize),
}

impl Feature {
    /// `texts`: how many columns of texts stand in front of it. `spelling`: of the file; the column may have words of its own.
    pub fn of(column: &Column, texts: usize, spelling: &Spelling) -> Feature {
        let spelling = spelling.with(&column.missing);
        Feature {
            optional: column.optional,
            kind: match (column.kind, Marks::of(column, &spelling)) {
                (_, Some(marks)) => Kind::Marked(marks),
                (Type::Float32 | Type::Float64 | Type::Boolean, None) => Kind::Numbers,
                (Type::Int64, None) => Kind::Integers,
                (Type::Category, None) => {
                    let dictionary = Dictionary::of(&column.categories, column.open);
                    Kind::Categories(match column.boolean {
                        true => dictionary.with_booleans(&column.categories),
                        false => dictionary,
                    })
                }
                (Type::String, None) => Kind::Texts(texts),
            },
            spelling,
        }
    }

    /// The value of a cell: a number, or the code of a category; NaN is missing. A text has none: see [`trim`].
    pub fn read(&self, cell: &[u8]) -> Result<f64, CellError> {
        let missing = || match self.optional {
            true => Ok(f64::NAN),
            false => Err(CellError::Missing),
        };
        match &self.kind {
            Kind::Numbers | Kind::Integers => match self.spelling.number(trim(cell)) {
                Number::Value(x) if matches!(self.kind, Kind::Integers) && !is_integer(x) => {
                    Err(CellError::NotAnInteger)
                }
                Number::Value(x) => Ok(x),
                Number::Missing => missing(),
                Number::Invalid => Err(CellError::NotANumber),
            },
            Kind::Marked(marks) => match marks.read(trim(cell)) {
                Number::Value(x) => marks.value(x),
                Number::Missing => missing(),
                Number::Invalid => Err(marks.fault()),
            },
            Kind::Categories(categories) => match categories.read(cell, &self.spelling) {
                Reading::Code(code) => Ok(code),
                Reading::Missing => missing(),
                Reading::Unknown => Err(CellError::UnknownCategory),
                Reading::Undecoded => Err(CellError::NotUtf8),
            },
            Kind::Texts(_) if from_utf8(cell).is_err() => Err(CellError::NotUtf8),
            // What is missing is the model's to decide, also of an empty text.
            Kind::Texts(_) => Ok(0.0),
        }
    }

    /// Does a text mean that the value is missing?
    pub fn is_missing(&self, text: &str) -> bool {
        self.spelling.is_missing(text)
    }

    /// Could this be a cell of it?
    pub fn fit(&self, cell: &[u8]) -> Fit {
        match (&self.kind, self.read(cell)) {
            (Kind::Texts(_), _) | (_, Err(CellError::Missing)) => Fit::Any,
            (_, Ok(x)) if x.is_nan() => Fit::Any,
            (Kind::Categories(_), Ok(UNKNOWN)) => Fit::None,
            (_, Ok(_) | Err(CellError::NotAnInteger)) => Fit::Value,
            (_, Err(_)) => Fit::None,
        }
    }
}

/// How well a cell fits a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is a number or a known category.
    Value,
    /// Whatever the column holds could be so: a text, or a missing value.
    Any,
    None,
}

/// As it is usually spelled.
fn number(cell: &[u8]) -> Number {
    Spelling::USUAL.number(cell)
}

/// Without the spaces and tabs around it.
pub fn trim(cell: &[u8]) -> &[u8] {
    let space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = cell.iter().position(|b| !space(b)).unwrap_or(cell.len());
    let end = cell.iter().rposition(|b| !space(b)).map_or(start, |n| n + 1);
    &cell[start..end]
}

/// The categories of a column: what their cells are -> their codes.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    texts: HashMap<Vec<u8>, f64>,
    /// By the bits of the number: `10`, `10.0` and `1e1` are the same category.
    numbers: HashMap<u64, f64>,
    /// The numbers are written as texts, where `010` is another code than `10`.
    codes: bool,
    /// Other categories are taken, as [`UNKNOWN`].
    open: bool,
}

/// The code of what is not among the categories of an open column: in no set of a tree, and none of the indicators of a
/// pipeline, but not missing.
pub const UNKNOWN: f64 = -1.0;

/// What a cell of a column of categories means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Code(f64),
    Missing,
    Unknown,
    /// It is not UTF-8, as all categories are.
    Undecoded,
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
            // From 2^53 on a double stands for several whole numbers: those are known to the letter alone.
            let whole = |number: f64| category.integer().is_none() || is_integer(number);
            if let Some(number) = category.number().filter(|&number| whole(number)) {
                dictionary.numbers.insert(bits(number), code as f64);
            }
        }
        for (code, category) in categories.iter().enumerate() {
            if let Category::Text(text) = category
                && let Cow::Owned(composed) = nfc(text)
            {
                dictionary.texts.entry(composed.into_bytes()).or_insert(code as f64);
            }
        }
        if let Some(numbers) = whole_numbers(categories) {
            (dictionary.numbers, dictionary.codes) = (numbers, true);
        }
        dictionary
    }

    /// All words for true and false, and 1 and 0, are the categories that stand for them.
    fn with_booleans(mut self, categories: &[Category]) -> Dictionary {
        for (code, category) in categories.iter().enumerate() {
            let Some(truth) = category.truth() else { continue };
            for word in boolean::words(truth).chain([if truth { "1" } else { "0" }]) {
                self.texts.entry(word.into()).or_insert(code as f64);
            }
            self.numbers.entry(bits(truth.into())).or_insert(code as f64);
        }
        self
    }

    /// Of a cell that is a category to the letter.
    #[inline]
    pub fn exact(&self, cell: &[u8]) -> Option<f64> {
        self.texts.get(cell).copied()
    }

    /// Of a cell that is a category in another form of Unicode.
    fn composed(&self, cell: &[u8]) -> Option<f64> {
        let text = from_utf8(cell).ok().filter(|text| !text.is_ascii())?;
        self.exact(nfc(text).as_bytes())
    }

    /// Of any cell. Spaces around it count only if there is such a category. A known category is no missing value, however it
    /// is written.
    fn read(&self, cell: &[u8], spelling: &Spelling) -> Reading {
        let trimmed = trim(cell);
        let number = match self
            .exact(cell)
            .or_else(|| self.exact(trimmed))
            .or_else(|| self.composed(trimmed))
        {
            Some(code) => return Reading::Code(code),
            None => spelling.unmarked(trimmed),
        };
        let known = match number {
            Number::Missing => return Reading::Missing,
            Number::Value(_) if self.codes && has_leading_zero(trimmed) => None,
            Number::Value(x) => self.numbers.get(&bits(x)),
            Number::Invalid => None,
        };
        match (known, number) {
            (Some(&code), _) => Reading::Code(code),
            (None, Number::Value(x)) if spelling.is_marker(x) => Reading::Missing,
            (None, _) => self.unknown(cell),
        }
    }

    /// Of a cell that is none of them.
    fn unknown(&self, cell: &[u8]) -> Reading {
        match from_utf8(cell) {
            Err(_) => Reading::Undecoded,
            Ok(_) if self.open => Reading::Code(UNKNOWN),
            Ok(_) => Reading::Unknown,
        }
    }
}

/// The codes of whole numbers that a table has as texts, as training does. One missing value makes floats of a producer's whole
/// numbers, and 270 becomes 270.0. None where a text is a number of another kind, such as 007 or 1.5; one word is no
/// hindrance: it is what missing values are filled with.
fn whole_numbers(categories: &[Category]) -> Option<HashMap<u64, f64>> {
    let (mut numbers, mut words) = (HashMap::new(), 0);
    for (code, category) in categories.iter().enumerate() {
        let text = category.text()?;
        match number(text.as_bytes()) {
            Number::Value(x) if is_whole(&text, x) && numbers.insert(bits(x), code as f64).is_none() => {}
            Number::Value(_) => return None,
            Number::Missing | Number::Invalid => words += 1,
        }
    }
    (words <= 1 && !numbers.is_empty()).then_some(numbers)
}

/// Is it a whole number as people and frames write it: `270`, `-3` or `270.0`?
fn is_whole(text: &str, x: f64) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (digits, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    is_integer(x)
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !behind.is_empty()
        && behind.bytes().all(|b| b == b'0')
        && !has_leading_zero(text.as_bytes())
        && !text.starts_with("-0")
}

/// The texts of a column as the categories that scoring takes them for: whole numbers without a fraction, where all are but for
/// one word. None where a text is another number, or there are more words.
pub fn joined(texts: &[Option<String>], spelling: &Spelling) -> Option<Vec<Option<String>>> {
    let mut word = None;
    let mut join = |text: &String| match spelling.number(text.as_bytes()) {
        // Where it is a number, a comma stands in front of its fraction.
        Number::Value(x) if is_whole(&text.replace(',', "."), x) => Some(format!("{x:.0}")),
        Number::Value(_) => None,
        Number::Missing | Number::Invalid => {
            let only = word.get_or_insert_with(|| text.clone());
            (only == text).then(|| text.clone())
        }
    };
    let cells = texts.iter().map(|cell| match cell {
        Some(text) => join(text).map(Some),
        None => Some(None),
    });
    cells.collect()
}

/// As in `0270`, which is a code and no number.
fn has_leading_zero(number: &[u8]) -> bool {
    let digits = number
        .strip_prefix(b"-")
        .or(number.strip_prefix(b"+"))
        .unwrap_or(number);
    matches!(digits, [b'0', b'0'..=b'9', ..])
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
            ("7", Reading::Unknown),
            ("NA", Reading::Code(2.0)),
            ("na", Reading::Missing),
            ("", Reading::Missing),
            ("oslo", Reading::Unknown),
            (" Oslo\t", Reading::Code(0.0)),
        ] {
            assert_eq!(words.read(cell.as_bytes(), &Spelling::USUAL), wanted, "{cell}");
        }
        assert_eq!(words.read(b"Osl\xF8", &Spelling::USUAL), Reading::Undecoded);
        let spaces = Dictionary::of(&[text(" "), text("a "), text("a")], false);
        for (cell, code) in [(" ", 0.0), ("a ", 1.0), (" a ", 2.0), ("a", 2.0)] {
            assert_eq!(
                spaces.read(cell.as_bytes(), &Spelling::USUAL),
                Reading::Code(code),
                "{cell:?}"
            );
        }
        let texts = |categories: &[&str]| {
            let categories: Vec<Category> = categories.iter().map(|t| text(t)).collect();
            Dictionary::of(&categories, false)
        };
        let whole = ["270", "-3", "0", "none"];
        for (cell, wanted) in [
            ("270", Reading::Code(0.0)),
            (" 270.0 ", Reading::Code(0.0)),
            ("2.7e2", Reading::Code(0.0)),
            ("-3.0", Reading::Code(1.0)),
            ("0.0", Reading::Code(2.0)),
            ("-0", Reading::Code(2.0)),
            ("none", Reading::Code(3.0)),
            ("0270", Reading::Unknown),
            ("+0270.0", Reading::Unknown),
            ("270.5", Reading::Unknown),
            ("", Reading::Missing),
        ] {
            assert_eq!(texts(&whole).read(cell.as_bytes(), &Spelling::USUAL), wanted, "{cell}");
        }
        // As frames write whole numbers beside missing ones.
        assert_eq!(
            texts(&["270.0", "5.0"]).read(b"5", &Spelling::USUAL),
            Reading::Code(1.0)
        );
        // Not numbers but codes, versions, sizes; or too large to be told apart.
        for other in ["007", "1.5", "1e3", "270.0", "-0", "inf", "9007199254740993"] {
            assert_eq!(
                texts(&["270", "5", other]).read(b"5.0", &Spelling::USUAL),
                Reading::Unknown,
                "{other}"
            );
        }
        assert_eq!(
            texts(&["1", "2", "beta", "rc"]).read(b"1.0", &Spelling::USUAL),
            Reading::Unknown
        );
        let numbers = [Category::Integer(10), Category::Number(0.5), Category::Integer(0)];
        let numbers = Dictionary::of(&numbers, true);
        for (cell, code) in [("10", 0.0), ("10.0", 0.0), ("1e1", 0.0), (".5", 1.0), ("-0", 2.0)] {
            assert_eq!(
                numbers.read(cell.as_bytes(), &Spelling::USUAL),
                Reading::Code(code),
                "{cell}"
            );
        }
        for cell in ["3", "x"] {
            assert_eq!(
                numbers.read(cell.as_bytes(), &Spelling::USUAL),
                Reading::Code(UNKNOWN),
                "{cell}"
            );
        }
    }
}
