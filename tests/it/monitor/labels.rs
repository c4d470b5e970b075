//! What came true, joined with what was predicted.

use crate::spool::{Ran, Spool};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Yes from a = 20 on, nearly surely.
const CLASSES: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":1}],
  "intercept":-19.9,"output":{"classes":["no","yes"],"threshold":0.5}}"#;

/// With that model approved; rows have an `id`, which is kept and joins labels.
fn watched() -> Spool {
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\"]").set("monitor.key=id");
    fs::write(spool.path("m.json"), CLASSES).unwrap();
    approve(&spool);
    spool
}

fn approve(spool: &Spool) {
    spool.register_file("m.json", "pipeline", &["--approve"]).exits(0);
}

/// Ids from `first` on; a from 0 to 39, by the id.
fn rows(first: usize, count: usize) -> String {
    let row = |id: usize| format!("{id},{}\n", id * 7 % 40);
    "id,a\n".to_string() + &(first..first + count).map(row).collect::<String>()
}

/// What came true of these rows: as they were predicted, but one in `wrong`.
fn truths(first: usize, count: usize, wrong: usize) -> String {
    let truth = |id: usize| {
        let yes = (id * 7 % 40 >= 20) != (id + id / 40).is_multiple_of(wrong);
        format!("{id},{}\n", ["no", "yes"][usize::from(yes)])
    };
    "id,late\n".to_string() + &(first..first + count).map(truth).collect::<String>()
}

fn labels(spool: &Spool, text: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    fs::write(spool.path("labels.csv"), text).unwrap();
    let mut args = vec!["monitor", "labels", "labels.csv", "--json"];
    args.extend(more);
    spool.run(&args)
}

fn check<'a>(version: &'a Value, name: &str) -> &'a Value {
    let mut checks = version["checks"].as_array().unwrap().iter();
    let found = checks.find(|check| check["check"] == name && check["segment"].is_null());
    found.unwrap_or_else(|| panic!("{name} {version}"))
}

#[track_caller]
fn joined(json: &Value, expected: Value) {
    for (key, value) in expected.as_object().unwrap() {
        let found = &json["labels"][key];
        let found = if found.is_object() { &found["count"] } else { found };
        assert_eq!(found, value, "{key} {json}");
    }
}

#[test]
fn labels_are_joined_by_key_and_say_what_the_version_is_worth() {
    let spool = watched();
    spool.drop_file("a.csv", rows(0, 200));
    spool.drop_file("b.csv", rows(1_000, 100));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 200, 10), &[]).exits(0).json();
    joined(
        &json,
        json!({"joined": 200, "new": 200, "same": 0, "changed": 0, "unmatched": 0}),
    );
    let version = &json["versions"][0];
    assert_eq!((&version["model"], &version["inputs"]), (&"lines/1".into(), &1.into()));
    assert_eq!(
        (&version["rows_labelled"], &version["rows_scored"]),
        (&200.into(), &200.into())
    );
    let accuracy = check(version, "accuracy");
    assert_eq!((&accuracy["value"], &accuracy["n"]), (&0.9.into(), &200.into()));
    assert!(accuracy["interval"][0].as_f64().unwrap() < 0.9 && accuracy["bar"].is_null());
    assert_eq!(
        accuracy["why"],
        "neither the version's evaluation nor its baseline says what it was worth"
    );
    assert!(check(version, "roc_auc")["value"].as_f64().unwrap() > 0.8);
    // Both files, from what is known.
    labels(&spool, truths(1_000, 100, 5), &[]).exits(0);
    let all = spool.run(&["monitor", "labels", "--json"]).exits(0).json();
    let version = &all["versions"][0];
    assert_eq!(
        (&version["inputs"], &version["rows_labelled"]),
        (&2.into(), &300.into())
    );
    assert_eq!(all["records"], Value::Null);
    let text = spool.run(&["monitor", "labels"]).exits(0);
    text.says("lines/1: 300 rows labelled of 300 scored, in 2 inputs")
        .says("accuracy");
}

#[test]
fn late_labels_add_to_earlier_ones_and_the_newer_one_counts() {
    let spool = watched();
    spool.drop_file("a.csv", rows(0, 100));
    spool.once().exits(0);
    labels(&spool, truths(0, 60, 10), &[]).exits(0);
    let json = labels(&spool, truths(40, 60, 10), &[]).exits(0).json();
    assert_eq!(json["versions"][0]["rows_labelled"], 100);
    // The same once more.
    let again = truths(40, 60, 10);
    let json = labels(&spool, &again, &[]).exits(0).json();
    joined(&json, json!({"joined": 60, "new": 0, "same": 60, "changed": 0}));
    assert_eq!(json["versions"][0]["rows_labelled"], 100);
    let turned = "id,late\n0,no\n99,no\n";
    let before = check(&json["versions"][0], "accuracy")["value"].as_f64().unwrap();
    let json = labels(&spool, turned, &[]).exits(0).json();
    joined(&json, json!({"joined": 2, "new": 0, "same": 1, "changed": 1}));
    assert_ne!(
        check(&json["versions"][0], "accuracy")["value"].as_f64().unwrap(),
        before
    );
    assert_eq!(json["versions"][0]["rows_labelled"], 100);
}

#[test]
fn keys_are_texts_and_what_they_say_twice_or_otherwise_is_said() {
    let spool = watched();
    spool.drop_file("a.csv", "id,a\n007,1\n7,30\n\"x, \"\"y\"\"\",30\nd,1\nd,2\n9,1\n");
    spool.once().exits(0);
    let text = "\u{feff}late,id\nno,007\nyes,7\nyes,\"x, \"\"y\"\"\"\nyes,7\nno,d\nno,9\nyes,9\nno,never\n,7\n";
    let json = labels(&spool, text, &[]).exits(0).json();
    joined(
        &json,
        json!({"joined": 3, "unmatched": 1, "ambiguous": 1, "in_older_inputs": 0}),
    );
    assert_eq!(json["labels"]["unmatched"]["first"], json!(["never"]));
    assert_eq!(json["labels"]["ambiguous"]["first"], json!(["d in a.csv"]));
    let records = &json["records"];
    assert_eq!(
        (&records["repeated"], &records["without_label"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        records["contradicting"],
        json!({"count": 1, "first": [{"key": "9", "lines": [7, 8]}]})
    );
    assert_eq!(check(&json["versions"][0], "accuracy")["value"], 1.0);
    let text = spool.run(&["monitor", "labels", "labels.csv"]).exits(0);
    text.says("contradicting, so none of them is used: 1 key: 9 (lines 7 and 8)")
        .says("no row that was scored has this key: 1: never");
}

#[test]
fn a_key_in_several_inputs_is_of_the_newest() {
    let spool = watched();
    spool.drop_file("z_old.csv", rows(0, 10));
    spool.once().exits(0);
    spool.drop_file("a_new.csv", rows(5, 10));
    spool.once().exits(0);
    let json = labels(&spool, truths(5, 10, 100), &[]).exits(0).json();
    joined(&json, json!({"joined": 10, "in_older_inputs": 5, "unmatched": 0}));
    assert_eq!(
        (&json["versions"][0]["inputs"], &json["versions"][0]["rows_labelled"]),
        (&1.into(), &10.into())
    );
}

#[test]
fn labels_that_mean_nothing_or_are_of_bad_rows_are_counted() {
    let spool = watched().set("input.max_bad_rows=100%");
    spool.drop_file("a.csv", "id,a\n1,1\n2,oops\n3,30\n4,30\n5\n");
    spool.once();
    let json = labels(&spool, "id,late\n1,no\n2,yes\n3,maybe\n4,NA\n5,yes\n", &[])
        .exits(0)
        .json();
    // That of the fifth row has no key that could be told.
    joined(
        &json,
        json!({"joined": 2, "unknown": 1, "without_prediction": 1, "unmatched": 1}),
    );
    assert_eq!(json["labels"]["unknown"]["first"], json!(["\"maybe\" on line 4"]));
    assert_eq!(json["records"]["without_label"], 1);
    let version = &json["versions"][0];
    assert_eq!(
        (&version["rows_labelled"], &version["rows_scored"]),
        (&1.into(), &3.into())
    );
}

#[test]
fn outputs_that_are_not_what_was_published_are_named_and_never_guessed() {
    let spool = watched();
    for (name, first) in [("a.csv", 0), ("b.csv", 100), ("c.csv", 200), ("d.csv", 300)] {
        spool.drop_file(name, rows(first, 20));
    }
    spool.once().exits(0);
    let output = spool.output("a.csv").unwrap();
    fs::write(spool.path("output/a.csv.out"), output.replace("yes", "yEs")).unwrap();
    fs::write(spool.path("output/b.csv.out"), output.clone() + "1,2\n").unwrap();
    fs::remove_file(spool.path("output/c.csv.out")).unwrap();
    let json = labels(&spool, truths(0, 400, 1_000), &[]).exits(0).json();
    joined(&json, json!({"joined": 20, "unmatched": 380}));
    let skipped: Vec<(&str, &str)> = (json["skipped"].as_array().unwrap().iter())
        .map(|skipped| (skipped["input"].as_str().unwrap(), skipped["why"].as_str().unwrap()))
        .collect();
    assert_eq!(
        skipped,
        [
            ("c.csv", "the output is gone"),
            ("b.csv", "it was changed since it was recorded"),
            ("a.csv", "it was changed since it was recorded"),
        ]
    );
}

#[test]
fn labels_are_joined_by_row() {
    let spool = watched().set("output.columns=prediction").set("monitor.key=");
    spool.drop_file("a.csv", rows(0, 4));
    spool.once().exits(0);
    let none = labels(&spool, "late\nno\n", &[]);
    none.exits(64).says("monitor.key").says("--of INPUT");
    let short = labels(&spool, "late\nno\nno\nno\n", &["--of", "a.csv"]);
    short.exits(64).says("it has 3 labels, but a.csv has 4 rows");
    let json = labels(&spool, "late\nno\nyes\n\"\"\nno\n", &["--of", "a.csv"])
        .exits(0)
        .json();
    joined(&json, json!({"joined": 3}));
    assert_eq!(
        check(&json["versions"][0], "accuracy")["value"].as_f64().unwrap(),
        1.0 / 3.0
    );
    let two = labels(&spool, "late,why\nno,x\nyes,x\n,x\nno,x\n", &["--of", "a.csv"]);
    two.exits(64)
        .says("which column has the labels can't be told: \"late\", \"why\"")
        .says("--target");
    let told = labels(
        &spool,
        "late,why\nno,x\nno,x\n,x\nno,x\n",
        &["--of", "input/a.csv", "--target", "late"],
    );
    let json = told.exits(0).json();
    joined(&json, json!({"joined": 3, "changed": 1, "same": 2}));
    labels(&spool, "late\n", &["--of", "b.csv"])
        .exits(64)
        .says("no output of b.csv stands");
}

#[test]
fn no_rows_and_no_labels_are_no_fault() {
    let spool = watched();
    labels(&spool, truths(0, 3, 9), &[])
        .exits(64)
        .says("nothing was scored yet");
    spool.drop_file("a.csv", "id,a\n");
    spool.drop_file("b.csv", rows(0, 3));
    spool.once().exits(0);
    spool.run(&["monitor", "labels"]).exits(0).says("no label is known");
    let json = labels(&spool, "id,late\n", &[]).exits(0).json();
    assert_eq!((&json["versions"], &json["records"]["read"]), (&json!([]), &0.into()));
    let json = labels(&spool, "late\n", &["--of", "a.csv"]).exits(0).json();
    assert_eq!(json["versions"], json!([]));
    let json = labels(&spool, truths(0, 3, 9), &[]).exits(0).json();
    joined(&json, json!({"joined": 3}));
}

#[test]
fn what_another_version_scores_since_is_measured_by_the_same_labels() {
    let spool = watched();
    spool.drop_file("a.csv", rows(0, 80));
    spool.drop_file("b.csv", rows(100, 80));
    spool.once().exits(0);
    labels(&spool, truths(0, 80, 1_000), &[]).exits(0);
    fs::write(spool.path("m.json"), CLASSES.replace("-19.9", "-29.9")).unwrap();
    approve(&spool);
    spool.once().exits(0);
    let json = spool.run(&["monitor", "labels", "--json"]).exits(0).json();
    let versions = json["versions"].as_array().unwrap();
    let accuracy = |version: &Value| check(version, "accuracy")["value"].as_f64().unwrap();
    let models: Vec<&str> = versions
        .iter()
        .map(|version| version["model"].as_str().unwrap())
        .collect();
    assert_eq!(models, ["lines/1", "lines/2"]);
    assert!(accuracy(&versions[0]) > 0.98 && accuracy(&versions[1]) < 0.8, "{json}");
    // Those that come now are of the one that scored.
    let json = labels(&spool, truths(100, 80, 1_000), &[]).exits(0).json();
    assert_eq!(json["versions"][0]["model"], "lines/2");
    // Another input of that name has none of its labels.
    spool.drop_file("a.csv", rows(0, 79));
    spool.once().exits(0);
    let json = labels(&spool, "id,late\n1,no\n", &[]).exits(0).json();
    assert_eq!(json["versions"][0]["rows_labelled"], 1);
}

#[test]
fn a_version_that_is_worth_less_than_on_its_baseline_is_told_of() {
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\"]").set("monitor.key=id");
    fs::write(spool.path("m.json"), CLASSES).unwrap();
    let mut text = "id,a,late\n".to_string();
    for (row, truth) in rows(0, 1_000).lines().zip(truths(0, 1_000, 10).lines()).skip(1) {
        text += &format!("{row},{}\n", truth.split_once(',').unwrap().1);
    }
    fs::write(spool.path("rows.csv"), text).unwrap();
    let flags = ["--baseline", "rows.csv", "--target", "late", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    spool.drop_file("good.csv", rows(0, 600));
    spool.drop_file("bad.csv", rows(2_000, 600));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 600, 10), &[]).exits(0).json();
    let accuracy = check(&json["versions"][0], "accuracy");
    assert!(
        accuracy["bar"].as_f64().unwrap() > 0.7 && accuracy["noise"].is_number(),
        "{accuracy}"
    );
    let expected = json["versions"][0]["without_labels"]["accuracy"]["value"]
        .as_f64()
        .unwrap();
    assert!((expected - 0.9).abs() < 0.02, "{expected}");
    let json = labels(&spool, truths(2_000, 600, 3), &[]).exits(1).json();
    let version = &json["versions"][0];
    assert_eq!(check(version, "accuracy")["over"], true);
    assert!(version["over"].as_u64().unwrap() >= 1);
    // The rows look as ever: only labels tell.
    let expected = version["without_labels"]["accuracy"]["value"].as_f64().unwrap();
    assert!((expected - 0.9).abs() < 0.02, "{expected}");
    let spool = spool.set("monitor.performance=off");
    spool.run(&["monitor", "labels", "labels.csv"]).exits(0).says("over");
}

#[test]
fn without_probabilities_in_the_outputs_it_is_said_what_cannot_be_measured() {
    let spool = watched().set("output.probabilities=false");
    spool.drop_file("a.csv", rows(0, 100));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 100, 10), &[]).exits(0).json();
    let version = &json["versions"][0];
    assert_eq!(check(version, "accuracy")["value"], 0.9);
    let auc = check(version, "roc_auc");
    assert_eq!(auc["value"], Value::Null);
    assert!(auc["why"].as_str().unwrap().contains("output.probabilities"));
    assert_eq!(version["without_labels"], Value::Null);
}

#[test]
fn outputs_without_the_key_are_named() {
    let spool = watched().set("output.columns=prediction");
    spool.drop_file("a.csv", rows(0, 3));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 3, 9), &[]).exits(0).json();
    let why = json["skipped"][0]["why"].as_str().unwrap();
    assert_eq!(why, "the output has no column \"id\"; output.columns keeps it");
    joined(&json, json!({"joined": 0, "unmatched": 3}));
}

/// F is found late as often as M, but called so less often.
fn people(first: usize, count: usize) -> (String, String) {
    let (mut rows, mut truths) = ("id,a,sex\n".to_string(), "id,late\n".to_string());
    for i in 0..count {
        let (sex, late) = (["F", "M", ""][i % 3], i / 3 % 2 == 0);
        let called = late && (i % 3 > 0 || i / 6 % 2 == 0);
        rows += &format!("{},{},{sex}\n", first + i, if called { 30 } else { 1 });
        truths += &format!("{},{}\n", first + i, if late { "yes" } else { "no" });
    }
    (rows, truths)
}

#[test]
fn groups_are_told_by_kept_columns_or_by_the_input_while_it_is_unchanged() {
    let spool = watched()
        .set("monitor.segments=[\"sex\"]")
        .set("monitor.favourable=yes");
    let (rows, truths) = people(0, 600);
    let input = spool.drop_file("a.csv", &rows);
    spool.once().exits(0);
    let of = |json: &Value, name: &str, segment: &str| {
        let checks = json["versions"][0]["checks"].as_array().unwrap();
        let found = checks
            .iter()
            .find(|check| check["check"] == name && check["segment"] == segment);
        found.cloned().unwrap_or_default()
    };
    // Found half as often as the others: outside of what is allowed.
    let json = labels(&spool, &truths, &[]).exits(1).json();
    let rd = of(&json, "rd", "sex=F");
    assert_eq!(
        (&rd["value"], &rd["over"], &rd["n"]),
        (&0.5.into(), &true.into(), &200.into())
    );
    assert_eq!(of(&json, "dpl", "sex=F")["value"], 0.0);
    assert_eq!(of(&json, "rd", "sex=")["n"], 200);
    assert_eq!(of(&json, "dppl", "sex=F"), Value::Null);
    // The input went: its groups aren't known any more.
    fs::write(&input, rows.replace("F\n", "M\n")).unwrap();
    let json = labels(&spool, &truths, &[]).exits(0).json();
    let unknown = &json["groups_not_measured"][0];
    assert_eq!((&unknown["column"], &unknown["inputs"]), (&"sex".into(), &1.into()));
    assert_eq!(
        unknown["why"],
        "the output doesn't keep it (output.columns), and it was changed since it was recorded"
    );
    let spool = spool.set("output.columns=[\"id\", \"sex\"]");
    fs::write(&input, &rows).unwrap();
    spool.once().exits(0);
    fs::remove_file(&input).unwrap();
    let json = labels(&spool, &truths, &[]).exits(1).json();
    assert_eq!(of(&json, "rd", "sex=F")["value"], 0.5);
    let spool = spool.set("monitor.favourable=good");
    let json = labels(&spool, &truths, &[]).exits(0).json();
    let why = json["groups_not_measured"][0]["why"].as_str().unwrap();
    assert_eq!(why, "monitor.favourable is \"good\", which is no label of lines/1");
}

#[test]
fn a_number_is_held_against_what_the_version_was_approved_with() {
    let spool = Spool::without_model()
        .set("output.columns=[\"id\"]")
        .set("monitor.key=id");
    let spool = spool.set("monitor.drift=off");
    let row = |i: usize, off: f64| {
        let a = (i * 37 % 101) as f64 / 10.0;
        (a, 3.0 * a + (i * 53 % 17) as f64 / 10.0 - 0.8 + off)
    };
    let mut examples = "id,a,y\n".to_string();
    for i in 0..400 {
        let (a, y) = row(i, 0.0);
        examples += &format!("{i},{a},{y}\n");
    }
    let pipeline = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"a\"]\n[split]\nshare = 0.5\nseed = 1\n\
                    [train]\ntrainer = \"least-squares\"\n";
    spool.train(&examples, pipeline).exits(0);
    spool.approve(1);
    let (mut input, mut fine, mut worse) = ("id,a\n".to_string(), "id,y\n".to_string(), "id;y\n".to_string());
    for i in 0..300 {
        input += &format!("{i},{}\n", row(i, 0.0).0);
        fine += &format!("{i},{}\n", row(i, 0.0).1);
        worse += &format!("{i};{}\n", row(i, 1.5).1);
    }
    spool.drop_file("a.csv", input);
    spool.once().exits(0);
    let json = labels(&spool, &fine, &[]).exits(0).json();
    let version = &json["versions"][0];
    for metric in ["r2", "mse", "rmse", "mae"] {
        let of = check(version, metric);
        assert!(
            of["bar"].is_number() && of["interval"].is_array() && of["over"] == false,
            "{of}"
        );
        let approved = &version["approved"]["regression_metrics"][metric]["value"];
        let (now, then) = (of["value"].as_f64().unwrap(), approved.as_f64().unwrap());
        assert!((now - then).abs() < 0.2 * then, "{metric} {now} {then}");
    }
    // Excel's way of saying what parts fields.
    let json = labels(&spool, format!("sep=;\n{worse}"), &[]).exits(1).json();
    joined(&json, json!({"joined": 300, "changed": 300}));
    assert_eq!(check(&json["versions"][0], "mae")["over"], true);
    let json = labels(&spool, "id,y\n1,much\n2,4.5\n", &[]).exits(1).json();
    joined(&json, json!({"joined": 1, "unknown": 1}));
}

#[test]
fn sagemakers_ground_truth_is_taken_by_key() {
    let spool = watched();
    spool.drop_file("a.csv", rows(0, 40));
    spool.once().exits(0);
    let line = |truth: &str| {
        let (id, label) = truth.split_once(',').unwrap();
        format!(
            r#"{{"groundTruthData":{{"data":"{label}","encoding":"CSV"}},"eventMetadata":{{"eventId":"{id}"}},"eventVersion":"0"}}"#
        ) + "\n"
    };
    let text: String = truths(0, 40, 8).lines().skip(1).map(line).collect();
    let json = labels(&spool, text, &[]).exits(0).json();
    joined(&json, json!({"joined": 40, "unmatched": 0}));
    assert_eq!(check(&json["versions"][0], "accuracy")["value"], 0.875);
}

#[test]
fn labels_go_with_the_history() {
    let spool = watched();
    spool.drop_file("a.csv", rows(0, 20));
    spool.once().exits(0);
    labels(&spool, truths(0, 20, 9), &[]).exits(0);
    let later = spool
        .run(&["monitor", "labels", "--since", "2100-01-01", "--json"])
        .exits(0)
        .json();
    assert_eq!(later["versions"], json!([]));
    let json = labels(&spool, truths(0, 20, 9), &["--since", "2100-01-01"])
        .exits(0)
        .json();
    joined(&json, json!({"joined": 0, "unmatched": 20}));
}

/// NannyML's car loans (Apache-2.0), of `tests/fixtures/monitor`: what it publishes comes out of the command. The model gives each
/// row the probability that the data has.
#[test]
fn published_figures_of_the_car_loans_with_labels_and_without() {
    const MODEL: &str = r#"{"inputs":[{"name":"logit","missing":{"fill":0}}],
      "terms":[{"name":"logit","factors":[{"input":"logit"}],"mean":0,"scale":1,"coefficient":1}],
      "intercept":0,"output":{"classes":["0","1"],"threshold":0.645}}"#;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/monitor/car_loan.csv");
    let fixture = fs::read_to_string(fixture).unwrap();
    let spool = Spool::without_model().set("output.probabilities=true");
    let spool = spool.set("output.columns=[\"id\"]").set("monitor.key=id");
    let spool = spool.set("monitor.data=off").set("monitor.drift=off");
    let part = |period: &str, part: Option<&str>| {
        let (mut rows, mut labels) = ("id,logit,label\n".to_string(), "id,label\n".to_string());
        let mut id = 0;
        for line in fixture.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            if cells[0] != period || part.is_some_and(|part| part != cells[1]) {
                continue;
            }
            let p: f64 = cells[2].parse::<f64>().unwrap().clamp(1e-12, 1.0 - 1e-12);
            for _ in 0..cells[5].parse().unwrap() {
                let id_of = format!("{period}-{}-{id}", cells[1]);
                rows += &format!("{id_of},{},{}\n", (p / (1.0 - p)).ln(), cells[4]);
                labels += &format!("{id_of},{}\n", cells[4]);
                id += 1;
            }
        }
        (rows, labels)
    };
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), part("reference", None).0).unwrap();
    let flags = ["--baseline", "rows.csv", "--target", "label", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    let parts = ["0", "5"].map(|number| (number, part("analysis", Some(number))));
    for (number, (rows, _)) in &parts {
        spool.drop_file(&format!("{number}.csv"), rows);
    }
    spool.once().exits(0);
    for ((number, (_, truths)), realised, estimated, code) in [
        (&parts[0], [0.9422, 0.970962], [0.941792, 0.970744], 0),
        (&parts[1], [0.9146, 0.960050], [0.910714, 0.961090], 1),
    ] {
        let json = labels(&spool, truths, &[]).exits(code).json();
        let version = &json["versions"][0];
        assert_eq!(version["rows_labelled"], 5_000, "part {number}");
        for (i, metric) in ["accuracy", "roc_auc"].into_iter().enumerate() {
            let of = check(version, metric);
            let value = of["value"].as_f64().unwrap();
            assert!((value - realised[i]).abs() < 1e-6, "{metric} of part {number}: {value}");
            assert_eq!(of["over"], code == 1, "{of}");
            let expected = version["without_labels"][metric]["value"].as_f64().unwrap();
            assert!(
                (expected - estimated[i]).abs() < 1e-5,
                "{metric} of part {number}: {expected}"
            );
        }
    }
    assert_eq!(
        check(
            &spool.run(&["monitor", "labels", "--json"]).json()["versions"][0],
            "accuracy"
        )["n"],
        10_000
    );
}
