//! An opened table: which of its columns are needed, and for what.

use super::column::Column;
use super::columns::Schema;
use super::fault::{no_cell, unreadable};
use super::file::RowGroup;
use super::write::look;
use crate::format::FileFormat;
use crate::format::csv::writer::{header, name_fields};
use crate::format::json::writer::key;
use crate::format::wanted::stands_already;
use crate::format::writing::Style;
use crate::format::{Cause, Columns, RowWriting, Wanted};
use crate::model::unicode;
use crate::problem::Problem;
use crate::score::batch::refused;
use crate::score::binding::{Places, no_such_column, stands_twice};
use crate::score::{Binding, Derivation};
use std::borrow::Cow;

/// What is the same for all row groups of a table; shared by the threads that score them.
pub struct Input {
    pub(super) columns: Vec<Column>,
    names: Vec<String>,
    pub(super) binding: Binding,
    /// Features in the order of their columns, in which flaws of a row are told.
    pub(super) order: Vec<usize>,
    /// Columns that are written in front of the predictions, in the order of the output.
    kept: Vec<usize>,
    /// Of each observed column, its place among the columns.
    pub(super) observed: Vec<Option<usize>>,
    derivations: Vec<Result<Derivation, Problem>>,
    /// All that are to be read, ascending.
    needed: Vec<usize>,
    /// What stands in front of a fraction in the text of a number, as it would in a CSV.
    pub(super) mark: u8,
    writing: RowWriting,
    /// Of the kept columns' members, if they become such.
    pub(super) keys: Vec<Vec<u8>>,
    /// What a text of its output begins with.
    out: Vec<u8>,
    format: FileFormat,
    output: FileFormat,
    /// A row group without rows, which its beginning stands for.
    nothing: RowGroup,
}

impl Input {
    /// # Errors
    /// The columns aren't the model's, or are of types that can't be cells.
    pub fn open(columns: &[Column], wanted: &Wanted) -> Result<Input, Problem> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let binding = Binding::by_place(&Places::of(&names), wanted.signature, wanted.features)?;
        let cells = |place: usize, who: &str| match columns[place].has_cells() {
            true => Ok(()),
            false => Err(no_cell(&columns[place].name, &columns[place].type_name(), who)),
        };
        binding
            .fields
            .iter()
            .try_for_each(|place| cells(*place, "the model takes it"))?;
        let kept = kept(columns, &names, wanted)?;
        let observed = observed(columns, &names, &binding, wanted);
        let mut needed: Vec<usize> = [&binding.fields[..], &kept].concat();
        needed.extend(observed.iter().flatten());
        let derive = |second| {
            let mut noted = Vec::new();
            let first = (wanted.signature, &binding);
            // Noted cells are told by the place of their column.
            let derivation = Derivation::of(second, Some(&names), first, |place| {
                noted.push(place);
                place
            })?;
            noted
                .iter()
                .try_for_each(|place| cells(*place, "the second model takes it"))?;
            needed.extend(noted);
            Ok(derivation)
        };
        let derivations = wanted.seconds.iter().copied().map(derive).collect();
        needed.sort_unstable();
        needed.dedup();
        let mut order: Vec<usize> = (0..binding.fields.len()).collect();
        order.sort_by_key(|feature| binding.fields[*feature]);
        let schema = || {
            Schema::wanted(
                kept.iter().filter_map(|place| columns[*place].fields()).collect(),
                wanted,
            )
        };
        let style = wanted.style(None, schema);
        let kept_names = kept.iter().map(|place| columns[*place].original.as_str());
        let (keys, out) = match &style {
            Style::Columns(_) => {
                let mut fields = kept.iter().filter_map(|place| columns[*place].fields());
                fields.try_for_each(|(stored, told)| look(&stored, &told, wanted.output.rows))?;
                (Vec::new(), Vec::new())
            }
            Style::Members { .. } => (kept_names.map(key).collect(), Vec::new()),
            &Style::Fields { delimiter } => {
                let kept = name_fields(kept_names, delimiter);
                (Vec::new(), header(&kept, &wanted.written(), delimiter))
            }
        };
        Ok(Input {
            columns: columns.into(),
            names,
            binding,
            order,
            kept,
            observed,
            derivations,
            needed,
            mark: if wanted.spelling.comma() { b',' } else { b'.' },
            writing: RowWriting::new(wanted.outputs.iter().enumerate(), wanted.version, &style),
            keys,
            out,
            format: wanted.format,
            output: wanted.output,
            nothing: RowGroup::empty(),
        })
    }

    pub fn out(&self) -> &[u8] {
        &self.out
    }

    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// The format of its output.
    pub fn output(&self) -> FileFormat {
        self.output
    }

    /// What stands for the table's beginning: a row group without rows.
    pub fn beginning(&self) -> &RowGroup {
        &self.nothing
    }

    /// The places of the columns that are to be read.
    pub fn needed(&self) -> &[usize] {
        &self.needed
    }

    /// The places of the columns that stand in front of the predictions, in the order of the output.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How predictions are written as texts, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        &self.writing
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, cause: Cause) -> &str {
        let place = match cause {
            Cause::Cell { feature, .. } => Some(self.binding.fields[feature as usize]),
            Cause::Field { field, .. } => Some(field as usize),
            Cause::Malformed(_) | Cause::Refused(_) => None,
        };
        place.map_or("", |place| &self.names[place])
    }

    /// In words. `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match cause {
            Cause::Cell { error, .. } | Cause::Field { error, .. } => error.text().into(),
            Cause::Refused(why) => refused(refusal(why)).into(),
            // Of a table, none is.
            Cause::Malformed(_) => "malformed".into(),
        }
    }

    /// Is there an observed column? By its place among those that were wanted.
    pub fn observes(&self, column: usize) -> bool {
        self.observed[column].is_some()
    }

    /// How rows for a second model come about. By its place among those that were wanted.
    ///
    /// # Errors
    /// Why they can't: the table lacks a column, or it is of a type that can't be a cell.
    pub fn derivation(&self, second: usize) -> Result<&Derivation, &Problem> {
        self.derivations[second].as_ref()
    }
}

fn kept(columns: &[Column], names: &[String], wanted: &Wanted) -> Result<Vec<usize>, Problem> {
    let find = |name: &String| {
        let missing = || {
            let all: Vec<&str> = names.iter().map(String::as_str).collect();
            no_such_column(name, names, &all, "output.columns keeps")
        };
        names.iter().position(|n| *n == unicode::name(name)).ok_or_else(missing)
    };
    let kept: Vec<usize> = match wanted.columns {
        Columns::Prediction => return Ok(Vec::new()),
        Columns::All => (0..names.len()).collect(),
        Columns::Named(named) => named.iter().map(find).collect::<Result<_, _>>()?,
    };
    let is_kept = |name: &str| kept.iter().any(|place| names[*place] == name);
    if let Some(twice) = stands_twice(names, is_kept) {
        return Err(twice);
    }
    if let Some(output) = wanted.written().iter().find(|output| is_kept(output)) {
        return Err(stands_already(output));
    }
    match kept
        .iter()
        .map(|place| &columns[*place])
        .find(|column| !column.is_readable())
    {
        Some(column) => Err(unreadable(&column.name, &column.type_name())),
        None => Ok(kept),
    }
}

/// The places of observed columns: of one that the model takes, the one that it takes it from. One that can't be a cell isn't
/// observed.
fn observed(columns: &[Column], names: &[String], binding: &Binding, wanted: &Wanted) -> Vec<Option<usize>> {
    let place = |observed: &String| {
        let observed = unicode::name(observed);
        let mut inputs = wanted.signature.inputs.iter();
        if let Some(feature) = inputs.position(|input| unicode::name(&input.name) == observed) {
            return Some(binding.fields[feature]);
        }
        let mut places = names.iter().enumerate().filter(|(_, name)| **name == observed);
        let (first, second) = (places.next()?, places.next());
        second.is_none().then_some(first.0)
    };
    let of_cells = |observed| place(observed).filter(|place| columns[*place].has_cells());
    wanted.observed.iter().map(of_cells).collect()
}
