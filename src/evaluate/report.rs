//! What a page shows, and the parts that it is made of.

use super::details::Details;
use super::{Comparison, Examples, GateCheck};
use crate::plot::Plot;

/// All that the page shows. Texts may hold anything: they are escaped.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Such as `diabetes/3`, or `diabetes, candidate`.
    pub title: &'a str,
    /// When, by what, from which data: names and values, in the order in which they are shown.
    pub facts: &'a [(String, String)],
    /// The target column's name.
    pub target: &'a str,
    /// The target's unit, where it is known.
    pub unit: Option<&'a str>,
    /// The classes' names: no and yes, or several; empty for a regression.
    pub classes: &'a [&'a str],
    pub comparison: &'a Comparison,
    /// What the baseline's constant is the mean of, such as `the training target`.
    pub baseline_of: &'a str,
    /// What the comparison was made from.
    pub examples: Examples<'a>,
    /// The gate's checks; empty if there is no gate.
    pub checks: &'a [GateCheck],
    /// What training warned of.
    pub warnings: &'a [String],
    /// Terms and their coefficients; empty for models that have none.
    pub coefficients: &'a [(String, f64)],
    /// After each iteration; empty for trainers that have none.
    pub loss: &'a [f64],
    /// None if there was no search.
    pub trials: Option<&'a Trials>,
    /// What was found beside the metrics.
    pub details: &'a Details,
}

/// What a search tried: a table, the best trial first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// The one that the model was made by.
    pub chosen: usize,
}

impl Report<'_> {
    /// An axis's label.
    pub(super) fn label(&self, what: &str) -> String {
        self.with_unit(format!("{what} {}", self.target))
    }

    pub(super) fn residual(&self) -> String {
        self.with_unit("residual: actual \u{2212} predicted".into())
    }

    fn with_unit(&self, label: String) -> String {
        match self.unit {
            Some(unit) => format!("{label} ({unit})"),
            None => label,
        }
    }

    pub(super) fn no_and_yes(&self) -> [&str; 2] {
        match self.classes {
            [no, yes] => [no, yes],
            _ => ["no", "yes"],
        }
    }
}

/// Classes of lines, bars and legends, in order.
pub(super) const COLOURS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];

/// A plot with what is said of it.
pub(super) struct Figure {
    pub title: &'static str,
    /// What the first colour is, the second and so on.
    pub legend: Vec<String>,
    pub note: String,
    pub svg: String,
}

impl Figure {
    pub fn new(title: &'static str, note: impl Into<String>, plot: Plot) -> Figure {
        Figure {
            title,
            legend: vec![],
            note: note.into(),
            svg: plot.svg(title),
        }
    }
}

/// Names and values for a page; without those that are empty.
pub fn facts(facts: &[(&str, &str)]) -> Vec<(String, String)> {
    let present = facts.iter().filter(|(_, value)| !value.is_empty());
    present
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}
