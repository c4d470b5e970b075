//! A few rows scored as the worker scores files, with everything that comes of them in memory: for golden rows and for
//! evaluation, whatever the model's format.

use super::problem::Code;
use super::{BadRows, Columns, Failure, Header, Limit, Run, Shape, Share, records, transform};
use crate::model::Model;
use std::sync::Arc;

/// What came of a CSV.
pub struct Sample {
    pub outputs: Vec<String>,
    /// In the order of the rows; those of bad rows are empty texts.
    pub predictions: Vec<Vec<String>>,
    /// Why rows are bad, in the order of the rows.
    pub reasons: Vec<String>,
}

impl Sample {
    pub fn is_bad(&self, row: usize) -> bool {
        self.predictions[row].iter().all(String::is_empty)
    }
}

/// Scores as the worker does.
pub fn score(model: &Arc<Model>, csv: &[u8], delimiter: u8) -> Result<Sample, String> {
    let shape = Shape {
        header: Header::Present,
        delimiter,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::ALL),
        columns: Columns::Prediction,
        probabilities: true,
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    transform(csv, model, &shape, &mut out, &mut rejects, &Run::default()).map_err(|failure| match failure {
        // The hint to this one is about files without a header.
        Failure::Problem(problem) if problem.code == Code::NoSuchColumn => problem.to_string(),
        Failure::Problem(problem) => format!("{problem}; {}", problem.hint),
        Failure::Read(e) | Failure::Write(_, e) => e.to_string(),
        Failure::Cancelled => "cancelled".into(),
    })?;
    let mut predictions = records::read(&out, delimiter);
    let outputs = predictions.next().unwrap_or_default();
    // line, column, reason, text
    let reason = |reject: Vec<String>| match &reject[1][..] {
        "" => reject[2].clone(),
        column => format!("{column}: {}", reject[2]),
    };
    Ok(Sample {
        outputs,
        predictions: predictions.collect(),
        reasons: records::read(&rejects, b',').skip(1).map(reason).collect(),
    })
}
