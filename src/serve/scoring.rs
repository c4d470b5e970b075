//! Rows -> predictions, by a served version. The same for all protocols; pure.

use super::refusal::{BadRow, Cause, NAMED, Refusal};
use super::served::Served;
use crate::config::BadRows;
use crate::format::{self, Blocks};
use crate::model::Column;
use crate::problem::internal;
use crate::score::batch::{Flaw, Reason};
use crate::score::{Batch, predict};
use crate::transform::{Scorer, Shape, open};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a request's rows, in their order.
#[derive(Debug, Default)]
pub struct Predictions {
    pub rows: usize,
    /// `[row][output]`; what stands there for bad rows means nothing.
    values: Vec<f64>,
    outputs: usize,
    /// Counted from 0, ascending.
    bad: Vec<u32>,
    /// The first of them, in words.
    pub named: Vec<BadRow>,
    /// Good rows with a prediction that is not finite.
    pub not_finite: u64,
    /// For each feature, how many cells of good rows have a category that the model doesn't know.
    pub unknown: Vec<u64>,
}

impl Predictions {
    /// Of all outputs of the model.
    pub fn of(served: &Served) -> Predictions {
        let signature = served.lineup.signature();
        Predictions {
            outputs: signature.outputs.len(),
            unknown: vec![0; signature.inputs.len()],
            ..Predictions::default()
        }
    }

    /// A row's outputs, in the model's order; `None`: it can't be scored.
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        let good = self.bad.binary_search(&(row as u32)).is_err();
        good.then(|| &self.values[row * self.outputs..][..self.outputs])
    }

    /// All rows, with [`Predictions::row`].
    pub fn iter(&self) -> impl Iterator<Item = Option<&[f64]>> {
        let mut bad = self.bad.iter().peekable();
        self.values
            .chunks_exact(self.outputs)
            .enumerate()
            .map(move |(row, values)| bad.next_if(|bad| **bad as usize == row).is_none().then_some(values))
    }

    /// That they take.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.bad[..])
    }

    pub fn bad(&self) -> usize {
        self.bad.len()
    }

    /// Scores all rows.
    fn add_all(&mut self, served: &Served, rows: &mut impl Rows) -> Result<(), Refusal> {
        let scored = catch_unwind(AssertUnwindSafe(|| {
            while rows.fill() {
                self.add(served, rows);
                bounded(self.rows, self.outputs)?;
            }
            Ok(())
        }));
        scored.unwrap_or_else(|_| Err(internal().into()))
    }

    /// Scores a batch.
    fn add(&mut self, served: &Served, rows: &mut impl Rows) {
        let model = &served.lineup.champion.model;
        let count = rows.batch().rows();
        let begin = self.values.len();
        self.values.resize(begin + self.outputs * count, 0.0);
        let values = &mut self.values[begin..];
        predict(model, rows.batch(), values);
        if let Some(live) = &served.live {
            live.count(rows.batch(), values);
        }
        by_row(values, self.outputs);
        rows.batch().count_unknown(model, &mut self.unknown);
        let start = self.rows;
        let bad = self.bad.len();
        let flaws: Vec<Flaw> = rows.batch().bad().collect();
        for flaw in flaws {
            self.bad.push((start + flaw.row as usize) as u32);
            if self.named.len() < NAMED {
                let (column, reason) = rows.reason(flaw);
                let row = (start + flaw.row as usize) as u64 + 1;
                self.named.push(BadRow::new(row, None, column, reason));
            }
        }
        let bad = &self.bad[bad..];
        let rows = self.values[begin..].chunks_exact(self.outputs).enumerate();
        let not_finite = rows.filter(|(row, values)| {
            !values.iter().all(|x| x.is_finite()) && bad.binary_search(&((start + row) as u32)).is_err()
        });
        self.not_finite += not_finite.count() as u64;
        self.rows += count;
    }

    /// # Errors
    /// Rows are bad, and that refuses the request.
    pub fn checked(self, bad_rows: BadRows) -> Result<Predictions, Refusal> {
        match bad_rows {
            BadRows::Refuse if !self.bad.is_empty() => Err(Refusal::of_rows(self.bad.len(), self.rows, self.named)),
            _ => Ok(self),
        }
    }
}

/// `[output][row]` -> `[row][output]`.
fn by_row(values: &mut [f64], outputs: usize) {
    if outputs == 1 {
        return;
    }
    let by_output = values.to_vec();
    let rows = by_output.len() / outputs;
    for (row, values) in values.chunks_exact_mut(outputs).enumerate() {
        for (output, value) in values.iter_mut().enumerate() {
            *value = by_output[output * rows + row];
        }
    }
}

/// The most predictions of a request, rows times outputs: 64 MiB of numbers. Else a body of `[0],[0],...` for a model of a thousand
/// classes would take a thousand times its size.
pub const PREDICTIONS: usize = 8 << 20;

/// # Errors
/// More than a request may ask for.
pub fn bounded(rows: usize, outputs: usize) -> Result<(), Refusal> {
    match rows.saturating_mul(outputs) > PREDICTIONS {
        true => {
            let message = format!("more than {PREDICTIONS} predictions, of {outputs} a row");
            Err(Refusal::new(Cause::TooLarge, message).hint("send the rows in parts"))
        }
        false => Ok(()),
    }
}

/// What is read of a request: batches, and why rows of them are bad.
pub trait Rows {
    /// Fills the batch with the next rows; false: there are no more.
    fn fill(&mut self) -> bool;
    fn batch(&mut self) -> &mut Batch;
    /// The column, and why.
    fn reason(&self, flaw: Flaw) -> (Option<String>, String);
}

/// Why a row of a batch is bad, where the columns are the model's own: the column, and why. `malformed`: of a row whose values can't be
/// told.
pub fn reason(
    served: &Served,
    batch: &Batch,
    flaw: Flaw,
    malformed: impl FnOnce() -> String,
) -> (Option<String>, String) {
    match flaw.reason {
        Reason::Cell { feature, error } => {
            let column = &served.lineup.signature().inputs[feature as usize];
            (Some(column.name.clone()), error.text().into())
        }
        Reason::Malformed => (None, malformed()),
        Reason::Refused(_) => (None, batch.reason(flaw, |_| "")),
    }
}

/// Scores all rows.
///
/// # Errors
/// A defect of this program: it isn't the client's fault, and the next request is answered.
pub fn score(served: &Served, rows: &mut impl Rows) -> Result<Predictions, Refusal> {
    let mut predictions = Predictions::of(served);
    predictions.add_all(served, rows)?;
    Ok(predictions)
}

/// The columns that are answered.
pub fn written(served: &Served, probabilities: bool) -> &[Column] {
    served.lineup.signature().written(probabilities)
}

/// A body, cut as an input is.
pub fn blocks<'a>(body: &'a [u8], shape: &Shape) -> Blocks<&'a [u8]> {
    // Of the text, which is not the body's where it is decoded.
    let size = shape.encoding.is_utf8().then_some(body.len() as u64);
    Blocks::new(body, shape.encoding, shape.dialect, size)
}

/// Columns of a CSV beside the model's: the name of each takes a hundred times its bytes while it is read.
const OTHER_COLUMNS: usize = 65_536;

/// # Errors
/// A record of its first block has more columns than a body may have. Delimiters in quotes count, too: who sends so many, sends them
/// for no other reason.
pub fn check_columns(served: &Served, first: &[u8], delimiter: u8) -> Result<(), Refusal> {
    let most = served.width() + OTHER_COLUMNS;
    if first.len() <= most {
        return Ok(());
    }
    let (mut columns, mut is_quoted) = (1, false);
    for &byte in first {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => columns = 1,
            _ if byte == delimiter => columns += 1,
            _ => {}
        }
        if columns > most {
            let message = format!("more than {most} columns, where the model takes {}", served.width());
            return Err(Refusal::bad(message).hint("leave out those that it doesn't take"));
        }
    }
    Ok(())
}

/// What a CSV of rows came to, and how it was read.
pub struct Csv {
    pub predictions: Predictions,
    pub has_header: bool,
    pub delimiter: u8,
}

/// A CSV as the spool reads it. `scorer`: of the version.
///
/// # Errors
/// Why it can't be read.
pub fn csv(served: &Served, scorer: &Scorer, body: &[u8]) -> Result<Csv, Refusal> {
    let mut blocks = blocks(body, &scorer.shape);
    let mut block = blocks.next_block().map_err(|e| e.problem(0))?.unwrap_or_default();
    check_columns(served, &block, scorer.shape.dialect.delimiter)?;
    let opened = open(&block, scorer)?;
    let (mut front, mut lines) = (opened.input.end(), opened.input.lines());
    let mut predictions = Predictions::of(served);
    loop {
        let mut rows = opened.input.rows(&block[front..]);
        predictions.add_all(served, &mut rows)?;
        if let Some(problem) = rows.problem() {
            return Err(problem.behind(lines).into());
        }
        lines += rows.lines();
        blocks.recycle(block);
        front = 0;
        block = match blocks.next_block().map_err(|e| e.problem(lines))? {
            Some(block) => block,
            None => break,
        };
    }
    Ok(Csv {
        predictions,
        has_header: opened.input.has_header(),
        delimiter: opened.input.delimiter(),
    })
}

impl Rows for format::Rows<'_> {
    fn fill(&mut self) -> bool {
        format::Rows::fill(self)
    }

    fn batch(&mut self) -> &mut Batch {
        format::Rows::batch(self)
    }

    fn reason(&self, flaw: Flaw) -> (Option<String>, String) {
        let (column, reason) = format::Rows::reason(self, flaw);
        (column.map(String::from), reason.into_owned())
    }
}
