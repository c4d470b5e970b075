//! One block -> its output's bytes, its bad rows, or what is wrong with it.

use super::blocks::BLOCK;
use super::encode::{self, Writing};
use super::layout::Layout;
use super::problem::{Code, Problem};
use super::table::{self, Table};
use crate::model::Model;
use memchr::{memchr, memchr_iter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Scores blocks; shared by the threads that do.
pub struct Scorer {
    pub layout: Layout,
    pub model: Arc<Model>,
    /// The outputs that are written.
    pub outputs: Vec<Writing>,
}

/// What came of one block.
pub struct Scored {
    pub block: Vec<u8>,
    pub out: Vec<u8>,
    pub rows: u64,
    pub lines: u64,
    pub not_finite: u64,
    pub rejects: Vec<Reject>,
    pub problem: Option<Problem>,
}

pub struct Reject {
    /// Counted from 0 at the beginning of the block.
    pub line: u64,
    pub column: String,
    pub reason: String,
    pub text: Vec<u8>,
}

impl Scorer {
    pub fn score(&self, block: Vec<u8>) -> Scored {
        let mut scored = Scored {
            out: Vec::with_capacity(block.len().min(BLOCK) / 4),
            block,
            rows: 0,
            lines: 0,
            not_finite: 0,
            rejects: Vec::new(),
            problem: None,
        };
        if catch_unwind(AssertUnwindSafe(|| self.score_into(&mut scored))).is_err() {
            scored.problem = Some(internal());
        }
        scored
    }

    /// Predicts `out`, `[output][row]`. Rows that the model refuses are marked as bad.
    fn predict(&self, block: &[u8], table: &mut Table, out: &mut [f64]) {
        let (columns, texts) = (table.columns(), table.texts());
        if self.model.predict(&columns, &texts, out).is_ok() {
            return;
        }
        // A library that refuses one row refuses the batch. Parts of it are tried, down to the rows it is about.
        let rows = table.rows;
        let mut part_out = vec![0.0; out.len()];
        let mut refused = Vec::new();
        let mut parts = vec![0..rows / 2, rows / 2..rows];
        while let Some(part) = parts.pop() {
            let columns: Vec<&[f64]> = columns.iter().map(|c| &c[part.clone()]).collect();
            let texts: Vec<&[String]> = texts.iter().map(|t| &t[part.clone()]).collect();
            let part_out = &mut part_out[..out.len() / rows * part.len()];
            match self.model.predict(&columns, &texts, part_out) {
                Ok(()) => {
                    for (from, to) in part_out.chunks(part.len().max(1)).zip(out.chunks_mut(rows)) {
                        to[part.clone()].copy_from_slice(from);
                    }
                }
                Err(why) if part.len() == 1 => refused.push((part.start, why)),
                Err(_) => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
            }
        }
        for (row, why) in refused {
            table.refuse(block, row, why);
        }
    }

    fn score_into(&self, scored: &mut Scored) {
        let Scored { block, out, .. } = scored;
        scored.problem = nul_byte(block);
        if scored.problem.is_some() {
            return;
        }
        let mut table = Table::new(&self.layout);
        let width = self.model.signature().outputs.len();
        let mut predictions = vec![0.0; width * table::BATCH];
        let mut at = 0;
        while at < block.len() {
            at = table.fill(block, at, &mut scored.lines);
            let predictions = &mut predictions[..width * table.rows];
            self.predict(block, &mut table, predictions);
            scored.not_finite += encode::rows(&self.layout, block, &table, &self.outputs, predictions, out);
            scored.rows += table.rows as u64;
            for flaw in &table.flaws {
                let (start, end) = table.record(flaw.row);
                let column = flaw.reason.field().and_then(|f| self.layout.names.get(f));
                scored.rejects.push(Reject {
                    line: flaw.line,
                    column: column.cloned().unwrap_or_default(),
                    reason: flaw.reason.text(self.layout.roles.len()),
                    text: block[start..end].to_vec(),
                });
            }
        }
    }
}

pub fn nul_byte(block: &[u8]) -> Option<Problem> {
    let nul = memchr(0, block)?;
    let problem = Problem::new(
        Code::NulByte,
        "the file has a NUL byte: it is no text, or was damaged on its way (an interrupted upload leaves zeros)",
        "write the file again from its source",
    );
    Some(problem.line(1 + memchr_iter(b'\n', &block[..nul]).count() as u64))
}

pub fn internal() -> Problem {
    Problem::new(
        Code::Internal,
        "the program failed while it scored this file; this is a bug in it, not in the file",
        "please report it with the file; the log has the details. The other files are not affected",
    )
}
