//! Versions, decisions, and what is refused.

use crate::spool::{Ran, Spool, line, wait_until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use transform::model::Format;
use transform::registry::golden::Rows;
use transform::registry::{Attachment, Candidate, Registry, Training};

#[test]
fn versions_count_up_and_never_change() {
    let spool = Spool::without_model();
    spool.run(&["models", "list"]).exits(0).says("has no versions");
    for version in 1..=3 {
        assert_eq!(spool.register_line(f64::from(version), 0.0), version);
    }
    let list = spool.run(&["models", "list", "--json"]).exits(0).json();
    let statuses: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["pending"; 3]);
    // A gap is not filled: the number of a removed version may stand in somebody's notes.
    fs::remove_dir_all(spool.path("models/lines/2")).unwrap();
    assert_eq!(spool.register_line(4.0, 0.0), 4);
    let other = spool.path("artifact.json");
    spool
        .run(&[
            "models",
            "register",
            other.to_str().unwrap(),
            "--format",
            "linear",
            "--group",
            "other",
            "--approve",
        ])
        .exits(0)
        .says("registered and approved other/1");
    assert_eq!(spool.names("models"), ["lines", "other"]);
    let mode = fs::metadata(spool.path("models/lines/1/linear.json"))
        .unwrap()
        .permissions();
    assert!(mode.readonly());
}

#[test]
fn every_decision_is_kept() {
    let spool = Spool::new();
    let decide = |args: &[&str], user: &str| {
        let status = spool.command(args).env("SUDO_USER", user).status().unwrap();
        assert!(status.success());
    };
    decide(&["models", "reject", "1", "--reason", "R2 fell; \"drift\"\n"], "ada");
    decide(&["models", "approve", "1", "--reason", "mended"], "grace");
    let version = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    let decisions = version["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 3);
    assert_eq!(
        (&decisions[1]["status"], &decisions[1]["reason"]),
        (&"rejected".into(), &"R2 fell; \"drift\"\n".into())
    );
    assert!(decisions[1]["by"].as_str().unwrap().starts_with("ada@"));
    assert!(decisions[2]["by"].as_str().unwrap().starts_with("grace@"));
    assert!(decisions[2]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(version["status"], "approved");
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("mended")
        .says("grace@");
}

#[test]
fn an_approval_takes_effect_only_if_the_version_scores() {
    let spool = Spool::new();
    let version = spool.register_line(2.0, 1.0);
    let artifact = spool.path(format!("models/lines/{version}/linear.json"));
    let text = fs::read_to_string(&artifact).unwrap();
    fs::remove_file(&artifact).unwrap();
    fs::write(&artifact, text.replace('2', "3")).unwrap();
    spool
        .run(&["models", "approve", "2"])
        .exits(3)
        .says("changed after it was registered");
    assert!(!spool.path("models/lines/2/approval.toml").exists());
    spool.run(&["models", "approve", "9"]).exits(64).says("no version 9");
    spool.run(&["models", "reject", "9"]).exits(64).says("no version 9");
    // It loads, but gives no numbers.
    spool.register(r#"{"features":["x","y"],"coefficients":[1e308,1e308],"intercept":1e308}"#);
    spool
        .run(&["models", "approve", "3"])
        .exits(3)
        .says("the model can't score");
    // Damaged, it can still be rejected; and it doesn't hide the others.
    spool.reject(2);
    fs::create_dir(spool.path("models/lines/7")).unwrap();
    spool.run(&["models", "list"]).exits(0).says("damaged").says("approved");
    spool
        .run(&["models", "show", "7"])
        .exits(3)
        .says("model.toml: the file is missing");
}

#[test]
fn what_is_no_model_is_not_registered() {
    let spool = Spool::without_model();
    let artifact = spool.path("m.json");
    for (text, words) in [
        ("", "EOF"),
        ("[1]", "not the JSON of a linear model"),
        (
            r#"{"features":["a"],"coefficients":[1,2],"intercept":0}"#,
            "1 features but 2 coefficients",
        ),
        (
            r#"{"features":["a"],"coefficients":[1],"intercept":0,"link":"probit"}"#,
            "probit",
        ),
    ] {
        fs::write(&artifact, text).unwrap();
        let path = artifact.to_str().unwrap();
        spool
            .run(&["models", "register", path, "--format", "linear"])
            .exits(64)
            .says(words)
            .says("m.json");
    }
    spool
        .run(&["models", "register", "absent.json", "--format", "linear"])
        .exits(75)
        .says("absent.json");
    spool
        .run(&["models", "register", "m.json", "--format", "pickle"])
        .exits(64)
        .says("the formats are: linear");
    assert!(!spool.path("models/lines").exists());
}

#[test]
fn metrics_and_description_stand_in_the_manifest() {
    let spool = Spool::without_model();
    fs::write(
        spool.path("m.json"),
        r#"{"features":["a"],"coefficients":[1],"intercept":0}"#,
    )
    .unwrap();
    let args = [
        "models",
        "register",
        "m.json",
        "--format",
        "linear",
        "--description",
        "the first",
        "--metric",
        "r2=0.47",
    ];
    spool.run(&args).exits(0);
    let version = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    assert_eq!(version["manifest"]["metrics"]["r2"], 0.47);
    assert_eq!(version["manifest"]["description"], "the first");
    assert_eq!(version["manifest"]["format_version"], 1);
    assert_eq!(version["manifest"]["signature"]["inputs"][0]["name"], "a");
}

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

/// Registers a line as a trainer does, with all that it keeps.
fn register_trained(spool: &Spool, slope: f64, rows: u64, fingerprint: &str, metrics: &str) -> u32 {
    let evaluation = br#"{"regression_metrics":{"r2":{"value":0.47232866977966736,"interval":[0.21,0.66]}}}"#;
    let candidate = Candidate {
        artifact: format!(r#"{{"features":["x"],"coefficients":[{slope}],"intercept":1.0}}"#).into(),
        source: Path::new("linear.json"),
        format: Format::Linear,
        description: "trained on the examples of a year that was long and whose story is longer than a line".into(),
        metrics: metrics.parse().unwrap(),
        feature_names: None,
        class_names: None,
        training: Some(Training {
            rows,
            fingerprint: fingerprint.into(),
            crate_version: "0.1.0".into(),
        }),
        attachments: BTreeMap::from([
            (Attachment::Evaluation, evaluation.to_vec()),
            (Attachment::EvaluationPage, b"<html></html>".to_vec()),
        ]),
        golden: Some(Rows {
            csv: b"x\n1\n2\n".to_vec(),
            delimiter: b',',
            source: Path::new("examples.csv"),
        }),
    };
    let registry = Registry::new(&spool.path("models"), "lines");
    registry.register(candidate, "2026-11-24T03:12:28Z".into()).unwrap()
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

#[test]
fn manifests_of_earlier_versions_are_read() {
    let spool = Spool::without_model();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("spool/models/diabetes/1");
    let folder = spool.path("models/lines/1");
    fs::create_dir_all(&folder).unwrap();
    for file in ["model.toml", "linear.json", "approval.toml"] {
        fs::copy(shipped.join(file), folder.join(file)).unwrap();
    }
    let text = fs::read_to_string(folder.join("model.toml")).unwrap();
    assert!(text.contains("format_version = 1") && !text.contains("attachment"));
    spool.drop_file("a.csv", "x\n0.3\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n434.0765649977724\n");
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("golden rows  none")
        .says("r2   0.47232866977966736");
}

#[test]
fn a_manifest_of_a_later_version_is_told_by_its_number() {
    let spool = Spool::new();
    let manifest = spool.path("models/lines/1/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let later = text.replace("format_version = 1", "format_version = 3\nlineage = \"?\"");
    fs::write(&manifest, later).unwrap();
    spool
        .once()
        .exits(3)
        .says("format_version 3 is not known to this version of transform, which knows 1 and 2");
}

#[test]
fn the_list_tells_versions_apart() {
    let spool = Spool::new();
    register_trained(&spool, 2.0, 422, "aaaa", "mse = 2549.26\nr2 = 0.47232866977966736");
    spool.approve(2);
    register_trained(&spool, 3.0, 422, "aaaa", "rmse = 12.3456\nzeta = 1");
    let list = spool.run(&["models", "list"]).exits(0);
    let lines: Vec<Vec<&str>> = list.stdout.lines().map(|l| l.split_whitespace().collect()).collect();
    let header = [
        "VERSION",
        "STATUS",
        "FORMAT",
        "DATE",
        "METRIC",
        "DECIDED",
        "BY",
        "DESCRIPTION",
    ];
    assert_eq!(lines[0], header);
    assert_eq!(lines[1][..3], ["1", "approved", "linear"]);
    assert_eq!(
        lines[2][..7],
        ["*", "2", "approved", "linear", "2026-11-24", "r2", "0.4723"]
    );
    assert!(lines[2][7].contains('@'), "{list:?}");
    assert_eq!(lines[3][..6], ["3", "pending", "linear", "2026-11-24", "rmse", "12.35"]);
    assert!(list.stdout.lines().all(|line| line.chars().count() < 160), "{list:?}");
    let json = spool.run(&["models", "list", "--json"]).exits(0).json();
    assert_eq!(
        json[1]["main_metric"],
        json!({"name": "r2", "value": 0.47232866977966736})
    );
    let latest = [0, 1, 2].map(|i| json[i]["latest_approved"].as_bool().unwrap());
    assert_eq!(latest, [false, true, false]);
}

#[test]
fn a_version_tells_its_whole_story() {
    let spool = Spool::without_model();
    register_trained(&spool, 2.0, 422, "aaaa", "mse = 2549.26\nr2 = 0.47232866977966736");
    let args = ["models", "approve", "1", "--reason", "better\nthan\u{1b}[31m 0"];
    spool.run(&args).exits(0);
    let shown = spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("0.47232866977966736  95 %: 0.21 to 0.66")
        .says("422 rows by transform 0.1.0")
        .says("data aaaa")
        .says("models/lines/1/evaluation.html")
        .says("golden rows  2")
        .says("better\\nthan\\u{1b}[31m 0");
    assert!(shown.stdout.contains("longer than a line\n"), "{shown:?}");
    let json = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    assert_eq!(json["intervals"], json!({"r2": [0.21, 0.66]}));
    assert_eq!(json["manifest"]["training"]["rows"], 422);
    let page = json["attachments"]["evaluation.html"].as_str().unwrap();
    assert_eq!(fs::read_to_string(spool.path(page)).unwrap(), "<html></html>");
}

#[test]
fn two_versions_are_compared() {
    let spool = Spool::without_model();
    register_trained(&spool, 2.0, 422, "aaaa", "r2 = 0.25");
    register_trained(&spool, 3.5, 442, "bbbb", "r2 = 0.5");
    let diff = spool
        .run(&["models", "diff", "1", "2"])
        .exits(0)
        .says("lines/1 -> lines/2")
        .says("the same: linear")
        .says("422 -> 442")
        .says("aaaa -> bbbb")
        .says("and 1 that is the same");
    let words = |start: &str| -> Vec<&str> {
        let line = diff.stdout.lines().map(str::trim).find(|l| l.starts_with(start));
        line.unwrap().split_whitespace().collect()
    };
    assert_eq!(words("x "), ["x", "2", "3.5", "+1.5"]);
    assert_eq!(words("r2 "), ["r2", "0.25", "0.5", "+0.25"]);
    let json = spool.run(&["models", "diff", "1", "2", "--json"]).exits(0).json();
    let expected = json!([{"name": "x", "old": 2.0, "new": 3.5, "difference": 1.5}]);
    assert_eq!(json["coefficients"]["changed"], expected);
    // Another format, and registered by hand.
    let trees = format!(
        "{}/tests/fixtures/models/lightgbm-4.7.0/binary.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    spool
        .run(&["models", "register", &trees, "--format", "lightgbm"])
        .exits(0);
    spool
        .run(&["models", "diff", "2", "3"])
        .exits(0)
        .says("linear -> lightgbm")
        .says("- x: float64")
        .says("+ probability_1: float64")
        .says("can't be compared: of version 3: lightgbm models have none")
        .says("can't be compared: the new version was not trained by transform");
    spool.run(&["models", "diff", "2", "9"]).exits(64).says("no version 9");
}
