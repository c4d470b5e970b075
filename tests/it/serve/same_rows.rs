//! Rows by SageMaker's and MLflow's ways are scored as the spool scores them, to the last digit.

use super::Server;
use crate::spool::Spool;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// What a way of asking gives, one text a row.
type Read = fn(&str) -> Vec<String>;

fn lines(answer: &str) -> Vec<String> {
    answer.lines().map(String::from).collect()
}

fn scores(answer: &str) -> Vec<String> {
    let all = answer.split("\"score\":").skip(1);
    all.map(|score| score.split('}').next().unwrap().into()).collect()
}

fn list(answer: &str) -> Vec<String> {
    let inner = answer.split_once('[').unwrap().1.split(']').next().unwrap();
    inner.split(',').map(String::from).collect()
}

/// A cell of a CSV, of a number, text or null.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        number => number.to_string(),
    }
}

fn csv(rows: &[Vec<Value>]) -> String {
    let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
    rows.iter().map(line).collect()
}

/// Path, content type and body of each way to ask for these rows, and how its answer is read.
fn ways(names: &[&str], rows: &[Vec<Value>]) -> Vec<(&'static str, &'static str, String, Read)> {
    const JSON: &str = "application/json";
    let object = |row: &Vec<Value>| -> Value {
        let members = names.iter().rev().map(|name| name.to_string());
        members
            .zip(row.iter().rev().cloned())
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let objects: Vec<Value> = rows.iter().map(object).collect();
    let columns: serde_json::Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(i, name)| (name.to_string(), rows.iter().map(|row| row[i].clone()).collect()))
        .collect();
    let features: Vec<Value> = rows.iter().map(|row| json!({"features": row})).collect();
    let keys: Vec<usize> = (0..names.len()).rev().collect();
    let sparse = |row: &Vec<Value>| {
        let values: Vec<&Value> = row.iter().rev().collect();
        json!({"data": {"features": {"keys": keys, "shape": [names.len()], "values": values}}})
    };
    let sparse: Vec<Value> = rows.iter().map(sparse).collect();
    let by_line = |all: &[Value]| all.iter().map(|row| row.to_string() + "\n").collect::<String>();
    let headed = names.join(",") + "\n" + &csv(rows);
    vec![
        ("/invocations", "text/csv;header=absent", csv(rows), lines),
        ("/invocations", "text/csv", headed.clone(), list),
        ("/endpoints/lines/invocations", "text/csv", headed, lines),
        ("/invocations", JSON, json!({"instances": features}).to_string(), scores),
        ("/invocations", JSON, json!({"instances": sparse}).to_string(), scores),
        ("/invocations", "application/jsonlines", by_line(&features), scores),
        ("/invocations", "application/jsonlines", by_line(&sparse), scores),
        ("/invocations", "application/jsonlines", by_line(&objects), scores),
        ("/invocations", JSON, json!(rows).to_string(), list),
        ("/invocations", JSON, json!({"instances": rows}).to_string(), list),
        ("/invocations", JSON, json!({"inputs": columns}).to_string(), list),
        (
            "/invocations",
            JSON,
            json!({"dataframe_records": objects}).to_string(),
            list,
        ),
        (
            "/invocations",
            JSON,
            json!({"dataframe_split": {"columns": names, "data": rows}}).to_string(),
            list,
        ),
    ]
}

fn assert_same(spool: &Spool, server: &Server, names: &[&str], rows: &[Vec<Value>]) {
    let input = names.join(",") + "\n" + &csv(rows);
    let scored = spool.filter(&["score"], input.as_bytes()).exits(0).stdout;
    let expected: Vec<&str> = scored.lines().skip(1).collect();
    for (path, content_type, body, read) in ways(names, rows) {
        let answer = server.post_as(path, content_type, &body).is(200);
        assert_eq!(read(&answer.text()), expected, "{path}, {content_type}: {body}");
    }
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1e6f64..1e6).prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::num::f64::NORMAL
            .prop_filter("its prediction is finite", |x| x.abs() < 1e300)
            .prop_map(Value::from),
    ]
}

#[test]
fn numbers_in_any_form_are_scored_as_in_the_spool() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(r#"{"features":["a","b"],"coefficients":[0.3,-1e-7],"intercept":0.1}"#));
    let server = spool.serve();
    let rows = prop::collection::vec(prop::collection::vec(number(), 2), 1..40);
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&rows, |rows| {
            assert_same(&spool, &server, &["a", "b"], &rows);
            Ok(())
        })
        .unwrap();
    // More than a batch, and more than what is scored at once.
    let many: Vec<Vec<Value>> = (0..3000).map(|n| vec![json!(f64::from(n) / 7.0), json!(n)]).collect();
    assert_same(&spool, &server, &["a", "b"], &many);
}

/// The cells of a line; commas stand in quotes.
fn cells(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

#[test]
fn texts_and_missing_values_in_any_form_are_scored_as_in_the_spool() {
    let spool = Spool::without_model().open_to_all();
    let fixture = |name: &str| format!("{}/tests/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let flags = ["--approve"];
    spool
        .register_file(fixture("lightgbm-4.7.0/pandas.txt"), "lightgbm", &flags)
        .exits(0);
    let server = spool.serve();
    let text = std::fs::read_to_string(fixture("rows.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let value = |cell: &str| match cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => text.replace("\"\"", "\"").into(),
        None if cell.is_empty() => Value::Null,
        None => serde_json::from_str(cell).unwrap_or_else(|_| cell.into()),
    };
    let rows: Vec<Vec<Value>> = lines.map(|line| cells(line).map(value).collect()).collect();
    assert_same(&spool, &server, &names, &rows);
}
