//! An input's rows and what is predicted for them, batch by batch. Nothing is written.

use super::{Failure, Scorer, open, table_bound};
use crate::format::{Blocks, CutError, Cutting, FileFormat, Record, Rows};
use crate::score::{Batch, predict};
use std::io::Read;

/// A batch of an input.
pub struct Scanned<'a, 'r> {
    rows: &'a mut Rows<'r>,
    /// The line feeds in front of the range.
    lines: u64,
    /// `[output][row]`
    pub predictions: &'a [f64],
}

impl Scanned<'_, '_> {
    pub fn batch(&mut self) -> &Batch {
        self.rows.batch()
    }

    /// The line of a row, counted from 1, and its text; rows are asked for in order. `None`: the rest can't be read.
    pub fn record(&mut self, row: usize) -> Option<(u64, &[u8])> {
        let record: Record = self.rows.record(row as u32)?;
        let line = self.lines + record.line.map_or(0, u64::from) + 1;
        Some((line, self.rows.text(&record)))
    }
}

/// Goes through an input until `look` has seen enough, and says false. `size`: in bytes, if it is known.
pub fn scan(
    input: impl Read,
    scorer: &Scorer,
    size: Option<u64>,
    format: FileFormat,
    mut look: impl FnMut(&mut Scanned) -> bool,
) -> Result<(), Failure> {
    let cutting = Cutting {
        format,
        encoding: scorer.shape.encoding,
        dialect: scorer.shape.dialect,
        size,
        limits: scorer.shape.limits(0),
        file: None,
        bound: table_bound(0),
    };
    let mut blocks = Blocks::new(input, &cutting)?;
    let cut = |e: CutError, lines: u64| match e {
        CutError::Read(e) => Failure::Read(e),
        e => e.problem(lines).into(),
    };
    let first = blocks.next_block().map_err(|e| cut(e, 0))?;
    let first = first.unwrap_or_default();
    let opened = open(first.beginning(), format, scorer)?;
    blocks.open(&opened.input);
    let (mut block, mut front) = (first, opened.input.end());
    let mut lines = opened.input.lines();
    let model = &opened.lineup.champion.model;
    let mut predictions = Vec::new();
    loop {
        let mut rows = opened.input.rows(&block, front);
        while rows.fill() {
            predictions.resize(model.signature().outputs.len() * rows.batch().rows(), 0.0);
            predict(model, rows.batch(), &mut predictions);
            let mut scanned = Scanned {
                rows: &mut rows,
                lines,
                predictions: &predictions,
            };
            if !look(&mut scanned) {
                return Ok(());
            }
        }
        if let Some(problem) = rows.problem() {
            return Err(problem.behind(lines).into());
        }
        lines += rows.lines();
        match blocks.next_block().map_err(|e| cut(e, lines))? {
            Some(next) => (block, front) = (next, 0),
            None => return Ok(()),
        }
    }
}
