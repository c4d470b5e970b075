//! One row group -> arrays of the columns that are needed.

use super::footer::{Footer, range};
use super::pages::{decompressor, delta_texts, look};
use crate::format::CutError;
use crate::format::table::column::{Column, width};
use crate::format::table::fault::{damaged, guarded, of_decoding, of_read, too_large};
use crate::format::table::source::Source;
use polars_arrow::array::{Array, PrimitiveArray, new_empty_array};
use polars_arrow::compute::concatenate::concatenate;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::i256;
use polars_buffer::Buffer;
use polars_parquet::read::{ColumnChunkMetadata, column_iter_to_arrays};

impl Footer {
    /// The arrays of some columns, in their order. `bound`: bytes, for all that is in memory at once.
    ///
    /// # Errors
    /// The file can't be read or is damaged; or they would need more.
    pub fn arrays(
        &self,
        source: &Source,
        group: usize,
        columns: &[usize],
        bound: u64,
    ) -> Result<Vec<Box<dyn Array>>, CutError> {
        let rows = self.groups[group].rows;
        self.need(group, columns).check(group, rows, bound)?;
        let mut need = Need::default();
        let read = |column: &usize| {
            let place = || format!("row group {group}, column {:?}", self.columns[*column].name);
            guarded(&place(), || {
                self.array(source, group, *column, &mut need, bound)
                    .map_err(|e| match e {
                        Failure::Said(why) => damaged(format!("{}: {why}", place())).into(),
                        Failure::Decoding(why) => of_decoding(&place(), &why).into(),
                        Failure::Other(other) => other,
                    })
            })
        };
        columns.iter().map(read).collect()
    }

    /// Bytes that some columns of a row group take, as the footer says it.
    pub fn memory(&self, group: usize, columns: &[usize]) -> u64 {
        let need = self.need(group, columns);
        need.arrays.saturating_add(need.pages)
    }

    fn need(&self, group: usize, columns: &[usize]) -> Need {
        let mut need = Need::default();
        for column in columns {
            let chunks = self.chunks(group, *column);
            let uncompressed = chunks.iter().map(|chunk| chunk.uncompressed_size() as u64).sum();
            need.add(&self.columns[*column], chunks, self.groups[group].rows, uncompressed);
        }
        need
    }

    fn chunks(&self, group: usize, column: usize) -> &[ColumnChunkMetadata] {
        &self.metadata.row_groups[group].parquet_columns()[self.leaves[column].clone()]
    }

    fn array(
        &self,
        source: &Source,
        group: usize,
        place: usize,
        need: &mut Need,
        bound: u64,
    ) -> Result<Box<dyn Array>, Failure> {
        let column = &self.columns[place];
        let rows = self.groups[group].rows;
        let stored = column
            .stored
            .clone()
            .ok_or_else(|| Failure::Said("it has no values".into()))?;
        if rows == 0 {
            return Ok(match stored.dtype {
                // polars makes none of these.
                ArrowDataType::Decimal256(..) => PrimitiveArray::<i256>::new_empty(stored.dtype).boxed(),
                dtype => new_empty_array(dtype),
            });
        }
        let chunks = self.chunks(group, place);
        let mut read = Vec::with_capacity(chunks.len());
        let (mut uncompressed, mut common) = (0, false);
        for chunk in chunks {
            let range = range(chunk).ok_or_else(|| Failure::Said("it stands before the file".into()))?;
            let bytes = source.read(range).map_err(of_read)?;
            let pages = look(&bytes, chunk).map_err(Failure::Said)?;
            uncompressed += pages.uncompressed;
            common |= pages.delta_texts;
            read.push(Buffer::from_vec(bytes));
        }
        // As its pages say it: the footer may have said less.
        need.add(column, chunks, rows, uncompressed);
        need.check(group, rows, bound)?;
        if common {
            for (chunk, bytes) in chunks.iter().zip(&read) {
                need.arrays += delta_texts(bytes.clone(), chunk, bound).map_err(Failure::Decoding)?;
            }
            need.check(group, rows, bound)?;
        }
        let types = chunks
            .iter()
            .map(|chunk| &chunk.descriptor().descriptor.primitive_type)
            .collect();
        let pages = chunks
            .iter()
            .zip(read)
            .map(|(chunk, bytes)| decompressor(bytes, chunk))
            .collect();
        let decoded = column_iter_to_arrays(pages, types, stored, None);
        let (mut arrays, _) = decoded.map_err(|e| Failure::Decoding(e.to_string()))?;
        match arrays.len() {
            1 => Ok(arrays.remove(0)),
            _ => {
                let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
                concatenate(&arrays).map_err(|e| Failure::Decoding(e.to_string()))
            }
        }
    }
}

enum Failure {
    Said(String),
    Decoding(String),
    Other(CutError),
}

impl<E: Into<CutError>> From<E> for Failure {
    fn from(e: E) -> Failure {
        Failure::Other(e.into())
    }
}

/// Memory for columns of one row group, in bytes. One after the other is read and decoded: the arrays of all add up, and beside them
/// are the pages of one.
#[derive(Default)]
struct Need {
    arrays: u64,
    pages: u64,
}

impl Need {
    fn add(&mut self, column: &Column, chunks: &[ColumnChunkMetadata], rows: u64, uncompressed: u64) {
        let values: u64 = chunks.iter().map(|chunk| chunk.num_values().max(0) as u64).sum();
        // A bit says whether a value is missing; a text has a view of 16 bytes into the pages.
        self.arrays += match width(&column.dtype) {
            Some(width) => rows.saturating_mul(width) + rows / 8,
            None => uncompressed.saturating_add(values.max(rows).saturating_mul(24)),
        };
        let compressed: u64 = chunks.iter().map(|chunk| chunk.compressed_size().max(0) as u64).sum();
        self.pages = self.pages.max(compressed.saturating_add(uncompressed));
    }

    fn check(&self, group: usize, rows: u64, bound: u64) -> Result<(), CutError> {
        let needed = self.arrays.saturating_add(self.pages);
        match needed <= bound {
            true => Ok(()),
            false => Err(too_large(group, rows, needed, bound).into()),
        }
    }
}
