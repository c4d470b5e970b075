//! Figures of several classes against scikit-learn and against their definitions.

use super::*;
use crate::evaluate::rows::Rows;
use crate::evaluate::tests::{fixture, near};
use crate::evaluate::{Baseline, Comparison, Evaluation, Opponent, Predictions, Task};
use proptest::prelude::*;
use serde_json::Value;

/// What came true, and what was predicted: of four classes.
fn several() -> (Vec<f64>, Predictions) {
    let text = fixture("several.csv");
    let number = |field: &str| field.parse::<f64>().unwrap();
    let rows: Vec<Vec<f64>> = (text.lines().skip(1))
        .map(|line| line.split(',').map(number).collect())
        .collect();
    let column = |i: usize| rows.iter().map(|row| row[i]).collect::<Vec<f64>>();
    let predictions = Predictions {
        predicted: column(1),
        probabilities: (2..6).map(column).collect(),
    };
    (column(0), predictions)
}

/// The most probable of the first classes.
fn called(of: &Predictions, classes: usize) -> Vec<f64> {
    let given = |row: usize| move |class: usize| of.probabilities[class][row];
    let most = |row: usize| {
        (0..classes)
            .rev()
            .max_by(|&a, &b| given(row)(a).total_cmp(&given(row)(b)))
    };
    (0..of.predicted.len()).map(|row| most(row).unwrap() as f64).collect()
}

fn evaluate(classes: usize, actual: &[f64], of: &Predictions) -> Evaluation {
    Evaluation::of(Task::Multiclass { classes }, &of.beside(actual), 1)
}

fn equals(found: &Evaluation, expected: &Value, name: &str) {
    let same = |found: Option<f64>, expected: &Value, figure: &str| {
        let equal = match (found, expected.as_f64()) {
            (Some(found), Some(expected)) => near(found, expected),
            (found, expected) => found == expected,
        };
        assert!(equal, "{name}, {figure}: {found:?}, scikit-learn: {expected}");
    };
    for score in &found.scores {
        same(
            score.value,
            &expected["figures"][score.metric.name()],
            score.metric.name(),
        );
    }
    let by_class = serde_json::to_value(found.by_class.as_ref().unwrap()).unwrap();
    assert_eq!(by_class["confusion_matrix"], expected["confusion_matrix"], "{name}");
    let of_class = found.by_class.as_ref().unwrap().per_class.iter();
    for (class, expected) in of_class.zip(expected["per_class"].as_array().unwrap()) {
        same(class.precision, &expected["precision"], "precision");
        same(class.recall, &expected["recall"], "recall");
        same(class.f1, &expected["f1"], "f1");
        same(class.roc_auc, &expected["roc_auc"], "roc_auc");
        assert_eq!(class.support, expected["support"]);
    }
}

#[test]
fn figures_of_several_classes_equal_scikit_learns() {
    let expected: Value = serde_json::from_str(&fixture("expected.json")).unwrap();
    let (actual, of) = several();
    equals(&evaluate(4, &actual, &of), &expected["several"], "several");

    let never_called = Predictions {
        predicted: called(&of, 3),
        ..of.clone()
    };
    equals(
        &evaluate(4, &actual, &never_called),
        &expected["never_called"],
        "never_called",
    );

    let actual: Vec<f64> = actual.iter().map(|&y| if y >= 2.0 { 3.0 } else { y }).collect();
    let labels = of.predicted.iter().map(|&p| if p == 2.0 { 4.0 } else { p });
    let labels = Predictions::plain(labels.collect());
    equals(&evaluate(5, &actual, &labels), &expected["labels"], "labels");
}

#[test]
fn what_is_undefined_of_several_classes_has_no_value() {
    let names = |evaluation: &Evaluation| {
        let undefined = evaluation.scores.iter().filter(|score| score.value.is_none());
        undefined.map(|score| score.metric.name()).collect::<Vec<_>>()
    };
    let given = |predicted: &[f64]| {
        let one = |class: usize| {
            predicted
                .iter()
                .map(|&p| if p == class as f64 { 0.8 } else { 0.1 })
                .collect()
        };
        Predictions {
            predicted: predicted.to_vec(),
            probabilities: (0..3).map(one).collect(),
        }
    };
    // The third class never came true, and was never called: it is in no mean over calls.
    let two = evaluate(3, &[0.0, 1.0, 1.0], &given(&[0.0, 1.0, 0.0]));
    assert_eq!(names(&two), ["roc_auc_ovr"]);
    assert_eq!(two.metric("precision_macro"), Some(0.75));
    // It was called: it has no recall. By how often it came true it has no weight.
    let called = evaluate(3, &[0.0, 1.0, 1.0], &given(&[0.0, 1.0, 2.0]));
    assert_eq!(names(&called), ["recall_macro", "roc_auc_ovr"]);
    let nothing = evaluate(3, &[], &given(&[]));
    assert_eq!(names(&nothing).len(), 10);
    let mut nan = given(&[0.0, 1.0, 2.0]);
    nan.probabilities[2][0] = f64::NAN;
    assert_eq!(names(&evaluate(3, &[0.0, 1.0, 2.0], &nan)).len(), 10);
    // A certainty that failed.
    let failed = Predictions {
        predicted: vec![0.0],
        probabilities: vec![vec![1.0], vec![0.0], vec![0.0]],
    };
    let loss = evaluate(3, &[2.0], &failed).metric("log_loss").unwrap();
    assert!(near(loss, -(f64::EPSILON.ln())));
}

#[test]
fn the_baseline_of_several_classes_is_their_shares() {
    let (actual, of) = several();
    let task = Task::Multiclass { classes: 4 };
    let shares = Baseline::of(task, &actual);
    assert_eq!(shares, [94.0, 65.0, 28.0, 13.0].map(|n| n / 200.0));
    let comparison = Comparison::of(task, &of.beside(&actual), &shares, None, &["a", "b", "c", "d"], 1);
    let baseline = comparison.baseline.evaluation;
    // Always the first: its recall is 1, that of the others 0; the log loss is the entropy of the shares.
    assert_eq!(baseline.metric("accuracy"), Some(0.47));
    assert_eq!(baseline.metric("recall_macro"), Some(0.25));
    assert_eq!(baseline.metric("roc_auc_ovr"), Some(0.5));
    assert_eq!(baseline.metric("precision_macro"), None);
    let entropy: f64 = shares.iter().map(|share| -share * share.ln()).sum();
    assert!((baseline.metric("log_loss").unwrap() - entropy).abs() < 1e-12);
}

#[test]
fn json_of_several_classes_has_stable_keys_and_is_read() {
    let (actual, of) = several();
    let task = Task::Multiclass { classes: 4 };
    let opponent = Opponent {
        version: "irises/1",
        task,
        predictions: &of,
    };
    let shares = Baseline::of(task, &actual);
    let names = ["a", "b", "c", "d"];
    let comparison = Comparison::of(task, &of.beside(&actual), &shares, Some(opponent), &names, 1);
    let json = comparison.json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let own = "confusion_matrix multiclass_classification_metrics per_class";
    assert_eq!(
        keys(&json),
        "approved baseline classes confusion_matrix format_version multiclass_classification_metrics per_class rows"
    );
    assert_eq!(
        keys(&json["baseline"]),
        own.replace("per_class", "per_class prediction rows")
    );
    assert_eq!(json["classes"], serde_json::json!(names));
    assert_eq!(json["per_class"][3]["class"], "d");
    assert_eq!(json["approved"]["per_class"][1]["class"], "b");
    assert_eq!(json["baseline"]["prediction"][0], 0.47);
    assert_eq!(Evaluation::of_json(&json), Some(comparison.candidate.clone()));
    assert_eq!(
        Evaluation::of_json(&comparison.candidate.json()),
        Some(comparison.candidate)
    );
}

#[derive(Clone, Debug)]
struct Drawn {
    actual: u8,
    called: u8,
    /// Of three classes, coarse: there are ties.
    given: [u8; 3],
    times: u32,
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (0u8..3, 0u8..3, [0u8..5, 0u8..5, 0u8..5], 0u32..4);
    let one = one.prop_map(|(actual, called, given, times)| Drawn {
        actual,
        called,
        given,
        times,
    });
    prop::collection::vec(one, 1..40)
}

fn made(rows: &[Drawn]) -> (Vec<f64>, Predictions) {
    let probability = |class: usize| rows.iter().map(|row| f64::from(row.given[class]) / 8.0).collect();
    let predictions = Predictions {
        predicted: rows.iter().map(|row| f64::from(row.called)).collect(),
        probabilities: (0..3).map(probability).collect(),
    };
    (rows.iter().map(|row| f64::from(row.actual)).collect(), predictions)
}

/// By definition, pair by pair.
fn naive(rows: &[Drawn]) -> [Option<f64>; 10] {
    let n = rows.len() as f64;
    let count = |is: &dyn Fn(&Drawn) -> bool| rows.iter().filter(|row| is(row)).count() as f64;
    let each = |figure: &dyn Fn(u8) -> f64, weight: &dyn Fn(u8) -> f64| {
        let classes: Vec<u8> = (0..3).filter(|&k| weight(k) > 0.0).collect();
        let whole: f64 = classes.iter().map(|&k| weight(k)).sum();
        classes.iter().map(|&k| weight(k) * figure(k)).sum::<f64>() / whole
    };
    let support = |k: u8| count(&|row| row.actual == k);
    let seen = |k: u8| f64::from(u8::from(rows.iter().any(|row| row.actual == k || row.called == k)));
    let right = |k: u8| count(&|row| row.actual == k && row.called == k);
    let precision = |k: u8| right(k) / count(&|row| row.called == k);
    let recall = |k: u8| right(k) / support(k);
    let f1 = |k: u8| 2.0 * right(k) / (support(k) + count(&|row| row.called == k));
    let auc = |k: u8| {
        let (mut pairs, mut ordered) = (0.0, 0.0);
        for yes in rows.iter().filter(|row| row.actual == k) {
            for no in rows.iter().filter(|row| row.actual != k) {
                let (a, b) = (yes.given[usize::from(k)], no.given[usize::from(k)]);
                pairs += 1.0;
                ordered += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        ordered / pairs
    };
    let loss = |row: &Drawn| {
        let given = f64::from(row.given[usize::from(row.actual)]) / 8.0;
        -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    [
        each(&f1, &seen),
        each(&f1, &support),
        each(&precision, &seen),
        each(&precision, &support),
        each(&recall, &seen),
        each(&recall, &support),
        each(&auc, &|_| 1.0),
        each(&auc, &support),
        rows.iter().map(loss).sum::<f64>() / n,
        count(&|row| row.actual == row.called) / n,
    ]
    .map(|value| value.is_finite().then_some(value))
}

fn alike(found: &[Option<f64>], expected: &[Option<f64>]) -> Result<(), TestCaseError> {
    for (metric, (found, expected)) in Metric::MULTICLASS.iter().zip(found.iter().zip(expected)) {
        match (found, expected) {
            (Some(a), Some(b)) => prop_assert!(
                (a - b).abs() < 1e-9 * b.abs().max(1.0),
                "{}: {} {}",
                metric.name(),
                a,
                b
            ),
            (a, b) => prop_assert_eq!(a, b, "{}", metric.name()),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn figures_of_several_classes_are_their_definitions(rows in drawn()) {
        let (actual, of) = made(&rows);
        let task = Task::Multiclass { classes: 3 };
        alike(&Rows::new(task, &of.beside(&actual)).metrics(|_| 1), &naive(&rows))?;
    }

    /// What the bootstrap rests on; and what stands for more rows is made of those that were chosen.
    #[test]
    fn of_several_classes_a_row_that_counts_twice_is_two_rows(rows in drawn()) {
        let (actual, of) = made(&rows);
        let task = Task::Multiclass { classes: 3 };
        let ready = Rows::new(task, &of.beside(&actual));
        let repeated: Vec<Drawn> =
            rows.iter().flat_map(|row| vec![row.clone(); row.times as usize]).collect();
        alike(&ready.metrics(|row| rows[row].times), &naive(&repeated))?;

        let kept: Vec<Drawn> = rows.iter().filter(|row| row.times > 0).cloned().collect();
        let mut next = rows.iter();
        let few = ready.choose(|| next.next().unwrap().times > 0);
        prop_assert_eq!(few.len(), kept.len());
        alike(&few.metrics(|_| 1), &naive(&kept))?;
    }
}
