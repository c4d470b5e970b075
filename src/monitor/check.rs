//! What is held against a baseline, one figure at a time. Each is reported always, also where it is fine or can't be computed.

use serde::Serialize;

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
