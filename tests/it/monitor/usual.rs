//! What is usual: the last files of a series, and the same weekday a week before.

use crate::monitor::hold::{held, release, rows, watched};
use crate::spool::Spool;
use jiff::Timestamp;
use rusqlite::Connection;

/// A producer that broke off after ten rows: too few for all other checks.
#[test]
fn a_file_that_is_far_smaller_than_the_last_ones_is_held() {
    let spool = watched();
    (1..=6).for_each(|day| drop(spool.drop_file(&format!("day_{day}.csv"), rows(600, 100))));
    spool.once().exits(0);
    spool.drop_file("day_7.csv", rows(10, 100));
    // Of another series.
    spool.drop_file("trial.csv", rows(10, 100));
    spool.once().exits(1).says("day_7.csv");
    let checked = spool.run(&["monitor", "check", "day_7.csv", "--json"]).exits(1).json();
    assert_eq!(checked["checks"][0]["check"], "rows");
    let report = held(&spool, "day_7.csv").unwrap();
    assert_eq!(report["message"], "rows: 0.0167, bar 0.333");
    assert_eq!((&report["files"], &report["rows"]), (&1.into(), &10.into()));
    assert!(spool.output("trial.csv").is_some());
    release(&spool, "day_7.csv");
    spool.drop_file("day_8.csv", rows(700, 100));
    spool.once().exits(0);
    assert!(spool.output("day_7.csv").is_some() && spool.output("day_8.csv").is_some());
    // A file that is empty but for its header.
    spool.drop_file("day_9.csv", "a,city\n");
    spool.once().exits(1);
    assert!(held(&spool, "day_9.csv").is_some());
}

/// Each approval made the last files look like more of them, in an order of its own.
#[test]
fn files_that_are_scored_again_are_no_more_files() {
    let spool = watched();
    (1..=2).for_each(|day| drop(spool.drop_file(&format!("day_{day}.csv"), rows(600, 100))));
    spool.once().exits(0);
    (0..2).for_each(|_| drop(spool.run(&["--once", "--all"]).exits(0)));
    spool.drop_file("day_3.csv", rows(5_000, 100));
    spool.once().exits(0);
}

/// Dropped one by one, the last one was held; all at once, it wasn't.
#[test]
fn a_backlog_is_judged_as_if_its_files_had_come_one_by_one() {
    let spool = watched();
    (1..=8).for_each(|day| drop(spool.drop_file(&format!("day_{day}.csv"), rows(600, 100))));
    spool.drop_file("day_9.csv", "a,city\n");
    spool.once().exits(1).says("day_9.csv");
    assert!(held(&spool, "day_9.csv").is_some());
}

/// What decided on a small file that is held was taken for usual a week later.
#[test]
fn a_window_that_was_kept_back_is_not_usual() {
    let late = Timestamp::now().as_second() % 86_400 >= 23 * 3_600;
    let zone = format!("monitor.timezone={}", if late { "Asia/Tokyo" } else { "UTC" });
    let spool = watched().set(&zone).set("monitor.compare=last-week");
    (1..=3).for_each(|part| drop(spool.drop_file(&format!("part{part}.csv"), rows(200, 2))));
    spool.once().exits(1);
    let ledger = Connection::open(spool.path("state/ledger.db")).unwrap();
    let week = 7 * 86_400 * 1_000_000i64;
    let moved = ledger
        .execute("UPDATE counts SET first_seen = first_seen - ?", [week])
        .unwrap();
    assert_eq!(moved, 1);
    drop(ledger);
    spool.drop_file("big.csv", rows(2_000, 2));
    spool.once().exits(1).says("big.csv");
}

/// On Fridays all is otherwise, and was so a week ago.
#[test]
fn with_last_week_a_season_is_no_drift_and_its_absence_is() {
    // Where midnight is far.
    let late = Timestamp::now().as_second() % 86_400 >= 23 * 3_600;
    let zone = format!("monitor.timezone={}", if late { "Asia/Tokyo" } else { "UTC" });
    let spool = watched().set("monitor.drift=hold").set(&zone);
    let friday = |shift: usize| {
        let row = |i: usize| format!("{},{}\n", 80 + (i + shift) * 37 % 20, ["Lima", "Oslo"][i % 2]);
        "a,city\n".to_string() + &(0..1_000).map(row).collect::<String>()
    };
    spool.drop_file("first.csv", friday(0));
    spool.once().exits(1).says("first.csv");
    let ago = |spool: &Spool| {
        let ledger = Connection::open(spool.path("state/ledger.db")).unwrap();
        let week = 7 * 86_400 * 1_000_000i64;
        ledger
            .execute("UPDATE counts SET first_seen = first_seen - ?", [week])
            .unwrap();
    };
    let spool = spool.set("monitor.compare=last-week");
    // What is held isn't usual.
    ago(&spool);
    spool.drop_file("second.csv", friday(1));
    spool.once().exits(1).says("second.csv");
    release(&spool, "first.csv");
    release(&spool, "second.csv");
    spool.once().exits(0);
    ago(&spool);
    spool.drop_file("third.csv", friday(2));
    spool.once().exits(0);
    assert!(spool.output("third.csv").is_some());
    spool.drop_file("fourth.csv", rows(1_000, 100));
    spool.once().exits(1).says("fourth.csv");
    let report = held(&spool, "fourth.csv").unwrap();
    assert_eq!(report["reasons"][0]["check"], "psi", "{report}");
    assert!(report["day"].is_string(), "{report}");
    spool.run(&["monitor", "check", "third.csv"]).exits(0);
}
