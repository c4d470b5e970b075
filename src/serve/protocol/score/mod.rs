//! `POST /score`, of this project: a CSV in, and out as the spool writes it; or a row a line as JSON, in and out.
//!
//! `?columns=prediction|all`: the input's columns in front of the predictions. `?probabilities=true`: a column for each class.

mod csv;
mod lines;

use super::Ask;
use crate::format::OutputFormat;
use crate::serve::answer::Answer;
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::MediaType;
use crate::transform::{Columns, Shape};

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let candidates = ask.candidates()?;
    let shape = shape(ask, &candidates.champion.scorer.shape)?;
    match ask.request.content_type() {
        MediaType::Csv | MediaType::Any => csv::answer(ask, &candidates, shape),
        MediaType::JsonLines => lines::answer(ask, &candidates, shape),
        MediaType::Json | MediaType::Other => {
            let refusal = Refusal::new(Cause::MediaType, "a body of this type isn't read here");
            Err(refusal.hint("send text/csv, or application/jsonlines: a row a line"))
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
        // In what a body is, its answer is.
        output: OutputFormat::Same,
        ..usual.clone()
    })
}
