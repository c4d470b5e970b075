//! Why a row is bad, whatever its format.

use super::csv::malformed::Malformed as OfCsv;
use super::json::Kind;
use super::json::cause::Malformed as OfJson;
use crate::score::cell::CellError;

/// Why a row is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Malformed(Malformed),
    Cell {
        feature: u32,
        error: CellError,
    },
    /// A cell of a field that another model takes than the one that the input was opened for.
    Field {
        field: u32,
        error: CellError,
    },
    /// An index among the model's refusals.
    Refused(u32),
}

/// Why the cells of a row can't be told, as its format knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Csv(OfCsv),
    Json(OfJson),
}

/// By their numbers, which stay.
const ERRORS: [CellError; 6] = [
    CellError::NotANumber,
    CellError::NotAnInteger,
    CellError::NotABoolean,
    CellError::Missing,
    CellError::UnknownCategory,
    CellError::NotUtf8,
];

const KINDS: [Kind; 6] = [
    Kind::Object,
    Kind::Array,
    Kind::Text,
    Kind::Number,
    Kind::Null,
    Kind::Boolean,
];

impl Cause {
    /// As it is told to another program.
    pub fn numbers(self) -> [u32; 3] {
        let error = |error| ERRORS.iter().position(|known| *known == error).expect("all are known") as u32;
        let kind = |found| KINDS.iter().position(|known| *known == found).expect("all are known") as u32;
        match self {
            Cause::Cell { feature, error: of } => [0, feature, error(of)],
            Cause::Field { field, error: of } => [1, field, error(of)],
            Cause::Refused(why) => [2, why, 0],
            Cause::Malformed(Malformed::Csv(malformed)) => match malformed {
                OfCsv::FieldCount { found, unescaped } => [3, found, unescaped.into()],
                OfCsv::AfterQuote { field, unescaped } => [4, field, unescaped.into()],
            },
            Cause::Malformed(Malformed::Json(malformed)) => match malformed {
                OfJson::Empty => [5, 0, 0],
                OfJson::NotUtf8 => [5, 1, 0],
                OfJson::NotJson => [5, 2, 0],
                OfJson::Twice => [5, 3, 0],
                OfJson::NoObject { found } => [6, 0, kind(found)],
                OfJson::Nested { feature, found } => [7, feature, kind(found)],
            },
        }
    }

    /// None if no cause has these.
    pub fn of_numbers([tag, first, second]: [u32; 3]) -> Option<Cause> {
        let error = || ERRORS.get(second as usize).copied();
        let found = || KINDS.get(second as usize).copied();
        let unescaped = second == 1;
        let cause = match tag {
            0 => Cause::Cell {
                feature: first,
                error: error()?,
            },
            1 => Cause::Field {
                field: first,
                error: error()?,
            },
            2 => Cause::Refused(first),
            3 => OfCsv::FieldCount {
                found: first,
                unescaped,
            }
            .into(),
            4 => OfCsv::AfterQuote {
                field: first,
                unescaped,
            }
            .into(),
            tag => Cause::Malformed(Malformed::Json(match (tag, first) {
                (5, 0) => OfJson::Empty,
                (5, 1) => OfJson::NotUtf8,
                (5, 2) => OfJson::NotJson,
                (5, 3) => OfJson::Twice,
                (6, _) => OfJson::NoObject { found: found()? },
                (7, feature) => OfJson::Nested {
                    feature,
                    found: found()?,
                },
                _ => return None,
            })),
        };
        (cause.numbers() == [tag, first, second]).then_some(cause)
    }

    /// May a row of an input of so many columns be bad for it, where its model takes so many features?
    pub fn is_of(self, features: usize, columns: usize) -> bool {
        match self {
            Cause::Cell { feature, .. } | Cause::Malformed(Malformed::Json(OfJson::Nested { feature, .. })) => {
                (feature as usize) < features
            }
            Cause::Field { field, .. } => (field as usize) < columns,
            // A malformed row may have more fields than there are columns.
            Cause::Malformed(_) | Cause::Refused(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_by_numbers_that_no_other_has() {
        let mut known = Vec::new();
        for tag in 0..9 {
            for first in 0..5 {
                for second in 0..8 {
                    let numbers = [tag, first, second];
                    known.extend(Cause::of_numbers(numbers).map(|cause| (cause, numbers)));
                }
            }
        }
        assert!(known.iter().all(|(cause, numbers)| cause.numbers() == *numbers));
        // Cells and fields, by feature and error; refusals; two flags each of a CSV; of JSON, four, six, and six by feature.
        assert_eq!(known.len(), 2 * 5 * 6 + 5 + 2 * 5 * 2 + 4 + 6 + 5 * 6);
    }

    #[test]
    fn a_quote_may_end_early_in_a_field_that_no_column_has() {
        let of = |field| {
            Cause::from(OfCsv::AfterQuote {
                field,
                unescaped: false,
            })
            .is_of(1, 2)
        };
        assert!(of(1) && of(2));
    }
}
