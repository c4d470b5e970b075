//! Two workers and one output or failed folder: the second is refused, while the first one may still publish.

use crate::spool::{Ran, Spool, line, wait_until, xs};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Another worker's inputs, state and reports, beside the spool's, with the same output folder.
const SECOND: [&str; 6] = [
    "--set",
    "input.path=input2",
    "--set",
    "state.path=state2",
    "--set",
    "failed.path=failed2",
];

pub fn second(spool: &Spool, args: &[&str]) -> Ran {
    spool.run(&[args, &SECOND].concat())
}

/// Both have a daily.csv.
pub fn both() -> Spool {
    let spool = Spool::new();
    spool.drop_file("daily.csv", xs(&[1.0]));
    fs::create_dir(spool.path("input2")).unwrap();
    fs::write(spool.path("input2/daily.csv"), xs(&[2.0])).unwrap();
    spool
}

pub fn mark(spool: &Spool) -> Option<Value> {
    let text = fs::read(spool.path("output/.transform-owner")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

pub fn set_mark(spool: &Spool, key: &str, value: &str) {
    let mut owner = mark(spool).unwrap();
    owner[key] = value.into();
    fs::write(spool.path("output/.transform-owner"), owner.to_string()).unwrap();
}

pub fn state(spool: &Spool) -> String {
    mark(spool).unwrap()["state"].as_str().unwrap().into()
}

/// They overwrote each other's output for ever, without a word.
#[test]
fn a_second_worker_with_a_state_of_its_own_is_refused() {
    let spool = both();
    spool.once().exits(0).says("scored 1 file");
    let first = mark(&spool).unwrap();
    assert_eq!(
        state(&spool),
        fs::canonicalize(spool.path("state")).unwrap().to_str().unwrap()
    );
    let ran = second(&spool, &["--once"]).exits(64).says(&state(&spool));
    ran.says("output.path").says("output.shared").says("--take-output");
    assert_eq!(
        second(&spool, &["--once", "--json"]).json()["error"]["code"],
        "output_owned"
    );
    second(&spool, &[]).exits(64).says("publishes here");
    let check = second(&spool, &["check"]).exits(64);
    assert!(check.stdout.contains("NOT OK   output's worker"), "{check:?}");
    assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert_eq!(mark(&spool).unwrap(), first);
    spool.once().exits(0).says("nothing to do");
    let check = spool.run(&["check"]).exits(0);
    assert!(check.stdout.contains("output's worker: this one"), "{check:?}");
}

#[test]
fn a_worker_whose_state_was_deleted_is_succeeded_with_a_word() {
    let spool = both();
    spool.once().exits(0);
    fs::remove_dir_all(spool.path("state")).unwrap();
    let check = second(&spool, &["check"]).exits(0);
    assert!(
        check.stdout.contains("output's worker: another one, which is gone"),
        "{check:?}"
    );
    // Also to who hears only what needs a person.
    second(&spool, &["--once", "--quiet"])
        .exits(0)
        .says("ERROR")
        .says("took over");
    assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[2.0]));
    spool.once().exits(64).says("state2");
    // As TROUBLESHOOTING says of a damaged ledger: the worker is the same to everybody, under another instance.
    fs::remove_dir_all(spool.path("state2")).unwrap();
    second(&spool, &["--once"]).exits(0).says("took over");
}

#[test]
fn workers_may_share_a_folder_and_check_takes_it_over() {
    let spool = both();
    spool.once().exits(0);
    let first = mark(&spool).unwrap();
    let shared = second(&spool, &["--once", "--set", "output.shared=true"]).exits(0);
    assert!(!shared.stderr.contains("WARN"), "{shared:?}");
    assert_eq!(mark(&spool).unwrap(), first, "the first one goes on");
    spool.once().exits(0);

    let check = second(&spool, &["check", "--take-output"]).exits(0);
    assert!(
        check.stdout.contains("output's worker: this one, from now on"),
        "{check:?}"
    );
    assert!(state(&spool).ends_with("state2"));
    second(&spool, &["--once"]).exits(0);
    spool.once().exits(64).says("state2");
}

#[test]
fn a_folder_is_claimed_before_the_first_start() {
    let spool = both();
    second(&spool, &["check", "--take-output"]).exits(0);
    spool.once().exits(64).says("state2");
    let ran = second(&spool, &["--once"]).exits(0).says("scored 1 file");
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    assert_ne!(mark(&spool).unwrap()["instance"], "");
}

#[test]
fn the_first_start_after_an_upgrade_warns_and_marks() {
    let spool = both();
    let ran = spool.once().exits(0);
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    fs::remove_file(spool.path("output/.transform-owner")).unwrap();
    spool.once().exits(0).says("WARN").says("as after an upgrade");
    assert!(state(&spool).ends_with("state"));
    let ran = spool.once().exits(0);
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
}

/// `cp -a` of a whole installation: the copy has the same instance.
#[test]
fn a_copied_state_folder_is_another_worker_and_a_moved_one_is_not() {
    let spool = both();
    spool.once().exits(0);
    fs::create_dir(spool.path("state2")).unwrap();
    fs::copy(spool.path("state/ledger.db"), spool.path("state2/ledger.db")).unwrap();
    second(&spool, &["--once"]).exits(64).says("copied");
    // What each had made, of the same size, stood for ever when the other one took the folder over.
    fs::write(spool.path("input2/daily.csv"), xs(&[4.0])).unwrap(); // later than its twin
    second(&spool, &["check", "--take-output"]).exits(0);
    second(&spool, &["--once"]).exits(0);
    assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[4.0]));
    spool.once().exits(64).says("copied");
    spool.run(&["check", "--take-output"]).exits(0);
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    fs::remove_dir_all(spool.path("state2")).unwrap();
    fs::rename(spool.path("state"), spool.path("moved")).unwrap();
    spool
        .run(&["--once", "--set", "state.path=moved"])
        .exits(0)
        .says("nothing to do");
    assert!(state(&spool).ends_with("moved"));
    // By another path it is the same one.
    std::os::unix::fs::symlink("moved", spool.path("link")).unwrap();
    spool.run(&["--once", "--set", "state.path=link"]).exits(0);
    assert!(state(&spool).ends_with("moved"));
}

/// The copy's mark is of the folder that it was copied from.
#[test]
fn a_copied_installation_is_a_worker_of_its_own() {
    let spool = both();
    spool.once().exits(0);
    let folders = ["input", "output", "failed", "state"];
    fs::create_dir(spool.path("copy")).unwrap();
    for folder in folders {
        let copied = Command::new("cp")
            .args(["-a", folder, "copy"])
            .current_dir(spool.path(""))
            .status();
        assert!(copied.unwrap().success());
    }
    let settings = folders.map(|folder| format!("{folder}.path=copy/{folder}"));
    let mut args = vec!["--once"];
    settings.iter().for_each(|setting| args.extend(["--set", setting]));
    spool.run(&args).exits(0).says("nothing to do");
    let ran = spool.run(&args).exits(0);
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    assert!(
        spool.once().exits(0).stderr.contains("nothing to do"),
        "the first one goes on"
    );
}

#[test]
fn a_worker_that_runs_stops_publishing_when_another_took_the_folder() {
    let spool = both().set("input.rescan_interval=20ms");
    let daemon = spool.start();
    wait_until("the output", || spool.output("daily.csv").is_some());
    second(&spool, &["check", "--take-output"]).exits(0);
    wait_until("it is told", || {
        let status = spool.run(&["status", "--json"]).exits(0).json();
        status["faults"][0]["code"] == "output_owned"
    });
    second(&spool, &["--once"]).exits(0);
    assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[2.0]));
    spool.run(&["check", "--take-output"]).exits(0);
    wait_until("it goes on", || {
        spool.output("daily.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn who_only_looks_marks_nothing() {
    let spool = both();
    for args in [&["status"][..], &["check"], &["history"], &["retry"]] {
        spool.run(args).exits(0);
        assert_eq!(mark(&spool), None, "{args:?}");
    }
}

#[test]
fn a_mark_that_says_nothing_is_no_other_workers_and_a_strange_one_is() {
    for publish in ["rename", "direct"] {
        let spool = both().set(&format!("output.publish={publish}"));
        spool.once().exits(0);
        let path = spool.path("output/.transform-owner");
        fs::write(&path, "").unwrap();
        spool.once().exits(0);
        assert!(mark(&spool).is_some(), "killed while it was written");
        fs::write(&path, "a mark of a version to come").unwrap();
        spool.once().exits(64).says(".transform-owner").says("--take-output");
        // Whoever left it may have left outputs.
        fs::write(spool.path("output/daily.csv.out"), line(2.0, 1.0, &[2.0])).unwrap();
        spool.run(&["check", "--take-output"]).exits(0);
        spool.once().exits(0);
        assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[1.0]));
        assert!(Path::new(&state(&spool)).is_absolute());
        let visible = fs::read_dir(spool.path("output")).unwrap();
        let names: Vec<_> = visible.map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}

/// They took each other's reports away, also where their outputs stood apart.
#[test]
fn a_second_worker_with_the_same_failed_folder_is_refused() {
    let spool = both();
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    let report = spool.report("bad.csv").unwrap();
    let apart = [
        "--set",
        "input.path=input2",
        "--set",
        "state.path=state2",
        "--set",
        "output.path=output2",
    ];
    let second = |args: &[&str]| spool.run(&[args, &apart].concat());
    let mark = || fs::read_to_string(spool.path("failed/.transform-owner")).unwrap();
    let first = mark();
    second(&["--once"])
        .exits(64)
        .says("failed: the worker of")
        .says("failed.path");
    assert!(!spool.path("output2/.transform-owner").exists(), "it publishes nowhere");
    let check = second(&["check"]).exits(64);
    assert!(check.stdout.contains("ok       output's worker: none yet"), "{check:?}");
    assert!(check.stdout.contains("NOT OK   failed's worker"), "{check:?}");
    assert_eq!((mark(), spool.report("bad.csv").unwrap()), (first.clone(), report));

    second(&["--once", "--set", "output.shared=true"]).exits(0);
    assert_eq!(mark(), first, "the first one goes on");
    let check = second(&["check", "--take-output"]).exits(0);
    assert!(
        check.stdout.contains("failed's worker: this one, from now on"),
        "{check:?}"
    );
    second(&["--once"]).exits(0);
    spool.once().exits(64).says("state2");
}

/// A mark for each folder, and one where both are the same.
#[test]
fn outputs_and_reports_may_stand_in_one_folder_or_one_in_the_other() {
    for failed in ["output", "output/failed"] {
        let spool = both().set(&format!("failed.path={failed}"));
        spool.drop_file("bad.csv", "y\n1\n");
        spool.once().exits(1);
        let ran = spool.strict().exits(1);
        assert!(!ran.stderr.contains("WARN"), "{ran:?}");
        assert!(spool.path(format!("{failed}/bad.csv.error.json")).exists());
        second(&spool, &["--once"]).exits(64).says("output: the worker of");
    }
}

/// Until it listed its inputs again, a minute later, it went on publishing; what it made stood for ever.
#[test]
fn a_worker_that_was_ousted_publishes_nothing_more() {
    for publish in ["rename", "direct"] {
        let spool = both()
            .set("input.rescan_interval=1h")
            .set(&format!("output.publish={publish}"));
        let daemon = spool.daemon();
        wait_until("the output", || spool.output("daily.csv").is_some());
        second(&spool, &["check", "--take-output"]).exits(0);
        second(&spool, &["--once"]).exits(0);
        spool.deliver("daily.csv", xs(&[4.0]));
        daemon.logs("publishes here");
        let status = spool.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["faults"][0]["code"], "output_owned");
        assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[2.0]));
        assert_eq!(daemon.stop(), 0);
        spool.run(&["check", "--take-output"]).exits(0);
        spool.once().exits(0);
        assert_eq!(spool.output("daily.csv").unwrap(), line(2.0, 1.0, &[4.0]));
    }
}

/// The same of reports.
#[test]
fn a_worker_whose_failed_folder_was_taken_reports_nothing_more() {
    let spool = both().set("input.rescan_interval=1h");
    let daemon = spool.daemon();
    wait_until("the output", || spool.output("daily.csv").is_some());
    let apart = ["--set", "state.path=state2", "--set", "output.path=output2"];
    let take = [&["check", "--take-output"][..], &apart].concat();
    spool.run(&take).exits(0);
    spool.deliver("good.csv", xs(&[4.0]));
    wait_until("an output", || spool.output("good.csv").is_some());
    spool.deliver("bad.csv", "y\n1\n");
    daemon.logs("failed: the worker of");
    assert!(spool.report("bad.csv").is_none());
    assert_eq!(daemon.stop(), 0);
}

/// It said "Is a directory", and that trying again helps.
#[test]
fn a_folder_in_the_marks_place_is_to_be_removed() {
    let spool = both();
    let path = spool.path("output/.transform-owner");
    fs::create_dir(&path).unwrap();
    for args in [&["--once"][..], &["check"], &["check", "--take-output"]] {
        spool.run(args).exits(64).says(".transform-owner").says("remove it");
    }
    fs::remove_dir(&path).unwrap();
    spool.once().exits(0);
}

#[test]
fn a_new_output_folder_is_no_upgrade() {
    let spool = both();
    spool.once().exits(0);
    let ran = spool.run(&["--once", "--set", "output.path=new"]).exits(0);
    assert!(!ran.stderr.contains("WARN"), "{ran:?}");
    ran.says("scored 1 file");
}

/// A second one started on a new state beside it; each took the folder over from the other.
#[test]
fn a_worker_ends_when_its_state_folder_is_taken_away() {
    let spool = both().set("input.rescan_interval=20ms");
    let daemon = spool.daemon();
    fs::remove_dir_all(spool.path("state")).unwrap();
    daemon.logs("the state folder was deleted or replaced");
    assert_eq!(daemon.stop(), 75);
    let daemon = spool.daemon();
    wait_until("the new ledger", || {
        spool.run(&["history"]).stdout.contains("daily.csv")
    });
    fs::rename(spool.path("state"), spool.path("moved")).unwrap();
    fs::create_dir(spool.path("state")).unwrap();
    fs::write(spool.path("state/lock"), "").unwrap();
    daemon.logs("the state folder was deleted or replaced");
    assert_eq!(daemon.stop(), 75);
}

/// It took them for what a killed worker had left.
#[test]
fn reports_of_another_worker_stay_in_a_shared_folder() {
    let spool = both().set("output.shared=true");
    spool.drop_file("own.csv", "y\n1\n");
    spool.once().exits(1);
    fs::write(spool.path("input2/bad.csv"), "y\n1\n").unwrap();
    let shared = [
        "--once",
        "--strict",
        "--set",
        "input.path=input2",
        "--set",
        "state.path=state2",
    ];
    spool.run(&shared).exits(1);
    assert!(spool.report("bad.csv").is_some());
    fs::remove_file(spool.path("input/own.csv")).unwrap();
    spool.once().exits(0);
    assert!(spool.report("bad.csv").is_some());
    assert!(spool.report("own.csv").is_none());
    spool.run(&shared).exits(1).says("1 up to date");
}
