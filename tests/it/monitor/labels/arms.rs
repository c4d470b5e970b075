//! Labels of rows that two versions answered.

use super::{CLASSES, check, joined, labels, rows, truths, watched};
use crate::schema::assert_valid;
use serde_json::{Value, json};
use std::fs;

/// Version 2 is right where version 1 is wrong: it calls all yes from a = 30 on, and so do the labels.
#[test]
fn labels_of_an_experiments_rows_are_of_the_version_that_answered_each() {
    let spool = watched().set("output.model_version=true");
    fs::write(spool.path("m.json"), CLASSES.replace("-19.9", "-29.9")).unwrap();
    spool.register_file("m.json", "pipeline", &[]).exits(0);
    spool.drop_file("before.csv", rows(5_000, 40));
    spool.once().exits(0);
    let start = ["experiment", "start", "ab", "--challenger", "2", "--share", "25%"];
    spool.run(&start).exits(0);
    spool.drop_file("a.csv", rows(0, 400) + "bad,oops\n");
    spool.once();
    let output = spool.output("a.csv").unwrap();
    assert!(output.starts_with("id,prediction,"), "{output}");
    let of_challenger = output.lines().filter(|line| line.ends_with(",2")).count();
    assert!((60..140).contains(&of_challenger), "{of_challenger}");
    let truth = |id: usize| format!("{id},{}\n", ["no", "yes"][usize::from(id * 7 % 40 >= 30)]);
    let text = "id,late\n".to_string() + &(0..400).chain(5_000..5_040).map(truth).collect::<String>();
    let json = labels(&spool, text, &[]).json();
    joined(
        &json,
        json!({"joined": 440, "new": 440, "unmatched": 0, "without_prediction": 0}),
    );
    let [first, second] = &json["versions"].as_array().unwrap()[..] else {
        panic!("{json}")
    };
    assert_eq!(
        (&first["model"], &second["model"]),
        (&"lines/1".into(), &"lines/2".into())
    );
    assert_eq!((&first["inputs"], &second["inputs"]), (&2.into(), &1.into()));
    let labelled = [first, second].map(|version| version["rows_labelled"].as_u64().unwrap());
    assert_eq!(labelled.iter().sum::<u64>(), 440);
    assert!(labelled[1].abs_diff(of_challenger as u64) <= 1, "{labelled:?}");
    assert_eq!(check(second, "accuracy")["value"], 1.0);
    let accuracy = check(first, "accuracy")["value"].as_f64().unwrap();
    assert!((0.68..0.82).contains(&accuracy), "{accuracy}");
    // Each by its own probabilities.
    assert_eq!(check(second, "roc_auc")["value"], 1.0);
    // It is all known now, and stays so.
    let all = spool.run(&["monitor", "labels", "--json"]).json();
    assert_eq!(all["versions"][1]["rows_labelled"], labelled[1]);
    // Whose rows they were.
    let history = spool.run(&["history", "a.csv", "--json"]).exits(0).json();
    assert_valid("history", &history);
    let arms = &history[0]["arms"];
    assert_eq!(history[0]["phase"], "ab/1");
    assert_eq!(
        arms["champion"]["rows"].as_u64().unwrap() + arms["challenger"]["rows"].as_u64().unwrap(),
        401
    );
    assert_eq!(
        arms["champion"]["bad_rows"].as_u64().unwrap() + arms["challenger"]["bad_rows"].as_u64().unwrap(),
        1
    );
    let said = spool.run(&["history", "a.csv"]).exits(0);
    said.says("ab/1: ")
        .says(&format!("{} by lines/2", arms["challenger"]["rows"]));
    let mine = spool.run(&["history", "--model", "lines/2", "--json"]).exits(0).json();
    assert_eq!(mine.as_array().unwrap().len(), 1);
    let before = spool.run(&["history", "before.csv", "--json"]).exits(0).json();
    assert_valid("history", &before);
    assert_eq!((&before[0]["phase"], &before[0]["arms"]), (&Value::Null, &Value::Null));
    // Without that column nobody knows.
    spool.run(&["experiment", "stop", "ab", "--reason", "seen"]).exits(0);
    let spool = spool.set("output.model_version=false");
    spool.once();
    let json = labels(&spool, truths(0, 10, 2), &[]).json();
    assert!(
        json["skipped"][0]["why"].as_str().unwrap().contains("model_version"),
        "{json}"
    );
}
