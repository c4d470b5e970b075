//! A batch -> its predictions.

use super::batch::Batch;
use crate::model::{Model, Texts};

/// Predicts `out`, `[output][row]`, for all rows of a batch; what stands there for bad rows means nothing. Rows that the
/// model refuses are marked as bad.
pub fn predict(model: &Model, batch: &mut Batch, out: &mut [f64]) {
    batch.conform(model.known_texts());
    let refused = predict_columns(model, &batch.columns(), &batch.texts(), out);
    for (row, why) in refused {
        batch.refuse(row, why);
    }
}

/// The same of columns whose texts are as the model knows them. Returns the rows that it refuses, and why.
pub fn predict_columns(model: &Model, columns: &[&[f64]], texts: &Texts, out: &mut [f64]) -> Vec<(usize, String)> {
    if model.predict(columns, texts, out).is_ok() {
        return Vec::new();
    }
    // A library that refuses one row refuses the batch. Parts of it are tried, down to the rows it is about.
    let rows = out.len() / model.signature().outputs.len();
    let mut part_out = vec![0.0; out.len()];
    let mut refused = Vec::new();
    let mut parts = vec![0..rows / 2, rows / 2..rows];
    while let Some(part) = parts.pop() {
        let columns: Vec<&[f64]> = columns.iter().map(|c| &c[part.clone()]).collect();
        let texts: Vec<&[String]> = texts.iter().map(|t| &t[part.clone()]).collect();
        let part_out = &mut part_out[..out.len() / rows * part.len()];
        match model.predict(&columns, &texts, part_out) {
            Ok(()) => {
                for (from, to) in part_out.chunks(part.len().max(1)).zip(out.chunks_mut(rows)) {
                    to[part.clone()].copy_from_slice(from);
                }
            }
            Err(why) if part.len() == 1 => refused.push((part.start, why)),
            Err(_) => {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
            }
        }
    }
    refused
}
