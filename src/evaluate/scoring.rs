//! A model's predictions of labelled rows, by the way that inputs take: whatever its format, what is evaluated is what would
//! be published.

use super::{Predictions, Task};
use crate::digits::count;
use crate::format;
use crate::format::csv::table::Table;
use crate::model::{Category, Column, Model, Type};
use crate::problem::{Code, Problem, quoted};
use crate::score::unknown::{self, UnknownCounts};
use crate::score::{Spelling, label, predict};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a model's predictions are, for evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub task: Task,
    /// None of a number. Two: no, and yes; or more, or two without probabilities.
    pub classes: Option<Vec<String>>,
}

impl Target {
    /// `threshold`: yes from this probability on.
    ///
    /// # Errors
    /// If the model gives several numbers, or one class.
    pub fn of(model: &Model, threshold: f64) -> Result<Target, String> {
        let outputs = &model.signature().outputs;
        match &outputs[..] {
            [one] if one.kind != Type::Category => Ok(Target {
                task: Task::Regression,
                classes: None,
            }),
            [label, ..] if label.kind == Type::Category => {
                let task = match label.categories.len() {
                    2 if !probabilities(outputs).is_empty() => Task::Classification { threshold },
                    classes @ 2.. => Task::Multiclass { classes },
                    _ => return Err("a model of one class can't be evaluated".into()),
                };
                Ok(Target {
                    task,
                    classes: Some(label.categories.iter().map(Category::to_string).collect()),
                })
            }
            _ => Err(format!(
                "a model of {} outputs can't be evaluated; one number can",
                outputs.len()
            )),
        }
    }

    /// The output column that is evaluated: of yes and no the probability of yes, of several classes the label.
    pub(super) fn column(&self) -> usize {
        match self.task {
            Task::Regression | Task::Multiclass { .. } => 0,
            Task::Classification { .. } => 2,
        }
    }

    /// Labels as they stand in a CSV -> the places of their classes: 1 for yes and 0 for no. `spelling`: of the CSV.
    ///
    /// # Errors
    /// The first label that is none of them.
    pub fn actual(&self, labels: &[String], spelling: &Spelling) -> Result<Vec<f64>, String> {
        let Some(classes) = &self.classes else {
            return Err("numbers have no labels".into());
        };
        let place = |label: &String| match label::class(label, classes, spelling) {
            Some(place) => Ok(place as f64),
            None => Err(match &classes[..] {
                [no, yes] => format!("the label {label:?} is neither {no:?} nor {yes:?}"),
                more => format!("the label {label:?} is none of the model's classes, {}", quoted(more)),
            }),
        };
        labels.iter().map(place).collect()
    }
}

/// Of a classification, a column for each class; none where it gives labels alone, or with scores that are no probabilities.
fn probabilities(outputs: &[Column]) -> &[Column] {
    match outputs {
        [label, each @ ..]
            if each.len() == label.categories.len() && each.iter().all(|of| of.name.starts_with("probability_")) =>
        {
            each
        }
        _ => &[],
    }
}

/// What a model says of a CSV.
pub struct Scored {
    /// Of each row the prediction, a number, the probability of yes, or of several classes the place of one; none for bad rows.
    pub predicted: Vec<Option<f64>>,
    /// Of several classes, `[class][row]`, where the model gives them.
    pub probabilities: Vec<Vec<f64>>,
    /// Categories that it doesn't know.
    pub unknown: UnknownCounts,
    /// Why rows are bad: how many are for each reason, and the line of the first.
    pub bad: BTreeMap<String, (u64, u64)>,
    /// What such a line is in the file.
    pub unit: &'static str,
}

impl Scored {
    /// The rows that aren't bad.
    pub fn good(&self) -> Vec<usize> {
        (0..self.predicted.len())
            .filter(|&row| self.predicted[row].is_some())
            .collect()
    }

    /// Of some rows; or how many of them are bad.
    ///
    /// # Errors
    /// That number.
    pub fn of(&self, rows: &[usize]) -> Result<Predictions, usize> {
        let predicted: Vec<f64> = rows.iter().filter_map(|&row| self.predicted[row]).collect();
        if predicted.len() < rows.len() {
            return Err(rows.len() - predicted.len());
        }
        let of_class = |all: &Vec<f64>| rows.iter().map(|&row| all[row]).collect();
        Ok(Predictions {
            predicted,
            probabilities: self.probabilities.iter().map(of_class).collect(),
        })
    }

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
    let outputs = &signature.outputs;
    let (mut predicted, mut out) = (Vec::new(), Vec::new());
    let mut by_class = match target.task {
        Task::Multiclass { .. } => vec![Vec::new(); probabilities(outputs).len()],
        Task::Regression | Task::Classification { .. } => Vec::new(),
    };
    let mut counts = vec![0; signature.inputs.len()];
    let mut bad = BTreeMap::new();
    let read = table.batches::<Problem>(signature, |reader, page| {
        let rows = reader.batch.rows();
        out.resize(outputs.len() * rows, 0.0);
        predict(model, &mut reader.batch, &mut out);
        let start = predicted.len();
        // As it would be published: the digits of single precision are no more than it has.
        let published = |output: usize| {
            let label = outputs[output].kind == Type::Category;
            out[output * rows..][..rows].iter().map(move |&x| match label {
                true => x,
                false => format::text(&outputs[output], x).parse().unwrap_or(f64::NAN),
            })
        };
        predicted.extend(published(target.column()).map(Some));
        for (class, all) in by_class.iter_mut().enumerate() {
            all.extend(published(1 + class));
        }
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
                probabilities: by_class,
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
