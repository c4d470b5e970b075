//! What is found of rows and model beside the metrics: what the data looks like, what the inputs are worth, how well groups of rows
//! are predicted.

use super::Metric;
use super::data::Column;
use super::importance::Importance;
use super::slices::{self, Slices};
use crate::model::{Gain, Library};
use serde_json::Value;

/// Nothing, where nobody looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// The model's inputs, in its order.
    pub columns: Vec<Column>,
    /// Which rows their training side is of, in words, where they have one.
    pub trained_on: Option<String>,
    pub importance: Option<Importance>,
    /// Of boosted trees that keep it; by the inputs of `importance`.
    pub gain: Option<Gain>,
    /// By the columns that have groups.
    pub slices: Vec<Slices>,
}

impl Details {
    /// Adds `importance`, the largest drop first, and `slices` to an `evaluation.json`.
    pub fn add_to(&self, metric: Metric, json: &mut Value) {
        let mut importance = self.importance.as_ref().map_or(Value::Null, Importance::json);
        if let (Some(gain), Some(inputs)) = (&self.gain, importance["inputs"].as_array_mut()) {
            for (input, splits) in inputs.iter_mut().zip(&gain.inputs) {
                input["gain"] = gain.figure(splits).into();
                input["total_gain"] = splits.total.into();
                input["splits"] = splits.count.into();
            }
            importance["gain"] = match gain.counted_by {
                Library::Xgboost => "mean of the input's splits (XGBoost)",
                Library::Lightgbm => "sum of the input's splits (LightGBM)",
            }
            .into();
        }
        if let Some(inputs) = importance["inputs"].as_array_mut() {
            let drop = |input: &Value| input["mean"].as_f64().unwrap_or(f64::NEG_INFINITY);
            inputs.sort_by(|a, b| drop(b).total_cmp(&drop(a)));
        }
        json["importance"] = importance;
        json["slices"] = slices::json(metric, &self.slices);
    }
}
