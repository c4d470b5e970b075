//! What people see of how things stand: `status`, `retry`, and the mail of cron.

use crate::cells::approve_categories;
use crate::spool::{Ran, Spool, line, wait_until, xs};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

fn status(spool: &Spool) -> Value {
    spool.run(&["status", "--json"]).exits(0).json()
}

/// The pending files, and what each waits for.
fn waiting(status: &Value) -> Value {
    let files = status["pending_files"].as_array().unwrap();
    files.iter().map(|file| json!([file["file"], file["reason"]])).collect()
}

fn quiet(spool: &Spool) -> Ran {
    spool.run(&["--once", "--quiet"])
}

/// It said "input can't open aa.csv", and "done 0".
#[test]
fn a_link_whose_target_is_away_hides_no_result_of_others() {
    let spool = Spool::new().set("input.links=[\"cache\"]").set("input.recursive=true");
    for name in ["b.csv", "c.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    fs::create_dir(spool.path("cache")).unwrap();
    symlink("../cache/f00", spool.path("input/aa.csv")).unwrap();
    let before = status(&spool);
    assert_eq!((&before["pending"], &before["input_error"]), (&3.into(), &Value::Null));
    assert_eq!(before["unseen_files"][0]["file"], "aa.csv");
    assert_eq!(before["unseen_files"][0]["code"], "not_found");
    spool
        .run(&["status"])
        .exits(0)
        .says("can't be looked at:\n  aa.csv  not_found: ");
    spool.once().exits(75).says("scored 2 files");
    let found = status(&spool);
    assert_eq!(
        (&found["done"], &waiting(&found), &found["input_error"]),
        (&2.into(), &json!([["aa.csv", "retry"]]), &Value::Null)
    );
    // Said once.
    assert_eq!(
        (&found["unseen_files"], &found["faults"][0]["input"]),
        (&json!([]), &"aa.csv".into())
    );
}

#[test]
fn a_file_that_somebody_holds_open_is_named_by_status_and_by_the_log_once() {
    let spool = Spool::new().set("input.rescan_interval=1s");
    spool.drop_file("done.csv", xs(&[1.0]));
    spool.once().exits(0);
    // Who appends to what is done holds up no other model.
    let _appends = fs::File::options()
        .append(true)
        .open(spool.path("input/done.csv"))
        .unwrap();
    let _writes = fs::File::create(spool.path("input/open.csv")).unwrap();
    assert_eq!(waiting(&status(&spool)), json!([["open.csv", "open"]]));
    spool
        .run(&["status"])
        .exits(0)
        .says("its writer has it open")
        .says("\n  open.csv");
    let daemon = spool.daemon();
    let words = "open for writing; it is scored once it is closed input=open.csv";
    daemon.logs(words);
    spool.deliver("next.csv", xs(&[1.0]));
    wait_until("others are scored, and recorded", || status(&spool)["done"] == 2);
    let found = status(&spool);
    assert_eq!(waiting(&found), json!([["open.csv", "open"]]));
    assert_eq!(daemon.log().matches(words).count(), 1, "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_file_that_is_written_to_and_then_held_open_is_said_to_be_open() {
    let spool = Spool::new().set("input.rescan_interval=1s");
    let daemon = spool.daemon();
    let mut writer = fs::File::create(spool.path("input/open.csv")).unwrap();
    writer.write_all(b"x\n1\n").unwrap();
    // A listing finds it so.
    daemon.logs("open for writing; it is scored once it is closed");
    drop(writer);
    wait_until("it is scored", || {
        spool.output("open.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

/// It was "settling", then "queued": of files that others own only the worker's events tell.
#[test]
fn a_file_that_is_written_to_is_open_by_the_workers_word() {
    let spool = Spool::new().set("input.settle=1h").set("input.rescan_interval=1h");
    let daemon = spool.daemon();
    daemon.logs("ready");
    let path = spool.drop_file("a.csv", xs(&[1.0, 2.0, 3.0]));
    wait_until("it is scored", || status(&spool)["done"] == 1);
    // The kernel tells of it, and of no end, as of a file that another user's process has open.
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path ends with a zero and outlives the call.
    #[expect(unsafe_code)]
    let cut = unsafe { libc::truncate(path.as_ptr(), 4) };
    assert_eq!(cut, 0);
    wait_until("status says so", || {
        waiting(&status(&spool)) == json!([["a.csv", "open"]])
    });
    spool.run(&["status"]).exits(0).says("its writer has it open");
    daemon.kill();
    assert_eq!(waiting(&status(&spool)), json!([["a.csv", "settling"]]));
}

/// Exit code 0, and not a word.
#[test]
fn cron_hears_of_outputs_that_are_left_unless_that_is_as_configured() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    let db = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    db.execute("UPDATE results SET taken = 3", []).unwrap();
    drop(db);
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    for _ in 0..2 {
        quiet(&spool).exits(0).says("1 left").says("\n  left: a.csv");
    }
    let ran = quiet(&spool.set("output.taken=leave")).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn cron_hears_of_a_column_in_which_no_category_is_known() {
    let spool = Spool::without_model().set("input.max_bad_rows=100%");
    approve_categories(&spool, &["Oslo", "Rome"]);
    // A single one is news to nobody.
    spool.drop_file("a.csv", "c\nOslo\nPrague\n");
    let ran = quiet(&spool).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    spool.drop_file("b.csv", "c\noslo\nrome\n");
    quiet(&spool)
        .exits(0)
        .says("unknown categories: c 2")
        .says("\n  a column of categories that the model doesn't know: b.csv");
    // Once.
    let ran = quiet(&spool).exits(0);
    assert_eq!(ran.stderr, "");
    assert_eq!(status(&spool)["unknown_files"].as_array().unwrap().len(), 2);
}

/// "1 file to try again", and nothing happened; it was recorded each time.
#[test]
fn a_retry_of_what_is_no_input_says_so() {
    let spool = Spool::new();
    spool.drop_file("bad.csv", "");
    spool.once().exits(1);
    fs::remove_file(spool.path("input/bad.csv")).unwrap();
    for name in ["bad.csv", "never.csv"] {
        spool
            .run(&["retry", name])
            .exits(64)
            .says(&format!("{name}: no such input"));
    }
    let db = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let decisions: u32 = db
        .query_row("SELECT count(*) FROM decisions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(decisions, 0);
}

/// `status` said that they were there, and `retry` that the file didn't fail.
#[test]
fn bad_rows_that_were_cleaned_away_are_written_again_by_retry() {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    spool.drop_file("a.csv", "x\n1\noops\n");
    spool.once().exits(0);
    let rejects = spool.rejects("a.csv").unwrap();
    spool.run(&["retry", "a.csv"]).exits(64).says("did not fail");
    fs::remove_file(spool.path("failed/a.csv.rejects.csv")).unwrap();
    assert_eq!(status(&spool)["bad_files"][0]["rejects_gone"], true);
    spool
        .run(&["status"])
        .exits(0)
        .says("they went: 'transform retry FILE'");
    spool.once().exits(0).says("nothing to do");
    spool.run(&["retry", "a.csv"]).exits(0).says("1 file to try again");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.rejects("a.csv").unwrap(), rejects);
    assert_eq!(status(&spool)["bad_files"][0]["rejects_gone"], false);
}

/// It said "input can't open .../output", and "done 0".
#[test]
fn counts_that_cannot_be_known_are_not_zero_and_no_other_folder_is_called_the_input() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    fs::remove_dir_all(spool.path("output")).unwrap();
    fs::write(spool.path("output"), "no folder").unwrap();
    let found = status(&spool);
    assert_eq!(
        (&found["counted"], &found["input_error_code"]),
        (&Value::Null, &"io_error".into())
    );
    let input = format!("input      {}", spool.path("input").display());
    let ran = spool.run(&["status"]).exits(0);
    ran.says(&input).says("NOT OK: can't ").says("done       unknown");
    let check = spool.run(&["status", "--check"]).exits(2);
    check.says("can't look at the inputs: ").says("|done=U;;;0 ");
}
