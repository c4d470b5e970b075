//! What protocols write alike: a list of predictions, and the rows that have none.

use super::Ask;
use crate::format::json::writer::{NotFinite, push_prediction, push_text};
use crate::model::{Category, Column};
use crate::serve::refusal::Refusal;
use crate::serve::scoring::Predictions;
use serde::Serialize;

/// Bytes of a number, and a comma or bracket on either side.
const NUMBER: usize = 27;
/// What fewer rows take isn't counted, which would take longer than to score them.
const COUNTED: usize = 64;

/// Bytes of an output's value in a row, at most.
pub fn value(output: &Column) -> usize {
    let label = |label: &Category| {
        let mut text = Vec::new();
        push_text(&mut text, &label.to_string());
        text.len() + 2
    };
    NUMBER.max(output.categories.iter().map(label).max().unwrap_or_default())
}

/// The same with its name, as a member of an object.
pub fn member(output: &Column) -> usize {
    let mut name = Vec::new();
    push_text(&mut name, &output.name);
    value(output) + name.len() + 2
}

/// Takes the memory of predictions, and of what is written of them at most: before it is written. `each`: bytes of a row.
///
/// # Errors
/// There is none.
pub fn take_room(ask: &Ask, predictions: &Predictions, each: impl FnOnce() -> usize) -> Result<(), Refusal> {
    if predictions.rows < COUNTED {
        return Ok(());
    }
    let bytes = predictions
        .bytes()
        .saturating_add(predictions.rows.saturating_mul(each()));
    ask.room.grow(bytes as u64)
}

/// Adds `of` each row to a list.
pub fn push_list(predictions: &Predictions, out: &mut Vec<u8>, mut of: impl FnMut(Option<&[f64]>, &mut Vec<u8>)) {
    out.push(b'[');
    for (i, row) in predictions.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        of(row, out);
    }
    out.push(b']');
}

/// Adds a prediction; of a row that can't be scored, null. What is not finite is a token, as Python writes and reads it.
pub fn push(output: &Column, x: Option<f64>, out: &mut Vec<u8>) {
    match x {
        Some(x) => push_prediction(out, output, x, NotFinite::Tokens),
        None => out.extend_from_slice(b"null"),
    }
}

/// Adds a list of the outputs of a row.
pub fn push_array(outputs: &[Column], row: Option<&[f64]>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, output) in outputs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(output, row.map(|row| row[i]), out);
    }
    out.push(b']');
}

/// Adds an object of the outputs of a row, by their names.
pub fn push_record(outputs: &[Column], row: Option<&[f64]>, out: &mut Vec<u8>) {
    for (i, output) in outputs.iter().enumerate() {
        out.push(if i > 0 { b',' } else { b'{' });
        push_text(out, &output.name);
        out.push(b':');
        push(output, row.map(|row| row[i]), out);
    }
    out.push(b'}');
}

/// Ends the object whose first member is the list: the first rows that can't be scored are named behind it, if there are any.
pub fn end_with_errors(predictions: &Predictions, out: &mut Vec<u8>) {
    if !predictions.named.is_empty() {
        out.extend_from_slice(b",\"errors\":");
        push_json(&predictions.named, out);
    }
    out.push(b'}');
}

fn push_json(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("texts and numbers are JSON");
}
