//! Why rows are bad, and in which field.

use super::dialect::ESCAPE_HINT;
use super::head::Layout;
use crate::score::batch::refused;
use crate::score::cell::CellError;
use std::borrow::Cow;

/// Why the fields of a record can't be told. `unescaped`: it has backslashes that would be escapes if there were any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It has another number of fields than the header.
    FieldCount { found: u32, unescaped: bool },
    /// A quoted field has text behind its closing quote.
    AfterQuote { field: u32, unescaped: bool },
}

/// Why a row is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Malformed(Malformed),
    Cell {
        feature: u32,
        error: CellError,
    },
    /// An index among the model's refusals.
    Refused(u32),
}

impl Layout {
    /// The field that a row is bad for, if it is one.
    pub fn field(&self, cause: Cause) -> Option<usize> {
        match cause {
            Cause::Cell { feature, .. } => Some(self.binding.fields[feature as usize]),
            Cause::Malformed(Malformed::AfterQuote { field, .. }) => Some(field as usize),
            Cause::Malformed(Malformed::FieldCount { .. }) | Cause::Refused(_) => None,
        }
    }

    /// The name of that field; none where a record has more fields than there are columns.
    pub fn column(&self, cause: Cause) -> Option<&str> {
        self.names.get(self.field(cause)?).map(String::as_str)
    }

    /// In words. `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match cause {
            Cause::Cell { error, .. } => error.text().into(),
            Cause::Malformed(Malformed::AfterQuote { unescaped, .. }) => {
                format!("text after a closing quote{}", unset(unescaped)).into()
            }
            Cause::Malformed(Malformed::FieldCount { found, unescaped }) => {
                let s = if found == 1 { "" } else { "s" };
                let fields = self.roles.len();
                format!("{found} field{s} instead of {fields}{}", unset(unescaped)).into()
            }
            Cause::Refused(why) => refused(refusal(why)).into(),
        }
    }
}

fn unset(unescaped: bool) -> &'static str {
    match unescaped {
        true => "; its backslashes escape nothing, for input.escape is not set",
        false => "",
    }
}

impl Cause {
    /// What may mend all such rows at once.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Cause::Malformed(Malformed::FieldCount { unescaped, .. } | Malformed::AfterQuote { unescaped, .. }) => {
                unescaped.then_some(ESCAPE_HINT)
            }
            Cause::Cell { .. } | Cause::Refused(_) => None,
        }
    }
}
