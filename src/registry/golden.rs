//! Golden rows: raw rows and their predictions as they were when a version was registered. Whoever puts the version to
//! use scores them again first. So neither another version of this program, nor another library or machine, changes
//! predictions unseen.

use crate::model::{Column, Model, Type};
use crate::transform::{BadRows, Columns, Failure, Header, Limit, Run, Settings, records, transform};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// How many rows are kept: enough to reach most branches of a model, few enough to score them at every start.
pub const GOLDEN_ROWS: usize = 32;
/// How far a number may be off, relative to the larger of both.
const TOLERANCE: f64 = 1e-9;
const DELIMITER: u8 = b',';

/// A CSV with a header to take golden rows from. It may have more columns than the model takes; they are left out.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub csv: Vec<u8>,
    pub delimiter: u8,
    /// The file that errors shall name.
    pub source: &'a Path,
}

/// `golden.json`. Cells are the texts of a CSV, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub outputs: Vec<String>,
    /// As the worker writes them, with all probabilities.
    pub predictions: Vec<Vec<String>>,
}

impl Golden {
    /// Takes at most [`GOLDEN_ROWS`] rows, spread evenly over those that the model can score. An error says why there
    /// are none.
    pub fn of(model: &Arc<Model>, from: &Rows) -> Result<Golden, String> {
        let scored = score(model, &from.csv, from.delimiter)?;
        let good: Vec<usize> = (0..scored.predictions.len()).filter(|&i| !scored.is_bad(i)).collect();
        if good.is_empty() {
            return Err(match scored.reasons.first() {
                Some(reason) => format!("no row can be scored; the first: {reason}"),
                None => "there are no rows".into(),
            });
        }
        let kept = good.len().min(GOLDEN_ROWS);
        let mut picks = (0..kept).map(|i| good[i * good.len() / kept]).peekable();

        let mut records = records::read(&from.csv, from.delimiter);
        let header = records.next().expect("the file was scored by its header");
        let takes = |name: &str| model.signature().inputs.iter().any(|input| input.name == name);
        let taken: Vec<usize> = (0..header.len()).filter(|&i| takes(header[i].trim())).collect();
        let cut = |record: &[String]| -> Vec<String> { taken.iter().map(|&i| record[i].clone()).collect() };
        let rows: Vec<Vec<String>> = records
            .enumerate()
            .filter(|(i, _)| picks.next_if_eq(i).is_some())
            .map(|(_, record)| cut(&record))
            .collect();
        let mut golden = Golden {
            columns: cut(&header).iter().map(|name| name.trim().into()).collect(),
            rows,
            outputs: scored.outputs,
            predictions: Vec::new(),
        };
        golden.predictions = golden.score(model)?.predictions;
        Ok(golden)
    }

    /// Reads what [`Golden::json`] wrote.
    pub fn parse(json: &[u8]) -> Result<Golden, String> {
        let golden: Golden = serde_json::from_slice(json).map_err(|e| format!("not the JSON of golden rows: {e}"))?;
        let Golden { rows, predictions, .. } = &golden;
        if rows.is_empty() || rows.len() != predictions.len() {
            return Err(format!(
                "{} golden rows with {} predictions",
                rows.len(),
                predictions.len()
            ));
        }
        for (cells, names, what) in [
            (rows, &golden.columns, "cells"),
            (predictions, &golden.outputs, "predictions"),
        ] {
            if let Some(i) = cells.iter().position(|row| row.len() != names.len()) {
                let message = format!(
                    "golden row {}: {} {what} for {} columns",
                    i + 1,
                    cells[i].len(),
                    names.len()
                );
                return Err(message);
            }
        }
        Ok(golden)
    }

    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }

    /// Scores the rows again. Numbers must be equal to 1e-9, relative; labels, and numbers of single precision, to the
    /// letter. An error names the first row and column that differ.
    pub fn check(&self, model: &Arc<Model>) -> Result<(), String> {
        let scored = self.score(model)?;
        if scored.outputs != self.outputs {
            return Err(format!(
                "the version gives {}, but its golden rows have {}",
                scored.outputs.join(", "),
                self.outputs.join(", ")
            ));
        }
        if scored.predictions.len() != self.predictions.len() {
            let [found, expected] = [&scored.predictions, &self.predictions].map(Vec::len);
            return Err(format!("the golden rows are {expected}, but were read as {found}"));
        }
        for (row, (expected, found)) in self.predictions.iter().zip(&scored.predictions).enumerate() {
            let cells = model.signature().outputs.iter().zip(expected.iter().zip(found));
            for (output, (expected, found)) in cells {
                if same(output, expected, found) {
                    continue;
                }
                let found = match scored.is_bad(row) {
                    // Those in front of it were good, so the first reason is its own.
                    true => format!("a bad row: {}", scored.reasons.first().map_or("", String::as_str)),
                    false => found.clone(),
                };
                return Err(format!(
                    "the version doesn't reproduce its golden rows: row {}, {}: expected {expected}, found {found}",
                    row + 1,
                    output.name
                ));
            }
        }
        Ok(())
    }

    fn score(&self, model: &Arc<Model>) -> Result<Scored, String> {
        let mut csv = Vec::new();
        for record in [&self.columns].into_iter().chain(&self.rows) {
            records::write(record, DELIMITER, &mut csv);
        }
        score(model, &csv, DELIMITER)
    }
}

/// What came of a CSV.
struct Scored {
    outputs: Vec<String>,
    /// In the order of the rows; those of bad rows are empty texts.
    predictions: Vec<Vec<String>>,
    /// Why rows are bad, in the order of the rows.
    reasons: Vec<String>,
}

impl Scored {
    fn is_bad(&self, row: usize) -> bool {
        self.predictions[row].iter().all(String::is_empty)
    }
}

/// Scores as the worker does.
fn score(model: &Arc<Model>, csv: &[u8], delimiter: u8) -> Result<Scored, String> {
    let settings = Settings {
        header: Header::Present,
        delimiter,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(1.0),
        columns: Columns::Prediction,
        probabilities: true,
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    transform(csv, model, &settings, &mut out, &mut rejects, &Run::default()).map_err(|failure| match failure {
        Failure::Problem(problem) => format!("{problem}; {}", problem.hint),
        Failure::Read(e) | Failure::Write(e) => e.to_string(),
        Failure::Cancelled => "cancelled".into(),
    })?;
    let mut predictions = records::read(&out, delimiter);
    let outputs = predictions.next().unwrap_or_default();
    // line, column, reason, text
    let reason = |reject: Vec<String>| match &reject[1][..] {
        "" => reject[2].clone(),
        column => format!("{column}: {}", reject[2]),
    };
    Ok(Scored {
        outputs,
        predictions: predictions.collect(),
        reasons: records::read(&rejects, b',').skip(1).map(reason).collect(),
    })
}

fn same(output: &Column, expected: &str, found: &str) -> bool {
    if expected == found || output.kind != Type::Float64 {
        return expected == found;
    }
    match (expected.parse::<f64>(), found.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.is_finite() && b.is_finite() && (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
        _ => false,
    }
}

/// Scores a row of zeros and one of ones: what can be tried of a version without golden rows. A model that takes only some
/// texts or whole numbers may refuse them.
pub fn rehearse(model: &Model) -> Result<(), String> {
    let column = [0.0, 1.0];
    let signature = model.signature();
    let columns = vec![&column[..]; signature.inputs.len()];
    let texts: Vec<[String; 2]> = model.sample_texts().iter().map(|t| [t.clone(), t.clone()]).collect();
    let texts: Vec<&[String]> = texts.iter().map(|t| &t[..]).collect();
    let mut out = vec![f64::NAN; 2 * signature.outputs.len()];
    let choosy = |column: &Column| matches!(column.kind, Type::String | Type::Int64);
    match model.predict(&columns, &texts, &mut out) {
        Err(_) if signature.inputs.iter().any(choosy) => Ok(()),
        Err(reason) => Err(format!("the model can't score rows of zeros and of ones: {reason}")),
        Ok(()) if out.iter().all(|y| y.is_finite()) => Ok(()),
        Ok(()) => Err(format!("the model can't score: rows of zeros and of ones give {out:?}")),
    }
}
