//! Training from files: the published figures, scikit-learn's coefficients, and what is said of bad examples.

use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use toml::Value;
use transform::model::{Format, Model};
use transform::score::{Lineup, Spelling};
use transform::train::dataset::Dataset;
use transform::train::pipeline::Pipeline;
use transform::train::search::Search;
use transform::train::{self, Fitted, Scored};
use transform::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Run, Scorer, Shape, Share};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn fixture(name: &str) -> String {
    shipped("tests/fixtures/training").join(name).to_str().unwrap().into()
}

fn fit(pipeline: &Pipeline) -> Result<(Dataset, Fitted), String> {
    let dataset = Dataset::read(pipeline).map_err(|e| e.to_string())?;
    let fitted =
        train::fit(pipeline, &dataset, &dataset.parts.train, &dataset.parts.test).map_err(|e| e.to_string())?;
    Ok((dataset, fitted))
}

/// The shipped pipeline, its files named from the crate's own folder.
fn diabetes(more: &[(&str, Value)]) -> Pipeline {
    let file = |key: &str, name: &str| {
        let path = shipped("config/diabetes").join(name);
        (key.to_string(), Value::from(path.to_str().unwrap()))
    };
    let mut overrides = vec![
        file("data.features_file", "diabetes_X_train.csv"),
        file("data.target_file", "diabetes_y_train.csv"),
        file("split.test_file", "X_test.csv"),
        file("split.test_target_file", "y_test.csv"),
    ];
    overrides.extend(more.iter().map(|(key, value)| (key.to_string(), value.clone())));
    Pipeline::read(&shipped("config/diabetes.toml"), &overrides).unwrap()
}

pub fn close(found: f64, wanted: f64, relative: f64) {
    assert!((found / wanted - 1.0).abs() < relative, "{found} is not {wanted}");
}

fn mse(scored: &Scored) -> f64 {
    let squares = scored
        .actual
        .iter()
        .zip(&scored.predictions.predicted)
        .map(|(y, p)| (y - p) * (y - p));
    squares.sum::<f64>() / scored.actual.len() as f64
}

fn r2(scored: &Scored) -> f64 {
    let mean = scored.actual.iter().sum::<f64>() / scored.actual.len() as f64;
    let total = scored.actual.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>();
    1.0 - mse(scored) * scored.actual.len() as f64 / total
}

#[test]
fn gradient_descent_gives_the_published_figures() {
    let (dataset, fitted) = fit(&diabetes(&[])).unwrap();
    assert_eq!((fitted.train.rows.len(), fitted.test.rows.len()), (422, 20));
    close(fitted.artifact.terms[0].coefficients[0], 937.1906894491832, 1e-9);
    close(fitted.artifact.intercepts[0], 152.9193581630174, 1e-9);
    close(r2(&fitted.test), 0.47232866977966736, 1e-9);
    close(mse(&fitted.test), 2549.2646237072627, 1e-9);
    assert_eq!(fitted.loss.len(), 15_001);
    assert!(fitted.warnings.is_empty(), "{:?}", fitted.warnings);
    assert_eq!(dataset.fingerprint().len(), 64);
}

#[test]
fn least_squares_gives_the_published_figures() {
    let (_, fitted) = fit(&diabetes(&[("train.trainer", "least-squares".into())])).unwrap();
    close(fitted.artifact.terms[0].coefficients[0], 938.23786125, 1e-9);
    close(fitted.artifact.intercepts[0], 152.91886183, 1e-9);
    close(r2(&fitted.test), 0.47257544798227147, 1e-9);
    close(mse(&fitted.test), 2548.07239872597, 1e-9);
}

#[test]
fn gradient_descent_with_a_penalty_finds_what_ridge_does() {
    let more = [
        ("train.alpha", Value::from(0.1)),
        ("train.learning_rate", 0.9.into()),
        ("train.iterations", 10_000.into()),
    ];
    let (_, descent) = fit(&diabetes(&more)).unwrap();
    let ridge = [
        ("train.alpha", Value::from(0.1)),
        ("train.trainer", "least-squares".into()),
    ];
    let (_, exact) = fit(&diabetes(&ridge)).unwrap();
    close(
        descent.artifact.terms[0].coefficients[0],
        exact.artifact.terms[0].coefficients[0],
        1e-9,
    );
    close(descent.artifact.intercepts[0], exact.artifact.intercepts[0], 1e-9);
}

/// A pipeline that trains on all rows of a fixture, as scikit-learn did, and tests on the same.
fn over(name: &str, keys: &str) -> Pipeline {
    let file = fixture(name);
    let text = format!("data = {{ file = {file:?}, target = \"target\" }}\nsplit = {{ test_file = {file:?} }}\n{keys}");
    Pipeline::parse(Path::new("fixture.toml"), &text, &[]).unwrap()
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let all: Json = serde_json::from_str(&fs::read_to_string(fixture("coefficients.json")).unwrap()).unwrap();
    for (case, file, keys) in [
        (
            "least-squares",
            "regression.csv",
            "train = { trainer = \"least-squares\" }",
        ),
        (
            "ridge-0.1",
            "regression.csv",
            "train = { trainer = \"least-squares\", alpha = 0.1 }",
        ),
        (
            "ridge-10.0",
            "regression.csv",
            "train = { trainer = \"least-squares\", alpha = 10 }",
        ),
        (
            "ridge-standardised",
            "regression.csv",
            "preprocess = { standardise = true }\ntrain = { trainer = \"least-squares\", alpha = 3 }",
        ),
        (
            "ridge-squares",
            "regression.csv",
            "preprocess = { standardise = true, degree = 2 }\ntrain = { trainer = \"least-squares\", alpha = 3 }",
        ),
        (
            "ridge-city",
            "regression.csv",
            "train = { trainer = \"least-squares\", alpha = 1 }",
        ),
        (
            "logistic-0.1",
            "classes.csv",
            "train = { trainer = \"logistic\", alpha = 0.1 }",
        ),
        (
            "logistic-10.0",
            "classes.csv",
            "train = { trainer = \"logistic\", alpha = 10 }",
        ),
        (
            "logistic-city",
            "classes.csv",
            "train = { trainer = \"logistic\", alpha = 1 }",
        ),
        (
            "logistic-standardised",
            "classes.csv",
            "preprocess = { standardise = true }\ntrain = { trainer = \"logistic\", alpha = 3 }",
        ),
        (
            "logistic-free",
            "classes.csv",
            "preprocess = { standardise = true }\ntrain = { trainer = \"logistic\" }",
        ),
    ] {
        let mut pipeline = over(file, keys);
        if !case.ends_with("city") {
            let features: Value = vec!["a", "b", "c"].into();
            pipeline = pipeline.with(&[("data.features".into(), features)]).unwrap();
        }
        let (_, fitted) = fit(&pipeline).unwrap();
        let wanted = &all["cases"][case];
        let coefficients = wanted["coefficients"].as_array().unwrap();
        assert_eq!(fitted.artifact.terms.len(), coefficients.len(), "{case}");
        for (term, wanted) in fitted.artifact.terms.iter().zip(coefficients) {
            let wanted = wanted.as_f64().unwrap();
            assert!(
                (term.coefficients[0] / wanted - 1.0).abs() < 1e-6,
                "{case}: {} {wanted}",
                term.coefficients[0]
            );
        }
        close(
            fitted.artifact.intercepts[0],
            wanted["intercept"].as_f64().unwrap(),
            1e-6,
        );
        assert!(fitted.warnings.is_empty(), "{case}: {:?}", fitted.warnings);
    }
}

/// Writes `csv`, to be trained on but for its last row by `keys`. The file is there as long as the folder.
fn pipeline_of(csv: &str, keys: &str) -> (TempDir, Result<Pipeline, String>) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("e.csv");
    fs::write(&file, csv).unwrap();
    let text = format!(
        "[data]\nfile = {:?}\ntarget = \"y\"\n[split]\nlast = 1\n{keys}",
        file.to_str().unwrap()
    );
    let pipeline = Pipeline::parse(Path::new("p.toml"), &text, &[]).map_err(|e| e.to_string());
    (folder, pipeline)
}

/// Trains on all rows of `csv` but the last one by `keys`, and says what came of it.
pub fn train_on(csv: &str, keys: &str) -> Result<(Dataset, Fitted), String> {
    let (folder, pipeline) = pipeline_of(csv, keys);
    fit(&pipeline?).map_err(|message| message.replace(folder.path().to_str().unwrap(), ""))
}

const LEAST: &str = "[train]\ntrainer = \"least-squares\"\n";
const LOGISTIC: &str = "[train]\ntrainer = \"logistic\"\nalpha = 1\n";

#[test]
fn constant_columns_are_left_out_and_named() {
    let columns = |n: usize| -> (String, String) {
        let names: Vec<String> = (1..=n).map(|i| format!("c{i}")).collect();
        (names.join(","), vec!["7"; n].join(","))
    };
    for (n, named) in [
        (1, "\"t\", \"c1\""),
        (
            11,
            "\"t\", \"c1\", \"c2\", \"c3\", \"c4\", \"c5\", \"c6\", \"c7\", \"c8\", \"c9\" and 2 more",
        ),
    ] {
        let (names, cells) = columns(n);
        let rows = [
            ("1", "a", 2),
            ("2", "a", 3),
            ("3", "a", 4),
            ("5", "a", 4),
            ("1", "b", 6),
        ];
        let rows = rows.map(|(x, t, y)| format!("{x},{t},{cells},{y}\n"));
        let csv = format!("x,t,{names},y\n{}", rows.concat());
        let (_, fitted) = train_on(&csv, LEAST).unwrap();
        let inputs: Vec<&str> = fitted.artifact.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(inputs, ["x"]);
        // The text that training hasn't seen is no reason to leave the row out.
        assert_eq!((fitted.train.rows.len(), fitted.test.rows.len()), (4, 1));
        let said = "constant features are left out, having the same value in all 4 training rows: ";
        assert_eq!(fitted.warnings, [format!("{said}{named}")]);
    }
}

/// A column differs in one row alone, so it is constant in the training rows of the fold that has the row.
#[test]
fn a_search_goes_on_where_a_column_is_constant_in_a_fold() {
    let rows: String = (0..20)
        .map(|i| format!("{i}.5,{},{}\n", u8::from(i == 3), i * 2 + i % 3))
        .collect();
    let keys =
        "[train]\ntrainer = \"least-squares\"\nalpha = 0.1\n[search]\n[search.over]\n\"train.alpha\" = [0.1, 1.0]\n";
    let (_folder, pipeline) = pipeline_of(&format!("x,z,y\n{rows}"), keys);
    let pipeline = pipeline.unwrap();
    let dataset = Dataset::read(&pipeline).unwrap();
    let search = Search::parse(pipeline.search.as_ref().unwrap()).unwrap();
    let outcome = search.run(&pipeline, &dataset, || {}).unwrap();
    assert!(
        outcome.trials.iter().all(|trial| trial.problem.is_none()),
        "{outcome:?}"
    );
}

#[test]
fn bad_examples_are_told_by_what_is_wrong_with_them() {
    for (csv, keys, said) in [
        (
            "x,y\n1,2\n1,3\n1,4\n1,5\n1,6\n",
            LEAST,
            "/e.csv: constant features: \"x\" (the same value in all 4 training rows): no other is left",
        ),
        (
            "x,z,y\n1,1.0,2\n2,2,3\n3,3e0,4\n4,4,5\n9,0,5\n",
            LEAST,
            "duplicate features: \"x\" and \"z\" (equal in all 4 training rows)",
        ),
        (
            "x,y\n1,2\n2,\n3,4\n4,5\n",
            LEAST,
            "/e.csv:3: column \"y\": missing value",
        ),
        (
            "x,y\n1,2\n2,NaN\n3,4\n4,5\n",
            LOGISTIC,
            "/e.csv:3: column \"y\": missing value",
        ),
        (
            "x,y\n1,2\n2,many\n3,4\n4,5\n",
            LEAST,
            "/e.csv:3: column \"y\": not a number: many",
        ),
        (
            "x,y\n1,2\n2,3\n12a,4\n4,5\n",
            LEAST,
            "/e.csv:4: column \"x\": not a number: 12a; 3 of its 4 cells are numbers",
        ),
        (
            "a,b,c,y\n1,2,3,4\n2,3,5,6\n3,3,4,8\n1,2,1,2\n",
            LEAST,
            "too few rows: 3 training rows for 3 features",
        ),
        (
            "t,y\na,4\nb,6\nc,8\nd,2\ne,2\n",
            "[preprocess]\none_hot = \"all\"\n[train]\ntrainer = \"least-squares\"\nalpha=1\n",
            "too few rows: 4 training rows for 4 terms",
        ),
        (
            "x,y\n1,no\n2,no\n3,yes\n4,no\n5,no\n",
            LOGISTIC,
            "not enough rows per class: 1 of 4 training rows have \"y\" = \"yes\", and there must be 2",
        ),
        ("x,y\n1,no\n2,no\n3,no\n4,no\n", LOGISTIC, "\"y\" has 1 class: \"no\""),
        (
            "x,y\n1,a\n2,b\n3,c\n4,a\n",
            LOGISTIC,
            "not enough rows per class: 1 of 3 training rows have \"y\" = \"a\", and there must be 2",
        ),
        (
            "x,y\n1,a\n2,b\n3,c\n4,a\n",
            "[train]\ntrainer = \"logistic\"\nthreshold = 0.3\n",
            "train.threshold = 0.3 is for two classes, and \"y\" has 3; leave it out",
        ),
        (
            "x,y\n1,a\n2,b\n3,b\n4,a\n",
            "[train]\ntrainer = \"logistic\"\npositive = \"c\"\n",
            "train.positive = \"c\" is no class",
        ),
        (
            "x,y\n1,a\n2,a\n3,b\n4,b\n5,b\n",
            "[train]\ntrainer = \"logistic\"\n",
            "the terms separate the classes perfectly",
        ),
        (
            "x,y\n1,7\n2,7\n3,7\n4,7\n",
            LEAST,
            "is 7 in all training rows: there is nothing to learn",
        ),
        (
            "x,z,w,y\n1,0,2,1\n2,1,4,2\n3,5,9,3\n4,2,7,1\n5,0,6,2\n9,9,9,9\n",
            LEAST,
            "the coefficients are not unique",
        ),
        (
            "x,Y\n1,2\n",
            LEAST,
            "/e.csv:1: no column \"y\", which is the target; the file has: x, Y; is \"Y\" meant?",
        ),
        ("x,y\n1,2\n2,3,4\n", LEAST, "/e.csv:3: 3 fields instead of 2"),
        ("x,y\n", LEAST, "it has no rows below the header"),
        (
            "x,y\n1,2\n",
            LEAST,
            "the last 1 rows are to be kept from training, but there are 1",
        ),
        (
            "1,2\n2,3\n",
            LEAST,
            "/e.csv:1: the first line has values, not the names of the columns",
        ),
        ("y\n1\n2\n", LEAST, "it has no features beside the target"),
        ("x,y\ninf,2\n2,3\n4,4\n", LEAST, "feature \"x\" is infinite in row 1"),
        (
            "x,z,y\n,1,2\n,2,3\n,4,4\n,5,1\n",
            LEAST,
            "feature \"x\" has no value in any training row",
        ),
        ("x;y\n1;2\n2;3\n", LEAST, "no column \"y\""),
    ] {
        let error = train_on(csv, keys).map(|(_, fitted)| fitted.artifact).unwrap_err();
        assert!(error.contains(said), "{csv}\n{error}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_told() {
    let more = [(
        "data.target_file".to_string(),
        Value::from(shipped("config/diabetes/y_test.csv").to_str().unwrap()),
    )];
    let error = fit(&diabetes(&[]).with(&more).unwrap()).unwrap_err();
    assert!(
        error.contains("it has 422 rows, but") && error.contains("y_test.csv has 20"),
        "{error}"
    );
    let gone = [("data.target_file".to_string(), Value::from("no/such.csv"))];
    let error = fit(&diabetes(&[]).with(&gone).unwrap()).unwrap_err();
    assert!(error.contains("no/such.csv: can't open it"), "{error}");
}

pub struct Output {
    pub output: String,
    pub rejects: String,
}

/// As the worker would: the artifact's bytes, the raw CSV.
pub fn score(fitted: &Fitted, csv: &str) -> Output {
    let model = Model::parse(Format::Pipeline, &fitted.artifact.serialise()).unwrap();
    let shape = Shape {
        encoding: Encoding::UTF_8,
        header: Header::Present,
        dialect: Dialect::plain(b','),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::ALL),
        columns: Columns::Prediction,
        probabilities: true,
        ..Shape::FROZEN
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let run = Run::default();
    let done = transform::transform::transform(
        csv.as_bytes(),
        &Scorer::new(Lineup::alone(Arc::new(model)), shape),
        &mut out,
        &mut rejects,
        &run,
    );
    assert!(done.is_ok(), "{done:?}");
    Output {
        output: String::from_utf8(out).unwrap(),
        rejects: String::from_utf8(rejects).unwrap(),
    }
}

#[test]
fn a_yes_no_target_gives_labels_and_probabilities() {
    let pipeline = over(
        "classes.csv",
        "train = { trainer = \"logistic\", alpha = 1, threshold = 0.4 }",
    );
    let (dataset, fitted) = fit(&pipeline).unwrap();
    assert_eq!(dataset.classes, Some(vec!["no".into(), "yes".into()]));
    let csv = fs::read_to_string(fixture("classes.csv")).unwrap();
    let output = score(&fitted, &csv).output;
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("prediction,probability_no,probability_yes"));
    for (line, p) in lines.zip(&fitted.test.predictions.predicted) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[2].parse::<f64>().unwrap(), *p);
        assert_eq!(cells[0], if *p >= 0.4 { "yes" } else { "no" });
    }
    let swapped = pipeline.with(&[("train.positive".into(), "no".into())]).unwrap();
    let (dataset, other) = fit(&swapped).unwrap();
    assert_eq!(dataset.classes, Some(vec!["yes".into(), "no".into()]));
    close(other.artifact.intercepts[0], -fitted.artifact.intercepts[0], 1e-9);
}
