//! Results that are out of the ordinary are held, and released by a person.

use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::fs;

/// `2 a`, where a missing `a` is 0; a city beside it.
const MODEL: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}},{"name":"city","categories":["Lima","Oslo"],
  "missing":"ignore","unknown":"ignore"}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":2}],"intercept":0,"output":"number"}"#;

/// With that model approved, held against 2,000 rows of which one in a hundred has no `a`.
pub fn watched() -> Spool {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), rows(2_000, 100)).unwrap();
    approve(&spool);
    spool
}

pub fn approve(spool: &Spool) {
    let flags = ["--baseline", "rows.csv", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
}

/// One in `missing` has no `a`.
pub fn rows(count: usize, missing: usize) -> String {
    let row = |i: usize| match i % missing {
        0 => format!(",{}\n", ["Lima", "Oslo"][i / missing % 2]),
        _ => format!("{},{}\n", i * 37 % 100, ["Lima", "Oslo"][i % 2]),
    };
    "a,city\n".to_string() + &(0..count).map(row).collect::<String>()
}

pub fn held(spool: &Spool, name: &str) -> Option<Value> {
    let text = fs::read(spool.path("failed").join(format!("{name}.held.json"))).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

pub fn release(spool: &Spool, name: &str) {
    let released = spool.run(&["monitor", "release", name, "--reason", "a holiday", "--by", "ada"]);
    released.exits(0).says("1 result released by ada");
}

#[test]
fn a_result_of_broken_data_is_held_until_a_person_releases_it() {
    let spool = watched();
    spool.drop_file("good.csv", rows(1_000, 100));
    spool.drop_file("bad.csv", rows(1_000, 2));
    spool.once().exits(1).says("bad.csv");
    assert!(spool.output("good.csv").is_some());
    assert_eq!((spool.output("bad.csv"), spool.report("bad.csv")), (None, None));
    let report = held(&spool, "bad.csv").unwrap();
    assert_eq!((&report["rows"], &report["files"]), (&1000.into(), &1.into()));
    let reason = &report["reasons"][0];
    assert_eq!((&reason["check"], &reason["column"]), (&"missing".into(), &"a".into()));
    assert_eq!(reason["value"], 0.5);
    assert_eq!(report["standing"], Value::Null);
    // It isn't told of as new again, and is made no second time.
    spool.once().exits(1);
    let list = spool.run(&["monitor", "held", "--json"]).exits(1).json();
    assert_eq!(list["held"][0]["input"], "bad.csv");
    assert_eq!(list["held"][0]["model"], "lines/1");
    assert!(list["held"][1].is_null());

    // The rows that made it so.
    let shown = spool.run(&["monitor", "held", "bad.csv"]).exits(1);
    shown
        .says("missing of a: 0.500, bar 0.0")
        .says("line 2: ,Lima")
        .says("line 4: ,Oslo");
    spool
        .run(&["monitor", "held", "good.csv"])
        .exits(64)
        .says("good.csv isn't held");
    let late = ["monitor", "release", "--since", "2100-01-01", "--reason", "x"];
    spool.run(&late).exits(0).says("no result is held");

    release(&spool, "bad.csv");
    spool.once().exits(0);
    assert_eq!(held(&spool, "bad.csv"), None);
    assert_eq!(spool.output("bad.csv").unwrap().lines().count(), 1_001);
    spool.run(&["monitor", "held"]).exits(0).says("no result is held");
    spool.run(&["history", "bad.csv"]).exits(0).says("release by ada");
    spool.once().exits(0);
}

/// It was taken for flags.
#[test]
fn commands_that_are_printed_work_where_a_name_begins_with_a_hyphen() {
    let spool = watched();
    spool.drop_file("-bad.csv", rows(1_000, 2));
    spool.once().exits(1);
    let report = held(&spool, "-bad.csv").unwrap();
    let hint = report["hint"].as_str().unwrap();
    let commands = hint.split(';').filter_map(|part| part.split_once(": transform "));
    let mut codes = Vec::new();
    for (_, command) in commands {
        let words: Vec<&str> = command.split(' ').collect();
        codes.push(spool.run(&words).code);
    }
    // Checked, it would be held; released.
    assert_eq!(codes, [1, 0], "{hint}");
    spool.once().exits(0);
    assert!(spool.output("-bad.csv").is_some());
    spool.run(&["history", "./-bad.csv"]).exits(0).says("release by ");
}

#[test]
fn what_is_held_for_drift_is_shown_by_the_bins_that_moved() {
    let spool = watched().set("monitor.drift=hold").set("monitor.data=off");
    spool.drop_file("bad.csv", rows(1_000, 2));
    spool.once().exits(1);
    let shown = spool.run(&["monitor", "held", "bad.csv"]).exits(1);
    shown.says("psi of a: ").says("missing: 1 % in the baseline, 50 % now");
}

#[test]
fn a_release_is_of_one_result_and_of_no_later_one() {
    let spool = watched();
    spool.drop_file("a.csv", rows(1_000, 2));
    spool.once().exits(1);
    release(&spool, "a.csv");
    spool.once().exits(0);
    spool.drop_file("a.csv", rows(1_001, 2));
    spool.once().exits(1);
    assert!(held(&spool, "a.csv").is_some());
    // What stood was of another input.
    assert_eq!(spool.output("a.csv"), None);
    let other = spool.run(&["monitor", "release", "b.csv", "--reason", "x"]);
    other.exits(64).says("b.csv: no such input");
}

#[test]
fn what_stands_of_the_same_rows_stays_while_a_newer_result_is_held() {
    let spool = watched().set("monitor.data=off");
    spool.drop_file("a.csv", rows(1_000, 2));
    spool.once().exits(0);
    let output = spool.output("a.csv").unwrap();
    fs::write(
        spool.path("m.json"),
        MODEL.replace("\"coefficient\":2", "\"coefficient\":3"),
    )
    .unwrap();
    approve(&spool);
    let spool = spool.set("monitor.data=hold");
    spool.once().exits(1);
    let report = held(&spool, "a.csv").unwrap();
    assert_eq!(
        (&report["model"], &report["standing"]["model"]),
        (&"lines/2".into(), &"lines/1".into())
    );
    assert_eq!(spool.output("a.csv"), Some(output.clone()));
    release(&spool, "a.csv");
    spool.once().exits(0);
    assert_ne!(spool.output("a.csv"), Some(output));
    assert_eq!(held(&spool, "a.csv"), None);
}

#[test]
fn small_files_are_judged_together_and_the_last_one_decides() {
    let spool = watched();
    for n in 0..4 {
        spool.drop_file(&format!("{n}.csv"), rows(124, 2));
        spool.once().exits(0);
    }
    spool.drop_file("4.csv", rows(124, 2));
    spool.once().exits(1);
    let report = held(&spool, "4.csv").unwrap();
    assert_eq!((&report["rows"], &report["files"]), (&620.into(), &5.into()));
    assert!((0..4).all(|n| spool.output(&format!("{n}.csv")).is_some()));
    // Made once more, it is still held: others decided on it, and they aren't asked again.
    spool.run(&["--once", "--all"]).exits(1);
    assert_eq!(held(&spool, "4.csv").unwrap()["message"], report["message"]);
    assert_eq!(spool.output("4.csv"), None);
    fs::remove_file(spool.path("failed/4.csv.held.json")).unwrap();
    spool.once().exits(1);
    assert!(held(&spool, "4.csv").is_some());
    release(&spool, "4.csv");
    spool.once().exits(0);
    spool.run(&["--once", "--all"]).exits(0);
    assert!(spool.output("4.csv").is_some());
    // The next window begins.
    spool.drop_file("5.csv", rows(125, 2));
    spool.once();
    assert!(spool.output("5.csv").is_some());
}

/// Whatever it is called, and however it comes to be made again.
#[test]
fn a_held_small_file_stays_so_by_its_contents() {
    let spool = watched();
    for n in 0..5 {
        spool.drop_file(&format!("{n}.csv"), rows(120 + n, 2));
        spool.once();
    }
    assert!(held(&spool, "4.csv").is_some());
    spool.drop_file("4.csv", rows(124, 2));
    spool.run(&["--once", "--all"]).exits(1);
    assert!(held(&spool, "4.csv").is_some());
    fs::rename(spool.path("input/4.csv"), spool.path("input/renamed.csv")).unwrap();
    spool.once().exits(1);
    assert!(held(&spool, "renamed.csv").is_some());
    assert_eq!((spool.output("4.csv"), spool.output("renamed.csv")), (None, None));
    // One that was counted isn't counted once more because of its times.
    for _ in 0..5 {
        spool.drop_file("0.csv", rows(120, 2));
        spool.run(&["--once", "--all"]);
        assert_eq!(held(&spool, "0.csv"), None);
    }
}

#[test]
fn a_blocked_small_file_is_not_tried_until_it_passes() {
    let spool = watched().set("monitor.data=block");
    for n in 0..5 {
        spool.drop_file(&format!("{n}.csv"), rows(120 + n, 2));
        spool.once();
    }
    assert_eq!(spool.report("4.csv").unwrap()["code"], "blocked");
    spool.run(&["retry", "4.csv"]).exits(0);
    spool.once().exits(1);
    spool.run(&["--once", "--all"]).exits(1);
    assert_eq!(spool.output("4.csv"), None);
}

#[test]
fn what_is_read_otherwise_is_judged_anew() {
    let spool = watched();
    let sevens: String = (0..1_000)
        .map(|i| format!("{},Lima\n", if i % 2 == 0 { 7 } else { i * 37 % 100 }))
        .collect();
    spool.drop_file("a.csv", format!("a,city\n{sevens}"));
    spool.once().exits(0);
    // A producer's word for missing, as somebody thinks.
    let spool = spool.set("input.missing=[\"7\"]");
    spool.once().exits(1);
    assert!(held(&spool, "a.csv").is_some());
    let spool = spool.set("input.missing=[]");
    spool.once().exits(0);
    assert_eq!(held(&spool, "a.csv"), None);
    assert!(spool.output("a.csv").is_some());
}

#[test]
fn other_rows_that_come_out_the_same_are_judged_by_themselves() {
    let spool = watched();
    let empty = |city: &str| format!("a,city\n{}", format!(",{city}\n").repeat(1_000));
    spool.drop_file("a.csv", empty("Lima"));
    spool.once().exits(1);
    release(&spool, "a.csv");
    spool.once().exits(0);
    spool.drop_file("a.csv", empty("Oslo"));
    spool.once().exits(1);
    assert!(held(&spool, "a.csv").is_some());
    assert_eq!(spool.output("a.csv"), None);

    spool.drop_file("b.csv", rows(1_000, 100));
    spool.once();
    assert!(spool.output("b.csv").is_some());
    spool.drop_file(
        "b.csv",
        rows(1_000, 100).replace("Lima", "Xxxx").replace("Oslo", "Yyyy"),
    );
    spool.once().exits(1);
    assert_eq!(held(&spool, "b.csv").unwrap()["reasons"][0]["check"], "unseen");
}

#[test]
fn rows_that_cannot_be_scored_are_data_that_is_broken() {
    let spool = watched().set("input.max_bad_rows=100%");
    spool.drop_file("a.csv", format!("a,city\n{}", "1,Lima,9,9\n".repeat(1_000)));
    spool.once().exits(1);
    let report = held(&spool, "a.csv").unwrap();
    assert_eq!(
        (&report["reasons"][0]["check"], &report["reasons"][0]["value"]),
        (&"bad_rows".into(), &1.0.into())
    );
    spool.drop_file("b.csv", format!("a,city\n{}", "x1,Lima\n".repeat(600)));
    let check = spool.run(&["monitor", "check", "b.csv", "--json"]).exits(1).json();
    let bad = check["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["check"] == "bad" && c["column"] == "a");
    assert_eq!((&bad.unwrap()["value"], &bad.unwrap()["n"]), (&1.0.into(), &600.into()));
}

#[test]
fn a_blocked_result_has_a_report_and_no_release() {
    let spool = watched().set("monitor.data=block");
    spool.drop_file("a.csv", rows(1_000, 2));
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    assert_eq!(report["code"], "blocked");
    assert!(
        report["message"].as_str().unwrap().contains("missing of a: 0.5"),
        "{report}"
    );
    spool
        .run(&["monitor", "release", "a.csv", "--reason", "x"])
        .exits(64)
        .says("isn't held");
}

#[test]
fn a_running_worker_publishes_what_is_released() {
    let spool = watched();
    let daemon = spool.daemon();
    spool.drop_file("a.csv", rows(1_000, 2));
    wait_until("it is held", || spool.run(&["monitor", "held"]).code == 1);
    daemon.logs("out of the ordinary");
    release(&spool, "a.csv");
    wait_until("it is out", || {
        spool.output("a.csv").is_some() && held(&spool, "a.csv").is_none()
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_version_without_a_baseline_is_unwatched_and_one_whose_baseline_is_damaged_publishes_nothing() {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), rows(2_000, 100)).unwrap();
    spool.register_file("m.json", "pipeline", &["--approve"]).exits(0);
    spool.drop_file("a.csv", rows(1_000, 2));
    spool.once().exits(0);
    spool.run(&["status"]).exits(0).says("unwatched");
    spool.run(&["monitor", "baseline", "rows.csv"]).exits(0);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["baseline"].as_str().unwrap().len(), 64);
    spool.drop_file("b.csv", rows(1_001, 2));
    spool.once().exits(1);
    assert!(held(&spool, "b.csv").is_some());
    // What was published stays so.
    assert!(spool.output("a.csv").is_some());

    let folder = spool.path("models/lines/1");
    let names = spool.names("models/lines/1");
    let name = names.iter().find(|name| name.starts_with("baseline-")).unwrap();
    fs::write(folder.join(name), "{}").unwrap();
    spool.drop_file("c.csv", rows(1_000, 100));
    spool.once().exits(3).says("the baseline was changed");
    spool
        .run(&["status"])
        .exits(0)
        .says("NOT OK")
        .says("the baseline was changed");
    assert_eq!(spool.output("c.csv"), None);
}

#[test]
fn a_file_can_be_checked_before_it_is_dropped() {
    let spool = watched();
    fs::write(spool.path("bad.csv"), rows(1_000, 2)).unwrap();
    fs::write(spool.path("good.csv"), rows(1_000, 100)).unwrap();
    let bad = spool.run(&["monitor", "check", "bad.csv"]).exits(1);
    bad.says("held until a person releases it").says("missing");
    let good = spool
        .run(&["monitor", "check", "good.csv", "--all", "--json"])
        .exits(0)
        .json();
    assert_eq!((&good["action"], &good["rows"]), (&"off".into(), &1000.into()));
    let checks = good["checks"].as_array().unwrap();
    assert!(
        checks
            .iter()
            .any(|c| c["check"] == "psi" && c["column"] == "a" && c["n"] == 1000)
    );
    assert_eq!(spool.names("output"), Vec::<String>::new());
}
