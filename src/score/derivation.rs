//! Rows for a second model out of a batch that was filled for a first one: the input is read once, and the first one's rows are the
//! same whoever else looks at them.

use super::batch::{Batch, Flaw, Reason};
use super::binding::{Binding, Places};
use super::cell::{CellError, Feature};
use crate::model::{Column, Signature, Type, unicode};
use crate::problem::{Code, Problem};
use std::sync::Arc;

/// A second model, by what it takes.
#[derive(Clone, Copy)]
pub struct Second<'a> {
    pub signature: &'a Signature,
    /// Of the signature's inputs.
    pub features: &'a Arc<[Feature]>,
}

/// Of each feature of the second model, where its cells come from.
#[derive(Clone, Debug)]
pub struct Derivation {
    binding: Binding,
    sources: Vec<Source>,
    /// Of each feature of the first model, the one of the second that has its cells.
    derived: Vec<Option<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The first model's feature, whose cells mean the same to both; but for whether they may be missing.
    Feature { index: usize, optional: bool },
    /// The cells are read again, by the rule of the second's feature; where they are noted.
    Cells(usize),
}

impl Derivation {
    /// `names`: of the input's fields, if it has a header. `first`: the first model's inputs, and their fields. `note`: has the cells
    /// of a field noted, and tells where.
    ///
    /// # Errors
    /// The input lacks a column that the second model takes, or has it twice.
    pub fn of(
        second: Second,
        names: Option<&[String]>,
        first: (&Signature, &Binding),
        mut note: impl FnMut(usize) -> usize,
    ) -> Result<Derivation, Problem> {
        let (signature, binding) = first;
        let fields = fields(second, names, signature, binding)?;
        let mut derived = vec![None; signature.inputs.len()];
        let mut source = |(feature, column): (usize, &Column)| {
            let field = fields[feature];
            let of_first = binding.fields.iter().position(|of| *of == field);
            match of_first.filter(|&index| derived[index].is_none() && is_same(&signature.inputs[index], column)) {
                Some(index) => {
                    derived[index] = Some(feature);
                    let optional = signature.inputs[index].optional;
                    Source::Feature { index, optional }
                }
                None => Source::Cells(note(field)),
            }
        };
        let sources = second.signature.inputs.iter().enumerate().map(&mut source).collect();
        let features = second.features.clone();
        Ok(Derivation {
            binding: Binding { features, fields },
            sources,
            derived,
        })
    }

    /// Where a feature's cells stand: the index of the field.
    pub fn field(&self, feature: usize) -> usize {
        self.binding.fields[feature]
    }

    /// A batch for as many rows as `first` has room for.
    pub fn batch(&self, first: &Batch) -> Batch {
        Batch::new(&self.binding, first.rows() + first.room())
    }

    /// Fills `second` with the rows of `first`, which nobody predicted from yet or somebody did: whatever the first model refuses, the
    /// second one may take. `cell`: by where it is noted, and the row; as it stands, without the quotes of its format.
    pub fn fill<C: AsRef<[u8]>>(&self, first: &Batch, cell: impl Fn(usize, usize) -> C, second: &mut Batch) {
        second.clear();
        let rows = first.rows();
        let mut malformed = Vec::new();
        for flaw in first.flaws() {
            if flaw.reason == Reason::Malformed {
                malformed.push(flaw.row);
                second.mark(*flaw);
            }
        }
        for (feature, source) in self.sources.iter().enumerate() {
            let of = &self.binding.features[feature];
            match *source {
                Source::Feature { index, optional } => {
                    second.next_cells(feature, rows).copy_from_slice(first.column(index));
                    if optional && !of.optional {
                        let cells = first.column(index).iter().zip(0..);
                        // What can't be read is no number either, and is marked by its own reason below.
                        for (_, row) in cells.filter(|(x, row)| x.is_nan() && !is_bad_cell(first, *row, index)) {
                            second.mark(flaw(row, feature, CellError::Missing));
                        }
                    }
                }
                Source::Cells(noted) => {
                    let is_good = |row: &usize| malformed.binary_search(&(*row as u32)).is_err();
                    for row in (0..rows).filter(is_good) {
                        second.read(row, feature, of, cell(noted, row).as_ref());
                    }
                }
            }
        }
        for of in first.flaws() {
            if let Reason::Cell { feature: index, error } = of.reason
                && let Some(feature) = self.derived[index as usize]
            {
                match error == CellError::Missing && self.binding.features[feature].optional {
                    true => second.next_cells(feature, rows)[of.row as usize] = f64::NAN,
                    false => second.mark(flaw(of.row, feature, error)),
                }
            }
        }
        second.end_rows(rows);
        second.end();
    }
}

/// Is the row bad for its cell of this feature? Flaws stand in the order of rows.
fn is_bad_cell(batch: &Batch, row: u32, index: usize) -> bool {
    let flaws = batch.flaws();
    let of_row = &flaws[flaws.partition_point(|flaw| flaw.row < row)..];
    let mut of_row = of_row.iter().take_while(|flaw| flaw.row == row);
    of_row.any(|flaw| matches!(flaw.reason, Reason::Cell { feature, .. } if feature as usize == index))
}

fn flaw(row: u32, feature: usize, error: CellError) -> Flaw {
    let feature = feature as u32;
    Flaw {
        row,
        reason: Reason::Cell { feature, error },
    }
}

/// Of each feature of the second model, its field: where the first model takes a column of that name from, or as it is found for any
/// model; by position where there are no names.
fn fields(
    second: Second,
    names: Option<&[String]>,
    first: &Signature,
    binding: &Binding,
) -> Result<Vec<usize>, Problem> {
    let inputs = &second.signature.inputs;
    let of_first = |column: &Column| {
        let name = unicode::name(&column.name);
        let same = first.inputs.iter().position(|of| unicode::name(&of.name) == name);
        same.map(|index| binding.fields[index])
    };
    let Some(names) = names else {
        let (fields, taken) = (binding.fields.len(), inputs.len());
        return match fields == taken {
            true => Ok((0..fields).collect()),
            false => Err(Problem::new(
                Code::WrongColumnCount,
                format!(
                    "the file has no header, so its columns are taken by position; it has {fields}, the model takes {taken}"
                ),
                "give it a header",
            )),
        };
    };
    let known: Vec<Option<usize>> = inputs.iter().map(of_first).collect();
    // With all of its names at hand: another of its columns is no misspelling of one.
    match Binding::by_place(&Places::of(names), second.signature, second.features) {
        Ok(found) => Ok(known
            .iter()
            .zip(found.fields)
            .map(|(known, found)| known.unwrap_or(found))
            .collect()),
        Err(problem) => known.into_iter().collect::<Option<_>>().ok_or(problem),
    }
}

/// Do the cells of both mean the same, but for whether they may be missing? Single precision is made when a model takes a number.
fn is_same(a: &Column, b: &Column) -> bool {
    let meaning = |column: &Column| Column {
        name: String::new(),
        optional: false,
        kind: match column.kind {
            // A number that means a missing value is compared in the column's own precision.
            Type::Float32 if column.missing.is_empty() => Type::Float64,
            kind => kind,
        },
        ..column.clone()
    };
    // Texts are given the form in which a model knows them.
    a.kind != Type::String && meaning(a) == meaning(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Marker;

    /// 0.1 in single precision is another number than in double: one model takes it for missing, and the other doesn't.
    #[test]
    fn numbers_that_mean_missing_are_of_the_columns_own_precision() {
        let column = |kind, missing: &[f64]| Column {
            missing: missing.iter().copied().map(Marker::Number).collect(),
            ..Column::plain("x".into(), kind)
        };
        for (a, b, same) in [
            (column(Type::Float32, &[]), column(Type::Float64, &[]), true),
            (column(Type::Float32, &[0.1]), column(Type::Float64, &[0.1]), false),
            (column(Type::Float32, &[0.1]), column(Type::Float32, &[0.1]), true),
            (column(Type::Float64, &[0.1]), column(Type::Float64, &[]), false),
            (column(Type::String, &[]), column(Type::String, &[]), false),
        ] {
            assert_eq!(is_same(&a, &b), same, "{a:?} {b:?}");
        }
    }
}
