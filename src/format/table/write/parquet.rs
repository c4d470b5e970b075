//! Row groups -> the bytes of a Parquet file.

use super::super::column::type_name;
use super::super::columns::Schema;
use super::super::fault;
use super::Sink;
use super::storable::{self, storable};
use crate::problem::Problem;
use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowSchema, Field};
use polars_arrow::record_batch::RecordBatchT;
use polars_error::PolarsResult;
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, StatisticsOptions, Version, WriteOptions, ZstdLevel, get_dtype_encoding,
    row_group_iter, schema_to_metadata_key, to_parquet_schema, to_parquet_type,
};
use std::panic::catch_unwind;
use std::sync::Arc;

/// Of Zstandard. It is part of the bytes.
const LEVEL: i32 = 1;

pub struct Writer {
    file: FileWriter<Sink>,
    schema: Arc<ArrowSchema>,
    /// As other programs are told it.
    told: ArrowSchema,
    encodings: Vec<Vec<Encoding>>,
    options: WriteOptions,
}

/// # Errors
/// Parquet has no such type, or its writer doesn't know it.
pub fn look(field: &Field, told: &Field) -> Result<(), Problem> {
    if !storable::is_storable(&field.dtype) || !storable::is_storable(&told.dtype) {
        return Err(fault::unwritable(&field.name, &type_name(&told.dtype)));
    }
    let stored = storable::field(field);
    let known = catch_unwind(|| to_parquet_type(&stored).is_ok());
    match known {
        Ok(true) => Ok(()),
        _ => Err(fault::unwritable(&field.name, &type_name(&field.dtype))),
    }
}

impl Writer {
    pub fn new(sink: Sink, schema: &Schema) -> Result<Writer, Problem> {
        let stored: ArrowSchema = schema
            .fields
            .iter()
            .map(|field| (field.name.clone(), storable::field(field)))
            .collect();
        let options = WriteOptions {
            statistics: StatisticsOptions::default(),
            version: Version::V1,
            compression: CompressionOptions::Zstd(Some(ZstdLevel::try_new(LEVEL).expect("it is a level"))),
            data_page_size: None,
        };
        let encodings = stored
            .iter_values()
            .enumerate()
            .map(|(place, field)| match place < schema.kept() {
                true => get_dtype_encoding(&field.dtype),
                // Hardly any prediction stands there twice.
                false => vec![Encoding::Plain],
            });
        let encodings = encodings.collect();
        let parquet = to_parquet_schema(&stored).map_err(super::unwritten)?;
        Ok(Writer {
            told: schema
                .told
                .iter()
                .map(|field| (field.name.clone(), storable::told(field)))
                .collect(),
            file: FileWriter::new_with_parquet_schema(sink, stored.clone(), parquet, options),
            schema: Arc::new(stored),
            encodings,
            options,
        })
    }

    pub fn write(&mut self, rows: usize, arrays: Vec<Box<dyn Array>>) -> PolarsResult<()> {
        let arrays: Vec<Box<dyn Array>> = arrays.into_iter().map(storable).collect::<PolarsResult<_>>()?;
        let chunk = RecordBatchT::try_new(rows, self.schema.clone(), arrays)?;
        let types = self.file.parquet_schema().fields().to_vec();
        let group = row_group_iter(chunk, self.encodings.clone().into(), types, self.options);
        self.file.write(rows as u64, group)
    }

    pub fn end(&mut self) -> PolarsResult<()> {
        self.file.end(Some(vec![schema_to_metadata_key(&self.told)]))?;
        Ok(())
    }
}
