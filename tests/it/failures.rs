//! Failures: told of once by the exit code, by each run with `--strict`, and no more when somebody dismissed them.

use crate::spool::{Ran, Spool, line, wait_until, xs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// `failed_anew`, `failed_before` and `dismissed` of a run.
fn counts(ran: &Ran) -> (u64, u64, u64) {
    let tally = ran.json();
    let count = |name: &str| tally[name].as_u64().unwrap();
    assert_eq!(count("failed"), count("failed_anew") + count("failed_before"));
    (count("failed_anew"), count("failed_before"), count("dismissed"))
}

fn once(spool: &Spool) -> Ran {
    spool.run(&["--once", "--json"])
}

fn status(spool: &Spool) -> Value {
    spool.run(&["status", "--json"]).exits(0).json()
}

/// With one good input, and one that can't be scored.
fn failing() -> Spool {
    let spool = Spool::new();
    spool.drop_file("good.csv", xs(&[1.0]));
    spool.drop_file("bad.csv", "y\n1\n");
    spool
}

/// How many transformations of an input there are.
fn transformations(spool: &Spool, name: &str) -> usize {
    let history = spool.run(&["history", name, "--json"]).exits(0).json();
    history.as_array().unwrap().len()
}

/// Old failures made cron and the timer fail for ever.
#[test]
fn a_failure_is_told_of_once() {
    let spool = failing();
    spool.once().exits(1).says("; 1 failed anew\n  failed: bad.csv\n");
    for _ in 0..2 {
        let ran = spool.once().exits(0).says("; 1 failed before\n");
        assert!(!ran.stderr.contains("bad.csv"), "{ran:?}");
        let ran = spool.run(&["--once", "--quiet"]).exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    spool.drop_file("worse.csv", "");
    let ran = once(&spool)
        .exits(1)
        .says("1 failed anew; 1 failed before\n  failed: worse.csv\n");
    assert_eq!(counts(&ran), (1, 1, 0));
    let tally = ran.json();
    let files = tally["failed_files"].as_array().unwrap();
    assert_eq!(
        (&files[0]["file"], &files[0]["anew"]),
        (&"worse.csv".into(), &true.into())
    );
    assert_eq!(
        (&files[1]["file"], &files[1]["anew"]),
        (&"bad.csv".into(), &false.into())
    );
    assert!(files[0]["transformation"].as_i64() > files[1]["transformation"].as_i64());
    assert_eq!(counts(&once(&spool).exits(0)), (0, 2, 0));
    // They stand, for who asks.
    assert_eq!(status(&spool)["failed"], 2);
}

#[test]
fn strict_tells_of_each_failure_until_it_is_over() {
    let spool = failing();
    for told in ["1 failed anew", "1 failed before"] {
        spool.strict().exits(1).says(told).says("\n  failed: bad.csv\n");
    }
    spool.once().exits(0);
    spool
        .run(&["--once", "--strict", "--quiet"])
        .exits(1)
        .says("failed: bad.csv");
    spool.drop_file("bad.csv", xs(&[2.0]));
    spool.strict().exits(0);
    spool.run(&["--strict"]).exits(64);
}

#[test]
fn what_is_another_failure_is_told_of_again() {
    let spool = failing();
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    // Retried.
    spool.run(&["retry", "bad.csv"]).exits(0);
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    // By another model, and by the one before, when that is rejected.
    let second = spool.approve_line(3.0, 0.0);
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    spool.reject(second);
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    // All is asked for.
    let all = spool.run(&["--once", "--json", "--all"]).exits(1);
    assert_eq!(counts(&all), (1, 0, 0));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    // By other settings.
    let spool = spool.set("output.columns=[\"y\"]");
    assert_eq!(counts(&once(&spool).exits(1)), (2, 0, 0));
    // Mended, and broken again.
    let spool = spool.set("output.columns=prediction");
    once(&spool).exits(1);
    spool.drop_file("bad.csv", xs(&[1.0]));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 0, 0));
    spool.drop_file("bad.csv", "y\n1\n");
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    // Gone, and dropped once more under its name.
    fs::remove_file(spool.path("input/bad.csv")).unwrap();
    assert_eq!(counts(&once(&spool).exits(0)), (0, 0, 0));
    spool.drop_file("bad.csv", "y\n1\n");
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
}

#[test]
fn a_file_of_which_only_the_times_changed_is_no_news() {
    let spool = Spool::new();
    let path = spool.drop_file("bad.csv", "x\n1\noops\n");
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
        .unwrap();
    drop(file);
    assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    assert_eq!(transformations(&spool, "bad.csv"), 1);
}

/// What a worker recorded that told nobody by an exit code is told of by the next one-shot.
#[test]
fn what_a_daemon_recorded_is_told_of_by_the_next_pass() {
    let spool = failing();
    let daemon = spool.daemon();
    wait_until("it failed", || status(&spool)["failed"] == 1);
    daemon.kill();
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
    let daemon = spool.daemon();
    spool.drop_file("worse.csv", "");
    wait_until("that failed, too", || status(&spool)["failed"] == 2);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(counts(&once(&spool).exits(1)), (1, 1, 0));
    assert_eq!(counts(&once(&spool).exits(0)), (0, 2, 0));
}

/// A run that ends before it told, by a kill or a signal, leaves that to the next.
#[test]
fn what_a_run_recorded_that_was_killed_or_stopped_is_told_of_by_the_next() {
    for signal in [Signal::KILL, Signal::TERM] {
        let spool = failing();
        once(&spool).exits(1);
        once(&spool).exits(0);
        spool.run(&["retry", "bad.csv"]).exits(0);
        // It waits for this one to settle, when the other has failed once more.
        spool.drop_file("fresh.csv", xs(&[2.0]));
        let waits = spool.set("input.settle=1h");
        let mut command = waits.command(&["--once"]);
        let mut run = command.stderr(Stdio::null()).spawn().unwrap();
        wait_until("it failed once more", || transformations(&waits, "bad.csv") == 2);
        kill_process(Pid::from_child(&run), signal).unwrap();
        let code = run.wait().unwrap().code();
        assert_eq!(code, (signal == Signal::TERM).then_some(75));
        let spool = waits.set("input.settle=0s");
        assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
        assert_eq!(counts(&once(&spool).exits(0)), (0, 1, 0));
    }
}

#[test]
fn what_a_run_that_could_not_work_did_not_tell_is_told_of_later() {
    let spool = failing();
    let daemon = spool.daemon();
    wait_until("it failed", || status(&spool)["failed"] == 1);
    daemon.kill();
    spool.reject(1);
    once(&spool).exits(3);
    spool.approve(1);
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
}

/// Numbers of transformations that were used again would pass for ones that were told.
#[test]
fn a_failure_after_all_history_went_is_told_of() {
    let spool = failing();
    once(&spool).exits(1);
    fs::remove_file(spool.path("input/bad.csv")).unwrap();
    once(&spool).exits(0);
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    ledger.execute("DELETE FROM history", []).unwrap();
    drop(ledger);
    spool.drop_file("worse.csv", "");
    assert_eq!(counts(&once(&spool).exits(1)), (1, 0, 0));
}

#[test]
fn a_failure_that_is_dismissed_counts_no_more() {
    let spool = failing();
    spool.drop_file("worse.csv", "");
    once(&spool).exits(1);
    spool
        .run(&["dismiss", "bad.csv", "--reason", "a test file of Eve's"])
        .exits(0);
    spool
        .run(&[
            "dismiss",
            "input/worse.csv",
            "--reason",
            "empty on Sundays",
            "--by",
            "Ada",
        ])
        .exits(0)
        .says("1 failure dismissed by Ada");
    let ran = spool
        .strict()
        .exits(0)
        .says("nothing to do")
        .says("2 failed and dismissed");
    assert!(!ran.stderr.contains("bad.csv"), "{ran:?}");
    assert_eq!(counts(&once(&spool).exits(0)), (0, 0, 2));
    let found = status(&spool);
    assert_eq!((&found["failed"], &found["dismissed"]), (&0.into(), &2.into()));
    assert_eq!(found["failed_files"], json!([]));
    let file = &found["dismissed_files"][1];
    assert_eq!((&file["file"], &file["by"]), (&"worse.csv".into(), &"Ada".into()));
    assert_eq!(
        (&file["reason"], &file["code"]),
        (&"empty on Sundays".into(), &"empty_file".into())
    );
    assert!(file["at"].as_str().unwrap().ends_with('Z'));
    spool
        .run(&["status"])
        .exits(0)
        .says("dismissed  2")
        .says("  worse.csv  empty_file; by Ada at ")
        .says(": empty on Sundays");
    spool
        .run(&["history", "worse.csv"])
        .exits(0)
        .says("dismiss by Ada at ")
        .says(" UTC: empty on Sundays");
    // Their reports stay, and who retries all that failed doesn't mean them.
    assert!(spool.report("bad.csv").is_some());
    spool.run(&["retry"]).exits(0).says("no file has failed");
}

#[test]
fn a_dismissal_ends_with_its_failure() {
    let spool = failing();
    let dismiss = |spool: &Spool| {
        spool.strict().exits(1);
        spool.run(&["dismiss", "bad.csv", "--reason", "known"]).exits(0);
        spool.strict().exits(0);
    };
    dismiss(&spool);
    spool.run(&["retry", "bad.csv"]).exits(0);
    dismiss(&spool);
    let second = spool.approve_line(3.0, 0.0);
    dismiss(&spool);
    spool.reject(second);
    dismiss(&spool);
    spool.drop_file("bad.csv", "z\n1\n");
    dismiss(&spool);
    let spool = spool.set("input.delimiter=;");
    dismiss(&spool);
    spool.run(&["--once", "--all"]).exits(1);
    dismiss(&spool);
    spool.drop_file("bad.csv", xs(&[1.0]));
    spool.strict().exits(0);
    assert_eq!(status(&spool)["dismissed"], 0);
    // Each with who and why.
    let said = spool.run(&["history", "bad.csv"]).exits(0).stdout;
    assert_eq!(said.matches("dismiss by ").count(), 7, "{said}");
}

#[test]
fn what_has_not_failed_is_not_dismissed() {
    let spool = failing();
    let dismiss = |files: &[&str]| {
        let arguments = [&["dismiss", "--reason", "because"], files].concat();
        spool.run(&arguments)
    };
    dismiss(&["bad.csv"]).exits(64).says("bad.csv did not fail");
    spool.once().exits(1);
    dismiss(&["good.csv"]).exits(64).says("good.csv did not fail");
    dismiss(&["never.csv"]).exits(64).says("never.csv: no such input");
    // All or none.
    dismiss(&["bad.csv", "good.csv"])
        .exits(64)
        .says("good.csv did not fail");
    assert_eq!(status(&spool)["dismissed"], 0);
    dismiss(&[]).exits(64);
    spool.run(&["dismiss", "bad.csv"]).exits(64).says("--reason");
    spool
        .run(&["dismiss", "bad.csv", "--reason", " "])
        .exits(64)
        .says("--reason: it is empty");
    spool.run(&["retry", "bad.csv"]).exits(0);
    dismiss(&["bad.csv"]).exits(64).says("bad.csv is tried again");
    spool.once().exits(1);
    let result = spool
        .run(&["dismiss", "bad.csv", "--reason", "because", "--by", "Eve", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        result,
        json!({"dismissed": ["bad.csv"], "by": "Eve", "reason": "because"})
    );
    // What is held waits for a person.
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    ledger
        .execute("UPDATE results SET verdict = 2 WHERE verdict = 1", [])
        .unwrap();
    dismiss(&["bad.csv"]).exits(64).says("bad.csv is held");
}

#[test]
fn a_failure_is_dismissed_while_a_worker_runs() {
    let spool = failing();
    let daemon = spool.daemon();
    wait_until("it failed", || status(&spool)["failed"] == 1);
    spool.run(&["dismiss", "bad.csv", "--reason", "known"]).exits(0);
    let found = status(&spool);
    assert_eq!((&found["failed"], &found["dismissed"]), (&0.into(), &1.into()));
    // It works on, and what was dismissed is done when it is mended.
    spool.deliver("bad.csv", xs(&[4.0]));
    wait_until("it is done", || spool.output("bad.csv") == Some(line(2.0, 1.0, &[4.0])));
    wait_until("nothing failed", || status(&spool)["done"] == 2);
    assert_eq!(status(&spool)["dismissed"], 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn control_characters_of_a_reason_are_shown_and_not_obeyed() {
    let spool = failing();
    spool.once().exits(1);
    spool
        .run(&["dismiss", "bad.csv", "--reason", "known\u{1b}[2J", "--by", "\u{7}"])
        .exits(0);
    for command in [&["status"][..], &["history", "bad.csv"]] {
        let ran = spool.run(command).exits(0);
        assert!(ran.stdout.contains("known\\u{1b}[2J"), "{ran:?}");
        assert!(!ran.stdout.contains(['\u{1b}', '\u{7}']), "{ran:?}");
    }
}
