//! What stands at the end of a Parquet file: its schema, and where which rows are.

use super::thrift;
use crate::format::CutError;
use crate::format::table::Group;
use crate::format::table::column::{Column, UUID};
use crate::format::table::fault::{damaged, encrypted, guarded, mismatch, of_decoding, of_read};
use crate::format::table::hint;
use crate::format::table::source::Source;
use polars_arrow::datatypes::{ArrowDataType, ExtensionType, TimeUnit};
use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::{FileMetadata, RowGroupMetadata};
use polars_parquet::parquet::read::deserialize_metadata;
use polars_parquet::read::schema::{SchemaInferenceOptions, parquet_to_arrow_schema_with_options};
use polars_parquet::read::{ColumnChunkMetadata, ParquetType, PhysicalType, PrimitiveLogicalType};
use std::ops::Range;

/// The longest footer. That of a thousand columns in a thousand row groups has some hundred MB; few files have a tenth.
const FOOTER_MAX: u64 = 64 << 20;

/// What is read of a file's beginning at most, to tell what it is.
const FRONT: u64 = 64;

const MAGIC: &[u8] = b"PAR1";
const MAGIC_ENCRYPTED: &[u8] = b"PARE";

/// A file's footer, whose places are all within the file.
#[derive(Debug)]
pub struct Footer {
    pub columns: Vec<Column>,
    /// Of each column, its leaves: their places among the chunks of a row group.
    pub leaves: Vec<Range<usize>>,
    pub groups: Vec<Group>,
    pub(super) metadata: FileMetadata,
    /// Where the rows end, and the footer begins.
    end: u64,
    /// Of the file.
    size: u64,
}

impl Footer {
    /// `bound`: bytes, for what a row group becomes; a footer is to need a part of it.
    ///
    /// # Errors
    /// The file can't be read, is damaged or encrypted.
    pub fn read(source: &Source, bound: u64) -> Result<Footer, CutError> {
        let size = source.size();
        if size < 12 {
            let first = source.read(0..size).map_err(of_read)?;
            return Err(match first.starts_with(MAGIC) {
                true => damaged("it is too short for a Parquet file").into(),
                false => mismatch("Parquet", &first).into(),
            });
        }
        let (head, tail) = (
            source.read(0..4).map_err(of_read)?,
            source.read(size - 8..size).map_err(of_read)?,
        );
        if head == MAGIC_ENCRYPTED || tail[4..] == *MAGIC_ENCRYPTED {
            return Err(encrypted().into());
        }
        if head != MAGIC {
            return Err(mismatch("Parquet", &source.read(0..size.min(FRONT)).map_err(of_read)?).into());
        }
        if tail[4..] != *MAGIC {
            return Err(damaged("it doesn't end with PAR1, as a Parquet file does").into());
        }
        let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        if length > size - 12 {
            return Err(damaged("its footer is longer than the file").into());
        }
        if length > FOOTER_MAX.min(bound / 4) {
            return Err(damaged(format!("its footer has {length} bytes, which is more than is read")).into());
        }
        let start = size - 8 - length;
        let footer = source.read(start..size - 8).map_err(of_read)?;
        if thrift::look(&footer).map_err(damaged)?.encrypted {
            return Err(encrypted().into());
        }
        guarded("its footer", || Footer::decode(footer, start, size))
    }

    /// `end`: where the rows end, and the footer begins.
    fn decode(footer: Vec<u8>, end: u64, size: u64) -> Result<Footer, CutError> {
        let decoded = deserialize_metadata(Buffer::from_vec(footer));
        let metadata = decoded.map_err(|e| of_decoding("its footer", &e))?;
        let fields = metadata.schema().fields();
        let hints = hint::of(metadata.key_value_metadata());
        let mut leaves = Vec::with_capacity(fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        let mut next = 0;
        for field in fields {
            let count = leaf_count(field);
            leaves.push(next..next + count);
            next += count;
            let hint = hints.get(field.name());
            columns.push(Column {
                told: hint.cloned(),
                ..column(field, hint)
            });
        }
        let mut groups = Vec::with_capacity(metadata.row_groups.len());
        let mut rows = 0;
        for (index, group) in metadata.row_groups.iter().enumerate() {
            check(group, end).map_err(|why| damaged(format!("row group {index}: {why}")))?;
            groups.push(Group {
                rows: group.num_rows() as u64,
                bytes: group.compressed_size() as u64,
            });
            rows += group.num_rows();
        }
        if rows != metadata.num_rows {
            let all = metadata.num_rows;
            return Err(damaged(format!("its row groups have {rows} rows, and the file says {all}")).into());
        }
        Ok(Footer {
            columns,
            leaves,
            groups,
            metadata,
            end,
            size,
        })
    }

    /// Where stands what is read for some row groups.
    pub fn extents(&self, groups: Range<usize>) -> Vec<Range<u64>> {
        let chunks = self.metadata.row_groups[groups]
            .iter()
            .flat_map(|group| group.parquet_columns());
        let around = [0..self.size.min(FRONT), self.end..self.size];
        around.into_iter().chain(chunks.filter_map(range)).collect()
    }
}

/// Where a chunk's pages stand. Some writers write 0 where there is no dictionary.
pub fn range(chunk: &ColumnChunkMetadata) -> Option<Range<u64>> {
    let first = u64::try_from(chunk.data_page_offset()).ok()?;
    let dictionary = chunk.dictionary_page_offset().and_then(|at| u64::try_from(at).ok());
    let start = dictionary.filter(|at| (1..first).contains(at)).unwrap_or(first);
    let length = u64::try_from(chunk.compressed_size()).ok()?;
    Some(start..start.checked_add(length)?)
}

fn check(group: &RowGroupMetadata, end: u64) -> Result<(), &'static str> {
    for chunk in group.parquet_columns() {
        let range = range(chunk).ok_or("a column stands before the file")?;
        if range.end > end {
            return Err("a column reaches behind the rows");
        }
        let is_flat = chunk.descriptor().descriptor.max_rep_level == 0;
        if chunk.num_values() < 0 || (is_flat && chunk.num_values() as usize != group.num_rows()) {
            return Err("a column has another number of values than there are rows");
        }
        if chunk.uncompressed_size() < 0 {
            return Err("a column has a negative size");
        }
    }
    Ok(())
}

fn leaf_count(field: &ParquetType) -> usize {
    match field {
        ParquetType::PrimitiveType(_) => 1,
        ParquetType::GroupType { fields, .. } => fields.iter().map(leaf_count).sum(),
    }
}

/// By Parquet's own schema: what Arrow's, which is written beside it, says more is hearsay. `hint`: that.
fn column(field: &ParquetType, hint: Option<&ArrowDataType>) -> Column {
    // In nanoseconds, most years are out of reach, and wrong then.
    let options = SchemaInferenceOptions {
        int96_coerce_to_timeunit: TimeUnit::Microsecond,
    };
    let schema = parquet_to_arrow_schema_with_options(std::slice::from_ref(field), &Some(options));
    let stored = schema.iter_values().next().cloned();
    let (logical, physical) = match field {
        ParquetType::PrimitiveType(primitive) => (primitive.logical_type, Some(primitive.physical_type)),
        ParquetType::GroupType { .. } => (None, None),
    };
    let mut column = Column::of(field.name(), stored);
    if let Some(stored) = &mut column.stored {
        match (&stored.dtype, logical, hint) {
            (ArrowDataType::FixedSizeBinary(2), Some(PrimitiveLogicalType::Float16), _) => {
                stored.dtype = ArrowDataType::Float16;
            }
            // Parquet has no such types: they are numbers and bytes.
            (ArrowDataType::Int64, None, Some(hint @ ArrowDataType::Duration(_)))
            | (
                ArrowDataType::FixedSizeBinary(16),
                None,
                Some(hint @ (ArrowDataType::Int128 | ArrowDataType::UInt128)),
            ) => {
                stored.dtype = hint.clone();
            }
            (ArrowDataType::Decimal(precision, scale), ..)
                if matches!(physical, Some(PhysicalType::FixedLenByteArray(17..))) =>
            {
                stored.dtype = ArrowDataType::Decimal256(*precision, *scale);
            }
            // Parquet says that they are of UTC, not in which zone people read them.
            (ArrowDataType::Timestamp(unit, Some(_)), ..) => {
                let zone = match hint {
                    Some(ArrowDataType::Timestamp(_, Some(zone))) => zone.clone(),
                    _ => "UTC".into(),
                };
                stored.dtype = ArrowDataType::Timestamp(*unit, Some(zone));
            }
            _ => {}
        }
        column.dtype = match logical {
            Some(PrimitiveLogicalType::Uuid) => ArrowDataType::Extension(Box::new(ExtensionType {
                name: UUID.into(),
                inner: stored.dtype.clone(),
                metadata: None,
            })),
            _ => stored.dtype.clone(),
        };
    }
    column
}
