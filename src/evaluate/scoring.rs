//! A model's predictions of labelled rows, by the way that inputs take: whatever its format, what is evaluated is what would
//! be published.

use super::Task;
use super::report::count;
use crate::format;
use crate::format::csv::table::Table;
use crate::model::{Category, Model, Type};
use crate::problem::{Code, Problem};
use crate::score::unknown::{self, UnknownCounts};
use crate::score::{Spelling, label, predict};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a model's predictions are, for evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub task: Task,
    /// Of a classification: no, and yes.
    pub classes: Option<[String; 2]>,
}

impl Target {
    /// `threshold`: yes from this probability on.
    ///
    /// # Errors
    /// If the model gives several numbers, or has other than two classes.
    pub fn of(model: &Model, threshold: f64) -> Result<Target, String> {
        let outputs = &model.signature().outputs;
        match &outputs[..] {
            [one] if one.kind != Type::Category => Ok(Target {
                task: Task::Regression,
                classes: None,
            }),
            [label, _, _] if label.categories.len() == 2 => {
                let name = |category: &Category| category.to_string();
                Ok(Target {
                    task: Task::Classification { threshold },
                    classes: Some([name(&label.categories[0]), name(&label.categories[1])]),
                })
            }
            [label, ..] if label.kind == Type::Category => Err(format!(
                "a classification of {} classes can't be evaluated yet; two with probabilities can",
                label.categories.len()
            )),
            _ => Err(format!(
                "a model of {} outputs can't be evaluated; one number can",
                outputs.len()
            )),
        }
    }

    /// The output column that is evaluated.
    fn column(&self) -> usize {
        if self.classes.is_some() { 2 } else { 0 }
    }

    /// Labels as they stand in a CSV -> 1 for yes and 0 for no. `spelling`: of the CSV.
    ///
    /// # Errors
    /// The first label that is neither.
    pub fn actual(&self, labels: &[String], spelling: &Spelling) -> Result<Vec<f64>, String> {
        let Some(classes) = &self.classes else {
            return Err("numbers have no labels".into());
        };
        let place = |label: &String| match label::class(label, classes, spelling) {
            Some(place) => Ok(place as f64),
            None => Err(format!(
                "the label {label:?} is neither {:?} nor {:?}",
                classes[0], classes[1]
            )),
        };
        labels.iter().map(place).collect()
    }
}

/// What a model says of a CSV.
pub struct Scored {
    /// Of each row the prediction, a number or the probability of yes; none for bad rows.
    pub predicted: Vec<Option<f64>>,
    /// Categories that it doesn't know.
    pub unknown: UnknownCounts,
    /// Why rows are bad: how many are for each reason, and the line of the first.
    pub bad: BTreeMap<String, (u64, u64)>,
    /// What such a line is in the file.
    pub unit: &'static str,
}

impl Scored {
    /// The commonest reasons, for people; empty if no row is bad.
    pub fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.bad.iter().collect();
        reasons.sort_by_key(|(_, (rows, _))| Reverse(*rows));
        let shown = |(reason, (rows, line)): &(&String, &(u64, u64))| {
            format!("{reason} ({}, the first on {} {line})", count(*rows, "row"), self.unit)
        };
        let mut shown: Vec<String> = reasons.iter().take(3).map(shown).collect();
        if reasons.len() > 3 {
            shown.push("…".into());
        }
        shown.join("; ")
    }
}

/// The model's predictions for all rows.
///
/// # Errors
/// Why the CSV can't be scored.
pub fn predictions(model: &Arc<Model>, target: &Target, table: &Table) -> Result<Scored, String> {
    let signature = model.signature();
    let output = &signature.outputs[target.column()];
    let (mut predicted, mut out) = (Vec::new(), Vec::new());
    let mut counts = vec![0; signature.inputs.len()];
    let mut bad = BTreeMap::new();
    let read = table.batches::<Problem>(signature, |reader, page| {
        let rows = reader.batch.rows();
        out.resize(signature.outputs.len() * rows, 0.0);
        predict(model, &mut reader.batch, &mut out);
        let start = predicted.len();
        // As it would be published: the digits of single precision are no more than it has.
        let published = |&x: &f64| format::text(output, x).parse().ok();
        predicted.extend(out[target.column() * rows..][..rows].iter().map(published));
        for flaw in reader.batch.bad() {
            predicted[start + flaw.row as usize] = None;
            let first = || (0, page.line(reader, flaw.row as usize));
            bad.entry(reader.reason(flaw)).or_insert_with(first).0 += 1;
        }
        reader.batch.count_unknown(model, &mut counts);
        Ok(())
    });
    match read {
        Ok(()) => {
            let mut unknown = UnknownCounts::new();
            unknown::add(&mut unknown, signature, &counts);
            Ok(Scored {
                predicted,
                unknown,
                bad,
                unit: table.origin.unit(),
            })
        }
        // The hint to this one is about files without a header.
        Err(problem) if problem.code == Code::NoSuchColumn => Err(problem.to_string()),
        Err(problem) => Err(format!("{problem}; {}", problem.hint)),
    }
}
