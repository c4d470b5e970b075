//! What rows of a version are held against: from training, from rows, from another monitor.

use crate::spool::Spool;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const CLASSES: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}},{"name":"city","categories":["Lima","Oslo"],
  "missing":"ignore","unknown":"ignore"}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":1}],
  "intercept":-20,"output":{"classes":["no","yes"],"threshold":0.5}}"#;

/// With version 1 of a model of two classes, yes from a = 20 on, pending.
fn classes(flags: &[&str]) -> Spool {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), CLASSES).unwrap();
    rows(&spool);
    spool.register_file("m.json", "pipeline", flags).exits(0);
    spool
}

/// 40 rows, of which one can't be read; what is true, what another system said, an age.
fn rows(spool: &Spool) -> PathBuf {
    let mut text = "age,a,city,late,theirs,share\n".to_string();
    for i in 0..40 {
        let city = ["Oslo", "Lima", "Rome", ""][i % 4];
        let a = if i == 7 { "oops".into() } else { i.to_string() };
        let late = if (i * 7) % 40 > 20 { "yes" } else { "no" };
        text += &format!(
            "{},{a},{city},{late},{},{}\n",
            20 + i,
            ["no", "yes"][i % 2],
            i as f64 / 40.0
        );
    }
    let path = spool.path("rows.csv");
    fs::write(&path, text).unwrap();
    path
}

fn column<'a>(columns: &'a Value, name: &str) -> &'a Value {
    let mut columns = columns.as_array().unwrap().iter();
    columns.find(|column| column["name"] == name).unwrap()
}

/// The one file of a baseline that was given.
fn given(spool: &Spool) -> Value {
    let names = spool.names("models/lines/1");
    let mut names = names.iter().filter(|name| name.starts_with("baseline-"));
    let path = spool.path("models/lines/1").join(names.next().unwrap());
    assert_eq!(names.next(), None);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn attached(spool: &Spool) -> Value {
    serde_json::from_slice(&fs::read(spool.path("models/lines/1/baseline.json")).unwrap()).unwrap()
}

fn counts(column: &Value) -> Vec<(String, u64)> {
    let categories = column["categories"].as_array().unwrap().iter();
    let count = |c: &Value| {
        (
            c["category"].as_str().unwrap().to_string(),
            c["count"].as_u64().unwrap(),
        )
    };
    categories.map(count).collect()
}

#[test]
fn a_version_is_registered_with_rows_that_later_ones_are_held_against() {
    let spool = classes(&[
        "--baseline",
        "rows.csv",
        "--target",
        "late",
        "--columns",
        "age",
        "--approve",
    ]);
    let baseline = attached(&spool);
    assert_eq!(
        (&baseline["format_version"], &baseline["rows"]),
        (&2.into(), &39.into())
    );
    assert_eq!(baseline["rows_of"], "39 rows of rows.csv");
    let city = column(&baseline["features"], "city");
    // Rome is none of the model's.
    assert_eq!(counts(city), [("Lima".into(), 10), ("Oslo".into(), 10)]);
    assert_eq!((&city["other"], &city["missing"]), (&10.into(), &9.into()));
    let outcomes = &baseline["outcomes"];
    let label = column(&outcomes["columns"], "prediction");
    assert_eq!(counts(label), [("yes".into(), 20), ("no".into(), 19)]);
    assert_eq!(
        column(&outcomes["columns"], "probability_yes")["summary"]["histogram"]["counts"][0],
        1
    );
    assert_eq!(counts(&outcomes["target"]).iter().map(|(_, n)| n).sum::<u64>(), 39);
    assert_eq!(column(&baseline["others"], "age")["count"], 39);
    let shown = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    assert_eq!(shown["manifest"]["format_version"], 3);
    spool.run(&["models", "show", "1"]).exits(0).says("39 rows of rows.csv");
    // It scores as any other.
    spool.drop_file("a.csv", "a,city\n19,Oslo\n21,Oslo\n");
    spool.once().exits(0);
    assert!(spool.output("a.csv").unwrap().contains("yes"));
}

#[test]
fn what_another_system_predicted_is_a_baseline() {
    let flags = [
        "--baseline",
        "rows.csv",
        "--prediction",
        "theirs",
        "--probability",
        "share",
    ];
    let baseline = attached(&classes(&flags));
    let columns = &baseline["outcomes"]["columns"];
    assert_eq!(
        counts(column(columns, "prediction")),
        [("no".into(), 20), ("yes".into(), 19)]
    );
    let yes = &column(columns, "probability_yes")["summary"];
    assert_eq!((&yes["min"], &yes["max"]), (&0.0.into(), &0.975.into()));
    assert_eq!(column(columns, "probability_no")["summary"]["max"], 1.0);
    assert_eq!(baseline["outcomes"]["target"], Value::Null);
}

#[test]
fn columns_of_a_baseline_that_are_not_there_are_named() {
    let spool = classes(&[]);
    let register = |flags: &[&str]| spool.register_file("m.json", "pipeline", flags).exits(64);
    register(&["--baseline", "rows.csv", "--target", "lat"]).says("is \"late\" meant?");
    register(&["--baseline", "rows.csv", "--target", "city"]).says("\"Oslo\", which is no class of the model: no, yes");
    register(&["--baseline", "rows.csv", "--columns", "a"]).says("\"a\" is an input of the model");
    register(&[
        "--baseline",
        "rows.csv",
        "--prediction",
        "theirs",
        "--probability",
        "age",
    ])
    .says("no probability");
    register(&["--target", "late"]).says("--baseline");
    fs::write(spool.path("bad.csv"), "a,city\noops,Oslo\n").unwrap();
    register(&["--baseline", "bad.csv"]).says("no row can be scored; the first: a: not a number");
    fs::write(spool.path("other.csv"), "b,city\n1,Oslo\n").unwrap();
    register(&["--baseline", "other.csv"]).says("no column \"a\"");
    assert_eq!(spool.names("models/lines"), ["1"]);
}

#[test]
fn a_baseline_is_decided_on_beside_the_version_and_never_in_it() {
    let spool = classes(&["--approve"]);
    let manifest = fs::read(spool.path("models/lines/1/model.toml")).unwrap();
    spool.drop_file("a.csv", "a,city\n19,Oslo\n");
    spool.once().exits(0);
    let args = [
        "monitor",
        "baseline",
        "rows.csv",
        "--target",
        "late",
        "--reason",
        "a good month",
    ];
    spool
        .run(&args)
        .exits(0)
        .says("note: 1 of 40 rows left out of the baseline, which the model can't score; the first: a: not a number")
        .says("lines/1 is held against 39 rows of rows.csv from now on: 2 inputs, 3 outputs, with the target, SHA-256");
    assert_eq!(given(&spool)["rows"], 39);
    let decisions = fs::read_to_string(spool.path("models/lines/1/baseline.toml")).unwrap();
    assert!(
        decisions.contains("reason = \"a good month\"") && decisions.contains("sha256 = "),
        "{decisions}"
    );
    assert_eq!(fs::read(spool.path("models/lines/1/model.toml")).unwrap(), manifest);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("39 rows of rows.csv")
        .says("a good month");
    // Nothing is scored again for it.
    let before = fs::metadata(spool.path("output/a.csv.out"))
        .unwrap()
        .modified()
        .unwrap();
    spool.once().exits(0);
    assert_eq!(
        fs::metadata(spool.path("output/a.csv.out"))
            .unwrap()
            .modified()
            .unwrap(),
        before
    );
    spool
        .run(&["monitor", "baseline", "rows.csv", "--version", "7"])
        .exits(64)
        .says("no version 7");
}

#[test]
fn a_damaged_baseline_is_told_and_hides_nothing_else() {
    let spool = classes(&["--approve"]);
    spool.run(&["monitor", "baseline", "rows.csv"]).exits(0);
    let names = spool.names("models/lines/1");
    let name = names.iter().find(|name| name.starts_with("baseline-")).unwrap();
    fs::write(spool.path("models/lines/1").join(name), "{}").unwrap();
    spool.run(&["models", "show", "1"]).exits(0).says(name).says("lines/1");
}

/// Versions that were trained before there was a baseline have a profile.
#[test]
fn a_profile_of_an_earlier_version_is_its_baseline() {
    let spool = Spool::without_model();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/baseline/lines-1");
    let folder = spool.path("models/lines/1");
    fs::create_dir_all(&folder).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    spool.approve(1);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("45 rows")
        .says("profile.json");
    spool.drop_file("a.csv", "a,city,steps\n1,Oslo,2\n");
    spool.once().exits(0);
}

#[test]
fn training_leaves_what_the_model_said_of_rows_that_were_kept_from_it() {
    let spool = Spool::without_model();
    let mut text = "a,late\n".to_string();
    for i in 0..100 {
        let late = if (i * 37) % 100 + (i % 3) * 10 > 60 {
            "yes"
        } else {
            "no"
        };
        text += &format!("{},{late}\n", (i * 37) % 100);
    }
    let pipeline =
        "[data]\nfile = \"examples.csv\"\ntarget = \"late\"\n[split]\nlast = 40\n[train]\ntrainer = \"logistic\"\n";
    spool.train(&text, pipeline).exits(0);
    let baseline = attached(&spool);
    assert_eq!(baseline["rows"], 60);
    let outcomes = &baseline["outcomes"];
    let names: Vec<&str> = outcomes["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["prediction", "probability_no", "probability_yes"]);
    assert_eq!(outcomes["rows"], 40);
    let late = text.lines().skip(61).filter(|line| line.ends_with("yes")).count() as u64;
    assert!(
        counts(&outcomes["target"]).contains(&("yes".into(), late)),
        "{outcomes}"
    );
    let numbers = pipeline.replace("late", "a").replace("logistic", "least-squares");
    let numbers = numbers.replace("[split]", "features = [\"b\"]\n[split]");
    let text: String = (0..100).fold("a,b\n".into(), |text, i| text + &format!("{},{i}\n", 2 * i + i % 7));
    spool.train(&text, &numbers).exits(0);
    let text = fs::read(spool.path("models/lines/2/baseline.json")).unwrap();
    let baseline: Value = serde_json::from_slice(&text).unwrap();
    let errors = baseline["outcomes"]["errors"].as_array().unwrap();
    assert_eq!(
        errors
            .iter()
            .map(|part| part["rows"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [4; 10]
    );
}

/// Typos and both spellings are of files that were seen.
#[test]
fn the_baseline_of_a_model_monitor_is_imported() {
    let spool = classes(&["--approve"]);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sagemaker");
    let path = |name: &str| fixtures.join(name).to_str().unwrap().to_string();
    let (statistics, constraints) = (path("statistics.json"), path("constraints.json"));
    spool
        .run(&["monitor", "import", &statistics, &constraints, "--version", "1"])
        .exits(0)
        .says("left out, for the model has no such column: \"y\", \"seen_at\"")
        .says("comparison_method = Robust")
        .says("comparison_threshold = 0.2 of \"a\"")
        .says("is held against SageMaker's statistics.json");
    let baseline = given(&spool);
    let a = column(&baseline["features"], "a");
    let histogram = &a["summary"]["histogram"]["counts"];
    let sum: u64 = histogram.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((&baseline["rows"], sum), (&200.into(), 200));
    let city = column(&baseline["features"], "city");
    assert_eq!(counts(city), [("Oslo".into(), 80), ("Lima".into(), 70)]);
    assert_eq!((&city["other"], &city["missing"]), (&40.into(), &10.into()));
    fs::write(spool.path("s.json"), r#"{"features": [{"name": "b"}]}"#).unwrap();
    spool
        .run(&["monitor", "import", "s.json"])
        .exits(64)
        .says("s.json: it has no column of the model; it has: b");
    spool
        .run(&["monitor", "import", "rows.csv"])
        .exits(64)
        .says("not the JSON");
}
