//! What came true, joined with what was predicted.

mod arms;
mod worth;

use crate::spool::{Ran, Spool};
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;

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

/// Its files are gone; what it gives, and what it gave, are known.
#[test]
fn what_a_retired_version_predicted_is_measured_all_the_same() {
    let spool = watched().set("models.on_approval=new-files");
    spool.drop_file("a.csv", rows(0, 200));
    spool.once().exits(0);
    approve(&spool);
    spool.run(&["models", "retire", "1"]).exits(0);
    let json = labels(&spool, truths(0, 200, 10), &[]).exits(0).json();
    joined(&json, json!({"joined": 200, "unmatched": 0}));
    let version = &json["versions"][0];
    assert_eq!(version["model"], "lines/1");
    assert_eq!(check(version, "accuracy")["value"], 0.9);
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
fn calls_at_once_lose_no_labels() {
    let spool = watched();
    let state = spool.path("state");
    spool.drop_file("a.csv", rows(0, 100));
    spool.once().exits(0);
    // Another call is at work: this one waits for it, and knows then what that one kept.
    let lock = fs::File::create(state.join("labels.lock")).unwrap();
    lock.lock().unwrap();
    let mut calls = Vec::new();
    for part in 0..4 {
        let file = format!("labels{part}.csv");
        fs::write(spool.path(&file), truths(part * 25, 25, 10)).unwrap();
        calls.push(
            spool
                .command(&["monitor", "labels", &file])
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
    }
    drop(lock);
    for mut call in calls {
        assert!(call.wait().unwrap().success());
    }
    let json = spool.run(&["monitor", "labels", "--json"]).exits(0).json();
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
fn a_class_that_is_called_as_a_missing_word_is_a_label() {
    for class in ["NA", "null", "nan"] {
        let spool = Spool::without_model()
            .set("output.columns=[\"id\"]")
            .set("monitor.key=id");
        fs::write(spool.path("m.json"), CLASSES.replace("\"no\"", &format!("{class:?}"))).unwrap();
        let called = |text: String| text.replace(",no", &format!(",{class}"));
        let examples = rows(0, 400);
        let truth = called(truths(0, 400, 10));
        let lines = examples.lines().zip(truth.lines());
        let lines: String = lines
            .map(|(row, truth)| format!("{row},{}\n", truth.split_once(',').unwrap().1))
            .collect();
        fs::write(spool.path("rows.csv"), lines).unwrap();
        let flags = ["--baseline", "rows.csv", "--target", "late", "--approve"];
        spool.register_file("m.json", "pipeline", &flags).exits(0);
        let baseline = fs::read_to_string(spool.path("models/lines/1/baseline.json")).unwrap();
        let baseline: Value = serde_json::from_str(&baseline).unwrap();
        assert_eq!(baseline["outcomes"]["target"]["missing"], 0, "{class}");
        spool.drop_file("a.csv", rows(0, 200));
        spool.once().exits(0);
        let json = labels(&spool, called(truths(0, 199, 10)) + "199,N/A\n", &[]).json();
        joined(&json, json!({"joined": 199}));
        assert_eq!(json["records"]["without_label"], 1, "{class}");
        assert!((check(&json["versions"][0], "accuracy")["value"].as_f64().unwrap() - 0.9).abs() < 0.01);
    }
}

#[test]
fn outputs_that_are_not_what_was_published_are_named_and_never_guessed() {
    let spool = watched();
    for (name, first) in [("a.csv", 0), ("b.csv", 100), ("c.csv", 200), ("d.csv", 300)] {
        spool.drop_file(name, rows(first, 20));
        spool.once().exits(0);
    }
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
fn labels_are_not_of_an_older_input_while_a_newer_output_is_gone() {
    let spool = watched();
    spool.drop_file("jan.csv", rows(0, 60));
    spool.once().exits(0);
    spool.drop_file("feb.csv", rows(20, 60));
    spool.once().exits(0);
    spool.drop_file("mar.csv", rows(40, 60));
    spool.once().exits(0);
    let output = spool.output("feb.csv").unwrap();
    for broken in [None, Some(output.replace("yes", "yEs"))] {
        match broken {
            None => fs::remove_file(spool.path("output/feb.csv.out")).unwrap(),
            Some(text) => fs::write(spool.path("output/feb.csv.out"), text).unwrap(),
        }
        let json = labels(&spool, truths(0, 110, 10), &[]).exits(0).json();
        // Those of March are the newest; of which of the others they are can't be told.
        joined(
            &json,
            json!({"joined": 60, "withheld": 40, "unmatched": 10, "in_older_inputs": 20}),
        );
        assert_eq!(
            json["labels"]["withheld"]["first"][0],
            "0 in jan.csv, older than feb.csv"
        );
        assert_eq!(json["versions"][0]["inputs"], 1);
        let text = spool.run(&["monitor", "labels", "labels.csv"]).exits(0);
        text.says("a newer input that wasn't looked into")
            .says("transform --once");
    }
    fs::remove_file(spool.path("output/feb.csv.out")).unwrap();
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 110, 10), &[]).exits(0).json();
    joined(&json, json!({"joined": 100, "withheld": 0, "unmatched": 10, "new": 40}));
    assert_eq!(json["versions"][0]["inputs"], 3);
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
fn outputs_without_the_key_are_named() {
    let spool = watched().set("output.columns=prediction");
    spool.drop_file("a.csv", rows(0, 3));
    spool.once().exits(0);
    let json = labels(&spool, truths(0, 3, 9), &[]).exits(0).json();
    let why = json["skipped"][0]["why"].as_str().unwrap();
    assert_eq!(why, "the output has no column \"id\"; output.columns keeps it");
    joined(&json, json!({"joined": 0, "unmatched": 3}));
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
    let json = labels(&spool, &text, &[]).exits(0).json();
    joined(&json, json!({"joined": 40, "unmatched": 0}));
    assert_eq!(check(&json["versions"][0], "accuracy")["value"], 0.875);
    // As other writers space it.
    let spaced = text.replace("{\"", "{ \"").replace("\":", "\": ");
    let json = labels(&spool, spaced, &[]).exits(0).json();
    joined(&json, json!({"joined": 40, "unmatched": 0}));
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
