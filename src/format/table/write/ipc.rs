//! Record batches -> the bytes of an Arrow IPC file, or of a stream.

use super::super::columns::Schema;
use super::Sink;
use polars_arrow::array::{Array, Utf8Array, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema};
use polars_arrow::io::ipc::write::{FileWriter, StreamWriter as Stream, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use polars_error::PolarsResult;
use std::sync::Arc;

const OPTIONS: WriteOptions = WriteOptions { compression: None };

/// What batches are written as.
struct Batches {
    schema: Arc<ArrowSchema>,
    /// How many columns are the input's.
    kept: usize,
}

impl Batches {
    fn new(schema: &Schema) -> Batches {
        let kept = schema.kept();
        let mut fields = schema.fields.clone();
        for field in &mut fields[kept..] {
            if field.dtype == ArrowDataType::Utf8View {
                field.dtype = ArrowDataType::LargeUtf8;
            }
        }
        let fields = fields.into_iter().map(|field| (field.name.clone(), field));
        let schema: Arc<ArrowSchema> = Arc::new(fields.collect());
        Batches { schema, kept }
    }

    fn of(&self, rows: usize, mut arrays: Vec<Box<dyn Array>>) -> PolarsResult<RecordBatchT<Box<dyn Array>>> {
        // Not all that read Arrow know views yet.
        for array in &mut arrays[self.kept..] {
            if let Some(views) = array.as_any().downcast_ref::<Utf8ViewArray>() {
                *array = views.iter().collect::<Utf8Array<i64>>().boxed();
            }
        }
        RecordBatchT::try_new(rows, self.schema.clone(), arrays)
    }
}

pub struct Writer {
    file: FileWriter<Sink>,
    batches: Batches,
}

impl Writer {
    pub fn new(sink: Sink, schema: &Schema) -> PolarsResult<Writer> {
        let batches = Batches::new(schema);
        Ok(Writer {
            file: FileWriter::try_new(sink, batches.schema.clone(), None, OPTIONS)?,
            batches,
        })
    }

    pub fn write(&mut self, rows: usize, arrays: Vec<Box<dyn Array>>) -> PolarsResult<()> {
        self.file.write(&self.batches.of(rows, arrays)?, None)
    }

    pub fn end(&mut self) -> PolarsResult<()> {
        self.file.finish()
    }
}

pub struct StreamWriter {
    stream: Stream<Sink>,
    batches: Batches,
}

impl StreamWriter {
    pub fn new(sink: Sink, schema: &Schema) -> PolarsResult<StreamWriter> {
        let batches = Batches::new(schema);
        let mut stream = Stream::new(sink, OPTIONS);
        stream.start(&batches.schema, None)?;
        Ok(StreamWriter { stream, batches })
    }

    pub fn write(&mut self, rows: usize, arrays: Vec<Box<dyn Array>>) -> PolarsResult<()> {
        self.stream.write(&self.batches.of(rows, arrays)?, None)
    }

    pub fn end(&mut self) -> PolarsResult<()> {
        self.stream.finish()
    }
}
