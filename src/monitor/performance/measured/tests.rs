use super::*;
use crate::evaluate::{Evaluation, Examples, Task};
use crate::monitor::labels::Labels;
use crate::monitor::performance::realised;
use proptest::prelude::*;

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(ToString::to_string).collect())
}

/// Probabilities of two decimals; yes from one half on, which is right more often than not.
fn yes_no(rows: std::ops::Range<usize>) -> Measured {
    let mut measured = Measured::nothing(names(&["no", "yes"]));
    let mut sexes = Segment::new("sex", "yes");
    let Measurement::Classes(classes) = &mut measured.outcomes else {
        unreachable!()
    };
    for (p, actual) in rows.map(row) {
        let called = usize::from(p >= 0.5);
        classes.count(called, actual, Some(&[1.0 - p, p]));
        sexes.count(["F", "M", ""][actual + called], called == 1, actual == 1);
    }
    measured.segments.push(sexes);
    measured
}

fn row(i: usize) -> (f64, usize) {
    let p = (i * 37 % 101) as f64 / 100.0;
    (p, usize::from(p + ((i * 53 % 97) as f64 / 97.0 - 0.5) > 0.5))
}

#[test]
fn sums_of_parts_are_those_of_all_rows_and_are_read_as_they_were_written() {
    let whole = yes_no(0..1_000);
    for cut in [0, 1, 400, 1_000] {
        let mut sum = yes_no(0..cut);
        assert!(sum.add(&yes_no(cut..1_000)));
        assert_eq!(sum, whole);
    }
    assert_eq!(Measured::of(&whole.bytes()), Some(whole.clone()));
    let mut numbers = Measured::nothing(None);
    assert!(!numbers.add(&whole));
    if let Measurement::Numbers(errors) = &mut numbers.outcomes {
        (0..50).for_each(|i| errors.count(f64::from(i), f64::from(i % 7)));
    }
    assert_eq!(Measured::of(&numbers.bytes()), Some(numbers.clone()));
    let mut other = Measured::nothing(names(&["yes", "no"]));
    assert!(!other.add(&whole) && other.rows() == 0);
    // What was cut short is no sum, wherever.
    for bytes in [whole.bytes(), numbers.bytes()] {
        assert!((0..bytes.len()).all(|end| Measured::of(&bytes[..end]).is_none()));
    }
}

#[test]
fn metrics_of_sums_are_those_of_the_rows() {
    let measured = yes_no(0..1_000);
    let Measurement::Classes(classes) = &measured.outcomes else {
        unreachable!()
    };
    let (predicted, actual): (Vec<f64>, Vec<f64>) = (0..1_000).map(row).map(|(p, y)| (p, y as f64)).unzip();
    let examples = Examples::plain(&actual, &predicted);
    let rows = Evaluation::of(Task::Classification { threshold: 0.5 }, &examples, 0);
    let sums = classes.evaluation(0.5).unwrap();
    assert_eq!(sums.confusion, rows.confusion);
    for (ours, theirs) in sums.scores.iter().zip(&rows.scores) {
        assert!(
            (ours.value.unwrap() - theirs.value.unwrap()).abs() < 1e-12,
            "{ours:?} {theirs:?}"
        );
        assert!(ours.interval.is_some());
    }
    let called: Vec<usize> = predicted.iter().map(|p| usize::from(*p >= 0.5)).collect();
    let labels: Vec<usize> = actual.iter().map(|y| *y as usize).collect();
    assert_eq!(classes.figures(), realised(&[&predicted], &called, &labels));
}

/// A version's own threshold, of which nobody knows: scores below one half aren't tied because of it.
#[test]
fn yes_is_what_was_called_so_whatever_the_threshold() {
    for threshold in [0.305, 0.5, 0.645] {
        let mut classes = Classes::new(names(&["no", "yes"]).unwrap());
        for (p, actual) in (0..1_000).map(row) {
            classes.count(usize::from(p >= threshold), actual, Some(&[1.0 - p, p]));
        }
        let (predicted, actual): (Vec<f64>, Vec<f64>) = (0..1_000).map(row).map(|(p, y)| (p, y as f64)).unzip();
        let examples = Examples::plain(&actual, &predicted);
        let rows = Evaluation::of(Task::Classification { threshold }, &examples, 0);
        let sums = classes.evaluation(0.5).unwrap();
        for (ours, theirs) in sums.scores.iter().zip(&rows.scores) {
            assert!(
                (ours.value.unwrap() - theirs.value.unwrap()).abs() < 1e-12,
                "{ours:?} {theirs:?}"
            );
        }
    }
    let mut none = Classes::new(names(&["no", "yes"]).unwrap());
    none.count(0, 1, Some(&[0.1, 0.9]));
    assert_eq!(none.evaluation(0.5).unwrap().metric("recall"), Some(0.0));
}

#[test]
fn without_probabilities_what_needs_them_is_undefined() {
    let mut classes = Classes::new(names(&["no", "yes"]).unwrap());
    (0..100).for_each(|i| classes.count(i % 2, usize::from(i % 3 == 0), None));
    let evaluation = classes.evaluation(0.5).unwrap();
    assert_eq!(
        (evaluation.metric("roc_auc"), evaluation.metric("log_loss")),
        (None, None)
    );
    assert_eq!(evaluation.metric("accuracy"), Some(0.5));
    let figures = classes.figures();
    assert_eq!((figures.accuracy, figures.roc_auc), (Some(0.5), None));
}

#[test]
fn three_classes_are_each_held_against_the_rest() {
    let rows: Vec<([f64; 3], usize, usize)> = (0..300)
        .map(|i| {
            let scores = [(i * 7 % 10) as f64 / 10.0, (i * 3 % 11) as f64 / 20.0, 0.25];
            let called = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
            (scores, called, if i % 3 == 0 { i % 9 / 3 } else { called })
        })
        .collect();
    let mut classes = Classes::new(names(&["a", "b", "c"]).unwrap());
    rows.iter()
        .for_each(|(scores, called, actual)| classes.count(*called, *actual, Some(scores)));
    let scores: Vec<Vec<f64>> = (0..3)
        .map(|class| rows.iter().map(|row| row.0[class]).collect())
        .collect();
    let scores: Vec<&[f64]> = scores.iter().map(Vec::as_slice).collect();
    let (called, actual): (Vec<usize>, Vec<usize>) = rows.iter().map(|row| (row.1, row.2)).unzip();
    assert_eq!(classes.figures(), realised(&scores, &called, &actual));
    assert_eq!(classes.evaluation(0.5), None);
}

/// However the rows come.
#[test]
fn of_many_groups_the_same_fifty_are_told_apart() {
    let count = |values: &mut dyn Iterator<Item = usize>| {
        let mut segment = Segment::new("city", "yes");
        values.for_each(|i| segment.count(&format!("{:03}", i % 120), i % 2 == 0, i % 3 == 0));
        segment
    };
    let forwards = count(&mut (0..1_000));
    assert_eq!(forwards.values.len(), 50);
    assert_eq!(forwards, count(&mut (0..1_000).rev()));
    let mut sum = count(&mut (0..400));
    sum.add(&count(&mut (400..1_000)));
    assert_eq!(sum, forwards);
}

proptest! {
    /// Whatever a damaged ledger holds.
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for first in [[1, 0], [1, 1]] {
            bytes.iter_mut().zip(first).for_each(|(byte, first)| *byte = first);
            if let Some(measured) = Measured::of(&bytes) {
                prop_assert_eq!(Measured::of(&measured.bytes()).map(|m| m.bytes()), Some(measured.bytes()));
            }
            if let Some(labels) = Labels::of(&bytes) {
                prop_assert_eq!(Labels::of(&labels.bytes()).map(|l| l.bytes()), Some(labels.bytes()));
            }
        }
    }
}
