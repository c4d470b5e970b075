//! What stands in a cell for a missing value.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A word, or a number that is compared by its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a word or a number")]
pub enum Marker {
    Number(f64),
    Text(String),
}

impl Marker {
    /// A text that is a number is compared as one, as `-999` of a list of words is.
    pub fn read(self) -> Marker {
        let number = |text: &str| text.trim().parse().ok().filter(|x: &f64| x.is_finite());
        match self {
            Marker::Text(text) => number(&text).map_or(Marker::Text(text), Marker::Number),
            number => number,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Marker::Number(number) => Some(*number),
            Marker::Text(_) => None,
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Marker::Number(number) => write!(f, "{number}"),
            Marker::Text(text) => write!(f, "{text:?}"),
        }
    }
}
