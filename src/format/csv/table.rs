//! A whole CSV with a header, in memory, read as inputs are read when they are scored.

use super::cut::Blocks;
use super::dialect::Dialect;
use super::head::{Head, Wanted, nul_byte};
use super::record::raw_fields;
use super::{Header, Reader};
use crate::format::{Columns, Encoding};
use crate::model::Signature;
use crate::problem::Problem;
use crate::score::Spelling;
use crate::score::binding::features;
use crate::score::cell::trim;
use memchr::memchr_iter;

/// Its bytes, and how they are written.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub bytes: &'a [u8],
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
}

/// The block that a batch was read from.
pub struct Page<'a> {
    pub block: &'a [u8],
    /// The line feeds in front of it.
    lines: u64,
}

impl Page<'_> {
    /// The line on which a row begins, counted from 1.
    pub fn line(&self, reader: &Reader, row: usize) -> u64 {
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

impl Table<'_> {
    /// Has each batch of rows taken, in order.
    ///
    /// # Errors
    /// Why the CSV can't be read, or what `take` returns.
    pub fn batches<E: From<Problem>>(
        &self,
        signature: &Signature,
        mut take: impl FnMut(&mut Reader, &Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let Table {
            bytes,
            dialect,
            spelling,
        } = *self;
        let mut blocks = Blocks::new(bytes, Encoding::UTF_8, dialect, Some(bytes.len() as u64));
        let mut block = blocks.next_block().map_err(|e| e.problem(0))?.unwrap_or_default();
        let wanted = Wanted {
            header: Header::Present,
            dialect,
            spelling,
            signature,
            features: &features(signature.inputs.iter(), spelling).into(),
            known: &[],
            columns: &Columns::Prediction,
            outputs: &[],
            observed: &[],
        };
        let head = Head::read(&block, &wanted)?;
        let mut reader = Reader::new(&head.layout, usize::MAX);
        let (mut at, mut lines) = (head.end, 0);
        loop {
            let in_front = |at: usize| memchr_iter(b'\n', &block[..at]).count() as u64;
            if let Some(problem) = nul_byte(&block[at..]) {
                return Err(problem.behind(lines + in_front(at)).into());
            }
            while at < block.len() {
                at = reader.fill(&block, at, &mut 0);
                take(&mut reader, &Page { block: &block, lines })?;
            }
            lines += in_front(block.len());
            blocks.recycle(block);
            at = 0;
            block = match blocks.next_block().map_err(|e| e.problem(lines))? {
                Some(block) => block,
                None => return Ok(()),
            };
        }
    }
}
