//! What is held against a baseline, one figure at a time. Each is reported always, also where it is fine or can't be computed.

use crate::evaluate::digits::significant;
use serde::Serialize;
use std::fmt;

/// What a check is about; the policy says by area what becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Broken data: missing, bad, of another type, beyond all bounds.
    Data,
    /// Inputs and predictions that are distributed otherwise.
    Drift,
    /// Groups of people that are treated otherwise.
    Bias,
    /// What the model is worth, estimated or measured.
    Performance,
}

/// A figure, and what it is held against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    pub area: Area,
    /// `psi`, `distance`, `missing`...
    pub check: &'static str,
    /// The column; empty: all of them.
    pub column: String,
    /// The group, of bias and of what is counted by segment: `column=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// How many rows, or cells, it was computed of.
    pub n: u64,
    /// None where it can't be computed, with `why`.
    pub value: Option<f64>,
    /// What the value mustn't go beyond, in its own unit: above it, or below it where `floor` is true.
    pub bar: Option<f64>,
    #[serde(skip)]
    pub floor: bool,
    /// How large the value is by chance alone, in its own unit.
    pub noise: Option<f64>,
    /// It is beyond its bar.
    pub over: bool,
    /// Why there is no value, or what it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `missing of x: 0.41, bar 0.13`
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.check)?;
        if !self.column.is_empty() {
            write!(f, " of {}", self.column)?;
        }
        if let Some(segment) = &self.segment {
            write!(f, " in {segment}")?;
        }
        match (self.value, self.bar) {
            (Some(value), Some(bar)) => write!(f, ": {}, bar {}", significant(value, 3), significant(bar, 3)),
            (Some(value), None) => write!(f, ": {}", significant(value, 3)),
            (None, _) => write!(f, ": {}", self.why.as_deref().unwrap_or("can't be computed")),
        }
    }
}

/// Beyond what a figure is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    pub psi: f64,
}

impl Default for Bars {
    fn default() -> Bars {
        Bars { psi: 0.2 }
    }
}

/// What counts come to beside a baseline.
pub fn checks(baseline: &crate::monitor::Baseline, counts: &crate::monitor::Counts, _bars: &Bars) -> Vec<Check> {
    let columns = baseline.columns();
    let missing = columns.iter().zip(&counts.columns).map(|(column, now)| {
        let (n, value) = (now.cells(), now.missing as f64 / now.cells().max(1) as f64);
        let then = column.missing as f64 / baseline.rows.max(1) as f64;
        Check {
            area: Area::Data,
            check: "missing",
            column: column.name.clone(),
            segment: None,
            n,
            value: Some(value),
            bar: Some(then + 0.1),
            floor: false,
            noise: None,
            over: value > then + 0.1,
            why: None,
        }
    });
    missing.collect()
}
