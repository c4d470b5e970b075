//! What is watched beside the model's columns: other columns, groups of rows, a key, what probabilities are worth.

use crate::monitor::hold::held;
use crate::spool::Spool;
use serde_json::Value;
use std::fs;

/// Yes from `a` = 20 on.
const MODEL: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":4,"coefficient":1}],
  "intercept":-5,"output":{"classes":["no","yes"],"threshold":0.5}}"#;

/// With that model approved, held against 1,000 rows; an age, groups and a key are watched.
fn watched() -> Spool {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(
        spool.path("rows.csv"),
        rows(1_000, |i| i, |i| (18 + i % 60).to_string()),
    )
    .unwrap();
    spool.register_file("m.json", "pipeline", &["--approve"]).exits(0);
    let baseline = [
        "monitor",
        "baseline",
        "rows.csv",
        "--version",
        "1",
        "--target",
        "late",
        "--columns",
        "age",
    ];
    spool
        .run(&[&baseline[..], &["--reason", "a good time"]].concat())
        .exits(0);
    spool
        .set("monitor.columns=[\"age\"]")
        .set("monitor.segments=[\"sex\"]")
        .set("monitor.favourable=no")
        .set("monitor.key=id")
}

fn rows(count: usize, id: impl Fn(usize) -> usize, age: impl Fn(usize) -> String) -> String {
    let row = |i: usize| {
        // Late as often as its probability says.
        let a = i * 37 % 40;
        let late = (i * 61 % 100) as f64 / 100.0 < 1.0 / (1.0 + (5.0 - a as f64 / 4.0).exp());
        format!(
            "K{},\"{}\",{a},{},{}\n",
            id(i),
            ["f", "m"][i / 3 % 2],
            age(i),
            if late { "yes" } else { "no" }
        )
    };
    "id,sex,a,age,late\n".to_string() + &(0..count).map(row).collect::<String>()
}

fn age(i: usize) -> String {
    (18 + i % 60).to_string()
}

fn check(checked: &Value, name: &str) -> Value {
    let mut checks = checked["checks"].as_array().unwrap().iter();
    let found = checks.find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("{name}: {checked:#}")).clone()
}

#[test]
fn groups_keys_and_probabilities_are_counted_in_the_pass_that_scores() {
    let spool = watched();
    spool.drop_file("good.csv", rows(1_200, |i| i, age));
    let checked = spool.run(&["monitor", "check", "good.csv", "--json"]).exits(0).json();
    let accuracy = check(&checked, "estimated_accuracy");
    assert_eq!(accuracy["n"], 1_200);
    let value = accuracy["value"].as_f64().unwrap();
    assert!((0.8..0.95).contains(&value) && accuracy["over"] == false, "{accuracy}");
    assert_eq!(check(&checked, "duplicates")["value"], 0.0);
    let dppl = check(&checked, "dppl");
    assert_eq!((&dppl["column"], dppl["over"].as_bool()), (&"sex".into(), Some(false)));
    assert!(dppl["value"].is_number(), "{dppl}");
    spool.once().exits(0);
    assert_eq!(spool.output("good.csv").unwrap().lines().count(), 1_201);
}

#[test]
fn a_column_that_the_model_does_not_take_is_held_against_the_baseline() {
    let spool = watched();
    spool.drop_file(
        "ages.csv",
        rows(1_000, |i| i, |i| if i % 2 == 0 { "NA".into() } else { age(i) }),
    );
    spool.drop_file(
        "words.csv",
        rows(1_000, |i| i, |i| if i % 2 == 0 { "old".into() } else { age(i) }),
    );
    spool.once().exits(1);
    let reason = |name: &str| {
        let report = held(&spool, name).unwrap();
        let reason = &report["reasons"][0];
        (
            reason["check"].clone(),
            reason["column"].clone(),
            reason["value"].clone(),
        )
    };
    assert_eq!(reason("ages.csv"), ("missing".into(), "age".into(), 0.5.into()));
    assert_eq!(reason("words.csv"), ("bad".into(), "age".into(), 0.5.into()));
    // Without `monitor.columns` nobody looks at it.
    let spool = spool.set("monitor.columns=[]");
    spool.run(&["monitor", "check", "words.csv"]).exits(0);
}

#[test]
fn rows_whose_key_stood_before_hold_a_result() {
    let spool = watched();
    spool.drop_file("twice.csv", rows(1_000, |i| i % 500, age));
    spool.once().exits(1);
    let report = held(&spool, "twice.csv").unwrap();
    let reason = &report["reasons"][0];
    assert_eq!(
        (&reason["check"], &reason["value"]),
        (&"duplicates".into(), &0.5.into())
    );
}

/// Labels go on where they went, and the model's probabilities don't.
#[test]
fn a_model_that_is_less_sure_is_estimated_to_be_worth_less() {
    let spool = watched();
    // All of the rows are where the model is least sure.
    let text = "id,sex,a,age\n".to_string()
        + &(0..2_000)
            .map(|i| format!("K{i},f,{},{}\n", 16 + i * 37 % 9, age(i)))
            .collect::<String>();
    spool.drop_file("unsure.csv", text);
    let checked = spool.run(&["monitor", "check", "unsure.csv", "--json"]).json();
    let accuracy = check(&checked, "estimated_accuracy");
    assert!(
        accuracy["over"] == true && accuracy["value"].as_f64().unwrap() < 0.8,
        "{accuracy}"
    );
}

/// A producer that renames a column: nobody would look at it any more.
#[test]
fn a_watched_column_that_a_file_lacks_holds_its_result() {
    let spool = watched();
    let text = rows(1_000, |i| i, age).replacen("id,sex,a,age,late", "id,gender,a,age,late", 1);
    spool.drop_file("renamed.csv", &text);
    spool.once().exits(1);
    let report = held(&spool, "renamed.csv").unwrap();
    assert_eq!(report["message"], "columns_missing of sex: 1.00, bar 0");
    let checked = spool
        .run(&["monitor", "check", "renamed.csv", "--json"])
        .exits(1)
        .json();
    let new = check(&checked, "columns_new");
    assert_eq!(
        (&new["column"], &new["value"], &new["bar"]),
        (&"gender".into(), &1.0.into(), &Value::Null)
    );
    // Nobody watches groups: it is a column more, and no more than that.
    let spool = spool.set("monitor.segments=[]");
    spool.run(&["monitor", "check", "renamed.csv"]).exits(0);
}

#[test]
fn a_misspelt_favourable_label_and_bars_of_no_column_are_said_to_watch_nothing() {
    let spool = watched()
        .set("monitor.favourable=No")
        .set("monitor.column.agee.missing=1");
    let spool = spool.set("monitor.column.age.missing=1");
    spool.drop_file("good.csv", rows(1_000, |i| i, age));
    let label = "not watched: bias, because monitor.favourable is \"No\", which is none of the model's labels";
    let bars = "not watched: [monitor.column.\"agee\"]: the baseline has no column of that name";
    spool.run(&["monitor"]).exits(0).says(label).says(bars);
    spool
        .run(&["monitor", "check", "good.csv"])
        .exits(0)
        .says(label)
        .says(bars);
    let spool = spool.set("monitor.favourable=");
    let overview = spool.run(&["monitor", "--json"]).exits(0).json();
    let unwatched = overview["unwatched"].as_array().unwrap();
    let label = "bias, because monitor.favourable doesn't say which label is good";
    assert!(unwatched.contains(&label.into()), "{overview}");
    assert_eq!(unwatched.len(), 2, "{overview}");
    let spool = spool.set("monitor.favourable=no");
    let overview = spool.run(&["monitor", "--json"]).exits(0).json();
    assert_eq!(overview["unwatched"].as_array().unwrap().len(), 1, "{overview}");
}

/// Of 2^18 keys one stands in 100,000 rows more: it needn't be in the sample.
#[test]
fn one_key_repeated_in_a_large_file_holds_its_result() {
    let spool = watched();
    for key in ["K0", "K1", "K2"] {
        let others = (0..1 << 18).map(|i| format!("K{i}"));
        let all = others.chain(std::iter::repeat_n(key.to_string(), 100_000)).enumerate();
        let row = |(i, id): (usize, String)| format!("{id},{},{},{}\n", ["f", "m"][i / 3 % 2], i * 37 % 40, age(i));
        let text = "id,sex,a,age\n".to_string() + &all.map(row).collect::<String>();
        spool.drop_file("heavy.csv", text);
        let checked = spool.run(&["monitor", "check", "heavy.csv", "--json"]).exits(1).json();
        let value = check(&checked, "duplicates")["value"].as_f64().unwrap();
        assert!((0.26..0.29).contains(&value), "{key}: {value}");
    }
}

#[test]
fn without_a_header_a_segment_that_is_no_input_of_the_model_is_refused() {
    let spool = super::hold::watched().set("input.header=false");
    spool.drop_file("a.csv", "1,Lima\n2,Oslo\n");
    let wrong = ["--set", "monitor.segments=[\"country\"]"];
    for command in ["check", "--once"] {
        let said = spool.run(&[&[command][..], &wrong].concat()).exits(64);
        said.says("input.header = false and monitor.segments = \"country\" can't go together");
    }
    assert_eq!(
        (spool.output("a.csv"), super::hold::held(&spool, "a.csv")),
        (None, None)
    );
    let own = spool.set("monitor.segments=[\"city\"]");
    own.once().exits(0);
    assert!(own.output("a.csv").is_some());
}
