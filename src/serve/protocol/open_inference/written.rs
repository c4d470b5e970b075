//! Predictions as tensors.

use super::asked::Asked;
use super::{HEADER_LENGTH, no_such_output};
use crate::format::json::writer::push_text;
use crate::format::tensors::Output;
use crate::model::Signature;
use crate::score::binding::nearest;
use crate::serve::answer::{Answer, JSON};
use crate::serve::answering::Answering;
use crate::serve::protocol::writing::value;
use crate::serve::refusal::Refusal;
use crate::serve::scoring::Predictions;
use std::io::Write;

/// An output to write.
pub struct Chosen<'a> {
    output: Output<'a>,
    /// Its place among the model's.
    place: usize,
    binary: bool,
}

impl Chosen<'_> {
    /// Bytes that its value in a row takes at most, while it is written: binary values are put together behind the JSON.
    pub fn most(&self) -> usize {
        let text = value(self.output.column);
        match self.binary && !self.output.column.categories.is_empty() {
            true => 3 * (text + 4),
            // Three times its eight bytes are no more.
            false => text,
        }
    }
}

/// Those that are asked for, in their order; by the protocol, all of the model's if none are.
pub fn chosen<'a>(signature: &'a Signature, asked: &Asked) -> Result<Vec<Chosen<'a>>, Refusal> {
    let outputs = &signature.outputs;
    let chosen = |place: usize, binary| Chosen {
        output: Output::of(&outputs[place]),
        place,
        binary,
    };
    let wanted = asked.outputs.iter().flatten();
    let wanted: Result<Vec<Chosen>, Refusal> = wanted
        .map(|wanted| {
            let place = outputs.iter().position(|output| output.name == wanted.name);
            let place = place.ok_or_else(|| {
                let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
                no_such_output(&wanted.name, nearest(&wanted.name, &names))
            })?;
            Ok(chosen(place, wanted.binary.unwrap_or(asked.binary)))
        })
        .collect();
    Ok(match wanted? {
        wanted if wanted.is_empty() => (0..outputs.len()).map(|place| chosen(place, asked.binary)).collect(),
        wanted => wanted,
    })
}

/// An output is in JSON, whatever is asked for, where a bad row has no bytes that say so.
pub fn answer(by: &Answering, id: Option<&str>, outputs: &[Chosen], predictions: &Predictions) -> Answer {
    let identity = &by.served.lineup.champion.identity;
    let mut out = Vec::with_capacity(200 + outputs.len() * (80 + predictions.rows * 20));
    out.extend_from_slice(b"{\"model_name\":");
    push_text(&mut out, &identity.group);
    out.extend_from_slice(b",\"model_version\":\"");
    out.extend_from_slice(by.variant().as_bytes());
    out.push(b'"');
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        push_text(&mut out, id);
    }
    push_bad_rows(predictions, &mut out);
    out.extend_from_slice(b",\"outputs\":[");
    let mut binary = Vec::new();
    let mut is_binary = false;
    for (i, chosen) in outputs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let values = || predictions.iter().map(|row| row.map(|row| row[chosen.place]));
        out.extend_from_slice(b"{\"name\":");
        push_text(&mut out, &chosen.output.column.name);
        let datatype = chosen.output.datatype.name();
        let _ = write!(out, ",\"datatype\":\"{datatype}\",\"shape\":[{},1],", predictions.rows);
        let bytes = chosen.binary.then(|| chosen.output.binary(values())).flatten();
        match bytes {
            Some(bytes) => {
                let _ = write!(out, "\"parameters\":{{\"binary_data_size\":{}}}}}", bytes.len());
                binary.extend_from_slice(&bytes);
                is_binary = true;
            }
            None => {
                out.extend_from_slice(b"\"data\":[");
                for (row, value) in values().enumerate() {
                    if row > 0 {
                        out.push(b',');
                    }
                    chosen.output.push_json(value, &mut out);
                }
                out.extend_from_slice(b"]}");
            }
        }
    }
    out.extend_from_slice(b"]}");
    match is_binary {
        false => Answer::ok(JSON, out),
        true => {
            let length = out.len().to_string();
            out.extend_from_slice(&binary);
            Answer::ok("application/octet-stream", out).with(HEADER_LENGTH.as_str(), length)
        }
    }
}

/// Parameters are numbers and texts by the protocol, and nothing that is nested.
fn push_bad_rows(predictions: &Predictions, out: &mut Vec<u8>) {
    if predictions.bad() == 0 {
        return;
    }
    let words = predictions.named.iter().map(|bad| match &bad.column {
        Some(column) => format!("row {}, {column}: {}", bad.row, bad.reason),
        None => format!("row {}: {}", bad.row, bad.reason),
    });
    let _ = write!(out, ",\"parameters\":{{\"bad_rows\":{},\"errors\":", predictions.bad());
    push_text(out, &words.collect::<Vec<String>>().join("; "));
    out.push(b'}');
}
