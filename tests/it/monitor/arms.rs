//! Rows of an A/B test: each version's are held against its own baseline.

use super::hold::{held, release, rows, watched};
use crate::spool::Spool;
use serde_json::Value;
use std::fs;

/// `2 a` answers, watched; for half of the keys version 2, the same model with a baseline in which `a` is of other rows.
fn spool(of_challenger: Option<&str>) -> Spool {
    let spool = watched().set("output.model_version=true").set("monitor.key=id");
    let model = fs::read_to_string(spool.path("m.json")).unwrap();
    fs::write(spool.path("m.json"), model.replace("\"terms\"", "\"terms\" ")).unwrap();
    let flags = match of_challenger {
        Some(rows) => {
            fs::write(spool.path("others.csv"), rows).unwrap();
            &["--baseline", "others.csv"][..]
        }
        None => &[],
    };
    spool.register_file("m.json", "pipeline", flags).exits(0);
    spool
}

fn start(spool: &Spool, share: &str) {
    let flags = ["experiment", "start", "ab", "--challenger", "2", "--share", share];
    spool.run(&flags).exits(0);
}

/// Those rows with a key each.
fn keyed(rows: &str) -> String {
    let mut lines = rows.lines();
    let head = format!("id,{}\n", lines.next().unwrap());
    let rows = lines.enumerate().map(|(i, row)| format!("C{i:05},{row}\n"));
    head + &rows.collect::<String>()
}

/// `a` is below 50.
fn low() -> String {
    let row = |i: usize| format!("{},{}\n", i * 37 % 50, ["Lima", "Oslo"][i % 2]);
    "a,city\n".to_string() + &(0..2_000).map(row).collect::<String>()
}

fn events(spool: &Spool) -> Vec<Value> {
    let names = spool.names("spool/alerts");
    let files = names.iter().filter(|name| name.ends_with(".json"));
    files
        .map(|name| serde_json::from_slice(&fs::read(spool.path("spool/alerts").join(name)).unwrap()).unwrap())
        .collect()
}

#[test]
fn a_file_is_held_for_the_rows_of_the_version_that_is_out_of_its_baseline() {
    let spool = spool(Some(&low())).set("monitor.drift=hold");
    let text = keyed(&rows(3_000, 100));
    spool.drop_file("before.csv", &text);
    spool.once().exits(0);
    start(&spool, "50%");
    spool.drop_file("a.csv", &text);
    spool.once().exits(1).says("a.csv");
    let report = held(&spool, "a.csv").unwrap();
    assert_eq!(
        (&report["model"], &report["phase"]),
        (&"lines/2".into(), &"ab/1".into())
    );
    assert_eq!(report["also"], Value::Null);
    let rows = report["rows"].as_u64().unwrap();
    assert!((1_300..1_700).contains(&rows), "{rows}");
    let message = report["message"].as_str().unwrap();
    assert!(
        message.starts_with("lines/2: ") && !message.contains("lines/1"),
        "{message}"
    );
    let told = events(&spool);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["kind"], &told[0]["model"]),
        (&"held".into(), &"lines/2".into())
    );
    spool
        .run(&["monitor", "held", "a.csv"])
        .exits(1)
        .says("lines/2")
        .says("% in the baseline");
    // Either version's report says that it waits.
    for version in ["1", "2"] {
        let report = spool
            .run(&["monitor", "report", "--version", version, "--json"])
            .exits(0)
            .json();
        assert_eq!(report["kept_back"][0]["input"], "a.csv", "{version}");
    }
    let check = spool.run(&["monitor", "check", "a.csv"]).exits(1);
    check
        .says("by lines/1: nothing out of the ordinary")
        .says("by lines/2: held");
    let check = spool.run(&["monitor", "check", "a.csv", "--json"]).exits(1).json();
    assert_eq!((&check["action"], &check["phase"]), (&"off".into(), &"ab/1".into()));
    assert_eq!(
        (&check["challenger"]["action"], &check["challenger"]["rows"]),
        (&"hold".into(), &rows.into())
    );
    spool.run(&["monitor", "check", "a.csv", "--version", "1"]).exits(0);
    // Nothing is judged otherwise because it is done again.
    spool.run(&["--once", "--all"]).exits(1);
    assert_eq!(held(&spool, "a.csv").unwrap()["message"], report["message"]);
    let other = ["monitor", "release", "--model", "lines/3", "--reason", "x"];
    spool.run(&other).exits(0).says("no result is held");
    let its = [
        "monitor", "release", "--model", "lines/2", "--reason", "seen", "--by", "ada",
    ];
    spool.run(&its).exits(0).says("1 result released by ada");
    spool.once().exits(0);
    assert!(spool.output("a.csv").is_some());
    spool.run(&["--once", "--all"]).exits(0);
}

#[test]
fn alerts_are_a_versions_and_end_with_its_experiment() {
    let spool = spool(Some(&low())).set("monitor.data=warn");
    start(&spool, "50%");
    for n in 0..3 {
        spool.drop_file(&format!("{n}.csv"), keyed(&rows(3_000 + n, 100)));
        spool.once().exits(0);
    }
    let opened = events(&spool);
    assert!(!opened.is_empty());
    for event in &opened {
        assert_eq!((&event["kind"], &event["model"]), (&"opened".into(), &"lines/2".into()));
    }
    let overview = spool.run(&["monitor"]).exits(1);
    overview.says("lines/2").says("open since");
    spool.run(&["experiment", "stop", "ab", "--reason", "seen"]).exits(0);
    spool.once().exits(0);
    let closed = events(&spool).split_off(opened.len());
    assert_eq!(closed.len(), opened.len());
    for event in &closed {
        assert_eq!((&event["kind"], &event["model"]), (&"closed".into(), &"lines/2".into()));
        assert!(
            event["message"].as_str().unwrap().contains("answers no keys"),
            "{event}"
        );
    }
    spool.run(&["monitor"]).exits(0);
}

/// Either arm of each is a small one; the challenger's window is judged before the champion's would be.
#[test]
fn few_rows_of_either_version_are_judged_with_those_of_files_before() {
    let spool = spool(Some(&low())).set("monitor.drift=hold");
    start(&spool, "50%");
    let mut kept = Vec::new();
    for n in 0..6 {
        spool.drop_file(&format!("{n}.csv"), keyed(&rows(240 + n, 100)));
        spool.once();
        kept.extend(held(&spool, &format!("{n}.csv")).map(|report| (n, report)));
    }
    let [(n, report)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(report["model"], "lines/2");
    assert_eq!(report["files"], n + 1);
    assert!((500..750).contains(&report["rows"].as_u64().unwrap()), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("small ones before it"), "{message}");
    // By its contents, and until a person releases it.
    let name = format!("{n}.csv");
    spool.run(&["--once", "--all"]).exits(1);
    assert_eq!(held(&spool, &name).unwrap()["message"], report["message"]);
    release(&spool, &name);
    spool.once().exits(0);
    spool.run(&["--once", "--all"]).exits(0);
    assert!(spool.output(&name).is_some());
}

/// The champion has a tenth of the rows that it had.
#[test]
fn a_ramp_does_not_look_like_a_file_that_shrank_nor_like_one_whose_keys_repeat() {
    let spool = spool(Some(&rows(2_000, 100)));
    for n in 0..6 {
        spool.drop_file(&format!("day-{n}.csv"), keyed(&rows(6_000 + n, 100)));
    }
    spool.once().exits(0);
    start(&spool, "90%");
    spool.drop_file("day-6.csv", keyed(&rows(6_010, 100)));
    spool.once().exits(0);
    assert_eq!(held(&spool, "day-6.csv"), None);
    let report = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    assert_eq!(report["windows"].as_array().unwrap().len(), 7);
    let beyond = |window: &Value| window["beyond"] == 0;
    assert!(report["windows"].as_array().unwrap().iter().all(beyond), "{report}");
    // A file that shrank is one in a phase, too; and keys that stand twice are found whoever answers them.
    spool.drop_file("day-7.csv", keyed(&rows(600, 100)));
    spool.once().exits(1);
    let report = held(&spool, "day-7.csv").unwrap();
    assert_eq!(
        (&report["reasons"][0]["check"], &report["reasons"][0]["n"]),
        (&"rows".into(), &600.into())
    );
    let twice = keyed(&rows(3_000, 100));
    let twice = twice.clone() + twice.split_once('\n').unwrap().1;
    spool.drop_file("day-8.csv", twice);
    spool.once().exits(1);
    let report = held(&spool, "day-8.csv").unwrap();
    assert_eq!(
        (&report["reasons"][0]["check"], &report["reasons"][0]["value"]),
        (&"duplicates".into(), &0.5.into())
    );
}

#[test]
fn a_challenger_without_a_baseline_is_unwatched_and_one_whose_baseline_is_damaged_answers_nobody() {
    let spool = spool(None);
    start(&spool, "50%");
    spool.drop_file("a.csv", keyed(&rows(3_000, 100)));
    spool.once().exits(0).says("its rows are published unwatched");
    spool
        .run(&["monitor"])
        .exits(0)
        .says("lines/2")
        .says("not watched of lines/2: the version has no baseline");
    let given = spool.run(&["monitor", "baseline", "rows.csv", "--version", "2"]);
    given.exits(0);
    spool.drop_file("b.csv", keyed(&rows(3_001, 100)));
    spool.once().exits(0);
    let report = spool
        .run(&["monitor", "report", "--version", "2", "--json"])
        .exits(0)
        .json();
    assert_eq!(report["windows"].as_array().unwrap().len(), 1);

    let names = spool.names("models/lines/2");
    let name = names.iter().find(|name| name.starts_with("baseline-")).unwrap();
    let path = spool.path("models/lines/2").join(name);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, "{}").unwrap();
    spool.drop_file("c.csv", keyed(&rows(3_002, 100)));
    spool.once().exits(75).says("the baseline was changed");
    assert_eq!(spool.output("c.csv"), None);
    fs::write(&path, whole).unwrap();
    spool.once().exits(0);
    assert!(spool.output("c.csv").is_some());
}
