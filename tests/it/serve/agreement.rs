//! Rows are the same, in whatever form they come: predictions equal the spool's to the last digit.

use super::{Answered, Server};
use crate::spool::{Spool, xs};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// Two features; also predictions that are far apart.
const MODEL: &str = r#"{"features":["a","b"],"coefficients":[0.3,-1e-7],"intercept":0.1}"#;

/// The texts of a column of an output of the spool's.
fn of_spool(spool: &Spool, rows: &[[f64; 2]]) -> Vec<String> {
    let text: String = rows.iter().map(|[a, b]| format!("{a:?},{b:?}\n")).collect();
    let out = spool
        .filter(&["score"], format!("a,b\n{text}").as_bytes())
        .exits(0)
        .stdout;
    out.lines().skip(1).map(String::from).collect()
}

/// The numbers of an array in a body, as they are written.
fn written(answer: &Answered, behind: &str) -> Vec<String> {
    let text = answer.text();
    let array = text
        .split(&format!("\"{behind}\":["))
        .nth(1)
        .and_then(|rest| rest.split(']').next());
    let array = array.unwrap_or_else(|| panic!("no {behind} in {text}"));
    array
        .split(',')
        .filter(|number| !number.is_empty())
        .map(String::from)
        .collect()
}

fn json_of(x: f64) -> Value {
    json!(x)
}

fn infer(server: &Server, inputs: Value, binary: &[u8]) -> Answered {
    let body = json!({"inputs": inputs}).to_string();
    let length = body.len().to_string();
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let body = [body.as_bytes(), binary].concat();
    server
        .connect()
        .ask("POST", "/v2/models/lines/infer", &headers, &body)
        .is(200)
}

fn assert_same(spool: &Spool, server: &Server, rows: &[[f64; 2]]) {
    let expected = of_spool(spool, rows);
    let n = rows.len();
    let flat: Vec<Value> = rows.iter().flatten().copied().map(json_of).collect();
    let nested: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
    let column = |place: usize| -> Vec<f64> { rows.iter().map(|row| row[place]).collect() };
    let bytes = |xs: &[f64]| -> Vec<u8> { xs.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let texts = |xs: &[f64]| -> Vec<u8> {
        let text = |x: &f64| {
            let text = format!("{x:?}");
            [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
        };
        xs.iter().flat_map(text).collect()
    };
    let input = |name: &str, shape: Value, rest: (&str, Value)| {
        let mut input = json!({"name": name, "datatype": "FP64", "shape": shape});
        input[rest.0] = rest.1;
        input
    };
    let size = |bytes: &[u8]| ("parameters", json!({"binary_data_size": bytes.len()}));
    let (a, b) = (column(0), column(1));
    let matrix = bytes(&rows.concat());
    let (second, mut first) = (bytes(&b), input("a", json!([n]), size(&texts(&a))));
    first["datatype"] = json!("BYTES");
    for (inputs, binary) in [
        (json!([input("m", json!([n, 2]), ("data", json!(flat)))]), Vec::new()),
        (json!([input("m", json!([n, 2]), ("data", json!(nested)))]), Vec::new()),
        (
            json!([
                input("b", json!([n, 1]), ("data", json!(b))),
                input("a", json!([n]), ("data", json!(a)))
            ]),
            Vec::new(),
        ),
        (json!([input("m", json!([n, 2]), size(&matrix))]), matrix),
        (
            json!([first, input("b", json!([n, 1]), size(&second))]),
            [texts(&a), second].concat(),
        ),
    ] {
        assert_eq!(
            written(&infer(server, inputs.clone(), &binary), "data"),
            expected,
            "{inputs}"
        );
    }
    let objects: Vec<Value> = rows.iter().map(|[a, b]| json!({"b": b, "a": a})).collect();
    for (body, behind) in [
        (json!({"instances": nested}), "predictions"),
        (json!({"instances": objects}), "predictions"),
        (json!({"inputs": {"a": a, "b": b}}), "outputs"),
    ] {
        let answer = server.post("/v1/models/lines:predict", body.to_string()).is(200);
        assert_eq!(written(&answer, behind), expected, "{body}");
    }
}

/// A finite number of any size.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1e6f64..1e6),
        any::<i32>().prop_map(f64::from),
        any::<f32>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(f64::from),
        prop::num::f64::NORMAL.prop_filter("its prediction is finite", |x| x.abs() < 1e300),
    ]
}

#[test]
fn tensors_and_instances_are_scored_as_a_csv_is() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register(MODEL));
    let server = spool.serve();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let rows = prop::collection::vec([number(), number()], 1..40);
    runner
        .run(&rows, |rows| {
            assert_same(&spool, &server, &rows);
            Ok(())
        })
        .unwrap();
    // More than a batch, and more than what is scored at once.
    let many: Vec<[f64; 2]> = (0..2500).map(|n| [f64::from(n) / 7.0, f64::from(n).sqrt()]).collect();
    assert_same(&spool, &server, &many);
}

/// In each form, a single is the double that it is, as a CSV of the widened value has it.
#[test]
fn singles_are_scored_as_a_csv_of_the_widened_values() {
    let spool = Spool::served();
    let server = spool.serve();
    let singles: Vec<f32> = (0..300).map(|n| (n as f32).sqrt() / 3.0).collect();
    let wide: Vec<f64> = singles.iter().copied().map(f64::from).collect();
    let out = spool.filter(&["score"], xs(&wide).as_bytes()).exits(0).stdout;
    let expected: Vec<&str> = out.lines().skip(1).collect();
    // Their own digits, which are fewer.
    let short: Vec<Value> = singles
        .iter()
        .map(|x| serde_json::from_str(&x.to_string()).unwrap())
        .collect();
    let input = json!({"name": "x", "datatype": "FP32", "shape": [300], "data": short});
    assert_eq!(written(&infer(&server, json!([input]), b""), "data"), expected);
    let bytes: Vec<u8> = singles.iter().flat_map(|x| x.to_le_bytes()).collect();
    let size = json!({"binary_data_size": bytes.len()});
    let input = json!({"name": "x", "datatype": "FP32", "shape": [300, 1], "parameters": size});
    assert_eq!(written(&infer(&server, json!([input]), &bytes), "data"), expected);
}
