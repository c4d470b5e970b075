//! `/v1/models`: TensorFlow Serving and Vertex AI.

use super::Server;
use crate::spool::Spool;
use serde_json::{Value, json};

fn predict(server: &Server, body: &Value) -> Value {
    server.post("/v1/models/lines:predict", body.to_string()).is(200).json()
}

#[test]
fn instances_are_rows_and_inputs_are_columns() {
    let spool = Spool::plane();
    let server = spool.serve();
    let predictions = json!({"predictions": [33.0, 45.0]});
    for body in [
        json!({"instances": [[1, 3], [2, 4]]}),
        json!({"instances": [{"a": 1, "b": 3}, {"b": 4, "c": 5, "a": 2}], "parameters": {"any": 1}}),
        json!({"signature_name": "serving_default", "instances": [[1, 3], [2, 4]]}),
    ] {
        assert_eq!(predict(&server, &body), predictions, "{body}");
    }
    for inputs in [
        json!({"a": [1, 2], "b": [3, 4]}),
        json!({"a": [[1], [2]], "b": [[3], [4]]}),
        json!([[1, 3], [2, 4]]),
    ] {
        assert_eq!(
            predict(&server, &json!({"inputs": inputs})),
            json!({"outputs": [33.0, 45.0]})
        );
    }
    assert_eq!(predict(&server, &json!({"instances": []})), json!({"predictions": []}));
}

#[test]
fn the_only_feature_needs_no_name() {
    let spool = Spool::served();
    let server = spool.serve();
    for instances in [
        json!([1, 2]),
        json!([[1], [2]]),
        json!([{"x": 1}, {"x": 2}]),
        json!([{"x": [1]}, {"x": [2]}]),
    ] {
        assert_eq!(
            predict(&server, &json!({"instances": instances})),
            json!({"predictions": [3.0, 5.0]})
        );
    }
    assert_eq!(
        predict(&server, &json!({"inputs": [1, 2]})),
        json!({"outputs": [3.0, 5.0]})
    );
}

#[test]
fn versions_have_a_status_and_can_be_asked() {
    let spool = Spool::served();
    spool.approve_line(5.0, 0.0);
    let server = spool.serve();
    let version = |version: &str| json!({"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}});
    assert_eq!(
        server.get("/v1/models/lines").is(200).json(),
        json!({"model_version_status": [version("2"), version("1")]})
    );
    assert_eq!(
        server.get("/v1/models/lines/versions/1").is(200).json(),
        json!({"model_version_status": [version("1")]})
    );
    let first = server
        .post("/v1/models/lines/versions/1:predict", r#"{"instances": [3]}"#)
        .is(200);
    assert_eq!(first.json(), json!({"predictions": [7.0]}));
    assert_eq!(first.header("transform-model"), Some("lines/1"));
    let near = server.get("/v1/models/line").is(404).json();
    assert_eq!(near["error"], "no model group \"line\"; the nearest is \"lines\"");
    for path in ["/v1/models/line", "/v1/models/lines/versions/3"] {
        assert!(server.get(path).is(404).json()["error"].is_string());
        assert!(server.post(&format!("{path}:predict"), "{}").is(404).json()["error"].is_string());
    }
}

#[test]
fn tokens_are_read_and_what_is_wrong_is_named() {
    let spool = Spool::plane();
    let server = spool.serve();
    for (body, words) in [
        ("{}", "neither \"instances\" nor \"inputs\""),
        (
            r#"{"instances": [], "inputs": []}"#,
            "both \"instances\" and \"inputs\"",
        ),
        ("[]", "the body is an array"),
        (
            r#"{"instances": {}}"#,
            "\"instances\" is an object, where an array is expected",
        ),
        (
            r#"{"instances": [1, 2]}"#,
            "an instance is a value, and the model takes 2 columns",
        ),
        (
            r#"{"inputs": [1, 2]}"#,
            "\"inputs\" is an array, where an object of columns",
        ),
        (r#"{"inputs": 3}"#, "\"inputs\" is a number"),
        (r#"{"instances": [[1, NaN]]}"#, "row 1, b: missing value"),
        (
            r#"{"instances": [[1, 2], [1]]}"#,
            "row 2: the row has 1 value, where 2 are expected",
        ),
        (r#"{"instances": [{"a": 1}]}"#, "no key \"b\""),
        (r#"{"instances": [[1, {"b64": "AA=="}]]}"#, "value 2 is an object"),
        (r#"{"instances": [[1, 2]"#, "no JSON"),
    ] {
        let error = server.post("/v1/models/lines:predict", body).is(400).json()["error"].to_string();
        let error: String = serde_json::from_str(&error).unwrap();
        assert!(error.contains(words), "{body}: {error}");
    }
}

#[test]
fn what_is_not_finite_is_a_token_and_a_bad_row_null_where_that_is_wished() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let answer = server
        .post("/v1/models/lines:predict", r#"{"instances": [1, "oops", 1e308]}"#)
        .is(200);
    assert_eq!(
        answer.text(),
        r#"{"predictions":[3.0,null,Infinity],"errors":[{"column":"x","reason":"not a number","row":2}]}"#
    );
}

#[test]
fn classes_come_with_the_probabilities_that_the_spool_would_write() {
    let spool = Spool::without_model().open_to_all().set("output.probabilities=true");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/xgboost-3.2.0");
    spool
        .register_file(format!("{folder}/classifier.ubj"), "xgboost", &[])
        .exits(0);
    spool.approve(1);
    let server = spool.serve();
    let model = server.get("/v2/models/lines").is(200).json();
    let width = model["inputs"].as_array().unwrap().len();
    let row = vec![Value::Null; width];
    let rows = predict(&server, &json!({"instances": [row]}));
    let columns = predict(&server, &json!({"inputs": [row]}));
    let first = rows["predictions"][0].as_object().unwrap();
    for (name, value) in first {
        assert_eq!(columns["outputs"][name], json!([value]));
    }
    let tensor = json!({"name": "m", "datatype": "FP64", "shape": [1, width], "data": [row]});
    let infer = |outputs: Value| {
        let body = json!({"inputs": [tensor], "outputs": outputs});
        server.post("/v2/models/lines/infer", body.to_string()).is(200).json()
    };
    let all = infer(Value::Null);
    assert_eq!(all["outputs"].as_array().unwrap().len(), first.len());
    for output in all["outputs"].as_array().unwrap() {
        let name = output["name"].as_str().unwrap();
        assert_eq!(output["data"], json!([first[name]]));
        let alone = infer(json!([{"name": name}]));
        assert_eq!(alone["outputs"], json!([output]));
    }
}

#[test]
fn vertex_chooses_the_paths() {
    let spool = Spool::served();
    let predict = "/v1/endpoints/7/deployedModels/8:predict";
    let health = "/v1/endpoints/7/deployedModels/8";
    let server = spool.serve_in(&[("AIP_PREDICT_ROUTE", predict), ("AIP_HEALTH_ROUTE", health)]);
    let answer = server
        .post(predict, r#"{"instances": [[3]], "parameters": {}}"#)
        .is(200);
    assert_eq!(answer.json(), json!({"predictions": [7.0]}));
    server.get(health).is(200);
    assert_eq!(server.get(predict).is(405).header("allow"), Some("POST"));
}
