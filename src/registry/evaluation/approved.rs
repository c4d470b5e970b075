//! What the version that is approved now predicts for some rows: what a candidate is held against.

use crate::error::{Error, Result};
use crate::evaluate::scoring::{Target, predictions};
use crate::evaluate::{self, Opponent, Task};
use crate::format::csv::table::Table;
use crate::registry::Registry;
use std::mem::discriminant;

/// Yes from this probability on, where a model has none of its own.
pub const THRESHOLD: f64 = 0.5;

/// The approved version's predictions.
pub enum Predictions {
    /// No version is approved.
    Nothing,
    Version {
        name: String,
        task: Task,
        predictions: evaluate::Predictions,
    },
    /// Why they can't be compared.
    Incomparable(String),
}

impl Predictions {
    /// Scores a CSV by the approved version. `rows`: the places of those that are compared, ascending. `against`: what
    /// its predictions are held against.
    ///
    /// # Errors
    /// If the approved version is damaged.
    pub fn find(registry: &Registry, table: &Table, rows: &[usize], against: &Target) -> Result<Predictions> {
        let identity = match registry.latest_approved() {
            Err(Error::NoModel { .. }) => return Ok(Predictions::Nothing),
            found => found?,
        };
        let not = |what: String| {
            let why = format!("the approved version {identity} can't be compared: {what}");
            Ok(Predictions::Incomparable(why))
        };
        let model = registry.prove(identity.version)?.model;
        let target = match Target::of(&model, model.threshold().unwrap_or(THRESHOLD)) {
            Ok(target) => target,
            Err(why) => return not(why),
        };
        let order = match (&target.classes, &against.classes) {
            (None, None) => Vec::new(),
            (Some(theirs), Some(ours)) => match order(theirs, ours) {
                Some(order) => order,
                None => return not("it has other classes".into()),
            },
            _ => return not("it predicts something else".into()),
        };
        if discriminant(&target.task) != discriminant(&against.task) {
            return not("one of the two gives labels without probabilities".into());
        }
        let found = predictions(&model, &target, table).and_then(|scored| {
            let lacking = |bad| format!("it can't score {bad} of the {} rows", rows.len());
            scored.of(rows).map_err(lacking)
        });
        let (task, predictions) = match found {
            Ok(predictions) => in_order(&order, target.task, predictions),
            Err(why) => return not(why),
        };
        Ok(Predictions::Version {
            name: identity.to_string(),
            task,
            predictions,
        })
    }

    /// For `Comparison::of`.
    pub fn comparable(&self) -> Option<Opponent<'_>> {
        match self {
            Predictions::Version {
                name,
                task,
                predictions,
            } => Some(Opponent {
                version: name,
                task: *task,
                predictions,
            }),
            Predictions::Nothing | Predictions::Incomparable(_) => None,
        }
    }
}

/// Of each of our classes its place among theirs; none if they are others.
fn order(theirs: &[String], ours: &[String]) -> Option<Vec<usize>> {
    let place = |ours: &String| theirs.iter().position(|theirs| theirs == ours);
    let order: Option<Vec<usize>> = ours.iter().map(place).collect();
    order.filter(|order| order.len() == theirs.len())
}

/// As if the model had its classes in our order.
fn in_order(order: &[usize], task: Task, of: evaluate::Predictions) -> (Task, evaluate::Predictions) {
    let evaluate::Predictions {
        predicted,
        mut probabilities,
    } = of;
    match task {
        Task::Classification { threshold } if order == [1, 0] => {
            let turned = predicted.iter().map(|p| 1.0 - p).collect();
            let task = Task::Classification {
                threshold: 1.0 - threshold,
            };
            (task, evaluate::Predictions::plain(turned))
        }
        Task::Multiclass { .. } => {
            let ours = |theirs: f64| order.iter().position(|&place| place as f64 == theirs);
            let predictions = evaluate::Predictions {
                // A label that can't be told stays one.
                predicted: predicted
                    .iter()
                    .map(|&p| ours(p).map_or(f64::NAN, |p| p as f64))
                    .collect(),
                probabilities: match probabilities.is_empty() {
                    true => probabilities,
                    false => order
                        .iter()
                        .map(|&theirs| std::mem::take(&mut probabilities[theirs]))
                        .collect(),
                },
            };
            (task, predictions)
        }
        Task::Regression | Task::Classification { .. } => (task, evaluate::Predictions::plain(predicted)),
    }
}
