//! Bodies that are meant to hurt.

use super::Answered;
use super::attacks::gzip;
use crate::spool::Spool;
use serde_json::json;

#[test]
fn what_decompresses_beyond_the_limit_is_refused() {
    let spool = Spool::served().set("serve.max_body=1MiB");
    let server = spool.serve();
    let zeros = vec![b'1'; 64 << 20];
    let gzip = gzip(&zeros);
    let zstd = zstd::encode_all(&zeros[..], 1).unwrap();
    // A window that it would take 2 GB to hold.
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8][..], &[0; 20]].concat();
    for (name, body, status) in [("gzip", &gzip, 413), ("zstd", &zstd, 413), ("zstd", &window, 400)] {
        let refused = server
            .connect()
            .ask("POST", "/stream", &[("Content-Encoding", name)], body)
            .is(status);
        assert!(refused.json()["message"].is_string());
    }
    let twice = [("Content-Encoding", "gzip, gzip")];
    server.connect().ask("POST", "/stream", &twice, &gzip).is(415);
    server.still_answers();
}

fn is_bad(answer: Answered) {
    let answer = answer.is(400);
    assert!(answer.json()["message"].is_string(), "{answer:?}");
    assert!(answer.body.len() < 16 << 10, "{} bytes", answer.body.len());
}

#[test]
fn json_that_is_meant_to_hurt_is_a_bad_request() {
    let spool = Spool::served();
    let server = spool.serve();
    let deep = 100_000;
    let digits = "9".repeat(1 << 20);
    let key = "k".repeat(1 << 20);
    for body in [
        "[".repeat(deep),
        "{\"x\":".repeat(deep),
        format!("{{\"x\": {}1{}}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"y\": {}1{}, \"x\": [[1]]}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"{key}\": [1]}}"),
        format!("{{\"x\": [[\"{key}\"]]}}"),
        "{\"x\": [[1]], \"x\": [[2]]}".into(),
        "{\"x\": [[1]], \"\\u0078\": [[2]]}".into(),
        format!("{{\"x\": [[1{digits}e]]}}"),
        "{\"x\": [[1]]} {}".into(),
        "{\"x\": [[\"\\ud800\"]]}".into(),
        "\u{feff}\u{feff}{}".into(),
        String::new(),
        "\0".into(),
        "{\"x\": ".to_string() + &"[1],".repeat(100_000),
    ] {
        for path in ["/stream", "/batch"] {
            is_bad(server.post(path, &body));
        }
    }
    for body in [&b"{\"x\": [[\"\xff\"]]}"[..], b"{\"\xc0\xaf\": 1}", b"\xff\xfe{\0"] {
        is_bad(server.post("/stream", body));
    }
    // A number is a number, however it is written.
    let long = server.post("/stream", format!("{{\"x\": [[0.{digits}]]}}")).is(200);
    assert_eq!(long.text(), "3.0");
    let huge = server.post("/stream", format!("{{\"x\": [[{digits}]]}}"));
    assert!(huge.status == 400 || huge.status == 200, "{huge:?}");
    server.still_answers();
}

#[test]
fn a_body_of_very_many_names_is_a_bad_request() {
    let spool = Spool::served();
    let server = spool.serve();
    let names: String = (0..400_000).map(|i| format!("\"{i}\":[],")).collect();
    is_bad(server.post("/batch", format!("{{{names}\"y\":[]}}")));
    let split = format!(
        "{{\"dataframe_split\": {{\"columns\": [{}\"y\"], \"data\": []}}}}",
        "\"a\",".repeat(400_000)
    );
    let split = server.post_as("/invocations", "application/json", split).is(400);
    assert!(split.text().contains("more than 4097 names"), "{}", split.text());
    for member in ["inputs", "outputs"] {
        let tensors = "{\"name\":\"a\",\"shape\":[0],\"datatype\":\"FP64\",\"data\":[]},".repeat(100_000);
        let body = format!("{{\"inputs\":[],\"{member}\":[{}]}}", tensors.trim_end_matches(','));
        let body = body.replacen("\"inputs\":[],\"inputs\"", "\"inputs\"", 1);
        let refused = server.post("/v2/models/lines/infer", body).is(400);
        assert!(refused.text().contains("more than 4097 names"), "{}", refused.text());
    }
    server.still_answers();
}

/// To find a name that is like it took a table of a hundred bytes for each of its own.
#[test]
fn a_name_of_megabytes_takes_no_more_than_its_bytes() {
    let spool = Spool::served();
    let server = spool.serve();
    let name = "n".repeat(4 << 20);
    server.still_answers();
    let before = server.daemon.most_memory();
    let body = format!(
        r#"{{"inputs":[{{"name":"x","shape":[1],"datatype":"FP64","data":[1]}}],"outputs":[{{"name":"{name}"}}]}}"#
    );
    let refused = server.post("/v2/models/lines/infer", body).is(400);
    assert!(
        refused.text().contains("the model has no output"),
        "{}",
        &refused.text()[..200]
    );
    let taken = server.daemon.most_memory() - before;
    assert!(taken < 64 << 20, "{taken} bytes");
}

/// Each took a hundred times its bytes: a gigabyte, for 10 MiB of commas.
#[test]
fn a_header_of_very_many_columns_is_a_bad_request() {
    let spool = Spool::served();
    let server = spool.serve();
    server.still_answers();
    let before = server.daemon.most_memory();
    let header = "a,".repeat(2 << 20);
    for path in ["/score", "/invocations"] {
        let refused = server.post_as(path, "text/csv", format!("{header}x\n1\n")).is(400);
        assert!(refused.text().contains("more than 65537 columns"), "{}", refused.text());
    }
    let taken = server.daemon.most_memory() - before;
    assert!(taken < 64 << 20, "{taken} bytes");
    let names: String = (0..5000).map(|i| format!(",c{i}")).collect();
    let answer = server
        .post("/score", format!("x{names}\n1{}\n", ",2".repeat(5000)))
        .is(200);
    assert_eq!(answer.text(), "prediction\n3.0\n");
}

/// The caller's names are no part of what is said but for their beginning.
#[test]
fn a_refusal_is_short_however_long_its_names() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let name = "n".repeat(1 << 20);
    let names: String = (0..100_000).map(|i| format!("\"{i}\":1,")).collect();
    let sparse = format!(r#"{{"features":{{"keys":[0],"shape":[1,"{name}"],"values":[1]}}}}"#);
    let json = "application/json";
    let infer = "/v2/models/lines/infer";
    let tensor = r#"{"name":"x","shape":[1],"datatype":"FP64","data":[1]}"#;
    for (path, body) in [
        ("/stream", format!(r#"{{"{name}":1}}"#)),
        ("/batch", format!(r#"{{"x":[[1]],"{name}":[1],"{name}":[1]}}"#)),
        ("/invocations", format!(r#"{{{names}"y":1}}"#)),
        ("/invocations", format!(r#"{{"dataframe_split":{{"{name}":1}}}}"#)),
        ("/invocations", format!(r#"{{"instances":[{sparse}]}}"#)),
        (
            infer,
            format!(r#"{{"inputs":[{tensor}],"outputs":[{{"name":"{name}"}}]}}"#),
        ),
        (infer, format!(r#"{{"inputs":[{{"name":"{name}"}}]}}"#)),
        ("/v1/models/lines:predict", format!(r#"{{"inputs":{{"{name}":1}}}}"#)),
    ] {
        let answer = server.post_as(path, json, body);
        assert!(
            answer.status == 400 || answer.status == 200,
            "{path}: {}",
            answer.status
        );
        assert!(answer.body.len() < 16 << 10, "{path}: {} bytes", answer.body.len());
    }
    server.still_answers();
}

/// A rejects file is for who accepts it: of a body of bad rows it is fifty times as large.
#[test]
fn bad_rows_that_nobody_reads_take_no_memory() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    server.still_answers();
    let before = server.daemon.most_memory();
    let body = format!("x\n{}", "?\n".repeat(2 << 20));
    let answer = server.post("/score", body).is(200);
    assert_eq!(answer.header("transform-bad-rows"), Some("2097152"));
    let taken = server.daemon.most_memory() - before;
    assert!(taken < 96 << 20, "{taken} bytes");
}

/// No wrong length of a binary tensor is read beyond its end.
#[test]
fn tensors_of_wrong_lengths_are_bad_requests() {
    let spool = Spool::served();
    let server = spool.serve();
    let infer = |shape: serde_json::Value, size: serde_json::Value, length: &str, tensor: &[u8]| {
        let input = json!({"name": "x", "shape": shape, "datatype": "FP64", "parameters": {"binary_data_size": size}});
        let head = json!({"inputs": [input]}).to_string();
        let length = match length {
            "" => head.len().to_string(),
            other => other.into(),
        };
        let headers = [("Inference-Header-Content-Length", &length[..])];
        let body = [head.as_bytes(), tensor].concat();
        server.connect().ask("POST", "/v2/models/lines/infer", &headers, &body)
    };
    infer(json!([1, 1]), json!(8), "", &1.0f64.to_le_bytes()).is(200);
    for (shape, size, length, bytes) in [
        (json!([1, 1]), json!(8), "", 7),
        (json!([1, 1]), json!(8), "", 9),
        (json!([1, 1]), json!(9), "", 9),
        (json!([1, 1]), json!(0), "", 0),
        (json!([1, 1]), json!(-8), "", 8),
        (json!([1, 1]), json!(18446744073709551615u64), "", 8),
        (json!([1, 1]), json!("8"), "", 8),
        (json!([2, 1]), json!(8), "", 8),
        (json!([1_i64 << 62, 4]), json!(8), "", 8),
        (json!([-1, 1]), json!(8), "", 8),
        (json!([1.5, 1]), json!(8), "", 8),
        (json!([0, 1]), json!(8), "", 8),
        (json!([]), json!(8), "", 8),
        (json!([1, 1]), json!(8), "0", 8),
        (json!([1, 1]), json!(8), "7", 8),
        (json!([1, 1]), json!(8), "100000", 8),
        (json!([1, 1]), json!(8), "-1", 8),
        (json!([1, 1]), json!(8), "18446744073709551616", 8),
    ] {
        let answer = infer(shape.clone(), size.clone(), length, &vec![0; bytes]);
        assert_eq!(answer.status, 400, "{shape} {size} {length:?} {bytes}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    }
    server.still_answers();
}
