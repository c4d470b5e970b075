//! The rows of a trial's file.

use crate::format::csv::stream::{Stream, StreamError};
use crate::format::{Dialect, Encoding};
use crate::labels::{text_cells, text_columns};
use crate::ledger::HalfHash;
use crate::model::Column;
use crate::problem::{Code, Problem};
use crate::score::Spelling;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

/// A file that may be read several times: what is put in its place meanwhile is another one.
pub struct Sheet(File);

impl Sheet {
    /// `bytes`, `hash`: what was written.
    ///
    /// # Errors
    /// Why it isn't there as it was written.
    pub fn open(path: &Path, bytes: u64, hash: Option<HalfHash>) -> Result<Sheet, String> {
        let gone = || "its file went, or was changed".to_string();
        let mut file = File::open(path).map_err(|_| gone())?;
        let size = file.metadata().map_err(|_| gone())?.len();
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&mut file).map_err(|e| e.to_string())?;
        match size == bytes && hash == Some(hasher.finalize().into()) {
            true => Ok(Sheet(file)),
            false => Err(gone()),
        }
    }

    /// Has the cells of each row taken, in order. `columns`: those that there must be.
    ///
    /// # Errors
    /// Why the file isn't what a trial writes, or what `take` returns.
    pub fn read(
        &mut self,
        columns: &[String],
        mut take: impl FnMut(&[&str]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.0.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
        let stream = Stream {
            source: &mut self.0,
            encoding: Encoding::UTF_8,
            dialect: Dialect::plain(b','),
            spelling: &Spelling::USUAL,
        };
        let choose = |names: &[String]| match names == columns {
            true => Ok(text_columns(columns.iter().map(String::as_str))),
            false => Err(Problem::new(
                Code::NoSuchColumn,
                "its columns aren't those of these versions",
                "remove it: it is made again",
            )),
        };
        let mut taken = Ok(());
        let read = stream.batches(choose, |reader, _| {
            if let (Ok(()), Some(flaw)) = (&taken, reader.batch.bad().next()) {
                taken = Err(reader.reason(flaw));
            }
            for row in 0..reader.batch.rows() {
                if taken.is_err() {
                    return;
                }
                let cells: Vec<&str> = text_cells(reader, columns.len())
                    .map(|column| &column[row][..])
                    .collect();
                taken = take(&cells);
            }
        });
        read.map_err(|e| match e {
            StreamError::Read(e) => e.to_string(),
            StreamError::Problem(problem) => problem.to_string(),
        })?;
        taken
    }
}

/// The columns of a shadow's file.
pub fn shadow_columns([champion, shadow]: [&[Column]; 2]) -> Vec<String> {
    let prefixed = |of: &'static str| move |column: &Column| format!("{of}.{}", column.name);
    let head = ["line", "key"].map(String::from).into_iter();
    let of_champion = champion.iter().map(prefixed("champion"));
    head.chain(of_champion)
        .chain(shadow.iter().map(prefixed("shadow")))
        .collect()
}

/// The columns of a challenger's file. `outputs`: the champion's.
pub fn challenger_columns(outputs: &[Column]) -> Vec<String> {
    let head = ["line", "key", "arm"].map(String::from).into_iter();
    head.chain(outputs.iter().map(|output| output.name.clone())).collect()
}

/// # Errors
/// The cell is no line.
pub fn line(cell: &str) -> Result<u64, String> {
    cell.parse().map_err(|_| format!("{cell:?} is no line"))
}
