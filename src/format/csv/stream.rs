//! A CSV with a header that needn't be in memory, read as inputs are read when they are scored.

use super::Reader;
use super::cut::Blocks;
use super::dialect::Dialect;
use super::head::{self, Head, nul_byte};
use super::origin::Origin;
use super::record::{self, first_record, raw_fields};
use crate::format::{CutError, Encoding, Wanted};
use crate::model::Signature;
use crate::problem::Problem;
use crate::score::Spelling;
use crate::score::binding::features;
use crate::score::cell::trim;
use memchr::memchr_iter;
use std::io::{self, Read};

/// Where it comes from, and how it is written.
pub struct Stream<'a, R> {
    pub source: R,
    pub encoding: Encoding,
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
}

/// The block that a batch was read from.
pub struct Page<'a> {
    pub block: &'a [u8],
    /// The line feeds in front of it.
    lines: u64,
    origin: Origin<'a>,
}

/// How a CSV is written, and what it was made of.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
    pub origin: Origin<'a>,
}

impl Page<'_> {
    /// The line of the file on which a row begins, or its number where it has no lines; counted from 1.
    pub fn line(&self, reader: &Reader, row: usize) -> u64 {
        self.number(self.line_of_text(reader, row))
    }

    /// A problem with a row, as one with its place.
    pub fn place(&self, problem: Problem, reader: &Reader, row: usize) -> Problem {
        self.origin.told(problem.line(self.line_of_text(reader, row)))
    }

    /// What a line of the text is in the file.
    pub fn number(&self, line: u64) -> u64 {
        self.origin.number(line).unwrap_or_default()
    }

    /// The line of the text on which a row begins.
    pub fn line_of_text(&self, reader: &Reader, row: usize) -> u64 {
        let (start, _) = reader.record(row);
        self.lines + memchr_iter(b'\n', &self.block[..start]).count() as u64 + 1
    }

    /// What stands in a feature's cell.
    pub fn cell(&self, reader: &Reader, row: usize, feature: usize) -> String {
        let (layout, (start, end)) = (reader.layout(), reader.record(row));
        let fields = raw_fields(&self.block[start..end], layout.dialect);
        let cell = fields.get(layout.binding.fields[feature]).copied().unwrap_or_default();
        String::from_utf8_lossy(trim(&layout.dialect.text(cell))).into_owned()
    }
}

/// Why it can't be read.
#[derive(Debug)]
pub enum StreamError {
    Read(io::Error),
    Problem(Problem),
}

impl From<Problem> for StreamError {
    fn from(problem: Problem) -> StreamError {
        StreamError::Problem(problem)
    }
}

impl<R: Read> Stream<'_, R> {
    /// Has each batch of rows taken, in order. `choose`: from the names in the header, what is read.
    ///
    /// # Errors
    /// Why the CSV can't be read, or what `choose` returns.
    pub fn batches(
        self,
        choose: impl FnOnce(&[String]) -> Result<Signature, Problem>,
        mut take: impl FnMut(&mut Reader, &Page),
    ) -> Result<(), StreamError> {
        let mut blocks = Blocks::new(self.source, self.encoding, self.dialect, None);
        let first = blocks.next_block().map_err(|e| error(e, 0))?.unwrap_or_default();
        let (delimiter, front) = record::separator(&first).unwrap_or((self.dialect.delimiter, 0));
        let dialect = self.dialect.with_delimiter(delimiter);
        let (_, header) = first_record(&first[front..], dialect).ok_or_else(head::empty)?;
        let signature = choose(&record::names(header, dialect))?;
        let how = How {
            dialect: self.dialect,
            spelling: self.spelling,
            origin: Origin::Csv,
        };
        batches(&mut blocks, first, how, &signature, error, |reader, page| {
            take(reader, page);
            Ok(())
        })
    }
}

fn error(e: CutError, lines: u64) -> StreamError {
    match e {
        CutError::Read(e) => StreamError::Read(e),
        problem => StreamError::Problem(problem.problem(lines)),
    }
}

/// `block`: the first one. `cut`: what comes of an error, behind so many lines.
pub(super) fn batches<R: Read, E: From<Problem>>(
    blocks: &mut Blocks<R>,
    mut block: Vec<u8>,
    How {
        dialect,
        spelling,
        origin,
    }: How,
    signature: &Signature,
    cut: impl Fn(CutError, u64) -> E,
    mut take: impl FnMut(&mut Reader, &Page) -> Result<(), E>,
) -> Result<(), E> {
    let features = features(signature.inputs.iter(), spelling).into();
    let wanted = Wanted::unwritten(signature, &features, dialect, spelling);
    let head = Head::read(&block, &wanted).map_err(|problem| origin.told(problem))?;
    let mut reader = Reader::new(&head.layout, usize::MAX);
    let (mut at, mut lines) = (head.end, 0);
    loop {
        let in_front = |at: usize| memchr_iter(b'\n', &block[..at]).count() as u64;
        if let Some(problem) = nul_byte(&block[at..]) {
            return Err(origin.told(problem.behind(lines + in_front(at))).into());
        }
        while at < block.len() {
            at = reader.fill(&block, at, &mut 0);
            let page = Page {
                block: &block,
                lines,
                origin,
            };
            take(&mut reader, &page)?;
        }
        lines += in_front(block.len());
        blocks.recycle(block);
        at = 0;
        block = match blocks.next_block().map_err(|e| cut(e, lines))? {
            Some(block) => block,
            None => return Ok(()),
        };
    }
}
