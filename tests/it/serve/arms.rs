//! A/B tests: a share of the keys is answered by another version, as in files.

use super::capture::{ID, capturing, events, ids};
use super::{Answered, Server};
use crate::spool::{Spool, wait_until};
use std::fs;
use std::io::Write;

/// `2 x + 1` answers; `3 x` is registered as version 2.
fn spool() -> Spool {
    let spool = capturing().set("output.model_version=true");
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    spool
}

fn start(spool: &Spool, more: &[&str]) {
    let args = [
        "experiment",
        "start",
        "spring",
        "--challenger",
        "2",
        "--share",
        "50%",
        "--key",
        "id",
    ];
    spool.run(&[&args, more].concat()).exits(0);
}

fn ask(server: &Server, key: &str) -> Answered {
    let headers = [("Transform-Key", key), (ID, key)];
    server.connect().ask("POST", "/stream", &headers, br#"{"x": [[1]]}"#)
}

/// A key of version 1, and one of version 2.
fn keys(server: &Server) -> [String; 2] {
    let find = |model: &str| {
        let keys = (0..100).map(|i| format!("K{i}"));
        let is_its = |key: &String| ask(server, key).is(200).header("transform-model") == Some(model);
        keys.into_iter().find(is_its).unwrap()
    };
    ["lines/1", "lines/2"].map(find)
}

#[test]
fn a_key_is_answered_by_its_arm_and_told_everywhere() {
    let spool = spool();
    let before = spool.serve();
    assert_eq!(ask(&before, "K1").is(200).text(), "3.0");
    assert_eq!(before.stop(), 0);
    fs::remove_dir_all(spool.path("captured")).unwrap();
    start(&spool, &[]);
    let server = spool.serve();
    let [first, second] = keys(&server);
    let answers = [&first, &second].map(|key| ask(&server, key).is(200).text());
    assert_eq!(answers, ["3.0", "3.0"]);
    let body = format!("{{\"x\": 2, \"id\": {first:?}}}\n{{\"x\": 2, \"id\": {second:?}}}\n{{\"x\": 2}}\n");
    let headers = [("Content-Type", "application/jsonlines"), (ID, "both")];
    let both = server
        .connect()
        .ask("POST", "/score", &headers, body.as_bytes())
        .is(200);
    assert_eq!(both.header("transform-model"), Some("lines/1, lines/2"));
    let line = |prediction, version| format!("{{\"prediction\":{prediction},\"model_version\":{version}}}\n");
    assert_eq!(both.text(), [line("5.0", 1), line("6.0", 2), line("5.0", 1)].concat());
    // Whoever asks for a version gets that one.
    let headers = [
        ("Transform-Key", &*second),
        ("X-Amzn-SageMaker-Target-Variant", "1"),
        ("Content-Type", "text/csv"),
    ];
    let asked = server
        .connect()
        .ask("POST", "/invocations", &headers, b"x\n1\n")
        .is(200);
    assert_eq!(asked.header("transform-model"), Some("lines/1"));

    let metrics = server.get("/metrics").is(200).text();
    for line in [
        "transform_arm_rows_total{experiment=\"spring\",phase=\"spring/1\",arm=\"none\"} 1\n",
        "transform_arm_requests_total{experiment=\"spring\",phase=\"spring/1\",arm=\"none\"} 1\n",
        "transform_arm_bad_rows_total{experiment=\"spring\",phase=\"spring/1\",arm=\"challenger\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let page = server.get("/").is(200).text();
    assert!(
        page.contains("<h2>A/B tests</h2>") && page.contains("spring/1") && page.contains("50 %"),
        "{page}"
    );
    assert_eq!(server.stop(), 0);

    let champion = events(&spool.path("captured/lines/1"));
    let of = |id: &str| {
        champion
            .iter()
            .find(|event| event["eventMetadata"]["inferenceId"] == id)
            .unwrap()["eventMetadata"]
            .clone()
    };
    assert_eq!(
        (&of(&first)["experiment"], &of(&first)["arm"]),
        (&"spring/1".into(), &"champion".into())
    );
    let mixed = of("both");
    assert_eq!(mixed["arm"], "mixed");
    assert_eq!(mixed["arms"], serde_json::json!(["champion", "challenger", "none"]));
    assert!(ids(&spool.path("captured/lines/2")).contains(&second));
    let challenger = &events(&spool.path("captured/lines/2"))[0]["eventMetadata"];
    assert_eq!(
        (&challenger["experiment"], &challenger["arm"]),
        (&"spring/1".into(), &"challenger".into())
    );
}

/// The same bytes, row by row, by the same versions.
#[test]
fn a_csv_is_answered_as_the_worker_writes_it() {
    let spool = spool().set("serve.bad_rows=null");
    start(&spool, &[]);
    let row = |i: usize| match i % 50 {
        7 => format!("K{i},oops\n"),
        8 => format!(",{i}\n"),
        9 => format!("{i}.0,{i}\n"),
        _ => format!("K{i},{i}\n"),
    };
    let csv = format!("id,x\n{}", (0..3000).map(row).collect::<String>());
    spool.drop_file("a.csv", &csv);
    spool.once();
    let expected = spool.output("a.csv").unwrap();
    let versions = |of: &str| expected.lines().filter(|line| line.ends_with(of)).count();
    assert!(versions(",1") > 1000 && versions(",2") > 1000);
    let server = spool.serve();
    let answer = server.post_as("/score", "text/csv", &csv).is(200);
    assert_eq!(answer.header("transform-model"), Some("lines/1, lines/2"));
    assert!(answer.text() == expected);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_stopped_test_gives_its_keys_back() {
    let spool = spool();
    start(&spool, &[]);
    let server = spool.serve();
    let [_, second] = keys(&server);
    spool.run(&["experiment", "stop", "spring"]).exits(0);
    wait_until("the champion answers", || {
        ask(&server, &second).is(200).header("transform-model") == Some("lines/1")
    });
    let metrics = server.get("/metrics").is(200).text();
    assert!(!metrics.contains("transform_arm_"), "{metrics}");
}

#[test]
fn a_challenger_beyond_its_limit_is_halted_at_once() {
    let spool = spool().set("serve.bad_rows=null");
    start(&spool, &["--abort-if", "bad_rows > 1%"]);
    let server = spool.serve();
    let [first, second] = keys(&server);
    let body = format!("x\n{}", "1\noops\n".repeat(300));
    for key in [&first, &second] {
        let headers = [("Transform-Key", &**key), ("Content-Type", "text/csv")];
        server
            .connect()
            .ask("POST", "/score", &headers, body.as_bytes())
            .is(200);
    }
    wait_until("the champion answers", || {
        ask(&server, &second).is(200).header("transform-model") == Some("lines/1")
    });
    let page = server.get("/").is(200).text();
    for said in [
        "experiment spring is HALTED: bad_rows ",
        "transform experiment resume spring --reason WHY",
        "transform experiment stop spring",
    ] {
        assert!(page.contains(said), "{said} in {page}");
    }
    let halted = "transform_experiment_halted{group=\"lines\",experiment=\"spring\"} 1\n";
    assert!(server.get("/metrics").is(200).text().contains(halted));
    let halt = fs::read_to_string(spool.path("state/halts/lines/spring.json")).unwrap();
    for said in [
        "\"bad_rows > 1%\"",
        "of the champion's 49.",
        "\"server\"",
        "\"spring/1\"",
    ] {
        assert!(halt.contains(said), "{said} in {halt}");
    }
    spool.run(&["experiment", "stop", "spring"]).exits(0);
    wait_until("nothing is halted any more", || {
        !server
            .get("/metrics")
            .is(200)
            .text()
            .contains("transform_experiment_halted{")
    });
    assert!(!server.get("/").is(200).text().contains("HALTED"));
}

/// Its predictions are held against those that were answered to the same requests.
#[test]
fn a_shadow_beyond_its_limit_is_halted_too() {
    let spool = spool();
    let args = [
        "experiment",
        "start",
        "trial",
        "--shadow",
        "2",
        "--abort-if",
        "psi > 0.3",
    ];
    spool.run(&args).exits(0);
    let server = spool.serve();
    let rows: Vec<String> = (0..600).map(|x| format!("[{x}]")).collect();
    let body = format!("{{\"x\": [{}]}}", rows.join(","));
    server.post("/batch", body).is(200);
    server.daemon.logs("a shadow scores no more");
    let halt = fs::read_to_string(spool.path("state/halts/lines/trial.json")).unwrap();
    assert!(halt.contains("psi 0.") && halt.contains("of 600 rows"), "{halt}");
}

#[test]
fn a_damaged_challenger_leaves_its_keys_unanswered_and_no_others() {
    let spool = spool();
    start(&spool, &[]);
    let whole = spool.serve();
    let [first, second] = keys(&whole);
    assert_eq!(whole.stop(), 0);
    fs::write(spool.path("models/lines/2/linear.json"), "{}").unwrap();
    let server = spool.serve();
    assert_eq!(ask(&server, &first).is(200).text(), "3.0");
    let refused = ask(&server, &second).is(503).text();
    assert!(refused.contains("spring") && refused.contains("lines/2"), "{refused}");
    let page = server.get("/").is(200).text();
    assert!(page.contains("nobody answers its keys"), "{page}");
}

#[test]
fn a_key_is_taken_or_refused_and_never_ignored() {
    let spool = spool();
    start(&spool, &[]);
    let server = spool.serve();
    let [_, second] = keys(&server);
    let ask = |route: &str, headers: &[(&str, &str)], body: String| {
        server.connect().ask("POST", route, headers, body.as_bytes())
    };
    let one = format!("{{\"id\": {second:?}, \"x\": [[1]]}}");
    assert_eq!(
        ask("/stream", &[], one).is(200).header("transform-model"),
        Some("lines/2")
    );
    let of_all = format!("{{\"id\": {second:?}, \"x\": [[1], [2]]}}");
    assert_eq!(ask("/batch", &[], of_all).is(200).text(), "[[3.0],[6.0]]");
    for keys in ["[\"a\", \"b\"]", "[]"] {
        let body = format!("{{\"id\": {keys}, \"x\": [[1]]}}");
        assert!(ask("/batch", &[], body).is(400).text().contains("for 1 rows"));
    }
    let twice = [("Transform-Key", "a"), ("Transform-Key", "b")];
    let refused = ask("/stream", &twice, "{\"x\": [[1]]}".into()).is(400).text();
    assert!(refused.contains("stands twice"), "{refused}");
    for (route, content) in [("/score", "text/csv"), ("/invocations", "text/csv;header=present")] {
        let twice = ask(route, &[("Content-Type", content)], "id,x,id\na,1,b\n".into());
        let refused = twice.is(400).text();
        assert!(
            refused.contains("column \\\"id\\\"") && refused.contains("stands twice"),
            "{refused}"
        );
        let headers = [("Content-Type", content), ("Transform-Key", &second)];
        let by_header = ask(route, &headers, "id,x,id\na,1,b\n".into()).is(200);
        assert_eq!(by_header.header("transform-model"), Some("lines/2"));
    }
}

/// In a file, a key has the bytes of its UTF-8.
#[test]
fn a_key_in_another_encoding_is_refused() {
    let spool = spool();
    start(&spool, &[]);
    let server = spool.serve();
    let ask = |key: &[u8]| {
        let head = b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nTransform-Key: ";
        let mut client = server.connect();
        let stream = &mut client.stream;
        stream
            .write_all(&[head, key, b"\r\n\r\n{\"x\": [[1]]}"].concat())
            .unwrap();
        client.answer("POST").expect("an answer")
    };
    let refused = ask(b"Zo\xeb").is(400).text();
    assert!(refused.contains("Transform-Key isn't UTF-8"), "{refused}");
    ask("Zo\u{eb}".as_bytes()).is(200);
}
