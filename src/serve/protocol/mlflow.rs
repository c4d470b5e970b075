//! MLflow's scoring server: `{"inputs": {"x": [0.3]}}` -> `{"predictions": [434.0765649977724]}`.
//!
//! Exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`; `params` and whatever else stands beside it is
//! passed over. Columns go by name where there are names, else by position.

use super::writing::{end_with_errors, member, push, push_list, push_record, take_room, value};
use super::{Ask, rows};
use crate::format::json::{Cursor, Document, Elements, Kind};
use crate::model::Column;
use crate::score::binding::shown;
use crate::serve::answer::{Answer, JSON};
use crate::serve::answering::Answering;
use crate::serve::refusal::Refusal;
use crate::serve::scoring::{Predictions, Side};
use crate::serve::served::Served;
use std::borrow::Cow;

/// Of a body that is none of these; one more is looked at, to say that there are more.
const KEYS_SHOWN: usize = 21;

const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

pub fn json(ask: &Ask, by: Answering, root: Cursor) -> Result<Answer, Refusal> {
    let read = by.predict(root, read)?;
    predictions(ask, by, read)
}

/// # Errors
/// Rows are bad, and that refuses the request.
pub fn predictions(ask: &Ask, by: Answering, predictions: Predictions) -> Result<Answer, Refusal> {
    let predictions = predictions.checked(ask.bad_rows)?;
    let usual = by.served.scorer.shape.probabilities;
    let outputs = by.written(ask.request.flag("probabilities")?.unwrap_or(usual));
    let each = || match outputs {
        [output] => value(output),
        outputs => outputs.iter().map(member).sum::<usize>() + 3,
    };
    take_room(ask, &predictions, each)?;
    let body = write(outputs, &predictions);
    Ok(Answer::ok(JSON, body).of(by, predictions))
}

fn read(side: Side, root: Cursor) -> Result<Predictions, Refusal> {
    if root.kind() != Kind::Object {
        return Err(rows::unexpected(
            "the body",
            root,
            "an object with dataframe_split, dataframe_records, instances or inputs",
        ));
    }
    match root.members_named(FORMS)? {
        [Some(split), None, None, None] => read_split(side, split),
        [None, Some(records), None, None] => rows::objects(side, rows::array(FORMS[1], records)?),
        [None, None, Some(instances), None] => read_rows(side, rows::array(FORMS[2], instances)?),
        [None, None, None, Some(inputs)] => read_inputs(side, inputs),
        _ => {
            let keys: Vec<String> = root
                .members()
                .map(|(key, _)| key.into_owned())
                .take(KEYS_SHOWN)
                .collect();
            let keys = if keys.is_empty() { "none".into() } else { shown(&keys) };
            let forms = FORMS.join(", ");
            Err(Refusal::bad(format!(
                "the body must have exactly one of the keys {forms}; it has {keys}"
            )))
        }
    }
}

/// A data frame as pandas has it in `to_dict(orient="split")`.
fn read_split(side: Side, split: Cursor) -> Result<Predictions, Refusal> {
    if split.kind() != Kind::Object {
        return Err(rows::unexpected(
            "\"dataframe_split\"",
            split,
            "an object of columns and data",
        ));
    }
    // A misspelled "columns" would have the rows taken by position.
    if let Some((other, _)) = split
        .members()
        .find(|(key, _)| !["columns", "data", "index"].contains(&&**key))
    {
        return Err(Refusal::bad(format!(
            "\"dataframe_split\" has a key {other:?}, where there may be columns, data and index"
        )));
    }
    let [columns, data] = split.members_named(["columns", "data"])?;
    let Some(data) = data else {
        return Err(Refusal::bad("\"dataframe_split\" has no key \"data\""));
    };
    let data = rows::array("data", data)?;
    let served = side.served;
    let Some(columns) = columns.filter(|columns| columns.kind() != Kind::Null) else {
        return read_rows(side, data);
    };
    let written = columns.raw();
    if let Some(named) = served.written(written) {
        return rows::arrays_by_name(side, &named, data);
    }
    let names = names(served, columns)?;
    // What pandas calls columns that have no names.
    let are_numbers = names.iter().enumerate().all(|(i, name)| *name == i.to_string());
    if are_numbers && names.len() == served.width() && served.names.find("0").is_none() {
        return rows::arrays(side, data, &[]);
    }
    let named = rows::by_name(served, names, Some(written))?;
    rows::arrays_by_name(side, &named, data)
}

fn names<'a>(served: &Served, columns: Cursor<'a>) -> Result<Vec<Cow<'a, str>>, Refusal> {
    let name = |name: Cursor<'a>| match name.kind() {
        Kind::Text => Ok(name.text().unwrap_or_default()),
        Kind::Number => Ok(name.raw().into()),
        _ => Err(rows::unexpected("a name of \"columns\"", name, "a text")),
    };
    let columns = rows::array("columns", columns)?;
    rows::has_room(served.width(), columns.clone().count())?;
    columns.map(name).collect()
}

/// Rows by name or by position; of a model of one feature, its values.
fn read_rows(side: Side, instances: Elements) -> Result<Predictions, Refusal> {
    match instances.clone().next().map(Cursor::kind) {
        Some(Kind::Object) => rows::objects(side, instances),
        Some(Kind::Array) | None => rows::arrays(side, instances, &[]),
        Some(_) if side.width() == 1 => rows::values(side, instances),
        // Each is a bad row: that a list of values is one row of several features is a guess.
        Some(_) => rows::arrays(side, instances, &[]),
    }
}

/// Columns by name, or rows.
fn read_inputs(side: Side, inputs: Cursor) -> Result<Predictions, Refusal> {
    let served = side.served;
    let row = || format!("[{}]", inputs.raw());
    match inputs.kind() {
        Kind::Array => read_rows(side, inputs.elements()),
        // A row of values.
        Kind::Object if inputs.members().all(|(_, value)| value.kind() != Kind::Array) => {
            rows::objects(side, Document::check(row().as_bytes())?.root().elements())
        }
        Kind::Object => {
            let (mut names, mut columns) = (Vec::new(), Vec::new());
            for (name, values) in inputs.members() {
                // Others than the model's may be of any kind.
                let values = match served.names.find(&name) {
                    Some(_) => rows::array(&name, values)?,
                    None => values.elements(),
                };
                columns.push(values);
                names.push(name);
                rows::has_room(served.width(), names.len())?;
            }
            rows::columns(side, names, columns)
        }
        Kind::Text | Kind::Number | Kind::Boolean if served.width() == 1 => {
            rows::values(side, Document::check(row().as_bytes())?.root().elements())
        }
        _ => Err(rows::unexpected(
            "\"inputs\"",
            inputs,
            "an object of columns, or an array of rows",
        )),
    }
}

/// One output is a list of it, as a model's `predict` gives it; several are records, as of a data frame.
fn write(outputs: &[Column], predictions: &Predictions) -> Vec<u8> {
    let mut out = Vec::with_capacity(predictions.rows * outputs.len() * 24 + 32);
    out.extend_from_slice(b"{\"predictions\":");
    match outputs {
        [output] => push_list(predictions, &mut out, |row, out| {
            push(output, row.map(|row| row[0]), out)
        }),
        outputs => push_list(predictions, &mut out, |row, out| push_record(outputs, row, out)),
    }
    end_with_errors(predictions, &mut out);
    out
}
