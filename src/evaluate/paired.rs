//! How much better a model is than another on the same rows: the differences of their metrics.
//!
//! The rows of a resample are the same for both, so what makes both look good or bad (hard rows, a rare class) cancels: the
//! interval of a difference is much narrower than those of the two figures suggest.

use super::bootstrap::{Fewer, ends, most, resample, resamples, some_of};
use super::metrics::Metric;
use super::rows::Rows;
use super::{Examples, Opponent, Predictions, Score, Task};

/// Of each metric the candidate's value less the other one's, with the percentile interval of that over resampled rows
/// (Efron and Tibshirani 1993, chapters 13 and 16). Undefined where one of the two is. Of the same task, but for the
/// threshold.
///
/// # Panics
/// If there are not as many predictions as examples.
pub(super) fn differences(task: Task, examples: &Examples, other: Opponent, seed: u64) -> Vec<Score> {
    of_at_most(most(task), task, examples, other, seed)
}

fn of_at_most(most: usize, task: Task, examples: &Examples, other: Opponent, seed: u64) -> Vec<Score> {
    let theirs = other.predictions.beside(examples.actual);
    let pair = Pair::of(task, examples, other.task, &theirs);
    let (values, rows) = (pair.differences(|_| 1), examples.actual.len());
    let draw = |pair: &Pair, n| {
        resample(n, resamples(task, rows), seed, |times| {
            pair.differences(|row| times[row])
        })
    };
    let intervals = if pair.is_undefined() {
        vec![None; values.len()]
    } else if rows <= most {
        ends(&draw(&pair, rows), &values, None)
    } else {
        let few = some_of(rows, most, seed);
        let actual = at(&few, examples.actual);
        let (ours, theirs) = (chosen(&few, examples), chosen(&few, &theirs));
        let pair = Pair::of(task, &ours.beside(&actual), other.task, &theirs.beside(&actual));
        let fewer = Fewer {
            centres: pair.differences(|_| 1),
            share: most as f64 / rows as f64,
        };
        ends(&draw(&pair, most), &values, Some(&fewer))
    };
    let scores = Metric::of(task).iter().zip(values).zip(intervals);
    scores
        .map(|((&metric, value), interval)| Score {
            metric,
            value,
            interval,
        })
        .collect()
}

/// Two models' rows, made ready.
struct Pair(Rows, Rows);

impl Pair {
    fn of(task: Task, examples: &Examples, other: Task, theirs: &Examples) -> Pair {
        Pair(Rows::new(task, examples), Rows::new(other, theirs))
    }

    /// No row, or a value that is not finite.
    fn is_undefined(&self) -> bool {
        self.0.len() == 0 || self.1.len() == 0
    }

    /// `weight` tells how often a row of the examples counts.
    fn differences(&self, weight: impl Fn(usize) -> u32) -> Vec<Option<f64>> {
        let [ours, theirs] = [&self.0, &self.1].map(|rows| rows.metrics(|place| weight(rows.row(place))));
        let pairs = ours.into_iter().zip(theirs);
        pairs.map(|(ours, theirs)| Some(ours? - theirs?)).collect()
    }
}

fn at(rows: &[usize], of: &[f64]) -> Vec<f64> {
    rows.iter().map(|&row| of[row]).collect()
}

fn chosen(rows: &[usize], of: &Examples) -> Predictions {
    Predictions {
        predicted: at(rows, of.predicted),
        probabilities: of.probabilities.iter().map(|of| at(rows, of)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Interval;

    fn opponent(task: Task, predictions: &Predictions) -> Opponent<'_> {
        Opponent {
            version: "lines/1",
            task,
            predictions,
        }
    }

    /// Paired differences that are known: of each row the squared errors of both. The interval of their mean is that of the mean
    /// of resampled differences, drawn here directly; and as wide as the standard error of paired differences says.
    #[test]
    fn an_interval_of_known_differences_equals_a_direct_computation() {
        let n = 400;
        let actual: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 1_000)).collect();
        // What both get wrong alike is large beside what they differ in.
        let hard = |i: usize| (i * 104_729 % 97) as f64;
        let ours: Vec<f64> = actual.iter().enumerate().map(|(i, y)| y + hard(i)).collect();
        let theirs = (ours.iter().enumerate()).map(|(i, p)| p + (i * 31 % 11) as f64 / 10.0 - 0.4);
        let theirs = Predictions::plain(theirs.collect());
        let squared = |p: f64, y: f64| (y - p) * (y - p);
        let each: Vec<f64> = (0..n as usize)
            .map(|i| squared(ours[i], actual[i]) - squared(theirs.predicted[i], actual[i]))
            .collect();

        let task = Task::Regression;
        let examples = Examples::plain(&actual, &ours);
        let found = differences(task, &examples, opponent(task, &theirs), 3)[1];
        let (value, Interval { lower, upper }) = (found.value.unwrap(), found.interval.unwrap());
        let mean = each.iter().sum::<f64>() / f64::from(n);
        assert!((value - mean).abs() < 1e-9 * mean.abs(), "{value} {mean}");

        let mut means = resample(n as usize, 1_000, 3, |times| {
            let sum: f64 = each.iter().zip(times).map(|(d, &times)| d * f64::from(times)).sum();
            sum / f64::from(n)
        });
        means.sort_by(f64::total_cmp);
        let quantile = |share| crate::quantile::quantile(&means, share);
        for (found, direct) in [(lower, quantile(0.025)), (upper, quantile(0.975))] {
            assert!(
                (found - direct).abs() < 1e-9 * direct.abs().max(1.0),
                "{found} {direct}"
            );
        }
        let variance = each.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / f64::from(n);
        let half = 1.96 * (variance / f64::from(n)).sqrt();
        assert!(
            ((upper - lower) / 2.0 / half - 1.0).abs() < 0.1,
            "{lower} {upper} {half}"
        );
    }

    /// Rows are kept by ascending probability, which is another order for each model.
    #[test]
    fn a_resample_has_the_same_rows_for_both_models() {
        let n = 300;
        let yes: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
        let ours: Vec<f64> = (0..n).map(|i| f64::from(i * 37 % 101) / 101.0).collect();
        // The same ranks and the same calls, in the opposite order of a table sorted by them: 1 - p of what is no.
        let task = Task::Classification { threshold: 0.5 };
        let turned: Vec<f64> = ours.iter().map(|p| 0.25 + p / 2.0).collect();
        let turned = Predictions::plain(turned);
        let found = differences(task, &Examples::plain(&yes, &ours), opponent(task, &turned), 1);
        for score in found.iter().filter(|score| score.metric != Metric::LogLoss) {
            assert_eq!(score.value, Some(0.0), "{}", score.metric.name());
            let none = Interval { lower: 0.0, upper: 0.0 };
            assert_eq!(score.interval, Some(none), "{}", score.metric.name());
        }
        // One that ranks rows the other way round: calls are paired by row.
        let reversed = Predictions::plain(ours.iter().map(|p| 1.0 - p).collect());
        let accuracy = differences(task, &Examples::plain(&yes, &ours), opponent(task, &reversed), 1)[5];
        let each: Vec<f64> = (ours.iter().zip(&yes))
            .map(|(&p, &y)| {
                let right = |p: f64| f64::from(u8::from((p >= 0.5) == (y == 1.0)));
                right(p) - right(1.0 - p)
            })
            .collect();
        let mut means = resample(n as usize, 1_000, 1, |times| {
            let sum: f64 = each.iter().zip(times).map(|(d, &times)| d * f64::from(times)).sum();
            sum / f64::from(n)
        });
        means.sort_by(f64::total_cmp);
        let interval = accuracy.interval.unwrap();
        assert!((interval.lower - crate::quantile::quantile(&means, 0.025)).abs() < 1e-12);
        assert!((interval.upper - crate::quantile::quantile(&means, 0.975)).abs() < 1e-12);
    }

    #[test]
    fn rows_that_stand_for_all_give_an_interval_as_wide() {
        let n = 4_000;
        let actual: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % n)).collect();
        let with = |by: i32| {
            actual
                .iter()
                .enumerate()
                .map(move |(i, y)| y + f64::from(i as i32 * by % 101) / 10.0)
        };
        let (ours, theirs) = (with(31).collect::<Vec<f64>>(), Predictions::plain(with(57).collect()));
        let task = Task::Regression;
        let width = |most| {
            let of = of_at_most(most, task, &Examples::plain(&actual, &ours), opponent(task, &theirs), 1)[1];
            let (value, interval) = (of.value.unwrap(), of.interval.unwrap());
            assert!(interval.lower < value && value < interval.upper);
            interval.upper - interval.lower
        };
        let (all, few) = (width(n as usize), width(n as usize / 4));
        assert!((few / all - 1.0).abs() < 0.2, "{all} {few}");
    }

    #[test]
    fn what_one_of_the_two_lacks_has_no_difference() {
        let task = Task::Classification { threshold: 0.5 };
        let (yes, ours) = ([1.0, 0.0, 1.0], [0.9, 0.1, 0.8]);
        let never = Predictions::plain(vec![0.1, 0.2, 0.3]);
        let found = differences(task, &Examples::plain(&yes, &ours), opponent(task, &never), 1);
        // roc_auc, log_loss, precision...
        assert!(found[1].value.is_some() && found[2].value.is_none() && found[2].interval.is_none());
        let infinite = Predictions::plain(vec![f64::NAN, 0.2, 0.3]);
        let found = differences(task, &Examples::plain(&yes, &ours), opponent(task, &infinite), 1);
        assert!(
            found
                .iter()
                .all(|score| score.value.is_none() && score.interval.is_none())
        );
    }
}
