//! A whole CSV with a header, in memory, read as inputs are read when they are scored.

use super::Reader;
use super::cut::Blocks;
use super::dialect::Dialect;
use super::origin::Origin;
use super::stream::{self, Page};
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
