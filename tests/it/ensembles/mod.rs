//! Versions made of versions.

mod formats;

use crate::spool::{Spool, line};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Two lines: 2 x + 1, and 4 x + 3.
fn two_lines() -> Spool {
    let spool = Spool::without_model();
    spool.register_line(2.0, 1.0);
    spool.register_line(4.0, 3.0);
    spool
}

#[test]
fn an_ensemble_is_a_version_like_any_other() {
    let spool = two_lines();
    fs::write(spool.path("rows.csv"), "id,x\na,1\nb,2\n").unwrap();
    spool
        .run(&[
            "models",
            "ensemble",
            "1",
            "2",
            "--weights",
            "3,1",
            "--golden",
            "rows.csv",
            "--baseline",
            "rows.csv",
            "--metric",
            "r2=0.5",
            "--description",
            "both",
            "--approve",
        ])
        .exits(0)
        .says("version 1, linear: 75 % of the mean\nversion 2, linear: 25 % of the mean\n")
        .says("registered and approved lines/3, with 2 golden rows");
    assert_eq!(
        spool.names("models/lines/3"),
        [
            "approval.toml",
            "baseline.json",
            "ensemble.json",
            "golden.json",
            "member-1.json",
            "member-2.json",
            "model.toml"
        ]
    );
    spool.drop_file("a.csv", "x\n1\nfoo\n3\n");
    let spool = spool.set("input.max_bad_rows=100%");
    spool.once().exits(0).says("1 bad");
    // 0.75 (2 x + 1) + 0.25 (4 x + 3)
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n4.0\n\"\"\n9.0\n");
    spool.run(&["check"]).exits(0).says("lines/3");
    let shown = spool.run(&["models", "show", "3"]).exits(0);
    let shown = shown
        .says("format       ensemble")
        .says("members      version 1, linear: 75 % of the mean; member-1.json\n")
        .says("version 2, linear: 25 % of the mean; member-2.json\n")
        .says("outputs      prediction: float64");
    assert!(!shown.stdout.contains("threshold"));
    let json = spool.run(&["models", "show", "3", "--json"]).exits(0).json();
    assert_eq!(json["manifest"]["format_version"], 4);
    assert_eq!(json["ensemble"]["combine"], "mean");
    assert_eq!(json["ensemble"]["members"][1]["share"], 0.25);
    assert!(spool.run(&["models", "show", "1", "--json"]).exits(0).json()["ensemble"].is_null());
    spool
        .run(&["models", "list"])
        .exits(0)
        .says("ensemble")
        .says("r2 0.5")
        .says("both");
    spool
        .run(&["models", "ensemble", "2", "1", "--combine", "median"])
        .exits(0)
        .says("version 2, linear: for the median");
    spool
        .run(&["models", "diff", "3", "4"])
        .exits(0)
        .says("- version 1, linear: 75 % of the mean")
        .says("+ version 1, linear: for the median")
        .says("can't be compared: of version 3: ensemble models have none");
    spool
        .run(&["evaluate", "rows.csv", "--target", "x"])
        .exits(0)
        .says("r2");
}

/// What is taken from a version is a copy.
#[test]
fn an_ensemble_stays_whole_when_its_members_go() {
    let spool = two_lines();
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    for version in [1, 2] {
        fs::remove_dir_all(spool.path(format!("models/lines/{version}"))).unwrap();
    }
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n5.0\n");
}

#[test]
fn a_member_that_is_missing_or_changed_stops_the_version_by_name() {
    let spool = two_lines();
    spool.approve(1);
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    spool.drop_file("a.csv", "x\n1\n");
    let file = spool.path("models/lines/3/member-2.json");
    let whole = fs::read_to_string(&file).unwrap();
    for (text, words) in [
        (None, "member-2.json: the file is missing"),
        (
            Some(whole.replace('4', "5")),
            "member-2.json: a member's artifact was changed after it was registered",
        ),
        (Some(String::new()), "member-2.json: a member's artifact was changed"),
    ] {
        fs::remove_file(&file).unwrap();
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        // Version 1 is approved, and never takes its place.
        spool.once().exits(3).says(words);
        spool
            .run(&["models", "list"])
            .exits(0)
            .says("can't be used")
            .says(words);
        spool.run(&["models", "approve", "3"]).exits(3).says(words);
        spool.run(&["check"]).exits(3).says(words);
        assert_eq!(spool.output("a.csv"), None);
        fs::write(&file, "").unwrap();
    }
    fs::write(&file, &whole).unwrap();
    spool.once().exits(0);
    let plan = spool.path("models/lines/3/ensemble.json");
    let text = fs::read_to_string(&plan).unwrap();
    fs::remove_file(&plan).unwrap();
    fs::write(&plan, text.replace("\"mean\"", "\"median\"")).unwrap();
    spool
        .run(&["--once", "--all"])
        .exits(3)
        .says("ensemble.json: the artifact was changed");
}

/// It scores from memory: it would be the next start that finds them.
#[test]
fn a_member_that_goes_under_a_running_worker_is_told_before_the_next_start() {
    let spool = two_lines();
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    let daemon = spool.daemon();
    spool.drop_file("a.csv", "x\n1\n");
    crate::spool::wait_until("an output", || spool.output("a.csv").is_some());
    fs::remove_file(spool.path("models/lines/3/member-1.json")).unwrap();
    crate::spool::wait_until("a word of it in status", || {
        let status = spool.run(&["status"]);
        status.stdout.contains("member-1.json: the file is missing")
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_can_be_no_member_is_refused_by_its_number() {
    let spool = two_lines();
    let ensemble = |args: &[&str]| spool.run(&[&["models", "ensemble"], args].concat());
    ensemble(&["1", "2"]).exits(0);
    ensemble(&["1", "3"])
        .exits(64)
        .says("version 3 is itself an ensemble; name its members instead");
    ensemble(&["1", "1"])
        .exits(64)
        .says("version 1 is named twice; give it a greater weight");
    ensemble(&["1", "9"]).exits(64).says("there is no version 9");
    ensemble(&["1"]).exits(64);
    ensemble(&["1", "2", "--weights", "1,-1"])
        .exits(64)
        .says("a weight is a positive number, not -1");
    ensemble(&["1", "2", "--weights", "1"])
        .exits(64)
        .says("1 weights for 2 members");
    ensemble(&["1", "2", "--combine", "mode"])
        .exits(64)
        .says("mean, median");
    ensemble(&["1", "2", "--threshold", "0.5"])
        .exits(64)
        .says("a threshold is for two classes");
    spool.reject(2);
    ensemble(&["1", "2"])
        .exits(0)
        .says("note: version 2, a member, is rejected");
    // One that no longer is what was registered.
    let artifact = spool.path("models/lines/1/linear.json");
    fs::remove_file(&artifact).unwrap();
    ensemble(&["1", "2"])
        .exits(3)
        .says("lines/1/linear.json: the file is missing");
    spool
        .run(&[
            "models",
            "register",
            "models/lines/3/ensemble.json",
            "--format",
            "ensemble",
        ])
        .exits(64)
        .says("an ensemble is more than a file");
    assert_eq!(spool.names("models/lines"), ["1", "2", "3", "4"]);
}

#[test]
fn an_ensemble_of_an_earlier_version_of_the_program_is_read() {
    let spool = Spool::without_model();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ensemble/lines-3");
    let folder = spool.path("models/lines/3");
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(fixture).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    spool.approve(3);
    spool.drop_file("a.csv", "x\n1\n2.5\n");
    spool.once().exits(0);
    // 0.75 (2 x + 1) + 0.25 (4 x + 3)
    assert_eq!(spool.output("a.csv").unwrap(), line(2.5, 1.5, &[1.0, 2.5]));
}

/// The same ensemble in the spool and over threads: the same bytes.
#[test]
fn the_same_bytes_whatever_the_thread_count() {
    let spool = two_lines();
    spool.register_line(0.1, 0.7);
    spool
        .run(&[
            "models",
            "ensemble",
            "3",
            "1",
            "2",
            "--weights",
            "0.1,0.2,0.7",
            "--approve",
        ])
        .exits(0);
    let rows: String = (0..20_000)
        .map(|i| format!("{}\n", f64::from(i) * 0.37 - 1000.0))
        .collect();
    spool.drop_file("a.csv", format!("x\n{rows}"));
    let outputs: Vec<Option<String>> = ["1", "3"]
        .iter()
        .map(|threads| {
            spool
                .run(&["--once", "--all", "--set", &format!("worker.threads={threads}")])
                .exits(0);
            spool.output("a.csv")
        })
        .collect();
    assert!(outputs[0].is_some() && outputs[0] == outputs[1]);
}

#[test]
fn the_filter_and_the_list_know_it() {
    let spool = two_lines();
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    let scored = spool.filter(&["score"], b"x\n1\n").exits(0);
    assert_eq!(scored.stdout, "prediction\n5.0\n");
    let list: Value = spool.run(&["models", "list", "--json"]).exits(0).json();
    assert_eq!(list[2]["manifest"]["format"], "ensemble");
}
