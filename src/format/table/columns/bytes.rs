//! Columns <-> bytes, for rows that are scored elsewhere: cell by cell, so that arrays of the same cells come about in the same way
//! here and there, down to their buffers.
//!
//! What is kept of a table as a whole isn't sent: whoever has the table reads it there.

use super::{Columns, Kept, Output};
use crate::format::table::RowGroup;
use polars_arrow::array::{MutableBinaryViewArray, Utf8ViewArray};
use std::str::from_utf8;

/// What is kept.
const NOTHING: u8 = 0;
const TEXTS: u8 = 1;
const TABLE: u8 = 2;

impl Columns {
    /// Appends its bytes, and empties it.
    pub fn push_bytes(&mut self, out: &mut Vec<u8>) {
        let next = Columns::new(self.schema.clone());
        let columns = std::mem::replace(self, next);
        out.extend_from_slice(&(columns.rows as u64).to_le_bytes());
        out.push(match columns.kept.first() {
            None => NOTHING,
            Some(Kept::Texts(_)) => TEXTS,
            Some(Kept::Whole(_)) => TABLE,
        });
        for kept in columns.kept {
            if let Kept::Texts(texts) = kept {
                push_texts(texts, out);
            }
        }
        for output in columns.outputs {
            match output {
                Output::Float64(cells) => push_all(cells.iter().map(|x| x.map(|x| x.to_le_bytes())), out),
                Output::Float32(cells) => push_all(cells.iter().map(|x| x.map(|x| x.to_le_bytes())), out),
                Output::Integers(cells) => push_all(cells.iter().map(|x| x.map(|x| x.to_le_bytes())), out),
                Output::Flags(cells) => push_all(cells.iter().map(|x| x.map(|x| [u8::from(x)])), out),
                Output::Texts(texts) => push_texts(texts, out),
            }
        }
        push_all(columns.versions.iter().map(|x| x.map(u32::to_le_bytes)), out);
    }

    /// Takes the rows of such bytes instead of its own. None if they are no columns of its schema.
    pub fn set_bytes(&mut self, mut bytes: &[u8]) -> Option<()> {
        let bytes = &mut bytes;
        let schema = self.schema.clone();
        let mut columns = Columns::new(schema.clone());
        let rows = usize::try_from(u64::from_le_bytes(chunk(bytes)?)).ok()?;
        match chunk(bytes)? {
            [NOTHING] if rows == 0 || schema.kept == 0 => {}
            // It is kept once its row group is read.
            [TABLE] if schema.kept > 0 => {}
            [TEXTS] if schema.kept > 0 => {
                for _ in 0..schema.kept {
                    let mut texts = MutableBinaryViewArray::new();
                    take_texts(rows, bytes, &mut texts)?;
                    columns.kept.push(Kept::Texts(texts));
                }
            }
            _ => return None,
        }
        for output in &mut columns.outputs {
            match output {
                Output::Float64(cells) => take_all(rows, bytes, |x| cells.push(x.map(f64::from_le_bytes)))?,
                Output::Float32(cells) => take_all(rows, bytes, |x| cells.push(x.map(f32::from_le_bytes)))?,
                Output::Integers(cells) => take_all(rows, bytes, |x| cells.push(x.map(i64::from_le_bytes)))?,
                Output::Flags(cells) => take_all(rows, bytes, |x| cells.push(x.map(|[x]| x == 1)))?,
                Output::Texts(texts) => take_texts(rows, bytes, texts)?,
            }
        }
        if schema.has_version {
            take_all(rows, bytes, |x| columns.versions.push(x.map(u32::from_le_bytes)))?;
        }
        columns.rows = rows;
        *self = columns;
        bytes.is_empty().then_some(())
    }

    /// Is what they keep of a table still to be read?
    pub fn lacks_kept(&self) -> bool {
        self.schema.kept > 0 && self.rows > 0 && self.kept.is_empty()
    }

    /// Keeps columns of a row group, by their places.
    pub fn keep_of(&mut self, group: &RowGroup, places: &[usize]) {
        self.keep(places.iter().filter_map(|place| Some(group.array(*place)?.to_boxed())));
    }
}

fn push_all<const N: usize>(cells: impl Iterator<Item = Option<[u8; N]>>, out: &mut Vec<u8>) {
    for cell in cells {
        out.push(u8::from(cell.is_some()));
        out.extend(cell.into_iter().flatten());
    }
}

fn push_texts(texts: MutableBinaryViewArray<str>, out: &mut Vec<u8>) {
    let texts: Utf8ViewArray = texts.freeze();
    for text in texts.iter() {
        push_all([text.map(|text| (text.len() as u32).to_le_bytes())].into_iter(), out);
        out.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
}

fn chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

fn cell<const N: usize>(bytes: &mut &[u8]) -> Option<Option<[u8; N]>> {
    match chunk(bytes)? {
        [0] => Some(None),
        [1] => Some(Some(chunk(bytes)?)),
        _ => None,
    }
}

fn take_all<const N: usize>(rows: usize, bytes: &mut &[u8], mut push: impl FnMut(Option<[u8; N]>)) -> Option<()> {
    for _ in 0..rows {
        push(cell(bytes)?);
    }
    Some(())
}

fn take_texts(rows: usize, bytes: &mut &[u8], texts: &mut MutableBinaryViewArray<str>) -> Option<()> {
    for _ in 0..rows {
        let length = cell(bytes)?.map(u32::from_le_bytes);
        let (text, rest) = bytes.split_at_checked(length.unwrap_or_default() as usize)?;
        *bytes = rest;
        texts.push(length.and(Some(from_utf8(text).ok()?)));
    }
    Some(())
}
