//! Is the model worth what it was?

use super::interval::Share;
use super::{Area, Check};
use crate::evaluate::{Confusion, Evaluation, Metric, Score};
use crate::monitor::performance::{Figures, METRICS, Reference, Tally};

/// `estimated_accuracy`...: each metric as it is to be expected without labels, held against where it usually lies
/// ([`Reference::bounds`]), either way. `noise`: its sampling error.
///
/// # Panics
/// If there isn't a tally for each class of the reference, with its bins.
pub fn estimated(reference: &Reference, tallies: &[Tally]) -> Vec<Check> {
    let estimates = reference.estimate_tallies(tallies);
    let n = tallies.first().map_or(0, Tally::rows);
    let each = METRICS.iter().map(|&metric| {
        let check = Check::new(Area::Performance, estimated_name(metric), "", n);
        let Some(estimate) = estimates.get(metric).copied().flatten() else {
            return check.without(if n == 0 { "no rows" } else { "undefined for these rows" });
        };
        let shown = Check {
            interval: estimate.band,
            ..check.shown(estimate.value, estimate.error)
        };
        let Some((lower, upper)) = reference.bounds(metric, n) else {
            return shown.without("undefined in a tenth of the baseline's rows");
        };
        let floor = estimate.value <= upper;
        Check {
            bar: Some(if floor { lower } else { upper }),
            floor,
            usual: Some((lower + upper) / 2.0),
            over: estimate.value < lower || estimate.value > upper,
            ..shown
        }
    });
    each.collect()
}

/// Of fewer labelled rows, nothing is held against anything.
const FEWEST: u64 = 30;
/// Nor are shares of one kind (of those that came true, of those that were called) where fewer are of it.
const FEWEST_OF_A_KIND: u64 = 5;

/// The metrics of rows with labels beside those that the version was approved with: over where one is worse by more than chance
/// explains of both, the root of the sum of squares of their 95 % intervals' halves (of a share of now's rows: the wider half of
/// Wilson's, which has a width where all are right, too). `noise`: that.
pub fn measured(now: &Evaluation, approved: &Evaluation) -> Vec<Check> {
    let each = now.scores.iter().map(|score| {
        let metric = score.metric;
        let check = Check::new(Area::Performance, metric.name(), "", now.rows as u64);
        let Some(value) = score.value else {
            return check.without("undefined for these rows");
        };
        let shown = Check {
            interval: score.interval.map(|interval| (interval.lower, interval.upper)),
            ..check.shown(value, None)
        };
        let usual = approved
            .score(metric)
            .and_then(|usual| Some((usual.value?, half(usual)?)));
        let (Some((usual, usual_half)), Some(half)) = (usual, half_now(score, now.confusion)) else {
            return shown.without("there is no interval to hold it against");
        };
        let (noise, better) = (usual_half.hypot(half), metric.larger_is_better());
        let bar = if better { usual - noise } else { usual + noise };
        Check {
            bar: Some(bar),
            floor: better,
            usual: Some(usual),
            noise: Some(noise),
            over: if better { value < bar } else { value > bar },
            ..shown
        }
    });
    each.collect()
}

/// The metrics of n rows with labels, held against where they usually lie ([`Reference::bounds`]): over where one is below. `noise`:
/// its sampling error.
pub fn realised(reference: &Reference, figures: &Figures<Option<f64>>, n: u64) -> Vec<Check> {
    let each = METRICS.iter().map(|&metric| {
        let check = Check::new(Area::Performance, metric.name(), "", n);
        let Some(value) = figures.value(metric) else {
            return check.without("undefined for these rows");
        };
        let shown = check.shown(value, reference.error(metric, n));
        match reference.bounds(metric, n) {
            None => shown.without("undefined in a tenth of the baseline's rows"),
            Some((lower, _)) => Check {
                bar: Some(lower),
                floor: true,
                // Parts that are all alike have the same figure, but for its last digits.
                over: value < lower - 1e-9,
                ..shown
            },
        }
    });
    each.collect()
}

/// Without bars where there are too few rows to tell what is worse from chance. `confusion`: of two classes.
pub fn with_enough(checks: Vec<Check>, confusion: Option<Confusion>) -> Vec<Check> {
    let each = checks.into_iter().map(|check| {
        let metric = METRICS.into_iter().find(|metric| metric.name() == check.check);
        let few = metric.or_else(|| Metric::named(check.check));
        let few = few.and_then(|metric| too_few(metric, check.n, confusion));
        match few.filter(|_| check.bar.is_some()) {
            None => check,
            Some(why) => Check {
                bar: None,
                over: false,
                ..check
            }
            .without(why),
        }
    });
    each.collect()
}

fn too_few(metric: Metric, rows: u64, confusion: Option<Confusion>) -> Option<String> {
    if rows < FEWEST {
        return Some(format!("held against nothing before {FEWEST} rows are labelled"));
    }
    let of = confusion?;
    let (yes, no) = ((of.true_yes + of.false_no, "yes"), (of.true_no + of.false_yes, "no"));
    let called = (of.true_yes + of.false_yes, "called yes");
    let kinds = match metric {
        Metric::Precision => vec![called],
        Metric::Recall | Metric::F1 => vec![yes],
        Metric::Specificity => vec![no],
        Metric::RocAuc => vec![yes, no],
        _ => Vec::new(),
    };
    let (rows, kind) = kinds.into_iter().find(|(rows, _)| *rows < FEWEST_OF_A_KIND)?;
    Some(format!(
        "held against nothing before {FEWEST_OF_A_KIND} labelled rows are {kind}; {rows} are"
    ))
}

/// The wider half of Wilson's interval, of a share.
fn half_now(score: &Score, confusion: Option<Confusion>) -> Option<f64> {
    let share = confusion.and_then(|of| {
        let (part, whole) = match score.metric {
            Metric::Accuracy => (
                of.true_yes + of.true_no,
                of.true_yes + of.true_no + of.false_yes + of.false_no,
            ),
            Metric::Precision => (of.true_yes, of.true_yes + of.false_yes),
            Metric::Recall => (of.true_yes, of.true_yes + of.false_no),
            Metric::Specificity => (of.true_no, of.true_no + of.false_yes),
            _ => return None,
        };
        (whole > 0).then_some(Share { part, whole })
    });
    match share {
        None => half(score),
        Some(share) => {
            let (lower, upper) = share.interval();
            Some((share.value() - lower).max(upper - share.value()))
        }
    }
}

fn half(score: &Score) -> Option<f64> {
    score.interval.map(|interval| (interval.upper - interval.lower) / 2.0)
}

fn estimated_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "estimated_accuracy",
        Metric::Precision => "estimated_precision",
        Metric::Recall => "estimated_recall",
        Metric::Specificity => "estimated_specificity",
        Metric::F1 => "estimated_f1",
        Metric::RocAuc => "estimated_roc_auc",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Examples, Task};

    /// Scores from 0 to 1, of which `good` in a hundred of both kinds are called and come true as they should.
    fn rows(n: usize, good: usize) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
        let labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
        let right = |i: usize| (i / 2 * 37) % 100 < good;
        let predicted: Vec<usize> = (0..n)
            .map(|i| if right(i) { labels[i] } else { 1 - labels[i] })
            .collect();
        let scores = (0..n).map(|i| 0.5 * predicted[i] as f64 + 0.5 * ((i * 61) % n) as f64 / n as f64);
        (scores.collect(), predicted, labels)
    }

    fn named<'a>(checks: &'a [Check], name: &str) -> &'a Check {
        checks.iter().find(|check| check.check == name).unwrap()
    }

    #[test]
    fn an_estimate_is_held_against_what_is_usual_either_way() {
        let (scores, predicted, labels) = rows(2_000, 80);
        let reference = Reference::of(&[&scores], &predicted, &labels).unwrap();
        let class = &reference.classes[0];
        let tally = |wanted: &dyn Fn(f64, usize) -> bool| {
            let mut tally = Tally::with_bins(class.bins());
            for (&score, &predicted) in scores.iter().zip(&predicted) {
                let counts = if predicted == 1 {
                    &mut tally.called
                } else {
                    &mut tally.other
                };
                counts[class.bin(score)] += u64::from(wanted(score, predicted));
            }
            [tally]
        };
        let as_ever = estimated(&reference, &tally(&|_, _| true));
        assert_eq!(as_ever.len(), 6);
        for check in &as_ever {
            assert!(
                !check.over && check.value.is_some() && check.bar.is_some() && check.noise.is_some(),
                "{check:?}"
            );
        }
        let accuracy = named(&as_ever, "estimated_accuracy");
        assert!((accuracy.value.unwrap() - 0.8).abs() < 0.01 && accuracy.floor && accuracy.n == 2_000);
        // Nothing is called yes any more.
        let none_called = estimated(&reference, &tally(&|_, predicted| predicted == 0));
        assert_eq!(
            named(&none_called, "estimated_precision").why.as_deref(),
            Some("undefined for these rows")
        );
        assert!(named(&none_called, "estimated_recall").over && named(&none_called, "estimated_specificity").over);
        let specificity = named(&none_called, "estimated_specificity");
        assert!(
            !specificity.floor && specificity.value > specificity.bar,
            "{specificity:?}"
        );
        let none = estimated(&reference, &tally(&|_, _| false));
        assert!(
            none.iter()
                .all(|check| check.why.as_deref() == Some("no rows") && !check.over)
        );
    }

    #[test]
    fn what_came_true_is_held_against_the_approval() {
        let evaluation = |good| {
            let (scores, predicted, labels) = rows(1_000, good);
            let scores: Vec<f64> = scores
                .iter()
                .zip(&predicted)
                .map(|(s, &p)| s * 0.4 + 0.4 * p as f64)
                .collect();
            let actual: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
            let examples = Examples::plain(&actual, &scores);
            Evaluation::of(Task::Classification { threshold: 0.5 }, &examples, 0)
        };
        let approved = evaluation(80);
        let over = |good| {
            measured(&evaluation(good), &approved)
                .iter()
                .filter(|check| check.over)
                .count()
        };
        assert_eq!((over(80), over(78), over(90)), (0, 0, 0));
        assert_eq!(over(60), 6);
        let checks = measured(&evaluation(60), &approved);
        let (accuracy, loss) = (named(&checks, "accuracy"), named(&checks, "log_loss"));
        assert!(
            accuracy.floor && accuracy.value < accuracy.bar && !loss.floor && loss.value > loss.bar,
            "{checks:?}"
        );
    }
}
