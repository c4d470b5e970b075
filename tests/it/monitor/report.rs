//! `transform monitor report` through the binary.

use crate::spool::Spool;
use std::fs;

/// `2 a`, where a missing `a` is 0; a city beside it.
const MODEL: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}},{"name":"city","categories":["Lima","Oslo"],
  "missing":"ignore","unknown":"ignore"}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":2}],"intercept":0,"output":"number"}"#;

/// With that model approved, held against 2,000 rows of which one in a hundred has no `a`.
fn watched() -> Spool {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), rows(2_000, 100)).unwrap();
    let flags = ["--baseline", "rows.csv", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    spool
}

/// One in `missing` has no `a`.
fn rows(count: usize, missing: usize) -> String {
    let row = |i: usize| match i % missing {
        0 => format!(",{}\n", ["Lima", "Oslo"][i / missing % 2]),
        _ => format!("{},{}\n", i * 37 % 100, ["Lima", "Oslo"][i % 2]),
    };
    "a,city\n".to_string() + &(0..count).map(row).collect::<String>()
}

#[test]
fn a_report_says_what_changed_what_is_held_and_what_to_do() {
    let spool = watched();
    let empty = spool.run(&["monitor", "report"]).exits(0);
    assert!(empty.stdout.starts_with("Nothing was counted yet: "), "{empty:?}");
    spool.drop_file("good.csv", rows(1_000, 100));
    spool.once().exits(0);
    spool
        .run(&["monitor", "report"])
        .exits(0)
        .says("Nothing changed: 1 window with 1000 rows");
    spool.drop_file("late <b>.csv", rows(1_000, 2));
    spool.once().exits(1);
    let said = spool.run(&["monitor", "report", "--html", "report.html"]).exits(0);
    let said = said
        .says("1 result is held until a person decides.")
        .says("look at report.html");
    assert!(said.stdout.starts_with("Out of the ordinary since "), "{said:?}");
    let html = fs::read_to_string(spool.path("report.html")).unwrap();
    for words in [
        "50 % of the cells are missing; in the baseline 1 %",
        "late &lt;b&gt;.csv",
        "transform monitor release &#39;late &lt;b&gt;.csv&#39; --reason WHY",
        "<svg",
    ] {
        assert!(html.contains(words), "no {words:?} in {html}");
    }
    assert!(!html.contains("<b>.csv"));
    let json = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    assert_eq!(json["changes"][0]["check"], "missing");
    assert_eq!(json["changes"][0]["action"], "hold");
    assert_eq!(
        (&json["period"]["windows"], &json["period"]["rows"]),
        (&2.into(), &2_000.into())
    );
    assert_eq!(json["kept_back"][0]["input"], "late <b>.csv");
    assert_eq!(json["windows"][1]["action"], "hold");
}

/// It still stood there as held.
#[test]
fn what_was_released_says_by_whom_and_why() {
    let spool = watched();
    spool.drop_file("bad.csv", rows(1_000, 2));
    spool.drop_file("worse.csv", rows(1_200, 2));
    spool.once().exits(1);
    let release = [
        "monitor",
        "release",
        "bad.csv",
        "--reason",
        "a <holiday>",
        "--by",
        "ada",
    ];
    spool.run(&release).exits(0);
    let both = |spool: &Spool| {
        let text = spool.run(&["monitor", "report"]).exits(0);
        text.says("1 result is held until a person decides. 1 result was released.")
            .says("held: worse.csv, since ")
            .says("released: bad.csv, 20")
            .says(" UTC by ada: a <holiday>");
        let json = spool.run(&["monitor", "report", "--json"]).exits(0).json();
        assert_eq!(json["released"][0]["by"], "ada");
        let released: Vec<_> = json["windows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| &w["released"])
            .collect();
        assert_eq!(released, [true, false]);
    };
    // Before and after it is published.
    both(&spool);
    spool.once().exits(1);
    both(&spool);
    spool.run(&["monitor", "report", "--html", "report.html"]).exits(0);
    let html = fs::read_to_string(spool.path("report.html")).unwrap();
    assert!(
        html.contains(">released</b>") && html.contains("a &lt;holiday&gt;"),
        "{html}"
    );
    // Other rows under its name are another result.
    spool.drop_file("bad.csv", rows(1_001, 2));
    spool.once().exits(1);
    let json = spool.run(&["monitor", "report", "--json"]).exits(0).json();
    assert!(json["released"][0].is_null(), "{json}");
}

#[test]
fn a_headline_is_of_the_period_that_was_asked_for() {
    let spool = watched();
    spool.drop_file("bad.csv", rows(1_000, 2));
    spool.once().exits(1);
    let of = |since: &str| spool.run(&["monitor", "report", "--since", since]).exits(0);
    of("2999-01-01")
        .says("Nothing was counted yet: no input first seen since 2999-01-01 00:00 UTC was scored")
        .says("1 result is held until a person decides, since before this period.");
    of("2000-01-01")
        .says("bad.csv, or before: a")
        .says(", of 1 window with 1000 rows since 2000-01-01 00:00 UTC. 1 result is held until a person decides.");
}

#[test]
fn a_report_is_of_some_files_also_of_those_that_are_not_dropped() {
    let spool = watched();
    spool.drop_file("good.csv", rows(1_000, 100));
    spool.drop_file("bad.csv", rows(1_000, 2));
    spool.once().exits(1);
    spool
        .run(&["monitor", "report", "good.csv"])
        .exits(0)
        .says("Nothing changed: 1 window");
    fs::write(spool.path("new.csv"), rows(700, 2)).unwrap();
    let json = spool
        .run(&["monitor", "report", "good.csv", "new.csv", "--json"])
        .exits(0)
        .json();
    assert_eq!(json["period"]["rows"], 1_700);
    assert_eq!(json["changes"][0]["check"], "missing");
    assert!(spool.output("new.csv").is_none());
    spool.run(&["monitor", "report", "none.csv"]).exits(64).says("none.csv");
    let none = spool.run(&["monitor", "report", "--since", "2999-01-01"]).exits(0);
    assert!(none.stdout.starts_with("Nothing was counted yet: "), "{none:?}");
}

#[test]
fn a_report_takes_the_place_of_no_input() {
    let spool = watched();
    spool.drop_file("good.csv", rows(1_000, 100));
    fs::write(spool.path("new.csv"), rows(700, 2)).unwrap();
    let before = spool.run(&["monitor", "report", "--html", "input/good.csv"]);
    before.exits(64).says("in the input folder");
    let one = spool.run(&["monitor", "report", "new.csv", "--html", "./new.csv"]);
    one.exits(64).says("one of the files");
    assert_eq!(fs::read_to_string(spool.path("new.csv")).unwrap(), rows(700, 2));
    assert_eq!(
        fs::read_to_string(spool.path("input/good.csv")).unwrap(),
        rows(1_000, 100)
    );
}

#[test]
fn a_version_without_a_baseline_has_no_report() {
    let spool = Spool::new();
    let said = spool.run(&["monitor", "report"]);
    said.exits(64)
        .says("'transform monitor baseline ROWS.csv' gives it one");
}
