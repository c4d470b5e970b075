//! A version is used only while it reproduces its golden rows, and is whole.

use crate::spool::{Ran, Spool, line, wait_until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Registers `prediction = slope x + intercept` with golden rows, pending.
fn register_golden(spool: &Spool, slope: f64, intercept: f64, rows: &str) -> Ran {
    fs::write(spool.path("rows.csv"), rows).unwrap();
    let model = format!(r#"{{"features":["x"],"coefficients":[{slope}],"intercept":{intercept}}}"#);
    fs::write(spool.path("m.json"), model).unwrap();
    let args = [
        "models", "register", "m.json", "--format", "linear", "--golden", "rows.csv",
    ];
    spool.run(&args)
}

/// Writes a file of a version as somebody could who knows how: with its new checksum in the manifest.
fn forge(spool: &Spool, version: u32, file: &str, change: impl FnOnce(String) -> String) {
    let sha256 = |text: &str| -> String { Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect() };
    let replace = |path: &Path, text: &str| {
        fs::remove_file(path).unwrap();
        fs::write(path, text).unwrap();
    };
    let folder = spool.path(format!("models/lines/{version}"));
    let old = fs::read_to_string(folder.join(file)).unwrap();
    let new = change(old.clone());
    assert_ne!(old, new);
    replace(&folder.join(file), &new);
    let manifest = fs::read_to_string(folder.join("model.toml")).unwrap();
    assert!(manifest.contains(&sha256(&old)));
    replace(
        &folder.join("model.toml"),
        &manifest.replace(&sha256(&old), &sha256(&new)),
    );
}

/// Found by a property of escapes: the row of one field made a file of one column, where an empty line is a record.
#[test]
fn a_short_row_and_an_empty_line_shift_no_golden_row() {
    let spool = Spool::without_model();
    register_golden(&spool, 2.0, 1.0, "id,x\n7\n\n8,1\n9,2\n")
        .exits(0)
        .says("with 2 golden rows");
    let golden: Value = serde_json::from_slice(&fs::read(spool.path("models/lines/1/golden.json")).unwrap()).unwrap();
    assert_eq!(golden["rows"], json!([["1"], ["2"]]));
}

#[test]
fn golden_rows_are_kept_with_their_predictions() {
    let spool = Spool::without_model();
    register_golden(&spool, 2.0, 1.0, "id,x\n7,0.50\n8,lots\n9,\" 3\"\n")
        .exits(0)
        .says("registered lines/1, pending, with 2 golden rows; to use it");
    let golden: Value = serde_json::from_slice(&fs::read(spool.path("models/lines/1/golden.json")).unwrap()).unwrap();
    let expected = json!({
        "columns": ["x"], "rows": [["0.50"], [" 3"]], "outputs": ["prediction"], "predictions": [["2.0"], ["7.0"]],
    });
    assert_eq!(golden, expected);
    let mode = fs::metadata(spool.path("models/lines/1/golden.json"))
        .unwrap()
        .permissions();
    assert!(mode.readonly());
    spool.approve(1);
    spool.drop_file("a.csv", "x\n3\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n7.0\n");
    let shown = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    assert_eq!(shown["golden_rows"], 2);
    // Programs that don't know the new keys shall say so by the version.
    assert_eq!(shown["manifest"]["format_version"], 2);
    // Rows that can't be golden register nothing.
    for (rows, words) in [
        ("y\n1\n", "rows.csv: line 1: no column \"x\""),
        (
            "x\nlots\n",
            "rows.csv: no row can be scored; the first: x: not a number",
        ),
        ("x\n", "rows.csv: there are no rows"),
    ] {
        register_golden(&spool, 2.0, 1.0, rows).exits(64).says(words);
    }
    assert_eq!(spool.names("models/lines"), ["1"]);
}

#[test]
fn golden_rows_of_a_classification_hold_all_probabilities() {
    let spool = Spool::without_model();
    let fixture = |name: &str| format!("{}/tests/fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let (artifact, rows) = (fixture("xgboost-3.2.0/classifier.ubj"), fixture("rows.csv"));
    let register = [
        "models",
        "register",
        &artifact,
        "--format",
        "xgboost",
        "--class-names",
        "no,a \"yes\",never",
    ];
    spool
        .run(&[&register[..], &["--golden", &rows, "--approve"]].concat())
        .exits(0)
        .says("golden rows");
    let golden = fs::read(spool.path("models/lines/1/golden.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    assert_eq!(golden["outputs"].as_array().unwrap().len(), 4);
    assert_eq!(golden["outputs"][2], "probability_a \"yes\"");
    assert!(
        golden["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row[2].as_str().unwrap().starts_with("0."))
    );
}

#[test]
fn a_version_that_does_not_reproduce_its_golden_rows_is_not_approved() {
    let spool = Spool::new();
    register_golden(&spool, 2.0, 1.0, "x\n1\n2\n").exits(0);
    // Within 1e-9.
    forge(&spool, 2, "golden.json", |text| text.replace("5.0", "5.000000001"));
    spool.approve(2);
    register_golden(&spool, 2.0, 1.0, "x\n1\n2\n").exits(0);
    forge(&spool, 3, "golden.json", |text| text.replace("5.0", "5.00000001"));
    spool
        .run(&["models", "approve", "3"])
        .exits(3)
        .says("models/lines/3/golden.json: the version doesn't reproduce its golden rows")
        .says("row 2, prediction: expected 5.00000001, found 5.0")
        .says("hint: register the model again");
    assert!(!spool.path("models/lines/3/approval.toml").exists());
    // The artifact is what changed, and its rows have become bad ones.
    register_golden(&spool, 2.0, 1.0, "x\n1\n2\n").exits(0);
    forge(&spool, 4, "golden.json", |text| text.replace("[\"2\"]", "[\"two\"]"));
    spool
        .run(&["models", "approve", "4"])
        .exits(3)
        .says("row 2, prediction: expected 5.0, found a bad row: x: not a number");
    // A person who wants it out can still say so.
    spool.reject(4);
}

#[test]
fn the_worker_scores_nothing_by_a_version_that_does_not_reproduce_its_golden_rows() {
    let spool = Spool::new();
    register_golden(&spool, 3.0, 1.0, "x\n1\n").exits(0);
    spool.approve(2);
    // What a changed program or library would do: the artifact and its checksum are whole, the predictions are others.
    forge(&spool, 2, "linear.json", |text| text.replace("[3]", "[3.5]"));
    spool.drop_file("a.csv", "x\n1\n");
    let words = "row 1, prediction: expected 4.0, found 4.5";
    spool.once().exits(3).says(words);
    assert_eq!(spool.output("a.csv"), None);
    spool.run(&["check"]).exits(3).says(words);
    // The daemon says so and waits; then somebody goes back to the version before.
    let daemon = spool.start();
    daemon.logs(words);
    spool.reject(2);
    wait_until("version 1 scores", || {
        spool.output("a.csv") == Some(line(2.0, 1.0, &[1.0]))
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn status_shows_a_version_that_does_not_reproduce_its_golden_rows_as_what_it_is() {
    let spool = Spool::new();
    register_golden(&spool, 3.0, 1.0, "x\n1\n").exits(0);
    spool.approve(2);
    forge(&spool, 2, "linear.json", |text| text.replace("[3]", "[3.5]"));
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        (&status["model"], &status["model_proven"]),
        (&Value::Null, &json!(false))
    );
    let error = status["model_error"].as_str().unwrap();
    assert!(error.contains("row 1, prediction: expected 4.0, found 4.5"), "{error}");
}

#[test]
fn a_changed_attachment_is_refused() {
    let spool = Spool::new();
    register_golden(&spool, 2.0, 1.0, "x\n1\n").exits(0);
    let golden = spool.path("models/lines/2/golden.json");
    let text = fs::read_to_string(&golden).unwrap();
    fs::remove_file(&golden).unwrap();
    fs::write(&golden, text.replace("3.0", "3.5")).unwrap();
    spool
        .run(&["models", "approve", "2"])
        .exits(3)
        .says("golden.json: the attachment was changed after it was registered: its SHA-256 is");
    fs::remove_file(&golden).unwrap();
    spool
        .run(&["models", "approve", "2"])
        .exits(3)
        .says("golden.json: the file is missing");
    // It hides neither the version nor the others.
    spool
        .run(&["models", "show", "2"])
        .exits(0)
        .says("golden.json: the file is missing")
        .says("prediction: float64");
    spool.run(&["models", "list"]).exits(0).says("pending");
}

#[test]
fn a_manifest_names_no_file_outside_of_its_folder() {
    let spool = Spool::new();
    register_golden(&spool, 2.0, 1.0, "x\n1\n").exits(0);
    let manifest = spool.path("models/lines/2/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, text.replace("golden.json", "../1/linear.json")).unwrap();
    for command in ["show", "approve"] {
        spool
            .run(&["models", command, "2"])
            .exits(3)
            .says("no attachment can be named \"../1/linear.json\"; the names are: evaluation.json,");
    }
}
