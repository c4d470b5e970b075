//! Why a record has no fields.

/// Why the fields of a record can't be told. `unescaped`: it has backslashes that would be escapes if there were any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It has another number of fields than the header.
    FieldCount { found: u32, unescaped: bool },
    /// A quoted field has text behind its closing quote.
    AfterQuote { field: u32, unescaped: bool },
}
