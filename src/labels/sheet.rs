//! Rows of an output or of an input, as far as they are what the ledger says they are.

use super::given::{text_cells, text_columns};
use crate::format::csv::columns::names;
use crate::format::csv::stream::{Stream, StreamError};
use crate::format::csv::table::{Origin, Table};
use crate::format::{Compression, Dialect, Encoding, FileFormat, RowFormat};
use crate::ledger::{HalfHash, Scored};
use crate::spool::{Dir, Name, results};
use crate::transform::Shape;
use std::fs::File;
use std::io::{self, Read, Seek};

/// No header is longer.
const HEAD: u64 = 1 << 20;

/// A file with a header.
pub struct Sheet<'a> {
    file: File,
    shape: &'a Shape,
    encoding: Encoding,
    dialect: Dialect,
    /// What it must be: its bytes, and how many rows it has.
    hash: HalfHash,
    rows: u64,
    pub names: Vec<String>,
}

impl<'a> Sheet<'a> {
    /// The output of an input. `prediction`: the name of the column that it must have.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn output(root: &Dir, scored: &Scored, shape: &'a Shape, prediction: &str) -> Result<Sheet<'a>, String> {
        let format = FileFormat::of(scored.output.bytes());
        if format.compression != Compression::None || !matches!(format.rows, RowFormat::Csv | RowFormat::Tsv) {
            return Err("the output is no uncompressed CSV; labels are joined with those alone".into());
        }
        let opened = results::open_output(root, &scored.output).map_err(|e| e.to_string())?;
        let (mut file, stat) = opened.ok_or("the output is gone")?;
        if stat.st_size as u64 != scored.size {
            return Err(CHANGED.into());
        }
        let head = head(&mut file)?;
        // An output has its input's delimiter, which is its own where Excel named it.
        let delimiters = [shape.dialect.delimiter, b',', b';', b'\t', b'|'];
        let found = delimiters.into_iter().find_map(|delimiter| {
            let dialect = Dialect::plain(delimiter);
            let names = names(&table(&head, dialect, shape)).ok()?;
            names.iter().any(|name| name == prediction).then_some((dialect, names))
        });
        let (dialect, names) = found
            .ok_or_else(|| format!("the output has no header with a {prediction:?}; was its input without one?"))?;
        Ok(Sheet {
            file,
            shape,
            encoding: Encoding::UTF_8,
            dialect,
            hash: scored.hash,
            rows: scored.rows,
            names,
        })
    }

    /// The input itself, read by today's settings.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn input(root: &Dir, scored: &Scored, shape: &'a Shape) -> Result<Sheet<'a>, String> {
        let mut file = open(root, &scored.input)
            .map_err(|e| e.to_string())?
            .ok_or("the input is gone")?;
        let head = head(&mut file)?;
        let head = crate::format::decoded(head, shape.encoding).map_err(|problem| problem.to_string())?;
        let names = names(&table(&head, shape.dialect, shape)).map_err(|problem| format!("the input: {problem}"))?;
        Ok(Sheet {
            file,
            shape,
            encoding: shape.encoding,
            dialect: shape.dialect,
            hash: scored.input_hash,
            rows: scored.rows,
            names,
        })
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Each row's number and cells. What was given counts only if this returns without an error: what isn't the file that was
    /// recorded is found out at its end.
    ///
    /// # Errors
    /// Why it counts for nothing.
    pub fn read(mut self, columns: &[&str], mut each: impl FnMut(u64, &[&str])) -> Result<(), String> {
        self.file.rewind().map_err(|e| e.to_string())?;
        let mut source = Hashed {
            file: self.file,
            hasher: blake3::Hasher::new(),
        };
        let stream = Stream {
            source: &mut source,
            encoding: self.encoding,
            dialect: self.dialect,
            spelling: &self.shape.spelling,
        };
        let mut rows = 0;
        let read = stream.batches(
            |_| Ok(text_columns(columns.iter().copied())),
            |reader, _| {
                let mut cells = Vec::with_capacity(columns.len());
                for row in 0..reader.batch.rows() {
                    cells.clear();
                    cells.extend(text_cells(reader, columns.len()).map(|column| column[row].as_str()));
                    each(rows, &cells);
                    rows += 1;
                }
            },
        );
        read.map_err(|e| match e {
            StreamError::Read(e) => e.to_string(),
            StreamError::Problem(problem) => problem.to_string(),
        })?;
        // Padding at its end is no row.
        io::copy(&mut source, &mut io::sink()).map_err(|e| e.to_string())?;
        match HalfHash::from(source.hasher.finalize()) == self.hash {
            false => Err(CHANGED.into()),
            true if rows != self.rows => Err(format!(
                "it has {rows} rows as the settings read it now, and had {}",
                self.rows
            )),
            true => Ok(()),
        }
    }
}

const CHANGED: &str = "it was changed since it was recorded";

fn open(root: &Dir, name: &Name) -> crate::error::Result<Option<File>> {
    let (folder, file) = name.split();
    let Some(dir) = root.below_if_there(folder)? else {
        return Ok(None);
    };
    Ok(dir.open_file(file)?.map(|(file, _)| file))
}

fn head(file: &mut File) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).map_err(|e| e.to_string())?;
    Ok(head)
}

fn table<'a>(bytes: &'a [u8], dialect: Dialect, shape: &'a Shape) -> Table<'a> {
    Table {
        bytes,
        dialect,
        spelling: &shape.spelling,
        origin: Origin::Csv,
    }
}

/// Hashes what is read.
struct Hashed {
    file: File,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.hasher.update(&into[..read]);
        Ok(read)
    }
}
