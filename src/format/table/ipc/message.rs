//! A message and its body, looked at before it is decoded: what it says of its buffers is held against the body, and what they
//! become against the bound.

use crate::format::CutError;
use crate::format::table::fault::{damaged, of_read, too_large};
use crate::problem::{Code, Problem};
use polars_arrow::datatypes::{ArrowDataType, UnionMode};
use polars_arrow_format::ipc::planus::ReadAsRoot;
use polars_arrow_format::ipc::{MessageHeaderRef, MessageRef, RecordBatchRef};
use std::io::{Read, Seek, SeekFrom};

/// The longest description of a record batch: some bytes for each of its columns.
pub const MESSAGE_MAX: u64 = 16 << 20;

/// Where a message stands, and its body behind it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Of the message, with its length in front.
    pub start: u64,
    pub body: u64,
    pub end: u64,
}

/// A column that is asked for or skipped.
pub struct Field<'a> {
    pub dtype: &'a ArrowDataType,
    pub wanted: bool,
}

/// What is told of a record batch, or of a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub rows: u64,
    pub is_dictionary: bool,
    /// In memory, of what is wanted.
    pub bytes: u64,
}

/// The message alone.
pub fn read<R: Read + Seek>(reader: &mut R, place: Place) -> Result<Vec<u8>, CutError> {
    let mut bytes = vec![0; 4];
    reader.seek(SeekFrom::Start(place.start)).map_err(of_read)?;
    reader.read_exact(&mut bytes).map_err(of_read)?;
    let mut front = 4;
    if bytes == [0xff; 4] {
        reader.read_exact(&mut bytes).map_err(of_read)?;
        front = 8;
    }
    let length = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    if length > MESSAGE_MAX || place.start + front + length > place.body {
        return Err(damaged("a record batch begins within what describes it").into());
    }
    let mut message = vec![0; length as usize];
    reader.read_exact(&mut message).map_err(of_read)?;
    Ok(message)
}

/// What a message says. `fields`: of the record batches; of a dictionary, the one that it is of. `body`: reads, and where it stands.
///
/// # Errors
/// What is wrong with it; its buffers would need more than the bound.
pub fn look<'a, R: Read + Seek>(
    message: &[u8],
    fields: impl FnOnce(Option<i64>) -> Vec<Field<'a>>,
    body: (&mut R, Place),
    (group, bound): (usize, u64),
) -> Result<Told, CutError> {
    let said = |e| damaged(format!("record batch {group}: {e}"));
    let root = MessageRef::read_as_root(message).map_err(said)?;
    let (batch, dictionary) = match root.header().map_err(said)? {
        Some(MessageHeaderRef::RecordBatch(batch)) => (batch, None),
        Some(MessageHeaderRef::DictionaryBatch(batch)) => {
            if batch.is_delta().map_err(said)? {
                return Err(deltas().into());
            }
            let id = batch.id().map_err(said)?;
            let data = batch
                .data()
                .map_err(said)?
                .ok_or_else(|| damaged("a dictionary without values"))?;
            (data, Some(id))
        }
        _ => return Err(damaged(format!("record batch {group} is none")).into()),
    };
    let rows =
        u64::try_from(batch.length().map_err(said)?).map_err(|_| damaged("a record batch of fewer than no rows"))?;
    let mut sum = Sum::of(batch).map_err(|why| damaged(format!("record batch {group}: {why}")))?;
    for field in fields(dictionary) {
        sum.column(field.dtype, field.wanted, body.0, body.1)
            .map_err(|why| damaged(format!("record batch {group}: {why}")))?;
    }
    if sum.bytes > bound {
        return Err(too_large(group, rows, sum.bytes, bound).into());
    }
    Ok(Told {
        rows,
        is_dictionary: dictionary.is_some(),
        bytes: sum.bytes,
    })
}

fn deltas() -> Problem {
    Problem::new(
        Code::ColumnType,
        "the file adds to its dictionaries (delta dictionaries), which can't be read here",
        "write it with whole dictionaries (emit_dictionary_deltas=False in pyarrow), or as Parquet",
    )
}

/// Walks the buffers of a record batch as the decoder does.
struct Sum {
    buffers: Vec<(u64, u64)>,
    lengths: Vec<i64>,
    variadic: Vec<i64>,
    compressed: bool,
    /// Among columns, buffers and counts of buffers.
    next: [usize; 3],
    bytes: u64,
}

impl Sum {
    fn of(batch: RecordBatchRef) -> Result<Sum, String> {
        let said = |e: polars_arrow_format::ipc::planus::Error| e.to_string();
        let buffers = batch.buffers().map_err(said)?.ok_or("it has no buffers")?;
        let place = |at: i64| u64::try_from(at).map_err(|_| "a buffer stands before it");
        let buffers = buffers
            .iter()
            .map(|buffer| Ok((place(buffer.offset())?, place(buffer.length())?)));
        let nodes = batch.nodes().map_err(said)?.ok_or("it has no columns")?;
        let variadic = batch.variadic_buffer_counts().map_err(said)?;
        Ok(Sum {
            buffers: buffers.collect::<Result<_, &str>>()?,
            lengths: nodes.iter().map(|node| node.length()).collect(),
            variadic: variadic.into_iter().flat_map(|counts| counts.iter()).collect(),
            compressed: batch.compression().map_err(said)?.is_some(),
            next: [0; 3],
            bytes: 0,
        })
    }

    fn column<R: Read + Seek>(
        &mut self,
        dtype: &ArrowDataType,
        wanted: bool,
        reader: &mut R,
        place: Place,
    ) -> Result<(), String> {
        let length = *self
            .lengths
            .get(self.next[0])
            .ok_or("it has fewer columns than the schema")?;
        if length < 0 {
            return Err("a column of fewer than no rows".into());
        }
        self.next[0] += 1;
        self.values(dtype, wanted, reader, place)
    }

    fn values<R: Read + Seek>(
        &mut self,
        dtype: &ArrowDataType,
        wanted: bool,
        reader: &mut R,
        place: Place,
    ) -> Result<(), String> {
        use ArrowDataType::*;
        let own = match dtype {
            Null => 0,
            Utf8 | LargeUtf8 | Binary | LargeBinary => 3,
            Utf8View | BinaryView => {
                let count = self
                    .variadic
                    .get(self.next[2])
                    .ok_or("it doesn't say how many buffers a column has")?;
                self.next[2] += 1;
                2 + usize::try_from(*count).map_err(|_| "a column of fewer than no buffers")?
            }
            FixedSizeList(..) | Struct(_) => 1,
            Union(of) => 1 + usize::from(of.mode == UnionMode::Dense),
            Extension(of) => return self.values(&of.inner, wanted, reader, place),
            // A bit for each that is missing, and the values, or the offsets or keys of them.
            _ => 2,
        };
        for _ in 0..own {
            self.buffer(wanted, reader, place)?;
        }
        match dtype {
            List(of) | LargeList(of) | FixedSizeList(of, _) | Map(of, _) => {
                self.column(&of.dtype, wanted, reader, place)
            }
            Struct(fields) => fields
                .iter()
                .try_for_each(|field| self.column(&field.dtype, wanted, reader, place)),
            Union(of) => of
                .fields
                .iter()
                .try_for_each(|field| self.column(&field.dtype, wanted, reader, place)),
            _ => Ok(()),
        }
    }

    fn buffer<R: Read + Seek>(&mut self, wanted: bool, reader: &mut R, place: Place) -> Result<(), String> {
        let (offset, length) = *self
            .buffers
            .get(self.next[1])
            .ok_or("it has fewer buffers than its columns")?;
        self.next[1] += 1;
        let end = offset.checked_add(length).and_then(|end| place.body.checked_add(end));
        if end.is_none_or(|end| end > place.end) {
            return Err("a buffer reaches behind it".into());
        }
        if !wanted || length == 0 {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(length);
        if self.compressed {
            if length < 8 {
                return Err("a compressed buffer is too short".into());
            }
            let mut uncompressed = [0; 8];
            let seek = reader.seek(SeekFrom::Start(place.body + offset));
            seek.and_then(|_| reader.read_exact(&mut uncompressed))
                .map_err(|e| e.to_string())?;
            match i64::from_le_bytes(uncompressed) {
                -1 => {}
                bytes => {
                    let bytes = u64::try_from(bytes).map_err(|_| "a buffer of a negative size")?;
                    self.bytes = self.bytes.saturating_add(bytes);
                }
            }
        }
        Ok(())
    }
}
