//! Rows as JSON has them -> predictions, whatever the protocol.

use crate::format::json::reader::{Form, Reader};
use crate::format::json::{Cursor, Document, Duplicate, Elements, Kind, Malformed};
use crate::problem::Code;
use crate::score::batch::Flaw;
use crate::score::binding::{nearest, shown};
use crate::score::{Batch, Binding};
use crate::serve::refusal::Refusal;
use crate::serve::scoring::{self, Predictions, Rows, Side};
use crate::serve::served::{Named, Served};
use std::borrow::Cow;
use std::sync::Arc;

/// # Errors
/// It is no JSON.
pub fn document(body: &[u8]) -> Result<Document<'_>, Refusal> {
    Ok(Document::check(body)?)
}

/// A value a line. The same errors.
pub fn lines(body: &[u8]) -> Result<Document<'_>, Refusal> {
    Ok(Document::check_lines(body)?)
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        Refusal::bad(format!("the body is no JSON: {malformed}")).at_line(malformed.line)
    }
}

impl From<Duplicate> for Refusal {
    fn from(twice: Duplicate) -> Refusal {
        Refusal::bad(twice.to_string()).at_line(twice.line)
    }
}

/// The error that a value is none of what it may be.
pub fn unexpected(what: &str, found: Cursor, expected: &str) -> Refusal {
    let (line, column) = found.line_and_column();
    let found = found.kind().words();
    Refusal::bad(format!(
        "line {line}, column {column}: {what} is {found}, where {expected} is expected"
    ))
    .at_line(line)
}

/// A member that is an array.
pub fn array<'a>(name: &str, value: Cursor<'a>) -> Result<Elements<'a>, Refusal> {
    match value.kind() {
        Kind::Array => Ok(value.elements()),
        _ => Err(unexpected(&format!("{name:?}"), value, "an array")),
    }
}

/// Scores rows that name nothing: each is an array of all features, or in objects by the way `within`.
pub fn arrays(side: Side, rows: Elements, within: &[&str]) -> Result<Predictions, Refusal> {
    let width = side.width();
    score(side, Form::Arrays { rows, width, within }, &side.served.by_position)
}

/// The same of rows of a model of one feature that aren't arrays: each is the value.
pub fn values(side: Side, values: Elements) -> Result<Predictions, Refusal> {
    let width = side.width();
    score(side, Form::Flat { values, width }, &side.served.by_position)
}

/// Scores rows that are objects.
pub fn objects(side: Side, rows: Elements) -> Result<Predictions, Refusal> {
    let names = &side.served.names;
    score(side, Form::Objects { rows, names }, &side.served.by_position)
}

/// Scores columns by their names, each with its values.
///
/// # Errors
/// The model takes a column that isn't there.
pub fn columns(side: Side, names: Vec<Cow<str>>, columns: Vec<Elements>) -> Result<Predictions, Refusal> {
    let named = by_name(side.served, names, None)?;
    score(side, Form::Columns(columns), &named.binding)
}

/// Scores rows of values whose names stand once, in front.
pub fn arrays_by_name(side: Side, named: &Named, rows: Elements) -> Result<Predictions, Refusal> {
    let width = named.names.len();
    let within = &[];
    score(side, Form::Arrays { rows, width, within }, &named.binding)
}

/// So many names may stand beside the model's. They are ignored; but each takes some ten times its bytes while it is.
const OTHER_NAMES: usize = 4096;

/// # Errors
/// There are more names than a request may have. To be asked before the next one is kept. `width`: the model's.
pub fn has_room(width: usize, names: usize) -> Result<(), Refusal> {
    let most = width + OTHER_NAMES;
    match names > most {
        true => Err(Refusal::bad(format!(
            "more than {most} names, where the model takes {width} columns"
        ))),
        false => Ok(()),
    }
}

/// Which of the named fields is which feature. `written`: how the list of them was, if it was one.
///
/// # Errors
/// A name that stands twice, or is missing; there are too many.
pub fn by_name(served: &Served, names: Vec<Cow<str>>, written: Option<&str>) -> Result<Arc<Named>, Refusal> {
    has_room(served.width(), names.len())?;
    served
        .bind(names, written)
        .map_err(|(problem, names)| match (problem.code, &problem.column) {
            (Code::NoSuchColumn, Some(column)) => no_such_column(served, column, &names),
            _ => problem.into(),
        })
}

fn no_such_column(served: &Served, column: &str, names: &[String]) -> Refusal {
    let free: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| served.names.find(name).is_none())
        .collect();
    let near = nearest(column, &free)
        .map(|near| format!("; is it {near:?}?"))
        .unwrap_or_default();
    let message = format!(
        "no column {column:?}, which the model takes; there is: {}{near}",
        shown(names)
    );
    Refusal::bad(message).in_column(column)
}

pub fn score(side: Side, form: Form, binding: &Binding) -> Result<Predictions, Refusal> {
    let (reader, served) = (Reader::new(form, binding), side.served);
    scoring::score(side, &mut JsonRows { reader, served })
}

struct JsonRows<'a> {
    reader: Reader<'a>,
    served: &'a Served,
}

impl Rows for JsonRows<'_> {
    fn fill(&mut self) -> bool {
        self.reader.fill()
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.reader.batch
    }

    fn reason(&self, flaw: Flaw) -> (Option<String>, String) {
        scoring::reason(self.served, &self.reader.batch, flaw, || {
            self.reader.malformed(flaw.row)
        })
    }
}
