//! What the data looked like that a model knows: what later data is counted by, and held against.

mod column;
mod outcomes;
pub mod sagemaker;
mod summary;

pub use column::{Column, Count, Values};
pub use outcomes::{Actual, Errors, Outcomes};
pub use summary::{Histogram, Quantiles, Summary};

use crate::model::{self, Signature, unicode};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// `baseline.json`.
///
/// Format 1 is the `profile.json` that training left: `format_version`, `rows` and `features` alone. Both are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub format_version: u32,
    /// Those that the features are of.
    pub rows: u64,
    /// What it was made of, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_of: Option<String>,
    /// The names of all columns that its rows had; none where nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<String>,
    /// The model's inputs, in its order.
    pub features: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// Columns that the model doesn't take, and that are looked at all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Column>,
}

/// What baselines of all formats have.
#[derive(Deserialize)]
struct Numbered {
    format_version: u32,
}

impl Baseline {
    pub const NEWEST: u32 = 2;

    /// `features`: the model's inputs, in its order.
    pub fn new(rows: usize, features: Vec<Column>) -> Baseline {
        Baseline {
            format_version: Baseline::NEWEST,
            rows: rows as u64,
            rows_of: None,
            header: Vec::new(),
            features,
            outcomes: None,
            others: Vec::new(),
        }
    }

    /// # Errors
    /// Why it is no baseline, or none that this program knows.
    pub fn parse(json: &[u8]) -> Result<Baseline, String> {
        // First: a later format may have what can't be read here.
        let Numbered { format_version } = serde_json::from_slice(json).map_err(|e| format!("not a baseline: {e}"))?;
        if !(1..=Baseline::NEWEST).contains(&format_version) {
            return Err(format!(
                "format_version {format_version} of a baseline is not known to this version of transform, which knows 1 and {}",
                Baseline::NEWEST
            ));
        }
        let baseline: Baseline = serde_json::from_slice(json).map_err(|e| format!("not a baseline: {e}"))?;
        match baseline.check() {
            Err(why) => Err(format!("not a baseline: {why}")),
            Ok(()) => Ok(baseline),
        }
    }

    /// The bytes of `baseline.json`.
    pub fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a baseline is JSON");
        json.push(b'\n');
        json
    }

    /// All columns that are counted: the model's inputs, its outputs where they are known, then others.
    pub fn columns(&self) -> Vec<&Column> {
        self.counted().chain(&self.others).collect()
    }

    /// What it knows of the model's outputs, in its order.
    pub fn outputs(&self) -> &[Column] {
        self.outcomes.as_ref().map_or(&[], |outcomes| &outcomes.columns)
    }

    /// The columns that the counts of later rows have, in their order: the model's inputs, then its outputs.
    pub fn counted(&self) -> impl Iterator<Item = &Column> {
        self.features.iter().chain(self.outputs())
    }

    /// Whether rows of this model can be counted by it.
    ///
    /// # Errors
    /// Why not: it is of another model.
    pub fn fits(&self, signature: &Signature) -> Result<(), String> {
        agree("input", &self.features, &signature.inputs)?;
        match &self.outcomes {
            Some(outcomes) => agree("output", &outcomes.columns, &signature.outputs),
            None => Ok(()),
        }
    }

    /// # Errors
    /// Why nothing can be counted by it.
    pub fn check(&self) -> Result<(), String> {
        let outputs = self.outputs();
        // An output may be called as an input is.
        let inputs = self.features.iter().chain(&self.others);
        let twice = stands_twice(inputs).or_else(|| stands_twice(outputs.iter()));
        let why = twice
            .map(|name| format!("the column {name:?} is there twice"))
            .or_else(|| self.columns().into_iter().find_map(Column::defect))
            .or_else(|| {
                let performance = self.outcomes.as_ref()?.performance.as_ref()?;
                (!performance.is_sound()).then(|| "its performance contradicts itself".to_string())
            });
        why.map_or(Ok(()), Err)
    }
}

fn stands_twice<'a>(mut columns: impl Iterator<Item = &'a Column>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    let twice = columns.find(|column| !seen.insert(unicode::name(&column.name)))?;
    Some(&twice.name)
}

/// Whether the columns are these of the model, in its order. `what`: in words.
fn agree(what: &str, columns: &[Column], wanted: &[model::Column]) -> Result<(), String> {
    for (i, wanted) in wanted.iter().enumerate() {
        let name = &wanted.name;
        let place = format!("{what} {} of the model", i + 1);
        let Some(column) = columns.get(i) else {
            return Err(format!("{place} is {name:?}, which the baseline doesn't have"));
        };
        if unicode::name(&column.name) != unicode::name(name) {
            return Err(format!("{place} is {name:?}, but the baseline's is {:?}", column.name));
        }
        let words = |numbers| if numbers { "numbers" } else { "categories" };
        if column.is_numbers() != wanted.kind.is_number() {
            return Err(format!(
                "{name:?} are {} to the model, but {} in the baseline",
                words(wanted.kind.is_number()),
                words(column.is_numbers())
            ));
        }
    }
    match columns.get(wanted.len()) {
        Some(more) => Err(format!(
            "the model has no {what} {:?}, which the baseline has",
            more.name
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
