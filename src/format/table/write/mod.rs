//! Columns -> the bytes of a Parquet or Arrow file. The same rows come to the same bytes, however they came in parts.

mod gather;
mod ipc;
mod parquet;
mod storable;
#[cfg(test)]
mod tests;

use super::columns::{Columns, Schema};
use super::fault;
use crate::format::RowFormat;
use crate::problem::Problem;
use gather::Gather;
use polars_arrow::array::Array;
use polars_arrow::datatypes::Field;
use polars_error::PolarsError;
use std::io::{self, Write};
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes a file.
pub struct Writer {
    to: To,
    sink: Sink,
    /// Where parts are no row groups of the input's: rows that wait for more.
    gather: Option<Gather>,
    bytes: Vec<u8>,
}

enum To {
    Parquet(Box<parquet::Writer>),
    Arrow(Box<ipc::Writer>),
    Stream(Box<ipc::StreamWriter>),
}

/// What is written, to be taken away.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Can a column be written, by its type?
///
/// # Errors
/// By name, that it can't.
pub fn look(field: &Field, told: &Field, format: RowFormat) -> Result<(), Problem> {
    match format {
        RowFormat::Parquet => parquet::look(field, told),
        _ => Ok(()),
    }
}

impl Writer {
    /// `gathers`: parts are no row groups, but any run of rows.
    ///
    /// # Errors
    /// A column can't be written.
    pub fn new(schema: &Schema, format: RowFormat, gathers: bool) -> Result<Writer, Problem> {
        let sink = Sink::default();
        let to = match format {
            RowFormat::Parquet => To::Parquet(Box::new(parquet::Writer::new(sink.clone(), schema)?)),
            RowFormat::ArrowStream => To::Stream(Box::new(
                ipc::StreamWriter::new(sink.clone(), schema).map_err(unwritten)?,
            )),
            _ => To::Arrow(Box::new(ipc::Writer::new(sink.clone(), schema).map_err(unwritten)?)),
        };
        Ok(Writer {
            to,
            sink,
            gather: gathers.then(Gather::default),
            bytes: Vec::new(),
        })
    }

    /// The bytes of the next rows, as far as their row groups are whole.
    ///
    /// # Errors
    /// A defect of this program, or of its libraries.
    pub fn add(&mut self, columns: &mut Columns) -> Result<&[u8], Problem> {
        let next = Columns::new(columns.schema.clone());
        let rows = columns.rows();
        let arrays = std::mem::replace(columns, next).into_arrays();
        match &mut self.gather {
            None => self.write(rows, arrays)?,
            Some(gather) => {
                gather.add(rows, arrays);
                while let Some((rows, arrays)) = self.gather.as_mut().and_then(Gather::whole) {
                    self.write(rows, arrays)?;
                }
            }
        }
        Ok(self.take())
    }

    /// The last bytes.
    ///
    /// # Errors
    /// As of [`Writer::add`].
    pub fn end(&mut self) -> Result<&[u8], Problem> {
        if let Some((rows, arrays)) = self.gather.as_mut().and_then(Gather::rest) {
            self.write(rows, arrays)?;
        }
        match &mut self.to {
            To::Parquet(writer) => writer.end(),
            To::Arrow(writer) => writer.end(),
            To::Stream(writer) => writer.end(),
        }
        .map_err(unwritten)?;
        Ok(self.take())
    }

    fn write(&mut self, rows: usize, arrays: Vec<Box<dyn Array>>) -> Result<(), Problem> {
        if rows == 0 {
            return Ok(());
        }
        match &mut self.to {
            To::Parquet(writer) => writer.write(rows, arrays),
            To::Arrow(writer) => writer.write(rows, arrays),
            To::Stream(writer) => writer.write(rows, arrays),
        }
        .map_err(unwritten)
    }

    fn take(&mut self) -> &[u8] {
        self.bytes = take(&mut *self.sink.0.lock().unwrap_or_else(PoisonError::into_inner));
        &self.bytes
    }
}

fn unwritten(error: PolarsError) -> Problem {
    fault::unwritten(&error.to_string())
}
