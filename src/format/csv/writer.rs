//! The header of an output, and the columns that are kept of a CSV in front of predictions -> bytes.

use super::dialect::Dialect;
use super::head::{Kept, Layout};
use super::reader::Reader;
use super::record::{quote, raw_fields};
use crate::format::json::writer::push_text as push_json_text;
use crate::format::kept::KeptCells;
use crate::format::writing::Front;
use std::borrow::Cow;

/// The header of a CSV. `kept`: with all that parts them. `written`: the names behind them.
pub fn header(kept: &[u8], written: &[String], delimiter: u8) -> Vec<u8> {
    let mut out = kept.to_vec();
    for (i, name) in written.iter().enumerate() {
        if i > 0 {
            out.push(delimiter);
        }
        quote(name.as_bytes(), delimiter, &mut out);
    }
    out.push(b'\n');
    out
}

/// Of an output in the input's own dialect, the header's kept fields. `record`: the input's header, without its line end.
pub fn kept_header(layout: &Layout, record: &[u8]) -> Vec<u8> {
    let Dialect { delimiter, escape } = layout.dialect;
    let mut out = Vec::new();
    match &layout.kept {
        Kept::None => {}
        Kept::All if escape.is_none() => push(&mut out, record, delimiter),
        Kept::All => push_texts(&mut out, record, layout.dialect),
        Kept::Some(indices) => {
            let fields = raw_fields(record, layout.dialect);
            indices
                .iter()
                .for_each(|&i| push_text(&mut out, fields[i], layout.dialect));
        }
    }
    out
}

/// Names as fields, each with what parts it from the next.
pub fn name_fields<'n>(names: impl Iterator<Item = &'n str>, delimiter: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        quote(name.as_bytes(), delimiter, &mut out);
        out.push(delimiter);
    }
    out
}

/// What is kept of the rows of a batch.
pub struct Batch<'a> {
    pub layout: &'a Layout,
    pub block: &'a [u8],
    pub reader: &'a Reader<'a>,
}

/// As it stands, in an output of the input's own dialect.
impl Front for Batch<'_> {
    fn is_empty(&self) -> bool {
        self.layout.kept == Kept::None
    }

    #[inline(always)]
    fn begin(&self, row: usize, malformed: bool, out: &mut Vec<u8>) {
        let Batch { layout, block, reader } = *self;
        let Dialect { delimiter, escape } = layout.dialect;
        // Where a malformed row's fields are can't be told, so none of them is kept.
        match &layout.kept {
            Kept::None => {}
            Kept::All if malformed => out.extend(layout.roles.iter().map(|_| delimiter)),
            Kept::Some(indices) if malformed => out.extend(indices.iter().map(|_| delimiter)),
            Kept::All if escape.is_some() => {
                let (start, end) = reader.record(row);
                push_texts(out, &block[start..end], layout.dialect);
            }
            Kept::Some(_) if escape.is_some() => {
                for &(start, end) in reader.kept(row) {
                    push_text(out, &block[start..end], layout.dialect);
                }
            }
            Kept::All => {
                let (start, end) = reader.record(row);
                push(out, &block[start..end], delimiter);
            }
            Kept::Some(_) => {
                for &(start, end) in reader.kept(row) {
                    push(out, &block[start..end], delimiter);
                }
            }
        }
    }
}

impl KeptCells for Batch<'_> {
    fn hidden(&self, row: usize) -> Option<Cow<'_, [u8]>> {
        let (start, end) = self.reader.record(row);
        Some(self.block[start..end].into())
    }

    fn text(&self, column: usize, row: usize) -> Cow<'_, [u8]> {
        let (start, end) = self.reader.kept(row)[column];
        self.layout.dialect.text(&self.block[start..end])
    }

    /// A text, whatever it says: `007` is a code in one CSV and a number in another.
    fn push_json(&self, column: usize, row: usize, out: &mut Vec<u8>) {
        push_json_text(out, &String::from_utf8_lossy(&self.text(column, row)));
    }
}

fn push(out: &mut Vec<u8>, field: &[u8], delimiter: u8) {
    out.extend_from_slice(field);
    out.push(delimiter);
}

fn push_texts(out: &mut Vec<u8>, record: &[u8], dialect: Dialect) {
    for field in raw_fields(record, dialect) {
        push_text(out, field, dialect);
    }
}

/// As another reader knows it: what has an escape is written without.
fn push_text(out: &mut Vec<u8>, field: &[u8], dialect: Dialect) {
    match dialect.escape.is_some_and(|escape| field.contains(&escape)) {
        true => quote(&dialect.text(field), dialect.delimiter, out),
        false => out.extend_from_slice(field),
    }
    out.push(dialect.delimiter);
}
