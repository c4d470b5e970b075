//! A SageMaker container: `{"instances": [{"features": [0.3]}]}` -> `{"predictions": [{"score": 434.0765649977724}]}`, the same
//! a line each, and CSVs. Predictions are written as Amazon's own models write them, a list as its toolkit for own code.

mod tensors;

use super::writing::{end_with_errors, push, push_array, push_list, take_room, value};
use super::{Ask, keys, rows};
use crate::config::Serve;
use crate::format::Writing;
use crate::format::json::{Cursor, Elements, Kind};
use crate::model::{Column, Type};
use crate::serve::answer::{Answer, CSV, JSON, JSON_LINES};
use crate::serve::answering::{Answering, Candidates};
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::{MediaType, Request};
use crate::serve::route::Protocol;
use crate::serve::scoring::{self, Predictions, Side};
use hyper::header::HeaderName;
use serde_json::json;
use tensors::Tensors;

pub static ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");

/// The headers that the caller's choice among several models or containers is sent in.
static ELSEWHERE: [(HeaderName, &str); 3] = [
    (HeaderName::from_static("x-amzn-sagemaker-target-model"), "TargetModel"),
    (
        HeaderName::from_static("x-amzn-sagemaker-target-container-hostname"),
        "TargetContainerHostname",
    ),
    (
        HeaderName::from_static("x-amzn-sagemaker-inference-component"),
        "InferenceComponentName",
    ),
];

/// The custom attributes, which are given back.
///
/// # Errors
/// They are too long; or another model is asked for than can be.
pub fn check(request: &Request) -> Result<Option<&str>, Refusal> {
    if let Some((_, name)) = ELSEWHERE
        .iter()
        .find(|(header, _)| request.headers.contains_key(header))
    {
        let message = format!("{name} names nothing here");
        return Err(Refusal::new(Cause::NoSuchModel, message)
            .hint("the endpoint is a group of models, and TargetVariant one of its versions"));
    }
    let Some(attributes) = request.headers.get(&ATTRIBUTES) else {
        return Ok(None);
    };
    let attributes = attributes.to_str().ok().filter(|text| text.len() <= 1024);
    let attributes =
        attributes.ok_or_else(|| Refusal::bad("the custom attributes are more than 1,024 characters of visible ASCII"));
    attributes.map(Some)
}

/// How many requests a batch transform should send at a time, and how large. More than 100 MB in all are refused by it.
pub fn execution_parameters(settings: &Serve, threads: usize) -> Answer {
    const MOST: u64 = 100;
    let payload = (settings.max_body >> 20).clamp(1, MOST);
    let transforms = (threads.min(settings.max_in_flight) as u64)
        .min(MOST / payload)
        .min(settings.memory / settings.max_body)
        .max(1);
    let parameters = json!({
        "MaxConcurrentTransforms": transforms,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": payload,
    });
    Answer::ok(JSON, parameters.to_string())
}

/// How the values of a row are found, as the first row has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// An array, the way by these keys.
    Array(&'static [&'static str]),
    /// An object of `values`, and where it is sparse of `keys` and `shape`.
    Tensor(&'static [&'static str]),
}

impl Place {
    /// None: the row isn't of this protocol.
    fn of(row: Cursor) -> Result<Option<Place>, Refusal> {
        const WAYS: [&[&str]; 2] = [&["features"], &["data", "features"]];
        for way in WAYS {
            let mut value = Some(row);
            for key in way {
                value = match value {
                    Some(value) => value.member(key)?,
                    None => None,
                };
            }
            match value.map(Cursor::kind) {
                Some(Kind::Array) => return Ok(Some(Place::Array(way))),
                Some(Kind::Object) => return Ok(Some(Place::Tensor(way))),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The rows of a JSON body.
pub struct Instances<'a> {
    rows: Elements<'a>,
    place: Place,
}

/// None: the body isn't of this protocol.
///
/// # Errors
/// A key of it stands twice.
pub fn instances(root: Cursor<'_>) -> Result<Option<Instances<'_>>, Refusal> {
    let Some(instances) = root.member("instances")? else {
        return Ok(None);
    };
    let rows = instances.elements();
    let place = match rows.clone().next() {
        Some(first) => Place::of(first)?,
        None => None,
    };
    Ok(place.map(|place| Instances { rows, place }))
}

/// # Errors
/// Why there are no predictions; the same of all below.
pub fn json(ask: &Ask, by: Answering, instances: Instances) -> Result<Answer, Refusal> {
    let scored = by.predict(instances.rows, |side, rows| score(side, rows, instances.place))?;
    predictions(ask, by, scored, MediaType::Json, b',')
}

/// A row a line: of one of the places; or an array of its values; or by the names of the features.
pub fn lines(ask: &Ask, candidates: &Candidates) -> Result<Answer, Refusal> {
    let answer = || {
        let document = rows::lines(&ask.request.body)?;
        let by = ask.choose(candidates, |found| keys::of_rows(document.lines(), found))?;
        let scored = by.predict(document.lines(), |side, all| match all.clone().next() {
            Some(first) if first.kind() == Kind::Object => match Place::of(first)? {
                Some(place) => score(side, all, place),
                None => rows::objects(side, all),
            },
            _ => rows::arrays(side, all, &[]),
        })?;
        predictions(ask, by, scored, MediaType::JsonLines, b',')
    };
    answer().map_err(|refusal: Refusal| refusal.of(Protocol::SageMaker))
}

/// `[[0.3]]` -> `[434.0765649977724]`, as the toolkit for own code has it.
pub fn list(ask: &Ask, by: Answering, root: Cursor) -> Result<Answer, Refusal> {
    let answer = || {
        let scored = by.predict(root.elements(), |side, all| {
            match all.clone().next().map(Cursor::kind) {
                Some(Kind::Object) => rows::objects(side, all),
                Some(Kind::Array) | None => rows::arrays(side, all, &[]),
                Some(_) if side.width() == 1 => rows::values(side, all),
                Some(_) => rows::arrays(side, all, &[]),
            }
        })?;
        if matches!(ask.request.accepts(), MediaType::Csv | MediaType::JsonLines) {
            return predictions(ask, by, scored, MediaType::Json, b',');
        }
        let scored = scored.checked(ask.bad_rows)?;
        let mut body = Vec::new();
        take_room(ask, &scored, || each(&by.signature().outputs))?;
        match by.written(by.served.scorer.shape.probabilities) {
            [output] => push_list(&scored, &mut body, |row, out| push(output, row.map(|row| row[0]), out)),
            outputs => push_list(&scored, &mut body, |row, out| push_array(outputs, row, out)),
        }
        Ok(Answer::ok(JSON, body).of(by, scored))
    };
    answer().map_err(|refusal: Refusal| refusal.of(Protocol::SageMaker))
}

fn score(side: Side, rows: Elements, place: Place) -> Result<Predictions, Refusal> {
    match place {
        Place::Array(way) => rows::arrays(side, rows, way),
        Place::Tensor(way) => scoring::score(side, &mut Tensors::new(side.served, rows, way)),
    }
}

/// `usual`: the type that is answered where none is asked for. `delimiter`: of a CSV.
pub fn predictions(
    ask: &Ask,
    by: Answering,
    predictions: Predictions,
    usual: MediaType,
    delimiter: u8,
) -> Result<Answer, Refusal> {
    let kind = match ask.request.accepts() {
        MediaType::Any => usual,
        MediaType::Other => {
            return Err(
                Refusal::new(Cause::MediaType, "none of the types that are accepted is written here")
                    .hint("accept text/csv, application/json or application/jsonlines"),
            );
        }
        wanted => wanted,
    };
    let predictions = predictions.checked(ask.bad_rows)?;
    let outputs = &by.signature().outputs;
    take_room(ask, &predictions, || each(outputs))?;
    let (content_type, body) = match kind {
        MediaType::Csv => {
            let outputs = by.written(by.served.scorer.shape.probabilities);
            (CSV, csv(outputs, &predictions, delimiter))
        }
        MediaType::JsonLines => (JSON_LINES, json_lines(outputs, &predictions)),
        _ => (JSON, json_of(outputs, &predictions)),
    };
    Ok(Answer::ok(content_type, body).of(by, predictions))
}

/// Bytes of a row in each of the types, at most.
fn each(outputs: &[Column]) -> usize {
    const KEYS: usize = r#"{"predicted_label":,"score":[]}"#.len() + 2;
    outputs.iter().map(value).sum::<usize>() + KEYS
}

fn json_of(outputs: &[Column], predictions: &Predictions) -> Vec<u8> {
    let mut out = Vec::with_capacity(predictions.rows * 32 + 32);
    out.extend_from_slice(b"{\"predictions\":");
    push_list(predictions, &mut out, |row, out| push_score(outputs, row, out));
    end_with_errors(predictions, &mut out);
    out
}

fn json_lines(outputs: &[Column], predictions: &Predictions) -> Vec<u8> {
    let mut out = Vec::with_capacity(predictions.rows * 32);
    for row in predictions.iter() {
        push_score(outputs, row, &mut out);
        out.push(b'\n');
    }
    out
}

/// As Amazon's linear learner: of two classes the probability of the second, of several all. A label that has none stands alone.
fn push_score(outputs: &[Column], row: Option<&[f64]>, out: &mut Vec<u8>) {
    let is_label = outputs[0].kind == Type::Category;
    if is_label {
        out.extend_from_slice(b"{\"predicted_label\":");
        push(&outputs[0], row.map(|row| row[0]), out);
        if outputs.len() == 1 {
            out.push(b'}');
            return;
        }
    }
    out.extend_from_slice(if is_label { b",\"score\":" } else { b"{\"score\":" });
    let first = usize::from(is_label);
    match (&outputs[first..], is_label) {
        ([output], _) => push(output, row.map(|row| row[first]), out),
        ([_, second], true) => push(second, row.map(|row| row[2]), out),
        _ if row.is_none() => out.extend_from_slice(b"null"),
        (outputs, _) => push_array(outputs, row.map(|row| &row[first..]), out),
    }
    out.push(b'}');
}

/// A line a row, without a header; otherwise as the spool's.
fn csv(outputs: &[Column], predictions: &Predictions, delimiter: u8) -> Vec<u8> {
    let writings: Vec<Writing> = outputs.iter().map(|output| Writing::of(output, delimiter)).collect();
    let mut out = Vec::with_capacity(predictions.rows * outputs.len() * 20);
    let mut text = zmij::Buffer::new();
    for row in predictions.iter() {
        match row {
            // An empty line would be no row, to many readers.
            None if writings.len() == 1 => out.extend_from_slice(b"\"\""),
            None => out.extend(writings[1..].iter().map(|_| delimiter)),
            Some(row) => {
                for (i, (writing, x)) in writings.iter().zip(row).enumerate() {
                    if i > 0 {
                        out.push(delimiter);
                    }
                    writing.write(*x, &mut text, &mut out);
                }
            }
        }
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::Document;

    #[test]
    fn the_first_row_tells_where_features_stand() {
        let place = |row: &str| {
            let document = Document::check(row.as_bytes()).unwrap();
            Place::of(document.root()).unwrap()
        };
        for (row, found) in [
            (r#"{"features": [1]}"#, Some(Place::Array(&["features"]))),
            (
                r#"{"data": {"features": [1]}}"#,
                Some(Place::Array(&["data", "features"])),
            ),
            (
                r#"{"data": {"features": {}}}"#,
                Some(Place::Tensor(&["data", "features"])),
            ),
            (r#"{"features": 1}"#, None),
            (r#"{"data": [1]}"#, None),
            (r#"{"x": 1}"#, None),
            ("[1]", None),
        ] {
            assert_eq!(place(row), found, "{row}");
        }
        let twice = Document::check(br#"{"features": [1], "features": [2]}"#).unwrap();
        assert!(Place::of(twice.root()).is_err());
    }
}
