//! `train` and `evaluate` through the binary: from examples to a version that scores.

use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A spool with examples of `y = 3 a + 2 [city = Oslo] + noise`, some values missing, and a pipeline file.
fn spool() -> Spool {
    let spool = Spool::without_model();
    let mut text = "id,a,city,y,late\n".to_string();
    for i in 0..200 {
        let a = f64::from(i * 37 % 101) / 10.0;
        let city = ["Oslo", "Lima", "Rome"][i as usize % 3];
        let noise = f64::from(i * 53 % 17) / 10.0 - 0.8;
        let y = 3.0 * a + if city == "Oslo" { 2.0 } else { 0.0 } + noise;
        let late = if y > 15.0 { "yes" } else { "no" };
        let a = if i % 29 == 0 { String::new() } else { a.to_string() };
        text += &format!("{i},{a},{city},{y},{late}\n");
    }
    fs::write(spool.path("examples.csv"), text).unwrap();
    let pipeline = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"a\", \"city\"]\n[split]\nshare = 0.25\nseed = 1\n\
                    [train]\ntrainer = \"least-squares\"\n[gate]\nr2 = \">= 0.8\"\n";
    fs::write(spool.path("p.toml"), pipeline).unwrap();
    spool
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Train, register, approve; a worker that runs uses it at once, on raw columns.
#[test]
fn a_trained_version_scores_as_soon_as_it_is_approved() {
    let spool = spool();
    let daemon = spool.daemon();
    spool.drop_file("raw.csv", "city,other,a\nOslo,x,1\nLima,x,\nParis,x,2\n");
    spool
        .train_with(&[])
        .exits(0)
        .says("registered lines/1, pending")
        .says("gate passed: r2");
    assert_eq!(spool.output("raw.csv"), None);
    spool.approve(1);
    wait_until("the worker uses it", || spool.output("raw.csv").is_some());
    assert_eq!(daemon.stop(), 0);
    // By hand: the intercept, a or its mean, and the indicators of known cities.
    let artifact = json(spool.path("models/lines/1/pipeline.json"));
    let term = |name: &str| -> f64 {
        let all = artifact["terms"].as_array().unwrap();
        let found = all.iter().find(|t| t["name"] == name);
        found.map_or(0.0, |t| t["coefficient"].as_f64().unwrap())
    };
    let mean = artifact["inputs"][0]["missing"]["fill"].as_f64().unwrap();
    let by_hand =
        |a: f64, city: &str| artifact["intercept"].as_f64().unwrap() + term("a") * a + term(&format!("city={city}"));
    let output = spool.output("raw.csv").unwrap();
    let found: Vec<f64> = output.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let wanted = [by_hand(1.0, "Oslo"), by_hand(mean, "Lima"), by_hand(2.0, "Paris")];
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found / wanted - 1.0).abs() < 1e-12, "{found} {wanted}");
    }
    assert!((found[0] - 5.0).abs() < 1.0, "{output}");
}

#[test]
fn all_that_training_knows_stands_with_the_version() {
    let spool = spool();
    spool.train_with(&["--description", "by\tletter"]).exits(0);
    let folder = spool.path("models/lines/1");
    let evaluation = json(folder.join("evaluation.json"));
    let r2 = &evaluation["regression_metrics"]["r2"];
    assert!(r2["value"].as_f64().unwrap() > 0.9 && evaluation["regression_metrics"]["mse"]["value"].is_f64());
    assert!(r2["interval"]["lower"].as_f64().unwrap() < r2["interval"]["upper"].as_f64().unwrap());
    assert!(
        evaluation["baseline"]["regression_metrics"]["r2"]["value"]
            .as_f64()
            .unwrap()
            <= 0.0
    );
    assert_eq!(evaluation["approved"], Value::Null);
    assert_eq!(
        (&evaluation["gate"][0]["key"], &evaluation["gate"][0]["holds"]),
        (&"r2".into(), &true.into())
    );
    let baseline = json(folder.join("baseline.json"));
    assert_eq!(
        (&baseline["rows"], &baseline["features"][1]["type"]),
        (&150.into(), &"categories".into())
    );
    assert!(baseline["features"][0]["missing"].as_u64().unwrap() > 0);
    let page = fs::read_to_string(folder.join("evaluation.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("by\tletter") && !page.contains("http"));
    let golden = json(folder.join("golden.json"));
    assert_eq!(golden["columns"], serde_json::json!(["a", "city"]));
    assert_eq!(golden["rows"].as_array().unwrap().len(), 32);
    let shown = spool.run(&["models", "show", "1", "--json"]).exits(0).json();
    let manifest = &shown["manifest"];
    assert_eq!(
        (&manifest["training"]["rows"], &manifest["format"]),
        (&150.into(), &"pipeline".into())
    );
    // A program that doesn't know `baseline.json` refuses it by this number.
    assert_eq!(manifest["format_version"], 3);
    assert_eq!(manifest["metrics"]["r2"], r2["value"]);
    // The pipeline file that stands with the version makes it again.
    let again = folder.join("pipeline.toml");
    spool.run(&["train", again.to_str().unwrap()]).exits(0);
    let artifact = |version: u32| fs::read(spool.path(format!("models/lines/{version}/pipeline.json"))).unwrap();
    assert_eq!(artifact(1), artifact(2));
    spool
        .run(&["models", "diff", "1", "2"])
        .exits(0)
        .says("settings      the same");
    spool.train_with(&["--degree", "2"]).exits(0);
    spool
        .run(&["models", "diff", "1", "3"])
        .exits(0)
        .says("settings      preprocess.degree     (default) -> 2");
    let diff = spool.run(&["models", "diff", "1", "3", "--json"]).exits(0).json();
    let degree = serde_json::json!({"old": null, "new": "2"});
    assert_eq!(diff["settings"]["changed"]["preprocess.degree"], degree);
}

#[test]
fn a_gate_that_fails_registers_nothing_and_says_the_figures() {
    let spool = spool();
    spool
        .train_with(&["--gate", "r2 >= 0.9999"])
        .exits(2)
        .says("gate FAILED: r2 0.9")
        .says("nothing was registered");
    assert!(!spool.path("models/lines").exists());
    spool
        .train_with(&["--gate", "r3 >= 1"])
        .exits(64)
        .says("no such metric");
    spool
        .train_with(&["--gate", "roc_auc >= 0.5"])
        .exits(64)
        .says("has no roc_auc");
    // Against the version that is approved now, on the same rows.
    spool.train_with(&[]).exits(0);
    spool.approve(1);
    let worse = [
        "--features",
        "city",
        "--gate",
        "r2 >= -1",
        "--gate",
        "not_worse_than_approved",
    ];
    let ran = spool
        .train_with(&worse)
        .exits(2)
        .says("is worse than the approved version's");
    assert!(ran.stdout.contains("lines/1"), "{}", ran.stdout);
    spool
        .train_with(&["--gate", "not_worse_than_approved", "--dry-run"])
        .exits(0)
        .says("is not worse")
        .says("it predicts the same");
    // So much worse is tolerated.
    let tolerant = [
        "--gate",
        "not_worse_than_approved = { metric = \"mae\", tolerance = 1e6 }",
    ];
    let ran = spool.train_with(&[&worse[..4], &tolerant[..], &["--dry-run", "--json"]].concat());
    let json = ran.exits(0).json();
    let (check, difference) = (&json["gate"][1], &json["approved"]["difference"]["mae"]);
    assert_eq!(
        (&check["holds"], &check["difference"]["metric"]),
        (&true.into(), &"mae".into())
    );
    assert_eq!(check["difference"]["value"], difference["value"]);
    assert_eq!(check["difference"]["upper"], difference["interval"]["upper"]);
    assert!(difference["value"].as_f64().unwrap() > 0.0);
    spool
        .train_with(&["--gate", "not_worse_than_approved = { metric = \"f1\" }"])
        .exits(64)
        .says("which has no f1");
    assert_eq!(spool.names("models/lines"), ["1"]);
    let ran = spool.train_with(&["--json", "--gate", "mse < 0"]).exits(2).json();
    assert_eq!(
        (&ran["registered"], &ran["gate"][0]["holds"]),
        (&Value::Null, &false.into())
    );
    assert_eq!(ran["approved"]["version"], "lines/1");
}

#[test]
fn yes_or_no_is_learnt_evaluated_and_scored() {
    let spool = spool().set("output.probabilities=true");
    let flags = [
        "--target",
        "late",
        "--trainer",
        "logistic",
        "--alpha",
        "0.1",
        "--threshold",
        "0.4",
    ];
    let gate = ["--gate", "roc_auc >= 0.9"];
    // The file's own gate is on a metric of numbers.
    spool
        .train_with(&[&flags[..], &gate[..]].concat())
        .exits(64)
        .says("has no r2");
    let text = fs::read_to_string(spool.path("p.toml")).unwrap();
    fs::write(spool.path("p.toml"), text.split("[gate]").next().unwrap()).unwrap();
    spool
        .train_with(&[&flags[..], &gate[..]].concat())
        .exits(0)
        .says("roc_auc");
    // An empty list says that there was no gate.
    spool
        .train_with(&[&flags[..], &["--register-group", "ungated"]].concat())
        .exits(0);
    let ungated = json(spool.path("models/ungated/1/evaluation.json"));
    assert_eq!(ungated["gate"], serde_json::json!([]));
    let evaluation = json(spool.path("models/lines/1/evaluation.json"));
    assert_eq!(evaluation["threshold"], 0.4);
    assert!(evaluation["binary_classification_metrics"]["recall"]["value"].is_f64());
    spool.approve(1);
    spool.drop_file("x.csv", "a,city\n0,Lima\n10,Oslo\n");
    spool.once().exits(0);
    let output = spool.output("x.csv").unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "prediction,probability_no,probability_yes");
    let no = |line: &str| line.split(',').nth(1).unwrap().parse::<f64>().unwrap();
    assert!(lines[1].starts_with("no,") && no(lines[1]) > 0.9, "{output}");
    assert!(lines[2].starts_with("yes,") && no(lines[2]) < 0.1, "{output}");
    let examples = spool.path("examples.csv");
    let args = ["evaluate", examples.to_str().unwrap(), "--json"];
    let fresh = spool.run(&args).exits(0).json();
    assert_eq!(
        (&fresh["rows"], &fresh["threshold"], &fresh["model"]),
        (&200.into(), &0.4.into(), &"lines/1".into())
    );
    // Another version's classes can't be compared with numbers.
    spool
        .train_with(&[])
        .exits(0)
        .says("warning: the approved version lines/1 can't be compared: it predicts something else");
    spool
        .train_with(&["--gate", "not_worse_than_approved"])
        .exits(2)
        .says("gate FAILED: the approved version lines/1 can't be compared");
    // The same classes the other way around are compared, at its own threshold.
    let turned = ["--positive", "no", "--json", "--dry-run"];
    let json = spool.train_with(&[&flags[..6], &turned[..]].concat()).exits(0).json();
    let block = |of: &Value| of["binary_classification_metrics"].clone();
    let auc = |of: &Value| block(of)["roc_auc"]["value"].as_f64().unwrap();
    assert!((auc(&json) - auc(&json["approved"])).abs() < 1e-12);
    assert_eq!(
        (&json["threshold"], &json["approved"]["threshold"]),
        (&0.5.into(), &0.6.into())
    );
}

#[test]
fn a_search_is_reproducible_and_its_trials_are_kept() {
    let spool = spool();
    let flags = [
        "--search-method",
        "random",
        "--search-trials",
        "12",
        "--search-seed",
        "3",
        "--search-folds",
        "3",
        "--search-over",
        "train.alpha={from = 0.001, to = 100.0, scale = \"log\"}",
        "--search-over",
        "preprocess.degree=[1, 2]",
    ];
    spool.train_with(&flags).exits(0).says("the best of 12 trials: ");
    let one = [&flags[..], &["--set", "worker.threads=1"]].concat();
    spool.train_with(&one).exits(0);
    let read =
        |version: u32, name: &str| fs::read_to_string(spool.path(format!("models/lines/{version}/{name}"))).unwrap();
    assert_eq!(read(1, "trials.csv"), read(2, "trials.csv"));
    assert_eq!(read(1, "pipeline.json"), read(2, "pipeline.json"));
    let trials = read(1, "trials.csv");
    let lines: Vec<&str> = trials.lines().collect();
    assert_eq!(lines.len(), 13);
    assert_eq!(
        lines[0],
        "preprocess.degree,train.alpha,mean_r2,sd_r2,fold_1,fold_2,fold_3,problem"
    );
    let means: Vec<f64> = lines[1..]
        .iter()
        .map(|l| l.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    assert!(means.is_sorted_by(|a, b| a >= b), "{means:?}");
    spool
        .train_with(&["--search-over", "data.file=[1]"])
        .exits(64)
        .says("only keys of train and preprocess");
}

/// Any format, on rows that it has not seen.
#[test]
fn any_registered_version_can_be_evaluated() {
    let spool = Spool::new(); // y = 2 x + 1
    spool.register_line(2.0, 2.0);
    let data = spool.path("fresh.csv");
    fs::write(&data, "x,y\n1,3\n2,5\n3,8\nnone,9\n").unwrap();
    let path = data.to_str().unwrap();
    spool.run(&["evaluate", path]).exits(64).says("--target");
    let ran = spool
        .run(&["evaluate", path, "--target", "y"])
        .exits(0)
        .says("evaluated lines/1 on 3 rows");
    ran.says("1 row left out, which the model can't score: x: not a number (1 row, the first on line 5)");
    let page = spool.path("page.html");
    let args = [
        "evaluate",
        path,
        "--target",
        "y",
        "--version",
        "2",
        "--json",
        "--html",
        page.to_str().unwrap(),
    ];
    let json = spool.run(&args).exits(0).json();
    // Off by 1, 1 and 0; version 1 by 0, 0 and 1.
    let mse = |of: &Value| of["regression_metrics"]["mse"]["value"].as_f64().unwrap();
    assert!((mse(&json) - 2.0 / 3.0).abs() < 1e-12);
    assert!((mse(&json["approved"]) - 1.0 / 3.0).abs() < 1e-12);
    assert!(fs::read_to_string(page).unwrap().contains("lines/2"));
    fs::write(spool.path("y.csv"), "y\n1\n").unwrap();
    let other = spool.path("y.csv");
    spool
        .run(&["evaluate", path, "--target-file", other.to_str().unwrap()])
        .exits(64)
        .says("4 rows, but there are 1 targets");
    spool
        .run(&["evaluate", "absent.csv", "--target", "y"])
        .exits(64)
        .says("absent.csv");
    spool
        .run(&["evaluate", path, "--target", "y", "--version", "7"])
        .exits(64)
        .says("no version 7");
}

/// Found by reading: the rows that were asked of the approved version were one off, so its errors were those of other rows.
#[test]
fn a_line_that_names_the_separator_shifts_no_row_of_the_approved_version() {
    let spool = Spool::new(); // y = 2 x + 1
    spool.register_line(2.0, 2.0);
    let data = spool.path("fresh.csv");
    fs::write(&data, "sep=,\nx,y\n1,3\nnone,9\n2,5\n30,61\n").unwrap();
    let args = [
        "evaluate",
        data.to_str().unwrap(),
        "--target",
        "y",
        "--version",
        "2",
        "--json",
    ];
    let found = spool.run(&args).exits(0).json();
    let mse = |of: &Value| of["regression_metrics"]["mse"]["value"].as_f64().unwrap();
    assert_eq!((mse(&found), mse(&found["approved"])), (1.0, 0.0));
    // A candidate, its approved version and its golden rows, likewise.
    let plain = self::spool();
    let sep = self::spool();
    let examples = fs::read_to_string(sep.path("examples.csv")).unwrap();
    fs::write(sep.path("examples.csv"), format!("sep=,\n{examples}")).unwrap();
    let found = [&plain, &sep].map(|spool| {
        spool.train_with(&[]).exits(0);
        spool.approve(1);
        spool.train_with(&[]).exits(0);
        let of = |file: &str| json(spool.path("models/lines/2").join(file));
        (of("golden.json"), of("evaluation.json")["approved"].clone())
    });
    assert_eq!(found[0], found[1]);
    assert!(found[0].1.is_object());
}

/// Each found by attack.
#[test]
fn what_would_be_registered_wrongly_is_refused() {
    let spool = spool();
    for (flags, words) in [
        (&["--register-group", "../x"][..], "no folder's name"),
        (&["--register-group", ""], "no folder's name"),
        (&["--texts", "citty"], "no column \"citty\""),
        // One row to evaluate on tells nothing.
        (&["--last", "1"], "r2 is undefined on the 1 row"),
    ] {
        spool.train_with(flags).exits(64).says(words);
    }
    assert!(!spool.path("models/x").exists() && !spool.path("x").exists());
    // A FIFO has no end that could be waited for.
    let fifo = spool.path("fifo.csv");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    spool
        .train_with(&["--file", fifo.to_str().unwrap()])
        .exits(64)
        .says("not a file");
    // A damaged approval is no missing one.
    spool.train_with(&[]).exits(0);
    spool.approve(1);
    let approval = spool.path("models/lines/1/approval.toml");
    let text = fs::read(&approval).unwrap();
    fs::write(&approval, "junk").unwrap();
    spool
        .train_with(&["--gate", "not_worse_than_approved"])
        .exits(3)
        .says("approval.toml");
    fs::write(&approval, text).unwrap();
    // Nor is a version whole without all that was registered with it.
    let page = spool.path("models/lines/1/evaluation.html");
    fs::remove_file(&page).unwrap();
    spool.run(&["models", "approve", "1"]).exits(3).says("evaluation.html");
    let examples = spool.path("examples.csv");
    let same = ["--test-file", examples.to_str().unwrap(), "--register-group", "other"];
    spool
        .train_with(&same)
        .exits(0)
        .says("are the same: are rows evaluated that were trained on?");
}

/// Found by attack: a column of a table was at most 65,535 characters wide.
#[test]
fn names_of_any_length_can_be_shown() {
    let spool = Spool::without_model();
    spool.register(&format!(
        r#"{{"features":["{}"],"coefficients":[1],"intercept":0}}"#,
        "x".repeat(70_000)
    ));
    spool.run(&["models", "show", "1"]).exits(0).says("xxx");
}

/// A gate failed a version that was as good, for the approved one had been trained on the rows that both were evaluated on.
#[test]
fn an_approved_version_that_has_seen_the_rows_is_told() {
    let spool = spool();
    spool.train_with(&[]).exits(0);
    spool.approve(1);
    let ran = spool.train_with(&["--alpha", "0.5"]).exits(0);
    assert!(!ran.stdout.contains("has seen rows"), "{}", ran.stdout);
    let seen = "lines/1 was trained from the same files by another split: it has seen rows that are evaluated here";
    spool.train_with(&["--split-seed", "5"]).exits(0).says(seen);
    spool
        .run(&["models", "diff", "1", "3"])
        .exits(0)
        .says("evaluated on other rows, so they don't compare: split.seed");
    let same = spool.run(&["models", "diff", "1", "2"]).exits(0).stdout;
    assert!(!same.contains("evaluated on other rows"), "{same}");
}
