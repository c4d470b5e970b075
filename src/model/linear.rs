//! `y = link(intercept + Σ coefficient · x)`, the terms added in the order of the features.

use super::{Column, Defect, Signature, Type, logistic, unicode};
use serde::Deserialize;
use std::collections::HashSet;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    features: Vec<String>,
    coefficients: Vec<f64>,
    intercept: f64,
    #[serde(default)]
    link: Link,
}

/// What turns the linear sum into the prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Link {
    #[default]
    Identity,
    /// The sum is a log-odds; the prediction is the probability `1 / (1 + e^-sum)`.
    Logit,
}

impl Linear {
    pub fn parse(artifact: &[u8]) -> Result<Linear, Defect> {
        let model: Linear =
            serde_json::from_slice(artifact).map_err(|e| Defect(format!("not the JSON of a linear model: {e}")))?;
        if model.features.is_empty() {
            return Err(Defect("the model has no features".into()));
        }
        if model.features.len() != model.coefficients.len() {
            return Err(Defect(format!(
                "{} features but {} coefficients",
                model.features.len(),
                model.coefficients.len()
            )));
        }
        let mut seen = HashSet::new();
        for name in &model.features {
            if name.trim().is_empty() || unicode::trim(name) != name {
                return Err(Defect(format!(
                    "feature name {name:?} is empty or has spaces around it"
                )));
            }
            if !seen.insert(name) {
                return Err(Defect(format!("feature {name:?} is named twice")));
            }
        }
        Ok(model)
    }

    pub fn signature(&self) -> Signature {
        let column = |name: &str| Column::plain(name.into(), Type::Float64);
        Signature {
            inputs: self.features.iter().map(|f| column(f)).collect(),
            outputs: vec![column("prediction")],
        }
    }

    pub fn coefficients(&self) -> Vec<(String, f64)> {
        let features = self.features.iter().cloned().zip(self.coefficients.iter().copied());
        features.chain([("(intercept)".into(), self.intercept)]).collect()
    }

    pub fn predict(&self, columns: &[&[f64]], out: &mut [f64]) {
        out.fill(self.intercept);
        for (column, coefficient) in columns.iter().zip(&self.coefficients) {
            for (y, x) in out.iter_mut().zip(*column) {
                *y += coefficient * x;
            }
        }
        if self.link == Link::Logit {
            out.iter_mut().for_each(|y| *y = logistic(*y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Linear, String> {
        Linear::parse(json.as_bytes()).map_err(|d| d.to_string())
    }

    #[test]
    fn scores_the_published_row() {
        let model =
            parse(r#"{"features":["x"],"coefficients":[937.1906894491832],"intercept":152.9193581630174}"#).unwrap();
        let mut out = [0.0];
        model.predict(&[&[0.3]], &mut out);
        // The published figure comes from a system with another order of operations: equal to 1e-9, not to the bit.
        assert!((out[0] - 434.0765649977469).abs() < 5e-9, "{}", out[0]);
        assert!((out[0] - 434.0765649977).abs() < 1e-9, "{}", out[0]);
    }

    #[test]
    fn adds_the_terms_in_the_order_of_the_features() {
        let model = parse(r#"{"features":["a","b"],"coefficients":[0.1,0.7],"intercept":1e16}"#).unwrap();
        let mut out = [0.0; 2];
        model.predict(&[&[3.0, 1.0], &[5.0, 2.0]], &mut out);
        let row = |a: f64, b: f64| (1e16 + 0.1 * a) + 0.7 * b;
        assert_eq!(out, [row(3.0, 5.0), row(1.0, 2.0)]);
    }

    #[test]
    fn logit_gives_probabilities_and_never_overflows() {
        let model = parse(r#"{"features":["x"],"coefficients":[1],"intercept":0,"link":"logit"}"#).unwrap();
        let mut out = [0.0; 4];
        model.predict(&[&[0.0, 1000.0, -1000.0, 2.0]], &mut out);
        assert_eq!(&out[..3], &[0.5, 1.0, 0.0]);
        assert!((out[3] - 0.8807970779778823).abs() < 1e-15);
    }

    #[test]
    fn refuses_what_is_not_whole() {
        for (json, word) in [
            (r#"{"features":[],"coefficients":[],"intercept":0}"#, "no features"),
            (
                r#"{"features":["a"],"coefficients":[1,2],"intercept":0}"#,
                "1 features but 2",
            ),
            (r#"{"features":["a","a"],"coefficients":[1,2],"intercept":0}"#, "twice"),
            (r#"{"features":["a "],"coefficients":[1],"intercept":0}"#, "spaces"),
            (r#"{"features":["a"],"coefficients":[1]}"#, "intercept"),
            (
                r#"{"features":["a"],"coefficients":[1],"intercept":0,"scale":2}"#,
                "scale",
            ),
            (r#"{"features":["a"],"coefficients":[1e999],"intercept":0}"#, "number"),
            (
                r#"{"features":["a"],"coefficients":[1],"intercept":0,"link":"log"}"#,
                "log",
            ),
            ("", "EOF"),
        ] {
            let defect = parse(json).unwrap_err();
            assert!(defect.contains(word), "{json}: {defect}");
        }
    }
}
