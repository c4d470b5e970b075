//! An Arrow IPC file (Feather V2 is the same): a footer says where its record batches and dictionaries are.

use super::keys::{keyed, with_dictionaries};
use super::message::{Field, Place, Told, look, read};
use crate::format::CutError;
use crate::format::table::column::Column;
use crate::format::table::fault::{damaged, guarded, mismatch, of_decoding, of_read};
use crate::format::table::file::Group;
use crate::format::table::hint;
use crate::format::table::source::Source;
use crate::score::binding::stands_twice;
use polars_arrow::array::Array;
use polars_arrow::datatypes::{self as schema, ArrowDataType};
use polars_arrow::io::ipc::read::{Dictionaries, FileMetadata, deserialize_footer, read_batch, read_dictionary_block};
use polars_arrow::io::ipc::{IpcField, IpcSchema};
use polars_arrow_format::ipc::planus::ReadAsRoot;
use polars_arrow_format::ipc::{Block, FooterRef, SchemaRef};
use polars_utils::bool::UnsafeBool;
use std::ops::Range;

/// The longest footer: a few hundred bytes for each column, and 24 for each record batch.
const FOOTER_MAX: u64 = 64 << 20;

/// What is read of a file's beginning at most, to tell what it is.
const FRONT: u64 = 64;

const MAGIC: &[u8] = b"ARROW1";

#[derive(Debug)]
pub struct File {
    pub columns: Vec<Column>,
    pub groups: Vec<Group>,
    metadata: FileMetadata,
    /// The same, but of columns with a dictionary it says that they are keys.
    keyed: FileMetadata,
    dictionaries: Dictionaries,
    /// Bytes of them in memory.
    shared: u64,
    /// Where the rows end, and the footer begins.
    end: u64,
    /// Of the file.
    size: u64,
}

impl File {
    /// `bound`: bytes, for what a record batch becomes, with all dictionaries.
    ///
    /// # Errors
    /// The file can't be read, is damaged or no Arrow file; its dictionaries need more.
    pub fn open(source: &Source, bound: u64) -> Result<File, CutError> {
        let size = source.size();
        if size < 18 {
            let first = source.read(0..size).map_err(of_read)?;
            return Err(match first.starts_with(MAGIC) {
                true => damaged("it is too short for an Arrow file").into(),
                false => mismatch("Arrow", &first).into(),
            });
        }
        let (head, tail) = (
            source.read(0..6).map_err(of_read)?,
            source.read(size - 10..size).map_err(of_read)?,
        );
        if head.starts_with(b"FEA1") {
            return Err(of_decoding("Feather V1 is not supported", &"it is Arrow's old format").into());
        }
        if head != MAGIC {
            return Err(mismatch("Arrow", &source.read(0..size.min(FRONT)).map_err(of_read)?).into());
        }
        if tail[4..] != *MAGIC {
            return Err(damaged("it doesn't end with ARROW1, as an Arrow file does").into());
        }
        let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        if length > size - 18 {
            return Err(damaged("its footer is longer than the file").into());
        }
        if length > FOOTER_MAX.min(bound / 4) {
            return Err(damaged(format!("its footer has {length} bytes, which is more than is read")).into());
        }
        let end = size - 10 - length;
        let footer = source.read(end..size - 10).map_err(of_read)?;
        guarded("its footer", || File::decode(source, &footer, end, bound))
    }

    /// `end`: where the footer begins.
    fn decode(source: &Source, footer: &[u8], end: u64, bound: u64) -> Result<File, CutError> {
        let root = FooterRef::read_as_root(footer).map_err(|e| damaged(format!("its footer: {e}")))?;
        let schema = root.schema().map_err(|e| damaged(format!("its footer: {e}")))?;
        look_at_schema(schema.ok_or_else(|| damaged("its footer has no schema"))?)?;
        let metadata = deserialize_footer(footer, source.size()).map_err(|e| of_decoding("its footer", &e))?;
        if !metadata.ipc_schema.is_little_endian {
            return Err(of_decoding("big-endian numbers are not supported", &"they are of another machine").into());
        }
        let mut file = File {
            columns: columns(metadata.schema.iter_values()),
            groups: Vec::with_capacity(metadata.blocks.len()),
            keyed: keyed(&metadata),
            metadata,
            dictionaries: Dictionaries::default(),
            shared: 0,
            end,
            size: source.size(),
        };
        file.read_dictionaries(source, end, bound)?;
        for index in 0..file.metadata.blocks.len() {
            let place = place(&file.metadata.blocks[index], end)?;
            let told = file.look(source, place, index, &[], bound)?;
            if told.is_dictionary {
                return Err(damaged("a dictionary where a record batch should be").into());
            }
            file.groups.push(Group {
                rows: told.rows,
                bytes: place.end - place.start,
            });
        }
        Ok(file)
    }

    /// Where stands what is read for some record batches.
    pub fn extents(&self, groups: Range<usize>) -> Vec<Range<u64>> {
        let dictionaries = self.metadata.dictionaries.iter().flatten();
        let blocks = dictionaries.chain(&self.metadata.blocks[groups]);
        // All places were looked at when it was opened.
        let places = blocks.filter_map(|block| place(block, self.end).ok());
        let around = [0..self.size.min(FRONT), self.end..self.size];
        around
            .into_iter()
            .chain(places.map(|place| place.start..place.end))
            .collect()
    }

    fn read_dictionaries(&mut self, source: &Source, end: u64, bound: u64) -> Result<(), CutError> {
        let blocks = self.metadata.dictionaries.clone().unwrap_or_default();
        for (index, block) in blocks.iter().enumerate() {
            let told = self.look(
                source,
                place(block, end)?,
                index,
                &[],
                bound.saturating_sub(self.shared),
            )?;
            self.shared += told.bytes;
            let read = read_dictionary_block(
                &mut source.reader(),
                &self.metadata,
                block,
                false,
                &mut self.dictionaries,
                &mut Vec::new(),
                &mut Vec::new(),
                UnsafeBool::default(),
            );
            read.map_err(|e| of_decoding(&format!("dictionary {index}"), &e))?;
        }
        Ok(())
    }

    /// `wanted`: columns, ascending.
    fn look(
        &self,
        source: &Source,
        place: Place,
        index: usize,
        wanted: &[usize],
        bound: u64,
    ) -> Result<Told, CutError> {
        let mut reader = source.reader();
        let message = read(&mut reader, place)?;
        let fields = |dictionary| fields(&self.metadata, dictionary, wanted);
        look(&message, fields, (&mut reader, place), (index, bound))
    }

    /// The arrays of some columns, ascending, of a record batch.
    ///
    /// # Errors
    /// The file can't be read or is damaged; or they would need more than `bound` bytes.
    pub fn arrays(
        &self,
        source: &Source,
        group: usize,
        columns: &[usize],
        bound: u64,
    ) -> Result<Vec<Box<dyn Array>>, CutError> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let place_of = place(&self.metadata.blocks[group], source.size())?;
        guarded(&format!("record batch {group}"), || {
            self.look(source, place_of, group, columns, bound.saturating_sub(self.shared))?;
            let (message, body) = (&mut Vec::new(), &mut Vec::new());
            let (reader, checked) = (&mut source.reader(), UnsafeBool::default());
            let (all, kept) = (&self.keyed, &self.dictionaries);
            let batch = read_batch(
                reader,
                kept,
                all,
                Some(columns),
                None,
                group,
                false,
                message,
                body,
                checked,
            );
            batch
                .and_then(|batch| with_dictionaries(batch.into_arrays(), columns, &self.metadata, kept))
                .map_err(|e| of_decoding(&format!("record batch {group}"), &e).into())
        })
    }
}

/// # Errors
/// Its fields are too many, or two are of one name, which the decoder takes for one.
pub fn look_at_schema(schema: SchemaRef) -> Result<(), CutError> {
    let names = hint::names(schema).map_err(|why| of_decoding("its schema", &why))?;
    match stands_twice(&names, |_| true) {
        Some(twice) => Err(twice.into()),
        None => Ok(()),
    }
}

pub fn columns<'a>(fields: impl Iterator<Item = &'a schema::Field>) -> Vec<Column> {
    let column = |field: &schema::Field| {
        let mut column = Column::of(&field.name, Some(field.clone()));
        // polars decodes it from Parquet alone.
        column.stored.take_if(|stored| has_wide_decimals(&stored.dtype));
        column
    };
    fields.map(column).collect()
}

fn has_wide_decimals(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        Decimal256(..) => true,
        List(of) | LargeList(of) | FixedSizeList(of, _) | Map(of, _) => has_wide_decimals(&of.dtype),
        Struct(fields) => fields.iter().any(|field| has_wide_decimals(&field.dtype)),
        Dictionary(_, of, _) => has_wide_decimals(of),
        Extension(of) => has_wide_decimals(&of.inner),
        _ => false,
    }
}

/// Where a block stands, which ends in front of `end`.
fn place(block: &Block, end: u64) -> Result<Place, CutError> {
    let told = || {
        let start = u64::try_from(block.offset).ok()?;
        let body = start.checked_add(u64::try_from(block.meta_data_length).ok()?)?;
        let behind = body.checked_add(u64::try_from(block.body_length).ok()?)?;
        (behind <= end && body >= start + 8).then_some(Place {
            start,
            body,
            end: behind,
        })
    };
    told().ok_or_else(|| damaged("a record batch reaches behind the rows").into())
}

/// The fields of a message: those of a record batch, or that of a dictionary.
pub fn fields<'a>(metadata: &'a FileMetadata, dictionary: Option<i64>, wanted: &[usize]) -> Vec<Field<'a>> {
    let IpcSchema { fields, .. } = &metadata.ipc_schema;
    let types = metadata.schema.iter_values().map(|field| &field.dtype);
    match dictionary {
        None => {
            let field = |(place, dtype)| Field {
                dtype,
                wanted: wanted.binary_search(&place).is_ok(),
            };
            types.enumerate().map(field).collect()
        }
        Some(id) => {
            let of_id = types.zip(fields).find_map(|(dtype, field)| values(id, dtype, field));
            of_id.into_iter().map(|dtype| Field { dtype, wanted: true }).collect()
        }
    }
}

/// The type of the values of a dictionary, if it is this field's, or that of one within.
fn values<'a>(id: i64, dtype: &'a ArrowDataType, field: &IpcField) -> Option<&'a ArrowDataType> {
    use ArrowDataType::*;
    let within = |(inner, field): (&'a schema::Field, &IpcField)| values(id, &inner.dtype, field);
    match dtype {
        Dictionary(_, of, _) if field.dictionary_id == Some(id) => Some(of),
        Dictionary(_, of, _) => values(id, of, field),
        Extension(of) => values(id, &of.inner, field),
        List(of) | LargeList(of) | FixedSizeList(of, _) | Map(of, _) => within((of, field.fields.first()?)),
        Struct(fields) => fields.iter().zip(&field.fields).find_map(within),
        Union(of) => of.fields.iter().zip(&field.fields).find_map(within),
        _ => None,
    }
}
