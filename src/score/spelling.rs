//! How the producers of inputs spell values: what means that one is missing, and what stands in front of a fraction.

use crate::model::Marker;
use serde::{Deserialize, Serialize};
use std::str::from_utf8;

/// In upper and lower case.
const USUAL: [&str; 4] = ["NA", "N/A", "NaN", "null"];

/// The rule for the cells of one file, or of one column of it. An empty cell and a not-a-number always are missing values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Spelling {
    /// None: the usual words.
    missing: Option<Markers>,
    /// `1,5` is a number, and `1.5` is none.
    comma: bool,
}

/// As golden rows keep it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<Marker>>,
    comma: bool,
}

impl From<Written> for Spelling {
    fn from(Written { missing, comma }: Written) -> Spelling {
        match missing {
            Some(missing) => Spelling::new(&missing, comma),
            None => Spelling::usual(comma),
        }
    }
}

impl From<Spelling> for Written {
    fn from(spelling: Spelling) -> Written {
        Written {
            missing: spelling.markers(),
            comma: spelling.comma,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Markers {
    /// In lower case; sorted, as all here.
    texts: Vec<String>,
    numbers: Vec<u64>,
}

/// What the text of a cell of numbers means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Value(f64),
    Missing,
    Invalid,
}

impl Markers {
    fn usual() -> Markers {
        Markers::default().with(&USUAL.map(|word| Marker::Text(word.into())))
    }

    fn with(mut self, more: &[Marker]) -> Markers {
        for marker in more {
            match marker.clone().read() {
                Marker::Number(x) => self.numbers.push(bits(x)),
                Marker::Text(text) => self.texts.push(text.trim().to_lowercase()),
            }
        }
        self.texts.retain(|text| !text.is_empty());
        self.texts.sort_unstable();
        self.texts.dedup();
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self
    }
}

impl Spelling {
    /// Where nothing is said.
    pub const USUAL: Spelling = Spelling {
        missing: None,
        comma: false,
    };

    /// `missing`: all words and numbers that mean that a value is missing. `comma`: numbers have a decimal comma.
    pub fn new(missing: &[Marker], comma: bool) -> Spelling {
        let markers = Markers::default().with(missing);
        Spelling {
            missing: (markers != Markers::usual()).then_some(markers),
            comma,
        }
    }

    /// The same words and numbers, with a point in front of a fraction.
    pub fn with_point(&self) -> Spelling {
        Spelling {
            missing: self.missing.clone(),
            comma: false,
        }
    }

    /// The usual words.
    pub fn usual(comma: bool) -> Spelling {
        Spelling { missing: None, comma }
    }

    /// With more words and numbers: those of a column.
    pub fn with(&self, more: &[Marker]) -> Spelling {
        let markers = self.missing.clone().unwrap_or_else(Markers::usual).with(more);
        Spelling {
            missing: (markers != Markers::usual()).then_some(markers),
            comma: self.comma,
        }
    }

    /// Are its numbers what the direct readers read? A word that reads as infinity is among its texts.
    pub fn has_plain_numbers(&self) -> bool {
        let infinite = |text: &String| text.parse().is_ok_and(f64::is_infinite);
        let plain = |markers: &Markers| markers.numbers.is_empty() && !markers.texts.iter().any(infinite);
        !self.comma && self.missing.as_ref().is_none_or(plain)
    }

    pub fn comma(&self) -> bool {
        self.comma
    }

    /// Does a number mean that the value is missing?
    pub fn is_marker(&self, x: f64) -> bool {
        let markers = self.missing.as_ref();
        x.is_nan() || markers.is_some_and(|markers| markers.numbers.contains(&bits(x)))
    }

    /// Does a cell without spaces around it mean that the value is missing? As [`Spelling::is_missing`], and fast for what is a
    /// usual number.
    pub fn is_missing_cell(&self, cell: &[u8]) -> bool {
        // No usual word is longer, and no not-a-number.
        let plain = self.missing.is_none() && (cell.len() > 4 || cell.first().is_some_and(u8::is_ascii_digit));
        !plain && self.number(cell) == Number::Missing
    }

    /// Does a text mean that the value is missing?
    pub fn is_missing(&self, text: &str) -> bool {
        self.number(text.as_bytes()) == Number::Missing
    }

    /// Reads a cell without spaces around it, correctly rounded.
    pub fn number(&self, cell: &[u8]) -> Number {
        match self.unmarked(cell) {
            Number::Value(x) if self.is_marker(x) => Number::Missing,
            read => read,
        }
    }

    /// The same, but a number that means "missing" is one.
    pub fn unmarked(&self, cell: &[u8]) -> Number {
        let is = |word: &str| word.as_bytes().eq_ignore_ascii_case(cell);
        let is_word = match &self.missing {
            None => USUAL.iter().any(|word| is(word)),
            Some(markers) if cell.is_ascii() => markers.texts.iter().any(|word| is(word)),
            Some(markers) => {
                let cell = from_utf8(cell).unwrap_or_default().to_lowercase();
                markers.texts.contains(&cell)
            }
        };
        if cell.is_empty() || is_word {
            return Number::Missing;
        }
        let number = match self.comma {
            false => fast_float2::parse::<f64, _>(cell).ok(),
            true => with_comma(cell),
        };
        match number {
            Some(x) if x.is_nan() => Number::Missing,
            Some(x) => Number::Value(x),
            None => Number::Invalid,
        }
    }

    /// Could this be a cell of numbers, and so not a column's name?
    pub fn is_value(&self, cell: &[u8]) -> bool {
        self.number(cell) != Number::Invalid
    }

    /// The words and numbers, as canonical text, where they aren't the usual ones.
    pub fn missing_text(&self) -> Option<String> {
        let markers = self.markers()?;
        Some(serde_json::to_string(&markers).expect("texts and numbers are JSON"))
    }

    fn markers(&self) -> Option<Vec<Marker>> {
        let markers = self.missing.as_ref()?;
        let texts = markers.texts.iter().cloned().map(Marker::Text);
        let numbers = markers.numbers.iter().map(|bits| Marker::Number(f64::from_bits(*bits)));
        Some(texts.chain(numbers).collect())
    }

    /// Is nothing said of it?
    pub fn is_usual(&self) -> bool {
        *self == Spelling::USUAL
    }

    /// The words and numbers that are not usual ones.
    pub fn unusual(&self) -> Vec<Marker> {
        let Some(markers) = &self.missing else {
            return Vec::new();
        };
        let usual = |text: &&String| !USUAL.iter().any(|word| word.eq_ignore_ascii_case(text));
        let texts = markers.texts.iter().filter(usual).cloned().map(Marker::Text);
        let numbers = markers.numbers.iter().map(|bits| Marker::Number(f64::from_bits(*bits)));
        texts.chain(numbers).collect()
    }
}

/// A point is none where there is a decimal comma: it would separate thousands, and nobody is asked which it is.
fn with_comma(cell: &[u8]) -> Option<f64> {
    if cell.contains(&b'.') {
        return None;
    }
    let point = |&b: &u8| if b == b',' { b'.' } else { b };
    let cell: Vec<u8> = cell.iter().map(point).collect();
    fast_float2::parse(&cell).ok()
}

/// Does it name one 64-bit integer? From 2^53 on a double stands for several.
#[inline]
pub fn is_integer(x: f64) -> bool {
    x.trunc() == x && x.abs() < (1u64 << 53) as f64
}

/// One pattern for both zeros.
pub fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(word: &str) -> Marker {
        Marker::Text(word.into())
    }

    #[test]
    fn words_and_numbers_mean_missing_as_they_are_listed() {
        let listed = Spelling::new(
            &[
                text("?"),
                text("\\N"),
                text("-999"),
                Marker::Number(-1.0),
                text(""),
                text("\u{c4}rger"),
            ],
            false,
        );
        for cell in [
            "",
            "?",
            "\\n",
            "-999",
            "-999.0",
            "-9.99e2",
            "-1",
            "nan",
            "\u{e4}RGER",
            "\u{c4}rger",
        ] {
            assert_eq!(listed.number(cell.as_bytes()), Number::Missing, "{cell}");
        }
        for cell in ["NA", "null", "??"] {
            assert_eq!(listed.number(cell.as_bytes()), Number::Invalid, "{cell}");
        }
        assert_eq!(listed.number(b"999"), Number::Value(999.0));
        assert_eq!(
            listed.missing_text().unwrap(),
            "[\"?\",\"\\\\n\",\"\u{e4}rger\",-1.0,-999.0]"
        );
        let of_column = Spelling::USUAL.with(&[Marker::Number(-999.0)]);
        assert_eq!(of_column.number(b"na"), Number::Missing);
        assert_eq!(of_column.number(b"-999.00"), Number::Missing);
        assert_eq!(of_column.unusual(), [Marker::Number(-999.0)]);
        let usual = Spelling::new(&["null", "na", "NaN", "n/a", "NA"].map(text), false);
        assert_eq!((&usual, usual.missing_text()), (&Spelling::USUAL, None));
    }

    #[test]
    fn a_decimal_comma_is_no_separator_of_thousands() {
        let comma = Spelling::new(&USUAL.map(text), true);
        for (cell, x) in [
            ("1,5", 1.5),
            ("-0,25", -0.25),
            ("1,5e3", 1500.0),
            (",5", 0.5),
            ("7", 7.0),
        ] {
            assert_eq!(comma.number(cell.as_bytes()), Number::Value(x), "{cell}");
        }
        for cell in ["1.5", "1.000,5", "1,000,5", "1 000,5", ","] {
            assert_eq!(comma.number(cell.as_bytes()), Number::Invalid, "{cell}");
        }
        assert_eq!(comma.number(b"NA"), Number::Missing);
    }

    proptest! {
        /// Golden rows keep it for ever.
        #[test]
        fn a_spelling_comes_back_as_it_was_kept(
            words in prop::option::of(prop::collection::vec("[ -~é]{0,5}|-?[0-9]{1,3}(\\.[0-9])?", 0..5)),
            comma in any::<bool>(),
        ) {
            let spelling = match words {
                Some(words) => Spelling::new(&words.into_iter().map(Marker::Text).collect::<Vec<_>>(), comma),
                None => Spelling::usual(comma),
            };
            let kept = serde_json::to_string(&spelling).unwrap();
            prop_assert_eq!(serde_json::from_str::<Spelling>(&kept).unwrap(), spelling, "{}", kept);
        }

        /// A comma for the point changes nothing else.
        #[test]
        fn a_number_with_a_comma_is_the_one_with_a_point(text in "[-+0-9.eNainf/]{0,12}") {
            let comma = Spelling::new(&USUAL.map(|word| Marker::Text(word.into())), true);
            let turned = text.replace('.', ",");
            let same = |a: Number, b: Number| match (a, b) {
                (Number::Value(a), Number::Value(b)) => a.to_bits() == b.to_bits(),
                (a, b) => a == b,
            };
            prop_assert!(same(comma.number(turned.as_bytes()), Spelling::USUAL.number(text.as_bytes())), "{}", text);
        }
    }
}
