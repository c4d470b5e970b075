//! Outputs that are taken away: made again, but not for ever.

use crate::spool::{Spool, line, wait_until, xs};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn take(spool: &Spool, input: &str) {
    fs::remove_file(spool.path("output").join(format!("{input}.out"))).unwrap();
}

fn ledger(spool: &Spool) -> rusqlite::Connection {
    rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap()
}

/// As if a minute had gone by since outputs were found gone.
fn a_minute_passes(spool: &Spool) {
    let sql = "UPDATE results SET taken_at = taken_at - 60000000 WHERE taken_at > 0;
               UPDATE meta SET value = (CAST(value AS INTEGER) - 60000000) || substr(value, instr(value, ' '))
               WHERE key = 'emptied'";
    ledger(spool).execute_batch(sql).unwrap();
}

fn times(spool: &Spool, input: &str) -> u32 {
    let sql = "SELECT taken FROM results WHERE input = CAST(? AS BLOB)";
    ledger(spool).query_row(sql, [input], |row| row.get(0)).unwrap()
}

/// Three passes made nine outputs of three inputs, and so on for ever.
#[test]
fn an_output_that_is_taken_again_and_again_is_left_and_said_once() {
    let spool = Spool::new();
    let input = spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[2.0]));
    spool.once().exits(0).says("scored 2 files");
    for _ in 0..2 {
        take(&spool, "a.csv");
        spool.once().exits(0).says("scored 1 file").says("1 up to date");
        a_minute_passes(&spool);
    }
    take(&spool, "a.csv");
    let ran = spool
        .once()
        .exits(0)
        .says("nothing to do: 1 output is up to date")
        .says("1 left");
    ran.says("WARN").says("input=a.csv").says("output.taken");
    let ran = spool.run(&["--once", "--json"]).exits(0);
    assert!(!ran.stderr.contains("WARN"), "{}", ran.stderr);
    assert_eq!(ran.json()["left"], 1);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["left"], &status["done"], &status["pending"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(status["left_files"], serde_json::json!(["a.csv"]));
    let shown = spool.run(&["status"]).exits(0).stdout;
    assert!(shown.contains("output.taken") && shown.contains("\n  a.csv"), "{shown}");
    // It is the same input.
    fs::set_permissions(&input, Permissions::from_mode(0o600)).unwrap();
    spool.once().exits(0).says("1 left");

    spool.run(&["retry", "a.csv"]).exits(0);
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert_eq!(times(&spool, "a.csv"), 0, "counted anew");
    spool.run(&["retry", "b.csv"]).exits(64).says("did not fail");
}

#[test]
fn what_was_left_is_made_again_of_another_input_or_by_all() {
    let spool = Spool::new();
    let input = spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[2.0]));
    spool.once().exits(0);
    let left = |count: u32| {
        let sql = "UPDATE results SET taken = ? WHERE input = CAST('a.csv' AS BLOB)";
        ledger(&spool).execute(sql, [count]).unwrap();
        take(&spool, "a.csv");
        spool.once().exits(0).says("1 left");
    };
    left(3);
    fs::write(&input, xs(&[5.0])).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[5.0]));
    left(3);
    spool.run(&["--once", "--all"]).exits(0).says("scored 2 files");
    left(3);
    spool.approve_line(10.0, 0.0);
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(times(&spool, "a.csv"), 0);
}

#[test]
fn with_leave_each_input_is_scored_once_until_it_or_the_model_is_another() {
    let spool = Spool::new().set("output.taken=leave");
    let names = ["1.csv", "2.csv", "3.csv"];
    let inputs = names.map(|name| spool.drop_file(name, xs(&[1.0])));
    spool.once().exits(0).says("scored 3 files");
    for _ in 0..2 {
        for name in names {
            let _ = fs::remove_file(spool.path("output").join(format!("{name}.out")));
        }
        let ran = spool.once().exits(0).says("3 left");
        assert!(!ran.stderr.contains("WARN"), "{}", ran.stderr);
    }
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["left"], &status["pending"]), (&3.into(), &0.into()));
    // The same bytes, delivered anew; then others.
    spool.deliver("1.csv", xs(&[1.0]));
    spool.once().exits(0).says("3 left");
    fs::write(&inputs[0], xs(&[7.0])).unwrap();
    spool.once().exits(0).says("scored 1 file");
    spool.run(&["retry", "2.csv"]).exits(0);
    spool.once().exits(0).says("scored 1 file");
    spool.approve_line(10.0, 0.0);
    spool.once().exits(0).says("scored 3 files");
    // Without the key, what went is made again.
    names.iter().for_each(|name| take(&spool, name));
    spool.set("output.taken=remake").once().exits(0).says("scored 3 files");
}

#[test]
fn a_folder_that_was_emptied_or_is_another_one_counts_for_no_output() {
    let spool = Spool::new();
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    spool.once().exits(0);
    let empty = || {
        for name in ["a.csv", "b.csv"] {
            take(&spool, name);
        }
        spool.once().exits(0).says("scored 2 files");
        let found = times(&spool, "a.csv");
        a_minute_passes(&spool);
        found
    };
    assert_eq!(empty(), 0, "somebody emptied it");
    assert_eq!(empty(), 1, "again within a week: a consumer");
    let device = "UPDATE meta SET value = '1' WHERE key = 'output device'";
    assert_eq!(ledger(&spool).execute(device, []).unwrap(), 1);
    assert_eq!(empty(), 1, "another disk or bucket");
    assert_eq!(empty(), 2);
    let week = "UPDATE meta SET value = (CAST(value AS INTEGER) - 604800000000) || substr(value, instr(value, ' '))
                WHERE key = 'emptied'";
    assert_eq!(ledger(&spool).execute(week, []).unwrap(), 1);
    assert_eq!(empty(), 2, "once in a week");
}

/// A consumer that moves each output away at once made the daemon score a hundred times a second.
#[test]
fn the_daemon_makes_an_output_a_few_times_a_minute_and_others_go_on() {
    let spool = Spool::new();
    let daemon = spool.start();
    spool.drop_file("a.csv", xs(&[1.0]));
    let output = spool.path("output/a.csv.out");
    let remade = "SELECT remade FROM results WHERE input = CAST('a.csv' AS BLOB)";
    let mut taken = 0;
    wait_until("it waits for the minute to end", || {
        taken += u32::from(fs::remove_file(&output).is_ok());
        let made: rusqlite::Result<u32> = rusqlite::Connection::open(spool.path("state/ledger.db"))
            .and_then(|db| db.query_row(remade, [], |row| row.get(0)));
        made.is_ok_and(|n| n == 5) && !output.exists()
    });
    assert!(taken < 10, "{taken} outputs");
    spool.drop_file("b.csv", xs(&[2.0]));
    wait_until("another output", || spool.output("b.csv").is_some());
    assert!(!output.exists());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_daemon_leaves_what_a_consumer_takes_where_it_may() {
    let spool = Spool::new().set("output.taken=leave");
    let daemon = spool.start();
    for name in ["1.csv", "2.csv", "3.csv"] {
        spool.deliver(name, xs(&[1.0]));
        wait_until("the output", || spool.output(name).is_some());
        take(&spool, name);
        spool.deliver(name, xs(&[1.0]));
    }
    spool.deliver("1.csv", xs(&[9.0]));
    wait_until("the output of the next contents", || {
        spool.output("1.csv") == Some(line(2.0, 1.0, &[9.0]))
    });
    assert_eq!(spool.names("output"), ["1.csv.out"]);
    // Once the last is recorded.
    assert_eq!(daemon.stop(), 0);
    let rows = spool.run(&["history", "--json"]).exits(0).json();
    assert_eq!(rows.as_array().unwrap().len(), 4, "{rows}");
}

/// Canaries and health checks drop the same bytes each time; from the fifth time on they got no output.
#[test]
fn the_same_bytes_dropped_anew_after_their_input_went_get_their_output() {
    for rule in ["remake", "leave"] {
        let spool = Spool::new().set(&format!("output.taken={rule}"));
        // What stays there is no reason to look for.
        spool.drop_file("stays.csv", xs(&[2.0]));
        spool.once().exits(0).says("scored 1 file");
        for time in 0..8 {
            let input = spool.drop_file("a.csv", xs(&[1.0]));
            spool.once().exits(0).says("scored 1 file");
            take(&spool, "a.csv");
            if time % 2 == 1 {
                spool.once().exits(0); // it is made again, or left
                let _ = fs::remove_file(spool.path("output/a.csv.out"));
            }
            fs::remove_file(&input).unwrap();
            spool.once().exits(0).says("nothing to do");
            a_minute_passes(&spool);
        }
    }
}

/// With it, taking outputs away counts anew; and what stands was not taken.
#[test]
fn an_input_that_comes_back_to_its_output_is_left_alone() {
    let spool = Spool::new().set("output.taken=leave");
    let input = spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0).says("scored 1 file");
    fs::remove_file(&input).unwrap();
    spool.once().exits(0).says("nothing to do");
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0).says("1 output is up to date");
    take(&spool, "a.csv");
    spool.once().exits(0).says("1 left");
}

#[test]
fn the_daemon_sees_that_an_input_went_and_serves_the_same_bytes_again() {
    let spool = Spool::new().set("output.taken=leave");
    let daemon = spool.daemon();
    let known = |taken_at: &str| {
        let count = format!("SELECT count(*) FROM results WHERE taken_at {taken_at}");
        wait_until(&format!("it is known: {taken_at}"), || {
            let seen: rusqlite::Result<u32> = ledger(&spool).query_row(&count, [], |row| row.get(0));
            seen.is_ok_and(|n| n == 1)
        });
    };
    for _ in 0..3 {
        spool.deliver("a.csv", xs(&[1.0]));
        wait_until("the output", || spool.output("a.csv").is_some());
        known("= 0");
        take(&spool, "a.csv");
        fs::remove_file(spool.path("input/a.csv")).unwrap();
        known("< 0");
    }
    assert_eq!(daemon.stop(), 0);
}

/// Consumers of markers, or of the new folder, waited for ever.
#[test]
fn with_leave_outputs_are_made_where_and_as_the_settings_have_them_now() {
    let spool = Spool::new().set("output.taken=leave");
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    spool.once().exits(0).says("scored 2 files");
    let spool = spool.set("output.done_marker=true");
    spool.once().exits(0).says("scored 2 files");
    let marked = ["a.csv.out", "a.csv.out.done", "b.csv.out", "b.csv.out.done"];
    assert_eq!(spool.names("output"), marked);
    // Some consumers take the marker alone.
    fs::remove_file(spool.path("output/a.csv.out.done")).unwrap();
    spool.once().exits(0).says("1 output is up to date").says("1 left");
    let spool = spool.set("output.done_marker=false");
    spool.once().exits(0).says("2 outputs are up to date");
    let spool = spool.set("output.path=elsewhere");
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(spool.names("elsewhere"), ["a.csv.out", "b.csv.out"]);
    fs::remove_file(spool.path("elsewhere/a.csv.out")).unwrap();
    spool.once().exits(0).says("1 left");
    // Taken along, they stand.
    fs::rename(spool.path("elsewhere"), spool.path("third")).unwrap();
    let spool = spool.set("output.path=third");
    spool.once().exits(0).says("scored 1 file").says("1 up to date");
    fs::remove_file(spool.path("third/b.csv.out")).unwrap();
    spool.once().exits(0).says("1 left");
}

/// `sed -i`, `dos2unix` or `: > FILE` at each output made the daemon score a hundred times a second.
#[test]
fn an_output_that_is_changed_in_place_again_and_again_is_left_and_said_once() {
    for rule in ["remake", "leave"] {
        let spool = Spool::new().set(&format!("output.taken={rule}"));
        spool.drop_file("a.csv", xs(&[1.0]));
        spool.drop_file("b.csv", xs(&[2.0]));
        spool.once().exits(0).says("scored 2 files");
        let output = spool.path("output/a.csv.out");
        for _ in 0..2 {
            fs::write(&output, "").unwrap();
            spool.once().exits(0).says("scored 1 file").says("1 up to date");
            assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
            a_minute_passes(&spool);
        }
        fs::write(&output, "mine").unwrap();
        spool
            .once()
            .exits(0)
            .says("1 left")
            .says("WARN")
            .says("changed in place")
            .says("input=a.csv");
        let ran = spool.once().exits(0).says("1 left");
        assert!(!ran.stderr.contains("WARN"), "{}", ran.stderr);
        assert_eq!(spool.output("a.csv").unwrap(), "mine");
        let status = spool.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["left_files"], serde_json::json!(["a.csv"]));
        spool.run(&["retry", "a.csv"]).exits(0);
        spool.once().exits(0).says("scored 1 file");
        assert_eq!(times(&spool, "a.csv"), 0, "counted anew");
    }
}

#[test]
fn the_daemon_mends_an_output_that_is_changed_a_few_times_a_minute() {
    let spool = Spool::new().set("output.taken=leave");
    let daemon = spool.start();
    spool.drop_file("a.csv", xs(&[1.0]));
    let output = spool.path("output/a.csv.out");
    let remade = "SELECT remade FROM results WHERE input = CAST('a.csv' AS BLOB)";
    let mut changed = 0;
    wait_until("it waits for the minute to end", || {
        if fs::metadata(&output).is_ok_and(|meta| meta.len() > 0) {
            fs::write(&output, "").unwrap();
            changed += 1;
        }
        let made: rusqlite::Result<u32> = rusqlite::Connection::open(spool.path("state/ledger.db"))
            .and_then(|db| db.query_row(remade, [], |row| row.get(0)));
        made.is_ok_and(|n| n == 5)
    });
    assert!(changed < 10, "{changed} outputs");
    spool.drop_file("b.csv", xs(&[2.0]));
    wait_until("another output", || spool.output("b.csv").is_some());
    assert_eq!(daemon.stop(), 0);
}

/// Found by attack: a run before the input folder's disk was mounted had all that consumers had taken published again.
#[test]
fn an_input_folder_that_is_empty_for_a_run_makes_no_delivery_new() {
    let spool = Spool::new().set("output.taken=leave");
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    spool.once().exits(0).says("scored 2 files");
    take(&spool, "a.csv");
    take(&spool, "b.csv");
    spool.once().exits(0).says("2 left");
    fs::rename(spool.path("input"), spool.path("away")).unwrap();
    fs::create_dir(spool.path("input")).unwrap();
    spool.once().exits(0);
    fs::remove_dir(spool.path("input")).unwrap();
    fs::rename(spool.path("away"), spool.path("input")).unwrap();
    spool.once().exits(0).says("2 left");
    assert_eq!(spool.output("a.csv"), None);
}
