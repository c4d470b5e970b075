//! `/invocations` as a SageMaker container answers it, and `/endpoints/GROUP/invocations` as AWS's service does.

use super::{Answered, Server};
use crate::spool::Spool;
use serde_json::{Value, json};

impl Server {
    fn invoke(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        self.connect().ask("POST", path, headers, body.as_bytes())
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const LINES: (&str, &str) = ("Content-Type", "application/jsonlines");

#[test]
fn instances_have_scores_whatever_way_their_features_stand() {
    let spool = Spool::plane();
    let server = spool.serve();
    for row in [
        r#"{"features": [3, 4]}"#,
        r#"{"data": {"features": {"values": [3, 4]}}}"#,
        r#"{"data": {"features": {"keys": [1, 0], "shape": [2], "values": [4, 3]}}}"#,
        r#"{"features": {"keys": [1, 0], "shape": [1, 2], "values": [4, "3"]}, "configuration": {}}"#,
    ] {
        let body = format!(r#"{{"instances": [{row}, {row}]}}"#);
        for path in [
            "/invocations",
            "/endpoints/lines/invocations",
            "/production/invocations",
        ] {
            let answer = server.invoke(path, &[JSON], &body).is(200);
            assert_eq!(
                answer.text(),
                r#"{"predictions":[{"score":47.0},{"score":47.0}]}"#,
                "{body}"
            );
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("x-amzn-invoked-production-variant"), Some("1"));
        }
        let lines = server.invoke("/invocations", &[LINES], &format!("{row}\n{row}\n"));
        assert_eq!(lines.header("content-type"), Some("application/jsonlines"));
        assert_eq!(lines.is(200).text(), "{\"score\":47.0}\n{\"score\":47.0}\n");
    }
    // What has no key is 0.
    let sparse = r#"{"instances": [{"data": {"features": {"keys": [], "values": []}}}, {"data": {"features": {"keys": [1], "values": [2]}}}]}"#;
    let answer = server.invoke("/invocations", &[JSON], sparse).is(200);
    assert_eq!(answer.json(), json!({"predictions": [{"score": 1.0}, {"score": 21.0}]}));
}

#[test]
fn lines_of_json_may_be_arrays_or_name_their_values() {
    let spool = Spool::plane();
    let server = spool.serve();
    for body in ["[3,4]\r\n[0,0]", "{\"b\":4,\"a\":3,\"c\":[]}\n\n{\"a\":0,\"b\":0}\n"] {
        let answer = server.invoke("/invocations", &[LINES], body).is(200);
        assert_eq!(answer.text(), "{\"score\":47.0}\n{\"score\":1.0}\n");
    }
}

#[test]
fn a_csv_is_answered_in_the_type_that_is_accepted() {
    let spool = Spool::plane();
    let server = spool.serve();
    let body = "3,4\n0,0\n";
    for content_type in [
        "text/csv",
        "text/csv;label_size=0",
        "text/csv; header=absent; charset=utf-8",
    ] {
        for (accept, answer) in [
            (None, "47.0\n1.0\n"),
            (Some("*/*"), "47.0\n1.0\n"),
            (Some("text/csv"), "47.0\n1.0\n"),
            (
                Some("application/json"),
                r#"{"predictions":[{"score":47.0},{"score":1.0}]}"#,
            ),
            (Some("application/jsonlines"), "{\"score\":47.0}\n{\"score\":1.0}\n"),
        ] {
            let mut headers = vec![("Content-Type", content_type)];
            headers.extend(accept.map(|accept| ("Accept", accept)));
            let got = server.invoke("/invocations", &headers, body).is(200);
            assert_eq!(got.text(), answer, "{content_type} -> {accept:?}");
        }
    }
    // Nothing is said: what it looks like.
    assert_eq!(server.post("/invocations", body).is(200).text(), "47.0\n1.0\n");
    // With a header, an endpoint answers as without.
    let answer = server
        .post_as("/endpoints/lines/invocations", "text/csv", "b,a\n4,3\n")
        .is(200);
    assert_eq!(answer.text(), "47.0\n");
    let refused = server.invoke(
        "/invocations",
        &[("Content-Type", "text/csv"), ("Accept", "image/png")],
        body,
    );
    assert!(refused.is(415).text().contains("accept text/csv"));
}

#[test]
fn a_list_is_answered_by_a_list() {
    let spool = Spool::plane();
    let server = spool.serve();
    for body in ["[[3, 4], [0, 0]]", r#"[{"b": 4, "a": 3}, {"a": 0, "b": 0}]"#] {
        assert_eq!(
            server.invoke("/invocations", &[JSON], body).is(200).text(),
            "[47.0,1.0]"
        );
    }
    assert_eq!(server.invoke("/invocations", &[JSON], "[]").is(200).text(), "[]");
    server.invoke("/invocations", &[JSON], "[3, 4]").is(400);
}

#[test]
fn classes_have_their_label_and_the_score_of_each() {
    let spool = Spool::classes();
    let server = spool.serve();
    let row = r#"{"features": [13.5, -0.7, 31885.4, 5, "Rome", 10]}"#;
    let answer = server.invoke("/invocations", &[JSON], &format!(r#"{{"instances": [{row}]}}"#));
    let answer = answer.is(200).json();
    let prediction = &answer["predictions"][0];
    let scores: Vec<f64> = serde_json::from_value(prediction["score"].clone()).unwrap();
    assert!(
        scores.len() == 3 && (scores.iter().sum::<f64>() - 1.0).abs() < 1e-6,
        "{answer}"
    );
    let best = scores.iter().copied().fold(0.0, f64::max);
    let labels = ["no", "a \"yes\"", "never"];
    assert_eq!(
        prediction["predicted_label"],
        labels[scores.iter().position(|s| *s == best).unwrap()]
    );
    // A CSV is as the spool's, without its header.
    let csv = "13.5,-0.7,31885.4,5,Rome,10\n";
    let named = format!("x,y,z,n,city,size\n{csv}");
    for setting in ["output.probabilities=false", "output.probabilities=true"] {
        let spool = Spool::classes().set(setting);
        let scored = spool.filter(&["score"], named.as_bytes()).exits(0).stdout;
        let server = spool.serve();
        let answer = server.post_as("/invocations", "text/csv;header=absent", csv).is(200);
        assert_eq!(answer.text(), scored.split_once('\n').unwrap().1, "{setting}");
    }
}

#[test]
fn whether_a_csv_has_a_header_can_be_said_and_must_be_where_it_is_unclear() {
    let spool = Spool::plane();
    let server = spool.serve();
    let ask = |content_type: &str, body: &str| server.post_as("/invocations", content_type, body);
    let unclear = ask("text/csv", "3,oops\n").is(400);
    assert!(
        unclear.text().contains("header=present or text/csv;header=absent"),
        "{}",
        unclear.text()
    );
    let absent = ask("text/csv;header=absent", "3,oops\n").is(400);
    assert!(absent.text().contains("row 1, b: not a number"), "{}", absent.text());
    assert_eq!(absent.header("content-type"), Some("text/plain; charset=utf-8"));
    let present = ask("text/csv;header=present", "3,oops\n1,2\n").is(400);
    assert!(present.text().contains("no column"), "{}", present.text());
    for (content_type, status, words) in [
        ("text/csv;header=maybe", 400, "it is present or absent"),
        ("text/csv;label_size=1", 400, "have no labels in front"),
        ("text/csv;charset=klingon", 415, "charset \"klingon\" isn't known"),
        ("application/x-recordio-protobuf", 415, "send text/csv"),
    ] {
        let refused = ask(content_type, "3,4\n").is(status);
        assert!(refused.text().contains(words), "{content_type}: {}", refused.text());
    }
}

#[test]
fn rows_that_cannot_be_scored_are_named() {
    let spool = Spool::plane();
    let server = spool.serve();
    for (row, words) in [
        (
            r#"{"features": [1]}"#,
            "row 2: the row has 1 value, where 2 are expected",
        ),
        (r#"{"features": [1, "x"]}"#, "row 2, b: not a number"),
        (r#"{"x": [1, 2]}"#, "row 2: the row has no key \"features\""),
        ("[1, 2]", "row 2: the row is an array, where an object is expected"),
    ] {
        let body = format!(r#"{{"instances": [{{"features": [1, 2]}}, {row}]}}"#);
        let refused = server.invoke("/invocations", &[JSON], &body).is(400);
        assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(refused.text().contains(words), "{row}: {}", refused.text());
    }
    for (tensor, words) in [
        (
            r#"{"keys": [2], "values": [1]}"#,
            "a key of the row is no number from 0 to 1",
        ),
        (r#"{"keys": [1.5], "values": [1]}"#, "a key of the row is no number"),
        (r#"{"keys": [1, 1], "values": [1, 2]}"#, "the key 1 stands twice"),
        (r#"{"keys": [1], "values": []}"#, "the row has 1 keys, and 0 values"),
        (
            r#"{"keys": [1], "values": [1], "shape": [3]}"#,
            "shape is [3], where 2 features",
        ),
        (r#"{"keys": [1], "values": [[1]]}"#, "a value is an array"),
        (r#"{"keys": [1], "values": ["x"]}"#, "row 2, b: not a number"),
        (r#"{"values": [1, 2, 3]}"#, "the row has 3 values, where 2 are expected"),
        (r#"{"keys": [1]}"#, "no array \"values\""),
    ] {
        let good = r#"{"data": {"features": {"values": [1, 2]}}}"#;
        let body = format!(r#"{{"instances": [{good}, {{"data": {{"features": {tensor}}}}}]}}"#);
        let refused = server.invoke("/invocations", &[JSON], &body).is(400);
        assert!(refused.text().contains(words), "{tensor}: {}", refused.text());
    }
    let spool = spool.set("serve.bad_rows=null");
    let server = spool.serve();
    let body = r#"{"instances": [{"features": [1, "x"]}, {"features": [0, 0]}]}"#;
    let answer = server.invoke("/invocations", &[JSON], body).is(200);
    assert_eq!(
        answer.json(),
        json!({
            "predictions": [{"score": null}, {"score": 1.0}],
            "errors": [{"row": 1, "column": "b", "reason": "not a number"}],
        })
    );
    assert_eq!(answer.header("transform-bad-rows"), Some("1"));
    let csv = server
        .post_as("/invocations", "text/csv;header=absent", "1,x\n0,0\n")
        .is(200);
    assert_eq!(csv.text(), "\"\"\n1.0\n");
}

#[test]
fn a_variant_is_a_version() {
    let spool = Spool::served();
    spool.approve_line(3.0, 0.0);
    let server = spool.serve();
    for (variant, answer) in [("1", "3.0\n"), ("2", "3.0\n")] {
        let headers = [
            ("Content-Type", "text/csv"),
            ("X-Amzn-SageMaker-Target-Variant", variant),
        ];
        let got = server.invoke("/endpoints/lines/invocations", &headers, "1\n").is(200);
        assert_eq!(got.text(), answer);
        assert_eq!(got.header("x-amzn-invoked-production-variant"), Some(variant));
        assert_eq!(got.header("transform-model"), Some(&*format!("lines/{variant}")));
    }
    let ask = |path: &str, header: (&str, &str)| server.invoke(path, &[("Content-Type", "text/csv"), header], "1\n");
    for (path, header, words) in [
        (
            "/endpoints/lines/invocations",
            ("X-Amzn-SageMaker-Target-Variant", "9"),
            "no version 9 of \\\"lines\\\"",
        ),
        (
            "/endpoints/lines/invocations",
            ("X-Amzn-SageMaker-Target-Variant", "blue"),
            "no version of the model",
        ),
        (
            "/endpoints/lines/invocations",
            ("X-Amzn-SageMaker-Target-Model", "a.tar.gz"),
            "TargetModel names nothing",
        ),
        (
            "/endpoints/line/invocations",
            ("X-Test", ""),
            "the nearest is \\\"lines\\\"",
        ),
        ("/endpoints/lines/async-invocations", ("X-Test", ""), "no such route"),
    ] {
        let refused = ask(path, header).is(404);
        assert_eq!(refused.header("x-amzn-errortype"), Some("ValidationError"));
        assert!(refused.text().contains(words), "{}", refused.text());
    }
}

#[test]
fn an_endpoint_says_what_the_clients_of_aws_raise() {
    let spool = Spool::served();
    let server = spool.serve();
    let headers = [
        JSON,
        ("X-Amzn-SageMaker-Custom-Attributes", "trace=7"),
        ("X-Request-Id", "r-1"),
    ];
    let body = r#"{"instances": [{"features": ["oops"]}]}"#;
    let refused = server.invoke("/endpoints/lines/invocations", &headers, body).is(424);
    assert_eq!(refused.header("x-amzn-errortype"), Some("ModelError"));
    assert_eq!(refused.header("x-amzn-requestid"), Some("r-1"));
    let message = "1 of 1 rows can't be scored; row 1, x: not a number";
    assert_eq!(
        refused.json(),
        json!({"Message": message, "OriginalMessage": message, "OriginalStatusCode": 400})
    );
    let body = r#"{"instances": [{"features": [1]}]}"#;
    let answer = server.invoke("/endpoints/lines/invocations", &headers, body).is(200);
    assert_eq!(answer.header("x-amzn-sagemaker-custom-attributes"), Some("trace=7"));
    assert_eq!(answer.header("x-amzn-requestid"), Some("r-1"));
    let long = "x".repeat(1025);
    let headers = [JSON, ("X-Amzn-SageMaker-Custom-Attributes", &long)];
    server.invoke("/endpoints/lines/invocations", &headers, body).is(424);
}

#[test]
fn a_batch_transform_is_told_what_to_send() {
    let spool = Spool::served().set("serve.max_body=30MiB");
    let server = spool.serve();
    let parameters = server.get("/execution-parameters").is(200).json();
    assert_eq!(
        (&parameters["BatchStrategy"], &parameters["MaxPayloadInMB"]),
        (&json!("MULTI_RECORD"), &json!(30))
    );
    // All at a time are at most 100 MB, or it begins no job.
    let transforms = parameters["MaxConcurrentTransforms"].as_u64().unwrap();
    assert!((1..=3).contains(&transforms), "{parameters}");
    let text: Value = server.get("/ping").is(200).text().into();
    assert_eq!(text, "\n");
}
