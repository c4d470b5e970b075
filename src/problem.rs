//! What is wrong with an input, in words for the person who has to mend it.

use serde::{Serialize, Serializer};
use std::fmt;

/// Stable names of the ways in which an input can't be scored. TROUBLESHOOTING.md has an entry for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    BadEncoding,
    BadRow,
    Blocked,
    ColumnType,
    ColumnsUnclear,
    CompressedDamaged,
    DuplicateColumn,
    EmptyFile,
    ExpandsTooFar,
    FormatMismatch,
    HeaderUnclear,
    Internal,
    LineEnds,
    Link,
    NameTooLong,
    NoSuchColumn,
    NotAFile,
    NotBuiltIn,
    NotCsv,
    NotJsonLines,
    NulByte,
    OpenEscape,
    QuotedLines,
    RecordTooLong,
    RowGroupTooLarge,
    TableDamaged,
    TableEncrypted,
    TooManyBadRows,
    UnclosedQuote,
    Utf16,
    WindowTooLarge,
    WrongColumnCount,
    WrongDelimiter,
}

impl Code {
    pub const ALL: [Code; 33] = [
        Code::BadEncoding,
        Code::BadRow,
        Code::Blocked,
        Code::ColumnType,
        Code::ColumnsUnclear,
        Code::CompressedDamaged,
        Code::DuplicateColumn,
        Code::EmptyFile,
        Code::ExpandsTooFar,
        Code::FormatMismatch,
        Code::HeaderUnclear,
        Code::Internal,
        Code::LineEnds,
        Code::Link,
        Code::NameTooLong,
        Code::NoSuchColumn,
        Code::NotAFile,
        Code::NotBuiltIn,
        Code::NotCsv,
        Code::NotJsonLines,
        Code::NulByte,
        Code::OpenEscape,
        Code::QuotedLines,
        Code::RecordTooLong,
        Code::RowGroupTooLarge,
        Code::TableDamaged,
        Code::TableEncrypted,
        Code::TooManyBadRows,
        Code::UnclosedQuote,
        Code::Utf16,
        Code::WindowTooLarge,
        Code::WrongColumnCount,
        Code::WrongDelimiter,
    ];

    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Code::BadEncoding => "bad_encoding",
            Code::BadRow => "bad_row",
            Code::Blocked => "blocked",
            Code::ColumnType => "column_type",
            Code::ColumnsUnclear => "columns_unclear",
            Code::CompressedDamaged => "compressed_damaged",
            Code::DuplicateColumn => "duplicate_column",
            Code::EmptyFile => "empty_file",
            Code::ExpandsTooFar => "expands_too_far",
            Code::FormatMismatch => "format_mismatch",
            Code::HeaderUnclear => "header_unclear",
            Code::Internal => "internal",
            Code::LineEnds => "line_ends",
            Code::Link => "link",
            Code::NameTooLong => "name_too_long",
            Code::NoSuchColumn => "no_such_column",
            Code::NotAFile => "not_a_file",
            Code::NotBuiltIn => "not_built_in",
            Code::NotCsv => "not_csv",
            Code::NotJsonLines => "not_json_lines",
            Code::NulByte => "nul_byte",
            Code::OpenEscape => "open_escape",
            Code::QuotedLines => "quoted_lines",
            Code::RecordTooLong => "record_too_long",
            Code::RowGroupTooLarge => "row_group_too_large",
            Code::TableDamaged => "table_damaged",
            Code::TableEncrypted => "table_encrypted",
            Code::TooManyBadRows => "too_many_bad_rows",
            Code::UnclosedQuote => "unclosed_quote",
            Code::Utf16 => "utf16",
            Code::WindowTooLarge => "window_too_large",
            Code::WrongColumnCount => "wrong_column_count",
            Code::WrongDelimiter => "wrong_delimiter",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One reason why an input has no output. `line` counts from 1 and counts every line, also empty ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: Code,
    pub line: Option<u64>,
    pub column: Option<String>,
    pub message: String,
    pub hint: String,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem {
            code,
            line: None,
            column: None,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub fn line(mut self, line: u64) -> Problem {
        self.line = Some(line);
        self
    }

    /// The same, with `lines` more in front of it.
    pub fn behind(mut self, lines: u64) -> Problem {
        self.line = self.line.map(|line| line + lines);
        self
    }

    pub fn column(mut self, column: impl Into<String>) -> Problem {
        self.column = Some(column.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// It comes through readers as an [`std::io::Error`].
impl std::error::Error for Problem {}

/// A bug of this program's, not of the input.
pub fn internal() -> Problem {
    Problem::new(
        Code::Internal,
        "the program failed while it scored this file; this is a bug in it, not in the file",
        "please report it with the file; the log has the details. The other files are not affected",
    )
}

/// At most `limit` characters of somebody else's text, safe to print: what can't be seen is escaped.
pub fn excerpt(text: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * limit)]);
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == limit {
            shown.push('…');
            break;
        }
        push_visible(c, &mut shown);
    }
    shown
}

/// Names in quotes, for a message: the first ten, each an [`excerpt`].
pub fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN);
    let shown: Vec<String> = shown
        .map(|name| format!("{:?}", excerpt(name.as_bytes(), 40)))
        .collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}

/// Adds a character as it is seen; control characters, marks, and spaces that are no space are escaped.
pub fn push_visible(c: char, shown: &mut String) {
    match c {
        '"' | '\'' | '\\' => shown.push(c),
        // By Rust's own table of what can't be seen. A combining mark is seen behind another character only.
        c => shown.extend(format!("x{c}").escape_debug().skip(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let text = "a\u{feff}b\u{a0}c\u{200b}d\n\u{202e}é\"\\日";
        assert_eq!(
            excerpt(text.as_bytes(), 80),
            "a\\u{feff}b\\u{a0}c\\u{200b}d\\n\\u{202e}é\"\\日"
        );
    }
}
