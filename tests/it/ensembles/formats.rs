//! Members of several formats, and of ONNX models, whose rows and texts are their own.

use crate::onnx::library;
use crate::spool::Spool;
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

/// The cells of an output, without its header; an empty one is a bad row.
fn numbers(output: &str) -> Vec<Vec<Option<f64>>> {
    let cell = |cell: &str| cell.parse().ok();
    output
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(cell).collect())
        .collect()
}

/// XGBoost's own predictions are its library's; those of the ONNX model are its version's, which `parity` holds against ONNX
/// Runtime.
#[test]
fn formats_mix_and_each_member_predicts_as_it_does_alone() {
    let Some(library) = library() else { return };
    let spool = Spool::without_model()
        .set(&format!("models.onnxruntime={}", library.to_str().unwrap()))
        .set("input.max_bad_rows=100%");
    spool
        .register_file(fixture("xgboost-3.2.0/squarederror.json"), "xgboost", &[])
        .exits(0);
    spool
        .register_file(fixture("onnx-skl2onnx-1.20.0/linear.onnx"), "onnx", &[])
        .exits(0);
    spool.register(r#"{"features":["f3","f1"],"coefficients":[0.5,-2],"intercept":10}"#);
    let rows = fs::read_to_string(fixture("codes.csv")).unwrap();
    spool.drop_file("rows.csv", &rows);
    let alone = |version: u32| {
        spool.approve(version);
        spool.once().exits(0);
        numbers(&spool.output("rows.csv").unwrap())
    };
    let (boosted, onnx, line) = (alone(1), alone(2), alone(3));
    let theirs = numbers(&fs::read_to_string(fixture("xgboost-3.2.0/squarederror.csv")).unwrap());
    for (args, combine) in [
        (
            &["--weights", "0.5,0.3,0.2"][..],
            (|x: [f64; 3]| 0.5 * x[0] + 0.3 * x[1] + 0.2 * x[2]) as fn([f64; 3]) -> f64,
        ),
        (&[], |x| (x[0] + x[1] + x[2]) / 3.0),
        (&["--combine", "median"], |mut x| {
            x.sort_by(f64::total_cmp);
            x[1]
        }),
    ] {
        spool
            .run(&[&["models", "ensemble", "1", "2", "3", "--approve"], args].concat())
            .exits(0);
        spool.once().exits(0);
        let found = numbers(&spool.output("rows.csv").unwrap());
        assert_eq!(found.len(), 120);
        let (mut good, mut bad) = (0, 0);
        for (row, found) in found.iter().enumerate() {
            let own = (boosted[row][0], onnx[row][0], line[row][0]);
            match (own, found[0]) {
                ((Some(a), Some(b), Some(c)), Some(found)) => {
                    assert!((a - theirs[row][0].unwrap()).abs() <= 1e-6 * a.abs());
                    // These two are singles, written with as many digits as tell them apart.
                    let expected = combine([f64::from(a as f32), f64::from(b as f32), c]);
                    assert!(
                        (found - expected).abs() <= 1e-12 * expected.abs(),
                        "row {row}: {found}, not {expected}"
                    );
                    good += 1;
                }
                // What one of them can't score the ensemble doesn't: XGBoost takes a missing value, the others don't.
                ((_, None, _) | (_, _, None), None) => bad += 1,
                other => panic!("row {row}: {other:?}"),
            }
        }
        assert!(good > 50 && bad > 10, "{good} and {bad}");
        let rejects = spool.rejects("rows.csv").unwrap();
        assert!(rejects.contains("2,f0,missing value,"), "{rejects}");
    }
    spool
        .run(&["models", "show", "4"])
        .exits(0)
        .says("f0: float32\n")
        .says("f4: float32, may be missing")
        .says("member-2.onnx");
    // Its library is a member's, too.
    spool
        .run(&["--once", "--set", "models.onnxruntime=/absent"])
        .exits(64)
        .says("member-2.onnx");
}

#[test]
fn classes_are_the_mean_of_probabilities_whatever_their_order() {
    let Some(library) = library() else { return };
    let spool = Spool::without_model()
        .set(&format!("models.onnxruntime={}", library.to_str().unwrap()))
        .set("output.probabilities=true");
    // `network` and `classes` have high, low and mid in this order.
    spool
        .register_file(fixture("onnx-skl2onnx-1.20.0/classes.onnx"), "onnx", &[])
        .exits(0);
    spool
        .register_file(fixture("onnx-skl2onnx-1.20.0/bayes.onnx"), "onnx", &[])
        .exits(0);
    spool
        .register_file(fixture("onnx-skl2onnx-1.20.0/boosted.onnx"), "onnx", &[])
        .exits(0);
    spool
        .run(&["models", "ensemble", "1", "3"])
        .exits(64)
        .says("versions 1 and 3 don't have the same classes")
        .says("--class-names");
    spool
        .run(&["models", "ensemble", "1", "2", "--weights", "1,3", "--approve"])
        .exits(0);
    spool.drop_file(
        "rows.csv",
        fs::read_to_string(fixture("onnx-skl2onnx-1.20.0/classes.in.csv")).unwrap(),
    );
    spool.once().exits(0).says("60 rows");
    let output = spool.output("rows.csv").unwrap();
    // Labels have commas: the probabilities are the last three cells.
    let read = |text: &str| -> Vec<(String, Vec<f64>)> {
        let row = |line: &str| {
            let cells: Vec<&str> = line.rsplitn(4, ',').collect();
            (
                cells[3].to_string(),
                cells[..3].iter().rev().map(|cell| cell.parse().unwrap()).collect(),
            )
        };
        text.lines().skip(1).map(row).collect()
    };
    let theirs = |name: &str| read(&fs::read_to_string(fixture(&format!("onnx-skl2onnx-1.20.0/{name}.csv"))).unwrap());
    let (forest, bayes) = (theirs("classes"), theirs("bayes"));
    let names = ["high", "low", "\"mid, so to say\""];
    for (row, (label, found)) in read(&output).iter().enumerate() {
        let expected: Vec<f64> = (0..3)
            .map(|class| 0.25 * forest[row].1[class] + 0.75 * bayes[row].1[class])
            .collect();
        let greatest = (0..3).max_by(|a, b| expected[*a].total_cmp(&expected[*b])).unwrap();
        assert_eq!(label, names[greatest], "row {row}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "row {row}: {found}, not {expected}");
        }
    }
}

/// One knows a text with a space in front, the other in another form of Unicode: each gets what it gets alone.
#[test]
fn texts_reach_each_member_in_the_form_that_it_knows() {
    let Some(library) = library() else { return };
    let spool = Spool::without_model()
        .set(&format!("models.onnxruntime={}", library.to_str().unwrap()))
        .set("output.probabilities=true");
    for category in [" \u{f6}l", "o\u{308}l"] {
        // As long as the name of the city that it takes the place of.
        let mut model = fs::read(fixture("onnx-skl2onnx-1.20.0/columns.onnx")).unwrap();
        let places: Vec<usize> = (0..model.len() - 4)
            .filter(|&at| &model[at..at + 4] == b"Oslo")
            .collect();
        places
            .into_iter()
            .for_each(|at| model[at..at + 4].copy_from_slice(category.as_bytes()));
        fs::write(spool.path("m.onnx"), model).unwrap();
        spool
            .register_file("m.onnx", "onnx", &["--class-names", "no,yes"])
            .exits(0);
    }
    let cells = [
        "\u{f6}l",
        " \u{f6}l",
        "o\u{308}l",
        " o\u{308}l",
        "Lima",
        " Lima",
        "Bern",
        "",
    ];
    let rows = cells.map(|city| format!("0.5,{city},1\n")).concat();
    spool.drop_file("a.csv", format!("x,city,count\n{rows}"));
    let by = |version: u32| -> Vec<f64> {
        spool.approve(version);
        spool.once().exits(0);
        let output = spool.output("a.csv").unwrap();
        output
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
            .collect()
    };
    let (spaced, decomposed) = (by(1), by(2));
    // They tell the cells apart otherwise, or this would show nothing.
    assert!(spaced[0] != spaced[1] && decomposed[0] == decomposed[1] && spaced[4] != spaced[6]);
    spool.run(&["models", "ensemble", "1", "2"]).exits(0);
    for (row, found) in by(3).iter().enumerate() {
        let expected = (f64::from(spaced[row] as f32) + f64::from(decomposed[row] as f32)) / 2.0;
        assert!(
            (found - expected).abs() < 1e-12,
            "{:?}: {found}, not {expected}",
            cells[row]
        );
    }
}

/// A row that ONNX Runtime refuses in one member, and that the other takes.
#[test]
fn a_row_that_a_member_refuses_is_a_bad_row_with_the_members_reason() {
    let Some(library) = library() else { return };
    let spool = Spool::without_model()
        .set(&format!("models.onnxruntime={}", library.to_str().unwrap()))
        .set("input.max_bad_rows=100%");
    spool
        .register_file(fixture("onnx-skl2onnx-1.20.0/strict.onnx"), "onnx", &[])
        .exits(0);
    spool.register(r#"{"features":["x"],"coefficients":[1],"intercept":0}"#);
    let rows = fs::read_to_string(fixture("onnx-skl2onnx-1.20.0/strict.in.csv")).unwrap();
    spool.drop_file("rows.csv", &rows);
    let mut bad = Vec::new();
    for version in [1, 3] {
        if version == 3 {
            spool.run(&["models", "ensemble", "1", "2"]).exits(0);
        }
        spool.approve(version);
        spool.once().exits(0);
        let output = spool.output("rows.csv").unwrap();
        bad.push(numbers(&output).iter().map(|row| row[0].is_none()).collect::<Vec<_>>());
    }
    assert_eq!(bad[0], bad[1]);
    assert!(bad[0].contains(&true) && bad[0].contains(&false));
    let rejects = spool.rejects("rows.csv").unwrap();
    assert!(rejects.contains("the model refuses it: version 1: "), "{rejects}");
}
