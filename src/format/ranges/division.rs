//! How an input may be cut.

use crate::format::csv::cut::TextRules;
use crate::format::{Compression, Dialect, Encoding, FileFormat, Input, RowFormat};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Into which ranges an input may be divided, by what its format and encoding are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Division {
    /// One.
    Whole,
    /// At the ends of records: [`survey`](super::survey) and [`Ranges`](super::Ranges).
    Text,
    /// Runs of them: [`Table::runs`](crate::format::table::Table::runs).
    RowGroups,
}

impl Division {
    /// # Errors
    /// The file's first bytes can't be read.
    pub fn of(file: &File, format: FileFormat, encoding: Encoding) -> io::Result<Division> {
        Ok(match format.rows {
            _ if format.compression != Compression::None => Division::Whole,
            RowFormat::Parquet | RowFormat::Arrow => Division::RowGroups,
            RowFormat::ArrowStream => Division::Whole,
            RowFormat::JsonLines => Division::Text,
            RowFormat::Csv | RowFormat::Tsv if encoding.is_utf8() => Division::Text,
            // What stands in front of a place doesn't matter, and what is ASCII is itself. A mark says that it is another encoding.
            _ if encoding.is_single_byte() && !has_mark(file)? => Division::Text,
            _ => Division::Whole,
        })
    }
}

fn has_mark(file: &File) -> io::Result<bool> {
    let mut first = [0; 3];
    let mut read = 0;
    while read < first.len() {
        match file.read_at(&mut first[read..], read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(encoding_rs::Encoding::for_bom(&first[..read]).is_some())
}

impl TextRules {
    /// Of an opened input. `encoding`, `dialect`: as the settings have them.
    pub fn new(input: &Input, encoding: Encoding, dialect: Dialect) -> TextRules {
        TextRules {
            rows: input.format().rows,
            encoding,
            dialect: dialect.with_delimiter(input.delimiter()),
        }
    }
}
