//! Which files are inputs, and when they are whole.

use crate::spool::{Spool, line, wait_until, xs};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

/// The parts that Spark writes below `_temporary` were scored there too, and their outputs stayed.
#[test]
fn what_spark_writes_below_temporary_is_scored_once_it_is_whole() {
    let spool = Spool::new().set("input.recursive=true");
    let daemon = spool.daemon();
    let attempt = "day/_temporary/0/_temporary/attempt_0/part-0.csv";
    spool.drop_file(attempt, xs(&[1.0]));
    spool.drop_file("day/_part.csv", xs(&[2.0]));
    spool.drop_file("day/_hour=7/part-1.csv", xs(&[3.0]));
    spool.drop_file("_a.csv", xs(&[4.0]));
    wait_until("the others are scored", || {
        spool.output("day/_hour=7/part-1.csv").is_some() && spool.output("_a.csv").is_some()
    });
    fs::rename(spool.path("input").join(attempt), spool.path("input/day/part-0.csv")).unwrap();
    fs::remove_dir_all(spool.path("input/day/_temporary")).unwrap();
    wait_until("it is scored", || {
        spool.output("day/part-0.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
    spool.once().exits(0).says("nothing to do");
    assert_eq!(spool.names("output/day"), ["_hour=7", "part-0.csv.out"]);
    assert_eq!(spool.names("output"), ["_a.csv.out", "day"]);
    // Whoever wants them says so.
    let spool = spool.set("input.hidden=[]");
    spool.once().exits(0).says("scored 1 file");
    assert!(spool.output("day/_part.csv").is_some());
}

/// The event of a folder `day1.csv` made a failed input of it, whose report stayed for ever.
#[test]
fn a_folder_by_the_name_of_an_input_is_looked_into() {
    let spool = Spool::new();
    fs::create_dir(spool.path("input/day1.csv")).unwrap();
    spool.once().exits(1).says("failed: day1.csv");
    assert_eq!(spool.report("day1.csv").unwrap()["code"], "not_a_file");
    let spool = spool
        .set("input.recursive=true")
        .set("input.settle=50ms")
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h");
    let daemon = spool.daemon();
    wait_until("the report about a file that it isn't is gone", || {
        spool.names("failed").is_empty()
    });
    spool.drop_file("day1.csv/part.csv", xs(&[1.0]));
    wait_until("it is scored", || spool.output("day1.csv/part.csv").is_some());
    // With files in it, by a rename.
    fs::create_dir(spool.path("made")).unwrap();
    fs::write(spool.path("made/part.csv"), xs(&[2.0])).unwrap();
    fs::rename(spool.path("made"), spool.path("input/day2.csv")).unwrap();
    wait_until("it is scored", || spool.output("day2.csv/part.csv").is_some());
    // A file becomes a folder of the same name.
    spool.drop_file("day3.csv", "y\n1\n");
    wait_until("it failed", || spool.report("day3.csv").is_some());
    fs::remove_file(spool.path("input/day3.csv")).unwrap();
    spool.drop_file("day3.csv/part.csv", xs(&[3.0]));
    wait_until("it is scored", || spool.output("day3.csv/part.csv").is_some());
    wait_until("no report is left", || spool.names("failed").is_empty());
    assert_eq!(daemon.log().matches("ERROR").count(), 1, "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
    spool.once().exits(0).says("nothing to do");
}

/// Its report stayed for as long as the file did.
#[test]
fn a_report_on_a_file_that_is_no_input_any_more_goes() {
    let spool = Spool::new().set("input.recursive=true").set("input.hidden=[]");
    spool.drop_file("a.txt", "y\n1\n");
    spool.drop_file("b/_a.csv", "y\n1\n");
    let all = spool.set("input.include=[\"*.csv\", \"*.txt\"]");
    all.once().exits(1).says("failed: a.txt").says("failed: b/_a.csv");
    let spool = all.set("input.include=[\"*.csv\"]").set("input.hidden=[\"_*\"]");
    spool.once().exits(0);
    assert_eq!(spool.names("failed"), ["b"]);
    assert_eq!(spool.names("failed/b"), [""; 0]);
}

/// 25 was scored for the 250 that its writer was amid of.
#[test]
fn a_file_that_its_writer_still_has_open_is_left_to_the_next_run() {
    let spool = Spool::new();
    spool.drop_file("done.csv", xs(&[1.0]));
    let mut writer = fs::File::create(spool.path("input/a.csv")).unwrap();
    writer.write_all(b"x\n1\n25").unwrap();
    let ran = spool.run(&["--once", "--json"]).exits(75).says("1 still being written");
    assert_eq!(
        (&ran.json()["unsettled"], &ran.json()["scored"]),
        (&1.into(), &1.into())
    );
    assert_eq!(spool.output("a.csv"), None);
    assert_eq!(
        spool.run(&["status", "--json"]).json()["pending_files"][0]["file"],
        "a.csv"
    );
    // A reader is no writer.
    let _reader = fs::File::open(spool.path("input/a.csv")).unwrap();
    writer.write_all(b"0\n").unwrap();
    drop(writer);
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0, 250.0]));
}

/// Events tell of what happens after its start alone.
#[test]
fn a_file_that_its_writer_has_open_since_before_the_start_is_waited_for() {
    let spool = Spool::new()
        .set("input.rescan_interval=10ms")
        .set("input.poll_interval=10ms");
    let mut writer = fs::File::create(spool.path("input/a.csv")).unwrap();
    writer.write_all(b"x\n1\n25").unwrap();
    let daemon = spool.daemon();
    for i in 0..5 {
        let name = format!("{i}.csv");
        spool.drop_file(&name, xs(&[1.0]));
        wait_until("another one is scored", || spool.output(&name).is_some());
        assert_eq!(spool.output("a.csv"), None);
    }
    writer.write_all(b"0\n").unwrap();
    drop(writer);
    wait_until("it is scored", || spool.output("a.csv").is_some());
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0, 250.0]));
    assert_eq!(daemon.stop(), 0);
}

/// Without a word of events: a log that is open for days, and one whose writer died.
#[test]
fn what_was_open_is_scored_by_a_poll_once_it_is_closed() {
    let spool = Spool::new().set("input.watch=poll").set("input.poll_interval=10ms");
    let mut writer = fs::File::options()
        .append(true)
        .create(true)
        .open(spool.path("input/a.csv"))
        .unwrap();
    writer.write_all(xs(&[1.0]).as_bytes()).unwrap();
    let daemon = spool.daemon();
    spool.drop_file("b.csv", xs(&[1.0]));
    wait_until("another one is scored", || spool.output("b.csv").is_some());
    assert_eq!(spool.output("a.csv"), None);
    drop(writer);
    wait_until("it is scored", || spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0])));
    assert_eq!(daemon.stop(), 0);
}

/// The worker rescores what was scored before without asking: another writer makes it stale by what it writes.
#[test]
fn a_new_model_does_not_wait_for_whoever_has_a_scored_file_open() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    let _writer = fs::File::options()
        .append(true)
        .open(spool.path("input/a.csv"))
        .unwrap();
    spool.approve_line(3.0, 0.0);
    spool.once().exits(0).says("scored 1 file");
}

/// The summary that had them was thrown away by cron's line, and nothing else showed them.
#[test]
fn bad_rows_are_seen_by_status_and_by_whoever_reads_crons_mail() {
    let spool = Spool::new();
    let rows = |n: usize| format!("x\n{}oops\n", "1\n".repeat(n));
    spool.drop_file("a.csv", rows(99));
    spool.drop_file("b.csv", xs(&[1.0]));
    let ran = spool
        .run(&["--once", "--quiet"])
        .exits(0)
        .says("2 files (101 rows, 1 bad)");
    assert!(ran.stderr.contains("\n  bad rows: a.csv\n"), "{ran:?}");
    let json = spool.run(&["status", "--json"]).exits(0).json();
    let bad = serde_json::json!([{"file": "a.csv", "rows": 100, "bad_rows": 1, "rejects_gone": false}]);
    assert_eq!((&json["bad_files"], &json["done"]), (&bad, &2.into()));
    spool
        .run(&["status"])
        .says("done, with bad rows")
        .says("a.csv  1 of 100 rows");
    // Nothing new.
    let ran = spool.run(&["--once", "--quiet"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    // Who has a file open may do so for ever.
    let writer = fs::File::create(spool.path("input/c.csv")).unwrap();
    spool
        .run(&["--once", "--quiet"])
        .exits(75)
        .says("open for writing: c.csv");
    drop(writer);
    spool.run(&["--once", "--quiet"]).exits(1).says("failed: c.csv");
    fs::remove_file(spool.path("input/c.csv")).unwrap();
    // Mended.
    spool.drop_file("a.csv", xs(&[1.0]));
    let ran = spool.run(&["--once", "--quiet"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(
        spool.run(&["status", "--json"]).json()["bad_files"],
        serde_json::json!([])
    );
    // The same bytes again, and the same settings with another model.
    spool.drop_file("a.csv", rows(99));
    spool.once().exits(0);
    spool.approve_line(3.0, 0.0);
    spool.once().exits(0);
    assert_eq!(spool.run(&["status", "--json"]).json()["bad_files"], bad);
    spool.run(&["--quiet"]).exits(64);
}

/// Nothing told why `a.csv.gz` had no output.
#[test]
fn files_that_no_glob_has_are_counted() {
    let spool = Spool::new();
    for name in ["a.csv.gz", "a.txt", "a.xlsx", ".hidden", "a.csv.part", "_SUCCESS"] {
        spool.drop_file(name, "x\n1\n");
    }
    fs::create_dir(spool.path("input/folder")).unwrap();
    spool
        .once()
        .exits(0)
        .says("nothing to do: there are no inputs (3 files are ignored: no glob of input.include has their names)");
    let json = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(json["ignored"], 3);
    let named: Vec<_> = json["ignored_files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    assert_eq!(named, ["a.csv.gz", "a.txt", "a.xlsx"]);
    spool
        .run(&["status"])
        .says("3 (no glob of input.include has a.csv.gz, ")
        .says("; to have them scored, add [\"*.csv.gz\"] to it; ")
        .says("a.xlsx is an Excel workbook: open it, and save or export its rows as \"CSV UTF-8\"")
        .says("a.txt is a text whose name doesn't tell its format: if it is a CSV, end its name in .csv");
    spool
        .once()
        .says("\n  ignored: a.xlsx is an Excel workbook: ")
        .says("\n  ignored: a.csv.gz: to have it scored, add \"*.csv.gz\" to input.include\n");
    let quiet = spool.run(&["--once", "--quiet"]).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    spool
        .run(&["check"])
        .exits(0)
        .says("a.xlsx is an Excel workbook")
        .says("ignored, for no glob of input.include has them: 3 (");
    spool.drop_file("b.csv", xs(&[1.0]));
    let result = spool.run(&["--once", "--json"]).exits(0).json();
    assert_eq!((&result["scored"], &result["ignored"]), (&1.into(), &3.into()));
    // In subfolders too.
    spool.drop_file("folder/c.parquet", "");
    let spool = spool.set("input.recursive=true");
    assert_eq!(spool.run(&["status", "--json"]).exits(0).json()["ignored"], 4);
}

/// Whatever the order in which the folder lists them.
#[test]
fn ignored_files_are_named_by_name_and_the_others_counted() {
    let spool = Spool::new();
    for name in ["z.csv.bz2", "d.dat", "c.xlsx", "b.xlsx", "a.xlsx", "0.png"] {
        spool.drop_file(name, "x\n1\n");
    }
    let said = spool.once().exits(0).stderr.clone();
    let ignored = said.lines().filter_map(|line| line.strip_prefix("  ignored: "));
    let ignored: Vec<&str> = ignored.map(|line| line.split(" is ").next().unwrap()).collect();
    assert_eq!(ignored, ["a.xlsx", "b.xlsx", "c.xlsx", "and 3 more"], "{said}");
    spool.run(&["status"]).says("has a.xlsx, b.xlsx, c.xlsx...");
}

#[test]
fn a_worker_says_once_why_a_file_is_ignored() {
    let spool = Spool::new()
        .set("input.rescan_interval=20ms")
        .set("input.poll_interval=20ms");
    spool.drop_file("book.xlsx", "PK");
    let daemon = spool.daemon();
    daemon.logs("a file is ignored: its rows can't be read as it is input=book.xlsx");
    spool.drop_file("more.parquet", "PAR1");
    daemon.logs(
        "a file is ignored: input.include lacks the glob that has its name input=more.parquet glob=\"*.parquet\"",
    );
    for name in ["a.csv", "b.csv"] {
        spool.drop_file(name, xs(&[1.0]));
        wait_until("it is scored", || spool.output(name).is_some());
    }
    assert_eq!(daemon.log().matches("book.xlsx").count(), 1, "{}", daemon.log());
    assert_eq!(daemon.stop(), 0);
}

/// DVC links to its cache, Kubernetes to a folder that it swaps.
#[test]
fn links_are_followed_within_the_folders_that_they_may_lead_to() {
    let spool = Spool::new();
    fs::create_dir(spool.path("cache")).unwrap();
    fs::write(spool.path("cache/f00"), xs(&[1.0])).unwrap();
    fs::create_dir(spool.path("input/..1")).unwrap();
    fs::write(spool.path("input/..1/b.csv"), xs(&[2.0])).unwrap();
    symlink("..1", spool.path("input/..data")).unwrap();
    symlink("..data/b.csv", spool.path("input/b.csv")).unwrap();
    symlink(spool.path("cache/f00"), spool.path("input/a.csv")).unwrap();
    spool.once().exits(1).says("failed: a.csv").says("failed: b.csv");
    assert_eq!(spool.report("b.csv").unwrap()["code"], "link");
    let spool = spool.set("input.links=within");
    spool.strict().exits(1).says("scored 1 file").says("failed: a.csv");
    assert_eq!(spool.output("b.csv").unwrap(), line(2.0, 1.0, &[2.0]));
    let spool = spool.set("input.links=[\"cache\"]");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    // What it leads to changes; then the link leads to another one.
    fs::write(spool.path("cache/f00"), xs(&[3.0])).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[3.0]));
    fs::write(spool.path("cache/f01"), xs(&[4.0])).unwrap();
    fs::remove_file(spool.path("input/a.csv")).unwrap();
    symlink("../cache/f01", spool.path("input/a.csv")).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[4.0]));
    assert_eq!(spool.names("failed"), [""; 0]);
}

#[test]
fn a_swap_of_what_links_lead_to_is_seen_at_once() {
    let spool = Spool::new()
        .set("input.links=within")
        .set("input.rescan_interval=1h")
        .set("input.poll_interval=1h");
    for (n, x) in [("1", 1.0), ("2", 2.0)] {
        fs::create_dir(spool.path(format!("input/..{n}"))).unwrap();
        fs::write(spool.path(format!("input/..{n}/a.csv")), xs(&[x])).unwrap();
    }
    symlink("..1", spool.path("input/..data")).unwrap();
    symlink("..data/a.csv", spool.path("input/a.csv")).unwrap();
    let daemon = spool.daemon();
    wait_until("it is scored", || spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0])));
    symlink("..2", spool.path("input/..data_tmp")).unwrap();
    fs::rename(spool.path("input/..data_tmp"), spool.path("input/..data")).unwrap();
    wait_until("the other one is scored", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[2.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_link_leads_to_no_fifo_no_device_and_nowhere_else() {
    let spool = Spool::new().set("input.links=within");
    fs::write(spool.path("secret.csv"), xs(&[1.0])).unwrap();
    fs::create_dir(spool.path("input/folder")).unwrap();
    mknodat(CWD, spool.path("input/.fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    for (name, target) in [
        ("device.csv", "/dev/zero"),
        ("fifo.csv", ".fifo"),
        ("folder.csv", "folder"),
        ("loop.csv", "loop.csv"),
        ("out.csv", "../secret.csv"),
        ("proc.csv", "/proc/self/cmdline"),
    ] {
        symlink(target, spool.path("input").join(name)).unwrap();
    }
    spool.once().exits(1).says("6 failed");
    let code = |name: &str| spool.report(name).unwrap()["code"].clone();
    for name in ["device.csv", "loop.csv", "out.csv", "proc.csv"] {
        assert_eq!(code(name), "link", "{name}");
    }
    assert_eq!(
        (code("fifo.csv"), code("folder.csv")),
        ("not_a_file".into(), "not_a_file".into())
    );
    let report = spool.report("out.csv").unwrap();
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("leads elsewhere"), "{report}");
    let report = spool.report("loop.csv").unwrap();
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("leads in a circle"), "{report}");
}

/// Each output would go with the mount that the links lead to.
#[test]
fn what_a_link_leads_to_may_be_away_for_a_while() {
    let spool = Spool::new().set("input.links=[\"cache\"]").set("input.recursive=true");
    fs::create_dir_all(spool.path("cache/day")).unwrap();
    fs::write(spool.path("cache/f00"), xs(&[1.0])).unwrap();
    fs::write(spool.path("cache/day/b.csv"), xs(&[1.0])).unwrap();
    symlink("../cache/f00", spool.path("input/a.csv")).unwrap();
    symlink("../cache/day", spool.path("input/day")).unwrap();
    spool.once().exits(0).says("scored 2 files");
    fs::rename(spool.path("cache"), spool.path("away")).unwrap();
    spool
        .once()
        .exits(75)
        .says("1 failed for now")
        .says("status lists them");
    assert!(spool.output("a.csv").is_some() && spool.output("day/b.csv").is_some());
    assert_eq!(spool.names("failed"), [""; 0]);
    fs::rename(spool.path("away"), spool.path("cache")).unwrap();
    spool.once().exits(0);
    // The links go, and what they led to with them.
    fs::remove_file(spool.path("input/a.csv")).unwrap();
    fs::remove_file(spool.path("input/day")).unwrap();
    spool.once().exits(0).says("there are no inputs");
}

#[test]
fn links_to_folders_are_followed_and_loops_end() {
    let spool = Spool::new().set("input.recursive=true");
    fs::create_dir_all(spool.path("shared/day")).unwrap();
    fs::write(spool.path("shared/day/a.csv"), xs(&[1.0])).unwrap();
    fs::create_dir(spool.path("elsewhere")).unwrap();
    fs::write(spool.path("elsewhere/b.csv"), xs(&[1.0])).unwrap();
    symlink(spool.path("shared"), spool.path("input/shared")).unwrap();
    symlink(spool.path("elsewhere"), spool.path("input/elsewhere")).unwrap();
    fs::create_dir(spool.path("input/own")).unwrap();
    fs::write(spool.path("input/own/c.csv"), xs(&[1.0])).unwrap();
    symlink("..", spool.path("input/own/up")).unwrap();
    symlink("day", spool.path("shared/today")).unwrap();
    symlink("../day", spool.path("shared/day/again.csv")).unwrap();
    spool.once().exits(0).says("scored 1 file");
    let spool = spool.set("input.links=[\"shared\"]");
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(spool.output("shared/day/a.csv").unwrap(), line(2.0, 1.0, &[1.0]));
    assert!(spool.output("shared/today/a.csv").is_some() && spool.output("own/c.csv").is_some());
    assert_eq!(spool.names("output"), ["own", "shared"]);
    assert_eq!(spool.names("failed"), [""; 0]);
    spool.once().exits(0).says("nothing to do");
    spool
        .run(&["--once", "--set", "input.links=[\"\"]"])
        .exits(64)
        .says("input.links");
}

/// Eight folders and 56 links made 8,800 outputs of eight files.
#[test]
fn folders_with_links_to_each_other_have_few_ways() {
    let spool = Spool::new().set("input.recursive=true").set("input.links=within");
    let folders = ["1", "2", "3", "4"];
    for folder in folders {
        spool.drop_file(&format!("{folder}/a.csv"), xs(&[1.0]));
        for other in folders.iter().filter(|other| **other != folder) {
            symlink(format!("../{other}"), spool.path(format!("input/{folder}/to{other}"))).unwrap();
        }
    }
    // Each folder itself, by one link, and by two: four links are ways through each folder in every order.
    let ways = 4 + 4 * 3 + 4 * 3 * 2;
    spool.once().exits(0).says(&format!("scored {ways} files"));
}

/// A link that is renamed in says nothing of the writer of what it leads to.
#[test]
fn what_a_link_leads_to_must_be_closed_too() {
    let spool = Spool::new().set("input.links=[\"cache\"]");
    fs::create_dir(spool.path("cache")).unwrap();
    let mut writer = fs::File::create(spool.path("cache/f00")).unwrap();
    writer.write_all(b"x\n25").unwrap();
    let daemon = spool.daemon();
    symlink("../cache/f00", spool.path("made")).unwrap();
    fs::rename(spool.path("made"), spool.path("input/a.csv")).unwrap();
    spool.drop_file("b.csv", xs(&[1.0]));
    wait_until("another one is scored", || spool.output("b.csv").is_some());
    assert_eq!(spool.output("a.csv"), None);
    writer.write_all(b"0\n").unwrap();
    drop(writer);
    assert_eq!(daemon.stop(), 0);
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), line(2.0, 1.0, &[250.0]));
}

/// Each output was scored as an input, and so on.
#[test]
fn links_may_not_lead_to_what_is_written() {
    for folders in [
        "[\".\"]",
        "[\"output\"]",
        "[\"cache\", \"output/today\"]",
        "[\"failed\"]",
        "[\"state\"]",
    ] {
        let spool = Spool::new().set(&format!("input.links={folders}"));
        spool
            .run(&["check"])
            .exits(64)
            .says("input.links")
            .says("must lie apart");
        spool.once().exits(64).says("transform.toml:");
    }
    let spool = Spool::new();
    std::os::unix::fs::symlink(spool.path("output"), spool.path("cache")).unwrap();
    spool
        .set("input.links=[\"cache\"]")
        .once()
        .exits(64)
        .says("must lie apart");
}
