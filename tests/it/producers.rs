//! Producers that do everything wrong. None may hang or end the worker, exceed its memory, or keep the others waiting.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;

fn set_mtime(path: &Path, seconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
}

#[test]
fn a_file_that_is_cut_and_written_again_while_it_is_read_ends_right() {
    let spool = Spool::new();
    let values: Vec<f64> = (0..300_000).map(f64::from).collect();
    let (long, short) = (xs(&values), xs(&values[..1000]));
    let path = spool.drop_file("a.csv", &long);
    let daemon = spool.daemon();
    for round in 0..20 {
        let (text, end) = if round % 2 == 0 {
            (&short, 1000)
        } else {
            (&long, values.len())
        };
        // In place: the reader has the same file open.
        let mut file = File::options().write(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        let (first, second) = text.as_bytes().split_at(text.len() / 3);
        file.write_all(first).unwrap();
        file.set_len(7).unwrap();
        file.seek(SeekFrom::Start(first.len() as u64)).unwrap();
        file.write_all(second).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(first).unwrap();
        drop(file);
        if round % 5 == 4 {
            let expected = line(2.0, 1.0, &values[..end]);
            wait_until("the output is that of the file", || {
                spool.output("a.csv").as_ref() == Some(&expected)
            });
        }
    }
    assert_eq!(daemon.stop(), 0);
    assert_eq!(spool.names("failed"), [""; 0]);
}

#[test]
fn a_file_of_the_same_size_and_time_is_another_file() {
    let spool = Spool::new();
    let path = spool.drop_file("a.csv", "x\n1\n");
    set_mtime(&path, 1_000_000_000);
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\n");
    // Renamed over it, with the same size and mtime: ctime tells.
    fs::write(spool.path("b"), "x\n2\n").unwrap();
    set_mtime(&spool.path("b"), 1_000_000_000);
    fs::rename(spool.path("b"), &path).unwrap();
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n5.0\n");
    // Written in place, and the time set back.
    fs::write(&path, "x\n4\n").unwrap();
    set_mtime(&path, 1_000_000_000);
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n9.0\n");
}

#[test]
fn times_in_the_past_and_the_future_are_fine() {
    let spool = Spool::new();
    for (name, seconds) in [
        ("old.csv", 1),
        ("before.csv", -1_000_000),
        ("future.csv", 7_000_000_000),
    ] {
        set_mtime(&spool.drop_file(name, "x\n1\n"), seconds);
    }
    spool.once().exits(0).says("3 files");
    spool.once().exits(0).says("3 outputs are up to date");
    // Older than what was scored, and still another file.
    set_mtime(&spool.drop_file("future.csv", "x\n2\n"), 5);
    spool.once().exits(0).says("1 file");
    assert_eq!(spool.output("future.csv").unwrap(), "prediction\n5.0\n");
}

/// With less address space than any of these files takes.
#[test]
fn hostile_files_stay_within_the_memory_bound_and_the_others_go_on() {
    let spool = Spool::new().set("worker.memory=32MiB").set("worker.threads=2");
    let sparse = |name: &str, begin: &[u8], length: u64| {
        let mut file = File::create(spool.path("input").join(name)).unwrap();
        file.write_all(begin).unwrap();
        let text = vec![b'a'; 1 << 20];
        for _ in 0..20 {
            file.write_all(&text).unwrap();
        }
        file.set_len(length).unwrap();
    };
    sparse("line.csv", b"x\n", 5 << 30);
    sparse("header.csv", b"", 5 << 30);
    sparse("quote.csv", b"x\n1\n\"", 5 << 30);
    let columns: Vec<String> = (0..1_000_000).map(|i| format!("c{i}")).collect();
    spool.drop_file(
        "columns.csv",
        format!("x,{}\n1{}\n", columns.join(","), ",1".repeat(1_000_000)),
    );
    spool.drop_file("commas.csv", format!("x\n{}\n", ",".repeat(15 << 20)));
    spool.drop_file("quotes.csv", format!("x\n{}\n", "\"\"\n".repeat(5_000_000)));
    spool.drop_file("empty.csv", "");
    spool.drop_file("good.csv", "x\n1\n");
    let shell = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -v 800000; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_transform"),
        ])
        .arg("--config")
        .arg(spool.path("transform.toml"))
        .arg("--once")
        .current_dir(spool.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&shell.stderr);
    assert_eq!(shell.status.code(), Some(1), "{stderr}");
    for (name, code) in [
        ("line.csv", "record_too_long"),
        ("header.csv", "record_too_long"),
        ("quote.csv", "unclosed_quote"),
        ("commas.csv", "too_many_bad_rows"),
        ("quotes.csv", "too_many_bad_rows"),
        ("empty.csv", "empty_file"),
    ] {
        let report = spool
            .report(name)
            .unwrap_or_else(|| panic!("no report of {name}: {stderr}"));
        assert_eq!(report["code"], code, "{report}");
    }
    assert_eq!(spool.output("columns.csv").unwrap(), "prediction\n3.0\n");
    assert_eq!(spool.output("good.csv").unwrap(), "prediction\n3.0\n");
}

/// What stands in a file or its name can't play tricks on the terminal or in the log of the person who reads of it.
#[test]
fn control_characters_of_files_are_escaped_wherever_they_are_shown() {
    let spool = Spool::new().set("input.bad_rows=fail");
    let escape = "\u{1b}[2J\u{1b}]0;owned\u{7}\r";
    spool.drop_file("header.csv", format!("{escape}x,y\n1,2\n"));
    spool.drop_file("cell.csv", format!("x\n\"{escape}\"\n"));
    spool.drop_file(&format!("{}name\n.csv", &escape[..4]), "y\n1\n");
    let mut shown = Vec::new();
    for args in [
        &["--once"][..],
        &["--once", "--log-format", "json", "--log-level", "debug", "--all"],
        &["status"],
        &["history"],
        &["retry"],
        &["--once", "--json"],
    ] {
        let ran = spool.run(args);
        shown.push(ran.stdout);
        shown.push(ran.stderr);
    }
    let ran = spool.filter(&["score"], format!("x\n\"{escape}\"\n").as_bytes());
    shown.push(ran.stderr);
    for name in spool.names("failed").iter().filter(|n| n.ends_with(".error.json")) {
        shown.push(fs::read_to_string(spool.path("failed").join(name)).unwrap());
    }
    assert!(shown.iter().any(|text| text.contains("owned")));
    for text in shown {
        let bad = |c: &char| c.is_control() && *c != '\n';
        assert_eq!(text.chars().find(bad), None, "{text:?}");
    }
}
