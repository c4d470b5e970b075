//! Experiments by their files.
#![expect(clippy::disallowed_methods, reason = "the test is what wrote it")]

use super::file::read;
use super::*;
use crate::error::Result;
use crate::registry::{Halt, Halts};
use crate::score::Identity;
use jiff::Timestamp;
use std::fs;

/// As the first version that knew experiments wrote one.
const GOLDEN: &str = r#"format_version = 1
name = "trees"
kind = "shadow"
version = 2
manifest = "aa"
champion = 1
champion_manifest = "bb"
key = "id"
backfill = false

[[step]]
action = "start"
by = "ada@host"
at = "2026-11-27T06:44:29.390587Z"
reason = "a try"

[[step]]
action = "end"
by = "bob@host"
at = "2026-11-28T06:44:29Z"
reason = "version 3 was approved"
"#;

fn read_text(name: &str, text: &str) -> Result<Experiment> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    read(&path)
}

#[test]
fn what_was_written_is_read_for_ever() {
    let experiment = read_text("trees.toml", GOLDEN).unwrap();
    assert_eq!(toml::to_string(&experiment).unwrap(), GOLDEN);
    assert_eq!(experiment.state(None), State::Ended);
    assert_eq!(
        experiment.since(),
        "2026-11-27T06:44:29.390587Z"
            .parse::<Timestamp>()
            .unwrap()
            .as_microsecond()
    );
}

#[test]
fn what_is_damaged_or_newer_is_no_experiment() {
    for (name, from, to) in [
        ("other.toml", "", ""),
        ("trees.toml", "format_version = 1", "format_version = 3"),
        ("trees.toml", "backfill", "unknown"),
        ("trees.toml", "\"shadow\"", "\"other\""),
    ] {
        assert!(read_text(name, &GOLDEN.replacen(from, to, 1)).is_err(), "{name} {to}");
    }
    let (without_steps, _) = GOLDEN.split_once("[[step]]").unwrap();
    assert!(read_text("trees.toml", &format!("{without_steps}step = []\n")).is_err());
}

#[test]
fn it_goes_on_only_beside_its_champion() {
    let text = GOLDEN.split("[[step]]").take(2).collect::<Vec<_>>().join("[[step]]");
    let experiment = read_text("trees.toml", &text).unwrap();
    let answering = |version, manifest: &str| Identity {
        group: "g".into(),
        version,
        manifest: manifest.into(),
        artifact: String::new(),
    };
    assert_eq!(experiment.state(Some(&answering(1, "bb"))), State::Running);
    for other in [answering(1, "cc"), answering(3, "bb")] {
        assert_eq!(experiment.state(Some(&other)), State::Suspended);
    }
    assert_eq!(experiment.state(None), State::Suspended);
}

/// As the first version that knew A/B tests wrote one.
const GOLDEN_2: &str = r#"format_version = 2
name = "spring"
kind = "challenger"
version = 2
manifest = "aa"
champion = 1
champion_manifest = "bb"
key = "customer"
salt = "spring-2026"
backfill = false
abort_if = ["bad_rows > 1%", "psi > 0.3"]

[[step]]
action = "start"
share = "12.5%"
by = "ada@host"
at = "2026-11-27T06:44:29.390587Z"
reason = "a try"

[[step]]
action = "ramp"
share = "20%"
by = "ada@host"
at = "2026-11-28T00:00:00Z"
reason = ""

[[step]]
action = "resume"
found = "bad_rows > 1%: 3 of 100 rows; phase spring/2, 2026-11-28T01:00:00Z by the worker"
by = "bob@host"
at = "2026-11-28T02:00:00Z"
reason = "the feed is mended"

[[step]]
action = "promote"
by = "bob@host"
at = "2026-11-30T00:00:00Z"
reason = ""
"#;

#[test]
fn a_challenger_that_was_written_is_read_for_ever() {
    let experiment = read_text("spring.toml", GOLDEN_2).unwrap();
    assert_eq!(toml::to_string(&experiment).unwrap(), GOLDEN_2);
    assert_eq!((experiment.format(), experiment.state(None)), (2, State::Promoted));
}

/// A program before A/B tests reads on what needs no more than it knows.
#[test]
fn the_oldest_format_is_written_that_has_all_of_it() {
    let mut shadow = read_text("trees.toml", GOLDEN).unwrap();
    assert_eq!(shadow.format(), 1);
    shadow.abort_if.push("psi > 0.3".into());
    assert_eq!(shadow.format(), 2);
    let text = toml::to_string(&shadow)
        .unwrap()
        .replace("format_version = 1", "format_version = 2");
    assert_eq!(read_text("trees.toml", &text).unwrap().abort_if, ["psi > 0.3"]);
}

#[test]
fn what_a_challenger_cant_be_is_damage() {
    for (from, to) in [
        ("format_version = 2", "format_version = 1"),
        ("format_version = 2", "format_version = 3"),
        ("key = \"customer\"\n", ""),
        ("salt = \"spring-2026\"\n", ""),
        ("spring-2026", "a b"),
        ("spring-2026", "Zo\u{eb}"),
        ("spring-2026", ""),
        ("backfill = false", "backfill = true"),
        ("12.5%", "12.5"),
        ("12.5%", "0%"),
        ("12.5%", "101%"),
        ("share = \"20%\"\n", ""),
        ("action = \"start\"", "action = \"stop\""),
        ("2026-11-28T00", "yesterday"),
        ("challenger", "shadow"),
    ] {
        let damaged = GOLDEN_2.replacen(from, to, 1);
        assert_ne!(damaged, GOLDEN_2);
        assert!(read_text("spring.toml", &damaged).is_err(), "{to}");
    }
    let split = GOLDEN.replacen("key", "salt", 1);
    assert!(read_text("trees.toml", &split).is_err(), "a shadow has no salt");
}

#[test]
fn a_start_a_ramp_and_a_resumption_begin_phases() {
    let experiment = read_text("spring.toml", GOLDEN_2).unwrap();
    let phases = experiment.phases("lines");
    let names: Vec<&str> = phases.iter().map(|phase| &phase.name[..]).collect();
    assert_eq!(names, ["spring/1", "spring/2", "spring/3"]);
    assert_eq!((experiment.phase(), experiment.phase_number()), ("spring/3".into(), 3));
    assert_eq!(phases[0].made_by, "lines/1@bb spring/1 lines/2@aa 12.5% spring-2026");
    assert_eq!(phases[2].made_by, "lines/1@bb spring/3 lines/2@aa 20% spring-2026");
    assert_eq!(phases[1].split, crate::score::Split::new("spring-2026", (20, 100)));
    assert_eq!(phases[2].split, phases[1].split);
    let micros = |at: &str| at.parse::<Timestamp>().unwrap().as_microsecond();
    let since: Vec<i64> = phases.iter().map(|phase| phase.since).collect();
    let began = [
        "2026-11-27T06:44:29.390587Z",
        "2026-11-28T00:00:00Z",
        "2026-11-28T02:00:00Z",
    ];
    assert_eq!(since, began.map(micros));
    assert!(read_text("trees.toml", GOLDEN).unwrap().phases("lines").is_empty());
}

/// Killed between a resumption and the removal of the halt, it goes on.
#[test]
fn a_halt_holds_until_somebody_resumes_after_its_phase() {
    let state = tempfile::tempdir().unwrap();
    let (running, _) = GOLDEN_2.rsplit_once("\n[[step]]").unwrap();
    let (ramped, _) = running.rsplit_once("\n[[step]]").unwrap();
    let answering = Identity {
        group: "lines".into(),
        version: 1,
        manifest: "bb".into(),
        artifact: String::new(),
    };
    let found = |text: &str| {
        let experiment = read_text("spring.toml", text).unwrap();
        let halts = Halts::read(state.path(), "lines").unwrap();
        experiment.state(Some(&answering)).halted_by(experiment.halt(&halts))
    };
    assert_eq!((found(ramped), found(running)), (State::Running, State::Running));
    // It was found before the ramp, and written after it.
    Halt::write(state.path(), &Halt::new("spring", "lines", "spring/1")).unwrap();
    assert_eq!((found(ramped), found(running)), (State::Halted, State::Running));
    Halt::write(state.path(), &Halt::new("spring", "lines", "spring/3")).unwrap();
    assert_eq!(found(running), State::Halted);
    assert_eq!(found(GOLDEN_2), State::Promoted);
    Halt::write(state.path(), &Halt::new("other", "lines", "other/1")).unwrap();
    Halt::remove(state.path(), "lines", "spring").unwrap();
    assert_eq!(found(running), State::Running);
}
