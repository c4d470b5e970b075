//! What may differ between CSVs: what parts the fields, and what takes the meaning from the byte behind it.
//!
//! An escape is what MySQL and Spark write (`\`), beside the doubled quote, which stays one. In quotes, escape and byte are that
//! byte, as in MySQL, pandas and Python. Outside, so are an escape and a delimiter, quote, line end or escape; in front of anything
//! else it is text: `\N` is MySQL's null, which `input.missing` may list, and `C:\dir` stands unquoted in what Spark writes.

use crate::format::RowFormat;
use memchr::{memchr, memchr_iter, memchr2, memchr3};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    pub delimiter: u8,
    /// Not the delimiter, nor what [`Dialect::parse_escape`] refuses.
    pub escape: Option<u8>,
}

impl Dialect {
    /// By RFC 4180 but for the delimiter.
    pub const fn plain(delimiter: u8) -> Dialect {
        Dialect {
            delimiter,
            escape: None,
        }
    }

    /// A delimiter as settings have it. `None`: it could be part of a number, a word or a quoted field.
    pub fn parse_delimiter(text: &str) -> Option<u8> {
        match text.as_bytes() {
            // Where nothing takes a backslash for an escape of its own.
            b"\\t" => Some(b'\t'),
            [b] if *b == b'\t' || b.is_ascii_punctuation() && !b"\"'+-.".contains(b) => Some(*b),
            _ => None,
        }
    }

    /// An escape as settings have it, empty for none. `None`: it could be part of a number, or a delimiter.
    pub fn parse_escape(text: &str) -> Option<Option<u8>> {
        match text.as_bytes() {
            b"" => Some(None),
            // Where nothing takes a backslash for an escape of its own.
            b"\\\\" => Some(Some(b'\\')),
            [b] if b.is_ascii_punctuation() && !b"\"'+-.,;|".contains(b) => Some(Some(*b)),
            _ => None,
        }
    }

    pub fn with_delimiter(self, delimiter: u8) -> Dialect {
        Dialect { delimiter, ..self }
    }

    /// Of a file of this format: tabs part a TSV's fields, whatever the settings say.
    pub fn of(self, format: RowFormat) -> Dialect {
        match format {
            RowFormat::Tsv => self.with_delimiter(b'\t'),
            _ => self,
        }
    }

    /// The quote that closes a quoted field whose text begins at `at`; a doubled quote is text.
    pub fn closing_quote(self, bytes: &[u8], mut at: usize) -> Option<usize> {
        let Some(escape) = self.escape else {
            return closing_quote(bytes, at);
        };
        loop {
            let found = at + memchr2(b'"', escape, bytes.get(at..)?)?;
            if bytes[found] == b'"' && bytes.get(found + 1) != Some(&b'"') {
                return Some(found);
            }
            at = found + 2;
        }
    }

    /// The delimiter or line feed that ends a field, outside its quotes.
    pub fn field_end(self, bytes: &[u8], mut at: usize) -> Option<usize> {
        let Some(escape) = self.escape else {
            return memchr2(self.delimiter, b'\n', &bytes[at..]).map(|n| at + n);
        };
        loop {
            let found = at + memchr3(self.delimiter, b'\n', escape, bytes.get(at..)?)?;
            if bytes[found] != escape {
                return Some(found);
            }
            at = found + 2 + usize::from(bytes[found + 1..].starts_with(b"\r\n"));
        }
    }

    /// A field's text, without its quotes.
    pub fn text(self, field: &[u8]) -> Cow<'_, [u8]> {
        let Some(escape) = self.escape.filter(|escape| memchr(*escape, field).is_some()) else {
            return unquote(field);
        };
        let quoted = field.strip_prefix(b"\"");
        let mut rest = quoted.map_or(field, |inner| inner.strip_suffix(b"\"").unwrap_or(inner));
        let mut text = Vec::with_capacity(rest.len());
        let is_special = |b: u8| b == self.delimiter || b == escape || b"\"\r\n".contains(&b);
        while let [first, behind @ ..] = rest {
            let taken = match behind.first() {
                Some(&b) if *first == escape && (quoted.is_some() || is_special(b)) => b,
                Some(b'"') if *first == b'"' && quoted.is_some() => b'"',
                _ => {
                    text.push(*first);
                    rest = behind;
                    continue;
                }
            };
            text.push(taken);
            rest = &behind[1..];
        }
        text.into()
    }

    /// Does `lines` end in a line end that is none, for an escape stands in front of it? Outside quotes.
    pub fn is_continued(self, lines: &[u8]) -> bool {
        let Some(escape) = self.escape else {
            return false;
        };
        let line = lines.strip_suffix(b"\n").unwrap_or(lines);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.iter().rev().take_while(|b| **b == escape).count() % 2 == 1
    }

    /// Would a backslash make other fields of `record` if it were the escape? For hints, where there is none.
    pub fn lacks_escape(self, record: &[u8]) -> bool {
        let special = |b: &u8| *b == self.delimiter || b"\"\r\n".contains(b);
        self.escape.is_none() && memchr_iter(b'\\', record).any(|at| record.get(at + 1).is_none_or(special))
    }
}

/// For hints to what [`Dialect::lacks_escape`].
pub const ESCAPE_HINT: &str = "set input.escape = \"\\\\\" if backslashes escape quotes or \
                               delimiters, as Spark and MySQL write them";

/// As [`Dialect::closing_quote`], without an escape.
pub fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let quote = at + memchr(b'"', &bytes[at..])?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}

/// As [`Dialect::text`], without an escape.
pub fn unquote(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"") else {
        return field.into();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr(b'"', inner).is_none() {
        return inner.into();
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&b) = bytes.next() {
        text.push(b);
        if b == b'"' {
            bytes.next();
        }
    }
    text.into()
}
