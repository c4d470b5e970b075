//! What protocols write alike: a list of predictions, and the rows that have none.

use crate::format::json::writer::{NotFinite, push_prediction, push_text};
use crate::model::Column;
use crate::serve::scoring::Predictions;
use serde::Serialize;

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
        Some(x) => drop(push_prediction(out, output, x, NotFinite::Tokens)),
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
