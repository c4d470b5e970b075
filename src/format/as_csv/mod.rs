//! A file of rows in any format as the text of a CSV, in memory: what people train with, evaluate by and hold against others. Nothing is
//! lost: a cell is its text, by the rule of all formats.

mod json;
mod table;
#[cfg(test)]
mod tests;

use super::compression::{Limits, Unpacked};
use super::csv::dialect::Dialect;
use super::csv::origin::{Feeds, Origin};
use super::csv::record::quote;
use super::csv::table::Table;
use super::{Compression, CutError, Encoding, FileFormat, RowFormat, decoded, foreign};
use crate::problem::{Code, Problem};
use crate::score::Spelling;
use std::io::Read;

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Of CSVs; JSON is UTF-8.
    pub encoding: Encoding,
    pub dialect: Dialect,
    pub spelling: &'a Spelling,
    pub limits: Limits,
    /// Bytes that it may have, unpacked and as a CSV.
    pub most: u64,
    /// Lines of JSON that are no rows have empty cells, and so has a key that stands twice; else they are errors.
    pub blank: bool,
}

/// The text, and where its lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsCsv {
    bytes: Vec<u8>,
    dialect: Dialect,
    rows: RowFormat,
    feeds: Feeds,
}

impl AsCsv {
    /// `bytes`: the file.
    ///
    /// # Errors
    /// It isn't what its name says, is damaged or larger than `most`; or a record of it can't be one of a CSV.
    pub fn of(bytes: Vec<u8>, format: FileFormat, reading: &Reading) -> Result<AsCsv, Problem> {
        match format.is_text() {
            true => {
                let text = unpacked(bytes, format, reading)?;
                let is_packed = format.compression != Compression::None;
                match foreign::named(&text, is_packed).filter(|_| format.rows.is_csv()) {
                    Some(problem) => Err(problem),
                    None => AsCsv::of_text(text, format.rows, reading),
                }
            }
            false => table::convert(&bytes, format, reading),
        }
    }

    /// The same of a text that is unpacked.
    ///
    /// # Errors
    /// As [`AsCsv::of`].
    pub fn of_text(text: Vec<u8>, rows: RowFormat, reading: &Reading) -> Result<AsCsv, Problem> {
        match rows {
            RowFormat::JsonLines => json::convert(&text, reading),
            rows => Ok(AsCsv {
                bytes: decoded(text, reading.encoding)?,
                dialect: reading.dialect.of(rows),
                rows,
                feeds: Feeds::default(),
            }),
        }
    }

    /// A text that is read as it stands.
    pub fn as_it_stands(bytes: Vec<u8>, dialect: Dialect) -> AsCsv {
        AsCsv {
            bytes,
            dialect,
            rows: RowFormat::Csv,
            feeds: Feeds::default(),
        }
    }

    /// Has it no columns, and so no rows?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn table<'a>(&'a self, spelling: &'a Spelling) -> Table<'a> {
        Table {
            bytes: &self.bytes,
            dialect: self.dialect,
            spelling,
            origin: match self.rows {
                RowFormat::Csv | RowFormat::Tsv => Origin::Csv,
                RowFormat::JsonLines => Origin::JsonLines(&self.feeds),
                RowFormat::Parquet | RowFormat::Arrow | RowFormat::ArrowStream => Origin::Table(&self.feeds),
            },
        }
    }
}

/// The text of a file of a text format, in its own encoding.
///
/// # Errors
/// It isn't compressed as its name says, is damaged or larger than `reading.most`.
pub fn unpacked(bytes: Vec<u8>, format: FileFormat, reading: &Reading) -> Result<Vec<u8>, Problem> {
    use super::Compression;
    if format.compression == Compression::None {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    let input = Unpacked::new(&bytes[..], format.compression, reading.limits);
    match input.take(reading.most.saturating_add(1)).read_to_end(&mut text) {
        Ok(_) if text.len() as u64 > reading.most => Err(too_large(reading.most)),
        Ok(_) => Ok(text),
        Err(e) => match CutError::from(e) {
            CutError::Problem(problem) => Err(*problem),
            CutError::Read(e) => Err(Problem::new(
                Code::CompressedDamaged,
                e.to_string(),
                "take fewer rows, or a machine with more memory",
            )),
        },
    }
}

fn too_large(most: u64) -> Problem {
    let message = format!("as text it is larger than {} MiB", most >> 20);
    Problem::new(Code::RecordTooLong, message, "take fewer rows: they are held in memory")
}

/// A CSV that is being made of records.
struct Making {
    bytes: Vec<u8>,
    feeds: Feeds,
    most: u64,
    /// The line on which the next record begins, and the line feeds in all texts so far.
    line: u64,
    shift: u64,
    columns: usize,
    column: usize,
}

impl Making {
    fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>, most: u64) -> Making {
        let mut making = Making {
            bytes: Vec::new(),
            feeds: Feeds::default(),
            most,
            line: 1,
            shift: 0,
            columns: names.len(),
            column: 0,
        };
        for name in names {
            // Alone it would be Excel's line that names the delimiter. Spaces around names mean nothing.
            let front = if making.columns == 1 && name.starts_with("sep=") {
                " "
            } else {
                ""
            };
            making.cell(format!("{front}{name}").as_bytes());
        }
        (making.feeds.header, making.shift) = (making.line - 1, 0);
        making.feeds.shifts.clear();
        making
    }

    /// Writes the next cell; behind the last column the record ends.
    fn cell(&mut self, text: &[u8]) {
        if self.column > 0 {
            self.bytes.push(b',');
        }
        let start = self.bytes.len();
        // An empty line is no record.
        let is_blank = self.columns == 1 && text.iter().all(|b| b.is_ascii_whitespace() || *b == 0x1A);
        match is_blank {
            true => self.bytes.extend([b"\"", text, b"\""].concat()),
            false => quote(text, b',', &mut self.bytes),
        }
        let feeds = memchr::memchr_iter(b'\n', &self.bytes[start..]).count() as u64;
        (self.line, self.shift) = (self.line + feeds, self.shift + feeds);
        self.column += 1;
        if self.column == self.columns {
            self.bytes.push(b'\n');
            self.line += 1;
            self.column = 0;
            let before = self.feeds.shifts.last().map_or(0, |(_, shift)| *shift);
            if self.shift > before {
                self.feeds.shifts.push((self.line, self.shift));
            }
        }
    }

    fn check(&self) -> Result<(), Problem> {
        match self.bytes.len() as u64 > self.most {
            true => Err(too_large(self.most)),
            false => Ok(()),
        }
    }

    fn end(self, rows: RowFormat) -> AsCsv {
        AsCsv {
            bytes: self.bytes,
            dialect: Dialect::plain(b','),
            rows,
            feeds: self.feeds,
        }
    }
}
