//! `/v1/models`: TensorFlow Serving's REST API, and Vertex AI's containers, whose instances are the same.
//!
//! `{"instances": [..]}` -> `{"predictions": [..]}`: an instance is an array of all features, an object of them, or the value of
//! the only one. `{"inputs": {"x": [..]}}` or `{"inputs": [[..]]}` -> `{"outputs": ..}`. The only output has no name.

use super::writing::{member, push, push_list, push_record, take_room, value};
use super::{Ask, keys, rows};
use crate::format::json::writer::push_text;
use crate::format::json::{Cursor, Kind};
use crate::model::Column;
use crate::serve::answer::{Answer, JSON};
use crate::serve::models::Models;
use crate::serve::refusal::Refusal;
use crate::serve::route::Target;
use crate::serve::scoring::{Predictions, Side};
use serde_json::{Value, json};

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let candidates = ask.candidates()?;
    let document = rows::document(&ask.request.body)?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(rows::unexpected(
            "the body",
            root,
            "an object with \"instances\" or \"inputs\"",
        ));
    }
    let by = ask.choose(&candidates, |found| keys::of_body(root, found))?;
    let outputs = by.written(by.served.scorer.shape.probabilities);
    let each = || match outputs {
        [output] => value(output),
        outputs => outputs.iter().map(member).sum::<usize>() + 3,
    };
    let mut body = Vec::new();
    let predictions = match root.members_named(["instances", "inputs"])? {
        [Some(instances), None] => {
            let predictions = by.predict(instances, by_row)?.checked(ask.bad_rows)?;
            take_room(ask, &predictions, each)?;
            body.extend_from_slice(b"{\"predictions\":");
            push_rows(outputs, &predictions, &mut body);
            predictions
        }
        [None, Some(inputs)] => {
            let predictions = by.predict(inputs, by_column)?.checked(ask.bad_rows)?;
            take_room(ask, &predictions, each)?;
            body.extend_from_slice(b"{\"outputs\":");
            push_columns(outputs, &predictions, &mut body);
            predictions
        }
        [Some(_), Some(_)] => return Err(Refusal::bad("the body has both \"instances\" and \"inputs\"")),
        [None, None] => return Err(Refusal::bad("the body has neither \"instances\" nor \"inputs\"")),
    };
    if predictions.bad() > 0 {
        body.extend_from_slice(b",\"errors\":");
        body.extend_from_slice(json!(predictions.named).to_string().as_bytes());
    }
    body.push(b'}');
    Ok(Answer::ok(JSON, body).of(by, predictions))
}

fn by_row(side: Side, instances: Cursor) -> Result<Predictions, Refusal> {
    let rows = rows::array("instances", instances)?;
    match rows.clone().next().map(Cursor::kind) {
        Some(Kind::Object) => rows::objects(side, rows),
        Some(Kind::Array) => rows::arrays(side, rows, &[]),
        Some(_) if side.width() > 1 => Err(Refusal::bad(format!(
            "an instance is a value, and the model takes {} columns: an array of them, or an object",
            side.width()
        ))),
        _ => rows::values(side, rows),
    }
}

fn by_column(side: Side, inputs: Cursor) -> Result<Predictions, Refusal> {
    if inputs.kind() != Kind::Object {
        let rows = rows::array("inputs", inputs)?;
        return match rows.clone().next().map(Cursor::kind) {
            Some(Kind::Array) => rows::arrays(side, rows, &[]),
            Some(_) if side.width() > 1 => Err(rows::unexpected(
                "\"inputs\"",
                inputs,
                "an object of columns, or an array of rows",
            )),
            _ => rows::values(side, rows),
        };
    }
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (name, values) in inputs.members() {
        columns.push(rows::array(&name, values)?);
        names.push(name);
        rows::has_room(side.width(), names.len())?;
    }
    rows::columns(side, names, columns)
}

/// A value for each row, or an object of them by the outputs' names.
fn push_rows(outputs: &[Column], predictions: &Predictions, out: &mut Vec<u8>) {
    push_list(predictions, out, |row, out| match (outputs, row) {
        ([output], row) => push(output, row.map(|row| row[0]), out),
        (_, None) => out.extend_from_slice(b"null"),
        (outputs, row) => push_record(outputs, row, out),
    });
}

/// An array for each output, by its name.
fn push_columns(outputs: &[Column], predictions: &Predictions, out: &mut Vec<u8>) {
    let push_column = |place: usize, out: &mut Vec<u8>| {
        push_list(predictions, out, |row, out| {
            push(&outputs[place], row.map(|row| row[place]), out);
        });
    };
    if outputs.len() == 1 {
        return push_column(0, out);
    }
    for (place, output) in outputs.iter().enumerate() {
        out.push(if place == 0 { b'{' } else { b',' });
        push_text(out, &output.name);
        out.push(b':');
        push_column(place, out);
    }
    out.push(b'}');
}

/// `GET /v1/models/GROUP[/versions/VERSION]`: which versions answer.
pub fn status(models: &Models, target: &Target) -> Result<Answer, Refusal> {
    models.find(Some(&target.group), target.version)?;
    let versions = match target.version {
        Some(version) => vec![version],
        None => models.versions(&target.group),
    };
    // Newest first, as TensorFlow Serving has them.
    let status = |version: &u32| {
        json!({
            "version": version.to_string(),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        })
    };
    let all: Vec<Value> = versions.iter().rev().map(status).collect();
    Ok(Answer::ok(JSON, json!({"model_version_status": all}).to_string()))
}
