//! Who is told: alerts open and close over windows, and each event is a file.

use crate::monitor::hold::{approve, release, rows, watched};
use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Warned of broken data alone, with a folder of alerts.
fn warned() -> Spool {
    let spool = watched().set("monitor.data=warn").set("monitor.drift=off");
    spool.set("alerts.path=alerts")
}

/// The events in the folder: their kinds and what they are about, in order.
fn events(spool: &Spool) -> Vec<String> {
    let names = names(spool);
    let what = |name: &String| {
        let (_, what) = name.split_once('-').unwrap();
        what.rsplit_once('-').unwrap().0.to_string()
    };
    names.iter().map(what).collect()
}

fn names(spool: &Spool) -> Vec<String> {
    let entries = fs::read_dir(spool.path("alerts")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "sent").collect();
    names.sort();
    names
}

fn event(spool: &Spool, what: &str) -> Value {
    let name = names(spool).into_iter().rev().find(|name| name.contains(what)).unwrap();
    serde_json::from_slice(&fs::read(spool.path("alerts").join(name)).unwrap()).unwrap()
}

/// A window in which so many of a thousand rows have no `a`.
fn window(spool: &Spool, name: &str, missing: usize) {
    let rows = (0..1_000).map(|i| match i {
        i if i < missing => format!(",{}\n", ["Lima", "Oslo"][i % 2]),
        i => format!("{},{}\n", i * 37 % 100, ["Lima", "Oslo"][i % 2]),
    });
    spool.drop_file(name, "a,city\n".to_string() + &rows.collect::<String>());
    spool.once().exits(0);
}

fn bar(spool: &Spool) -> f64 {
    event(spool, "opened-missing-a")["bar"].as_f64().unwrap()
}

#[test]
fn an_alert_opens_after_two_of_three_windows_and_is_told_of_once() {
    let spool = warned();
    window(&spool, "1.csv", 200);
    assert_eq!(events(&spool), [""; 0]);
    window(&spool, "2.csv", 10);
    window(&spool, "3.csv", 200);
    assert_eq!(events(&spool), ["opened-missing-a"]);
    window(&spool, "4.csv", 200);
    spool.once().exits(0);
    assert_eq!(events(&spool), ["opened-missing-a"]);

    let name = &names(&spool)[0];
    let mode = fs::metadata(spool.path("alerts").join(name))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    let event = event(&spool, "opened");
    assert_eq!(
        (&event["format_version"], &event["kind"]),
        (&1.into(), &"opened".into())
    );
    assert_eq!((&event["model"], &event["file"]), (&"lines/1".into(), &"3.csv".into()));
    assert_eq!((&event["files"], &event["rows"]), (&1.into(), &1_000.into()));
    assert_eq!((&event["area"], &event["value"]), (&"data".into(), &0.2.into()));
    assert_eq!(event["next"], "transform monitor check 3.csv");
    let bins = event["bins"].as_array().unwrap();
    let missing = bins.iter().find(|bin| bin["cells"] == "missing").unwrap();
    assert_eq!((&missing["then"], &missing["now"]), (&0.01.into(), &0.2.into()));
    assert!(bins[0]["from"].is_number() && bins[0]["to"].is_number());
}

#[test]
fn it_closes_below_four_fifths_of_the_bar_and_not_before() {
    let spool = warned();
    window(&spool, "1.csv", 200);
    window(&spool, "2.csv", 200);
    let cells = bar(&spool) * 1_000.0;
    window(&spool, "3.csv", (cells * 0.9) as usize);
    assert_eq!(events(&spool), ["opened-missing-a"]);
    window(&spool, "4.csv", (cells * 0.75) as usize);
    assert_eq!(events(&spool), ["opened-missing-a", "closed-missing-a"]);
    let closed = event(&spool, "closed");
    assert_eq!(closed["since"], event(&spool, "opened")["since"]);
    // It opens anew after two windows more.
    window(&spool, "5.csv", 200);
    assert_eq!(events(&spool).len(), 2);
    window(&spool, "6.csv", 200);
    assert_eq!(events(&spool).len(), 3);
}

/// A window is of rows, however often they are made again.
#[test]
fn rows_that_are_scored_again_are_no_second_window() {
    let spool = warned();
    window(&spool, "1.csv", 200);
    spool.run(&["--once", "--all"]).exits(0);
    fs::remove_file(spool.path("output/1.csv.out")).unwrap();
    spool.once().exits(0);
    assert_eq!(events(&spool), [""; 0]);
}

#[test]
fn a_held_result_and_its_release_are_told_of_at_once() {
    let spool = watched().set("alerts.path=alerts");
    spool.drop_file("it's bad.csv", rows(1_000, 2));
    spool.once().exits(1);
    spool.once().exits(1);
    spool.run(&["--once", "--all"]).exits(1);
    assert_eq!(events(&spool), ["held-it_s_bad.csv"]);
    let held = event(&spool, "held");
    assert_eq!((&held["check"], &held["column"]), (&"missing".into(), &"a".into()));
    assert_eq!(held["next"], r"transform monitor held 'it'\''s bad.csv'");
    release(&spool, "it's bad.csv");
    // It is the worker that writes.
    assert_eq!(events(&spool).len(), 1);
    spool.once().exits(0);
    assert_eq!(events(&spool), ["held-it_s_bad.csv", "released-it_s_bad.csv"]);
    assert_eq!(event(&spool, "released")["by"], "ada");
    // That one was released opens no alert of its one window.
    spool.run(&["--once", "--all"]).exits(0);
    assert_eq!(events(&spool).len(), 2);
}

#[test]
fn a_blocked_result_is_told_of() {
    let spool = watched().set("monitor.data=block").set("alerts.path=alerts");
    spool.drop_file("a.csv", rows(1_000, 2));
    spool.once().exits(1);
    assert_eq!(events(&spool), ["blocked-a.csv"]);
}

#[test]
fn a_new_version_and_a_new_baseline_start_anew() {
    let spool = warned();
    window(&spool, "1.csv", 200);
    window(&spool, "2.csv", 200);
    fs::write(
        spool.path("m.json"),
        fs::read_to_string(spool.path("m.json")).unwrap().replace(":2}", ":3}"),
    )
    .unwrap();
    approve(&spool);
    window(&spool, "3.csv", 200);
    // Both older files are scored again by it: three windows of its own.
    let found = events(&spool);
    assert_eq!(found, ["opened-missing-a", "closed-missing-a", "opened-missing-a"]);
    let closed = event(&spool, "closed");
    assert_eq!((&closed["model"], &closed["file"]), (&"lines/1".into(), &Value::Null));
    fs::write(spool.path("other.csv"), rows(1_900, 100)).unwrap();
    spool
        .run(&["monitor", "baseline", "other.csv", "--reason", "x"])
        .exits(0);
    window(&spool, "4.csv", 200);
    assert_eq!(events(&spool)[3..], ["closed-missing-a"]);
    window(&spool, "5.csv", 200);
    assert_eq!(events(&spool)[4..], ["opened-missing-a"]);
}

#[test]
fn events_wait_for_a_folder_that_is_away() {
    let spool = warned();
    fs::write(spool.path("alerts"), "a file is in its place").unwrap();
    window(&spool, "1.csv", 200);
    spool.drop_file("2.csv", rows(1_000, 5));
    let ran = spool.once().exits(0);
    ran.says("can't write alerts");
    assert!(spool.output("2.csv").is_some());
    fs::remove_file(spool.path("alerts")).unwrap();
    spool.once().exits(0);
    assert!(events(&spool).contains(&"opened-missing-a".to_string()));
}

#[test]
fn without_a_folder_nothing_is_written_then_or_later() {
    let spool = warned().set("alerts.path=\"\"");
    window(&spool, "1.csv", 200);
    window(&spool, "2.csv", 200);
    let spool = spool.set("alerts.path=alerts");
    spool.once().exits(0);
    assert_eq!(events(&spool), [""; 0]);
}

#[test]
fn a_running_worker_writes_what_was_released() {
    let spool = watched().set("alerts.path=alerts");
    let daemon = spool.daemon();
    spool.drop_file("a.csv", rows(1_000, 2));
    wait_until("it is held", || events(&spool).len() == 1);
    release(&spool, "a.csv");
    wait_until("it is released", || events(&spool).len() == 2);
    assert_eq!(daemon.stop(), 0);
}

/// With no event or listing that would have it tried again.
#[test]
fn a_running_worker_tries_a_folder_again_that_refused_an_alert() {
    let spool = watched().set("alerts.path=away/alerts").set("input.rescan_interval=1h");
    fs::write(spool.path("away"), "no folder").unwrap();
    let daemon = spool.daemon();
    spool.drop_file("a.csv", rows(1_000, 2));
    daemon.logs("can't write alerts");
    fs::remove_file(spool.path("away")).unwrap();
    let written = || fs::read_dir(spool.path("away/alerts")).is_ok_and(|entries| entries.count() == 1);
    wait_until("it is written", written);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_overview_says_what_is_open_held_and_unwatched() {
    let spool = warned();
    let overview = |code| spool.run(&["monitor", "--json"]).exits(code).json();
    let before = overview(0);
    assert_eq!((&before["model"], &before["last"]), (&"lines/1".into(), &Value::Null));
    window(&spool, "1.csv", 200);
    let once = overview(0);
    assert_eq!(
        (&once["last"]["input"], &once["last"]["rows"]),
        (&"1.csv".into(), &1_000.into())
    );
    let found = |overview: &Value| overview["found"].as_array().unwrap().clone();
    let missing = found(&once)
        .into_iter()
        .find(|found| found["check"] == "missing")
        .unwrap();
    assert_eq!((&missing["over"], &missing["since"]), (&true.into(), &Value::Null));
    window(&spool, "2.csv", 200);
    let twice = overview(1);
    let first = &found(&twice)[0];
    assert_eq!(
        (&first["check"], &first["column"], &first["value"]),
        (&"missing".into(), &"a".into(), &0.2.into())
    );
    assert_eq!(first["since"], event(&spool, "opened")["since"]);
    assert!(
        twice["unwatched"]
            .as_array()
            .unwrap()
            .iter()
            .any(|why| why.as_str().unwrap().starts_with("drift"))
    );
    let said = spool
        .run(&["monitor"])
        .exits(1)
        .says("lines/1, held against its baseline");
    said.says("open since").says("not watched: bias");
    window(&spool, "3.csv", 10);
    window(&spool, "4.csv", 10);
    spool.run(&["monitor"]).exits(0).says("no alert is open");

    let spool = spool.set("monitor.data=hold");
    spool.drop_file("5.csv", rows(1_000, 2));
    spool.once().exits(1);
    assert_eq!(
        spool.run(&["monitor", "--json"]).exits(1).json()["held"][0]["input"],
        "5.csv"
    );
    spool.run(&["monitor", "--json", "held"]).exits(64);
}

#[test]
fn an_unwatched_version_says_so() {
    let spool = Spool::without_model();
    spool.run(&["monitor"]).exits(0).says("no version is approved");
    let spool = Spool::new();
    spool.once();
    spool
        .run(&["monitor"])
        .exits(0)
        .says("not watched: the version has no baseline");
    let other = spool.run(&["monitor", "--group", "nobody", "--json"]);
    assert_eq!(other.exits(0).json()["model"], Value::Null);
}

#[test]
fn the_textfile_has_what_the_last_window_came_to() {
    let spool = warned().set("metrics.textfile=transform.prom");
    window(&spool, "1.csv", 200);
    window(&spool, "2.csv", 200);
    let page = fs::read_to_string(spool.path("transform.prom")).unwrap();
    let sample = |name: &str, labels: &[&str]| {
        let lines = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        let mut lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        let line = lines.next().unwrap_or_else(|| panic!("no {name} in {page}"));
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    let labels = [
        "model=\"lines/1\"",
        "area=\"data\"",
        "check=\"missing\"",
        "column=\"a\"",
    ];
    assert_eq!(sample("transform_monitor_check_value", &labels), 0.2);
    assert_eq!(sample("transform_monitor_check_over", &labels), 1.0);
    assert!(sample("transform_monitor_check_bar", &labels) < 0.2);
    assert_eq!(sample("transform_monitor_alert_open", &labels), 1.0);
    assert_eq!(sample("transform_monitor_open_alerts", &[]), 1.0);
    assert_eq!(sample("transform_monitor_held", &[]), 0.0);
    assert!(sample("transform_monitor_last_check_timestamp_seconds", &[]) > 1.7e9);
}
