//! Examples made ready to be measured: the metrics of all of them, of some, or of any weights.

use super::metrics::{Confusion, Examples, Metric, Ranking, Task};
use super::multiclass::{ByClass, Multiclass};

/// One metric alone; none where it is undefined, or none of the task's.
///
/// # Panics
/// If there are not as many predictions as examples.
pub fn figure(metric: Metric, task: Task, examples: &Examples) -> Option<f64> {
    let place = Metric::of(task).iter().position(|of| *of == metric)?;
    Rows::new(task, examples).metrics(|_| 1)[place]
}

/// Rows made ready, so that their metrics can be had quickly for any weights (how often each row counts).
pub enum Rows {
    Regression(Vec<Residual>),
    /// By ascending probability.
    Classification(Vec<Call>, f64),
    Multiclass(Multiclass),
    /// A value is not finite: every metric is undefined.
    Undefined(Task),
}

#[derive(Clone, Copy)]
pub struct Residual {
    /// y - p
    error: f64,
    /// y - mean y of all rows, so that the sum of squares loses no digits.
    centred: f64,
}

#[derive(Clone, Copy)]
pub struct Call {
    probability: f64,
    /// -ln of the probability that was given to what came true.
    loss: f64,
    yes: bool,
    /// Its place among the examples.
    row: u32,
}

impl Rows {
    /// # Panics
    /// If there are not as many predictions as examples.
    pub fn new(task: Task, examples: &Examples) -> Rows {
        let Examples {
            actual,
            predicted,
            probabilities,
        } = *examples;
        assert_eq!(actual.len(), predicted.len(), "a prediction for each row");
        let all = actual.iter().chain(predicted).chain(probabilities.iter().flatten());
        if all.into_iter().any(|value| !value.is_finite()) {
            return Rows::Undefined(task);
        }
        let pairs = actual.iter().zip(predicted);
        match task {
            Task::Regression => {
                let mean = actual.iter().sum::<f64>() / actual.len() as f64;
                Rows::Regression(
                    pairs
                        .map(|(y, p)| Residual {
                            error: y - p,
                            centred: y - mean,
                        })
                        .collect(),
                )
            }
            Task::Classification { threshold } => {
                let mut calls: Vec<Call> = (0..)
                    .zip(pairs)
                    .map(|(row, (&y, &p))| {
                        let yes = y == 1.0;
                        let given = if yes { p } else { 1.0 - p };
                        let loss = -given.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
                        Call {
                            probability: p,
                            loss,
                            yes,
                            row,
                        }
                    })
                    .collect();
                calls.sort_by(|a, b| a.probability.total_cmp(&b.probability));
                Rows::Classification(calls, threshold)
            }
            Task::Multiclass { classes } => Rows::Multiclass(Multiclass::new(classes, examples)),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Rows::Regression(rows) => rows.len(),
            Rows::Classification(rows, _) => rows.len(),
            Rows::Multiclass(rows) => rows.len(),
            Rows::Undefined(_) => 0,
        }
    }

    /// The place among the examples of what is weighted at `place`.
    pub fn row(&self, place: usize) -> usize {
        match self {
            Rows::Classification(rows, _) => rows[place].row as usize,
            Rows::Regression(_) | Rows::Multiclass(_) | Rows::Undefined(_) => place,
        }
    }

    /// Those rows that are wanted, asked for in order.
    pub fn choose(&self, mut wanted: impl FnMut() -> bool) -> Rows {
        match self {
            Rows::Regression(rows) => Rows::Regression(rows.iter().filter(|_| wanted()).copied().collect()),
            Rows::Classification(rows, threshold) => {
                Rows::Classification(rows.iter().filter(|_| wanted()).copied().collect(), *threshold)
            }
            Rows::Multiclass(rows) => Rows::Multiclass(rows.choose(wanted)),
            Rows::Undefined(task) => Rows::Undefined(*task),
        }
    }

    /// The metrics of the task, in the order of [`Metric::of`]; `weight` tells how often a row counts.
    pub fn metrics(&self, weight: impl Fn(usize) -> u32) -> Vec<Option<f64>> {
        let values = match self {
            Rows::Regression(rows) => regression(rows, weight).to_vec(),
            Rows::Classification(rows, threshold) => classification(rows, *threshold, weight).to_vec(),
            Rows::Multiclass(rows) => rows.figures(weight).to_vec(),
            Rows::Undefined(task) => vec![f64::NAN; Metric::of(*task).len()],
        };
        values
            .into_iter()
            .map(|value| value.is_finite().then_some(value))
            .collect()
    }

    /// Of yes and no.
    pub fn confusion(&self) -> Option<Confusion> {
        match self {
            Rows::Classification(rows, threshold) => Some(confusion(rows, *threshold, |_| 1)),
            _ => None,
        }
    }

    /// Of several classes.
    pub fn by_class(&self) -> Option<ByClass> {
        match self {
            Rows::Multiclass(rows) => Some(rows.by_class()),
            _ => None,
        }
    }
}

fn regression(rows: &[Residual], weight: impl Fn(usize) -> u32) -> [f64; 4] {
    let (mut n, mut squares, mut sizes, mut sum, mut spread) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for (i, row) in rows.iter().enumerate() {
        let times = weight(i);
        if times == 0 {
            continue;
        }
        let times = f64::from(times);
        n += times;
        squares += times * row.error * row.error;
        sizes += times * row.error.abs();
        sum += times * row.centred;
        spread += times * row.centred * row.centred;
        lowest = lowest.min(row.centred);
        highest = highest.max(row.centred);
    }
    // Rounding may leave a constant target a spread other than 0.
    let varies = lowest < highest;
    let r2 = if varies {
        1.0 - squares / (spread - sum * sum / n)
    } else {
        f64::NAN
    };
    let mse = squares / n;
    [r2, mse, mse.sqrt(), sizes / n]
}

fn classification(rows: &[Call], threshold: f64, weight: impl Fn(usize) -> u32) -> [f64; 6] {
    let mut ranking = Ranking::default();
    let mut loss = 0.0;
    let mut first = 0;
    for tied in rows.chunk_by(|a, b| a.probability == b.probability) {
        let (mut tied_yes, mut tied_no) = (0, 0);
        for (i, row) in tied.iter().enumerate() {
            let times = weight(first + i);
            loss += f64::from(times) * row.loss;
            *if row.yes { &mut tied_yes } else { &mut tied_no } += u64::from(times);
        }
        ranking.tied(tied_yes as f64, tied_no as f64);
        first += tied.len();
    }
    let confusion = Confusion::<f64>::from(confusion(rows, threshold, weight));
    Metric::CLASSIFICATION.map(|metric| match metric {
        Metric::RocAuc => ranking.roc_auc(),
        Metric::LogLoss => loss / (ranking.yes + ranking.no),
        share => confusion.share(share),
    })
}

fn confusion(rows: &[Call], threshold: f64, weight: impl Fn(usize) -> u32) -> Confusion {
    let mut counts = Confusion::default();
    for (i, row) in rows.iter().enumerate() {
        *match (row.probability >= threshold, row.yes) {
            (true, true) => &mut counts.true_yes,
            (true, false) => &mut counts.false_yes,
            (false, true) => &mut counts.false_no,
            (false, false) => &mut counts.true_no,
        } += u64::from(weight(i));
    }
    counts
}
