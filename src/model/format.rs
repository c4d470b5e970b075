//! The formats of artifacts, and their files' names.

use super::xgboost;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How an artifact is written down; the manifest's `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON: `{"features": [..], "coefficients": [..], "intercept": b, "link": "identity" | "logit"}`.
    Linear,
    /// What XGBoost's `save_model` writes, JSON or UBJSON.
    Xgboost,
    /// What LightGBM's `save_model` writes.
    Lightgbm,
    /// What skl2onnx and others write; scored by ONNX Runtime.
    Onnx,
    /// What `train` writes, JSON: see [`Pipeline`](super::pipeline::Pipeline).
    Pipeline,
    /// What `models ensemble` makes of versions: JSON, see [`Plan`](super::ensemble::Plan), and the members' artifacts beside it.
    Ensemble,
}

impl Format {
    pub const ALL: [Format; 6] = [
        Format::Linear,
        Format::Xgboost,
        Format::Lightgbm,
        Format::Onnx,
        Format::Pipeline,
        Format::Ensemble,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Format::Linear => "linear",
            Format::Xgboost => "xgboost",
            Format::Lightgbm => "lightgbm",
            Format::Onnx => "onnx",
            Format::Pipeline => "pipeline",
            Format::Ensemble => "ensemble",
        }
    }

    /// The artifact's file name inside a version's folder: one that its own library takes, too.
    pub fn artifact_name(self, artifact: &[u8]) -> &'static str {
        match self {
            Format::Linear => "linear.json",
            Format::Xgboost if xgboost::is_json(artifact) => "xgboost.json",
            Format::Xgboost => "xgboost.ubj",
            Format::Lightgbm => "lightgbm.txt",
            Format::Onnx => "model.onnx",
            Format::Pipeline => "pipeline.json",
            Format::Ensemble => "ensemble.json",
        }
    }

    pub fn is_artifact_name(self, name: &str) -> bool {
        match self {
            Format::Linear => name == "linear.json",
            Format::Xgboost => matches!(name, "xgboost.json" | "xgboost.ubj"),
            Format::Lightgbm => name == "lightgbm.txt",
            Format::Onnx => name == "model.onnx",
            Format::Pipeline => name == "pipeline.json",
            Format::Ensemble => name == "ensemble.json",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Format, String> {
        let found = Format::ALL.into_iter().find(|format| format.name() == word);
        found.ok_or_else(|| format!("the formats are: {}", Format::ALL.map(Format::name).join(", ")))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
