//! An opened CSV: its rows in any range of it, what is written of them, and why one is bad.

use super::head::{self, Head, Kept, Layout, nul_byte};
use super::reader::Reader;
use super::writer;
use crate::format::cause::Cause;
use crate::format::json::writer::key;
use crate::format::kept::{Fields, Members, keep_texts};
use crate::format::table::Schema;
use crate::format::writing::{self, RowWriting, Said, Style};
use crate::format::{FileFormat, Out, Record, Wanted};
use crate::problem::{Code, Problem};
use crate::score::batch::Flaw;
use crate::score::cell::Kind;
use crate::score::{Batch, Derivation};
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

/// What is the same for all ranges of an input; shared by the threads that score them.
pub struct Input {
    layout: Layout,
    format: FileFormat,
    output: FileFormat,
    writing: RowWriting,
    keeping: Keeping,
    out: Vec<u8>,
    /// What stands in front of the rows, with its line ends.
    front: Box<[u8]>,
    lines: u64,
}

/// How the kept columns are written.
enum Keeping {
    /// As they stand.
    Raw,
    Fields {
        columns: usize,
        delimiter: u8,
    },
    /// The keys of their members.
    Members(Vec<Vec<u8>>),
    /// So many columns of texts.
    Columns(usize),
}

/// The rows of a range of whole records, batch by batch.
pub struct Rows<'a> {
    input: &'a Input,
    range: &'a [u8],
    reader: Reader<'a>,
    /// Where the next batch begins, and the line feeds in front of it.
    at: usize,
    lines: u64,
    /// A byte with which nothing behind it can be read, or written.
    damage: Option<usize>,
    /// Lines are counted up to the last bad row.
    counted: usize,
    line: u32,
}

impl Input {
    /// `first`: the input's first block, without a byte order mark.
    ///
    /// # Errors
    /// Why the rows can't be told, or aren't the model's.
    pub fn open(first: &[u8], wanted: &Wanted) -> Result<Input, Problem> {
        let head = Head::read(first, wanted)?;
        let layout = head.layout;
        let kept: Vec<&str> = match &layout.kept {
            Kept::Some(indices) => indices.iter().map(|&i| &layout.names[i][..]).collect(),
            Kept::None | Kept::All => Vec::new(),
        };
        let schema = || Schema::of_texts(kept.iter().copied(), wanted);
        let style = wanted.style(Some(layout.dialect.delimiter), schema);
        let is_own = wanted.output.rows == wanted.format.rows;
        let (keeping, kept_header) = match &style {
            Style::Members { .. } => (
                Keeping::Members(kept.iter().map(|name| key(name)).collect()),
                Vec::new(),
            ),
            Style::Columns(_) => (Keeping::Columns(kept.len()), Vec::new()),
            Style::Fields { .. } if is_own => (Keeping::Raw, writer::kept_header(&layout, &first[head.record.clone()])),
            &Style::Fields { delimiter } => (
                Keeping::Fields {
                    columns: kept.len(),
                    delimiter,
                },
                writer::name_fields(kept.into_iter(), delimiter),
            ),
        };
        let out = match style {
            Style::Fields { delimiter } if layout.header => writer::header(&kept_header, &wanted.written(), delimiter),
            _ => Vec::new(),
        };
        Ok(Input {
            writing: RowWriting::new(wanted.outputs.iter().enumerate(), wanted.version, &style),
            keeping,
            format: wanted.format,
            output: wanted.output,
            layout,
            out,
            front: first[..head.end].into(),
            lines: head.lines,
        })
    }

    /// Would [`Input::open`] come to the same? A header alone tells how its rows are read. `first`, `wanted`: as there, and what
    /// is wanted is the same as then.
    pub fn begins(&self, first: &[u8]) -> bool {
        self.layout.header && first.starts_with(&self.front) && head::encoding(first).is_ok()
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

    pub fn has_header(&self) -> bool {
        self.layout.header
    }

    /// How the rows are written, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        &self.writing
    }

    /// What parts its fields.
    pub fn delimiter(&self) -> u8 {
        self.layout.dialect.delimiter
    }

    /// Where the rows begin in the first block.
    pub fn end(&self) -> usize {
        self.front.len()
    }

    /// How many line feeds stand in front of the rows.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// `range`: whole records, the first one without what stands in front of the rows.
    pub fn rows<'a>(&'a self, range: &'a [u8]) -> Rows<'a> {
        Rows {
            input: self,
            range,
            reader: Reader::new(&self.layout, rows_at_most(range)),
            at: 0,
            lines: 0,
            damage: self.damage(range),
            counted: 0,
            line: 0,
        }
    }

    /// The first byte with which nothing behind it can be read, or written.
    fn damage(&self, range: &[u8]) -> Option<usize> {
        let nul = memchr(0, range);
        match &self.keeping {
            // JSON is UTF-8, and so are the texts of a table.
            Keeping::Members(_) | Keeping::Columns(_) => {
                match std::str::from_utf8(&range[..nul.unwrap_or(range.len())]) {
                    Err(e) => Some(e.valid_up_to()),
                    Ok(_) => nul,
                }
            }
            Keeping::Raw | Keeping::Fields { .. } => nul,
        }
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, cause: Cause) -> &str {
        self.layout.column(cause).unwrap_or_default()
    }

    /// What may mend all rows at once that are bad for the same. `record`: one of them, without its line end.
    pub fn hint(&self, cause: Cause, record: &[u8]) -> Option<&'static str> {
        self.layout.hint(cause, record)
    }

    /// In words. `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        self.layout.reason(cause, refusal)
    }

    pub fn width(&self) -> usize {
        self.layout.roles.len()
    }

    /// The columns' names; none where there is no header.
    pub fn names(&self) -> &[String] {
        if self.layout.header { &self.layout.names } else { &[] }
    }

    /// Is there an observed column? By its place among those that were wanted.
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
        let features = self.layout.binding.features.iter();
        let filled =
            features.filter(|f| !f.optional && matches!(f.kind, Kind::Numbers | Kind::Integers | Kind::Marked(_)));
        (self.layout.roles.len() + filled.count()) as u64
    }
}

/// The error that a line can't be written as JSON.
fn not_utf8() -> Problem {
    Problem::new(
        Code::BadEncoding,
        "the line has bytes that are not UTF-8, and an output of this format is UTF-8",
        "set input.encoding to the encoding of the files, or write the file again in UTF-8",
    )
}

/// Rows of a small range, which needs less memory then. Each ends with a line feed.
fn rows_at_most(range: &[u8]) -> usize {
    const SMALL: usize = 64 << 10;
    match range.len() {
        ..SMALL => memchr_iter(b'\n', range).count(),
        _ => usize::MAX,
    }
}

impl Rows<'_> {
    /// Fills the batch with the next rows; false at the end, or behind a [`Rows::problem`].
    pub fn fill(&mut self) -> bool {
        if self.at == self.range.len() || self.is_damaged() {
            return false;
        }
        self.at = self.reader.fill(self.range, self.at, &mut self.lines);
        true
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

    /// The text of a cell of an observed column in a good row of the batch, without spaces around it. `column`: as it was wanted.
    /// None of a column that isn't there.
    pub fn observed(&self, column: usize, row: usize) -> Option<Cow<'_, [u8]>> {
        self.reader.observed(self.range, column, row)
    }

    /// Fills a batch with the same rows for a second model.
    pub fn derive(&self, derivation: &Derivation, second: &mut Batch) {
        let cell = |noted, row| self.reader.noted(self.range, noted, row);
        derivation.fill(&self.reader.batch, cell, second);
    }

    /// The line on which a row of the batch begins, counted from 0 in the range. `seen`: the line of a row before, and where it begins.
    pub fn line(&self, row: usize, seen: &mut (u32, usize)) -> u32 {
        let (start, _) = self.reader.record(row);
        let (line, counted) = seen;
        *line += memchr_iter(b'\n', &self.range[*counted..start]).count() as u32;
        *counted = start;
        *line
    }

    /// The text of a record.
    pub fn text(&self, record: &Record) -> &[u8] {
        &self.range[record.start as usize..record.end as usize]
    }

    /// Writes the batch as each of those says of its own rows: see [`writing::rows`].
    pub fn write<const N: usize>(&self, said: [Said; N], of: impl Fn(usize) -> (usize, usize), out: &mut Out) -> u64 {
        let rows = self.reader.batch.rows();
        let cells = writer::Batch {
            layout: &self.input.layout,
            block: self.range,
            reader: &self.reader,
        };
        match (&self.input.keeping, out) {
            (Keeping::Raw, Out::Text(out)) => writing::rows(rows, &cells, said, of, out),
            (&Keeping::Fields { columns, delimiter }, Out::Text(out)) => {
                let front = Fields {
                    cells: &cells,
                    columns,
                    delimiter,
                };
                writing::rows(rows, &front, said, of, out)
            }
            (Keeping::Members(keys), Out::Text(out)) => {
                writing::rows(rows, &Members { cells: &cells, keys }, said, of, out)
            }
            (&Keeping::Columns(columns), Out::Columns(out)) => {
                let keep = |row, malformed, out: &mut _| keep_texts(&cells, columns, row, malformed, out);
                writing::columns(rows, keep, said, of, out)
            }
            _ => unreachable!("what is written is what is kept"),
        }
    }

    /// Where a bad row of the batch stands; rows are asked for in order. `None`: a problem stands in front of its end, and
    /// counts first, wherever the range begins.
    pub fn record(&mut self, row: u32) -> Option<Record> {
        let (start, end) = self.reader.record(row as usize);
        if self.damage.is_some_and(|damage| damage < end) {
            return None;
        }
        self.line += memchr_iter(b'\n', &self.range[self.counted..start]).count() as u32;
        self.counted = start;
        Some(Record {
            line: Some(self.line),
            start: start as u32,
            end: end as u32,
        })
    }

    pub fn cause(&self, flaw: Flaw) -> Cause {
        self.reader.cause(flaw)
    }

    /// The column that a row of the batch is bad for, if it is one, and why; in words.
    pub fn reason(&self, flaw: Flaw) -> (Option<&str>, Cow<'static, str>) {
        let cause = self.reader.cause(flaw);
        let column = self.input.column(cause);
        let reason = self.input.reason(cause, |why| self.reader.batch.refusal(why));
        ((!column.is_empty()).then_some(column), reason)
    }

    /// The line feeds in front of what is read next.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Why nothing behind the batch can be read. Its line is counted from 1 at the beginning of the range.
    pub fn problem(&self) -> Option<Problem> {
        let damage = self.damage.filter(|_| self.is_damaged())?;
        match self.range[damage] {
            0 => nul_byte(self.range),
            _ => Some(not_utf8().line(1 + memchr_iter(b'\n', &self.range[..damage]).count() as u64)),
        }
    }

    fn is_damaged(&self) -> bool {
        self.damage.is_some_and(|damage| damage < self.at)
    }
}
