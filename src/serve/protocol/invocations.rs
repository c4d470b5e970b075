//! `POST /invocations`, of a SageMaker container and of MLflow's scoring server, and `POST /endpoints/GROUP/invocations`, which
//! the clients of AWS ask: whose body it is, and whose answer.
//!
//! JSON Lines are SageMaker's. So is a JSON list, and an object whose rows are `features`; another object is MLflow's. A CSV
//! without a header is SageMaker's, and one with a header MLflow's, unless an endpoint, a CSV or JSON Lines are asked for.

use super::{Ask, keys, mlflow, rows, sagemaker};
use crate::format::json::Kind;
use crate::format::{Encoding, FileFormat, Header};
use crate::serve::answer::Answer;
use crate::serve::answering::Candidates;
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::{MediaType, Request};
use crate::serve::route::{Protocol, Route};
use crate::serve::scoring;
use crate::transform::Shape;
use hyper::header::HeaderName;
use std::cell::Cell;

static VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");

pub fn answer(ask: &Ask) -> Result<Answer, Refusal> {
    let request = ask.request;
    let attributes = sagemaker::check(request)?;
    let candidates = ask.candidates()?;
    if request.body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::bad("the body is empty"));
    }
    let mut answer = match content_type(request) {
        MediaType::Json => json(ask, &candidates),
        MediaType::JsonLines => utf8(request).and_then(|()| sagemaker::lines(ask, &candidates)),
        MediaType::Csv => csv(ask, &candidates),
        MediaType::Any | MediaType::Other => Err(Refusal::new(Cause::MediaType, "a body of this type isn't read here")
            .hint("send text/csv, application/json or application/jsonlines")),
    }?;
    if let Some(scored) = &answer.scored {
        answer.headers.insert(VARIANT.clone(), scored.by.variant());
    }
    Ok(match attributes {
        Some(attributes) => answer.with(sagemaker::ATTRIBUTES.as_str(), attributes),
        None => answer,
    })
}

/// What the body is said to be; where nothing is said, what it looks like.
fn content_type(request: &Request) -> MediaType {
    match request.content_type() {
        MediaType::Any => match request.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') => MediaType::Json,
            _ => MediaType::Csv,
        },
        said => said,
    }
}

/// # Errors
/// The body is said to be another text than JSON can be.
fn utf8(request: &Request) -> Result<(), Refusal> {
    match request.charset()?.is_none_or(Encoding::is_utf8) {
        true => Ok(()),
        false => Err(Refusal::new(
            Cause::MediaType,
            "JSON is read as UTF-8, and in no other charset",
        )),
    }
}

fn json(ask: &Ask, candidates: &Candidates) -> Result<Answer, Refusal> {
    utf8(ask.request)?;
    let document = rows::document(&ask.request.body)?;
    let root = document.root();
    let by = ask.choose(candidates, |found| keys::of_body(root, found))?;
    if root.kind() == Kind::Array {
        return sagemaker::list(ask, by, root);
    }
    match sagemaker::instances(root)? {
        Some(instances) => sagemaker::json(ask, by, instances).map_err(|refusal| refusal.of(Protocol::SageMaker)),
        None => mlflow::json(ask, by, root),
    }
}

fn csv(ask: &Ask, candidates: &Candidates) -> Result<Answer, Refusal> {
    let request = ask.request;
    let (header, encoding) = (header(request)?, request.charset()?);
    let usual = &candidates.champion.scorer.shape;
    let said = (header.is_some() || encoding.is_some()).then(|| Shape {
        header: header.unwrap_or(usual.header),
        encoding: encoding.unwrap_or(usual.encoding),
        ..usual.clone()
    });
    let body = ask.body(FileFormat::default());
    let by = ask
        .choose(candidates, |found| {
            scoring::keys(&candidates.champion, said.as_ref(), body, found)
        })
        .map_err(unclear)?;
    let read = Cell::new((false, b','));
    let predictions = by.predict(body, |side, body| {
        let csv = scoring::csv(side, said.as_ref(), body)?;
        read.set((csv.has_header, csv.delimiter));
        Ok(csv.predictions)
    });
    let (predictions, (has_header, delimiter)) = (predictions.map_err(unclear)?, read.get());
    let is_mlflow = has_header
        && request.route == Route::Invocations
        && !matches!(request.accepts(), MediaType::Csv | MediaType::JsonLines);
    match is_mlflow {
        true => mlflow::predictions(ask, by, predictions),
        false => sagemaker::predictions(ask, by, predictions, MediaType::Csv, delimiter)
            .map_err(|refusal| refusal.of(Protocol::SageMaker)),
    }
}

/// What the content type says of a CSV's first line, if it says something.
///
/// # Errors
/// Something else.
fn header(request: &Request) -> Result<Option<Header>, Refusal> {
    if let Some(labels) = request.content_parameter("label_size").filter(|size| *size != "0") {
        let message = format!("label_size={labels}: rows to predict have no labels in front");
        return Err(Refusal::bad(message).hint("leave them out, and say label_size=0 or nothing"));
    }
    match request.content_parameter("header") {
        None => Ok(None),
        Some(header) if header.eq_ignore_ascii_case("present") => Ok(Some(Header::Present)),
        Some(header) if header.eq_ignore_ascii_case("absent") => Ok(Some(Header::Absent)),
        Some(other) => Err(Refusal::bad(format!(
            "header={other}: it is present or absent, as in text/csv;header=absent"
        ))),
    }
}

/// Where the configuration would have to say whether there is a header: here, the request can.
fn unclear(refusal: Refusal) -> Refusal {
    match refusal
        .hint
        .as_deref()
        .is_some_and(|hint| hint.contains("input.header"))
    {
        true => refusal.hint("say which it is: Content-Type: text/csv;header=present or text/csv;header=absent"),
        false => refusal,
    }
}
