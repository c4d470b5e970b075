//! Whoever asks by whatever protocol: a key has the arm that it has in a file, and each row what its own version says alone.

use super::*;
use crate::config::BadRows;
use crate::model::{Format, Model};
use crate::score::Phase;
use crate::serve::answer::Answer;
use crate::serve::body::Memory;
use crate::serve::fuzzing::shape;
use crate::serve::models::Models;
use crate::serve::protocol::{self, Ask, By};
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::Request;
use crate::serve::route::{Route, Stage};
use crate::share::Share;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A category and a number; of two kinds: one forgives what the other refuses.
fn pipeline(forgives: bool, coefficient: f64) -> Model {
    let (category, number, unknown) = match forgives {
        true => (r#"{"category": "a"}"#, r#"{"fill": 0.5}"#, "ignore"),
        false => (r#""refuse""#, r#""refuse""#, "refuse"),
    };
    let text = format!(
        r#"{{
            "inputs": [
                {{"name": "c", "categories": ["a", "b", "7"], "missing": {category}, "unknown": "{unknown}"}},
                {{"name": "x", "missing": {number}}}
            ],
            "terms": [
                {{"name": "c=b", "factors": [{{"input": "c", "category": "b"}}], "mean": 0, "scale": 1, "coefficient": 9}},
                {{"name": "x", "factors": [{{"input": "x", "power": 1}}], "mean": 0, "scale": 1, "coefficient": {coefficient}}}
            ],
            "intercept": 0, "output": "number"
        }}"#
    );
    Model::parse(Format::Pipeline, text.as_bytes()).unwrap()
}

fn split(share: &str) -> Split {
    Split::new("spring", Share::parse(share).unwrap().fraction())
}

fn alone(model: Model) -> Models {
    Models::of(
        vec![("group", model)],
        Shape {
            model_version: true,
            ..shape()
        },
    )
}

/// Version 0 answers, which refuses; version 2 has a share.
fn tested(share: &str, model: Result<Arc<Model>, String>) -> Models {
    let phase = Phase {
        number: 1,
        name: "spring/1".into(),
        split: split(share),
        since: 0,
        made_by: String::new(),
    };
    alone(pipeline(false, 2.0)).with_challenger(Challenger {
        experiment: "spring".into(),
        identity: Identity {
            group: "group".into(),
            version: 2,
            manifest: String::new(),
            artifact: String::new(),
        },
        model,
        key: "id".into(),
        phases: vec![phase],
        is_open: true,
        guards: vec!["psi > 0.3".into()],
    })
}

fn challenger() -> Result<Arc<Model>, String> {
    Ok(pipeline(true, 3.0).into())
}

fn ask(models: &Models, path: &str, headers: &[(&'static str, &[u8])], body: &[u8]) -> Result<Answer, Refusal> {
    let mut all = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        all.insert(*name, HeaderValue::from_bytes(value).unwrap());
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        route: Route::parse(Stage::Production, "POST", path).unwrap(),
        headers: all,
        query: query.into(),
        body: body.to_vec().into(),
    };
    let room = Memory::new(1 << 30).hold();
    protocol::answer(&Ask::new(&request, By::Asked(models), BadRows::Null, &room, 1 << 20))
}

fn by(answer: &Answer) -> String {
    let name = answer.scored.as_ref().unwrap().by.variant();
    name.to_str().unwrap().into()
}

const JSON: &str = "application/json";
const LINES: &str = "application/jsonlines";
const CSV: &str = "text/csv";

/// A cell that may be anything.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The same rows, each an id, a category and a number, as every protocol has them: path, content type, body.
fn bodies(rows: &[(Value, &str, Value)]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let objects: Vec<Value> = rows
        .iter()
        .map(|(id, c, x)| json!({"id": id, "c": c, "x": x}))
        .collect();
    let arrays: Vec<Value> = rows.iter().map(|(id, c, x)| json!([c, id, x])).collect();
    let column = |of: fn(&(Value, &str, Value)) -> Value| rows.iter().map(of).collect::<Vec<Value>>();
    let columns = json!({
        "x": column(|row| row.2.clone()),
        " id ": column(|row| row.0.clone()),
        "c": column(|row| row.1.into()),
    });
    let lines: String = objects.iter().map(|row| format!("{row}\n")).collect();
    let record = |(id, c, x): &(Value, &str, Value)| format!("{},{},{}\n", text(x), quoted(&text(id)), quoted(c));
    let csv = format!("x,id,c\n{}", rows.iter().map(record).collect::<String>());
    let tensor = |name: &str, datatype: &str, data: Vec<Value>| json!({"name": name, "shape": [rows.len()], "datatype": datatype, "data": data});
    let tensors = json!({"inputs": [
        tensor("id", "BYTES", column(|row| row.0.clone())),
        tensor("c", "BYTES", column(|row| row.1.into())),
        tensor("x", "FP64", column(|row| row.2.clone())),
    ]});
    vec![
        ("/batch", JSON, columns.to_string().into()),
        ("/score", LINES, lines.clone().into()),
        ("/score", CSV, csv.clone().into()),
        ("/invocations", CSV, csv.into()),
        ("/endpoints/group/invocations", LINES, lines.into()),
        (
            "/invocations",
            JSON,
            json!({"dataframe_split": {"columns": ["c", "id", "x"], "data": arrays}})
                .to_string()
                .into(),
        ),
        (
            "/invocations",
            JSON,
            json!({"dataframe_records": objects}).to_string().into(),
        ),
        ("/invocations", JSON, json!({"inputs": columns}).to_string().into()),
        ("/invocations", JSON, json!(objects).to_string().into()),
        (
            "/v1/models/group:predict",
            JSON,
            json!({"instances": objects}).to_string().into(),
        ),
        (
            "/v1/models/group:predict",
            JSON,
            json!({"inputs": columns}).to_string().into(),
        ),
        ("/v2/models/group/infer", JSON, tensors.to_string().into()),
    ]
}

/// What is said of each row, in whatever shape.
fn said(path: &str, content_type: &str, answer: &Answer) -> Vec<String> {
    let body = std::str::from_utf8(&answer.body).unwrap();
    if answer.content_type.starts_with(CSV) {
        return body.lines().map(String::from).collect();
    }
    if content_type == LINES {
        return body.lines().map(String::from).collect();
    }
    let value: Value = serde_json::from_str(body).unwrap();
    let list = match path {
        "/batch" => &value,
        "/v2/models/group/infer" => &value["outputs"][0]["data"],
        _ if value.is_array() => &value,
        _ => [&value["predictions"], &value["outputs"]]
            .into_iter()
            .find(|list| list.is_array())
            .unwrap(),
    };
    list.as_array().unwrap().iter().map(Value::to_string).collect()
}

/// What the engine and the protocols write of bad rows beside the predictions.
fn errors(answer: &Answer) -> Vec<(u64, String)> {
    let Some(value) = serde_json::from_slice::<Value>(&answer.body).ok() else {
        return Vec::new();
    };
    let errors = value["errors"].as_array().cloned().unwrap_or_default();
    errors
        .iter()
        .map(|error| (error["row"].as_u64().unwrap(), error["reason"].to_string()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// By a header, or in the row, as a text or as a number.
    #[test]
    fn a_key_has_the_arm_of_a_file_in_every_protocol(
        key in prop_oneof!["[a-zA-Z0-9 .\u{e9}\"-]{1,12}", "-?[0-9]{1,17}", "[0-9]{1,6}\\.0{1,3}"],
        share in prop::sample::select(vec!["10", "50", "90"]),
    ) {
        let models = tested(share, challenger());
        let expected = if split(share).arm(key.as_bytes()) == Arm::Challenger { "2" } else { "0" };
        let mut ids = vec![json!(key)];
        ids.extend(serde_json::from_str::<i64>(&key).ok().filter(|n| n.to_string() == key).map(Value::from));
        for id in ids {
            for (path, content_type, body) in bodies(&[(id, "b", json!(1.5))]) {
                let answer = ask(&models, path, &[(CONTENT_TYPE.as_str(), content_type.as_bytes())], &body).unwrap();
                prop_assert_eq!(&by(&answer), expected, "{} {}", path, content_type);
            }
        }
        // The header is the key of all rows, whatever they have.
        for (path, content_type, body) in bodies(&[(json!("C1"), "b", json!(1.5)), (json!("C2"), "b", json!(2))]) {
            let headers = [(CONTENT_TYPE.as_str(), content_type.as_bytes()), ("transform-key", key.trim().as_bytes())];
            let answer = ask(&models, path, &headers, &body).unwrap();
            if !key.trim().is_empty() {
                prop_assert_eq!(&by(&answer), expected, "{} {}", path, content_type);
            }
        }
    }
}

/// Rows of both versions, over several batches, bad ones among them.
#[test]
fn rows_of_both_arms_have_what_their_own_version_says_alone() {
    // Fewer than are named, so that all are.
    let category = |i: usize| match (i % 101, i % 97) {
        (7, _) => "q",
        (_, 5) => "",
        _ => ["a", "b", "7"][i % 3],
    };
    let row = |i: usize| {
        let id = match i % 11 {
            0 => Value::Null,
            1 => json!(i),
            _ => json!(format!("C{i}")),
        };
        let x = if i % 127 == 5 {
            Value::Null
        } else {
            json!(i as f64 / 8.0)
        };
        (id, category(i), x)
    };
    let rows: Vec<_> = (0..2500).map(row).collect();
    let split = split("40");
    let arm = |i: usize| match &rows[i].0 {
        Value::Null => Arm::Unassigned,
        Value::String(id) => split.arm(id.as_bytes()),
        id => split.arm(id.to_string().as_bytes()),
    };
    let models = tested("40", challenger());
    let (first, second) = (alone(pipeline(false, 2.0)), alone(pipeline(true, 3.0)));
    let mut asked = 0;
    for (path, content_type, body) in bodies(&rows) {
        let headers = [(CONTENT_TYPE.as_str(), content_type.as_bytes())];
        let [mixed, first, second] =
            [&models, &first, &second].map(|models| ask(models, path, &headers, &body).unwrap());
        assert_eq!(by(&mixed), "0, 2", "{path} {content_type}");
        let [all, champion, challenger] = [&mixed, &first, &second].map(|answer| said(path, content_type, answer));
        let head = all.len() - rows.len();
        for i in 0..rows.len() {
            let (expected, version) = match arm(i) {
                Arm::Challenger => (&challenger[head + i], 2),
                _ => (&champion[head + i], 0),
            };
            // Either is version 0, alone.
            let expected = match (path, content_type) {
                ("/score", LINES) => expected.replace("\"model_version\":0", &format!("\"model_version\":{version}")),
                ("/score", _) => format!("{}{version}", expected.strip_suffix('0').unwrap()),
                _ => expected.clone(),
            };
            assert_eq!(all[head + i], expected, "{path} {content_type} row {i}");
        }
        let of = |answer: &Answer, is_challenger: bool| {
            let own = move |error: &(u64, String)| (arm(error.0 as usize - 1) == Arm::Challenger) == is_challenger;
            errors(answer).into_iter().filter(own).collect::<Vec<_>>()
        };
        let named = errors(&mixed);
        let last = named.last().map_or(0, |(row, _)| *row);
        let mut expected = [of(&first, false), of(&second, true)].concat();
        expected.sort();
        expected.retain(|(row, _)| *row <= last);
        assert!(
            expected.iter().all(|error| named.contains(error)),
            "{path} {content_type}"
        );
        asked += 1;
        let scored = mixed.scored.as_ref().unwrap();
        let bad = (0..rows.len())
            .filter(|i| arm(*i) != Arm::Challenger && (matches!(rows[*i].1, "q" | "") || rows[*i].2.is_null()));
        assert_eq!(
            (scored.rows, scored.bad_rows),
            (2500, bad.count() as u64),
            "{path} {content_type}"
        );
    }
    let [test] = &models.arms()[..] else { panic!("one") };
    let counted = test.standing().arms.map(|counted| (counted.requests(), counted.rows));
    let of = |wanted: Arm| (0..rows.len()).filter(|i| arm(*i) == wanted).count() as u64;
    let expected = ALL.map(|arm| (asked, asked * of(arm)));
    assert_eq!(counted, expected);
}

#[test]
fn keys_of_a_challenger_that_cant_be_used_are_answered_by_nobody() {
    let models = tested("50", Err("damaged".into()));
    let (mut refused, mut answered) = (0, 0);
    for i in 0..40 {
        let id = format!("C{i}");
        let is_challenger = split("50").arm(id.as_bytes()) == Arm::Challenger;
        for (path, content_type, body) in bodies(&[(json!(id), "b", json!(1))]) {
            match ask(
                &models,
                path,
                &[(CONTENT_TYPE.as_str(), content_type.as_bytes())],
                &body,
            ) {
                Err(refusal) => {
                    assert_eq!(refusal.cause, Cause::NotReady);
                    assert!(
                        is_challenger && refusal.message.contains("group/2"),
                        "{}",
                        refusal.message
                    );
                    refused += 1;
                }
                Ok(answer) => {
                    assert!(!is_challenger && by(&answer) == "0");
                    answered += 1;
                }
            }
        }
    }
    assert!(refused > 0 && answered > 0);
}

#[test]
fn rows_that_name_nothing_have_no_key() {
    let models = tested("100", challenger());
    for (path, content_type, body) in [
        ("/invocations", CSV, "b,1\n"),
        ("/invocations", JSON, r#"{"instances": [["b", 1]]}"#),
        ("/batch", JSON, r#"{"c": ["b"], "x": [1]}"#),
        ("/score", LINES, r#"{"c": "b", "x": 1, "id": null}"#),
    ] {
        let answer = ask(
            &models,
            path,
            &[(CONTENT_TYPE.as_str(), content_type.as_bytes())],
            body.as_bytes(),
        )
        .unwrap();
        let scored = answer.scored.as_ref().unwrap();
        assert_eq!(by(&answer), "0", "{path}");
        assert_eq!(scored.by.tested.as_ref().unwrap().rows, Rows::Of(Arm::Unassigned));
    }
    let twice = br#"{"instances": [{"c": "b", "x": 1, "id": 1, "id ": 2}]}"#;
    let refusal = ask(
        &models,
        "/invocations",
        &[(CONTENT_TYPE.as_str(), b"application/json")],
        twice,
    )
    .err()
    .unwrap();
    assert!(refusal.message.contains("stands twice"), "{}", refusal.message);
}
