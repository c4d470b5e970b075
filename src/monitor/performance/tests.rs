//! Held against what NannyML publishes of its own data: `tests/fixtures/monitor`.

use super::*;
use serde_json::Value;
use std::path::Path;

/// Rows of a fixture that have the same scores, prediction and label.
struct Counted {
    period: String,
    part: usize,
    scores: Vec<f64>,
    predicted: usize,
    label: usize,
    count: u64,
}

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/monitor");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn counted(name: &str) -> Vec<Counted> {
    let class = |text: &str| match text {
        "highstreet" => 0,
        "prepaid" => 1,
        "upmarket" => 2,
        number => number.parse::<f64>().unwrap() as usize,
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [period, part, scores @ .., predicted, label, count] = &cells[..] else {
            panic!("{line}")
        };
        Counted {
            period: (*period).into(),
            part: part.parse().unwrap(),
            scores: scores.iter().map(|score| score.parse().unwrap()).collect(),
            predicted: class(predicted),
            label: class(label),
            count: count.parse().unwrap(),
        }
    };
    text(name).lines().skip(1).map(row).collect()
}

/// Scores by class, predictions, labels.
type Rows = (Vec<Vec<f64>>, Vec<usize>, Vec<usize>);

fn rows<'a>(counted: impl Iterator<Item = &'a Counted>) -> Rows {
    let mut rows: Rows = Default::default();
    for row in counted {
        rows.0.resize(row.scores.len(), vec![]);
        for _ in 0..row.count {
            rows.0
                .iter_mut()
                .zip(&row.scores)
                .for_each(|(scores, score)| scores.push(*score));
            rows.1.push(row.predicted);
            rows.2.push(row.label);
        }
    }
    rows
}

fn slices(scores: &[Vec<f64>]) -> Vec<&[f64]> {
    scores.iter().map(Vec::as_slice).collect()
}

fn reference(counted: &[Counted]) -> Reference {
    let (scores, predicted, labels) = rows(counted.iter().filter(|row| row.period == "reference"));
    let reference = Reference::of(&slices(&scores), &predicted, &labels).unwrap();
    assert!(reference.is_sound());
    // What is written can be read, to the bit.
    let text = serde_json::to_string(&reference).unwrap();
    assert_eq!(serde_json::from_str::<Reference>(&text).unwrap(), reference);
    reference
}

fn part(counted: &[Counted], part: usize) -> impl Iterator<Item = &Counted> {
    counted
        .iter()
        .filter(move |row| row.period == "analysis" && row.part == part)
}

fn said(row: &Counted) -> Row<'_> {
    Row {
        scores: &row.scores,
        predicted: row.predicted,
        weight: row.count,
    }
}

fn tallies<'a>(reference: &Reference, rows: impl Iterator<Item = Row<'a>>) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = reference
        .classes
        .iter()
        .map(|class| Tally::with_bins(class.bins()))
        .collect();
    for row in rows {
        for (class, tally) in tallies.iter_mut().enumerate() {
            let called = row.predicted == reference::class_name(row.scores.len(), class);
            let counts = if called { &mut tally.called } else { &mut tally.other };
            counts[reference.classes[class].bin(row.scores[class])] += row.weight;
        }
    }
    tallies
}

fn close(a: f64, b: f64, most: f64, what: impl std::fmt::Display) {
    assert!((a - b).abs() <= most, "{what}: {a} {b}");
}

/// What the contract says, and all of NannyML's figures of all ten parts.
#[test]
fn published_figures_of_the_car_loans() {
    let counted = counted("car_loan.csv");
    let reference = reference(&counted);
    let published: Value = serde_json::from_str(&text("published.json")).unwrap();
    let published = &published["car_loan"];
    assert_eq!(reference.classes[0].calibration.is_some(), published["calibrated"][0]);
    for (i, published) in published["parts"].as_array().unwrap().iter().enumerate() {
        let exact = reference.estimate(part(&counted, i).map(said));
        let coarse = reference.estimate_tallies(&tallies(&reference, part(&counted, i).map(said)));
        let (scores, predicted, labels) = rows(part(&counted, i));
        let came_true = realised(&slices(&scores), &predicted, &labels);
        for metric in METRICS {
            let what = format!("{} of part {i}", metric.name());
            let figure = |name: &str| published[metric.name()][name].as_f64().unwrap();
            // They don't pool tied scores.
            let most = if metric == Metric::RocAuc { 5e-6 } else { 1e-8 };
            let estimate = exact.get(metric).unwrap().unwrap();
            close(estimate.value, figure("value"), most, &what);
            // That of AUC theirs takes from the order in which tied rows happen to come.
            let most = if metric == Metric::RocAuc { 1e-5 } else { 1e-8 };
            close(estimate.error.unwrap(), figure("sampling_error"), most, &what);
            // A few different scores have a bin each.
            let tallied = coarse.get(metric).unwrap().unwrap();
            close(tallied.value, estimate.value, 1e-12, &what);
            close(came_true.value(metric).unwrap(), figure("realized"), 1e-12, &what);
            let (lower, upper) = reference.bounds(metric, 5_000).unwrap();
            close(lower, figure("lower_threshold"), 1e-9, &what);
            close(upper, figure("upper_threshold"), 1e-9, &what);
            assert_eq!(estimate.value < lower || estimate.value > upper, i >= 5, "{what}");
        }
    }
    for (i, values, true_values) in [
        (0, [0.941792, 0.943030, 0.970744], [0.9422, 0.970962]),
        (5, [0.910714, 0.911753, 0.961090], [0.9146, 0.960050]),
    ] {
        let estimates = reference.estimate(part(&counted, i).map(said));
        let (scores, predicted, labels) = rows(part(&counted, i));
        let came_true = realised(&slices(&scores), &predicted, &labels);
        close(estimates.accuracy.unwrap().value, values[0], 1e-6, "accuracy");
        close(estimates.f1.unwrap().value, values[1], 1e-6, "F1");
        close(estimates.roc_auc.unwrap().value, values[2], 5e-6, "AUC");
        close(
            estimates.accuracy.unwrap().error.unwrap(),
            0.00326140,
            1e-8,
            "accuracy's error",
        );
        close(estimates.f1.unwrap().error.unwrap(), 0.00643972, 1e-8, "F1's error");
        close(estimates.roc_auc.unwrap().error.unwrap(), 0.00181, 5e-6, "AUC's error");
        close(came_true.accuracy.unwrap(), true_values[0], 1e-6, "realised accuracy");
        close(came_true.roc_auc.unwrap(), true_values[1], 1e-6, "realised AUC");
    }
    for (metric, lower, upper) in [
        (Metric::Accuracy, 0.935859, 0.951421),
        (Metric::RocAuc, 0.963317, 0.978660),
    ] {
        let bounds = reference.bounds(metric, 5_000).unwrap();
        close(bounds.0, lower, 1e-6, metric.name());
        close(bounds.1, upper, 1e-6, metric.name());
        // Fewer rows wander farther, more rows don't wander less.
        assert!(reference.bounds(metric, 1_250).unwrap().0 < bounds.0 - 0.9 * (bounds.1 - bounds.0) / 2.0);
        assert_eq!(reference.bounds(metric, 50_000), Some(bounds));
    }
}

/// NannyML's own test of its confusion matrix.
#[test]
fn published_confusion_of_the_sample() {
    let counted = counted("sample.csv");
    let reference = reference(&counted);
    let mut confusion = Confusion::<f64>::default();
    for row in counted.iter().filter(|row| row.period == "analysis" && row.part < 2) {
        let share = reference.shares(&row.scores)[0];
        let (yes, no) = match row.predicted {
            1 => (&mut confusion.true_yes, &mut confusion.false_yes),
            _ => (&mut confusion.false_no, &mut confusion.true_no),
        };
        *yes += share * row.count as f64;
        *no += (1.0 - share) * row.count as f64;
    }
    close(confusion.true_yes, 9488.9641, 1e-4, "TP");
    close(confusion.false_yes, 567.0359, 1e-4, "FP");
    close(confusion.true_no, 9468.1079, 1e-4, "TN");
    close(confusion.false_no, 475.8921, 1e-4, "FN");
}

/// Each of three classes against the rest.
#[test]
fn published_figures_of_the_cards() {
    let counted = counted("cards.csv");
    let reference = reference(&counted);
    let published: Value = serde_json::from_str(&text("published.json")).unwrap();
    let published = &published["cards"];
    for (i, class) in reference.classes.iter().enumerate() {
        assert_eq!(class.calibration.is_some(), published["calibrated"][i], "{i}");
    }
    let published = &published["parts"][0];
    let exact = reference.estimate(part(&counted, 0).map(said));
    let coarse = reference.estimate_tallies(&tallies(&reference, part(&counted, 0).map(said)));
    let (scores, predicted, labels) = rows(part(&counted, 0));
    let came_true = realised(&slices(&scores), &predicted, &labels);
    for metric in METRICS {
        let what = metric.name();
        let figure = |name: &str| published[what][name].as_f64().unwrap();
        let estimate = exact.get(metric).unwrap().unwrap();
        close(estimate.value, figure("value"), 5e-5, what);
        close(came_true.value(metric).unwrap(), figure("realized"), 1e-9, what);
        close(coarse.get(metric).unwrap().unwrap().value, estimate.value, 5e-3, what);
        if metric != Metric::F1 {
            // Theirs lacks, for several classes only, the factor that makes rows' contributions to F1.
            close(estimate.error.unwrap(), figure("sampling_error"), 2e-5, what);
        }
    }
}

/// A score that is continuous, and a model that is sure of too much; labels by a fixed sequence.
fn continuous(n: usize, shift: f64) -> Rows {
    let uniform = |i: usize, step: f64| (i as f64 * step).fract();
    let scores: Vec<f64> = (0..n).map(|i| uniform(i, 0.618_033_988_75).powf(shift)).collect();
    let share = |score: f64| 0.15 + 0.7 * score * score;
    let labels = (0..n)
        .map(|i| usize::from(uniform(i, 0.754_877_666_2) < share(scores[i])))
        .collect();
    let predicted = scores.iter().map(|&score| usize::from(score >= 0.6)).collect();
    (vec![scores], predicted, labels)
}

/// Counts in 200 bins say what the rows say, to 0.0005; also where the scores are distributed otherwise than in the reference.
#[test]
fn counts_say_what_rows_say() {
    let (scores, predicted, labels) = continuous(20_000, 1.0);
    let reference = Reference::of(&slices(&scores), &predicted, &labels).unwrap();
    assert!(reference.classes[0].calibration.is_some() && reference.classes[0].bins() == 200);
    for shift in [1.0, 0.5, 2.0] {
        let (scores, predicted, labels) = continuous(5_000, shift);
        let scores: Vec<[f64; 1]> = scores[0].iter().map(|&score| [score]).collect();
        let rows = || {
            scores.iter().zip(&predicted).map(|(scores, &predicted)| Row {
                scores,
                predicted,
                weight: 1,
            })
        };
        let exact = reference.estimate(rows());
        let coarse = reference.estimate_tallies(&tallies(&reference, rows()));
        let by_class: Vec<f64> = scores.iter().map(|score| score[0]).collect();
        let came_true = realised(&[&by_class], &predicted, &labels);
        for metric in METRICS {
            let (exact, coarse) = (
                exact.get(metric).unwrap().unwrap(),
                coarse.get(metric).unwrap().unwrap(),
            );
            close(exact.value, coarse.value, 5e-4, format!("{} {shift}", metric.name()));
            // And what comes true, within the band.
            let (lower, upper) = exact.band.unwrap();
            let value = came_true.value(metric).unwrap();
            assert!(
                lower <= value && value <= upper,
                "{} {shift}: {value} {exact:?}",
                metric.name()
            );
        }
    }
}

#[test]
fn what_is_undefined_has_no_figure() {
    let (scores, _, labels) = continuous(200, 1.0);
    // Nothing is ever called yes.
    let reference = Reference::of(&slices(&scores), &[0; 200], &labels).unwrap();
    assert_eq!(
        (reference.deviations.precision, reference.bounds(Metric::Precision, 9)),
        (None, None)
    );
    let none: [Row; 0] = [];
    assert_eq!(reference.estimate(none), Figures::default());
    let empty = [Tally::with_bins(reference.classes[0].bins())];
    assert_eq!(reference.estimate_tallies(&empty), Figures::default());
    let row = Row {
        scores: &[0.25],
        predicted: 0,
        weight: 1,
    };
    let one = reference.estimate([row]);
    assert!(one.accuracy.is_some() && one.precision.is_none() && one.recall.is_some());
    // A score that isn't a number counts as no row.
    let no_number = Row {
        scores: &[f64::NAN],
        ..row
    };
    assert_eq!(reference.estimate([row, no_number]), one);
    // One class only came true.
    let reference = Reference::of(&slices(&scores), &[0; 200], &[0; 200]).unwrap();
    assert_eq!((reference.deviations.roc_auc, reference.chunks[0].recall), (None, None));
    assert_eq!(Reference::of(&[&scores[0][..99]], &[0; 99], &labels[..99]), None);
}

#[test]
fn a_score_without_variety_has_one_bin() {
    let reference = Reference::of(&[&[0.5; 300]], &[1; 300], &[1; 300]).unwrap();
    assert_eq!((reference.classes[0].bins(), reference.classes[0].bin(7.0)), (1, 0));
    assert!(reference.is_sound());
}
