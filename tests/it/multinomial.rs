//! Training of several classes: scikit-learn's figures, and the way from examples to scored files through the binary.

use crate::spool::Spool;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use transform::train::dataset::Dataset;
use transform::train::pipeline::Pipeline;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/training");
    folder.join(name).to_str().unwrap().into()
}

fn cases() -> Value {
    let text = fs::read_to_string(fixture("several.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["cases"].clone()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn close(found: f64, wanted: f64, what: &str) {
    assert!(
        (found - wanted).abs() < 1e-7 * wanted.abs().max(1.0),
        "{what}: {found} {wanted}"
    );
}

#[test]
fn coefficients_and_probabilities_are_those_of_scikit_learn() {
    let all = cases();
    let file = fixture("several.csv");
    for (case, features, keys) in [
        ("plain", "[\"a\", \"b\", \"c\"]", "[train]\nalpha = 0.1"),
        ("city", "[\"a\", \"b\", \"c\", \"city\"]", "[train]\nalpha = 1"),
        (
            "balanced",
            "[\"a\", \"b\", \"c\", \"city\"]",
            "[train]\nalpha = 1\nclass_weights = \"balanced\"",
        ),
        (
            "weighted",
            "[\"a\", \"b\", \"c\"]",
            "[preprocess]\nstandardise = true\n[train]\nalpha = 1\nclass_weights = { scorching = 5, cold = 0.5 }",
        ),
        ("free", "[\"a\", \"b\"]", "[preprocess]\nstandardise = true\n[train]"),
    ] {
        let text = format!(
            "data = {{ file = {file:?}, target = \"target\", features = {features} }}\nsplit = {{ test_file = {file:?} }}\n{keys}\n\
             trainer = \"logistic\"\n"
        );
        let pipeline = Pipeline::parse(Path::new("fixture.toml"), &text, &[]).unwrap();
        let dataset = Dataset::read(&pipeline).unwrap();
        let (train, test) = (&dataset.parts.train, &dataset.parts.test);
        let fitted = transform::train::fit(&pipeline, &dataset, train, test).unwrap();
        assert!(fitted.warnings.is_empty(), "{case}: {:?}", fitted.warnings);
        let wanted = &all[case];
        assert_eq!(json!(dataset.classes), wanted["classes"], "{case}");
        for (class, intercept) in fitted.artifact.intercepts.iter().enumerate() {
            close(*intercept, wanted["intercepts"][class].as_f64().unwrap(), case);
            let coefficients = numbers(&wanted["coefficients"][class]);
            assert_eq!(fitted.artifact.terms.len(), coefficients.len(), "{case}");
            for (term, wanted) in fitted.artifact.terms.iter().zip(coefficients) {
                close(term.coefficients[class], wanted, case);
            }
            for (row, found) in fitted.test.predictions.probabilities[class].iter().enumerate() {
                close(*found, wanted["probabilities"][row][class].as_f64().unwrap(), case);
            }
        }
    }
}

fn spool() -> Spool {
    let spool = Spool::without_model().set("output.probabilities=true");
    let file = fixture("several.csv");
    let pipeline = format!(
        "data = {{ file = {file:?}, target = \"target\" }}\nsplit = {{ test_file = {file:?} }}\n\
         train = {{ trainer = \"logistic\", alpha = 1 }}\n"
    );
    fs::write(spool.path("p.toml"), pipeline).unwrap();
    spool
}

/// Train, approve, score, evaluate.
#[test]
fn several_classes_go_from_examples_to_scored_files() {
    let spool = spool();
    spool
        .train_with(&["--gate", "f1_macro >= 0.5", "--gate", "log_loss < 1"])
        .exits(0)
        .says("f1_macro")
        .says("gate passed: f1_macro");
    spool.train_with(&["--gate", "r2 >= 0.5"]).exits(64).says("has no r2");
    spool
        .train_with(&["--gate", "roc_auc >= 0.5"])
        .exits(64)
        .says("has no roc_auc");
    spool.approve(1);
    let manifest = spool.run(&["models", "show", "1", "--json"]).exits(0).json()["manifest"].clone();
    // Programs that don't know pipelines of several classes refuse it by this number.
    assert_eq!(manifest["format_version"], 5);
    spool.drop_file("x.csv", fs::read_to_string(fixture("several.csv")).unwrap());
    spool.once().exits(0);
    let output = spool.output("x.csv").unwrap();
    let mut lines = output.lines();
    assert_eq!(
        lines.next(),
        Some("prediction,probability_cold,probability_hot,probability_mild,probability_scorching")
    );
    let wanted = &cases()["city"];
    for (row, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], wanted["labels"][row], "{line}");
        for (cell, wanted) in cells[1..].iter().zip(numbers(&wanted["probabilities"][row])) {
            close(cell.parse().unwrap(), wanted, line);
        }
    }
    let file = fixture("several.csv");
    let fresh = spool.run(&["evaluate", &file, "--json"]).exits(0).json();
    let stored: Value =
        serde_json::from_slice(&fs::read(spool.path("models/lines/1/evaluation.json")).unwrap()).unwrap();
    let metrics = "multiclass_classification_metrics";
    assert_eq!((&fresh["rows"], &fresh[metrics]), (&80.into(), &stored[metrics]));
    // The training shares, which are always said.
    assert_eq!(stored["baseline"]["prediction"], json!([0.25, 0.45, 0.15, 0.15]));
    let golden: Value = serde_json::from_slice(&fs::read(spool.path("models/lines/1/golden.json")).unwrap()).unwrap();
    assert_eq!(golden["rows"].as_array().unwrap().len(), 32);
    // Of folds that have each their share of each class.
    spool
        .train_with(&[
            "--search-over",
            "train.alpha=[0.1, 1.0, 10.0]",
            "--search-metric",
            "log_loss",
        ])
        .exits(0)
        .says("the best of 3 trials");
}

#[test]
fn a_threshold_of_several_classes_is_refused() {
    let spool = spool();
    for flags in [
        &["--threshold", "0.3"][..],
        &["--search-over", "train.threshold=[0.3, 0.5]"],
    ] {
        spool.train_with(flags).exits(64).says("for two classes");
    }
    spool.train_with(&[]).exits(0);
    spool.approve(1);
    let file = fixture("several.csv");
    spool
        .run(&["evaluate", &file, "--threshold", "0.3"])
        .exits(64)
        .says("it is for two classes with probabilities");
}

/// What was approved has its classes in another order.
#[test]
fn classes_in_another_order_are_compared() {
    let spool = spool();
    spool.train_with(&[]).exits(0);
    let mut artifact: Value =
        serde_json::from_slice(&fs::read(spool.path("models/lines/1/pipeline.json")).unwrap()).unwrap();
    let turn = |list: &mut Value| list.as_array_mut().unwrap().rotate_left(1);
    turn(&mut artifact["output"]["classes"]);
    turn(&mut artifact["intercept"]);
    let terms = artifact["terms"].as_array_mut().unwrap();
    terms.iter_mut().for_each(|term| turn(&mut term["coefficient"]));
    let path = spool.path("turned.json");
    fs::write(&path, artifact.to_string()).unwrap();
    spool
        .run(&["models", "register", path.to_str().unwrap(), "--format", "pipeline"])
        .exits(0);
    spool.approve(2);
    let found = spool
        .train_with(&["--json", "--dry-run", "--gate", "not_worse_than_approved"])
        .exits(0)
        .json();
    let metrics = |of: &Value| of["multiclass_classification_metrics"].clone();
    assert_eq!(found["approved"]["version"], "lines/2");
    for (name, score) in metrics(&found).as_object().unwrap() {
        close(
            metrics(&found["approved"])[name]["value"].as_f64().unwrap(),
            score["value"].as_f64().unwrap(),
            name,
        );
    }
    // Fewer classes are another question.
    let rows = fs::read_to_string(fixture("several.csv")).unwrap();
    let fewer: String = rows
        .lines()
        .filter(|l| !l.ends_with("mild"))
        .map(|l| format!("{l}\n"))
        .collect();
    fs::write(spool.path("fewer.csv"), fewer).unwrap();
    let file = spool.path("fewer.csv");
    spool
        .train_with(&["--file", file.to_str().unwrap(), "--last", "20"])
        .exits(0)
        .says("can't be compared: it has other classes");
}
