//! `/v2`: the Open Inference Protocol (KServe, Triton, MLServer), with Triton's extension of binary tensors.
//!
//! A tensor is a column by its name, of shape `[rows]` or `[rows, 1]`; or a sole one is a matrix of all columns by their positions,
//! `[rows, columns]`. `parameters.content_type` may settle it: `pd` are columns, `np` is a matrix.

mod asked;
mod metadata;
mod written;

pub use metadata::{model, ready, server};

use super::writing::take_room;
use super::{Ask, rows};
use crate::format::tensors::{Fault, Reader, Tensor};
use crate::score::batch::Flaw;
use crate::score::{Batch, Binding};
use crate::serve::answer::Answer;
use crate::serve::division::Keys;
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::{HEADER_LENGTH, Request};
use crate::serve::scoring::{self, Predictions, Rows, Side};
use crate::serve::served::{Named, Served};
use asked::{Asked, Content};
use std::sync::Arc;

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let candidates = ask.candidates()?;
    let (json, binary) = parts(ask.request)?;
    let document = rows::document(json)?;
    let asked = Asked::read(document.root(), binary, candidates.champion.width())?;
    let by = ask.choose(&candidates, |found| keys(&asked.tensors, found))?;
    let outputs = written::chosen(by.signature(), &asked)?;
    let content = asked.content;
    let predicted = by.predict(asked.tensors, |side, tensors| predict(side, tensors, content));
    let predictions = predicted?.checked(ask.bad_rows)?;
    take_room(ask, &predictions, || outputs.iter().map(written::Chosen::most).sum())?;
    let answer = written::answer(&by, asked.id.as_deref(), &outputs, &predictions);
    Ok(answer.of(by, predictions))
}

/// The JSON of a body, and what stands behind it; `None`: the request says of no tensors that they do.
fn parts(request: &Request) -> Result<(&[u8], Option<&[u8]>), Refusal> {
    let body = &request.body[..];
    if !request.headers.contains_key(&HEADER_LENGTH) {
        return Ok((body, None));
    }
    let length = request.header(&HEADER_LENGTH).and_then(|text| text.trim().parse().ok());
    let length: usize = length.ok_or_else(|| Refusal::bad("Inference-Header-Content-Length is no number"))?;
    match body.split_at_checked(length) {
        Some((json, binary)) => Ok((json, Some(binary))),
        None => Err(Refusal::bad(format!(
            "Inference-Header-Content-Length is {length}, and the body has {} bytes",
            body.len()
        ))),
    }
}

fn predict(side: Side, tensors: Vec<Tensor>, content: Option<Content>) -> Result<Predictions, Refusal> {
    match binding(side.served, &tensors, content)? {
        None => score(side, tensors, &side.served.by_position),
        Some(named) => score(side, tensors, &named.binding),
    }
}

/// The tensor of that name has the keys of an A/B test. No other one has it: that is refused before.
fn keys(tensors: &[Tensor], found: &mut Keys) -> Result<(), Refusal> {
    if let Some(column) = tensors.iter().find(|tensor| found.is_column(&tensor.name)) {
        let is_column = column.shape.width == 1;
        column
            .clone()
            .texts()
            .filter(|_| is_column)
            .for_each(|key| found.push(key.as_deref()));
    }
    Ok(())
}

/// Which tensor is which feature; `None`: the only one has all of them by their positions.
fn binding(served: &Served, tensors: &[Tensor], content: Option<Content>) -> Result<Option<Arc<Named>>, Refusal> {
    let width = served.width();
    if let [only] = tensors
        && content != Some(Content::Columns)
        && (only.shape.is_matrix || content == Some(Content::Matrix))
    {
        if only.shape.width == width {
            return Ok(None);
        }
        if only.shape.width > 1 || content == Some(Content::Matrix) {
            return Err(Refusal::bad(format!(
                "input {:?}: its shape is {}, and the model takes {width} columns: [rows, {width}], or an input of [rows, 1] for \
                 each by its name",
                only.name, only.shape
            )));
        }
    }
    if let Some(wide) = tensors.iter().find(|tensor| tensor.shape.width > 1) {
        return Err(Refusal::bad(format!(
            "input {:?}: its shape is {}, where [rows] or [rows, 1] is expected: each input is a column",
            wide.name, wide.shape
        )));
    }
    let names = tensors.iter().map(|tensor| tensor.name.as_str().into()).collect();
    rows::by_name(served, names, None).map(Some)
}

fn score(side: Side, tensors: Vec<Tensor>, binding: &Binding) -> Result<Predictions, Refusal> {
    let reader = Reader::new(tensors, binding).map_err(|Fault(message)| Refusal::bad(message))?;
    let served = side.served;
    scoring::score(side, &mut TensorRows { reader, served })
}

struct TensorRows<'a> {
    reader: Reader<'a>,
    served: &'a Served,
}

impl Rows for TensorRows<'_> {
    fn fill(&mut self) -> bool {
        self.reader.fill()
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.reader.batch
    }

    fn reason(&self, flaw: Flaw) -> (Option<String>, String) {
        // Tensors have their shapes: no row is malformed.
        scoring::reason(self.served, &self.reader.batch, flaw, || "malformed".into())
    }
}

/// That a model has no output of that name.
fn no_such_output(name: &str, near: Option<&str>) -> Refusal {
    let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
    Refusal::new(Cause::BadRequest, format!("the model has no output {name:?}{near}"))
}
