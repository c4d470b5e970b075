//! Rows in whatever form they come are scored as the spool scores them, to the last digit.

use super::{Answered, Server};
use crate::spool::{Spool, xs};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const INFER: &str = "/v2/models/lines/infer";

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

/// Of tensors: those of the first output.
fn tensor(answer: &str) -> Vec<String> {
    list(answer.split_once("\"data\":").unwrap().1)
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
    const PREDICT: &str = "/v1/models/lines:predict";
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
    let column = |i: usize| -> Vec<&Value> { rows.iter().map(|row| &row[i]).collect() };
    let tensors: Vec<Value> = (0..names.len())
        .rev()
        .map(|i| {
            let datatype = match column(i).iter().all(|value| value.is_number()) {
                true => "FP64",
                false => "BYTES",
            };
            json!({"name": names[i], "shape": [rows.len(), 1], "datatype": datatype, "data": column(i)})
        })
        .collect();
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
        (PREDICT, JSON, json!({"instances": rows}).to_string(), list),
        (PREDICT, JSON, json!({"instances": objects}).to_string(), list),
        (PREDICT, JSON, json!({"inputs": columns}).to_string(), list),
        (INFER, JSON, json!({"inputs": tensors}).to_string(), tensor),
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
        any::<f32>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(|x| f64::from(x).into()),
        prop::num::f64::NORMAL
            .prop_filter("its prediction is finite", |x| x.abs() < 1e300)
            .prop_map(Value::from),
    ]
}

/// `0.3 a - 1e-7 b + 0.1`: also predictions that are far apart.
fn far_apart() -> Spool {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(r#"{"features":["a","b"],"coefficients":[0.3,-1e-7],"intercept":0.1}"#));
    spool
}

/// For rows of any size, and for more than a batch, which are more than are scored at once.
fn for_rows(check: impl Fn(&[Vec<Value>])) {
    let rows = prop::collection::vec(prop::collection::vec(number(), 2), 1..40);
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&rows, |rows| {
            check(&rows);
            Ok(())
        })
        .unwrap();
    let many: Vec<Vec<Value>> = (0..3000).map(|n| vec![json!(f64::from(n) / 7.0), json!(n)]).collect();
    check(&many);
}

#[test]
fn numbers_in_any_form_are_scored_as_in_the_spool() {
    let spool = far_apart();
    let server = spool.serve();
    for_rows(|rows| assert_same(&spool, &server, &["a", "b"], rows));
}

/// `inputs`: name, datatype, columns and bytes of each.
fn infer(server: &Server, rows: usize, inputs: &[(&str, &str, usize, Vec<u8>)]) -> Answered {
    let tensor = |(name, datatype, width, bytes): &(&str, &str, usize, Vec<u8>)| {
        let size = json!({"binary_data_size": bytes.len()});
        json!({"name": name, "datatype": datatype, "shape": [rows, width], "parameters": size})
    };
    let head = json!({"inputs": inputs.iter().map(tensor).collect::<Vec<_>>()}).to_string();
    let length = head.len().to_string();
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let mut body = head.into_bytes();
    inputs.iter().for_each(|(.., bytes)| body.extend_from_slice(bytes));
    server.connect().ask("POST", INFER, &headers, &body).is(200)
}

#[test]
fn binary_tensors_are_scored_as_in_the_spool() {
    let spool = far_apart();
    let server = spool.serve();
    for_rows(|rows| {
        let input = "a,b\n".to_string() + &csv(rows);
        let scored = spool.filter(&["score"], input.as_bytes()).exits(0).stdout;
        let expected: Vec<&str> = scored.lines().skip(1).collect();
        let bytes = |values: &mut dyn Iterator<Item = &Value>| -> Vec<u8> {
            values.flat_map(|x| x.as_f64().unwrap().to_le_bytes()).collect()
        };
        let text = |row: &Vec<Value>| {
            let text = row[0].to_string();
            [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
        };
        let matrix = ("m", "FP64", 2, bytes(&mut rows.iter().flatten()));
        let texts = ("a", "BYTES", 1, rows.iter().flat_map(text).collect());
        let second = ("b", "FP64", 1, bytes(&mut rows.iter().map(|row| &row[1])));
        for inputs in [&[matrix][..], &[texts, second]] {
            assert_eq!(tensor(&infer(&server, rows.len(), inputs).text()), expected);
        }
    });
}

/// A single is the double that it is, as a CSV of the widened value has it.
#[test]
fn singles_are_scored_as_a_csv_of_the_widened_values() {
    let spool = Spool::served();
    let server = spool.serve();
    let singles: Vec<f32> = (0..300).map(|n| (n as f32).sqrt() / 3.0).collect();
    let wide: Vec<f64> = singles.iter().copied().map(f64::from).collect();
    let out = spool.filter(&["score"], xs(&wide).as_bytes()).exits(0).stdout;
    let expected: Vec<&str> = out.lines().skip(1).collect();
    // Their own digits, which are fewer.
    let digits: Vec<String> = singles.iter().map(f32::to_string).collect();
    let data: Value = serde_json::from_str(&format!("[{}]", digits.join(","))).unwrap();
    let body = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [300], "data": data}]});
    let answer = server.post(INFER, body.to_string()).is(200);
    assert_eq!(tensor(&answer.text()), expected);
    let bytes = singles.iter().flat_map(|x| x.to_le_bytes()).collect();
    let answer = infer(&server, 300, &[("x", "FP32", 1, bytes)]);
    assert_eq!(tensor(&answer.text()), expected);
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
