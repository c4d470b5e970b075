//! Which version answers.

use crate::spool::{Spool, wait_until};
use serde_json::json;

#[test]
fn a_new_approval_answers_without_a_restart_and_a_rejected_one_no_more() {
    let spool = Spool::served();
    let server = spool.serve();
    let answer = || server.post("/stream", r#"{"x": [[1]]}"#).is(200);
    assert_eq!(
        (answer().json(), answer().header("transform-model")),
        (json!(3.0), Some("lines/1"))
    );
    let second = spool.approve_line(10.0, 0.0);
    wait_until("version 2 answers", || {
        answer().header("transform-model") == Some("lines/2")
    });
    assert_eq!(answer().json(), json!(10.0));
    spool.reject(second);
    wait_until("version 1 answers again", || {
        answer().header("transform-model") == Some("lines/1")
    });
}

#[test]
fn without_a_model_it_is_alive_and_not_ready() {
    let spool = Spool::without_model().open_to_all();
    let server = spool.serve();
    server.get("/live").is(200);
    server.get("/v2/health/live").is(200);
    let refused = server.get("/ping").is(503);
    assert!(
        refused.text().contains("no version is registered"),
        "{}",
        refused.text()
    );
    assert_eq!(
        server.post("/stream", r#"{"x": [[1]]}"#).is(503).header("retry-after"),
        Some("5")
    );
    spool.approve_line(2.0, 1.0);
    wait_until("it is ready", || server.get("/ping").status == 200);
    server.post("/stream", r#"{"x": [[1]]}"#).is(200);
}

#[test]
fn a_stage_of_its_own_answers_by_the_newest_version_that_nobody_rejected() {
    let spool = Spool::served();
    spool.register_line(10.0, 0.0);
    let staging = spool.serve_with(&["--stage", "staging"]);
    let answer = staging.post("/staging/stream", r#"{"x": [[1]]}"#).is(200);
    assert_eq!(
        (answer.json(), answer.header("transform-model")),
        (json!(10.0), Some("lines/2"))
    );
    let other = staging.post("/production/stream", r#"{"x": [[1]]}"#).is(404);
    assert!(other.text().contains("staging, not for production"), "{}", other.text());
    spool.reject(2);
    wait_until("version 1 is tried", || {
        staging
            .post("/stream", r#"{"x": [[1]]}"#)
            .is(200)
            .header("transform-model")
            == Some("lines/1")
    });
}

#[test]
fn a_damaged_version_is_not_ready_and_no_older_one_answers_for_it() {
    let spool = Spool::served();
    let second = spool.approve_line(10.0, 0.0);
    std::fs::write(spool.path(format!("models/lines/{second}/linear.json")), "{}").unwrap();
    let server = spool.serve();
    let refused = server.post("/stream", r#"{"x": [[1]]}"#).is(503);
    assert!(
        refused.text().contains("the server's log says why"),
        "{}",
        refused.text()
    );
    server.get("/live").is(200);
    server.daemon.logs("linear.json");
}

/// A version that is asked for by its number, too.
#[test]
fn an_ensemble_answers_and_a_retired_version_no_more() {
    let spool = Spool::served();
    spool.approve_line(4.0, 3.0);
    let server = spool.serve();
    let first = || server.get("/v2/models/lines/versions/1/ready").status;
    assert_eq!(first(), 200);
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    let answer = || server.post("/stream", r#"{"x": [[1]]}"#).is(200);
    wait_until("the ensemble answers", || {
        answer().header("transform-model") == Some("lines/3")
    });
    assert_eq!(answer().json(), json!(5.0));
    spool.run(&["models", "retire", "1"]).exits(0);
    wait_until("version 1 is gone", || first() != 200);
    assert_eq!(answer().json(), json!(5.0));
}
