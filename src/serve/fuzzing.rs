//! What comes from the network, of any bytes: an answer or a refusal, never a panic.

use super::body::Memory;
use super::keys::{file, presented};
use super::models::Models;
use super::protocol::{self, Ask, By};
use super::refusal::Cause;
use super::request::Request;
use super::route::{Route, Stage};
use crate::config::BadRows;
use crate::format::json::Document;
use crate::model::{Declared, Format, Model};
use crate::score::Spelling;
use crate::transform::{self, Columns, Dialect, Encoding, Header, Limit, Shape};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use std::sync::LazyLock;

/// A method, a path, a query and a variant, a line each. Of a route: its name is one of those that there are, and its group no
/// path's.
pub fn route(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (method, path, query, variant) = (next(), next(), next(), next());
    for stage in [Stage::Production, Stage::Staging] {
        let Ok(route) = Route::parse(stage, method, path) else {
            continue;
        };
        assert!(Route::NAMES.contains(&route.name()));
        assert!(route.group().is_none_or(|group| !group.is_empty()));
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(variant) {
            headers.insert(CONTENT_TYPE, value.clone());
            headers.insert(ACCEPT, value.clone());
            headers.insert("x-amzn-sagemaker-target-variant", value);
        }
        let request = Request {
            route,
            headers,
            query: query.into(),
            body: Default::default(),
        };
        let _ = (request.target(), request.content_type(), request.accepts());
        let _ = (request.content_parameter("header"), request.flag("probabilities"));
    }
}

/// A keys file; and the headers that present a key, a line each.
pub fn keys(text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = file::parse(text);
    }
    let mut lines = text.split(|b| *b == b'\n');
    let shown = presented(lines.next(), lines.next());
    assert!(shown.is_none_or(|key| !key.is_empty()));
}

/// Bytes of settings in front of the body of [`answer`].
pub const SETTINGS: usize = 6;

const TYPES: [&str; 13] = [
    "",
    "application/json",
    "text/csv",
    "text/csv;header=absent",
    "text/csv; header=present",
    "application/jsonlines",
    "application/octet-stream",
    "application/x-ndjson",
    "application/x-recordio-protobuf",
    "text/tab-separated-values",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
    "application/vnd.apache.parquet",
];
const ACCEPTED: [&str; 5] = [
    "",
    "text/csv",
    "application/jsonlines",
    "multipart/mixed",
    "application/json;verbose=true",
];
const QUERIES: [&str; 4] = ["", "columns=all", "probabilities=true", "columns=all&probabilities=1"];
const GROUPS: [&str; 5] = ["line", "forgiving", "strict", "pandas", "classes"];

/// A line; a category and a number, which are forgiven all; two that refuse; trees over texts; three classes whose names have to be
/// escaped.
pub(super) static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let line = br#"{"features": ["x", "y"], "coefficients": [2, 1], "intercept": 1}"#;
    let line = Model::parse(Format::Linear, line).expect("a line");
    let pipeline = |missing: [&str; 2], unknown: &str| {
        let text = format!(
            r#"{{
                "inputs": [
                    {{"name": "c", "categories": ["a", "b", "7"], "missing": {}, "unknown": "{unknown}"}},
                    {{"name": "x", "missing": {}}}
                ],
                "terms": [
                    {{"name": "c=b", "factors": [{{"input": "c", "category": "b"}}], "mean": 0, "scale": 1, "coefficient": 9}},
                    {{"name": "x", "factors": [{{"input": "x", "power": 1}}], "mean": 0, "scale": 1, "coefficient": 2}}
                ],
                "intercept": 0, "output": "number"
            }}"#,
            missing[0], missing[1]
        );
        Model::parse(Format::Pipeline, text.as_bytes()).expect("a pipeline")
    };
    let forgiving = pipeline([r#"{"category": "a"}"#, r#"{"fill": 0.5}"#], "ignore");
    let strict = pipeline([r#""refuse""#, r#""refuse""#], "refuse");
    let trees = |text: &[u8]| Model::parse(Format::Lightgbm, text).expect("trees");
    let pandas = trees(include_bytes!("../../tests/fixtures/models/lightgbm-4.7.0/pandas.txt"));
    let mut classes = trees(include_bytes!(
        "../../tests/fixtures/models/lightgbm-4.7.0/multiclass.txt"
    ));
    let names = Declared {
        class_names: Some(["low", "m,\"d\\", "h \u{e9}"].map(String::from).to_vec()),
        ..Declared::default()
    };
    classes.declare(&names).expect("three names");
    let models = vec![
        ("line", line),
        ("forgiving", forgiving),
        ("strict", strict),
        ("pandas", pandas),
        ("classes", classes),
    ];
    Models::of(models, shape())
});

pub(super) fn shape() -> Shape {
    Shape {
        encoding: Encoding::UTF_8,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: transform::BadRows::Blank,
        max_bad_rows: Limit::Count(u64::MAX),
        columns: Columns::Prediction,
        probabilities: false,
        ..Shape::FROZEN
    }
}

/// The first [`SETTINGS`] bytes choose route, group, content type, what is accepted, query, and where a binary body begins; the rest
/// is the body. What is refused is the client's fault, and has a shape in each protocol; what is answered as JSON, is JSON.
pub fn answer(bytes: &[u8]) {
    let Some((settings, body)) = bytes.split_at_checked(SETTINGS) else {
        return;
    };
    let pick = |at: usize, of: &[&'static str]| of[settings[at] as usize % of.len()];
    let group = pick(1, &GROUPS);
    let path = match settings[0] % 8 {
        0 => "/stream".into(),
        1 => "/batch".into(),
        2 => "/score".into(),
        3 => "/invocations".into(),
        4 => format!("/endpoints/{group}/invocations"),
        5 => format!("/v1/models/{group}:predict"),
        _ => format!("/v2/models/{group}/infer"),
    };
    let route = Route::parse(Stage::Production, "POST", &path).expect("a route");
    let of = route.protocol();
    let mut headers = HeaderMap::new();
    for (name, value) in [(CONTENT_TYPE, pick(2, &TYPES)), (ACCEPT, pick(3, &ACCEPTED))] {
        if !value.is_empty() {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if settings[5] > 0 {
        let length = usize::from(settings[5]) * 2;
        headers.insert("inference-header-content-length", length.into());
    }
    let request = Request {
        route,
        headers,
        query: pick(4, &QUERIES).into(),
        body: body.to_vec().into(),
    };
    let memory = Memory::new(1 << 30);
    for bad_rows in [BadRows::Refuse, BadRows::Null] {
        let room = memory.hold();
        let ask = Ask::new(&request, By::Asked(&MODELS), bad_rows, &room, 16 << 20);
        match protocol::answer(&ask) {
            Ok(answer) => {
                assert!(answer.status.is_success());
                let scored = answer.scored.expect("who predicted");
                assert!(scored.bad_rows <= scored.rows);
                if answer.content_type == super::answer::JSON && !is_binary(&answer.headers) {
                    Document::check(&answer.body).expect("an answer is JSON");
                }
            }
            Err(refusal) => {
                assert_ne!(refusal.cause, Cause::Internal, "{}", refusal.message);
                let answer = refusal.answer(of, "id");
                let is_text = answer.content_type == super::answer::TEXT;
                assert!(is_text || Document::check(&answer.body).is_ok());
            }
        }
    }
}

fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("inference-header-content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the settings, of bodies that are meant for one of them.
    #[test]
    fn every_protocol_answers_or_refuses_any_body() {
        let tensor =
            br#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP64","parameters":{"binary_data_size":8}}]}01234567"#;
        let bodies: [&[u8]; 12] = [
            b"",
            b"{\"x\": [[1, 2]]}",
            b"x,y\n1,2\n,\n",
            b"c,x\nb,1\nq,\n",
            b"{\"instances\": [{\"features\": [1, 2]}, [1], null]}",
            b"{\"dataframe_split\": {\"columns\": [\"c\", \"x\"], \"data\": [[\"b\", 1]]}}",
            b"{\"inputs\":[{\"name\":\"x\",\"shape\":[2,1],\"datatype\":\"INT8\",\"data\":[1,2]}]}",
            tensor,
            b"x,y,z,n,city,size\n13.5,-0.75,31885.41,5,\"Sao \"\"Paulo\"\"\",10\n,,,,,\n1,2,3,4,Atlantis,11\n",
            b"{\"dataframe_records\": [{\"city\": \"Sao \\\"Paulo\\\"\", \"size\": 10, \"x\": 1, \"y\": null, \"z\": \"2\", \"n\": true}]}",
            b"{\"instances\": [[1, 2, 3, 4, 5, 6], [null, null, null, null, null, null], [1, 2, 3, 4, \"a\", {}]]}",
            b"\xff[{",
        ];
        for body in bodies {
            for choice in 0u16..(8 * 5 * 13) {
                let settings = [
                    choice % 8,
                    choice / 8 % 5,
                    choice / 40,
                    choice / 8 % 7,
                    choice % 7,
                    choice % 3 * 24,
                ];
                let settings = settings.map(|setting| setting as u8);
                answer(&[&settings[..], body].concat());
            }
        }
    }

    #[test]
    fn no_path_nor_key_is_too_strange() {
        for text in [
            "GET\n/",
            "POST\néééééé/production/x",
            "GET\n/v1/models/a:predict/\n&=&\n-1",
            "\n\n\n",
        ] {
            route(text.as_bytes());
            keys(text.as_bytes());
        }
    }
}
