//! Why rows are bad, and in which field.

use super::dialect::ESCAPE_HINT;
use super::head::Layout;
use super::malformed::Malformed;
use super::record::raw_fields;
use crate::format::cause::Cause;
use crate::format::cause::Malformed::Csv;
use crate::score::Spelling;
use crate::score::batch::refused;
use crate::score::cell::{CellError, trim};
use crate::score::spelling::Number;
use std::borrow::Cow;

impl From<Malformed> for Cause {
    fn from(malformed: Malformed) -> Cause {
        Cause::Malformed(Csv(malformed))
    }
}

impl Layout {
    /// The field that a row is bad for, if it is one.
    pub fn field(&self, cause: Cause) -> Option<usize> {
        match cause {
            Cause::Cell { feature, .. } => Some(self.binding.fields[feature as usize]),
            Cause::Field { field, .. } | Cause::Malformed(Csv(Malformed::AfterQuote { field, .. })) => {
                Some(field as usize)
            }
            Cause::Malformed(_) | Cause::Refused(_) => None,
        }
    }

    /// The name of that field; none where a record has more fields than there are columns.
    pub fn column(&self, cause: Cause) -> Option<&str> {
        self.names.get(self.field(cause)?).map(String::as_str)
    }

    /// What may mend all such rows at once. `record`: the row, without its line end.
    pub fn hint(&self, cause: Cause, record: &[u8]) -> Option<&'static str> {
        match cause {
            Cause::Malformed(Csv(
                Malformed::FieldCount { unescaped, .. } | Malformed::AfterQuote { unescaped, .. },
            )) => unescaped.then_some(ESCAPE_HINT),
            Cause::Cell {
                feature,
                error: CellError::NotANumber,
            } => {
                let raw = raw_fields(record, self.dialect);
                let cell = self.dialect.text(raw.get(self.field(cause)?)?);
                let spelling = &self.binding.features[feature as usize].spelling;
                decimal_hint(spelling, self.dialect.delimiter, trim(&cell))
            }
            Cause::Cell { .. } | Cause::Field { .. } | Cause::Refused(_) | Cause::Malformed(_) => None,
        }
    }

    /// In words. `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match cause {
            Cause::Cell { error, .. } | Cause::Field { error, .. } => error.text().into(),
            Cause::Malformed(Csv(Malformed::AfterQuote { unescaped, .. })) => {
                format!("text after a closing quote{}", unset(unescaped)).into()
            }
            Cause::Malformed(Csv(Malformed::FieldCount { found, unescaped })) => {
                let s = if found == 1 { "" } else { "s" };
                let fields = self.roles.len();
                format!("{found} field{s} instead of {fields}{}", unset(unescaped)).into()
            }
            Cause::Malformed(_) => "malformed".into(),
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

/// The spelling of numbers with the other decimal mark.
pub fn other_mark(spelling: &Spelling) -> Spelling {
    Spelling::usual(!spelling.comma())
}

/// What to do where numbers are spelled so.
pub fn set_mark(spelling: &Spelling) -> &'static str {
    match spelling.comma() {
        false => "set input.decimal = \",\" if numbers have decimal commas",
        true => "set input.decimal = \".\" if numbers have decimal points",
    }
}

/// The same, where a cell that is no number would be one with the other decimal mark.
pub(in crate::format) fn decimal_hint(spelling: &Spelling, delimiter: u8, cell: &[u8]) -> Option<&'static str> {
    let other = matches!(other_mark(spelling).number(cell), Number::Value(_));
    other.then_some(match delimiter {
        // Decimal commas in a file that is separated by commas are refused.
        b',' if !spelling.comma() => {
            "write numbers with decimal points; or, for decimal commas, separate the fields by \";\" and set input.delimiter = \";\" \
             and input.decimal = \",\""
        }
        _ => set_mark(spelling),
    })
}
