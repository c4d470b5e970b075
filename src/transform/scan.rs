//! An input's rows and what is predicted for them, batch by batch. Nothing is written.

use super::{Failure, Scorer, open, table_bound};
use crate::format::{Blocks, Cutting, FileFormat, Rows};
use crate::score::{Batch, predict};
use std::fs::File;

/// A batch of an input.
pub struct Scanned<'a, 'r> {
    rows: &'a mut Rows<'r>,
    /// The lines, or rows, in front of the block.
    lines: u64,
    /// `[output][row]`
    pub predictions: &'a [f64],
}

impl Scanned<'_, '_> {
    pub fn batch(&mut self) -> &Batch {
        self.rows.batch()
    }

    /// The line of a row, or its number where its format has no lines, counted from 1; and its text. Rows are asked for in order.
    /// `None`: the rest can't be read.
    pub fn record(&mut self, row: usize) -> Option<(u64, &[u8])> {
        let record = self.rows.record(row as u32)?;
        let line = record.line.unwrap_or_else(|| self.rows.line(row, &mut (0, 0)));
        Some((self.lines + u64::from(line) + 1, self.rows.text(&record)))
    }
}

/// Goes through an input until `look` has seen enough, and says false.
pub fn scan(
    input: &File,
    scorer: &Scorer,
    format: FileFormat,
    mut look: impl FnMut(&mut Scanned) -> bool,
) -> Result<(), Failure> {
    let cutting = Cutting {
        format,
        encoding: scorer.shape.encoding,
        dialect: scorer.shape.dialect,
        size: None,
        limits: scorer.shape.limits(0),
        file: Some(input),
        bound: table_bound(0),
    };
    let mut blocks = Blocks::new(input, &cutting)?;
    let first = blocks.next_block()?.unwrap_or_default();
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
        match blocks.next_block().map_err(|e| e.behind(lines))? {
            Some(next) => (block, front) = (next, 0),
            None => return Ok(()),
        }
    }
}
