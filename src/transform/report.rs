//! `failed/X.csv.error.json`: why an input has no output.

use crate::problem::Problem;
use serde::Serialize;

#[derive(Serialize)]
pub struct Report<'a> {
    format_version: u32,
    file: String,
    #[serde(flatten)]
    problem: &'a Problem,
    model: String,
}

impl<'a> Report<'a> {
    /// `file`: the input's path. `model`: who would have answered.
    pub fn of(file: String, problem: &'a Problem, model: String) -> Report<'a> {
        Report {
            format_version: 1,
            file,
            problem,
            model,
        }
    }

    /// The bytes of the file.
    pub fn json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a report is JSON");
        text.push(b'\n');
        text
    }
}
