//! `transform init`: from an empty folder to predictions.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn at(&self, below: &str) -> std::path::PathBuf {
        self.0.path().join(below)
    }

    /// Run in a folder below, in an empty environment: all that it says.
    fn run(&self, folder: &str, args: &[&str], code: i32) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_transform"));
        command
            .env_clear()
            .current_dir(self.at(folder))
            .args(args)
            .stdin(Stdio::null());
        let out = command.output().unwrap();
        let said = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    fn model(&self, path: &str) {
        fs::write(
            self.at(path),
            r#"{"features":["x"],"coefficients":[2],"intercept":1.0}"#,
        )
        .unwrap();
    }
}

/// What stands below a folder, by its path.
fn all(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = path.is_file().then(|| fs::read(&path).unwrap());
        found.insert(path.display().to_string(), bytes);
        if path.is_dir() {
            found.extend(all(&path));
        }
    }
    found
}

#[test]
fn a_folder_becomes_a_spool_that_works_there_and_from_elsewhere() {
    let home = Home::new();
    let said = home.run(".", &["init", "churn"], 0);
    assert!(
        said.contains("made  config/transform.toml") && said.contains("\n  cd churn\n"),
        "{said}"
    );
    home.run("churn", &["--once"], 3);
    home.model("churn/m.json");
    let registered = home.run(
        "churn",
        &["models", "register", "m.json", "--format", "linear", "--approve"],
        0,
    );
    assert!(registered.contains("registered and approved default/1"), "{registered}");
    for name in ["a.csv", "b.tsv"] {
        fs::write(home.at("churn/spool/input").join(name), "x\n1\n").unwrap();
    }
    assert!(
        home.run("churn", &["--once", "--set", "input.settle=0s"], 0)
            .contains("scored 2 files")
    );
    assert_eq!(
        fs::read_to_string(home.at("churn/spool/output/a.csv.out")).unwrap(),
        "prediction\n3.0\n"
    );
    let elsewhere = ["--once", "--config", "churn/config/transform.toml"];
    assert!(home.run(".", &elsewhere, 0).contains("2 outputs are up to date"));
    assert!(!home.at("spool").exists());
    home.run("churn", &["check"], 0);

    // Again: all is kept, byte by byte, and no model is asked for.
    let before = all(&home.at("churn"));
    let said = home.run("churn", &["init"], 0);
    assert!(
        !said.contains("made") && !said.contains("register") && !said.contains("cd "),
        "{said}"
    );
    assert_eq!(all(&home.at("churn")), before);
}

#[test]
fn a_group_that_is_named_is_the_one() {
    let home = Home::new();
    home.run(".", &["init", "a/new/place", "--group", "churn"], 0);
    assert!(home.at("a/new/place/spool/models/churn").is_dir());
    home.model("m.json");
    let register = |group: &[&str]| {
        let words = ["models", "register", "../../../m.json", "--format", "linear"];
        home.run("a/new/place", &[&words[..], group].concat(), 0)
    };
    assert!(register(&["--group", "other"]).contains("other/1"));
    assert!(register(&[]).contains("churn/1"));
    let said = home.run(".", &["init", "a/new/place", "--group", "sales"], 64);
    assert!(
        said.contains("config/transform.toml: ") && said.contains("models.group = \"churn\""),
        "{said}"
    );
    home.run(".", &["init", "a/new/place", "--group", "churn"], 0);
}

#[test]
fn what_is_there_is_kept_and_the_rest_is_made() {
    let home = Home::new();
    fs::create_dir_all(home.at("spool/input")).unwrap();
    fs::create_dir(home.at("config")).unwrap();
    fs::write(home.at("spool/input/mine.csv"), "x\n5\n").unwrap();
    fs::write(home.at("README.txt"), "mine").unwrap();
    let said = home.run(".", &["init"], 0);
    for line in [
        "made  config/transform.toml",
        "kept  spool/input",
        "made  spool/output",
        "kept  README.txt",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert_eq!(fs::read_to_string(home.at("README.txt")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(home.at("spool/input/mine.csv")).unwrap(), "x\n5\n");
    let mode = |path: &str| home.at(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("spool/state"), mode("spool/status")), (0o700, 0o750));

    // A configuration of one's own says which folders, from where it is used.
    let home = Home::new();
    fs::create_dir_all(home.at("mine/config")).unwrap();
    let own = "[input]\npath = \"in\"\n[models]\ngroup = \"sales\"\n";
    fs::write(home.at("mine/config/transform.toml"), own).unwrap();
    let said = home.run(".", &["init", "mine"], 0);
    assert!(
        said.contains("made  in\n") && said.contains("made  spool/models/sales\n"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(home.at("mine/config/transform.toml")).unwrap(), own);
    assert!(!home.at("mine/spool/input").exists());
}

#[test]
fn what_keeps_a_spool_from_being_made_is_named() {
    let home = Home::new();
    fs::write(home.at("file"), "").unwrap();
    fs::create_dir_all(home.at("half/spool")).unwrap();
    fs::write(home.at("half/spool/input"), "").unwrap();
    fs::create_dir_all(home.at("wrong/config")).unwrap();
    fs::write(home.at("wrong/config/transform.toml"), "[input]\npth = \"x\"\n").unwrap();
    for (args, words) in [
        (&["init", "file"][..], "/file: this is no folder"),
        (&["init", "file/below"], "/file/below"),
        (&["init", "half"], "/half/spool/input: can't make it"),
        (&["init", "wrong"], "config/transform.toml:2: unknown key input.pth"),
        (&["init", "new", "--group", "a/b"], "--group: "),
        (&["init", "new", "--config", "c.toml"], "--config: "),
        (&["init", "new", "--set", "input.path=x"], "--set: "),
    ] {
        let said = home.run(".", args, 64);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert!(!home.at("new").exists());
}
