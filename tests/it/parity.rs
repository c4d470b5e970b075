//! Models of other libraries against what the libraries themselves predict (`tests/fixtures/models/make*.py`).

use crate::onnx::library;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use transform::model::{Declared, Format, Model};
use transform::onnxruntime;
use transform::score::{Lineup, Spelling};
use transform::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Run, Scorer, Shape, Share, transform};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models")
}

fn parse(path: &Path) -> Result<Model, String> {
    let library = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let format: Format = library.split('-').next().unwrap().parse().unwrap();
    Model::parse(format, &fs::read(path).unwrap()).map_err(|defect| defect.to_string())
}

/// All model files of the libraries whose folder begins with `library`.
fn artifacts(library: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|f| f.file_name().to_str().unwrap().starts_with(library));
    let mut all: Vec<PathBuf> = folders
        .flat_map(|f| fs::read_dir(f.path()).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|e| e != "csv" && e != "py"))
        .collect();
    all.sort();
    all
}

fn score(model: Model, input: &[u8]) -> String {
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
    transform(
        input,
        &Scorer::new(Lineup::alone(Arc::new(model)), shape),
        &mut out,
        &mut rejects,
        &run,
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

/// Predictions are within 1e-6 relative, probabilities within 1e-6; both empty in the same rows.
fn assert_same(ours: &str, theirs: &str, case: &Path) {
    assert_eq!(ours.lines().next(), theirs.lines().next(), "{case:?}");
    let names = fields(theirs.lines().next().unwrap());
    let records = |text: &str| -> Vec<Vec<String>> { text.lines().skip(1).map(fields).collect() };
    let (ours, theirs) = (records(ours), records(theirs));
    assert_eq!(ours.len(), theirs.len(), "{case:?}");
    for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours.len(), theirs.len(), "{case:?} row {row}");
        for (name, (a, b)) in names.iter().zip(ours.iter().zip(theirs)) {
            if a == b {
                continue;
            }
            let number = |text: &str| text.parse::<f64>();
            let (Ok(a), Ok(b)) = (number(a), number(b)) else {
                panic!("{case:?} row {row}: {name} is {a:?}, not {b:?}");
            };
            let bound = if name.starts_with("probability") {
                1e-6
            } else {
                1e-6 * b.abs()
            };
            assert!((a - b).abs() <= bound, "{case:?} row {row}: {name} is {a}, not {b}");
        }
    }
}

/// Of a line without quotes in quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

fn every_case_agrees(library: &str, cases: usize) {
    let mut scored = 0;
    for path in artifacts(library) {
        if path.file_name().unwrap().to_str().unwrap().starts_with("refused") {
            continue;
        }
        let model = parse(&path).unwrap_or_else(|defect| panic!("{path:?}: {defect}"));
        let named = model.signature().inputs[0].name == "x";
        let input = fixtures().join(if named { "rows.csv" } else { "codes.csv" });
        let mut model = model;
        if model.signature().inputs[0].name == "Column_0" {
            let names: Vec<String> = (0..6).map(|i| format!("f{i}")).collect();
            model
                .declare(&Declared {
                    feature_names: Some(names),
                    ..Declared::default()
                })
                .unwrap();
        }
        let theirs = fs::read_to_string(path.with_extension("csv")).unwrap();
        assert_same(&score(model, &fs::read(input).unwrap()), &theirs, &path);
        scored += 1;
    }
    assert_eq!(scored, cases);
}

#[test]
fn xgboost_models_predict_what_xgboost_does() {
    every_case_agrees("xgboost", 53);
}

#[test]
fn lightgbm_models_predict_what_lightgbm_does() {
    every_case_agrees("lightgbm", 25);
}

/// By the runtime that `make_onnx.py` and `make_quantised.py` used from Python, so nearly to the bit.
#[test]
fn onnx_models_predict_what_onnx_runtime_does() {
    let Some(library) = library() else { return };
    onnxruntime::configure(library);
    let mut scored = 0;
    for path in artifacts("onnx") {
        if path.file_name().unwrap().to_str().unwrap().starts_with("refused") {
            continue;
        }
        let model = parse(&path).unwrap_or_else(|defect| panic!("{path:?}: {defect}"));
        let input = fs::read(path.with_extension("in.csv")).unwrap();
        let theirs = fs::read_to_string(path.with_extension("csv")).unwrap();
        let ours = score(model, &input);
        assert_same(&ours, &theirs, &path);
        // A row's prediction doesn't depend on the rows beside it.
        let (header, rows) = std::str::from_utf8(&input).unwrap().split_once('\n').unwrap();
        for start in [0, 17, 40] {
            for count in [1, 2, 3, 19] {
                let part: Vec<&str> = rows.lines().skip(start).take(count).collect();
                let part = score(
                    parse(&path).unwrap(),
                    format!("{header}\n{}\n", part.join("\n")).as_bytes(),
                );
                let whole: Vec<&str> = ours.lines().skip(1 + start).take(count).collect();
                let part: Vec<&str> = part.lines().skip(1).collect();
                assert_eq!(part, whole, "{path:?}: {count} rows from {start}");
            }
        }
        scored += 1;
    }
    assert_eq!(scored, 35);
}

#[test]
fn what_can_not_be_scored_exactly_is_refused_by_name() {
    for (case, words) in [
        ("xgboost-3.2.0/refused-gblinear.json", "gblinear"),
        ("xgboost-3.2.0/refused-vector-leaves.json", "multi_output_tree"),
        ("xgboost-3.2.0/refused-multilabel.json", "multi-label"),
        ("xgboost-3.2.0/refused-beyond-ascii.json", "beyond ASCII"),
        ("lightgbm-4.7.0/refused-linear-tree.txt", "linear_tree"),
        ("onnx-skl2onnx-1.20.0/refused-fixed-rows.onnx", "fixed number of rows"),
        (
            "onnx-quantised-1.32.0/refused-dynamic.onnx",
            "(DynamicQuantizeLinear), so that a row's",
        ),
        ("onnx-quantised-1.32.0/refused-half-tensors.onnx", "keep_io_types=True"),
        ("onnx-quantised-1.32.0/refused-half-outputs.onnx", "keep_io_types=True"),
    ] {
        if case.starts_with("onnx") {
            let Some(library) = library() else { continue };
            onnxruntime::configure(library);
        }
        let defect = parse(&fixtures().join(case)).unwrap_err();
        assert!(defect.contains(words), "{case}: {defect}");
    }
}
