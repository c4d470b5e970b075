//! Rows of an output or of an input, as far as they are what the ledger says they are.

use super::given::{text_cells, text_columns};
use crate::format::as_csv::{AsCsv, Reading};
use crate::format::compression::{Limits, Unpacked};
use crate::format::csv::Reader;
use crate::format::csv::columns::names;
use crate::format::csv::origin::Origin;
use crate::format::csv::stream::{Stream, StreamError};
use crate::format::csv::table::Table;
use crate::format::{Compression, Dialect, Encoding, FileFormat};
use crate::ledger::{HalfHash, Scored};
use crate::problem::Problem;
use crate::score::Spelling;
use crate::spool::{Dir, Name, results};
use crate::transform::Shape;
use std::fs::File;
use std::io::{self, Read, Seek};

/// Of JSON Lines and tables all is in memory, beside the text that is made of it.
const MOST: u64 = 1 << 30;

/// Bytes that unpacking may take.
const MEMORY: u64 = 512 << 20;

/// No header is longer.
const HEAD: u64 = 1 << 20;

/// A file whose columns have names.
pub struct Sheet<'a> {
    rows: Rows,
    shape: &'a Shape,
    /// What it must be: its bytes, and how many rows it has.
    scored: HalfHash,
    count: u64,
    pub names: Vec<String>,
}

enum Rows {
    /// A CSV or TSV, read as a stream.
    Stream {
        file: File,
        compression: Compression,
        limits: Limits,
        encoding: Encoding,
        dialect: Dialect,
    },
    Whole(AsCsv, HalfHash),
}

impl<'a> Sheet<'a> {
    /// The output of an input. `prediction`: the name of the column that it must have, without output.prefix.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn output(root: &Dir, scored: &Scored, shape: &'a Shape, prediction: &str) -> Result<Sheet<'a>, String> {
        let format = FileFormat::of(scored.output.bytes());
        let opened = results::open_output(root, &scored.output).map_err(|e| e.to_string())?;
        let (mut file, stat) = opened.ok_or("the output is gone")?;
        if stat.st_size as u64 != scored.size {
            return Err(CHANGED.into());
        }
        let prediction = format!("{}{prediction}", shape.prefix);
        let has = |names: &[String]| names.contains(&prediction);
        let sheet = |rows, names| Sheet {
            rows,
            shape,
            scored: scored.hash,
            count: scored.rows,
            names,
        };
        if !format.rows.is_csv() {
            let (rows, names) = whole(&file, format, shape, "the output")?;
            return match has(&names) || names.is_empty() {
                true => Ok(sheet(rows, names)),
                false => Err(format!("the output has no {prediction:?}")),
            };
        }
        let limits = shape.limits(MEMORY);
        let head = head(&mut file, format.compression, limits)?;
        // An output has its input's delimiter, which is its own where Excel named it.
        let delimiters = [shape.dialect.of(format.rows).delimiter, b',', b';', b'\t', b'|'];
        let found = delimiters.into_iter().find_map(|delimiter| {
            let dialect = Dialect::plain(delimiter);
            let names = names(&table(&head, dialect, shape)).ok()?;
            has(&names).then_some((dialect, names))
        });
        let (dialect, names) = found
            .ok_or_else(|| format!("the output has no header with a {prediction:?}; was its input without one?"))?;
        let rows = Rows::Stream {
            file,
            compression: format.compression,
            limits,
            encoding: Encoding::UTF_8,
            dialect,
        };
        Ok(sheet(rows, names))
    }

    /// The input itself, read by today's settings.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn input(root: &Dir, scored: &Scored, shape: &'a Shape) -> Result<Sheet<'a>, String> {
        let format = FileFormat::of(scored.input.bytes());
        let mut file = open(root, &scored.input)
            .map_err(|e| e.to_string())?
            .ok_or("the input is gone")?;
        let (rows, names) = match format.rows.is_csv() {
            false => whole(&file, format, shape, "the input")?,
            true => {
                let limits = shape.limits(MEMORY);
                let head = head(&mut file, format.compression, limits)?;
                let head = crate::format::decoded(head, shape.encoding).map_err(|problem| problem.to_string())?;
                let dialect = shape.dialect.of(format.rows);
                let names = names(&table(&head, dialect, shape)).map_err(|problem| format!("the input: {problem}"))?;
                let rows = Rows::Stream {
                    file,
                    compression: format.compression,
                    limits,
                    encoding: shape.encoding,
                    dialect,
                };
                (rows, names)
            }
        };
        Ok(Sheet {
            rows,
            shape,
            scored: scored.input_hash,
            count: scored.rows,
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
    pub fn read(self, columns: &[&str], mut each: impl FnMut(u64, &[&str])) -> Result<(), String> {
        let Sheet {
            rows,
            shape,
            scored,
            count,
            ..
        } = self;
        let signature = text_columns(columns.iter().copied());
        let mut found = 0;
        let mut take = |reader: &mut Reader| {
            let mut cells = Vec::with_capacity(columns.len());
            for row in 0..reader.batch.rows() {
                cells.clear();
                cells.extend(text_cells(reader, columns.len()).map(|column| column[row].as_str()));
                each(found, &cells);
                found += 1;
            }
        };
        let hash = match rows {
            // Without rows, JSON Lines have no names.
            Rows::Whole(_, hash) if self.names.is_empty() => hash,
            Rows::Whole(csv, hash) => {
                let table = csv.table(&shape.spelling);
                let read = table.batches::<Problem>(&signature, |reader, _| {
                    take(reader);
                    Ok(())
                });
                read.map_err(|problem| problem.to_string())?;
                hash
            }
            Rows::Stream {
                mut file,
                compression,
                limits,
                encoding,
                dialect,
            } => {
                file.rewind().map_err(|e| e.to_string())?;
                let hashed = Hashed {
                    file,
                    hasher: blake3::Hasher::new(),
                };
                let mut source = Unpacked::new(hashed, compression, limits);
                let stream = Stream {
                    source: &mut source,
                    encoding,
                    dialect,
                    spelling: &shape.spelling,
                };
                let read = stream.batches(|_| Ok(signature), |reader, _| take(reader));
                read.map_err(|e| match e {
                    StreamError::Read(e) => e.to_string(),
                    StreamError::Problem(problem) => problem.to_string(),
                })?;
                // Padding at its end is no row.
                io::copy(&mut source, &mut io::sink()).map_err(|e| e.to_string())?;
                match &source {
                    Unpacked::Plain(hashed) => hashed.hasher.finalize().into(),
                    packed => packed.hashed().1.into(),
                }
            }
        };
        match hash == scored {
            false => Err(CHANGED.into()),
            true if found != count => Err(format!(
                "it has {found} rows as the settings read it now, and had {count}"
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

/// All of a file of JSON Lines, or a table; and the names of its columns. `what` it is.
fn whole(file: &File, format: FileFormat, shape: &Shape, what: &str) -> Result<(Rows, Vec<String>), String> {
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err(format!(
            "{what} is larger than {} MiB; of such ones, labels are joined with CSVs alone (output.format)",
            MOST >> 20
        ));
    }
    let hash = blake3::hash(&bytes).into();
    let reading = Reading {
        encoding: shape.encoding,
        dialect: shape.dialect,
        // An output's numbers have a point, whatever is set.
        spelling: &Spelling::USUAL,
        limits: shape.limits(MEMORY),
        most: 8 * MOST,
        blank: true,
    };
    let csv = AsCsv::of(bytes, format, &reading).map_err(|problem| format!("{what}: {problem}"))?;
    let names = match csv.is_empty() {
        true => Vec::new(),
        false => names(&csv.table(&shape.spelling)).map_err(|problem| format!("{what}: {problem}"))?,
    };
    Ok((Rows::Whole(csv, hash), names))
}

fn head(file: &mut File, compression: Compression, limits: Limits) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    let text = Unpacked::new(file, compression, limits);
    text.take(HEAD).read_to_end(&mut head).map_err(|e| e.to_string())?;
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
