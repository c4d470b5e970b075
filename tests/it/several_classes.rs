//! Models of several classes are evaluated, whatever their format.

use crate::onnx::library;
use crate::spool::Spool;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

fn value(json: &Value, metric: &str) -> Option<f64> {
    json["multiclass_classification_metrics"][metric]["value"].as_f64()
}

/// Rows whose label is what a model's library predicts, but for every fourth, which is another class of those; `y` is the
/// label. What its library says, by row.
fn examples(spool: &Spool, rows: &str, theirs: &str) -> (String, Vec<Vec<String>>) {
    let read = |name: &str| fs::read_to_string(fixture(name)).unwrap();
    let mut said = csv(&read(theirs));
    let header = said.remove(0);
    assert_eq!(header[0], "prediction");
    let mut labels: Vec<String> = said.iter().map(|row| row[0].clone()).collect();
    let classes: Vec<String> = {
        let mut classes = labels.clone();
        classes.sort();
        classes.dedup();
        classes
    };
    for label in labels.iter_mut().step_by(4) {
        let place = classes.iter().position(|class| class == label).unwrap();
        *label = classes[(place + 1) % classes.len()].clone();
    }
    let rows = read(rows);
    let quoted = labels.iter().map(|label| format!("\"{label}\""));
    let lines = rows.lines().zip(std::iter::once("y".into()).chain(quoted));
    let text: String = lines.map(|(row, label)| format!("{row},{label}\n")).collect();
    let path = spool.path("examples.csv");
    fs::write(&path, text).unwrap();
    for (row, label) in said.iter_mut().zip(labels) {
        row.push(label);
    }
    (path.to_str().unwrap().into(), said)
}

/// Cells of a few quoted fields.
fn csv(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        cells
    };
    text.lines().map(cells).collect()
}

/// The mean of -ln of the probability that its library gave to what came true.
fn log_loss(classes: &[Value], said: &[Vec<String>]) -> f64 {
    let loss = |row: &Vec<String>| {
        let place = classes.iter().position(|class| class == row.last().unwrap()).unwrap();
        let given: f64 = row[1 + place].parse().unwrap();
        -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    said.iter().map(loss).sum::<f64>() / said.len() as f64
}

#[test]
fn several_classes_of_every_format_are_evaluated() {
    let mut models = vec![
        ("xgboost", "xgboost-3.2.0/softprob.json", "codes.csv", true),
        ("xgboost", "xgboost-3.2.0/softmax.json", "codes.csv", false),
        ("xgboost", "xgboost-3.2.0/hinge.json", "codes.csv", false),
        ("lightgbm", "lightgbm-4.7.0/multiclass.txt", "codes.csv", true),
        ("lightgbm", "lightgbm-4.7.0/one-versus-all.txt", "codes.csv", true),
    ];
    let mut spool = Spool::without_model();
    if let Some(library) = library() {
        spool = spool.set(&format!("models.onnxruntime={}", library.to_str().unwrap()));
        models.extend([
            (
                "onnx",
                "onnx-skl2onnx-1.20.0/words.onnx",
                "onnx-skl2onnx-1.20.0/words.in.csv",
                true,
            ),
            (
                "onnx",
                "onnx-skl2onnx-1.20.0/zipmap.onnx",
                "onnx-skl2onnx-1.20.0/zipmap.in.csv",
                true,
            ),
            (
                "onnx",
                "onnx-skl2onnx-1.20.0/labels.onnx",
                "onnx-skl2onnx-1.20.0/labels.in.csv",
                false,
            ),
            // Scores that are no probabilities.
            (
                "onnx",
                "onnx-skl2onnx-1.20.0/svc.onnx",
                "onnx-skl2onnx-1.20.0/svc.in.csv",
                false,
            ),
        ]);
    }
    for (version, (format, artifact, rows, probabilities)) in models.into_iter().enumerate() {
        let version = (version + 1).to_string();
        spool.register_file(fixture(artifact), format, &[]).exits(0);
        let theirs = Path::new(artifact).with_extension("csv");
        let (path, said) = examples(&spool, rows, theirs.to_str().unwrap());
        if format == "lightgbm" {
            let text = fs::read_to_string(&path).unwrap();
            let (header, rows) = text.split_once('\n').unwrap();
            fs::write(&path, format!("{}\n{rows}", header.replace('f', "Column_"))).unwrap();
        }
        let page = spool.path("page.html");
        let args = ["evaluate", &path, "--target", "y", "--version", &version, "--json"];
        let args = [&args[..], &["--html", page.to_str().unwrap()]].concat();
        let json = spool.run(&args).exits(0).json();
        let rows = said.len() as f64;
        let right = said.iter().filter(|row| row.first() == row.last()).count() as f64;
        assert_eq!(value(&json, "accuracy"), Some(right / rows), "{artifact}");
        assert!(value(&json, "f1_macro").unwrap() > 0.5, "{artifact}");
        assert!(json["multiclass_classification_metrics"]["f1_macro"]["interval"].is_object());
        let classes = json["classes"].as_array().unwrap();
        let counted = |counts: &Value| {
            counts
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n.as_u64().unwrap())
                .sum::<u64>()
        };
        let matrix = json["confusion_matrix"].as_array().unwrap();
        assert_eq!(matrix.iter().map(counted).sum::<u64>(), said.len() as u64);
        assert_eq!(matrix.len(), classes.len());
        match probabilities || artifact.ends_with("softmax.json") {
            true => {
                assert!(value(&json, "roc_auc_ovr").unwrap() > 0.5, "{artifact}");
                if probabilities {
                    let (found, expected) = (value(&json, "log_loss").unwrap(), log_loss(classes, &said));
                    assert!((found - expected).abs() < 1e-5, "{artifact}: {found} {expected}");
                }
            }
            false => assert_eq!((value(&json, "roc_auc_ovr"), value(&json, "log_loss")), (None, None)),
        }
        let html = fs::read_to_string(&page).unwrap();
        assert!(
            html.contains("<h2>Confusion</h2>") && html.contains("<h2>Classes</h2>"),
            "{artifact}"
        );
        let words = spool.run(&args[..6]).exits(0);
        assert!(
            words.stdout.contains("CLASS") && words.stdout.contains("f1_macro"),
            "{}",
            words.stdout
        );
    }
}

#[test]
fn an_approved_version_is_compared_by_the_names_of_its_classes() {
    let spool = Spool::without_model();
    let artifact = fixture("xgboost-3.2.0/softprob.json");
    // The same trees; what the second calls a is c of the first.
    for names in ["a,b,c", "c,a,b", "a,b,other"] {
        spool
            .register_file(&artifact, "xgboost", &["--class-names", names])
            .exits(0);
    }
    let (path, said) = examples(&spool, "codes.csv", "xgboost-3.2.0/softprob.csv");
    let rows = fs::read_to_string(fixture("codes.csv")).unwrap();
    let names = |row: &Vec<String>| ["a", "b", "c"][row.last().unwrap().parse::<usize>().unwrap()].to_string();
    let labels = std::iter::once("y".to_string()).chain(said.iter().map(names));
    let text: String = rows
        .lines()
        .zip(labels)
        .map(|(row, label)| format!("{row},{label}\n"))
        .collect();
    fs::write(&path, text).unwrap();
    let evaluate = |version: &str| {
        let args = ["evaluate", &path, "--target", "y", "--version", version, "--json"];
        spool.run(&args).exits(0).json()
    };
    let (first, second) = (evaluate("1"), evaluate("2"));
    spool.approve(1);
    let compared = evaluate("2");
    for metric in ["f1_macro", "log_loss", "roc_auc_ovr", "accuracy"] {
        assert_eq!(value(&compared, metric), value(&second, metric), "{metric}");
        let (found, expected) = (
            value(&compared["approved"], metric).unwrap(),
            value(&first, metric).unwrap(),
        );
        assert!((found - expected).abs() < 1e-12, "{metric}: {found} {expected}");
    }
    assert!(value(&first, "f1_macro").unwrap() > value(&second, "f1_macro").unwrap());
    let args = ["evaluate", &path, "--target", "y", "--version", "3"];
    spool
        .run(&args)
        .exits(64)
        .says("the label \"c\" is none of the model's classes, \"a\", \"b\", \"other\"");
    // Without the rows of that class.
    let text = fs::read_to_string(&path).unwrap();
    let text: String = text
        .lines()
        .filter(|line| !line.ends_with(",c"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&path, text).unwrap();
    spool
        .run(&args)
        .exits(0)
        .says("warning: the approved version lines/1 can't be compared: it has other classes");
}

#[test]
fn an_ensemble_of_several_classes_is_evaluated_and_numbers_are_labels_in_any_spelling() {
    let spool = Spool::without_model();
    for artifact in ["softprob.json", "softmax.json"] {
        let artifact = fixture("xgboost-3.2.0").join(artifact);
        spool.register_file(artifact, "xgboost", &[]).exits(0);
    }
    spool.run(&["models", "ensemble", "1", "2"]).exits(0);
    let (path, _) = examples(&spool, "codes.csv", "xgboost-3.2.0/softprob.csv");
    let evaluate = || {
        let args = ["evaluate", &path, "--target", "y", "--version", "3", "--json"];
        spool.run(&args).exits(0).json()
    };
    let found = evaluate();
    assert!(value(&found, "accuracy").unwrap() > 0.5);
    assert!(value(&found, "log_loss").is_some());
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"1\"", "1.0").replace("\"2\"", "2")).unwrap();
    assert_eq!(evaluate()["confusion_matrix"], found["confusion_matrix"]);
}
