//! Which files are inputs, and when they are whole.

use crate::spool::{Spool, line, wait_until, xs};
use std::fs;

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
