//! Versions on trial: challengers, by what people say to them. What they answer: see what makes it.

use crate::schema::assert_valid;
use crate::spool::{Ran, Spool};
use serde_json::Value;
use std::fs;

/// With `2 x + 1` approved, `3 x` registered as version 2, and what a challenger needs.
fn spool() -> Spool {
    let spool = Spool::new().set("output.model_version=true");
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    spool
}

fn experiment(spool: &Spool, words: &[&str]) -> Ran {
    spool.run(&[&["experiment"], words].concat())
}

const START: [&str; 8] = ["start", "ab", "--challenger", "2", "--share", "10%", "--key", "id"];

fn start(spool: &Spool) -> Ran {
    experiment(spool, &START)
}

/// Of the one experiment, as it is listed.
fn listed(spool: &Spool) -> Value {
    let list = experiment(spool, &["list", "--json"]).exits(0).json();
    list["experiments"][0].clone()
}

/// As a program would that found a guard broken.
fn halt(spool: &Spool, phase: &str) {
    let folder = spool.path("state/halts/lines");
    fs::create_dir_all(&folder).unwrap();
    let halt = format!(
        r#"{{"format_version":1,"experiment":"ab","group":"lines","phase":"{phase}","guard":"bad_rows > 1%",
        "found":"3 of 100 rows","at":"2026-11-27T08:00:00Z","by":"worker"}}"#
    );
    fs::write(folder.join("ab.json"), halt).unwrap();
}

#[test]
fn a_challenger_is_started_ramped_and_stopped_and_each_says_what_is_next() {
    let spool = spool();
    start(&spool)
        .exits(0)
        .says("lines/2 answers for 10% of the keys in \"id\", and lines/1 for the others")
        .says("transform experiment ramp ab SHARE")
        .says("transform experiment promote ab")
        .says("transform experiment stop ab");
    let one = listed(&spool);
    assert_eq!(
        (&one["state"], &one["share"], &one["phase"], &one["halted"]),
        (&"running".into(), &"10%".into(), &"ab/1".into(), &Value::Null)
    );
    assert_eq!(one["experiment"]["salt"], "ab");
    experiment(&spool, &["ramp", "ab", "10.0%"])
        .exits(64)
        .says("10% is the share that it has");
    experiment(&spool, &["ramp", "ab", "20%", "--reason", "no complaints"])
        .exits(0)
        .says("phase ab/2");
    assert_eq!(
        (&listed(&spool)["share"], &listed(&spool)["phase"]),
        (&"20%".into(), &"ab/2".into())
    );
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_valid("status", &status);
    assert_eq!(
        (&status["experiments"][0]["kind"], &status["experiments"][0]["share"]),
        (&"challenger".into(), &"20%".into())
    );
    spool
        .run(&["status"])
        .exits(0)
        .says("ab: version 2 as a challenger for 20% of the keys, phase ab/2");
    spool
        .run(&["models", "show", "2"])
        .exits(0)
        .says("version 2 as a challenger beside version 1 for 20% of the keys, phase ab/2, running")
        .says("ramp 20% 20")
        .says(": no complaints");
    experiment(&spool, &["stop", "ab"])
        .exits(0)
        .says("version 1 answers files that come from now on alone");
    experiment(&spool, &["ramp", "ab", "30%"])
        .exits(64)
        .says("it is stopped already");
    experiment(&spool, &["promote", "ab"])
        .exits(64)
        .says("it is stopped already");
    // What it answered may be made again.
    spool.register_line(4.0, 0.0);
    spool
        .run(&["models", "retire", "2"])
        .exits(64)
        .says("it answered in experiment ab beside version 1");
    spool
        .run(&["models", "reject", "2"])
        .exits(0)
        .says("what version 2 answered in experiment ab is made again, by lines/1 alone");
    spool.run(&["models", "retire", "2"]).exits(0);
}

#[test]
fn what_is_no_challenger_is_refused_by_name() {
    let without = Spool::new();
    without.register_line(3.0, 0.0);
    start(&without)
        .exits(64)
        .says("output.model_version")
        .says("all outputs are made again");
    let spool = spool();
    let of = |words: &[&str]| experiment(&spool, &[&["start", "ab"], words].concat());
    of(&["--challenger", "2"]).exits(64).says("--share");
    of(&["--challenger", "2", "--share", "10%"])
        .exits(64)
        .says("--key COLUMN, or monitor.key");
    for wrong in ["10", "0%", "101%", "x%", "0.2"] {
        of(&["--challenger", "2", "--key", "id", "--share", wrong])
            .exits(64)
            .says(wrong)
            .says("a percentage above 0% and at most 100%, such as 10%");
    }
    let flags = ["--challenger", "2", "--key", "id", "--share", "10%"];
    let with = |more: &[&str]| of(&[&flags[..], more].concat());
    with(&["--backfill"]).exits(64);
    with(&["--shadow", "2"]).exits(64);
    with(&["--salt", "a b"]).exits(64).says("without spaces");
    with(&["--salt", &"s".repeat(65)]).exits(64);
    with(&["--abort-if", " "]).exits(64).says("no limit");
    of(&["--shadow", "2", "--share", "10%"]).exits(64);
    of(&["--shadow", "2", "--salt", "s"]).exits(64);
    of(&[]).exits(64);
    // None of them began it.
    with(&["--salt", "s", "--abort-if", "bad_rows > 1%", "--abort-if", "psi > 0.3"])
        .exits(0)
        .says("it halts by itself if: bad_rows > 1%; psi > 0.3");
    let file = fs::read_to_string(spool.path("models/lines/experiments/ab.toml")).unwrap();
    assert!(
        file.contains("format_version = 2") && file.contains("salt = \"s\""),
        "{file}"
    );
    spool.register_line(4.0, 0.0);
    experiment(
        &spool,
        &["start", "other", "--challenger", "3", "--share", "10%", "--key", "id"],
    )
    .exits(64)
    .says("experiment ab has a challenger");
    experiment(&spool, &["start", "beside", "--shadow", "3"]).exits(0);
    let plain = fs::read_to_string(spool.path("models/lines/experiments/beside.toml")).unwrap();
    assert!(plain.contains("format_version = 1"), "{plain}");
    experiment(&spool, &["ramp", "beside", "10%"])
        .exits(64)
        .says("only a challenger has a share");
    experiment(&spool, &["promote", "beside"])
        .exits(64)
        .says("models approve 3");
}

/// It must give what the other one gives, by the same names.
#[test]
fn a_challenger_without_the_others_outputs_is_refused() {
    let spool = Spool::without_model().set("output.model_version=true");
    let model = |output: &str| {
        format!(
            r#"{{"inputs":[{{"name":"x","missing":"refuse"}}],"terms":[{{"name":"x","factors":[{{"input":"x"}}],"mean":0,"scale":1,
               "coefficient":1}}],"intercept":0,"output":{output}}}"#
        )
    };
    for classes in [
        "[\"no\",\"yes\"]",
        "[\"yes\",\"no\"]",
        "[\"a\",\"b\"]",
        "[\"no\",\"yes\"]",
    ] {
        let output = format!(r#"{{"classes":{classes},"threshold":0.5}}"#);
        fs::write(spool.path("m.json"), model(&output)).unwrap();
        spool.register_file("m.json", "pipeline", &[]).exits(0);
    }
    spool.approve(1);
    let of = |name: &str, version: &str| {
        experiment(
            &spool,
            &["start", name, "--challenger", version, "--share", "50%", "--key", "id"],
        )
    };
    of("b", "3").exits(64).says("can't be compared");
    of("o", "2").exits(64).says("its classes stand in another order");
    of("a", "4").exits(0);
}

#[test]
fn a_halt_is_shown_and_lifted_or_confirmed_by_a_person() {
    let spool = spool();
    start(&spool).exits(0);
    experiment(&spool, &["resume", "ab", "--reason", "why"])
        .exits(64)
        .says("it isn't halted: it is running");
    halt(&spool, "ab/1");
    assert_eq!(listed(&spool)["state"], "halted");
    experiment(&spool, &["list"])
        .exits(0)
        .says("HALTED: ab: bad_rows > 1%: 3 of 100 rows");
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_valid("status", &status);
    assert!(
        status["experiments"][0]["halted"]
            .as_str()
            .unwrap()
            .contains("3 of 100 rows")
    );
    spool
        .run(&["status", "--check"])
        .says("experiment ab is halted: bad_rows > 1%: 3 of 100 rows");
    spool
        .run(&["status"])
        .exits(0)
        .says("HALTED: bad_rows > 1%")
        .says("experiment resume ab");
    spool.run(&["models", "show", "2"]).exits(0).says("HALTED");
    for words in [&["ramp", "ab", "20%"][..], &["promote", "ab"]] {
        experiment(&spool, words)
            .exits(64)
            .says("it is halted (bad_rows > 1%: 3 of 100 rows");
    }
    experiment(&spool, &["resume", "ab"]).exits(64).says("--reason");
    experiment(&spool, &["resume", "ab", "--reason", "the feed is mended"])
        .exits(0)
        .says("10% of the keys")
        .says("phase ab/2");
    assert!(!spool.path("state/halts/lines/ab.json").exists());
    assert_eq!(
        (&listed(&spool)["state"], &listed(&spool)["halted"]),
        (&"running".into(), &Value::Null)
    );
    // One of a phase that is over holds nothing up; one of this phase does.
    halt(&spool, "ab/1");
    assert_eq!(listed(&spool)["state"], "running");
    halt(&spool, "ab/2");
    experiment(&spool, &["stop", "ab"])
        .exits(0)
        .says("its halt is confirmed: bad_rows > 1%");
    let steps = listed(&spool)["experiment"]["step"].clone();
    assert!(steps[2]["found"].as_str().unwrap().contains("phase ab/2"), "{steps}");
    // One that can't be read halts, too.
    experiment(&spool, &["start", "again", "--shadow", "2"]).exits(0);
    fs::write(spool.path("state/halts/lines/again.json"), "{").unwrap();
    experiment(&spool, &["list"]).exits(0).says("HALTED: again");
}

#[test]
fn a_promotion_approves_and_keeps_the_report() {
    let spool = spool();
    start(&spool).exits(0);
    spool.register_line(4.0, 0.0);
    experiment(&spool, &["start", "beside", "--shadow", "3"]).exits(0);
    experiment(&spool, &["promote", "ab", "--reason", "it is better"])
        .exits(0)
        .says("the report says: lines/2 has answered for no row yet")
        .says("warning: its verdict is neither better nor equivalent: none")
        .says("outputs that are there are made again by it")
        .says("approved lines/2")
        .says("ab.report.json")
        .says("this ends experiment beside");
    let report = fs::read_to_string(spool.path("models/lines/experiments/ab.report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report.is_object() && !report["headline"].is_null(), "{report}");
    assert_eq!(listed(&spool)["state"], "promoted");
    let decisions = spool.run(&["models", "show", "2", "--json"]).exits(0).json()["decisions"].clone();
    assert_eq!(
        (&decisions[0]["status"], &decisions[0]["reason"]),
        (&"approved".into(), &"it is better".into())
    );
    experiment(&spool, &["promote", "ab"])
        .exits(64)
        .says("promoted already");
    experiment(&spool, &["stop", "ab"]).exits(64).says("promoted already");
    experiment(&spool, &["stop", "ab", "--purge"]).exits(0);
}

/// The higher of two that are approved answers.
#[test]
fn a_lower_challenger_is_told_at_once_that_it_cant_be_promoted() {
    let spool = spool();
    spool.register_line(4.0, 0.0);
    spool.run(&["models", "approve", "3"]).exits(0);
    let started = start(&spool)
        .exits(0)
        .says("note: it can't be promoted, for lines/3 is approved and higher");
    assert!(!started.stdout.contains("experiment promote"));
    experiment(&spool, &["promote", "ab"]).exits(64).says("wouldn't answer");
}

#[test]
fn an_approval_and_a_rejection_end_a_challenger_by_name() {
    let spool = spool();
    start(&spool).exits(0);
    assert_eq!(spool.approve_line(4.0, 0.0), 3);
    assert_eq!(listed(&spool)["state"], "ended");
    spool.reject(3);
    assert_eq!(
        listed(&spool)["state"],
        "ended",
        "an approval ended it, and nobody began it again"
    );
    experiment(
        &spool,
        &["start", "again", "--challenger", "2", "--share", "10%", "--key", "id"],
    )
    .exits(0);
    spool.reject(1);
    let states = experiment(&spool, &["list", "--json"]).exits(0).json();
    assert_eq!(states["experiments"][1]["state"], "suspended");
    experiment(&spool, &["ramp", "again", "20%"])
        .exits(64)
        .says("it is suspended");
}

/// Whose keys are its can't be told, so nobody answers: no fallback.
#[test]
fn a_challengers_experiment_that_cant_be_read_stops_the_group() {
    let spool = spool();
    start(&spool).exits(0);
    let file = spool.path("models/lines/experiments/ab.toml");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replace("share", "shore")).unwrap();
    spool.drop_file("a.csv", "id,x\n1,1\n");
    spool
        .once()
        .exits(64)
        .says("whose keys are its can't be told")
        .says("ab.toml");
    assert_eq!(spool.output("a.csv"), None);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert!(status["model_error"].as_str().unwrap().contains("ab.toml"), "{status}");
    spool.run(&["check"]).exits(64).says("ab.toml");
    experiment(&spool, &["list"]).exits(0).says("NOT OK");
    experiment(
        &spool,
        &["start", "other", "--challenger", "2", "--share", "10%", "--key", "id"],
    )
    .exits(64)
    .says("can't be read, and may go on");
    fs::write(&file, whole).unwrap();
    spool.once().exits(0);
}
