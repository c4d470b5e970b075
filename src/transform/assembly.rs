//! Blocks' results, put together in order: the output, the rejects, the sums.

use super::blocks::{Blocks, CutError, RECORD_MAX};
use super::problem::{self, Code, Problem};
use super::scorer::{Reject, Scored};
use super::{BadRows, Destination, Failure, Head, Limit, Run, Shape, Summary, encode};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;

/// Puts scored blocks together, in order.
pub struct Assembly<'a, O, J> {
    shape: &'a Shape,
    out: &'a mut O,
    rejects: &'a mut J,
    pub run: &'a Run<'a>,
    summary: Summary,
    lines: u64,
    first_reject: Option<Reject>,
    hasher: blake3::Hasher,
}

impl<'a, O: Write, J: Write> Assembly<'a, O, J> {
    pub fn new(shape: &'a Shape, out: &'a mut O, rejects: &'a mut J, run: &'a Run<'a>) -> Self {
        Assembly {
            shape,
            out,
            rejects,
            run,
            summary: Summary::default(),
            lines: 0,
            first_reject: None,
            hasher: blake3::Hasher::new(),
        }
    }

    pub fn begin(&mut self, head: &Head) -> Result<(), Failure> {
        self.lines = head.lines;
        self.write(&head.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        self.out
            .write_all(bytes)
            .map_err(|e| Failure::Write(Destination::Output, e))
    }

    /// Takes the next block's result and gives its memory back.
    pub fn add(&mut self, scored: Scored) -> Result<Vec<u8>, Failure> {
        if self.run.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(Failure::Cancelled);
        }
        if let Some(problem) = scored.problem {
            let line = problem.line.map(|line| line + self.lines);
            return Err(Problem { line, ..problem }.into());
        }
        self.summary.rows += scored.rows;
        self.summary.not_finite += scored.not_finite;
        self.add_rejects(scored.rejects)?;
        self.write(&scored.out)?;
        self.lines += scored.lines;
        if let Some(progress) = self.run.progress {
            progress.fetch_add(scored.block.len() as u64, Ordering::Relaxed);
        }
        Ok(scored.block)
    }

    fn add_rejects(&mut self, rejects: Vec<Reject>) -> Result<(), Failure> {
        if rejects.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        if self.first_reject.is_none() {
            text.extend_from_slice(encode::REJECTS_HEADER);
        }
        for mut reject in rejects {
            reject.line += self.lines + 1;
            encode::reject(reject.line, &reject.column, &reject.reason, &reject.text, &mut text);
            self.first_reject.get_or_insert(reject);
            self.summary.bad_rows += 1;
            if self.shape.bad_rows == BadRows::Fail {
                return Err(self.bad_row().into());
            }
            if matches!(self.shape.max_bad_rows, Limit::Count(most) if self.summary.bad_rows > most) {
                break;
            }
        }
        self.rejects
            .write_all(&text)
            .map_err(|e| Failure::Write(Destination::Rejects, e))?;
        match self.shape.max_bad_rows {
            Limit::Count(most) if self.summary.bad_rows > most => {
                Err(self.too_many(format!("more than {most} rows")).into())
            }
            _ => Ok(()),
        }
    }

    pub fn finish<R: Read>(mut self, blocks: &Blocks<R>) -> Result<Summary, Failure> {
        if let Limit::Share(share) = self.shape.max_bad_rows
            && share.is_exceeded(self.summary.bad_rows, self.summary.rows)
        {
            let Summary { rows, bad_rows, .. } = self.summary;
            return Err(self.too_many(format!("{bad_rows} of {rows} rows")).into());
        }
        self.summary.bytes = blocks.bytes();
        self.summary.input_hash = blocks.hash().to_hex().to_string();
        self.summary.output_hash = self.hasher.finalize().to_hex().to_string();
        self.out.flush().map_err(|e| Failure::Write(Destination::Output, e))?;
        Ok(std::mem::take(&mut self.summary))
    }

    pub fn cut_error(&self, error: CutError) -> Failure {
        match error {
            CutError::Read(e) => Failure::Read(e),
            CutError::UnclosedQuote { lines } => Problem::new(
                Code::UnclosedQuote,
                "a quote opens on this line and never closes, so where the records end can't be told",
                "close the quote, or double it (\"\") if it is part of the text",
            )
            .line(self.lines + lines + 1)
            .into(),
            CutError::RecordTooLong => Problem::new(
                Code::RecordTooLong,
                format!("a record is longer than {} MiB", RECORD_MAX >> 20),
                "is this a CSV, with a line end behind every record?",
            )
            .line(self.lines + 1)
            .into(),
        }
    }

    fn bad_row(&self) -> Problem {
        let reject = self.first_reject.as_ref().expect("a row was bad");
        let problem = Problem::new(
            Code::BadRow,
            format!("{}: {}", reject.reason, problem::excerpt(&reject.text, 120)),
            "mend the row, or set input.bad_rows = \"blank\" to score the others",
        );
        reject.locate(problem)
    }

    fn too_many(&self, how_many: String) -> Problem {
        let reject = self.first_reject.as_ref().expect("rows were bad");
        let problem = Problem::new(
            Code::TooManyBadRows,
            format!(
                "{how_many} can't be scored, and max_bad_rows is {}; the first: {}: {}",
                self.shape.max_bad_rows,
                reject.reason,
                problem::excerpt(&reject.text, 120)
            ),
            "the rejects file beside this report has every such row; mend them, or raise input.max_bad_rows",
        );
        reject.locate(problem)
    }
}

impl Reject {
    fn locate(&self, problem: Problem) -> Problem {
        let problem = problem.line(self.line);
        match self.column.is_empty() {
            true => problem,
            false => problem.column(&self.column),
        }
    }
}
