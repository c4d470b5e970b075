//! A whole CSV with a header, in memory, read as inputs are read when they are scored.

use super::cut::Blocks;
use super::dialect::Dialect;
use super::record::raw_fields;
use super::{Reader, stream};
use crate::format::{CutError, Encoding};
use crate::model::Signature;
use crate::problem::Problem;
use crate::score::Spelling;
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
    pub(super) lines: u64,
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
        take: impl FnMut(&mut Reader, &Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let Table {
            bytes,
            dialect,
            spelling,
        } = *self;
        let mut blocks = Blocks::new(bytes, Encoding::UTF_8, dialect, Some(bytes.len() as u64));
        let first = blocks.next_block().map_err(|e| e.problem(0))?.unwrap_or_default();
        let cut = |e: CutError, lines| e.problem(lines).into();
        stream::batches(&mut blocks, first, dialect, spelling, signature, cut, take)
    }
}
