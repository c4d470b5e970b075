//! `POST /score`, of this project: what would be a file of the spool in, and out as the spool writes it; or a row a line as JSON, in and
//! out.
//!
//! `?columns=prediction|all`: the input's columns in front of the predictions. `?probabilities=true`: a column for each class.

mod file;
mod lines;

use super::Ask;
use crate::format::{FileFormat, OutputFormat};
use crate::serve::answer::Answer;
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::MediaType;
use crate::transform::{Columns, Shape};

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let candidates = ask.candidates()?;
    let shape = shape(ask, &candidates.champion.scorer.shape)?;
    let format = match ask.request.content_type() {
        MediaType::Any => Some(FileFormat::default()),
        MediaType::JsonLines => return lines::answer(ask, &candidates, shape),
        _ => ask.request.format(),
    };
    match format {
        Some(format) => file::answer(ask, &candidates, shape, format),
        None => {
            let refusal = Refusal::new(Cause::MediaType, "a body of this type isn't read here");
            Err(refusal
                .hint("send text/csv, application/jsonlines (a row a line), or another type that /openapi.json lists"))
        }
    }
}

/// The shape that a query asks for.
fn shape(ask: &Ask, usual: &Shape) -> Result<Shape, Refusal> {
    let columns = match ask.request.parameter("columns") {
        None | Some("prediction") => Columns::Prediction,
        Some("all") => Columns::All,
        Some(other) => return Err(Refusal::bad(format!("columns={other}: it is prediction or all"))),
    };
    let probabilities = ask.request.flag("probabilities")?.unwrap_or(usual.probabilities);
    Ok(Shape {
        columns,
        probabilities,
        encoding: ask.request.charset()?.unwrap_or(usual.encoding),
        // In what a body is, its answer is, where nothing else is asked for.
        output: OutputFormat::Same,
        ..usual.clone()
    })
}
