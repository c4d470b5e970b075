//! Versions, decisions, and what is refused.

use crate::spool::{Spool, wait_until};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use transform::format::Dialect;
use transform::format::csv::table::Table;
use transform::model::{Declared, Format};
use transform::registry::golden::Rows;
use transform::registry::{Attachment, Candidate, Details, Registry, Training};
use transform::score::Spelling;

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
fn the_printed_next_command_names_the_group_and_the_configuration() {
    let spool = Spool::without_model();
    let config = spool.path("transform.toml");
    let next = |words: &str, more: &str| format!("transform models {words}{more} --config {}\n", config.display());
    let artifact = spool.path("m.json");
    fs::write(&artifact, r#"{"features":["x"],"coefficients":[2],"intercept":1.0}"#).unwrap();
    let register = ["models", "register", artifact.to_str().unwrap(), "--format", "linear"];
    spool.run(&register).exits(0).says(&next("approve 1", ""));
    // The built-in default is no more than another group here.
    for group in ["diabetes", "other"] {
        let flag = format!(" --group {group}");
        let of_group = |words: &[&str]| spool.run(&[words, &["--group", group]].concat());
        of_group(&["models", "list"]).exits(0).says(&next("register", &flag));
        of_group(&register).exits(0).says(&next("approve 1", &flag));
        // A hint, too: this one has no approved version.
        let rows = spool.path("rows.csv");
        fs::write(&rows, "x,y\n1,2\n").unwrap();
        let ran = of_group(&["evaluate", rows.to_str().unwrap()]).exits(3);
        let hint = format!("hint: '{}' shows the versions", next("list", &flag).trim_end());
        ran.says(&hint);
    }
    // What --set says of the models is repeated.
    let args = [&register[..], &["--set", "models.group=third"]].concat();
    spool.run(&args).exits(0).says(&format!(
        "transform models approve 1 --config {} --set models.group=third\n",
        config.display()
    ));
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

/// It was taken for a fault of the disk that passes (75).
#[test]
fn an_artifact_that_is_not_there_is_wrong_usage() {
    let spool = Spool::new();
    let register = |artifact: &str| {
        spool
            .run(&["models", "register", artifact, "--format", "linear"])
            .exits(64)
    };
    register("absent.json").says("absent.json: can't open it: No such file");
    register("models").says("this is a folder; an artifact is a file");
    register("models/lines/1").says("this is the folder of a version");
}

/// They were damaged models: "register the model again, or reject the version".
#[test]
fn the_folder_of_a_group_is_told_from_that_of_a_version() {
    let spool = Spool::new();
    let score = |folder: &str| spool.filter(&["score", "--model", folder], b"x\n1\n");
    score("models/lines/1").exits(0);
    score("models/lines")
        .exits(64)
        .says("this is the folder of a model group, not of a version; its last version is models/lines/1");
    score("models").exits(64).says("this is no folder of a model version");
    score("absent").exits(64).says("absent: can't list it: No such file");
    score("models/lines/1/linear.json").exits(64).says("Not a directory");
    let list = |flags: &[&str]| spool.run(&[&["models", "list"], flags].concat()).exits(64);
    list(&["--group", "lines/1"])
        .says("is version 1 of a group")
        .says("transform models show 1 --group lines");
    list(&["--group", "models/lines/1/"]).says("transform models show 1 --group lines");
    list(&["--group", "models/lines"]).says("name the group alone, --group lines");
    list(&["--group", ".."]).says("is no folder's name");
    let itself = ["--set", "models.path=models/lines"];
    let parent = format!(
        "set models.path = {}, and models.group = \"lines\"",
        spool.path("models").canonicalize().unwrap().display()
    );
    list(&itself).says("is itself the folder of a group").says(&parent);
    spool.drop_file("a.csv", "x\n1\n");
    spool.run(&[&["--once"], &itself[..]].concat()).exits(3).says(&parent);
}

#[test]
fn what_is_no_model_is_not_registered() {
    let spool = Spool::without_model();
    let artifact = spool.path("m.json");
    for (text, words) in [
        ("", "the file is empty"),
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
        .exits(64)
        .says("absent.json");
    spool
        .run(&["models", "register", "m.json", "--format", "pickle"])
        .exits(64)
        .says("[possible values: linear, xgboost, lightgbm, onnx, pipeline]");
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

/// Registers a line as a trainer does, with all that it keeps.
fn register_trained(spool: &Spool, slope: f64, rows: u64, fingerprint: &str, metrics: &str) -> u32 {
    let evaluation = br#"{"regression_metrics":{"r2":{"value":0.47232866977966736,"interval":[0.21,0.66]}}}"#;
    let candidate = Candidate {
        artifact: format!(r#"{{"features":["x"],"coefficients":[{slope}],"intercept":1.0}}"#).into(),
        source: Path::new("linear.json"),
        format: Format::Linear,
        declared: Declared::default(),
        details: Details {
            description: "trained on the examples of a year that was long and whose story is longer than a line".into(),
            metrics: metrics.parse().unwrap(),
            training: Some(Training {
                rows,
                fingerprint: fingerprint.into(),
                crate_version: "0.1.0".into(),
            }),
            page: None,
            attachments: BTreeMap::from([
                (Attachment::Evaluation, evaluation.to_vec()),
                (Attachment::EvaluationPage, b"<html></html>".to_vec()),
            ]),
            golden: Some(Rows {
                table: Table {
                    bytes: b"x\n1\n2\n",
                    dialect: Dialect::plain(b','),
                    spelling: &Spelling::USUAL,
                    origin: Default::default(),
                },
                among: None,
                source: Path::new("examples.csv"),
            }),
            baseline: None,
        },
    };
    let registry = Registry::new(&spool.path("models"), "lines");
    let added = registry.register(candidate, "2026-11-24T03:12:28Z".into());
    added.unwrap().version
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
    let later = text.replace("format_version = 1", "format_version = 6\nlineage = \"?\"");
    fs::write(&manifest, later).unwrap();
    spool
        .once()
        .exits(3)
        .says("format_version 6 is not known to this version of transform, which knows 1 to 5");
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

/// Found by attack: whoever reads it would wait for ever.
#[test]
fn a_fifo_in_the_models_folder_holds_up_nobody() {
    let spool = Spool::new();
    for name in ["approval.toml", "model.toml", "linear.json"] {
        let path = spool.path(format!("models/lines/1/{name}"));
        let text = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        spool.once().exits(3).says(name).says("not a file");
        spool.run(&["models", "list"]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, text).unwrap();
    }
    spool.once().exits(0);
}

/// Found by interrupting `register`: half a version stood there for ever.
#[test]
fn a_registration_that_is_killed_leaves_no_version() {
    let spool = Spool::new();
    let artifact = spool.path("large.json");
    let names: Vec<String> = (0..50_000).map(|i| format!("\"feature {i}\"")).collect();
    let ones = vec!["1"; 50_000].join(",");
    let text = format!(
        r#"{{"features":[{}],"coefficients":[{ones}],"intercept":0}}"#,
        names.join(",")
    );
    fs::write(&artifact, text).unwrap();
    let register = ["models", "register", artifact.to_str().unwrap(), "--format", "linear"];
    for round in 0..12 {
        let mut child = spool
            .command(&register)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Each time a little further: until its draft is there, has a file, has two...
        wait_until("it is at it, or done", || {
            let drafts = fs::read_dir(spool.path("models/lines")).unwrap().flatten();
            let mut drafts = drafts.filter(|e| e.file_name().to_string_lossy().starts_with('.'));
            let files = |draft: fs::DirEntry| fs::read_dir(draft.path()).map_or(0, |files| files.count());
            drafts.any(|draft| files(draft) >= round % 3) || child.try_wait().unwrap().is_some()
        });
        let _ = child.kill();
        child.wait().unwrap();
        let list = spool.run(&["models", "list"]).exits(0);
        assert!(!list.stdout.contains("damaged"), "{}", list.stdout);
    }
    spool.run(&register).exits(0);
    let hidden = spool
        .names("models/lines")
        .iter()
        .filter(|n| n.starts_with('.'))
        .count();
    assert_eq!(hidden, 0);
}

#[test]
fn versions_that_are_registered_at_once_get_numbers_of_their_own() {
    let spool = Spool::without_model();
    let artifact = spool.path("m.json");
    fs::write(&artifact, r#"{"features":["a"],"coefficients":[1],"intercept":0}"#).unwrap();
    let register = ["models", "register", artifact.to_str().unwrap(), "--format", "linear"];
    let start = || {
        spool
            .command(&register)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let all: Vec<_> = (0..6).map(|_| start()).collect();
    for mut child in all {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(spool.names("models/lines"), ["1", "2", "3", "4", "5", "6"]);
    spool.run(&["models", "show", "6"]).exits(0);
}
