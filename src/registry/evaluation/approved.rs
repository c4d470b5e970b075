//! What the version that is approved now predicts for some rows: what a candidate is held against.

use crate::error::{Error, Result};
use crate::evaluate::Task;
use crate::evaluate::scoring::{Target, predictions};
use crate::format::csv::table::Table;
use crate::registry::Registry;

/// Yes from this probability on, where a model has none of its own.
pub const THRESHOLD: f64 = 0.5;

/// The approved version's predictions.
pub enum Predictions {
    /// No version is approved.
    Nothing,
    Version {
        name: String,
        task: Task,
        predicted: Vec<f64>,
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
        let (theirs, classes) = (target.classes.as_ref(), against.classes.as_ref());
        let turned = theirs
            .zip(classes)
            .is_some_and(|([a, b], [no, yes])| (a, b) == (yes, no));
        let both_numbers = matches!((against.task, target.task), (Task::Regression, Task::Regression));
        if !(both_numbers || turned || theirs.is_some() && theirs == classes) {
            return not("it predicts something else".into());
        }
        let all = match predictions(&model, &target, table) {
            Ok(scored) => scored.predicted,
            Err(why) => return not(why),
        };
        let mut predicted: Vec<f64> = rows.iter().filter_map(|&row| all[row]).collect();
        if predicted.len() < rows.len() {
            return not(format!(
                "it can't score {} of the {} rows",
                rows.len() - predicted.len(),
                rows.len()
            ));
        }
        let mut task = target.task;
        if let (true, Task::Classification { threshold }) = (turned, &mut task) {
            *threshold = 1.0 - *threshold;
            predicted.iter_mut().for_each(|p| *p = 1.0 - *p);
        }
        Ok(Predictions::Version {
            name: identity.to_string(),
            task,
            predicted,
        })
    }

    /// For `Comparison::of`.
    pub fn comparable(&self) -> Option<(&str, Task, &[f64])> {
        match self {
            Predictions::Version { name, task, predicted } => Some((name, *task, predicted)),
            Predictions::Nothing | Predictions::Incomparable(_) => None,
        }
    }
}
