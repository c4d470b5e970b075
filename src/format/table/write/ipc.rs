//! Record batches -> the bytes of an Arrow IPC file.

use super::super::columns::Schema;
use super::Sink;
use polars_arrow::array::{Array, Utf8Array, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema};
use polars_arrow::io::ipc::write::{FileWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use polars_error::PolarsResult;
use std::sync::Arc;

pub struct Writer {
    file: FileWriter<Sink>,
    schema: Arc<ArrowSchema>,
    /// How many columns are the input's.
    kept: usize,
}

impl Writer {
    pub fn new(sink: Sink, schema: &Schema) -> PolarsResult<Writer> {
        let kept = schema.kept();
        let mut fields = schema.fields.clone();
        for field in &mut fields[kept..] {
            if field.dtype == ArrowDataType::Utf8View {
                field.dtype = ArrowDataType::LargeUtf8;
            }
        }
        let fields = fields.into_iter().map(|field| (field.name.clone(), field));
        let schema: Arc<ArrowSchema> = Arc::new(fields.collect());
        let options = WriteOptions { compression: None };
        Ok(Writer {
            file: FileWriter::try_new(sink, schema.clone(), None, options)?,
            schema,
            kept,
        })
    }

    pub fn write(&mut self, rows: usize, mut arrays: Vec<Box<dyn Array>>) -> PolarsResult<()> {
        // Not all that read Arrow know views yet.
        for array in &mut arrays[self.kept..] {
            if let Some(views) = array.as_any().downcast_ref::<Utf8ViewArray>() {
                *array = views.iter().collect::<Utf8Array<i64>>().boxed();
            }
        }
        self.file
            .write(&RecordBatchT::try_new(rows, self.schema.clone(), arrays)?, None)
    }

    pub fn end(&mut self) -> PolarsResult<()> {
        self.file.finish()
    }
}
