//! Old versions whose artifacts were removed.

use crate::spool::Spool;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Versions 1, 2 and 3 are approved; 3 answers.
fn three() -> Spool {
    let spool = Spool::without_model();
    for version in 1..=3 {
        fs::write(spool.path("rows.csv"), "x\n1\n2\n").unwrap();
        fs::write(
            spool.path("m.json"),
            format!(r#"{{"features":["x"],"coefficients":[{version}],"intercept":0}}"#),
        )
        .unwrap();
        let flags = ["--golden", "rows.csv", "--baseline", "rows.csv", "--approve"];
        spool.register_file("m.json", "linear", &flags).exits(0);
    }
    spool
}

#[test]
fn the_artifact_goes_and_what_was_decided_stays() {
    let spool = three();
    fs::write(spool.path("rows.csv"), "x\n5\n6\n").unwrap();
    spool
        .run(&["monitor", "baseline", "rows.csv", "--version", "2"])
        .exits(0);
    fs::write(spool.path("models/lines/2/notes.txt"), "mine").unwrap();
    spool
        .run(&["models", "retire", "2", "--reason", "two years old"])
        .exits(0)
        .says("retired lines/2: 4 files removed, ");
    assert_eq!(
        spool.names("models/lines/2"),
        [
            "approval.toml",
            "baseline.toml",
            "model.toml",
            "notes.txt",
            "retired.toml"
        ]
    );
    let list = spool.run(&["models", "list"]).exits(0);
    let of = |version: &str| {
        let lines = list
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines
            .into_iter()
            .find(|words| words.contains(&version))
            .unwrap()
            .join(" ")
    };
    assert!(of("2").contains("2 retired linear"), "{}", list.stdout);
    assert!(list.stderr.is_empty(), "{}", list.stderr);
    let shown = spool.run(&["models", "show", "2"]).exits(0);
    let shown = shown
        .says("status       retired")
        .says("removed when it was retired")
        .says("golden rows  none")
        .says("two years old");
    assert!(shown.stderr.is_empty(), "{}", shown.stderr);
    let json = spool.run(&["models", "show", "2", "--json"]).exits(0).json();
    let statuses: Vec<&str> = json["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        (&json["status"], &statuses[..]),
        (&"retired".into(), &["approved", "retired"][..])
    );
    // It can't come back.
    let by = "this version was retired by ";
    spool
        .run(&["models", "approve", "2"])
        .exits(64)
        .says(by)
        .says("(two years old), and its artifact removed");
    spool.run(&["models", "reject", "2"]).exits(64).says(by);
    spool
        .filter(&["score", "--model", "models/lines/2"], b"x\n1\n")
        .exits(64)
        .says(by);
    spool.run(&["models", "ensemble", "2", "3"]).exits(64).says(by);
    spool
        .run(&["evaluate", "rows.csv", "--target", "x", "--version", "2"])
        .exits(64)
        .says(by);
    spool
        .run(&["monitor", "baseline", "rows.csv", "--version", "2"])
        .exits(64)
        .says(by);
    spool
        .run(&["models", "diff", "2", "3"])
        .exits(0)
        .says("of version 2: it was retired");
    // Again: nothing is left to do.
    spool
        .run(&["models", "retire", "2"])
        .exits(0)
        .says("lines/2 was retired before; 0 files removed");
    assert_eq!(spool.register_line(9.0, 0.0), 4);
}

#[test]
fn what_answers_is_not_retired() {
    let spool = three();
    spool
        .run(&["models", "retire", "3"])
        .exits(64)
        .says("version 3 of model group lines can't be retired: it is the latest approved version");
    spool.register_line(9.0, 0.0);
    spool
        .run(&["models", "retire", "4"])
        .exits(64)
        .says("the newest version that nobody rejected, which answers where serve runs with --stage staging")
        .says("models reject 4");
    spool.reject(4);
    spool.run(&["models", "retire", "4"]).exits(0);
    spool
        .run(&["models", "retire", "9"])
        .exits(64)
        .says("there is no version 9");
    assert!(spool.path("models/lines/3/linear.json").exists());
}

/// Rejecting the latest one goes past it, and says where to: an older version takes no retired one's place unseen.
#[test]
fn a_rollback_goes_past_a_retired_version() {
    let spool = three();
    spool.drop_file("a.csv", "x\n1\n");
    spool.once().exits(0);
    spool.run(&["models", "retire", "2"]).exits(0);
    spool
        .run(&["models", "reject", "3"])
        .exits(0)
        .says("lines/1 is the latest approved version");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n1.0\n");
    spool
        .run(&["history", "a.csv"])
        .exits(0)
        .says("lines/3")
        .says("lines/1");
    spool.run(&["models", "retire", "3"]).exits(0);
    spool.run(&["history", "a.csv"]).exits(0).says("lines/3");
    spool.reject(1);
    spool.once().exits(3).says("none of its 3 versions is approved");
}

/// Killed after the decision and before its files went, or in between: asked again, it ends what it began.
#[test]
fn who_is_killed_over_it_has_retired_the_version() {
    let spool = three();
    spool.run(&["models", "retire", "2", "--reason", "first"]).exits(0);
    let decision = fs::read_to_string(spool.path("models/lines/2/retired.toml")).unwrap();
    // As the kill left version 1: the decision stands, its files are there.
    fs::write(spool.path("models/lines/1/retired.toml"), &decision).unwrap();
    let whole = spool.names("models/lines/1");
    assert!(whole.contains(&"linear.json".to_string()));
    spool
        .run(&["models", "approve", "1"])
        .exits(64)
        .says("this version was retired by");
    spool.run(&["models", "list"]).exits(0).says("retired");
    spool
        .run(&["models", "retire", "1", "--reason", "second"])
        .exits(0)
        .says("lines/1 was retired before; 3 files removed");
    assert_eq!(
        fs::read_to_string(spool.path("models/lines/1/retired.toml")).unwrap(),
        decision
    );
    assert_eq!(
        spool.names("models/lines/1"),
        ["approval.toml", "model.toml", "retired.toml"]
    );
    // A decision that can't be read is no missing one.
    fs::write(
        spool.path("models/lines/1/retired.toml"),
        decision.replace("= 1", "= 2"),
    )
    .unwrap();
    spool
        .run(&["models", "show", "1"])
        .exits(3)
        .says("retired.toml: format_version 2 is not known");
}

/// Before the decision nothing happened.
#[test]
fn a_folder_that_is_closed_retires_nothing() {
    let spool = three();
    if rustix::process::geteuid().is_root() {
        return; // every folder is open to it
    }
    let folder = spool.path("models/lines/1");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    spool.run(&["models", "retire", "1"]).exits(75);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    spool.run(&["models", "approve", "1"]).exits(0);
}

#[test]
fn an_ensemble_does_not_need_the_versions_that_it_was_made_of() {
    let spool = three();
    spool.run(&["models", "ensemble", "1", "2", "--approve"]).exits(0);
    for version in ["1", "2", "3"] {
        spool.run(&["models", "retire", version]).exits(0);
    }
    spool.drop_file("a.csv", "x\n2\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n3.0\n");
    // Of an ensemble, the members' files go, too.
    spool.register_line(5.0, 0.0);
    spool.approve(5);
    spool.run(&["models", "retire", "4"]).exits(0).says("3 files removed");
    assert_eq!(
        spool.names("models/lines/4"),
        ["approval.toml", "model.toml", "retired.toml"]
    );
    spool
        .run(&["models", "show", "4"])
        .exits(0)
        .says("status       retired");
}
