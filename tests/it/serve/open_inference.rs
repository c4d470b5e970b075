//! `/v2`: the Open Inference Protocol, in JSON and with binary tensors.

use super::{Answered, Server};
use crate::spool::Spool;
use serde_json::{Value, json};

impl Server {
    fn infer(&self, body: &Value) -> Answered {
        self.post("/v2/models/lines/infer", body.to_string())
    }

    /// `binary`: what stands behind the JSON.
    fn infer_binary(&self, body: &Value, binary: &[u8]) -> Answered {
        let json = body.to_string();
        let length = json.len().to_string();
        let headers = [("Inference-Header-Content-Length", length.as_str())];
        let body = [json.as_bytes(), binary].concat();
        self.connect().ask("POST", "/v2/models/lines/infer", &headers, &body)
    }
}

fn tensor(name: &str, datatype: &str, shape: &[usize], data: Value) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}

fn binary(name: &str, datatype: &str, shape: &[usize], size: usize) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}})
}

fn little(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn metadata_says_what_a_model_takes_and_gives() {
    let spool = Spool::plane();
    let server = spool.serve();
    let it = server.get("/v2").is(200).json();
    assert_eq!(
        (&it["name"], &it["extensions"]),
        (&json!("transform"), &json!(["binary_tensor_data"]))
    );
    let model = server.get("/v2/models/lines").is(200).json();
    let column = |name: &str| json!({"name": name, "datatype": "FP64", "shape": [-1, 1]});
    assert_eq!(
        model,
        json!({
            "name": "lines",
            "versions": ["1"],
            "platform": "transform",
            "inputs": [column("a"), column("b")],
            "outputs": [column("prediction")],
        })
    );
    server.get("/v2/models/lines/versions/1").is(200);
    server.get("/v2/models/lines/ready").is(200);
    server.get("/v2/models/lines/versions/1/ready").is(200);
    for path in [
        "/v2/models/line",
        "/v2/models/line/ready",
        "/v2/models/lines/versions/2",
        "/v2/models/lines/versions/2/ready",
        "/v2/models/..%2flines",
    ] {
        assert!(server.get(path).is(404).json()["error"].is_string(), "{path}");
    }
    server.get("/v2/health/live").is(200);
    server.get("/v2/health/ready").is(200);
}

#[test]
fn columns_come_by_their_names_and_a_matrix_by_position() {
    let spool = Spool::plane();
    let server = spool.serve();
    let pd = json!({"content_type": "pd"});
    for body in [
        json!({"inputs": [tensor("a", "FP64", &[2], json!([1, 2])), tensor("b", "INT32", &[2, 1], json!([[3], [4]]))]}),
        json!({"inputs": [
            tensor("b", "BYTES", &[2, 1], json!(["3", "4"])),
            tensor("other", "BYTES", &[2], json!(["x", "y"])),
            tensor("a", "UINT8", &[2], json!([[1], [2]])),
        ], "parameters": pd}),
        json!({"inputs": [tensor("input-0", "FP32", &[2, 2], json!([1, 3, 2, 4]))]}),
        json!({"inputs": [tensor("a", "FP64", &[2, 2], json!([[1, 3], [2, 4]]))], "parameters": {"content_type": "np"}}),
    ] {
        let answer = server.infer(&body).is(200);
        assert_eq!(
            answer.json(),
            json!({
                "model_name": "lines",
                "model_version": "1",
                "outputs": [tensor("prediction", "FP64", &[2, 1], json!([33.0, 45.0]))],
            }),
            "{body}"
        );
        assert_eq!(answer.header("transform-model"), Some("lines/1"));
    }
}

#[test]
fn the_id_comes_back_and_a_version_can_be_asked_by_its_number() {
    let spool = Spool::served();
    spool.approve_line(5.0, 0.0);
    let server = spool.serve();
    let body = json!({"id": "a \"b\"", "inputs": [tensor("x", "FP64", &[1], json!([3]))]}).to_string();
    for (path, version, y) in [
        ("/v2/models/lines/infer", "2", 15.0),
        ("/v2/models/lines/versions/2/infer", "2", 15.0),
        ("/v2/models/lines/versions/1/infer", "1", 7.0),
    ] {
        let answer = server.post(path, &body).is(200).json();
        assert_eq!(
            (&answer["id"], &answer["model_version"], &answer["outputs"][0]["data"]),
            (&json!("a \"b\""), &json!(version), &json!([y])),
            "{path}"
        );
    }
    assert_eq!(
        server.get("/v2/models/lines").is(200).json()["versions"],
        json!(["1", "2"])
    );
    assert!(server.post("/v2/models/lines/versions/3/infer", &body).is(404).json()["error"].is_string());
}

#[test]
fn binary_tensors_go_in_and_out() {
    let spool = Spool::plane();
    let server = spool.serve();
    let sent = [&little(&[1.0, 2.0])[..], b"\x01\0\0\x003\x03\0\0\x004.0"].concat();
    let inputs = json!([binary("a", "FP64", &[2, 1], 16), binary("b", "BYTES", &[2], 12)]);
    let outputs = json!([{"name": "prediction", "parameters": {"binary_data": true}}]);
    for body in [
        json!({"inputs": inputs, "outputs": outputs}),
        json!({"inputs": inputs, "parameters": {"binary_data_output": true}}),
    ] {
        let answer = server.infer_binary(&body, &sent).is(200);
        let length: usize = answer
            .header("inference-header-content-length")
            .unwrap()
            .parse()
            .unwrap();
        let (head, tensors) = answer.body.split_at(length);
        assert_eq!(
            serde_json::from_slice::<Value>(head).unwrap()["outputs"],
            json!([binary("prediction", "FP64", &[2, 1], 16)])
        );
        assert_eq!(tensors, little(&[33.0, 45.0]));
    }
    let in_json = server.infer_binary(&json!({"inputs": inputs}), &sent).is(200);
    assert_eq!(in_json.json()["outputs"][0]["data"], json!([33.0, 45.0]));
    assert_eq!(in_json.header("inference-header-content-length"), None);
}

/// A request of 500 was what a bad body got elsewhere, or a server that was gone.
#[test]
fn what_does_not_add_up_is_refused_by_name() {
    let spool = Spool::plane();
    let server = spool.serve();
    let a = |data: Value| json!({"inputs": [tensor("a", "FP64", &[1], data), tensor("b", "FP64", &[1], json!([1]))]});
    for (body, words) in [
        (json!({}), "no \"inputs\"; /v2/models/GROUP says which ones"),
        (json!({"inputs": []}), "no column \"a\", which the model takes"),
        (
            json!({"inputs": [tensor("A", "FP64", &[1], json!([1]))]}),
            "is it \"A\"?",
        ),
        (
            a(json!([1, 2])),
            "input \"a\": its data has 2 elements, and its shape is [1]",
        ),
        (
            a(json!(["oops"])),
            "1 of 1 rows can't be scored; row 1, a: not a number",
        ),
        (a(json!([null])), "row 1, a: missing value"),
        (
            json!({"inputs": [tensor("a", "FP16", &[1], json!([1]))]}),
            "its datatype is \"FP16\"",
        ),
        (
            json!({"inputs": [tensor("a", "INT8", &[1], json!([300]))]}),
            "element 1 is 300, which is no INT8",
        ),
        (
            json!({"inputs": [tensor("a", "FP64", &[1, 3], json!([1, 2, 3]))]}),
            "the model takes 2 columns: [rows, 2]",
        ),
        (
            json!({"inputs": [tensor("a", "FP64", &[1], json!([1])), tensor("b", "FP64", &[2], json!([1, 2]))]}),
            "\"b\" has 2 rows, and \"a\" has 1",
        ),
        (
            json!({"inputs": [tensor("m", "FP64", &[1, 2], json!([1, 2]))], "outputs": [{"name": "predictio"}]}),
            "no output \"predictio\"; is it \"prediction\"?",
        ),
    ] {
        let error = server.infer(&body).is(400).json()["error"]
            .as_str()
            .unwrap()
            .to_string();
        assert!(error.contains(words), "{body}: {error}");
    }
    assert!(server.post("/v2/models/lines/infer", "{\"inputs\":").is(400).json()["error"].is_string());
}

#[test]
fn a_bad_row_is_null_or_a_not_a_number_where_that_is_wished() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let inputs = json!([tensor("x", "BYTES", &[3], json!(["1", "oops", "2"]))]);
    let answer = server.infer(&json!({"inputs": inputs})).is(200);
    assert_eq!(answer.json()["outputs"][0]["data"], json!([3.0, null, 5.0]));
    assert_eq!(
        answer.json()["parameters"],
        json!({"bad_rows": 1, "errors": "row 2, x: not a number"})
    );
    let body = json!({"inputs": inputs, "parameters": {"binary_data_output": true}});
    let answer = server.infer(&body).is(200);
    let tensors = &answer.body[answer.body.len() - 24..];
    let numbers: Vec<f64> = tensors
        .chunks(8)
        .map(|x| f64::from_le_bytes(x.try_into().unwrap()))
        .collect();
    assert!(
        numbers[0] == 3.0 && numbers[1].is_nan() && numbers[2] == 5.0,
        "{numbers:?}"
    );
}
