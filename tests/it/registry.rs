//! Versions, decisions, and what is refused.

use crate::spool::Spool;
use std::fs;

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
