//! Figures of scipy and statsmodels: `tests/fixtures/experiment/make.py` makes them.

use serde::de::DeserializeOwned;
use serde_json::Value;

const EXPECTED: &str = include_str!("../../tests/fixtures/experiment/expected.json");

pub fn published<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let mut all: Value = serde_json::from_str(EXPECTED).unwrap();
    let figures: Vec<T> = serde_json::from_value(all[name].take()).unwrap();
    assert!(!figures.is_empty());
    figures
}

/// `tolerance`: of the expected figure.
pub fn near(ours: f64, expected: f64, tolerance: f64) {
    assert!(
        (ours - expected).abs() <= expected.abs() * tolerance,
        "{ours} {expected}"
    );
}
