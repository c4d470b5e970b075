//! Why a line of JSON Lines is a bad row.

use super::check::Document;
use super::cursor::Kind;
use crate::model::unicode;
use crate::problem::excerpt;
use std::borrow::Cow;
use std::collections::HashSet;
use std::str::from_utf8;

/// In words it is told by the line: see [`Malformed::words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Empty,
    NotUtf8,
    NotJson,
    NoObject {
        found: Kind,
    },
    /// A key stands twice.
    Twice,
    /// The value of a feature is an array or object.
    Nested {
        feature: u32,
        found: Kind,
    },
}

impl Malformed {
    /// `line`: as it stands.
    pub fn words(self, line: &[u8]) -> Cow<'static, str> {
        match self {
            Malformed::Empty => "an empty line, where an object is expected".into(),
            Malformed::NotUtf8 => match from_utf8(line) {
                Err(e) => format!("the byte 0x{:02X} is not UTF-8", line[e.valid_up_to()]).into(),
                Ok(_) => "not UTF-8".into(),
            },
            Malformed::NotJson => match Document::check(line) {
                Err(e) => format!("not JSON: column {}: {}", e.column, e.what).into(),
                Ok(_) => "not JSON: a byte order mark stands in front".into(),
            },
            Malformed::NoObject { found } => {
                format!("the line is {}, where an object is expected", found.words()).into()
            }
            Malformed::Twice => match twice(line) {
                Some(key) => format!("the key {:?} stands twice", excerpt(key.as_bytes(), 64)).into(),
                None => "a key stands twice".into(),
            },
            Malformed::Nested { found, .. } => {
                let found = found.words();
                format!("{found}, where a number, text, boolean or null is expected").into()
            }
        }
    }

    pub fn hint(self) -> Option<&'static str> {
        match self {
            Malformed::NoObject { found: Kind::Array } => {
                Some("write each line as an object, such as {\"x\": 0.3}: the values of an array have no names")
            }
            _ => None,
        }
    }
}

/// The first key that stands again. Two that differ by spaces around them or by their form of Unicode name the same column.
fn twice(line: &[u8]) -> Option<String> {
    let document = Document::check(line).ok()?;
    let root = document.root();
    let keys = || root.members().map(|(key, _)| key);
    let (mut seen, mut named) = (HashSet::new(), HashSet::new());
    let again = keys().find(|key| !seen.insert(key.to_string()));
    let again = again.or_else(|| keys().find(|key| !named.insert(unicode::name(key).into_owned())));
    again.map(Cow::into_owned)
}
