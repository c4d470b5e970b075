//! Experiments by their files.
#![expect(clippy::disallowed_methods, reason = "the test is what wrote it")]

use super::file::read;
use super::*;
use crate::error::Result;
use crate::registry::{Current, Halt, Halts, Registry, sample};
use crate::score::Identity;
use crate::share::Share;
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
        experiment.standing(Some(&answering), &halts).0
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

/// A group whose version 1 answers, with two more, and an empty state folder.
fn group() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(&folder.path().join("models"), "lines");
    (0..3).for_each(|_| sample::register(&registry));
    registry.approve(1, sample::vote()).unwrap();
    (folder, registry)
}

fn challenger(name: &str, version: u32) -> Beginning<'_> {
    Beginning {
        name,
        version,
        key: Some("id".into()),
        allocation: Some(Allocation {
            share: Share::TENTH,
            salt: name.into(),
        }),
        backfill: false,
        abort_if: Vec::new(),
    }
}

fn shadow(name: &str, version: u32) -> Beginning<'_> {
    Beginning {
        allocation: None,
        ..challenger(name, version)
    }
}

/// Of each challenger its name, whether it is open, its last phase, and whether it can be used.
fn challengers(current: &Current) -> Vec<(String, bool, String, bool)> {
    let all = current.lineup().unwrap().challengers.iter();
    all.map(|of| {
        let last = of.phases.last().unwrap().name.clone();
        (of.experiment.clone(), of.is_open, last, of.model.is_ok())
    })
    .collect()
}

#[test]
fn a_lineup_has_every_challenger_whose_phases_may_be_remade() {
    let (folder, registry) = group();
    let state = &folder.path().join("state");
    let mut current = Current::new(registry.clone()).with_experiments(state);
    assert!(current.look() && challengers(&current).is_empty());
    let one = |open, phase: &str| vec![("spring".into(), open, phase.into(), true)];

    registry
        .start_experiment(challenger("spring", 2), sample::vote())
        .unwrap();
    assert!(current.look() && !current.look());
    assert_eq!(challengers(&current), one(true, "spring/1"));
    // In use already: neither a ramp nor a halt reads it again.
    let artifact = registry.folder(2).join("linear.json");
    let whole = fs::read(&artifact).unwrap();
    fs::remove_file(&artifact).unwrap();
    let fifth = Share::parse("20").unwrap();
    registry
        .ramp_experiment("spring", fifth, sample::vote(), state)
        .unwrap();
    assert!(current.look() && !current.look());
    assert_eq!(challengers(&current), one(true, "spring/2"));
    Halt::write(state, &Halt::new("spring", "lines", "spring/2")).unwrap();
    assert!(current.look() && !current.look());
    assert_eq!(challengers(&current), one(false, "spring/2"));
    assert_eq!(current.trials().halted.len(), 1);
    let decide = registry.ramp_experiment("spring", Share::TENTH, sample::vote(), state);
    assert!(decide.unwrap_err().to_string().contains("it is halted"));
    registry.resume_experiment("spring", sample::vote(), state).unwrap();
    assert!(current.look());
    assert_eq!(challengers(&current), one(true, "spring/3"));
    registry.stop_experiment("spring", sample::vote(), state).unwrap();
    assert!(current.look());
    assert_eq!(challengers(&current), one(false, "spring/3"));

    // One that nobody has read yet can't be used: it stays, and says so.
    let mut other = Current::new(registry.clone()).with_experiments(state);
    assert!(other.look() && !other.look());
    let lineup = other.lineup().unwrap();
    assert!(lineup.challengers[0].model.as_ref().unwrap_err().contains("missing"));
    assert_eq!((lineup.challengers[0].identity.version, other.faults().len()), (2, 0));
    fs::write(&artifact, whole).unwrap();
    assert!((0..60).any(|_| other.look()) && other.lineup().unwrap().challengers[0].model.is_ok());

    // Nothing of one that was rejected counts.
    let retired = registry.retire(2, sample::vote()).unwrap_err().to_string();
    assert!(retired.contains("may be made again"), "{retired}");
    registry.reject(2, sample::vote()).unwrap();
    assert!(current.look() && challengers(&current).is_empty());
    registry.retire(2, sample::vote()).unwrap();
}

#[test]
fn nothing_answers_where_it_cant_be_told_whose_keys_are_a_challengers() {
    let (folder, registry) = group();
    let state = &folder.path().join("state");
    let experiment = registry
        .start_experiment(challenger("spring", 2), sample::vote())
        .unwrap();
    let mut current = Current::new(registry.clone()).with_experiments(state);
    assert!(current.look());
    let path = registry.path().join("experiments/spring.toml");
    let whole = toml::to_string(&experiment).unwrap();
    for damaged in [whole.replace("share", "shore"), whole.replacen("2", "9", 1)] {
        fs::write(&path, damaged).unwrap();
        assert!(current.look() && !current.look());
        let error = current.lineup().unwrap_err().to_string();
        assert!(error.contains("whose keys are its can't be told"), "{error}");
        fs::write(&path, &whole).unwrap();
        assert!(current.look() && current.lineup().is_ok());
    }
    // A shadow's is its own fault.
    fs::write(registry.path().join("experiments/other.toml"), "kind = \"shadow\"\n").unwrap();
    assert!(current.look() && current.lineup().is_ok());
    assert_eq!(current.faults().len(), 1);
    // What can't be listed just now goes on, and nothing begins by it.
    fs::rename(registry.path().join("experiments"), folder.path().join("away")).unwrap();
    fs::write(registry.path().join("experiments"), "in the way").unwrap();
    assert!(!current.look() && challengers(&current).len() == 1);
    let mut other = Current::new(registry.clone()).with_experiments(state);
    assert!(other.look() && matches!(other.lineup(), Err(crate::error::Error::Io { .. })));
}

#[test]
fn a_halted_shadow_scores_no_more() {
    let (folder, registry) = group();
    let state = &folder.path().join("state");
    registry.start_experiment(shadow("trees", 2), sample::vote()).unwrap();
    let mut current = Current::new(registry.clone()).with_experiments(state);
    let shadows = |current: &Current| current.lineup().unwrap().shadows.len();
    assert!(current.look() && shadows(&current) == 1);
    Halt::write(state, &Halt::new("trees", "lines", "trees/1")).unwrap();
    assert!(current.look() && shadows(&current) == 0);
    let stopped = registry.stop_experiment("trees", sample::vote(), state).unwrap();
    assert!(stopped.steps[1].found.is_some() && stopped.format() == 2);
    assert_eq!(Halts::read(state, "lines").unwrap(), Halts::default());
}

#[test]
fn a_group_has_one_challenger_and_a_promotion_ends_what_is_tried() {
    let (folder, registry) = group();
    let state = &folder.path().join("state");
    registry
        .start_experiment(challenger("spring", 2), sample::vote())
        .unwrap();
    let refused = |beginning| {
        registry
            .start_experiment(beginning, sample::vote())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(challenger("other", 3)).contains("experiment spring has a challenger"));
    registry.start_experiment(shadow("trees", 3), sample::vote()).unwrap();
    let report = serde_json::json!({"verdict": "better"});
    let promote = |name| registry.promote_experiment(name, &report, sample::vote(), state);
    assert!(promote("trees").unwrap_err().to_string().contains("it tries a shadow"));
    assert_eq!(promote("spring").unwrap(), ["trees"]);
    assert_eq!(registry.latest_approved().unwrap().version, 2);
    let kept = fs::read(registry.evidence_path("spring").unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&kept).unwrap(), report);
    let state_of = |name| registry.experiment(name).unwrap().state(None);
    assert_eq!((state_of("spring"), state_of("trees")), (State::Promoted, State::Ended));
    assert!(
        promote("spring")
            .unwrap_err()
            .to_string()
            .contains("it is promoted already")
    );
    for (beginning, why) in [
        (
            Beginning {
                key: None,
                ..challenger("autumn", 3)
            },
            "--key COLUMN",
        ),
        (challenger("spring", 3), "take another name"),
    ] {
        assert!(refused(beginning).contains(why));
    }
    // Lower than the one that answers: approving it would change nothing.
    registry
        .start_experiment(challenger("back", 1), sample::vote())
        .unwrap();
    assert!(promote("back").unwrap_err().to_string().contains("wouldn't answer"));
}

/// Killed behind the approval, the promotion is completed by asking again.
#[test]
fn a_promotion_that_was_cut_short_is_completed() {
    let (folder, registry) = group();
    let state = &folder.path().join("state");
    registry
        .start_experiment(challenger("spring", 2), sample::vote())
        .unwrap();
    let path = registry.path().join("experiments/spring.toml");
    let before = fs::read(&path).unwrap();
    registry.approve(2, sample::vote()).unwrap();
    fs::write(&path, before).unwrap();
    registry
        .promote_experiment("spring", &serde_json::json!({}), sample::vote(), state)
        .unwrap();
    assert_eq!(registry.experiment("spring").unwrap().state(None), State::Promoted);
}

/// Each looked at what stands under a lock of its own: a version was approved, or put on trial, and retired.
#[test]
fn of_two_decisions_that_exclude_each_other_one_is_made() {
    for round in 0..10 {
        let (_folder, registry) = group();
        let registry = &registry;
        let lock = registry.lock().unwrap();
        let (a, b) = std::thread::scope(|scope| {
            let decide = scope.spawn(move || match round % 2 {
                0 => registry.approve(2, sample::vote()).is_ok(),
                _ => registry.start_experiment(shadow("trees", 2), sample::vote()).is_ok(),
            });
            let retire = scope.spawn(|| registry.retire(2, sample::vote()).is_ok());
            drop(lock);
            (decide.join().unwrap(), retire.join().unwrap())
        });
        assert!(a ^ b, "round {round}");
    }
}
