//! What the ledger keeps, for how long, and what an upgrade makes of it.

use crate::cells::approve_categories;
use crate::spool::{Spool, line, xs};
use serde_json::json;
use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The inputs of `ledger-schema-2.db`, and what was published for the two that were scored.
const GOOD: &str = "x\n1\n2\n";
const ALL: &str = "x\n1\nfoo\n3\n4\n5\n6\n7\n8\n9\n10\n";
/// The artifact of the version that it names.
const LINE: &str = r#"{"features":["x"],"coefficients":[2],"intercept":1}"#;
const ALL_OUT: &str = "x,prediction\n1,3.0\nfoo,\n3,7.0\n4,9.0\n5,11.0\n6,13.0\n7,15.0\n8,17.0\n9,19.0\n10,21.0\n";

/// Puts an input where the ledger says that it was scored, with its result.
fn restore(spool: &Spool, ledger: &rusqlite::Connection, input: &str, text: &str) {
    let seen = spool.drop_file(input, text).metadata().unwrap();
    let nanos = |s: i64, ns: i64| s * 1_000_000_000 + ns;
    let times = (
        nanos(seen.mtime(), seen.mtime_nsec()),
        nanos(seen.ctime(), seen.ctime_nsec()),
        input.as_bytes(),
    );
    // Before and after an upgrade.
    let update = "UPDATE results SET mtime = ?1,
                  ctime = iif((SELECT user_version FROM pragma_user_version) >= 3, ?2 - ?1, ?2) WHERE input = ?3";
    assert_eq!(ledger.execute(update, times).unwrap(), 1);
}

/// A ledger of schema 2 that says that the approved version scored one input and failed another, with what was published.
fn with_ledger_2(spool: &Spool) -> PathBuf {
    let path = spool.path("state/ledger.db");
    fs::create_dir(spool.path("state")).unwrap();
    fs::write(&path, include_bytes!("../fixtures/ledger-schema-2.db")).unwrap();
    let ledger = rusqlite::Connection::open(&path).unwrap();
    restore(spool, &ledger, "good.csv", GOOD);
    restore(spool, &ledger, "bad.csv", "y\n1\n");
    // After the version was registered.
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    assert_eq!(ledger.execute("UPDATE history SET at = ?", [now]).unwrap(), 3);
    // As if outputs were made by today's rules: what the schema alone changes.
    ledger
        .execute("UPDATE recipes SET output_format = 2 WHERE output_format = 1", [])
        .unwrap();
    let report = "SELECT published FROM results WHERE input = CAST('bad.csv' AS BLOB)";
    let report: usize = ledger.query_row(report, [], |row| row.get(0)).unwrap();
    fs::write(spool.path("failed/bad.csv.error.json"), vec![b' '; report]).unwrap();
    fs::write(spool.path("output/good.csv.out"), line(2.0, 1.0, &[1.0, 2.0])).unwrap();
    path
}

#[test]
fn an_upgrade_from_schema_2_scores_nothing_again() {
    let spool = Spool::new();
    let path = with_ledger_2(&spool);
    fs::write(spool.path("output/all.csv.out"), ALL_OUT).unwrap();
    spool.run(&["status"]).exits(64).says("older version");
    // A service that is to be started is well.
    spool
        .run(&["check"])
        .exits(0)
        .says("its ledger is of an earlier version: the worker brings it up to date when it starts");

    spool.once().exits(1).says("scored 0 files; 1 up to date; 1 failed");
    let transformations = |spool: &Spool| spool.run(&["history", "--json"]).exits(0).json();
    assert_eq!(transformations(&spool).as_array().unwrap().len(), 3);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["done"], &status["pending"]), (&1.into(), &0.into()));
    assert_eq!(status["failed_files"][0]["code"], "no_such_column");

    // What was scored with other settings still counts once they are back.
    let spool = spool.set("output.columns=all");
    for gone in ["good.csv", "bad.csv"] {
        fs::remove_file(spool.path("input").join(gone)).unwrap();
    }
    restore(&spool, &rusqlite::Connection::open(&path).unwrap(), "all.csv", ALL);
    spool.once().exits(0).says("nothing to do");
    assert_eq!(transformations(&spool).as_array().unwrap().len(), 3);
    assert_eq!(spool.output("all.csv").as_deref(), Some(ALL_OUT));
    let spool = spool.set("output.columns=prediction");
    spool.once().exits(0).says("scored 1 file");
}

/// What a header, a cell and a blank line mean changed with output format 2.
#[test]
fn what_older_rules_made_is_scored_again_once() {
    let spool = Spool::new();
    let path = with_ledger_2(&spool);
    let ledger = rusqlite::Connection::open(&path).unwrap();
    ledger
        .execute("UPDATE recipes SET output_format = 1 WHERE output_format = 2", [])
        .unwrap();
    drop(ledger);
    let inode = |spool: &Spool| fs::metadata(spool.path("output/good.csv.out")).unwrap().ino();
    let before = inode(&spool);
    spool.once().exits(1).says("scored 1 file").says("1 failed");
    assert_eq!(inode(&spool), before, "the same bytes are not published again");
    spool.strict().exits(1).says("scored 0 files; 1 up to date; 1 failed");
}

#[test]
fn an_upgrade_without_an_approved_model_knows_what_every_version_made() {
    let spool = Spool::new();
    with_ledger_2(&spool);
    spool.reject(1);
    spool.once().exits(3);
    spool.approve(1);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["done"], &status["failed"], &status["pending"]),
        (&1.into(), &1.into(), &0.into())
    );
}

#[test]
fn an_upgrade_waits_for_the_models_to_know_who_made_what() {
    let spool = Spool::new();
    with_ledger_2(&spool);
    fs::rename(spool.path("models"), spool.path("away")).unwrap();
    spool.once().exits(3);
    fs::rename(spool.path("away"), spool.path("models")).unwrap();
    spool.once().exits(1).says("scored 0 files; 1 up to date; 1 failed");
}

#[test]
fn a_group_that_cannot_be_read_keeps_no_upgrade_from_its_work() {
    let spool = Spool::new();
    let path = with_ledger_2(&spool);
    let ledger = rusqlite::Connection::open(&path).unwrap();
    let insert = "INSERT INTO recipes (model, settings, output_format)
                  SELECT replace(model, 'lines/', 'others/'), settings, output_format FROM recipes WHERE id > 0";
    assert!(ledger.execute(insert, []).unwrap() > 0);
    // A link to itself is nothing that could be listed.
    std::os::unix::fs::symlink("others", spool.path("models/others")).unwrap();
    spool.once().exits(1).says("scored 0 files; 1 up to date; 1 failed");
    fs::remove_file(spool.path("models/others")).unwrap();
    spool.strict().exits(1).says("scored 0 files; 1 up to date; 1 failed");
    let unknown = "SELECT count(*) FROM recipes WHERE made_by LIKE 'others/1@?%'";
    assert!(ledger.query_row(unknown, [], |row| row.get::<_, u32>(0)).unwrap() > 0);
}

/// `prediction = 2 x + 1` once more, by another manifest.
fn register_the_line_again(spool: &Spool) {
    fs::remove_dir_all(spool.path("models/lines")).unwrap();
    fs::write(spool.path("line.json"), LINE).unwrap();
    let register = [
        "models",
        "register",
        "line.json",
        "--format",
        "linear",
        "--description",
        "another one",
    ];
    spool
        .run(&[&register[..], &["--approve"]].concat())
        .exits(0)
        .says("lines/1");
}

#[test]
fn a_version_that_is_registered_again_after_an_upgrade_scores_all_again() {
    let spool = Spool::new().set("models.on_approval=new-files");
    with_ledger_2(&spool);
    spool.approve_line(3.0, 0.0);
    spool.once().exits(1).says("scored 0 files; 1 up to date; 1 failed");
    register_the_line_again(&spool);
    let spool = spool.set("models.on_approval=rescore");
    spool.once().exits(1).says("scored 1 file (2 rows) by lines/1");
}

#[test]
fn a_version_that_was_registered_again_before_an_upgrade_did_not_make_what_is_older() {
    let spool = Spool::new();
    let path = with_ledger_2(&spool);
    let ledger = rusqlite::Connection::open(&path).unwrap();
    ledger.execute("UPDATE history SET at = at - 60000000", []).unwrap();
    register_the_line_again(&spool);
    spool.once().exits(1).says("scored 1 file (2 rows) by lines/1");
    let history = spool.run(&["history", "good.csv", "--json"]).exits(0).json();
    let made_by: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["made_by"].as_str().unwrap())
        .collect();
    assert!(
        made_by.len() == 2 && made_by.iter().all(|m| m.starts_with("lines/1@")) && made_by[0] != made_by[1],
        "{made_by:?}"
    );
}

/// The artifact is the same, and means something else by another manifest.
#[test]
fn a_version_that_is_registered_again_with_other_class_names_scores_all_again() {
    let spool = Spool::without_model();
    let fixture = |name: &str| format!("{}/tests/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let register = |names: &str| {
        let artifact = fixture("xgboost-3.2.0/classifier.ubj");
        let format = ["--format", "xgboost", "--class-names", names, "--approve"];
        spool
            .run(&[&["models", "register", &artifact][..], &format].concat())
            .exits(0)
            .says("lines/1");
    };
    register("aa,bb,cc");
    spool.drop_file("rows.csv", fs::read(fixture("rows.csv")).unwrap());
    spool.once().exits(0).says("scored 1 file");
    let before = spool.output("rows.csv").unwrap();
    fs::remove_dir_all(spool.path("models/lines/1")).unwrap();
    register("cc,bb,aa");
    spool.once().exits(0).says("scored 1 file");
    let other_way: Vec<&str> = before
        .lines()
        .map(|label| match label {
            "aa" => "cc",
            "cc" => "aa",
            same => same,
        })
        .collect();
    assert!(before.contains("aa") && before.contains("cc"));
    assert_eq!(spool.output("rows.csv").unwrap(), other_way.join("\n") + "\n");
}

#[test]
fn an_unreadable_ledger_is_an_error_for_history_and_retry() {
    let spool = Spool::new();
    for command in [&["history"][..], &["retry"], &["status"]] {
        spool.run(command).exits(0);
    }
    // A link to itself is nothing that could be opened.
    fs::create_dir_all(spool.path("state")).unwrap();
    std::os::unix::fs::symlink("ledger.db", spool.path("state/ledger.db")).unwrap();
    for command in [&["history"][..], &["retry"], &["status"]] {
        spool.run(command).exits(75).says("ledger.db");
    }
}

/// Makes all that the ledger has so old that it is history, and a round of pruning due.
fn age(spool: &Spool) {
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let day = 24 * 60 * 60 * 1_000_000_i64;
    for (sql, days) in [
        ("UPDATE history SET at = at - ?", 100),
        ("UPDATE results SET first_seen = first_seen - ?", 100),
        (
            "UPDATE meta SET value = CAST(value AS INTEGER) - ? WHERE key = 'pruned'",
            1,
        ),
    ] {
        assert!(ledger.execute(sql, [days * day]).unwrap() > 0);
    }
}

#[test]
fn the_ledger_does_not_grow_without_bound() {
    let spool = Spool::new();
    for name in ["stays.csv", "gone.csv", "taken.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1).says("scored 3 files");
    spool.run(&["retry"]).exits(0);
    spool.once().exits(1);
    // What is gone left its output; what was taken left nothing.
    for gone in ["input/gone.csv", "input/taken.csv", "output/taken.csv.out"] {
        fs::remove_file(spool.path(gone)).unwrap();
    }
    let inputs = |spool: &Spool| {
        let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
        let mut select = ledger
            .prepare("SELECT CAST(input AS TEXT) FROM results ORDER BY 1")
            .unwrap();
        let names = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        names.map(Result::unwrap).collect::<Vec<_>>()
    };
    let history = |spool: &Spool| {
        let history = spool.run(&["history", "--json"]).exits(0).json();
        history.as_array().unwrap().len()
    };
    age(&spool);
    // Nothing goes while the mount of a folder is away.
    let place = |kind: &str| {
        let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
        let update = "UPDATE meta SET value = ? WHERE key = 'place output'";
        assert_eq!(ledger.execute(update, [kind]).unwrap(), 1);
    };
    place("mount");
    spool.once().exits(75).says("was on a mount");
    assert_eq!((inputs(&spool).len(), history(&spool)), (4, 5));
    place("local");

    spool.strict().exits(1).says("scored 0 files; 1 up to date; 1 failed");
    assert_eq!(inputs(&spool), ["bad.csv", "gone.csv", "stays.csv"]);
    assert_eq!(history(&spool), 1);
    let status = spool.run(&["status", "--json"]).json();
    assert_eq!(status["failed_files"][0]["code"], "no_such_column");
    spool.run(&["history", "bad.csv"]).exits(0).says("retry by ");
    spool
        .run(&["history", "--since", "7d"])
        .exits(0)
        .says("no transformation since then");
    spool.run(&["history", "--since", "1000d"]).exits(0).says("bad.csv");
    spool.run(&["history", "--since", "yesterday"]).exits(64).says("7d");
    // A day later, and not before.
    spool.drop_file("new.csv", xs(&[2.0]));
    spool.strict().exits(1).says("scored 1 file");
    spool.run(&["history", "--since", "1h"]).exits(0).says("new.csv");
}

/// "unable to open database file", "attempt to write a readonly database".
#[test]
fn a_ledger_without_the_rights_to_it_is_not_an_unreadable_file() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    let ledger = spool.path("state/ledger.db");
    let chmod = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chmod(&spool.path(""), 0o755);
    for (folder, file, refused) in [
        (0o755, 0o000, "can't open state/ledger.db: Permission denied"),
        (0o755, 0o444, "can't write to state/ledger.db: Permission denied"),
        (0o000, 0o644, "can't open state/ledger.db: Permission denied"),
    ] {
        chmod(&ledger, file);
        chmod(&spool.path("state"), folder);
        let mut command = spool.command(&["history"]);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        match command.output() {
            Ok(out) => {
                let text = String::from_utf8_lossy(&out.stderr);
                assert!(text.contains(refused) && text.contains("needs the right"), "{text}");
            }
            Err(e) => eprintln!("skipped: nobody can't run the program ({e})"),
        }
        chmod(&spool.path("state"), 0o755);
    }
    chmod(&ledger, 0o644);
}

/// The output stands, and with it what is to be known of it: `status` forgot the unknown categories with the history.
#[test]
fn what_is_to_be_known_of_an_output_outlives_its_history() {
    let spool = Spool::without_model().set("input.max_bad_rows=100%");
    approve_categories(&spool, &["Oslo", "Rome"]);
    spool.drop_file("both.csv", "c,v\nOslo,1\nPrague,1\nRome,1,2\n");
    spool.drop_file("unknown.csv", "c\nPrague\nBern\n");
    spool.once().exits(0).says("scored 2 files");
    age(&spool);
    spool.once().exits(0).says("nothing to do");
    assert_eq!(spool.run(&["history", "--json"]).exits(0).json(), json!([]));
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        status["unknown_files"],
        json!([{"file": "both.csv", "unknown": {"c": 1}}, {"file": "unknown.csv", "unknown": {"c": 2}}])
    );
    assert_eq!(
        status["bad_files"],
        json!([{"file": "both.csv", "rows": 3, "bad_rows": 1, "rejects_gone": false}])
    );
}

#[test]
fn a_retry_keeps_when_an_input_was_first_seen() {
    let spool = Spool::new();
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    let first_seen = || {
        let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
        let select = "SELECT first_seen FROM results";
        ledger.query_row(select, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = first_seen();
    spool
        .run(&["retry", "bad.csv", "bad.csv"])
        .exits(0)
        .says("1 file to try again");
    assert!(spool.report("bad.csv").is_none());
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["pending"], &status["failed"]), (&1.into(), &0.into()));
    spool.once().exits(1);
    assert!(spool.report("bad.csv").is_some());
    assert_eq!(first_seen(), before);
}

/// Nothing holds results yet; a ledger that says so was written by a later version's policy, or by this test.
#[test]
fn a_held_result_waits_for_a_person() {
    let spool = Spool::new();
    spool.drop_file("a.csv", GOOD);
    spool.once().exits(0);
    let report = spool.path("failed/a.csv.held.json");
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    fs::write(&report, "{}").unwrap();
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    ledger
        .execute("UPDATE results SET verdict = 2, published = 2", [])
        .unwrap();
    drop(ledger);

    let run = spool
        .run(&["--once", "--json"])
        .exits(1)
        .says("1 held")
        .says("held: a.csv");
    assert_eq!((&run.json()["held"], &run.json()["scored"]), (&1.into(), &0.into()));
    assert_eq!(spool.output("a.csv"), None);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["held"], &status["done"], &status["failed"]),
        (&1.into(), &0.into(), &0.into())
    );
    assert_eq!(status["held_files"][0], "a.csv");
    spool.run(&["retry", "a.csv"]).exits(64).says("did not fail");

    fs::remove_file(spool.path("input/a.csv")).unwrap();
    spool.once().exits(0);
    assert!(!report.exists(), "a report about nothing");
}
