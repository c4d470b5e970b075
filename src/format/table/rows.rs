//! The rows of a row group, batch by batch.

use super::file::RowGroup;
use super::fill::{From, Scratch, fill};
use super::input::Input;
use super::value::{push_cell, push_json, push_object, texts};
use crate::format::kept::{Fields, KeptCells, Members};
use crate::format::writing::{self, RowWriting, Said, Style};
use crate::format::{Cause, Out, Record};
use crate::problem::Problem;
use crate::score::batch::{Flaw, ROWS, Reason};
use crate::score::cell::trim;
use crate::score::{Batch, Derivation};
use std::borrow::Cow;

/// Bytes of a bad row that are shown of it, and of all that are shown of a row group.
const RECORD_MAX: usize = 64 << 10;
const RECORDS_MAX: usize = 64 << 20;

pub struct Rows<'a> {
    input: &'a Input,
    group: &'a RowGroup,
    batch: Batch,
    /// Where the batch begins, and where the next one does.
    start: usize,
    at: usize,
    scratch: Scratch,
    /// The rows that were asked for, as JSON.
    records: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// `group`: with the columns that the input needs.
    pub fn new(input: &'a Input, group: &'a RowGroup) -> Rows<'a> {
        Rows {
            input,
            group,
            batch: Batch::new(&input.binding, group.rows),
            start: 0,
            at: 0,
            scratch: Scratch::default(),
            records: Vec::new(),
        }
    }

    /// Fills the batch with the next rows; false at the end.
    pub fn fill(&mut self) -> bool {
        let rows = (self.group.rows - self.at).min(ROWS);
        self.start = self.at;
        if rows == 0 {
            return false;
        }
        self.batch.clear();
        for feature in &self.input.order {
            let of = &self.input.binding.features[*feature];
            let from = self.from(self.input.binding.fields[*feature]);
            fill(from, *feature, of, rows, &mut self.batch, &mut self.scratch);
        }
        self.batch.end_rows(rows);
        self.batch.end();
        self.at += rows;
        true
    }

    fn from(&self, column: usize) -> From<'a> {
        From {
            array: self.group.array(column).expect("the columns that are needed were read"),
            dtype: &self.input.columns[column].dtype,
            start: self.start,
        }
    }

    /// The batch, to be looked at.
    pub fn read(&self) -> &Batch {
        &self.batch
    }

    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// How the rows are written, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        self.input.writing()
    }

    /// The text of a cell of an observed column in a row of the batch, without spaces around it. `column`: as it was wanted. None of
    /// a column that isn't there.
    pub fn observed(&self, column: usize, row: usize) -> Option<Cow<'a, [u8]>> {
        Some(match self.cell(self.input.observed[column]?, row) {
            Cow::Borrowed(text) => trim(text).into(),
            Cow::Owned(text) => match trim(&text) {
                trimmed if trimmed.len() < text.len() => trimmed.to_vec().into(),
                _ => text.into(),
            },
        })
    }

    /// As it would stand in a CSV.
    fn cell(&self, column: usize, row: usize) -> Cow<'a, [u8]> {
        let from = self.from(column);
        match texts(from.array, from.dtype) {
            Some(texts) => texts(from.start + row).unwrap_or_default().into(),
            None => {
                let mut cell = Vec::new();
                push_cell(from.array, from.dtype, from.start + row, self.input.mark, &mut cell);
                cell.into()
            }
        }
    }

    /// Fills a batch with the same rows for a second model.
    pub fn derive(&self, derivation: &Derivation, second: &mut Batch) {
        derivation.fill(&self.batch, |column, row| self.cell(column, row), second);
    }

    /// The number of a row of the batch in the row group, from 0.
    pub fn line(&self, row: usize) -> u32 {
        (self.start + row) as u32
    }

    /// Writes a row of the batch as one JSON object of the columns that were read, and tells where it stands among such.
    pub fn record(&mut self, row: u32) -> Record {
        let start = self.records.len();
        let row = self.start + row as usize;
        let members = self.input.needed().iter().filter_map(|place| {
            let column = &self.input.columns[*place];
            Some((&*column.original, self.group.array(*place)?, &column.dtype, row))
        });
        // What many rows share stands once in a column, and would stand as often in them as there are bad rows.
        if start < RECORDS_MAX {
            push_object(members, &mut self.records);
            let end = start + floor(&self.records[start..], RECORD_MAX);
            self.records.truncate(end);
        }
        Record {
            line: None,
            start: start as u32,
            end: self.records.len() as u32,
        }
    }

    /// The text of a record, by its place.
    pub fn text(&self, record: &Record) -> &[u8] {
        &self.records[record.start as usize..record.end as usize]
    }

    /// What records stand in.
    pub fn into_records(self) -> Vec<u8> {
        self.records
    }

    /// Appends a value of a column that was read as it would stand in a CSV, of a row of the batch, without the quotes that it may
    /// need; nested ones as JSON.
    pub fn push_text(&self, column: usize, row: usize, out: &mut Vec<u8>) {
        let from = self.from(column);
        match self.input.columns[column].has_cells() {
            true => {
                push_cell(from.array, from.dtype, from.start + row, b'.', out);
            }
            false if from.array.is_null(from.start + row) => {}
            false => push_json(from.array, from.dtype, from.start + row, out),
        }
    }

    /// Writes the batch as each of those says of its own rows: see [`writing::rows`].
    pub fn write<const N: usize>(&self, said: [Said; N], of: impl Fn(usize) -> (usize, usize), out: &mut Out) -> u64 {
        let (rows, columns) = (self.batch.rows(), self.input.kept().len());
        match (self.input.writing().style(), out) {
            (&Style::Fields { delimiter }, Out::Text(out)) => {
                let front = Fields {
                    cells: self,
                    columns,
                    delimiter,
                };
                writing::rows(rows, &front, said, of, out)
            }
            (Style::Members { .. }, Out::Text(out)) => {
                let keys = &self.input.keys;
                writing::rows(rows, &Members { cells: self, keys }, said, of, out)
            }
            (Style::Columns(_), Out::Columns(out)) => {
                // A part is a row group.
                if !out.has_kept() {
                    let kept = self.input.kept().iter();
                    out.keep(kept.filter_map(|place| Some(self.group.array(*place)?.to_boxed())));
                }
                writing::columns(rows, |_, _, _| (), said, of, out)
            }
            _ => unreachable!("what is written is what is kept"),
        }
    }

    pub fn cause(&self, flaw: Flaw) -> Cause {
        match flaw.reason {
            Reason::Cell { feature, error } => Cause::Cell { feature, error },
            Reason::Refused(why) => Cause::Refused(why),
            Reason::Malformed => unreachable!("the rows of a table are whole"),
        }
    }

    /// The column that a row of the batch is bad for, if it is one, and why; in words.
    pub fn reason(&self, flaw: Flaw) -> (Option<&str>, Cow<'static, str>) {
        let cause = self.cause(flaw);
        let column = self.input.column(cause);
        let reason = self.input.reason(cause, |why| self.batch.refusal(why));
        ((!column.is_empty()).then_some(column), reason)
    }

    /// The rows in front of what is read next.
    pub fn lines(&self) -> u64 {
        self.at as u64
    }

    /// A row group is decoded as a whole: nothing behind the batch can't be read.
    pub fn problem(&self) -> Option<Problem> {
        None
    }
}

/// Where a text ends that has at most so many bytes, and whole characters.
fn floor(text: &[u8], most: usize) -> usize {
    let is_begun = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut end = text.len().min(most);
    while is_begun(&end) {
        end -= 1;
    }
    end
}

impl KeptCells for Rows<'_> {
    fn hidden(&self, _: usize) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn text(&self, column: usize, row: usize) -> Cow<'_, [u8]> {
        let mut text = Vec::new();
        self.push_text(self.input.kept()[column], row, &mut text);
        text.into()
    }

    fn push_json(&self, column: usize, row: usize, out: &mut Vec<u8>) {
        let from = self.from(self.input.kept()[column]);
        push_json(from.array, from.dtype, from.start + row, out);
    }
}
