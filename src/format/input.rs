//! An opened input, and the rows of its blocks.

use super::blocks::{Beginning, Block};
use super::csv::input as csv;
use super::json::input as json;
use super::table;
use super::{Cause, FileFormat, Out, Record, RowFormat, RowWriting, Said, Wanted};
use crate::problem::Problem;
use crate::score::batch::{Flaw, Reason};
use crate::score::{Batch, Derivation};
use std::borrow::Cow;

/// What is the same for all blocks of an input; shared by the threads that score them.
pub enum Input {
    Csv(csv::Input),
    Json(json::Input),
    Table(table::Input),
}

/// The rows of a block, batch by batch.
pub enum Rows<'a> {
    Csv(csv::Rows<'a>),
    Json(json::Rows<'a>),
    Table(table::Rows<'a>),
}

impl Input {
    /// # Errors
    /// Why the rows can't be told, or aren't the model's.
    pub fn open(beginning: Beginning, wanted: &Wanted) -> Result<Input, Problem> {
        #[cfg(not(feature = "parquet"))]
        if !wanted.output.is_text() {
            return Err(table::not_built_in());
        }
        match beginning {
            Beginning::Text(first) if wanted.format.rows == RowFormat::JsonLines => {
                Ok(Input::Json(json::Input::open(first, wanted)?))
            }
            Beginning::Text(first) => Ok(Input::Csv(csv::Input::open(first, wanted)?)),
            Beginning::Table(table) => Ok(Input::Table(table::Input::open(table.columns(), wanted)?)),
        }
    }

    /// Would [`Input::open`] come to the same? `beginning`, `wanted`: as there, and what is wanted is the same as then.
    pub fn begins(&self, beginning: Beginning) -> bool {
        match (self, beginning) {
            (Input::Csv(input), Beginning::Text(first)) => input.begins(first),
            // Its keys are those of all of its first block.
            (Input::Json(_), Beginning::Text(_)) => false,
            _ => false,
        }
    }

    /// The places of the columns that are read of a table; none where rows are read as a whole.
    pub fn columns(&self) -> Option<&[usize]> {
        match self {
            Input::Table(input) => Some(input.needed()),
            _ => None,
        }
    }

    /// Of a table that becomes text, the places of the columns that are kept.
    pub fn texts(&self) -> &[usize] {
        match self {
            Input::Table(input) if input.output().is_text() => input.kept(),
            _ => &[],
        }
    }

    /// Of a table, the places of the columns that are kept, ascending.
    pub fn kept(&self) -> Vec<usize> {
        let mut kept = match self {
            Input::Table(input) => input.kept().to_vec(),
            _ => Vec::new(),
        };
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    /// What a text of its output begins with.
    pub fn out(&self) -> &[u8] {
        match self {
            Input::Csv(input) => input.out(),
            Input::Json(input) => input.out(),
            Input::Table(input) => input.out(),
        }
    }

    pub fn format(&self) -> FileFormat {
        match self {
            Input::Csv(input) => input.format(),
            Input::Json(input) => input.format(),
            Input::Table(input) => input.format(),
        }
    }

    /// The format of its output.
    pub fn output(&self) -> FileFormat {
        match self {
            Input::Csv(input) => input.output(),
            Input::Json(input) => input.output(),
            Input::Table(input) => input.output(),
        }
    }

    pub fn has_header(&self) -> bool {
        match self {
            Input::Csv(input) => input.has_header(),
            // Each row has its names.
            Input::Json(_) | Input::Table(_) => true,
        }
    }

    /// How the rows are written, as they were wanted.
    pub fn writing(&self) -> &RowWriting {
        match self {
            Input::Csv(input) => input.writing(),
            Input::Json(input) => input.writing(),
            Input::Table(input) => input.writing(),
        }
    }

    /// What parts fields; a comma where there are none.
    pub fn delimiter(&self) -> u8 {
        match self {
            Input::Csv(input) => input.delimiter(),
            Input::Json(_) | Input::Table(_) => b',',
        }
    }

    /// Where the rows begin in the first block.
    pub fn end(&self) -> usize {
        match self {
            Input::Csv(input) => input.end(),
            Input::Json(_) | Input::Table(_) => 0,
        }
    }

    /// How many lines stand in front of the rows.
    pub fn lines(&self) -> u64 {
        match self {
            Input::Csv(input) => input.lines(),
            Input::Json(_) | Input::Table(_) => 0,
        }
    }

    /// `front`: how much of the block stands in front of its rows.
    pub fn rows<'a>(&'a self, block: &'a Block, front: usize) -> Rows<'a> {
        match (self, block) {
            (Input::Csv(input), Block::Text(text)) => Rows::Csv(input.rows(&text[front..])),
            (Input::Json(input), Block::Text(text)) => Rows::Json(input.rows(&text[front..])),
            (Input::Table(input), Block::RowGroup(group)) => Rows::Table(table::Rows::new(input, group)),
            (Input::Table(input), _) => Rows::Table(table::Rows::new(input, input.beginning())),
            _ => unreachable!("an input's blocks are of its format"),
        }
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, cause: Cause) -> &str {
        match self {
            Input::Csv(input) => input.column(cause),
            Input::Json(input) => input.column(cause),
            Input::Table(input) => input.column(cause),
        }
    }

    /// What may mend all rows at once that are bad for the same. `record`: one of them, without its line end.
    pub fn hint(&self, cause: Cause, record: &[u8]) -> Option<&'static str> {
        match self {
            Input::Csv(input) => input.hint(cause, record),
            Input::Json(input) => input.hint(cause, record),
            Input::Table(_) => None,
        }
    }

    /// In words. `record`: the row, without its line end; `refusal`: what the model says.
    pub fn reason<'r>(&self, cause: Cause, record: &[u8], refusal: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match self {
            Input::Csv(input) => input.reason(cause, refusal),
            Input::Json(input) => input.reason(cause, record, refusal),
            Input::Table(input) => input.reason(cause, refusal),
        }
    }

    /// How many columns rows may be bad for.
    pub fn width(&self) -> usize {
        match self {
            Input::Csv(input) => input.width(),
            Input::Json(input) => input.width(),
            Input::Table(input) => input.names().len(),
        }
    }

    /// The columns' names; none where there is no header.
    pub fn names(&self) -> &[String] {
        match self {
            Input::Csv(input) => input.names(),
            Input::Json(input) => input.names(),
            Input::Table(input) => input.names(),
        }
    }

    /// Is there an observed column? By its place among those that were wanted.
    pub fn observes(&self, column: usize) -> bool {
        match self {
            Input::Csv(input) => input.observes(column),
            Input::Json(input) => input.observes(column),
            Input::Table(input) => input.observes(column),
        }
    }

    /// How rows for a second model come about. By its place among those that were wanted.
    ///
    /// # Errors
    /// Why they can't: the input lacks a column.
    pub fn derivation(&self, second: usize) -> Result<&Derivation, &Problem> {
        match self {
            Input::Csv(input) => input.derivation(second),
            Input::Json(input) => input.derivation(second),
            Input::Table(input) => input.derivation(second),
        }
    }

    /// The fewest bytes of a good row, if it has any.
    pub fn least(&self) -> Option<u64> {
        match self {
            Input::Csv(input) => Some(input.least()),
            Input::Json(input) => Some(input.least()),
            Input::Table(_) => None,
        }
    }
}

impl Rows<'_> {
    /// Fills the batch with the next rows; false at the end, or behind a [`Rows::problem`].
    pub fn fill(&mut self) -> bool {
        match self {
            Rows::Csv(rows) => rows.fill(),
            Rows::Json(rows) => rows.fill(),
            Rows::Table(rows) => rows.fill(),
        }
    }

    /// The batch, to be looked at.
    pub fn read(&self) -> &Batch {
        match self {
            Rows::Csv(rows) => rows.read(),
            Rows::Json(rows) => rows.read(),
            Rows::Table(rows) => rows.read(),
        }
    }

    pub fn batch(&mut self) -> &mut Batch {
        match self {
            Rows::Csv(rows) => rows.batch(),
            Rows::Json(rows) => rows.batch(),
            Rows::Table(rows) => rows.batch(),
        }
    }

    /// The text of a cell of an observed column in a good row of the batch, without spaces around it. `column`: as it was wanted.
    /// None of a column that isn't there.
    pub fn observed(&self, column: usize, row: usize) -> Option<Cow<'_, [u8]>> {
        match self {
            Rows::Csv(rows) => rows.observed(column, row),
            Rows::Json(rows) => rows.observed(column, row),
            Rows::Table(rows) => rows.observed(column, row),
        }
    }

    /// Fills a batch with the same rows for a second model.
    pub fn derive(&self, derivation: &Derivation, second: &mut Batch) {
        match self {
            Rows::Csv(rows) => rows.derive(derivation, second),
            Rows::Json(rows) => rows.derive(derivation, second),
            Rows::Table(rows) => rows.derive(derivation, second),
        }
    }

    /// The line on which a row of the batch begins, or its number where its format has no lines; counted from 0 in the block. `seen`:
    /// the line of a row before, and where it begins.
    pub fn line(&self, row: usize, seen: &mut (u32, usize)) -> u32 {
        match self {
            Rows::Csv(rows) => rows.line(row, seen),
            Rows::Json(rows) => rows.line(row),
            Rows::Table(rows) => rows.line(row),
        }
    }

    fn writing(&self) -> &RowWriting {
        match self {
            Rows::Csv(rows) => rows.writing(),
            Rows::Json(rows) => rows.writing(),
            Rows::Table(rows) => rows.writing(),
        }
    }

    /// Writes the batch as the model whose signature was wanted says. `predictions`: `[output][row]`. Returns how many good rows have a
    /// prediction that is not finite.
    pub fn write(&self, predictions: &[f64], out: &mut Out) -> u64 {
        let said = Said {
            writing: self.writing(),
            batch: self.read(),
            predictions,
        };
        self.write_said([said], |row| (0, row), out)
    }

    /// Writes the batch as several say, each of its own rows. `of`: of a row, who, and the row among its own. Returns the same.
    pub fn write_said<const N: usize>(
        &self,
        said: [Said; N],
        of: impl Fn(usize) -> (usize, usize),
        out: &mut Out,
    ) -> u64 {
        match self {
            Rows::Csv(rows) => rows.write(said, of, out),
            Rows::Json(rows) => rows.write(said, of, out),
            Rows::Table(rows) => rows.write(said, of, out),
        }
    }

    /// Where a bad row of the batch stands; rows are asked for in order. `None`: a problem stands in front of its end, and
    /// counts first, wherever the block begins.
    pub fn record(&mut self, row: u32) -> Option<Record> {
        match self {
            Rows::Csv(rows) => rows.record(row),
            Rows::Json(rows) => Some(rows.record(row)),
            Rows::Table(rows) => Some(rows.record(row)),
        }
    }

    /// The text of a record, by its place.
    pub fn text(&self, record: &Record) -> &[u8] {
        match self {
            Rows::Csv(rows) => rows.text(record),
            Rows::Json(rows) => rows.text(record),
            Rows::Table(rows) => rows.text(record),
        }
    }

    pub fn cause(&self, flaw: Flaw) -> Cause {
        match self {
            Rows::Csv(rows) => rows.cause(flaw),
            Rows::Json(rows) => rows.cause(flaw),
            Rows::Table(rows) => rows.cause(flaw),
        }
    }

    /// The same of a flaw of the batch that was derived for a second model.
    pub fn cause_of_second(&self, flaw: Flaw, derivation: &Derivation) -> Cause {
        match flaw.reason {
            Reason::Cell { feature, error } => Cause::Field {
                field: derivation.field(feature as usize) as u32,
                error,
            },
            _ => self.cause(flaw),
        }
    }

    /// The column that a row of the batch is bad for, if it is one, and why; in words.
    pub fn reason(&self, flaw: Flaw) -> (Option<&str>, Cow<'static, str>) {
        match self {
            Rows::Csv(rows) => rows.reason(flaw),
            Rows::Json(rows) => rows.reason(flaw),
            Rows::Table(rows) => rows.reason(flaw),
        }
    }

    /// The line feeds in front of what is read next.
    pub fn lines(&self) -> u64 {
        match self {
            Rows::Csv(rows) => rows.lines(),
            Rows::Json(rows) => rows.lines(),
            Rows::Table(rows) => rows.lines(),
        }
    }

    /// For each feature, how many rows so far have no such key, and so a missing value; nothing where rows have columns.
    pub fn lacking(&self) -> &[u64] {
        match self {
            Rows::Csv(_) | Rows::Table(_) => &[],
            Rows::Json(rows) => rows.lacking(),
        }
    }

    /// Why nothing behind the batch can be read. Its line is counted from 1 at the beginning of the block.
    pub fn problem(&self) -> Option<Problem> {
        match self {
            Rows::Csv(rows) => rows.problem(),
            Rows::Json(rows) => rows.problem(),
            Rows::Table(rows) => rows.problem(),
        }
    }

    /// What [`Record`]s stand in, once all are read, where that isn't the block itself.
    pub fn into_records(self) -> Option<Vec<u8>> {
        match self {
            Rows::Csv(_) | Rows::Json(_) => None,
            Rows::Table(rows) => Some(rows.into_records()),
        }
    }
}
