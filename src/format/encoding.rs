//! Encodings of texts, by their names.

use encoding_rs::UTF_8;
use serde::Serialize;

/// One of the WHATWG Encoding Standard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    pub const UTF_8: Encoding = Encoding(UTF_8);

    /// `label`: as the standard lists them, letter case aside. `utf-16` is little endian where no byte order mark says otherwise.
    pub fn parse(label: &str) -> Option<Encoding> {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Encoding)
    }

    pub fn is_utf8(self) -> bool {
        self == Encoding::UTF_8
    }

    /// Is each character a byte, and each ASCII character itself?
    pub fn is_single_byte(self) -> bool {
        self.0.is_single_byte() && self.0.is_ascii_compatible()
    }

    pub fn get(self) -> &'static encoding_rs::Encoding {
        self.0
    }

    /// The standard's own, in small letters.
    pub fn name(self) -> String {
        self.0.name().to_lowercase()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> String {
        encoding.name()
    }
}
