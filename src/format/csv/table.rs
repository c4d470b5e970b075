//! A whole CSV with a header, in memory, read as inputs are read when they are scored.

use super::Reader;
use super::cut::Blocks;
use super::dialect::Dialect;
use super::stream::{self, Page};
use crate::format::as_csv::Feeds;
use crate::format::{CutError, Encoding};
use crate::model::Signature;
use crate::problem::Problem;
use crate::score::Spelling;

/// Its bytes, and how they are written.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub bytes: &'a [u8],
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
    pub origin: Origin<'a>,
}

/// What the text was made of: by its places, rows are told to people.
#[derive(Clone, Copy, Debug, Default)]
pub enum Origin<'a> {
    /// It is the file itself.
    #[default]
    Csv,
    /// Each record was a line.
    JsonLines(&'a Feeds),
    /// Rows without lines.
    Table(&'a Feeds),
}

impl Origin<'_> {
    /// What a line of the text is in the file: a line, or a row. None: what stands there is nothing of the file's.
    pub fn number(self, line: u64) -> Option<u64> {
        match self {
            Origin::Csv => Some(line),
            Origin::JsonLines(feeds) | Origin::Table(feeds) => feeds.record(line),
        }
    }

    /// What such a number counts.
    pub fn unit(self) -> &'static str {
        match self {
            Origin::Csv | Origin::JsonLines(_) => "line",
            Origin::Table(_) => "row",
        }
    }

    /// A problem with a line of the text, as one with its place in the file.
    pub fn told(self, problem: Problem) -> Problem {
        let number = problem.line.and_then(|line| self.number(line));
        match (self, number) {
            (Origin::Csv, _) => problem,
            (Origin::Table(_), Some(row)) => Problem {
                line: None,
                message: format!("row {row}: {}", problem.message),
                ..problem
            },
            (_, line) => Problem { line, ..problem },
        }
    }
}

impl Table<'_> {
    /// Has each batch of rows taken, in order.
    ///
    /// # Errors
    /// Why the CSV can't be read, or what `take` returns.
    pub fn batches<E: From<Problem>>(
        &self,
        signature: &Signature,
        take: impl FnMut(&mut Reader, &Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let Table {
            bytes,
            dialect,
            spelling,
            origin,
        } = *self;
        let mut blocks = Blocks::new(bytes, Encoding::UTF_8, dialect, Some(bytes.len() as u64));
        let first = blocks
            .next_block()
            .map_err(|e| origin.told(e.problem(0)))?
            .unwrap_or_default();
        let cut = |e: CutError, lines| origin.told(e.problem(lines)).into();
        let how = stream::How {
            dialect,
            spelling,
            origin,
        };
        stream::batches(&mut blocks, first, how, signature, cut, take)
    }
}
