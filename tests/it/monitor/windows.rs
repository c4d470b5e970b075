//! What a window of small inputs was judged by is what is recorded of it.

use super::hold::{approve, held, rows, watched};
use std::fs;

/// Two of the four are as they stand, by another version: they are published in no way, but judged in their turn.
#[test]
fn a_window_is_recorded_as_judged_where_results_already_stand() {
    let spool = watched().set("monitor.data=off");
    spool.drop_file("b.csv", rows(100, 100));
    spool.drop_file("d.csv", rows(400, 2));
    spool.once().exits(0);
    approve(&spool);
    let spool = spool.set("monitor.data=hold").set("monitor.drift=off");
    spool.drop_file("a.csv", rows(300, 100));
    spool.drop_file("c.csv", rows(300, 100));
    spool.once().exits(0);
    // a, b and c were judged; d waits for the next one.
    spool.drop_file("e.csv", rows(100, 100));
    spool.once().exits(1);
    let report = held(&spool, "e.csv").unwrap();
    assert_eq!((&report["rows"], &report["files"]), (&500.into(), &2.into()));
}

/// The broken one can't get into its folder: the others aren't held for it.
#[test]
fn what_could_not_be_published_is_in_no_window() {
    let spool = watched().set("monitor.drift=off");
    fs::create_dir_all(spool.path("output/b.csv.out/in the way")).unwrap();
    spool.drop_file("a.csv", rows(200, 100));
    spool.drop_file("b.csv", rows(250, 2));
    spool.drop_file("c.csv", rows(240, 100));
    spool.once().exits(75).says("1 failed for now");
    assert!(spool.output("a.csv").is_some() && spool.output("c.csv").is_some());
    fs::remove_dir_all(spool.path("output/b.csv.out")).unwrap();
    spool.once().exits(1);
    let report = held(&spool, "b.csv").unwrap();
    assert_eq!((&report["rows"], &report["files"]), (&690.into(), &3.into()));
}

/// The one that completes a window can't: it is judged again with those that came meanwhile.
#[test]
fn a_window_whose_last_file_could_not_be_published_stays_open() {
    let spool = watched().set("monitor.drift=off");
    fs::create_dir_all(spool.path("output/b.csv.out/in the way")).unwrap();
    spool.drop_file("a.csv", rows(400, 100));
    spool.drop_file("b.csv", rows(100, 100));
    spool.drop_file("c.csv", rows(50, 100));
    spool.once().exits(75).says("1 failed for now");
    fs::remove_dir_all(spool.path("output/b.csv.out")).unwrap();
    fs::remove_file(spool.path("input/b.csv")).unwrap();
    spool.drop_file("d.csv", rows(60, 2));
    spool.once().exits(1);
    let report = held(&spool, "d.csv").unwrap();
    assert_eq!((&report["rows"], &report["files"]), (&510.into(), &3.into()));
}

/// Every window of a new version's is of rows that were published before: drift of inputs is no news.
#[test]
fn small_files_are_not_held_for_drift_of_inputs_when_a_new_version_scores_them() {
    let spool = watched().set("monitor.data=off").set("monitor.drift=off");
    for n in 0..300 {
        spool.drop_file(&format!("{n:03}.csv"), rows(24, 2));
    }
    spool.once().exits(0);
    let model = fs::read_to_string(spool.path("m.json")).unwrap();
    fs::write(spool.path("m.json"), model.replace("\"terms\"", "\"terms\" ")).unwrap();
    approve(&spool);
    let spool = spool.set("monitor.data=hold");
    spool.once().exits(0);
    spool.run(&["monitor", "held"]).exits(0).says("no result is held");
}
