//! What is usual: the last files of a series, and the same weekday a week before.

use crate::monitor::hold::{held, release, rows, watched};
use crate::spool::Spool;
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::Value;
use std::fs;

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

/// It was shown beside the baseline, of which nobody had asked.
#[test]
fn then_is_what_rows_were_held_against() {
    let late = Timestamp::now().as_second() % 86_400 >= 23 * 3_600;
    let zone = format!("monitor.timezone={}", if late { "Asia/Tokyo" } else { "UTC" });
    let spool = watched().set("monitor.drift=hold").set(&zone);
    let spool = spool.set("monitor.compare=last-week");
    let high = |i: usize| format!("{},{}\n", 80 + i * 37 % 20, ["Lima", "Oslo"][i % 2]);
    spool.drop_file(
        "high.csv",
        "a,city\n".to_string() + &(0..1_000).map(high).collect::<String>(),
    );
    spool.once().exits(1);
    let of_a = |spool: &Spool| {
        let report = spool.run(&["monitor", "report", "--json"]).exits(0).json();
        let mut columns = report["columns"].as_array().unwrap().iter();
        columns.find(|column| column["name"] == "a").unwrap().clone()
    };
    let mean = |side: &Value| side["mean"].as_f64().unwrap();
    // The first week.
    let shown = spool.run(&["monitor", "held", "high.csv"]).exits(1);
    shown.says(" % in the baseline, ");
    let a = of_a(&spool);
    assert!(a["when"].as_str().unwrap().starts_with("in the baseline (of 20"), "{a}");
    assert!((mean(&a["then"]) - 49.5).abs() < 1.0 && (mean(&a["now"]) - 89.5).abs() < 1.0);
    let text = spool.run(&["monitor", "report"]).exits(0);
    text.says("1 window against the baseline, for too few rows of that day are known");
    release(&spool, "high.csv");
    spool.once().exits(0);
    let ledger = Connection::open(spool.path("state/ledger.db")).unwrap();
    let week = 7 * 86_400 * 1_000_000i64;
    ledger
        .execute("UPDATE counts SET first_seen = first_seen - ?", [week])
        .unwrap();
    // As the baseline's are, but not as those of a week ago.
    spool.drop_file("low.csv", rows(1_000, 100));
    spool.once().exits(1);
    let day = held(&spool, "low.csv").unwrap()["day"].as_str().unwrap().to_owned();
    let shown = spool.run(&["monitor", "held", "low.csv"]).exits(1);
    shown
        .says(&format!("held against what was counted a week before ({day})"))
        .says(&format!(": 0 % a week before ({day}), "));
    let a = of_a(&spool);
    assert_eq!(
        (&a["when"], &a["windows"]),
        (&format!("a week before ({day})").into(), &1.into())
    );
    assert!(
        (mean(&a["then"]) - 89.5).abs() < 1.0 && (mean(&a["now"]) - 49.5).abs() < 1.0,
        "{a}"
    );
    let bins = a["bins"].as_array().unwrap();
    let then = |bin: &Value| bin["then"].as_f64().unwrap();
    assert!(then(&bins[0]) == 0.0 && (bins.iter().map(then).sum::<f64>() - 1.0).abs() < 1e-9);
    // Over time, each window beside its own.
    let report = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    let mean_of = report["series"].as_array().unwrap().iter();
    let mean_of = mean_of.filter(|series| series["title"] == "Mean of prediction");
    let usual: Vec<f64> = mean_of
        .flat_map(|series| series["usual"].as_array().unwrap())
        .map(|usual| usual.as_f64().unwrap().round())
        .collect();
    assert_eq!(usual, [99.0, 179.0]);
    spool.run(&["monitor", "report", "--html", "report.html"]).exits(0);
    let html = fs::read_to_string(spool.path("report.html")).unwrap();
    for words in [
        format!("then: a week before ({day})"),
        format!("its values are spread otherwise than a week before ({day}): mean 89.5, now 50"),
    ] {
        assert!(html.contains(&words), "no {words:?} in {html}");
    }
}
