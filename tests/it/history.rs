//! `history`: which transformation made what, and how it is asked.

use crate::schema::{assert_valid, assert_valid_part};
use crate::spool::{Spool, xs};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::MetadataExt;

fn history(spool: &Spool, words: &[&str]) -> Value {
    let found = spool.run(&[&["history", "--json"], words].concat()).exits(0).json();
    assert_valid("history", &found);
    found
}

fn inputs(history: &Value) -> Vec<&str> {
    let entries = history.as_array().unwrap().iter();
    entries.map(|entry| entry["input"].as_str().unwrap()).collect()
}

/// As `sha256sum` prints it.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// More than 64 KiB of output.
fn large() -> String {
    xs(&vec![1.0; 30_000])
}

#[test]
fn an_output_tells_who_made_it_by_its_sha256_or_its_blake3() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.drop_file("b.csv", xs(&[2.0]));
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    spool.approve_line(3.0, 0.0);
    spool.once().exits(1);
    let output = spool.output_bytes("b.csv").unwrap();
    let sums = [sha256(&output), blake3::hash(&output).to_hex().to_string()];
    for sum in &sums {
        for digits in [8, 9, 64] {
            let found = history(&spool, &["--output-hash", &sum[..digits].to_uppercase()]);
            assert_eq!((inputs(&found), &found[0]["version"]), (vec!["b.csv"], &2.into()));
            assert_eq!(
                [&found[0]["output_sha256"], &found[0]["output_blake3"]],
                [&sums[0], &sums[1]]
            );
        }
    }
    let nobodys = "0".repeat(64);
    assert_eq!(history(&spool, &["--output-hash", &nobodys]), json!([]));
    spool
        .run(&["history", "--output-hash", &nobodys])
        .exits(0)
        .says("no transformation made this output yet");
    for wrong in [&sums[0][..7], "no digits"] {
        spool
            .run(&["history", "--output-hash", wrong])
            .exits(64)
            .says("sha256sum");
    }
    // What failed has no hashes.
    let failed = &history(&spool, &["bad.csv"])[0];
    assert_eq!(
        (&failed["output_sha256"], &failed["input_blake3"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(failed["verdict"], "fail");
}

#[test]
fn history_of_one_model_alone() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    spool.approve_line(3.0, 0.0);
    spool.drop_file("b.csv", xs(&[1.0]));
    spool.once().exits(0);
    for (model, expected) in [
        ("1", &["a.csv"][..]),
        ("lines/1", &["a.csv"]),
        ("lines/2", &["a.csv", "b.csv"]),
        ("lines", &["a.csv", "a.csv", "b.csv"]),
        ("line", &[]),
        ("3", &[]),
    ] {
        let found = history(&spool, &["--model", model]);
        let mut inputs = inputs(&found);
        inputs.sort();
        assert_eq!(inputs, expected, "{model}");
    }
    assert_eq!(
        inputs(&history(&spool, &["--model", "2", "--since", "1h", "b.csv"])),
        ["b.csv"]
    );
    spool
        .run(&["history", "--model", "3"])
        .exits(0)
        .says("no transformation by lines/3 yet");
}

#[test]
fn the_sha256_of_a_large_output_is_made_when_it_is_asked_for() {
    let spool = Spool::new();
    for name in ["a.csv", "b.csv", "changed.csv"] {
        spool.drop_file(name, large());
    }
    spool.drop_file("small.csv", xs(&[1.0]));
    spool.once().exits(0);
    let output = spool.output_bytes("a.csv").unwrap();
    let known = |spool: &Spool, name: &str| {
        let found = history(spool, &[]);
        let entry = found.as_array().unwrap().iter().find(|entry| entry["input"] == name);
        entry.unwrap()["output_sha256"].clone()
    };
    assert_eq!(known(&spool, "a.csv"), Value::Null);
    assert!(known(&spool, "small.csv").is_string());
    // An output that isn't what was made any more is nobody's.
    fs::write(spool.path("output/changed.csv.out"), "changed").unwrap();
    assert_eq!(history(&spool, &["changed.csv"])[0]["output_sha256"], Value::Null);
    assert_eq!(history(&spool, &["--output-hash", &sha256(b"changed")]), json!([]));
    // Asked for by its file, or by its hash; the ledger keeps it.
    let spool = Spool::new();
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, large());
        spool.once().exits(0);
    }
    assert_eq!(history(&spool, &["b.csv"])[0]["output_sha256"], sha256(&output));
    assert_eq!(
        (known(&spool, "a.csv"), known(&spool, "b.csv")),
        (Value::Null, sha256(&output).into())
    );
    fs::remove_file(spool.path("output/b.csv.out")).unwrap();
    assert_eq!(
        inputs(&history(&spool, &["--output-hash", &sha256(&output)])),
        ["b.csv"]
    );
    let spool = Spool::new();
    spool.drop_file("a.csv", large());
    spool.once().exits(0);
    assert_eq!(
        inputs(&history(&spool, &["--output-hash", &sha256(&output)[..8]])),
        ["a.csv"]
    );
    // Or wanted of all.
    let spool = Spool::new().set("output.sha256=all");
    spool.drop_file("a.csv", large());
    spool.once().exits(0);
    assert_eq!(known(&spool, "a.csv"), sha256(&output));
}

/// Who may not read the ledger reads these.
#[test]
fn each_day_that_ended_has_a_file_of_what_was_done_on_it() {
    let spool = Spool::new().set("state.history=30d");
    for name in ["a.csv", "b.csv", "late.csv", "old.csv", "today.csv"] {
        spool.drop_file(name, xs(&[1.0]));
    }
    spool.drop_file("bad.csv", "y\n1\n");
    spool.once().exits(1);
    let files = |spool: &Spool| {
        let mut names = spool.names("status");
        names.retain(|name| name.starts_with("history-"));
        names
    };
    assert_eq!(files(&spool), [""; 0], "its day has not ended");
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    let day = |ago: i64| {
        (Timestamp::now() - SignedDuration::from_hours(24 * ago))
            .strftime("%F")
            .to_string()
    };
    let age = |input: &str, days: i64, number: i64| {
        let update = "UPDATE history SET at = at - 86400000000 * ?1, id = ?2 WHERE input = CAST(?3 AS BLOB)";
        assert_eq!(ledger.execute(update, (days, number, input)).unwrap(), 1);
    };
    let (today, ago_3, ago_1) = (day(0), day(3), day(1));
    // Numbers don't quite grow with time.
    ledger.execute("UPDATE history SET id = id + 100", []).unwrap();
    for (input, days, number) in [
        ("old.csv", 3, 1),
        ("a.csv", 1, 2),
        ("late.csv", 3, 3),
        ("b.csv", 1, 4),
        ("bad.csv", 1, 5),
    ] {
        age(input, days, number);
    }
    spool.drop_file("next.csv", xs(&[1.0]));
    spool.once();
    if day(0) != today {
        return; // it is midnight
    }
    let file = |day: &str| format!("history-{day}.jsonl");
    assert_eq!(files(&spool), [file(&ago_3), file(&ago_1)]);
    let inputs = |day: &str| -> Vec<String> {
        let text = fs::read_to_string(spool.path("status").join(file(day))).unwrap();
        let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.map(|entry| entry["input"].as_str().unwrap().into()).collect()
    };
    assert_eq!(inputs(&ago_3), ["old.csv", "late.csv"]);
    assert_eq!(inputs(&ago_1), ["a.csv", "b.csv", "bad.csv"]);
    let path = spool.path("status").join(file(&ago_1));
    let text = fs::read_to_string(&path).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for entry in &entries {
        assert_valid_part("history", "/$defs/transformation", entry);
        assert!(entry["at"].as_str().unwrap().starts_with(&ago_1));
    }
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    // Once, and for as long as the ledger.
    let before = path.metadata().unwrap().ino();
    for old in ["history-2020-01-01.jsonl", "history-2020-01-01.txt"] {
        fs::write(spool.path("status").join(old), "").unwrap();
    }
    spool.once();
    assert_eq!(path.metadata().unwrap().ino(), before);
    let back = "UPDATE meta SET value = ? || ' 0 0' WHERE key = 'exported'";
    assert_eq!(ledger.execute(back, [&day(4)]).unwrap(), 1);
    spool.once();
    assert_eq!(
        files(&spool),
        ["history-2020-01-01.txt".to_string(), file(&ago_3), file(&ago_1)]
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        text,
        "it is written again, to the same bytes"
    );
}

/// That the status folder can't be written to keeps no file from its output.
#[test]
fn a_status_folder_that_refuses_the_history_stops_nobody() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    let ledger = rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    ledger.execute("UPDATE history SET at = at - 86400000000", []).unwrap();
    fs::remove_dir_all(spool.path("status")).unwrap();
    fs::write(spool.path("status"), "").unwrap();
    spool.drop_file("b.csv", xs(&[1.0]));
    spool.once().exits(0).says("can't write down what was done on");
    assert!(spool.output("b.csv").is_some());
    fs::remove_file(spool.path("status")).unwrap();
    spool.once().exits(0);
    let names = spool.names("status");
    let of_history = names.iter().filter(|name| name.starts_with("history-"));
    assert_eq!(of_history.count(), 1, "{names:?}");
}

#[test]
fn what_a_pass_prints_is_as_its_schema_says() {
    let spool = Spool::new();
    let pass = |flags: &[&str]| {
        let printed = spool.run(&[&["--once", "--json"], flags].concat());
        let found = printed.json();
        assert_valid("once", &found);
        assert_eq!(found["exit_code"], printed.code);
        found
    };
    assert_eq!(pass(&[])["scored"], 0);
    let rows: String = (0..20).map(|x| format!("{x}\n")).collect();
    spool.drop_file("rows.csv", format!("x\n{rows}lots\n"));
    spool.drop_file("bad.csv", "y\n1\n");
    spool.drop_file("other.txt", "");
    let found = pass(&[]);
    assert_eq!(
        (&found["bad_files"], &found["ignored"]),
        (&json!(["rows.csv"]), &1.into())
    );
    assert_eq!(pass(&[])["unchanged"], 1);
    assert_eq!(
        pass(&["--set", "models.group=absent"])["error"]["code"],
        "no_approved_model"
    );
    assert_eq!(pass(&["--set", "input.path=absent"])["exit_code"], 75);
    assert_eq!(pass(&["--set", "no.key=1"])["error"]["hint"], Value::Null);
}

/// The history had none, so what a pass said had failed couldn't be found in it but by its file and time.
#[test]
fn a_transformation_has_the_same_number_in_what_a_pass_prints_and_in_the_history() {
    let spool = Spool::new();
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, "y\n1\n");
    }
    let failures = spool.run(&["--once", "--json"]).json()["failed_files"].take();
    let numbers: Vec<i64> = failures
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| {
            let found = history(&spool, &[failure["file"].as_str().unwrap()]);
            assert_eq!(found[0]["transformation"], failure["transformation"]);
            found[0]["transformation"].as_i64().unwrap()
        })
        .collect();
    assert!(numbers == [1, 2] || numbers == [2, 1], "{numbers:?}");
}

/// It said "no transformation yet", as of a spool in which nothing was done.
#[test]
fn in_a_folder_without_a_spool_commands_say_where_they_looked() {
    let elsewhere = tempfile::tempdir().unwrap();
    let spool = Spool::new();
    let run = |spool: &Spool, words: &[&str]| {
        let mut command = spool.command(words);
        let out = command.current_dir(elsewhere.path()).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let folder = elsewhere.path().canonicalize().unwrap();
    for (words, looked) in [
        (&["history"][..], "state"),
        (&["history", "--json"], "state"),
        (&["history", "a.csv"], "state"),
        (&["retry"], "state"),
        (&["retry", "a.csv"], "state"),
        (&["models", "list"], "models"),
        (&["models", "list", "--json"], "models"),
    ] {
        let (code, text) = run(&spool, words);
        let expected = format!("transform: {}: there is no spool", folder.join(looked).display());
        assert!(text.starts_with(&expected), "{words:?}: {text}");
        let file = format!(
            "from {}; those that are relative",
            spool.path("transform.toml").display()
        );
        assert!(text.contains(&file), "{text}");
        assert_eq!(code, Some(64));
    }
    // Nothing was done yet, and nothing is wrong.
    assert_eq!(history(&spool, &[]), json!([]));
    spool.run(&["history"]).exits(0).says("no transformation yet");
    spool.run(&["retry"]).exits(0).says("no file has failed");
    let empty = Spool::without_model();
    assert_eq!(empty.run(&["models", "list", "--json"]).exits(0).json(), json!([]));
    assert!(elsewhere.path().read_dir().unwrap().next().is_none(), "nothing is made");
}
