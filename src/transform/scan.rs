//! An input's rows and what is predicted for them, batch by batch. Nothing is written.

use super::{Failure, Scorer, open};
use crate::format::{Blocks, CutError, Rows};
use crate::score::{Batch, predict};
use std::io::Read;

/// A batch of an input.
pub struct Scanned<'a, 'r> {
    rows: &'a mut Rows<'r>,
    range: &'a [u8],
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
        let record = self.rows.record(row as u32)?;
        let line = self.lines + record.line.map_or(0, u64::from) + 1;
        Some((line, &self.range[record.start as usize..record.end as usize]))
    }
}

/// Goes through an input until `look` has seen enough, and says false. `size`: in bytes, if it is known.
pub fn scan(
    input: impl Read,
    scorer: &Scorer,
    size: Option<u64>,
    mut look: impl FnMut(&mut Scanned) -> bool,
) -> Result<(), Failure> {
    let size = size.filter(|_| scorer.shape.encoding.is_utf8());
    let mut blocks = Blocks::new(input, scorer.shape.encoding, scorer.shape.dialect, size);
    let cut = |e: CutError, lines: u64| match e {
        CutError::Read(e) => Failure::Read(e),
        e => e.problem(lines).into(),
    };
    let first = blocks.next_block().map_err(|e| cut(e, 0))?.unwrap_or_default();
    let opened = open(&first, scorer)?;
    let (mut block, mut front) = (first, opened.input.end());
    let mut lines = opened.input.lines();
    let model = &opened.lineup.champion.model;
    let mut predictions = Vec::new();
    loop {
        let range = &block[front..];
        let mut rows = opened.input.rows(range);
        while rows.fill() {
            predictions.resize(model.signature().outputs.len() * rows.batch().rows(), 0.0);
            predict(model, rows.batch(), &mut predictions);
            let mut scanned = Scanned {
                rows: &mut rows,
                range,
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
