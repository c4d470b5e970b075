//! How far a metric would wander on other rows of the same kind: percentile intervals over resampled rows.

use super::metrics::Task;
use super::rows::Rows;
use crate::quantile::quantile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// With a thousand resamples an end of the interval is itself uncertain by a twelfth of the metric's standard error,
/// with two hundred by a fifth (the standard error of a 2.5 % quantile of a normal sample).
const RESAMPLES: usize = 1_000;
const RESAMPLES_MIN: usize = 200;
/// Drawing a row takes some nanoseconds, so an evaluation stays below seconds: above 100,000 rows there are fewer
/// resamples, down to 200. The more rows, the narrower the interval, and the less its own uncertainty matters.
const DRAWS: usize = 100_000_000;
/// Above these, this many rows, drawn once, stand for all.
const ROWS: usize = 1_000_000;
/// The same of several classes, each of which is ranked by its own probability, down to these.
const ROWS_MIN: usize = 20_000;
/// A metric that is undefined in more resamples than this has no interval.
const UNDEFINED_MAX: f64 = 0.5;

/// Where 95 % of the resampled values lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub lower: f64,
    pub upper: f64,
}

/// The resamples that `rows` rows get.
pub fn resamples(task: Task, rows: usize) -> usize {
    (DRAWS / (rows.clamp(1, most(task)) * rankings(task))).clamp(RESAMPLES_MIN, RESAMPLES)
}

/// The rows that are resampled at most.
pub(super) fn most(task: Task) -> usize {
    (ROWS / rankings(task)).max(ROWS_MIN)
}

/// How often a row is looked at for the metrics of a resample.
fn rankings(task: Task) -> usize {
    match task {
        Task::Regression | Task::Classification { .. } => 1,
        Task::Multiclass { classes } => classes.max(1),
    }
}

/// The percentile interval of each metric (Efron and Tibshirani 1993, chapter 13), in the order of [`Metric::of`].
///
/// Above a million rows, a million of them are resampled; by the square root law the distances from their own figure
/// are then sqrt(million / rows) too large, and are shortened by it (Politis, Romano and Wolf 1999).
/// The same seed gives the same intervals, whatever the number of threads. Resamples in which a metric is undefined are
/// left out; a metric that is undefined in most of them has no interval.
pub(super) fn intervals(task: Task, rows: &Rows, figures: &[Option<f64>], seed: u64) -> Vec<Option<Interval>> {
    of_at_most(most(task), task, rows, figures, seed)
}

pub(super) fn of_at_most(
    most: usize,
    task: Task,
    rows: &Rows,
    figures: &[Option<f64>],
    seed: u64,
) -> Vec<Option<Interval>> {
    let n = rows.len();
    if n == 0 {
        return vec![None; figures.len()];
    }
    let draw = |rows: &Rows| {
        resample(rows.len(), resamples(task, n), seed, |times| {
            rows.metrics(|row| times[row])
        })
    };
    if n <= most {
        return ends(&draw(rows), figures, None);
    }
    let few = rows.choose(choice(n, most, seed));
    let fewer = Fewer {
        centres: few.metrics(|_| 1),
        share: few.len() as f64 / n as f64,
    };
    ends(&draw(&few), figures, Some(&fewer))
}

/// What stood for all rows.
pub(super) struct Fewer {
    /// Their own figures.
    pub centres: Vec<Option<f64>>,
    /// How many of all they are.
    pub share: f64,
}

/// The interval of each figure.
pub(super) fn ends(drawn: &[Vec<Option<f64>>], figures: &[Option<f64>], of: Option<&Fewer>) -> Vec<Option<Interval>> {
    let one = |place: usize| {
        let Interval { lower, upper } = interval(column(drawn, place))?;
        let Some(Fewer { centres, share }) = of else {
            return Some(Interval { lower, upper });
        };
        let (figure, centre) = (figures[place]?, centres[place]?);
        let shortened = |end: f64| figure + (end - centre) * share.sqrt();
        Some(Interval {
            lower: shortened(lower),
            upper: shortened(upper),
        })
    };
    (0..figures.len()).map(one).collect()
}

/// The figures of each resample, by how often each of `n` rows is in it. Every resample has a stream of random numbers of its
/// own, so threads change nothing.
pub(super) fn resample<T: Send>(n: usize, resamples: usize, seed: u64, figures: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
    (0..resamples as u64)
        .into_par_iter()
        .map_init(
            || vec![0u32; n],
            |times, stream| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(stream + 1);
                times.fill(0);
                for _ in 0..n {
                    times[below(&mut random, n)] += 1;
                }
                figures(times)
            },
        )
        .collect()
}

/// At most so many of `rows` rows, by their places, ascending.
pub(super) fn some_of(rows: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut chosen = choice(rows, most.min(rows), seed);
    (0..rows).filter(|_| chosen()).collect()
}

/// Asked once for each of `n` rows: is it one of `count` that stand for all? Each choice is as likely (Knuth, TAOCP 2, 3.4.2,
/// algorithm S).
pub(super) fn choice(n: usize, count: usize, seed: u64) -> impl FnMut() -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut left, mut missing) = (n, count);
    move || {
        let wanted = below(&mut random, left) < missing;
        left -= 1;
        missing -= usize::from(wanted);
        wanted
    }
}

/// A number below `n`, which is at most 2^32. For a million, some are likelier than others by 1/4,000 at most; the
/// same on every machine and in every version of a crate.
pub(super) fn below(random: &mut ChaCha8Rng, n: usize) -> usize {
    ((u64::from(random.next_u32()) * n as u64) >> 32) as usize
}

fn column(drawn: &[Vec<Option<f64>>], metric: usize) -> impl ExactSizeIterator<Item = Option<f64>> {
    drawn.iter().map(move |values| values[metric])
}

fn interval(drawn: impl ExactSizeIterator<Item = Option<f64>>) -> Option<Interval> {
    let all = drawn.len() as f64;
    let mut values: Vec<f64> = drawn.flatten().collect();
    if values.is_empty() || (values.len() as f64) < all * (1.0 - UNDEFINED_MAX) {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Interval {
        lower: quantile(&values, 0.025),
        upper: quantile(&values, 0.975),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::Examples;

    /// Rows with an error of a known spread, by a quantile-like sequence without chance.
    fn rows(n: usize) -> Rows {
        let actual: Vec<f64> = (0..n).map(|i| ((i * 7919) % n) as f64 / n as f64).collect();
        let predicted: Vec<f64> = (0..n)
            .map(|i| actual[i] + ((i * 104729) % n) as f64 / n as f64 - 0.5)
            .collect();
        Rows::new(Task::Regression, &Examples::plain(&actual, &predicted))
    }

    fn all(rows: &Rows, seed: u64) -> Vec<Option<Interval>> {
        intervals(Task::Regression, rows, &rows.metrics(|_| 1), seed)
    }

    #[test]
    fn a_seed_gives_the_same_intervals_whatever_the_threads() {
        let rows = rows(50);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(&rows, 7))
        };
        assert_eq!(with(1), with(4));
        assert_ne!(all(&rows, 7), all(&rows, 8));
    }

    /// The mean of n squared errors has the standard error sd / sqrt n; that of a uniform error's square is known.
    #[test]
    fn the_interval_is_as_wide_as_theory_says() {
        let n = 2_000;
        let rows = rows(n);
        // e uniform in [-1/2, 1/2]: E e^2 = 1/12, Var e^2 = 1/80 - 1/144.
        let error = ((1.0 / 80.0 - 1.0 / 144.0) / n as f64).sqrt();
        // Also where a quarter of the rows stands for all of them.
        for most in [n, n / 4] {
            let mse = of_at_most(most, Task::Regression, &rows, &rows.metrics(|_| 1), 1)[1].unwrap();
            let (half, middle) = ((mse.upper - mse.lower) / 2.0, (mse.upper + mse.lower) / 2.0);
            assert!((half / (1.96 * error) - 1.0).abs() < 0.15, "{most}: {half} {error}");
            assert!((middle - 1.0 / 12.0).abs() < error / 2.0, "{most}: {middle}");
        }
    }

    #[test]
    fn rows_that_stand_for_more_keep_their_order_and_number() {
        let actual: Vec<f64> = (0..1_000).map(|i| f64::from(i % 2)).collect();
        let predicted: Vec<f64> = (0..1_000).map(|i| f64::from(i) / 1_000.0).collect();
        let task = Task::Classification { threshold: 0.5 };
        let rows = Rows::new(task, &Examples::plain(&actual, &predicted));
        let few = rows.choose(choice(1_000, 300, 3));
        assert_eq!(few.len(), 300);
        let (all, few) = (rows.metrics(|_| 1), few.metrics(|_| 1));
        for (all, few) in all.iter().zip(few) {
            assert!((all.unwrap() - few.unwrap()).abs() < 0.2, "{all:?} {few:?}");
        }
    }

    #[test]
    fn work_is_bounded() {
        assert_eq!(resamples(Task::Regression, 0), 1_000);
        assert_eq!(resamples(Task::Regression, 20), 1_000);
        assert_eq!(resamples(Task::Regression, 100_000), 1_000);
        assert_eq!(resamples(Task::Regression, 250_000), 400);
        assert_eq!(resamples(Task::Regression, 1_000_000), 200);
        assert_eq!(resamples(Task::Regression, 1 << 40), 200);
        let of = |classes, rows| resamples(Task::Multiclass { classes }, rows);
        assert_eq!((of(3, 10_000), of(3, 100_000), of(3, 1 << 40)), (1_000, 333, 200));
        assert_eq!(
            (
                most(Task::Multiclass { classes: 10 }),
                most(Task::Multiclass { classes: 4_096 })
            ),
            (100_000, 20_000)
        );
    }

    #[test]
    fn a_metric_that_is_seldom_defined_has_no_interval() {
        let few = [None, None, Some(1.0)];
        assert_eq!(interval(few.into_iter()), None);
        let most = [None, Some(2.0), Some(1.0)];
        assert_eq!(
            interval(most.into_iter()),
            Some(Interval {
                lower: 1.025,
                upper: 1.975
            })
        );
    }
}
