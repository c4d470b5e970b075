//! Metrics against scikit-learn, against their definitions, and where they have none.

use super::*;
use proptest::prelude::*;
use std::path::Path;

pub(super) fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evaluation");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Columns `actual` and `predicted`.
fn pairs(name: &str) -> (Vec<f64>, Vec<f64>) {
    let text = fixture(name);
    let fields = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
    fields
        .map(|(actual, predicted)| (actual.parse::<f64>().unwrap(), predicted.parse::<f64>().unwrap()))
        .unzip()
}

fn evaluate(task: Task, actual: &[f64], predicted: &[f64]) -> Evaluation {
    Evaluation::of(task, &Examples::plain(actual, predicted), 1)
}

fn yes_no(threshold: f64) -> Task {
    Task::Classification { threshold }
}

pub(super) fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * expected.abs()
}

fn equals(found: &Evaluation, expected: &Value) {
    for score in &found.scores {
        let (found, expected) = (score.value.unwrap(), expected[score.metric.name()].as_f64().unwrap());
        assert!(
            near(found, expected),
            "{}: {found}, scikit-learn: {expected}",
            score.metric.name()
        );
    }
}

#[test]
fn metrics_equal_scikit_learns() {
    let expected: Value = serde_json::from_str(&fixture("expected.json")).unwrap();
    for name in ["diabetes", "regression"] {
        let (actual, predicted) = pairs(&format!("{name}.csv"));
        equals(&evaluate(Task::Regression, &actual, &predicted), &expected[name]);
    }
    let (actual, predicted) = pairs("yes_no.csv");
    for expected in expected["yes_no"].as_array().unwrap() {
        let found = evaluate(yes_no(expected["threshold"].as_f64().unwrap()), &actual, &predicted);
        equals(&found, expected);
        let counts = found.json()["confusion"].clone();
        for (name, count) in counts.as_object().unwrap() {
            assert_eq!(*count, expected[name], "{name}");
        }
    }
}

#[test]
fn the_reference_figures_come_out() {
    let (actual, predicted) = pairs("diabetes.csv");
    let json = evaluate(Task::Regression, &actual, &predicted).json();
    let value = |metric: &str| json["regression_metrics"][metric]["value"].as_f64().unwrap();
    assert!(near(value("r2"), 0.47232866977966736));
    assert!(near(value("mse"), 2549.2646237072627));
}

#[test]
fn degenerate_rows_leave_metrics_undefined() {
    let values = |task, actual: &[f64], predicted: &[f64]| {
        let evaluation = evaluate(task, actual, predicted);
        evaluation.scores.iter().map(|score| score.value).collect::<Vec<_>>()
    };
    // A constant target: no R2, though all is predicted. 0.1 has no exact mean.
    assert_eq!(
        values(Task::Regression, &[0.1; 3], &[0.1; 3]),
        [None, Some(0.0), Some(0.0), Some(0.0)]
    );
    assert_eq!(
        values(Task::Regression, &[7.0], &[6.0]),
        [None, Some(1.0), Some(1.0), Some(1.0)]
    );
    assert_eq!(values(Task::Regression, &[], &[]), [None; 4]);
    assert_eq!(values(Task::Regression, &[1.0, 2.0], &[1.0, f64::INFINITY]), [None; 4]);
    assert_eq!(values(Task::Regression, &[1.0, f64::NAN], &[1.0, 1.0]), [None; 4]);

    let half = Some(-(0.5f64.ln()));
    // [roc_auc, log_loss, precision, recall, f1, accuracy]
    let one_class = values(yes_no(0.5), &[1.0, 1.0], &[0.5, 0.5]);
    assert_eq!(one_class, [None, half, Some(1.0), Some(1.0), Some(1.0), Some(1.0)]);
    let none_called = values(yes_no(0.6), &[1.0, 0.0], &[0.5, 0.5]);
    assert_eq!(none_called, [Some(0.5), half, None, Some(0.0), Some(0.0), Some(0.5)]);
    let no_yes_at_all = values(yes_no(0.6), &[0.0, 0.0], &[0.5, 0.5]);
    assert_eq!(no_yes_at_all, [None, half, None, None, None, Some(1.0)]);
    assert_eq!(values(yes_no(0.5), &[], &[]), [None; 6]);
    assert_eq!(values(yes_no(0.5), &[1.0, 0.0], &[f64::NAN, 0.0]), [None; 6]);
}

#[test]
fn a_certainty_that_failed_costs_much_but_not_everything() {
    let evaluation = evaluate(yes_no(0.5), &[1.0], &[0.0]);
    assert!(near(evaluation.metric("log_loss").unwrap(), -(f64::EPSILON.ln())));
}

#[test]
fn json_has_stable_keys() {
    let (actual, predicted) = pairs("diabetes.csv");
    let approved = Predictions::plain(vec![150.0; 20]);
    let examples = Examples::plain(&actual, &predicted);
    let json = Comparison::of(
        Task::Regression,
        &examples,
        &[152.1],
        Some(Opponent {
            version: "diabetes/1",
            task: Task::Regression,
            predictions: &approved,
        }),
        &[],
        1,
    )
    .json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&json), "approved baseline format_version regression_metrics rows");
    assert_eq!(keys(&json["baseline"]), "prediction regression_metrics rows");
    assert_eq!(keys(&json["approved"]), "difference regression_metrics rows version");
    for block in [&json, &json["baseline"], &json["approved"]] {
        assert_eq!(keys(&block["regression_metrics"]), "mae mse r2 rmse");
        assert_eq!(keys(&block["regression_metrics"]["mse"]), "interval value");
        assert_eq!(keys(&block["regression_metrics"]["mse"]["interval"]), "lower upper");
        assert_eq!(block["rows"], 20);
    }
    assert_eq!(json["baseline"]["prediction"], 152.1);
    assert_eq!(json["approved"]["version"], "diabetes/1");
    assert_eq!(keys(&json["approved"]["difference"]), "mae mse r2 rmse");
    assert_eq!(keys(&json["approved"]["difference"]["r2"]), "interval value");

    let (actual, predicted) = pairs("yes_no.csv");
    let examples = Examples::plain(&actual, &predicted);
    let json = Comparison::of(yes_no(0.5), &examples, &[0.3], None, &[], 1).json();
    assert_eq!(
        keys(&json),
        "approved baseline binary_classification_metrics confusion format_version rows threshold"
    );
    assert_eq!(
        keys(&json["binary_classification_metrics"]),
        "accuracy f1 log_loss precision recall roc_auc"
    );
    assert_eq!(json["approved"], Value::Null);
    assert_eq!(
        json["baseline"]["binary_classification_metrics"]["roc_auc"]["value"],
        0.5
    );
    // Never calls yes: no precision, said as null.
    let precision = &json["baseline"]["binary_classification_metrics"]["precision"];
    assert_eq!(*precision, json!({ "value": null, "interval": null }));
}

#[test]
fn what_was_written_of_an_evaluation_is_read() {
    for (name, task) in [("diabetes.csv", Task::Regression), ("yes_no.csv", yes_no(0.4))] {
        let (actual, predicted) = pairs(name);
        let evaluation = evaluate(task, &actual, &predicted);
        assert_eq!(Evaluation::of_json(&evaluation.json()), Some(evaluation));
    }
    assert_eq!(Evaluation::of_json(&json!({"rows": 3})), None);
}

#[test]
fn intervals_hold_their_values() {
    let (actual, predicted) = pairs("yes_no.csv");
    for score in evaluate(yes_no(0.5), &actual, &predicted).scores {
        let (value, Interval { lower, upper }) = (score.value.unwrap(), score.interval.unwrap());
        assert!(
            lower < value && value < upper,
            "{}: {lower} {value} {upper}",
            score.metric.name()
        );
    }
}

#[test]
fn the_baseline_of_its_own_rows_explains_nothing() {
    let (actual, predicted) = pairs("diabetes.csv");
    let mean = actual.iter().sum::<f64>() / actual.len() as f64;
    let examples = Examples::plain(&actual, &predicted);
    let comparison = Comparison::of(Task::Regression, &examples, &[mean], None, &[], 1);
    let r2 = comparison.baseline.evaluation.main();
    assert!(r2.value.unwrap().abs() < 1e-12);
    assert_eq!(r2.metric.show(r2.value.unwrap()), "0.0000");
}

/// Probabilities on a coarse grid, so that there are ties.
fn calls() -> impl Strategy<Value = Vec<(bool, u8)>> {
    prop::collection::vec((any::<bool>(), 0u8..12), 1..60)
}

proptest! {
    #[test]
    fn roc_auc_is_the_share_of_pairs_in_order(rows in calls()) {
        let actual: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.0))).collect();
        let predicted: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 12.0).collect();
        let (mut pairs, mut ordered) = (0.0, 0.0);
        for yes in rows.iter().filter(|row| row.0) {
            for no in rows.iter().filter(|row| !row.0) {
                pairs += 1.0;
                ordered += if yes.1 > no.1 { 1.0 } else if yes.1 == no.1 { 0.5 } else { 0.0 };
            }
        }
        let expected = (pairs > 0.0).then(|| ordered / pairs);
        let rows = Rows::new(yes_no(0.5), &Examples::plain(&actual, &predicted));
        prop_assert_eq!(rows.metrics(|_| 1)[0], expected);
    }

    /// What the bootstrap rests on.
    #[test]
    fn a_row_that_counts_twice_is_two_rows(rows in prop::collection::vec((any::<bool>(), 0u8..12, 0u32..4), 1..40)) {
        let repeated: Vec<(f64, f64)> = rows
            .iter()
            .flat_map(|row| vec![(f64::from(u8::from(row.0)), f64::from(row.1) / 12.0); row.2 as usize])
            .collect();
        for task in [Task::Regression, yes_no(0.5)] {
            let mut ordered = rows.clone();
            ordered.sort_by_key(|row| row.1);
            let single: (Vec<f64>, Vec<f64>) =
                ordered.iter().map(|row| (f64::from(u8::from(row.0)), f64::from(row.1) / 12.0)).unzip();
            let repeated: (Vec<f64>, Vec<f64>) = repeated.iter().copied().unzip();
            let metrics = |pairs: &(Vec<f64>, Vec<f64>), weight: &dyn Fn(usize) -> u32| {
                Rows::new(task, &Examples::plain(&pairs.0, &pairs.1)).metrics(weight)
            };
            let weighted = metrics(&single, &|row| ordered[row].2);
            let plain = metrics(&repeated, &|_| 1);
            for (weighted, plain) in weighted.iter().zip(&plain) {
                match (weighted, plain) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{} {}", a, b),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
