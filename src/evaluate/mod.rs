//! How well predictions fit what came true: metrics with intervals, gates, and the pages that show them.
//!
//! [`Examples`] -> [`Evaluation`] (metrics with intervals) -> [`Comparison`] (beside the baseline and the approved
//! version: `evaluation.json`) -> [`Gate`] (checks) and [`page`](page::page) (`evaluation.html`). All pure: no clock,
//! no file, no log. [`scoring`] gives the predictions of any model; [`crate::registry::evaluation`] those of versions.

pub mod bootstrap;
mod charts;
pub(crate) mod curves;
pub mod gate;
pub mod metrics;
pub mod page;
pub mod report;
pub mod scoring;

pub use bootstrap::Interval;
pub use gate::{Against, Gate, GateCheck};
pub use metrics::{Confusion, Examples, Metric, Ranking, Task};
pub use report::{Report, Trials};

use metrics::Rows;
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
    /// None for a regression.
    pub confusion: Option<Confusion>,
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
    /// for yes or no `binary_classification_metrics`, and `confusion`. What is undefined is null.
    pub fn json(&self) -> Value {
        let metrics: Map<String, Value> = self.scores.iter().map(|s| (s.metric.name().into(), s.json())).collect();
        match (self.task, self.confusion) {
            (Task::Regression, _) => json!({ "rows": self.rows, "regression_metrics": metrics }),
            (Task::Classification { threshold }, confusion) => json!({
                "rows": self.rows,
                "binary_classification_metrics": metrics,
                "threshold": threshold,
                "confusion": confusion.map(|Confusion { true_yes, false_yes, true_no, false_no }| json!({
                    "true_yes": true_yes, "false_yes": false_yes, "true_no": true_no, "false_no": false_no,
                })),
            }),
        }
    }
}

impl Evaluation {
    /// What [`Evaluation::json`] wrote, or an `evaluation.json`. None if it is something else.
    pub fn of_json(json: &Value) -> Option<Evaluation> {
        let (metrics, task) = match json.get("regression_metrics") {
            Some(metrics) => (metrics, Task::Regression),
            None => {
                let threshold = json.get("threshold")?.as_f64()?;
                (
                    json.get("binary_classification_metrics")?,
                    Task::Classification { threshold },
                )
            }
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
}

/// Always the same prediction: the mean of the training target, or the share of yes in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    pub prediction: f64,
    pub evaluation: Evaluation,
}

/// The version that is approved now.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// `group/version`
    pub version: String,
    pub evaluation: Evaluation,
}

impl Comparison {
    /// `baseline`: the mean of the training target. `approved`: the approved version's name, its own threshold if it has
    /// one, and its predictions for the same rows.
    ///
    /// # Panics
    /// If there are not as many predictions as examples.
    pub fn of(
        task: Task,
        examples: &Examples,
        baseline: f64,
        approved: Option<(&str, Task, &[f64])>,
        seed: u64,
    ) -> Comparison {
        let actual = examples.actual;
        let evaluate = |task, predicted: &[f64]| Evaluation::of(task, &Examples { actual, predicted }, seed);
        Comparison {
            candidate: evaluate(task, examples.predicted),
            baseline: Baseline {
                prediction: baseline,
                evaluation: evaluate(task, &vec![baseline; actual.len()]),
            },
            approved: approved.map(|(version, task, predicted)| Approved {
                version: version.into(),
                evaluation: evaluate(task, predicted),
            }),
        }
    }

    /// `evaluation.json`: the candidate's [`Evaluation::json`] with `format_version`, `baseline` (and its `prediction`)
    /// and `approved` (and its `version`; null if there is none), both of the same shape.
    pub fn json(&self) -> Value {
        let mut json = self.candidate.json();
        json["format_version"] = FORMAT_VERSION.into();
        json["baseline"] = self.baseline.evaluation.json();
        json["baseline"]["prediction"] = self.baseline.prediction.into();
        json["approved"] = self.approved.as_ref().map_or(Value::Null, |approved| {
            let mut json = approved.evaluation.json();
            json["version"] = approved.version.clone().into();
            json
        });
        json
    }
}

#[cfg(test)]
mod tests;
