//! Columns in, predictions out. Pure: a model knows no files beyond the bytes of its artifact, no clock and no log.

mod linear;

pub use linear::Linear;

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an artifact is written down; the manifest's `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON: `{"features": [..], "coefficients": [..], "intercept": b, "link": "identity" | "logit"}`.
    Linear,
}

impl Format {
    /// The artifact's file name inside a version's folder.
    pub fn artifact_name(self) -> &'static str {
        match self {
            Format::Linear => "linear.json",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Format, String> {
        match word {
            "linear" => Ok(Format::Linear),
            _ => Err("the formats are: linear".into()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Linear => f.write_str("linear"),
        }
    }
}

/// The type of a column that a model takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// IEEE 754 double.
    Float64,
}

/// One column of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
}

/// A model's input columns and output columns, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub inputs: Vec<Column>,
    pub outputs: Vec<Column>,
}

/// Why an artifact is not a model.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Defect(pub String);

/// A model, ready to score.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    Linear(Linear),
}

impl Model {
    /// Reads an artifact. Refuses whatever could only be scored almost right.
    pub fn parse(format: Format, artifact: &[u8]) -> Result<Model, Defect> {
        match format {
            Format::Linear => Linear::parse(artifact).map(Model::Linear),
        }
    }

    pub fn signature(&self) -> Signature {
        match self {
            Model::Linear(model) => model.signature(),
        }
    }

    /// Predicts one number per row.
    ///
    /// `columns` holds one slice per input of the signature, all of `out.len()` values. The result of a row depends
    /// on that row alone: not on how rows are cut into batches, nor on the thread.
    pub fn predict(&self, columns: &[&[f64]], out: &mut [f64]) {
        match self {
            Model::Linear(model) => model.predict(columns, out),
        }
    }
}
