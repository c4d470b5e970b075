//! How well predictions fit what came true: metrics with intervals, gates, and the pages that show them.
//!
//! [`Examples`] -> [`Evaluation`] (metrics with intervals) -> [`Comparison`] (beside the baseline and the approved
//! version: `evaluation.json`) -> [`Gate`] (checks) and [`page`](page::page) (`evaluation.html`). All pure: no clock,
//! no file, no log. [`scoring`] gives the predictions of any model; [`crate::registry::evaluation`] those of versions.
//! Beside the metrics stand [`details`]: what the data looks like ([`data`]), [`importance`], [`slices`].

mod bars;
pub mod bootstrap;
mod charts;
pub(crate) mod curves;
pub mod data;
pub mod details;
pub mod gate;
pub mod importance;
pub mod inputs;
pub mod metrics;
pub(crate) mod multiclass;
pub mod page;
mod paired;
pub mod report;
mod rows;
pub mod scoring;
pub mod slices;
mod thresholds;

pub use bootstrap::Interval;
pub use gate::{Against, Gate, GateCheck};
pub use metrics::{Confusion, Examples, Metric, Predictions, Ranking, Task};
pub use multiclass::{ByClass, OneClass};
pub use report::{Report, Trials};
pub use rows::figure;

use rows::Rows;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Of the intervals' resamples: the same figures each time.
pub const SEED: u64 = 0;

/// Of `evaluation.json`; a new one where a reader of the old would be misled.
const FORMAT_VERSION: u32 = 1;

/// How well some predictions fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub task: Task,
    pub rows: usize,
    /// The task's metrics, in the order of [`Metric::of`].
    pub scores: Vec<Score>,
    /// Of yes and no.
    pub confusion: Option<Confusion>,
    /// Of several classes.
    pub by_class: Option<ByClass>,
}

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    pub metric: Metric,
    /// None where it is undefined: see [`Metric`].
    pub value: Option<f64>,
    /// 95 %.
    pub interval: Option<Interval>,
}

impl Evaluation {
    /// The same seed and number of rows draw the same rows for the intervals. If a value is not finite, all metrics are
    /// undefined.
    ///
    /// # Panics
    /// If there are not as many predictions as examples.
    pub fn of(task: Task, examples: &Examples, seed: u64) -> Evaluation {
        let rows = Rows::new(task, examples);
        let figures = rows.metrics(|_| 1);
        let intervals = bootstrap::intervals(task, &rows, &figures, seed);
        let scores = Metric::of(task).iter().zip(figures).zip(intervals);
        Evaluation {
            task,
            rows: examples.actual.len(),
            scores: scores
                .map(|((&metric, value), interval)| Score {
                    metric,
                    value,
                    interval,
                })
                .collect(),
            confusion: rows.confusion(),
            by_class: rows.by_class(),
        }
    }

    pub fn score(&self, metric: Metric) -> Option<&Score> {
        self.scores.iter().find(|score| score.metric == metric)
    }

    /// None where it is undefined, or none of the task's.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.score(Metric::named(name)?)?.value
    }

    /// The figure that stands for the model where there is room for one.
    pub fn main(&self) -> &Score {
        &self.scores[0]
    }

    /// `{"rows": 20, "regression_metrics": {"r2": {"value": 0.47, "interval": {"lower": 0.05, "upper": 0.68}}, ...}}`;
    /// for yes or no `binary_classification_metrics`, and `confusion`; of several classes `multiclass_classification_metrics`,
    /// and what is in [`ByClass`]. What is undefined is null.
    pub fn json(&self) -> Value {
        let metrics: Map<String, Value> = self.scores.iter().map(|s| (s.metric.name().into(), s.json())).collect();
        match self.task {
            Task::Regression => json!({ "rows": self.rows, "regression_metrics": metrics }),
            Task::Multiclass { .. } => json!({
                "rows": self.rows,
                "multiclass_classification_metrics": metrics,
                "confusion_matrix": self.by_class.as_ref().map(|by| &by.confusion_matrix),
                "per_class": self.by_class.as_ref().map(|by| &by.per_class),
            }),
            Task::Classification { threshold } => json!({
                "rows": self.rows,
                "binary_classification_metrics": metrics,
                "threshold": threshold,
                "confusion": self.confusion.map(|Confusion { true_yes, false_yes, true_no, false_no }| json!({
                    "true_yes": true_yes, "false_yes": false_yes, "true_no": true_no, "false_no": false_no,
                })),
            }),
        }
    }
}

impl Evaluation {
    /// What [`Evaluation::json`] wrote, or an `evaluation.json`. None if it is something else.
    pub fn of_json(json: &Value) -> Option<Evaluation> {
        let metrics = |of: &str| json.get(of);
        let (metrics, task) = if let Some(metrics) = metrics("regression_metrics") {
            (metrics, Task::Regression)
        } else if let Some(metrics) = metrics("binary_classification_metrics") {
            let threshold = json.get("threshold")?.as_f64()?;
            (metrics, Task::Classification { threshold })
        } else {
            let classes = ["classes", "per_class"].iter().find_map(|of| json.get(of)?.as_array());
            let classes = classes?.len();
            (
                metrics("multiclass_classification_metrics")?,
                Task::Multiclass { classes },
            )
        };
        let count = |name: &str| json.get("confusion")?.get(name)?.as_u64();
        let confusion = || {
            Some(Confusion {
                true_yes: count("true_yes")?,
                false_yes: count("false_yes")?,
                true_no: count("true_no")?,
                false_no: count("false_no")?,
            })
        };
        Some(Evaluation {
            task,
            rows: usize::try_from(json.get("rows")?.as_u64()?).ok()?,
            scores: Metric::of(task)
                .iter()
                .map(|&metric| Score::of_json(metric, metrics))
                .collect(),
            confusion: confusion(),
            by_class: ByClass::deserialize(json).ok(),
        })
    }
}

impl Score {
    fn of_json(metric: Metric, metrics: &Value) -> Score {
        let score = &metrics[metric.name()];
        let end = |name: &str| score["interval"][name].as_f64();
        let interval = end("lower").zip(end("upper"));
        Score {
            metric,
            value: score["value"].as_f64(),
            interval: interval.map(|(lower, upper)| Interval { lower, upper }),
        }
    }

    fn json(&self) -> Value {
        let interval = self
            .interval
            .map(|Interval { lower, upper }| json!({ "lower": lower, "upper": upper }));
        json!({ "value": self.value, "interval": interval })
    }
}

/// A candidate beside what it has to be better than, on the same rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub candidate: Evaluation,
    pub baseline: Baseline,
    pub approved: Option<Approved>,
    /// The names of several classes; empty for other tasks.
    pub classes: Vec<String>,
}

/// Always the same prediction: the mean of the training target, or the share of yes in it; of several classes the share of
/// each, which calls the most frequent.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// One number, or one for each of several classes.
    pub prediction: Vec<f64>,
    pub evaluation: Evaluation,
}

/// What another version predicts for the same rows.
#[derive(Clone, Copy, Debug)]
pub struct Opponent<'a> {
    /// `group/version`
    pub version: &'a str,
    /// With its own threshold, if it has one.
    pub task: Task,
    pub predictions: &'a Predictions,
}

/// The version that is approved now.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// `group/version`
    pub version: String,
    pub evaluation: Evaluation,
    /// Of each metric the candidate's value less this one's, on the same rows.
    pub differences: Vec<Score>,
    /// Does the candidate predict the same?
    pub same: bool,
}

impl Approved {
    /// How far the candidate is from it; None where the task has no such metric.
    pub fn difference(&self, metric: Metric) -> Option<&Score> {
        self.differences.iter().find(|score| score.metric == metric)
    }
}

impl Baseline {
    /// The mean of numbers, or the share of yes; of several classes the share of each.
    pub fn of(task: Task, target: &[f64]) -> Vec<f64> {
        let rows = target.len() as f64;
        match task {
            Task::Regression | Task::Classification { .. } => vec![target.iter().sum::<f64>() / rows],
            Task::Multiclass { classes } => {
                let mut counts = vec![0u64; classes];
                target.iter().for_each(|&class| counts[class as usize] += 1);
                counts.iter().map(|&count| count as f64 / rows).collect()
            }
        }
    }

    fn predictions(task: Task, always: &[f64], rows: usize) -> Predictions {
        match task {
            Task::Regression | Task::Classification { .. } => Predictions::plain(vec![always[0]; rows]),
            Task::Multiclass { .. } => {
                // Of equal shares the first.
                let most = (0..always.len()).rev().max_by(|&a, &b| always[a].total_cmp(&always[b]));
                Predictions {
                    predicted: vec![most.unwrap_or(0) as f64; rows],
                    probabilities: always.iter().map(|&share| vec![share; rows]).collect(),
                }
            }
        }
    }
}

impl Comparison {
    /// `baseline`: what is always predicted, as [`Baseline::prediction`]. `classes`: the names of several, in order.
    ///
    /// # Panics
    /// If there are not as many predictions as examples, or of several classes not a baseline for each.
    pub fn of(
        task: Task,
        examples: &Examples,
        baseline: &[f64],
        approved: Option<Opponent>,
        classes: &[&str],
        seed: u64,
    ) -> Comparison {
        let actual = examples.actual;
        let constant = Evaluation::of(
            task,
            &Baseline::predictions(task, baseline, actual.len()).beside(actual),
            seed,
        );
        Comparison {
            candidate: Evaluation::of(task, examples, seed),
            baseline: Baseline {
                prediction: baseline.to_vec(),
                evaluation: constant,
            },
            approved: approved.map(|approved| Approved {
                version: approved.version.into(),
                evaluation: Evaluation::of(approved.task, &approved.predictions.beside(actual), seed),
                differences: paired::differences(task, examples, approved, seed),
                same: task == approved.task
                    && examples.predicted == approved.predictions.predicted
                    && examples.probabilities == approved.predictions.probabilities,
            }),
            classes: match task {
                Task::Multiclass { .. } => classes.iter().map(|name| name.to_string()).collect(),
                Task::Regression | Task::Classification { .. } => Vec::new(),
            },
        }
    }

    /// `evaluation.json`: the candidate's [`Evaluation::json`] with `format_version`, `baseline` (and its `prediction`)
    /// and `approved` (and its `version`; null if there is none), both of the same shape; `approved.difference` is of each metric
    /// the candidate's value less the approved version's. Of several classes with their names, `classes`.
    pub fn json(&self) -> Value {
        let mut json = self.candidate.json();
        json["format_version"] = FORMAT_VERSION.into();
        json["baseline"] = self.baseline.evaluation.json();
        json["baseline"]["prediction"] = match &self.baseline.prediction[..] {
            [one] => (*one).into(),
            shares => shares.into(),
        };
        json["approved"] = self.approved.as_ref().map_or(Value::Null, |approved| {
            let mut json = approved.evaluation.json();
            json["version"] = approved.version.clone().into();
            let of_metric = approved.differences.iter();
            json["difference"] = of_metric
                .map(|score| (score.metric.name().to_string(), score.json()))
                .collect();
            json
        });
        if !self.classes.is_empty() {
            json["classes"] = self.classes.clone().into();
            for of in ["/per_class", "/baseline/per_class", "/approved/per_class"] {
                let of = json.pointer_mut(of).and_then(Value::as_array_mut);
                for (class, name) in of.into_iter().flatten().zip(&self.classes) {
                    class["class"] = name.clone().into();
                }
            }
        }
        json
    }
}

#[cfg(test)]
mod tests;
