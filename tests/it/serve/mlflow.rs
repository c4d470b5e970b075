//! `/invocations` as MLflow's scoring server answers it.

use crate::spool::Spool;
use serde_json::{Value, json};

const JSON: &str = "application/json";

#[test]
fn each_form_of_its_json_is_read() {
    let spool = Spool::plane();
    let server = spool.serve();
    for body in [
        r#"{"dataframe_split": {"columns": ["b", "c", "a"], "index": [7, 9], "data": [[4, null, 3], [0, {}, 0]]}}"#,
        r#"{"dataframe_split": {"data": [[3, 4], [0, 0]]}}"#,
        // Of a frame that was made of an array.
        r#"{"dataframe_split": {"index": [0, 1], "columns": [0, 1], "data": [[3, 4], [0, 0]]}}"#,
        r#"{"dataframe_records": [{"b": 4, "a": 3, "c": "x"}, {"a": 0, "b": 0}]}"#,
        r#"{"instances": [[3, 4], [0, 0]]}"#,
        r#"{"instances": [{"b": 4, "a": 3}, {"a": 0, "b": 0}]}"#,
        r#"{"inputs": {"b": [4, 0], "a": [[3], [0]], "c": 5}}"#,
        r#"{"inputs": [[3, 4], [0, 0]], "params": {"temperature": 1}, "other": {}}"#,
        r#"{"inputs": [{"b": 4, "a": 3}, {"a": 0, "b": 0}], "params": null}"#,
    ] {
        for content_type in [
            JSON,
            "application/json; charset=UTF-8",
            "application/x-www-form-urlencoded",
        ] {
            let answer = server.post_as("/invocations", content_type, body).is(200);
            assert_eq!(answer.text(), r#"{"predictions":[47.0,1.0]}"#, "{body}");
            assert_eq!(answer.header("content-type"), Some(JSON));
        }
        let endpoint = server.post_as("/endpoints/lines/invocations", JSON, body).is(200);
        assert_eq!(endpoint.text(), r#"{"predictions":[47.0,1.0]}"#);
    }
    let one = server.post("/invocations", r#"{"inputs": {"a": 3, "b": 4}}"#).is(200);
    assert_eq!(one.text(), r#"{"predictions":[47.0]}"#);
    for body in [
        r#"{"instances": []}"#,
        r#"{"dataframe_split": {"columns": ["a", "b"], "data": []}}"#,
    ] {
        assert_eq!(
            server.post("/invocations", body).is(200).json(),
            json!({"predictions": []})
        );
    }
}

/// What the request before had is kept, for the next one most often has the same.
#[test]
fn columns_are_those_of_their_own_request_however_they_are_written() {
    let spool = Spool::plane();
    let server = spool.serve();
    for _ in 0..2 {
        for (columns, row) in [
            (r#"["a","b"]"#, "[3,4]"),
            (r#"["a","b"]"#, "[3,4]"),
            (r#"[ "a", "b" ]"#, "[3,4]"),
            (r#"["\u0061","b"]"#, "[3,4]"),
            (r#"["b","a"]"#, "[4,3]"),
            ("[0,1]", "[3,4]"),
            (r#"["c","b","a"]"#, "[5,4,3]"),
            ("null", "[3,4]"),
        ] {
            for body in [
                format!(r#"{{"dataframe_split":{{"columns":{columns},"data":[{row}]}}}}"#),
                format!(r#"{{"dataframe_split":{{"data":[{row}],"columns":{columns}}}}}"#),
            ] {
                let answer = server.post("/invocations", &body).is(200);
                assert_eq!(answer.text(), r#"{"predictions":[47.0]}"#, "{body}");
            }
        }
        let answer = server.post("/invocations", r#"{"inputs":{"b":[4],"a":[3]}}"#).is(200);
        assert_eq!(answer.text(), r#"{"predictions":[47.0]}"#);
    }
}

#[test]
fn a_model_of_one_feature_takes_values() {
    let spool = Spool::served();
    let server = spool.serve();
    for body in [
        r#"{"instances": [1, "2"]}"#,
        r#"{"inputs": [1, 2]}"#,
        r#"{"inputs": {"x": [1, 2]}}"#,
        r#"{"inputs": [[1], [2]]}"#,
    ] {
        let answer = server.post("/invocations", body).is(200);
        assert_eq!(answer.json(), json!({"predictions": [3.0, 5.0]}), "{body}");
    }
    assert_eq!(
        server.post("/invocations", r#"{"inputs": 1}"#).is(200).json(),
        json!({"predictions": [3.0]})
    );
}

#[test]
fn a_csv_with_a_header_is_answered_in_json() {
    let spool = Spool::plane();
    let server = spool.serve();
    let csv = "id,b,a\n7,4,3\n8,0,0\n";
    for content_type in ["text/csv", "text/csv; charset=utf-8", "text/csv;header=present"] {
        let answer = server.post_as("/invocations", content_type, csv).is(200);
        assert_eq!(answer.text(), r#"{"predictions":[47.0,1.0]}"#);
    }
    let headers = [("Content-Type", "text/csv"), ("Accept", "text/csv")];
    let answer = server.connect().ask("POST", "/invocations", &headers, csv.as_bytes());
    assert_eq!(answer.is(200).text(), "47.0\n1.0\n");
}

#[test]
fn missing_values_and_tokens_are_read_and_written() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(r#"{"features":["a","b"],"coefficients":[1e308,10],"intercept":1}"#));
    let spool = spool.set("serve.bad_rows=null");
    let server = spool.serve();
    let body = r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[NaN, 1], [null, 1], [1e308, 1], [-1e308, 1], [0, 0]]}}"#;
    let answer = server.post("/invocations", body).is(200);
    let (front, errors) = answer
        .text()
        .split_once(r#","errors":"#)
        .map(|(f, e)| (f.to_string(), e.to_string()))
        .unwrap();
    assert_eq!(front, r#"{"predictions":[null,null,Infinity,-Infinity,1.0]"#);
    let errors: Value = serde_json::from_str(errors.strip_suffix('}').unwrap()).unwrap();
    assert_eq!(
        (&errors[0]["row"], &errors[1]["row"], &errors[2]),
        (&json!(1), &json!(2), &Value::Null)
    );
}

#[test]
fn what_cannot_be_scored_is_said_as_its_clients_know_it() {
    let spool = Spool::plane();
    let server = spool.serve();
    for (body, words) in [
        ("{", "line 1, column 2"),
        ("\n", "the body is empty"),
        ("3", "the body is a number, where an object with dataframe_split"),
        (
            r#"{"columns": ["a"], "data": [[1]]}"#,
            "exactly one of the keys dataframe_split, dataframe_records, instances, inputs; it has columns, data",
        ),
        (r#"{}"#, "it has none"),
        (
            r#"{"inputs": [[1, 2]], "instances": [[1, 2]]}"#,
            "it has inputs, instances",
        ),
        (r#"{"inputs": [[1, 2]], "inputs": [[1, 2]]}"#, "twice"),
        (r#"{"inputs": 1}"#, "\"inputs\" is a number, where an object of columns"),
        (
            r#"{"inputs": {"a": [1], "B": [2]}}"#,
            "no column \"b\", which the model takes; there is: a, B; is it \"B\"?",
        ),
        (r#"{"inputs": {"a": [1, 2], "b": [2]}}"#, "row 2: column 2 has no value"),
        (r#"{"inputs": {"a": 1, "b": [2]}}"#, "\"a\" is a number, where an array"),
        (r#"{"instances": [1, 2]}"#, "row 1: the row is a number, where an array"),
        (
            r#"{"instances": {"a": [1]}}"#,
            "\"instances\" is an object, where an array",
        ),
        (
            r#"{"instances": [{"a": 1}]}"#,
            "row 1: no key \"b\", which the model takes",
        ),
        (
            r#"{"dataframe_records": [[1, 2]]}"#,
            "row 1: the row is an array, where an object",
        ),
        (r#"{"dataframe_split": [[1, 2]]}"#, "\"dataframe_split\" is an array"),
        (
            r#"{"dataframe_split": {"colums": ["a", "b"], "data": [[1, 2]]}}"#,
            "has a key \"colums\"",
        ),
        (r#"{"dataframe_split": {"columns": ["a", "b"]}}"#, "no key \"data\""),
        (
            r#"{"dataframe_split": {"columns": ["a"], "data": [[1]]}}"#,
            "no column \"b\"",
        ),
        (
            r#"{"dataframe_split": {"columns": ["a", "a", "b"], "data": [[1, 2, 3]]}}"#,
            "stands twice",
        ),
        (
            r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}"#,
            "row 1: the row has 1 value",
        ),
        (
            r#"{"dataframe_split": {"columns": [["a"], "b"], "data": [[1, 2]]}}"#,
            "a name of \"columns\" is an array",
        ),
    ] {
        let refused = server.post_as("/invocations", JSON, body).is(400);
        let error = refused.json();
        assert_eq!(error["error_code"], "BAD_REQUEST", "{body}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{body}: {message}");
    }
    let refused = server
        .post_as("/invocations", "application/vnd.apache.parquet", "PAR1")
        .is(415);
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
    let refused = server
        .post_as("/invocations", "application/json;charset=utf-16", "{}")
        .is(415);
    assert!(refused.text().contains("UTF-8"));
    let refused = server.get("/invocations").is(405);
    assert_eq!(refused.header("allow"), Some("POST"));
}

#[test]
fn classes_are_labels_or_records() {
    let spool = Spool::classes();
    let server = spool.serve();
    let body = r#"{"inputs": {"x": [13.5], "y": [-0.7], "z": [31885.4], "n": [5], "city": ["Rome"], "size": [10]}}"#;
    let label = server.post("/invocations", body).is(200).json();
    let label = label["predictions"][0].as_str().unwrap().to_string();
    let records = server.post("/invocations?probabilities=true", body).is(200).json();
    let record = records["predictions"][0].as_object().unwrap();
    assert_eq!(record["prediction"], *label);
    let sum: f64 = ["no", "a \"yes\"", "never"]
        .iter()
        .map(|class| record[&format!("probability_{class}")].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-6, "{records}");
}

#[test]
fn health_and_version_are_answered_and_without_a_model_it_is_not_ready() {
    let spool = Spool::served();
    let server = spool.serve();
    for path in ["/ping", "/health"] {
        let answer = server.get(path).is(200);
        assert_eq!(
            (answer.text().as_str(), answer.header("content-type")),
            ("\n", Some(JSON))
        );
    }
    assert_eq!(server.get("/version").is(200).text(), env!("CARGO_PKG_VERSION"));
    let spool = Spool::without_model().open_to_all();
    let server = spool.serve();
    server.get("/ping").is(503);
    let refused = server.post("/invocations", r#"{"inputs": [[1]]}"#).is(503);
    assert_eq!(refused.json()["error_code"], "TEMPORARILY_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
}
