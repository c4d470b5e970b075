//! A body that would be a file, cut as an input is, within what a request may take.

use super::body::{Hold, too_large};
use super::bounds::{bounded, check_columns};
use super::refusal::Refusal;
use super::served::Served;
use crate::format::{Block, Blocks, Compression, CutError, Cutting, FileFormat, Input};
use crate::problem::Code;
use crate::transform::Shape;
use std::mem::take;

/// A body, and what it may take.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    pub bytes: &'a [u8],
    /// That it was sent in; it is unpacked by now.
    pub format: FileFormat,
    /// Bytes that it may be, unpacked.
    pub most: u64,
    pub room: &'a Hold,
}

/// Its blocks, in order.
pub struct Cut<'a> {
    body: Body<'a>,
    blocks: Blocks<&'a [u8]>,
    outputs: usize,
    /// Of a table: bytes that its row groups took so far, and rows.
    unpacked: u64,
    rows: usize,
    /// Bytes of a row in JSON beside its values, and of its predictions.
    each: u64,
    _copy: Taken<'a>,
    /// For the row group at hand.
    held: Taken<'a>,
}

/// Bytes of memory that are given back when it is dropped.
struct Taken<'a> {
    room: &'a Hold,
    bytes: u64,
}

impl Taken<'_> {
    fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.room.grow(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    fn release(&mut self) {
        self.room.release(take(&mut self.bytes));
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

/// A table's values may be so many times as long as texts, in which bad rows are told: small numbers with long names are.
const TEXT: u64 = 8;
/// Bytes of a prediction as a text.
const NUMBER: u64 = 27;

impl<'a> Body<'a> {
    /// # Errors
    /// A table can't be read, isn't one, or there is no memory for it.
    pub fn cut(self, served: &Served, shape: &Shape) -> Result<Cut<'a>, Refusal> {
        // A table is copied.
        let copied = if self.format.is_text() {
            0
        } else {
            self.bytes.len() as u64
        };
        self.room.grow(copied)?;
        let copy = Taken {
            room: self.room,
            bytes: copied,
        };
        let cutting = Cutting {
            format: FileFormat {
                compression: Compression::None,
                ..self.format
            },
            encoding: shape.encoding,
            dialect: shape.dialect,
            size: Some(self.bytes.len() as u64),
            limits: shape.limits(0),
            file: None,
            bound: self.most,
        };
        Ok(Cut {
            blocks: Blocks::new(self.bytes, &cutting).map_err(|e| self.refused(e, 0))?,
            body: self,
            _copy: copy,
            outputs: served.lineup.signature().outputs.len(),
            unpacked: 0,
            rows: 0,
            each: 0,
            held: Taken {
                room: self.room,
                bytes: 0,
            },
        })
    }

    /// `lines`: in front of what can't be read.
    fn refused(&self, error: CutError, lines: u64) -> Refusal {
        let problem = error.problem(lines);
        match problem.code {
            // What it says is meant for files.
            Code::RowGroupTooLarge => too_large(self.most),
            _ => problem.into(),
        }
    }
}

impl Cut<'_> {
    /// The block by which it is opened.
    ///
    /// # Errors
    /// It can't be read, or has more columns or rows than a body may have.
    pub fn first(&mut self, served: &Served, shape: &Shape) -> Result<Block, Refusal> {
        let first = self.next(0)?.unwrap_or_default();
        let delimiter = shape.dialect.of(self.body.format.rows).delimiter;
        check_columns(served, first.text(), delimiter)?;
        if let Block::Table(table) = &first {
            bounded(usize::try_from(table.rows()).unwrap_or(usize::MAX), self.outputs)?;
        }
        Ok(first)
    }

    /// From now on no more is read than an opened input takes.
    pub fn open(&mut self, input: &Input) {
        self.blocks.open(input);
        let names = input.columns().unwrap_or_default().iter();
        let names = names.map(|place| input.names()[*place].len() as u64 + 4);
        self.each = names.sum::<u64>() + self.outputs as u64 * NUMBER;
    }

    /// `lines`: in front of it.
    ///
    /// # Errors
    /// It can't be read, or would take more than it may.
    pub fn next(&mut self, lines: u64) -> Result<Option<Block>, Refusal> {
        self.held.release();
        let refused = |e| self.body.refused(e, lines);
        if self.body.format.is_text() {
            return self.blocks.next_block().map_err(refused);
        }
        let Some(unread) = self.blocks.next_unhashed().map_err(refused)? else {
            return Ok(None);
        };
        let memory = unread.length() as u64;
        self.unpacked = self.unpacked.saturating_add(memory);
        if self.unpacked > self.body.most {
            return Err(too_large(self.body.most));
        }
        self.held.grow(memory)?;
        let block = unread.block().map_err(|e| self.body.refused(e, lines))?;
        if let Block::RowGroup(group) = &block {
            self.rows = self.rows.saturating_add(group.rows);
            bounded(self.rows, self.outputs)?;
            let text = (group.rows as u64).saturating_mul(self.each);
            let text = text.saturating_add(group.text_bytes());
            if text > self.body.most.saturating_mul(TEXT) {
                return Err(too_large(self.body.most));
            }
            self.held.grow(text)?;
        }
        Ok(Some(block))
    }

    /// Gives back a block's memory for the next one.
    pub fn recycle(&mut self, memory: Vec<u8>) {
        self.blocks.recycle(memory);
    }
}
