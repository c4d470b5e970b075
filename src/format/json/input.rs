//! An opened input of JSON Lines: the rows in any range of it, what is written of them, and why one is bad.

use super::cause::Malformed;
use super::layout::{Kept, Layout};
use super::line::{Reader, text};
use super::writer::key;
use crate::format::cause::{Cause, Malformed as Any};
use crate::format::csv::cause::decimal_hint;
use crate::format::csv::writer::{header, name_fields};
use crate::format::kept::{Fields, KeptCells, Members, keep_texts, push_hidden};
use crate::format::table::Schema;
use crate::format::wanted::{Wanted, stands_already};
use crate::format::writing::{self, Front, RowWriting, Said, Style};
use crate::format::{FileFormat, Out, Record};
use crate::model::unicode;
use crate::problem::Problem;
use crate::score::batch::{Flaw, refused};
use crate::score::cell::{CellError, trim};
use crate::score::{Batch, Derivation};
use std::borrow::Cow;

/// What is the same for all ranges of an input; shared by the threads that score them.
pub struct Input {
    layout: Layout,
    format: FileFormat,
    output: FileFormat,
    writing: RowWriting,
    /// Of the kept columns' members, if they become such.
    keys: Vec<Vec<u8>>,
    out: Vec<u8>,
}

/// The rows of a range of whole lines, batch by batch.
pub struct Rows<'a> {
    input: &'a Input,
    reader: Reader<'a>,
    range: &'a [u8],
    /// Where the next batch begins; the lines in front of the one at hand, and behind it.
    at: usize,
    begun: u64,
    lines: u64,
}

impl Input {
    /// `first`: the input's first block, without a byte order mark.
    ///
    /// # Errors
    /// No object of it has a column that is needed; or the output's columns can't be told.
    pub fn open(first: &[u8], wanted: &Wanted) -> Result<Input, Problem> {
        let layout = Layout::of(first, wanted)?;
        let names = match &layout.kept {
            Kept::Whole => &[][..],
            Kept::Named(names) => names,
        };
        let schema = || Schema::of_texts(names.iter().map(String::as_str), wanted);
        let style = wanted.style(None, schema);
        let (keys, out) = match &style {
            Style::Columns(_) => (Vec::new(), Vec::new()),
            Style::Members { .. } => (names.iter().map(|name| key(name)).collect(), Vec::new()),
            &Style::Fields { delimiter } => {
                let kept = name_fields(names.iter().map(String::as_str), delimiter);
                (Vec::new(), header(&kept, &wanted.written(), delimiter))
            }
        };
        Ok(Input {
            writing: RowWriting::new(wanted.outputs.iter().enumerate(), wanted.version, &style),
            format: wanted.format,
            output: wanted.output,
            layout,
            keys,
            out,
        })
    }

    /// What the output begins with.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// The format of its output.
    pub fn output(&self) -> FileFormat {
        self.output
    }

    /// How the rows are written, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        &self.writing
    }

    /// `range`: whole lines.
    pub fn rows<'a>(&'a self, range: &'a [u8]) -> Rows<'a> {
        Rows {
            input: self,
            reader: Reader::new(&self.layout, range),
            range,
            at: 0,
            begun: 0,
            lines: 0,
        }
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, cause: Cause) -> &str {
        let of_feature = |feature: u32| self.layout.binding.fields[feature as usize];
        let field = match cause {
            Cause::Cell { feature, .. } | Cause::Malformed(Any::Json(Malformed::Nested { feature, .. })) => {
                of_feature(feature)
            }
            Cause::Field { field, .. } => field as usize,
            Cause::Malformed(_) | Cause::Refused(_) => return "",
        };
        &self.layout.columns[field]
    }

    /// What may mend all rows at once that are bad for the same. `record`: one of them.
    pub fn hint(&self, cause: Cause, record: &[u8]) -> Option<&'static str> {
        match cause {
            Cause::Malformed(Any::Json(malformed)) => malformed.hint(),
            Cause::Cell {
                feature,
                error: CellError::NotANumber,
            } => {
                let document = super::Document::check(record).ok()?;
                let column = self.column(cause);
                let (_, value) = document
                    .root()
                    .members()
                    .find(|(key, _)| unicode::name(key) == column)?;
                let spelling = &self.layout.binding.features[feature as usize].spelling;
                decimal_hint(spelling, b'\n', trim(text(value.raw()).as_bytes()))
            }
            _ => None,
        }
    }

    /// In words. `record`: the row; `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, record: &[u8], refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match cause {
            Cause::Cell { error, .. } | Cause::Field { error, .. } => error.text().into(),
            Cause::Malformed(Any::Json(malformed)) => malformed.words(record),
            Cause::Malformed(_) => "malformed".into(),
            Cause::Refused(why) => refused(refusal(why)).into(),
        }
    }

    pub fn width(&self) -> usize {
        self.layout.columns.len()
    }

    /// The keys of the first object.
    pub fn names(&self) -> &[String] {
        &self.layout.first
    }

    /// Has an object of the first block an observed column? By its place among those that were wanted.
    pub fn observes(&self, column: usize) -> bool {
        self.layout.observed[column].is_some()
    }

    /// How rows for a second model come about. By its place among those that were wanted.
    ///
    /// # Errors
    /// Why they can't: the input lacks a column.
    pub fn derivation(&self, second: usize) -> Result<&Derivation, &Problem> {
        self.layout.derivations[second].as_ref()
    }

    /// The fewest bytes of a good row, with its line feed.
    pub fn least(&self) -> u64 {
        let needed = self.layout.binding.features.iter().filter(|feature| !feature.optional);
        // Two quotes, a colon, a value and a comma each; two braces, which need no comma between them.
        "{}\n".len() as u64 + (5 * needed.count() as u64).saturating_sub(1)
    }
}

impl Rows<'_> {
    /// Fills the batch with the next rows; false at the end, or behind a [`Rows::problem`].
    pub fn fill(&mut self) -> bool {
        if self.at == self.range.len() || self.reader.clash.is_some() {
            return false;
        }
        self.begun = self.lines;
        self.at = self.reader.fill(self.at);
        self.lines += self.reader.batch.rows() as u64;
        self.reader.batch.rows() > 0
    }

    /// The batch, to be looked at.
    pub fn read(&self) -> &Batch {
        &self.reader.batch
    }

    pub fn batch(&mut self) -> &mut Batch {
        &mut self.reader.batch
    }

    /// How the rows are written, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        &self.input.writing
    }

    /// The text of a cell of an observed column in a good row of the batch, without spaces around it. None of a column that isn't
    /// there.
    pub fn observed(&self, column: usize, row: usize) -> Option<Cow<'_, [u8]>> {
        let noted = self.input.layout.observed[column]?;
        Some(match self.reader.noted(noted, row) {
            Cow::Borrowed(text) => trim(text.as_bytes()).into(),
            Cow::Owned(text) => trim(text.as_bytes()).to_vec().into(),
        })
    }

    /// Fills a batch with the same rows for a second model.
    pub fn derive(&self, derivation: &Derivation, second: &mut Batch) {
        let cell = |noted, row| match self.reader.noted(noted, row) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        derivation.fill(&self.reader.batch, cell, second);
    }

    /// The line of a row of the batch, counted from 0 in the range.
    pub fn line(&self, row: usize) -> u32 {
        self.begun as u32 + row as u32
    }

    /// The text of a record.
    pub fn text(&self, record: &Record) -> &[u8] {
        &self.range[record.start as usize..record.end as usize]
    }

    /// Writes the batch as each of those says of its own rows: see [`writing::rows`].
    pub fn write<const N: usize>(&self, said: [Said; N], of: impl Fn(usize) -> (usize, usize), out: &mut Out) -> u64 {
        let rows = self.reader.batch.rows();
        let cells = &self.reader;
        match (&self.input.layout.kept, self.input.writing.style(), out) {
            (Kept::Whole, _, Out::Text(out)) => writing::rows(rows, cells, said, of, out),
            (Kept::Named(names), &Style::Fields { delimiter }, Out::Text(out)) => {
                let columns = names.len();
                let front = Fields {
                    cells,
                    columns,
                    delimiter,
                };
                writing::rows(rows, &front, said, of, out)
            }
            (Kept::Named(names), Style::Columns(_), Out::Columns(out)) => {
                let keep = |row, malformed, out: &mut _| keep_texts(cells, names.len(), row, malformed, out);
                writing::columns(rows, keep, said, of, out)
            }
            (Kept::Named(_), Style::Members { .. }, Out::Text(out)) => {
                let keys = &self.input.keys;
                writing::rows(rows, &Members { cells, keys }, said, of, out)
            }
            _ => unreachable!("what is written is what is kept"),
        }
    }

    /// Where a bad row of the batch stands.
    pub fn record(&self, row: u32) -> Record {
        let (start, end) = self.reader.place(row as usize);
        Record {
            line: Some(self.line(row as usize)),
            start,
            end,
        }
    }

    pub fn cause(&self, flaw: Flaw) -> Cause {
        self.reader.cause(flaw)
    }

    /// The column that a row of the batch is bad for, if it is one, and why; in words.
    pub fn reason(&self, flaw: Flaw) -> (Option<&str>, Cow<'static, str>) {
        let cause = self.reader.cause(flaw);
        let column = self.input.column(cause);
        let line = self.reader.line(flaw.row as usize);
        let reason = self.input.reason(cause, line, |why| self.reader.batch.refusal(why));
        ((!column.is_empty()).then_some(column), reason)
    }

    /// The lines in front of what is read next.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// For each feature, how many of the objects so far have no such key.
    pub fn lacking(&self) -> &[u64] {
        &self.reader.lacking
    }

    /// Why nothing behind the batch can be read. Its line is counted from 1 at the beginning of the range.
    pub fn problem(&self) -> Option<Problem> {
        let name = self.reader.clash.as_ref()?;
        Some(stands_already(name).line(self.lines + 1))
    }
}

/// The object as it stands, but for its braces.
impl Front for Reader<'_> {
    fn is_empty(&self) -> bool {
        false
    }

    #[inline]
    fn begin(&self, row: usize, _malformed: bool, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(self.members(row).unwrap_or_default());
    }

    fn end(&self, row: usize, malformed: bool, out: &mut Vec<u8>) {
        if malformed && let Some(hidden) = self.hidden(row) {
            push_hidden(&hidden, out);
        }
    }
}

impl KeptCells for Reader<'_> {
    fn hidden(&self, row: usize) -> Option<Cow<'_, [u8]>> {
        match self.members(row) {
            Some(_) => None,
            None => Some(self.line(row).into()),
        }
    }

    fn text(&self, column: usize, row: usize) -> Cow<'_, [u8]> {
        match self.kept(column, row).map_or("".into(), text) {
            Cow::Borrowed(text) => text.as_bytes().into(),
            Cow::Owned(text) => text.into_bytes().into(),
        }
    }

    fn push_json(&self, column: usize, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kept(column, row).unwrap_or("null").as_bytes());
    }
}
