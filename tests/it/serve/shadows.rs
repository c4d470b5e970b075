//! Versions on trial: they score what was answered, and nobody waits for them.

use super::attacks::gzip;
use super::capture::{ID, capturing, events, ids};
use super::{Answered, Server};
use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// `2 x + 1` answers; `3 x` is registered as version 2.
fn spool() -> Spool {
    let spool = capturing();
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    spool
}

fn start(spool: &Spool) {
    spool.run(&["experiment", "start", "trial", "--shadow", "2"]).exits(0);
}

/// Of a version, what was asked and what was said, by the id of its event.
fn captured(spool: &Spool, version: u32) -> BTreeMap<String, (Value, Value)> {
    let all = events(&spool.path(format!("captured/lines/{version}")));
    let pairs = all.iter().map(|event| {
        let id = event["eventMetadata"]["eventId"].as_str().unwrap();
        let data = &event["captureData"];
        (
            id.into(),
            (data["endpointInput"].clone(), data["endpointOutput"]["data"].clone()),
        )
    });
    pairs.collect()
}

/// In every protocol: content type, path, body.
const ASKED: [(&str, &str, &str); 12] = [
    ("application/json", "/stream", r#"{"x": [[0.3]]}"#),
    ("", "/batch", r#"{"x": [[1], [2]]}"#),
    ("text/csv", "/score", "id,x\na,1\nb,2\n"),
    ("text/csv", "/score?columns=all", "id,x\na,1\n"),
    ("application/jsonlines", "/score", "{\"x\": 4}\n{\"x\": 5}\n"),
    ("text/csv", "/invocations", "6\n7\n"),
    ("text/csv;header=present", "/endpoints/lines/invocations", "x\n8\n"),
    (
        "application/json",
        "/invocations",
        r#"{"instances": [{"features": [9]}]}"#,
    ),
    (
        "application/json",
        "/invocations",
        r#"{"dataframe_split": {"columns": ["x"], "data": [[10]]}}"#,
    ),
    ("application/jsonlines", "/invocations", "{\"features\": [11]}\n"),
    (
        "application/json",
        "/v2/models/lines/infer",
        r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [12]}]}"#,
    ),
    (
        "application/json",
        "/v1/models/lines:predict",
        r#"{"instances": [[13]]}"#,
    ),
];

fn ask_all(server: &Server) -> Vec<Answered> {
    let ask = |(content_type, path, body): (&str, &str, &str)| {
        let headers = [
            ("Content-Type", content_type),
            ("Accept", "*/*"),
            ("x-api-key", "unused"),
        ];
        let headers = &headers[usize::from(content_type.is_empty())..];
        server.connect().ask("POST", path, headers, body.as_bytes()).is(200)
    };
    let mut answers: Vec<Answered> = ASKED.into_iter().map(ask).collect();
    let compressed = [("Content-Type", "text/csv"), ("Content-Encoding", "gzip")];
    let body = gzip(b"x\n14\n");
    answers.push(server.connect().ask("POST", "/score", &compressed, &body).is(200));
    let large = "x\n".to_string() + &"15\n".repeat(50_000);
    answers.push(server.post_as("/score", "text/csv", large).is(200));
    let binary =
        br#"{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}]}"#;
    let length = binary.len().to_string();
    let body = [&binary[..], &16f64.to_le_bytes()].concat();
    let headers = [("Inference-Header-Content-Length", &*length)];
    let path = "/v2/models/lines/infer";
    answers.push(server.connect().ask("POST", path, &headers, &body).is(200));
    answers
}

fn bodies(answers: &[Answered]) -> Vec<&[u8]> {
    answers.iter().map(|answer| &answer.body[..]).collect()
}

/// What the version on trial says is what it answers where it answers by itself: in staging.
#[test]
fn answers_stay_the_same_and_what_a_shadow_says_joins_them() {
    let spool = spool();
    let without = spool.serve();
    let before = ask_all(&without);
    assert_eq!(without.stop(), 0);
    fs::remove_dir_all(spool.path("captured")).unwrap();
    start(&spool);
    let (production, staging) = (spool.serve(), spool.serve_with(&["--stage", "staging"]));
    let answers = ask_all(&production);
    assert_eq!(bodies(&answers), bodies(&before));
    let expected = ask_all(&staging);
    assert_eq!((production.stop(), staging.stop()), (0, 0));

    let (champion, shadow) = (captured(&spool, 1), captured(&spool, 2));
    assert_eq!(champion.keys().collect::<Vec<_>>(), shadow.keys().collect::<Vec<_>>());
    assert_eq!(champion.len(), answers.len());
    let said = |answer: &Answered| answer.text();
    let pairs: BTreeMap<String, String> = answers.iter().map(said).zip(expected.iter().map(said)).collect();
    for (id, (asked, answered)) in &champion {
        let (scored, says) = &shadow[id];
        assert_eq!(scored, asked);
        assert_eq!(says.as_str().unwrap(), pairs[answered.as_str().unwrap()], "{asked}");
    }
}

#[test]
fn a_shadow_is_told_in_metadata_metrics_and_on_the_page() {
    let spool = spool();
    start(&spool);
    let server = spool.serve();
    let headers = [(ID, "order-17")];
    let answer = server.connect().ask("POST", "/stream", &headers, br#"{"x": [[1]]}"#);
    assert_eq!(answer.is(200).text(), "3.0");
    let folder = spool.path("captured/lines/2");
    wait_until("it is scored", || ids(&folder) == ["order-17"]);
    let event = &events(&folder)[0];
    assert_eq!(event["eventMetadata"]["experiment"], "trial");
    assert_eq!(event["captureData"]["endpointOutput"]["data"], "3.0");
    let metrics = server.get("/metrics").is(200).text();
    for line in [
        "transform_shadow_requests_total{model=\"lines/2\",experiment=\"trial\",outcome=\"scored\"} 1\n",
        "transform_shadow_requests_total{model=\"lines/2\",experiment=\"trial\",outcome=\"skipped\"} 0\n",
        "transform_shadow_requests_total{model=\"lines/2\",experiment=\"trial\",outcome=\"failed\"} 0\n",
        "transform_shadow_request_seconds_count{model=\"lines/2\",experiment=\"trial\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let page = server.get("/").is(200).text();
    assert!(page.contains("<h2>Shadows</h2>") && page.contains("trial"), "{page}");
    // Asked by its number, the champion answers for itself alone.
    let by_number = [("X-Amzn-SageMaker-Target-Variant", "1"), ("Content-Type", "text/csv")];
    let path = "/invocations";
    server.connect().ask("POST", path, &by_number, b"1\n").is(200);
    assert_eq!(server.stop(), 0);
    assert_eq!((captured(&spool, 1).len(), captured(&spool, 2).len()), (2, 1));
    let answers = events(&spool.path("captured/lines/1"));
    assert!(
        answers
            .iter()
            .all(|event| event["eventMetadata"]["experiment"].is_null())
    );
}

/// It takes a column more, and a missing value; all by its own rules.
#[test]
fn rows_that_one_alone_can_score_are_kept_as_such() {
    let spool = capturing().set("serve.bad_rows=null");
    let model = r#"{"inputs":[{"name":"x","missing":{"fill":100}},{"name":"city","categories":["Lima","Oslo"],"missing":"refuse","unknown":"refuse"}],
      "terms":[{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":1},
               {"name":"Oslo","factors":[{"input":"city","category":"Oslo"}],"mean":0,"scale":1,"coefficient":1000}],
      "intercept":0,"output":"number"}"#;
    fs::write(spool.path("m.json"), model).unwrap();
    spool.register_file("m.json", "pipeline", &[]).exits(0);
    start(&spool);
    let server = spool.serve();
    let rows = "city,x\nOslo,1\nLima,\nParis,2\n";
    let answer = server.post_as("/score", "text/csv", rows).is(200);
    assert_eq!(answer.text(), "prediction\n3.0\n\"\"\n5.0\n");
    let objects = "{\"city\": \"Lima\", \"x\": null}\n{\"city\": \"Rome\", \"x\": 2}\n";
    server.post_as("/score", "application/jsonlines", objects).is(200);
    // Without its column it scores nothing, and that is nobody's fault but its own.
    assert_eq!(server.post("/stream", r#"{"x": [1]}"#).is(200).text(), "3.0");
    server.daemon.logs("the shadow can't score a request");
    let failed = "transform_shadow_requests_total{model=\"lines/2\",experiment=\"trial\",outcome=\"failed\"} 1\n";
    assert!(server.get("/metrics").is(200).text().contains(failed));
    assert_eq!(server.stop(), 0);
    let (champion, shadow) = (captured(&spool, 1), captured(&spool, 2));
    assert_eq!((champion.len(), shadow.len()), (3, 2));
    let says = |of: &str| {
        let (id, _) = champion.iter().find(|(_, (asked, _))| asked["data"] == of).unwrap();
        shadow[id].1.as_str().unwrap().to_string()
    };
    assert_eq!(says(rows), "prediction\n1001.0\n100.0\n\"\"\n");
    let lines = says(objects);
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.next().unwrap()["prediction"], 100.0);
    assert_eq!(lines.next().unwrap()["prediction"], Value::Null);

    // Where a bad row refuses a request, the shadow's refuse none.
    let spool = spool.set("serve.bad_rows=refuse");
    fs::remove_dir_all(spool.path("captured")).unwrap();
    let server = spool.serve();
    server.post_as("/score", "text/csv", rows).is(400);
    server
        .post_as("/score", "text/csv", "city,x\nOslo,1\nParis,2\n")
        .is(200);
    assert_eq!(server.stop(), 0);
    let said: Vec<_> = captured(&spool, 2).into_values().map(|(_, says)| says).collect();
    assert_eq!(said, ["prediction\n1001.0\n\"\"\n"]);
}

#[test]
fn start_stop_and_approval_take_effect_within_a_second() {
    let spool = spool();
    let server = spool.serve();
    let ask = |id: &str| {
        let headers = [(ID, id)];
        let answer = server.connect().ask("POST", "/stream", &headers, br#"{"x": [[2]]}"#);
        answer.is(200).text()
    };
    ask("before");
    start(&spool);
    server.daemon.logs("a shadow scores, too");
    ask("beside");
    let folder = spool.path("captured/lines/2");
    wait_until("it is scored", || ids(&folder) == ["beside"]);
    spool.run(&["experiment", "stop", "trial"]).exits(0);
    server.daemon.logs("a shadow scores no more");
    ask("behind");
    spool.run(&["experiment", "start", "again", "--shadow", "2"]).exits(0);
    server.daemon.logs("experiment=\"again\"");
    ask("again");
    // Who answers was the same all the time.
    assert_eq!(server.daemon.log().matches("answers model=").count(), 1);
    spool.approve(2);
    wait_until("version 2 answers", || ask("approved") == "6.0");
    assert!(!server.get("/metrics").is(200).text().contains("transform_shadow"));
    assert_eq!(server.stop(), 0);
    let mut ids = ids(&folder);
    ids.dedup();
    ids.retain(|id| id != "approved");
    assert_eq!(ids, ["beside", "again"]);
}

#[test]
fn a_damaged_shadow_changes_no_answer() {
    let spool = spool();
    start(&spool);
    fs::remove_file(spool.path("models/lines/2/linear.json")).unwrap();
    let server = spool.serve();
    server.daemon.logs("a shadow can't be used; answers are as without it");
    assert_eq!(server.post("/stream", r#"{"x": [[1]]}"#).is(200).text(), "3.0");
    // So does an experiment that can't be read.
    let experiment = spool.path("models/lines/experiments/trial.toml");
    fs::write(experiment, "format_version = 9\n").unwrap();
    server.daemon.logs("trial.toml");
    assert_eq!(server.post("/stream", r#"{"x": [[1]]}"#).is(200).text(), "3.0");
    assert_eq!(server.stop(), 0);
    assert_eq!((captured(&spool, 1).len(), captured(&spool, 2).len()), (2, 0));
}

#[test]
fn without_a_capture_it_is_said_that_none_scores() {
    let spool = Spool::served();
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    start(&spool);
    let server = spool.serve();
    server.daemon.logs("a shadow scores nothing over HTTP");
    assert_eq!(server.post("/stream", r#"{"x": [[1]]}"#).is(200).text(), "3.0");
    let page = server.get("/").is(200).text();
    assert!(
        page.contains("experiment trial: lines/2 scores nothing over HTTP"),
        "{page}"
    );
    assert!(!server.get("/metrics").is(200).text().contains("transform_shadow"));
}

/// And in staging, where the newest version answers, none is on trial.
#[test]
fn of_a_sample_the_shadow_scores_what_is_kept() {
    let spool = spool().set("capture.sample=50%");
    start(&spool);
    let server = spool.serve();
    let staging = spool.serve_with(&["--stage", "staging"]);
    let (mut client, mut other) = (server.connect(), staging.connect());
    for n in 0..40 {
        let body = format!(r#"{{"x": [[{n}]]}}"#);
        client.ask("POST", "/stream", &[], body.as_bytes()).is(200);
        other.ask("POST", "/stream", &[], body.as_bytes()).is(200);
    }
    assert_eq!((server.stop(), staging.stop()), (0, 0));
    let (champion, shadow) = (captured(&spool, 1), captured(&spool, 2));
    assert!(champion.len().abs_diff(20) <= 2, "{}", champion.len());
    assert_eq!(champion.keys().collect::<Vec<_>>(), shadow.keys().collect::<Vec<_>>());
    let staged = events(&spool.path("captured/.staging"));
    assert!(
        staged
            .iter()
            .all(|event| event["eventMetadata"]["experiment"].is_null())
    );
}
