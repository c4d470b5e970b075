//! An Arrow IPC stream: messages one after the other, of which the first is the schema.

use super::file::{columns, fields, look_at_schema};
use super::keys::{keyed, with_dictionaries};
use super::message::{MESSAGE_MAX, Place, look};
use crate::format::CutError;
use crate::format::table::column::Column;
use crate::format::table::fault::{damaged, guarded, of_decoding, of_read};
use crate::format::table::file::{RowGroup, Table};
use polars_arrow::io::ipc::read::{
    Dictionaries, FileMetadata, StreamMetadata, read_batch, read_dictionary_block, read_stream_metadata,
};
use polars_arrow_format::ipc::planus::ReadAsRoot;
use polars_arrow_format::ipc::{Block, MessageHeaderRef, MessageRef};
use polars_utils::bool::UnsafeBool;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

/// The record batches of a stream, one at a time.
pub struct Stream<R> {
    reader: R,
    columns: Vec<Column>,
    metadata: FileMetadata,
    /// The same, but of columns with a dictionary it says that they are keys.
    keyed: FileMetadata,
    dictionaries: Dictionaries,
    bound: u64,
    /// Bytes of the dictionaries in memory.
    shared: u64,
    index: usize,
}

impl<R: Read> Stream<R> {
    /// `bound`: bytes, for what is in memory of one record batch, with all dictionaries.
    ///
    /// # Errors
    /// It can't be read, or is none.
    pub fn open(mut reader: R, bound: u64) -> Result<Stream<R>, CutError> {
        let message = message(&mut reader)?.ok_or_else(|| damaged("it is empty"))?;
        let metadata = guarded("its schema", || schema(&message))?;
        let metadata = FileMetadata {
            schema: Arc::new(metadata.schema),
            custom_schema_metadata: None,
            custom_metadata: None,
            ipc_schema: metadata.ipc_schema,
            blocks: Vec::new(),
            dictionaries: None,
            size: 0,
        };
        Ok(Stream {
            columns: columns(metadata.schema.iter_values()),
            keyed: keyed(&metadata),
            reader,
            metadata,
            dictionaries: Dictionaries::default(),
            bound,
            shared: 0,
            index: 0,
        })
    }

    /// Its beginning.
    pub fn table(&self) -> Table {
        Table::of_stream(&self.columns)
    }

    /// What it is read from.
    pub fn source(&self) -> &R {
        &self.reader
    }

    /// Reads what stands behind its end.
    ///
    /// # Errors
    /// It can't be read.
    pub fn drain(&mut self) -> io::Result<()> {
        io::copy(&mut self.reader, &mut io::sink()).map(drop)
    }

    /// Some columns, ascending, of the next record batch; none at the end.
    ///
    /// # Errors
    /// It can't be read or is damaged, or needs more than the bound.
    pub fn next(&mut self, columns: &[usize]) -> Result<Option<RowGroup>, CutError> {
        while let Some(mut bytes) = message(&mut self.reader)? {
            let body = bytes.len() as u64;
            self.append_body(&mut bytes)?;
            let place = Place {
                start: 0,
                body,
                end: bytes.len() as u64,
            };
            let index = self.index;
            let read = guarded(&format!("record batch {index}"), || self.decode(&bytes, place, columns))?;
            if let Some(group) = read {
                self.index += 1;
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Reads what stands behind a message, which says how long that is.
    fn append_body(&mut self, message: &mut Vec<u8>) -> Result<(), CutError> {
        let root = MessageRef::read_as_root(&message[8..]);
        let length = root.and_then(|root| root.body_length());
        let length = length.map_err(|e| damaged(format!("record batch {}: {e}", self.index)))?;
        let length = u64::try_from(length).map_err(|_| damaged("a record batch of a negative size"))?;
        if length > self.bound {
            return Err(damaged(format!(
                "record batch {} has {length} bytes, which is more than is read",
                self.index
            ))
            .into());
        }
        let read = self
            .reader
            .by_ref()
            .take(length)
            .read_to_end(message)
            .map_err(of_read)?;
        match read as u64 == length {
            true => Ok(()),
            false => Err(of_read(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// None of a dictionary, which is kept.
    fn decode(&mut self, bytes: &[u8], place: Place, columns: &[usize]) -> Result<Option<RowGroup>, CutError> {
        let of_fields = |dictionary| fields(&self.metadata, dictionary, columns);
        let left = self
            .bound
            .saturating_sub(self.shared)
            .saturating_sub(bytes.len() as u64);
        let told = look(
            &bytes[8..place.body as usize],
            of_fields,
            (&mut Cursor::new(bytes), place),
            (self.index, left),
        )?;
        let block = Block {
            offset: 0,
            meta_data_length: place.body as i32,
            body_length: (place.end - place.body) as i64,
        };
        let (mut reader, checked) = (Cursor::new(bytes), UnsafeBool::default());
        let (message, body) = (&mut Vec::new(), &mut Vec::new());
        let said = |e| CutError::from(of_decoding(&format!("record batch {}", self.index), &e));
        if told.is_dictionary {
            // One of the same id takes its place; counted as if both were kept.
            self.shared += told.bytes;
            let kept = &mut self.dictionaries;
            read_dictionary_block(&mut reader, &self.metadata, &block, true, kept, message, body, checked)
                .map_err(said)?;
            return Ok(None);
        }
        let arrays = match columns {
            [] => Vec::new(),
            _ => {
                self.keyed.blocks = vec![block];
                let (all, kept) = (&self.keyed, &self.dictionaries);
                read_batch(
                    &mut reader,
                    kept,
                    all,
                    Some(columns),
                    None,
                    0,
                    true,
                    message,
                    body,
                    checked,
                )
                .and_then(|batch| with_dictionaries(batch.into_arrays(), columns, &self.metadata, kept))
                .map_err(said)?
            }
        };
        let mut group = RowGroup::of(self.index, told.rows as usize, self.columns.len(), columns, arrays)?;
        group.memory = bytes.len().saturating_add(told.bytes as usize);
        Ok(Some(group))
    }
}

fn schema(message: &[u8]) -> Result<StreamMetadata, CutError> {
    let root = MessageRef::read_as_root(&message[8..]).and_then(|root| root.header());
    let Some(MessageHeaderRef::Schema(schema)) = root.map_err(|e| damaged(format!("its schema: {e}")))? else {
        return Err(damaged("it doesn't begin with a schema, as an Arrow stream does").into());
    };
    look_at_schema(schema)?;
    let metadata = read_stream_metadata(&mut Cursor::new(message)).map_err(|e| of_decoding("its schema", &e))?;
    match metadata.ipc_schema.is_little_endian {
        true => Ok(metadata),
        false => Err(of_decoding("big-endian numbers are not supported", &"they are of another machine").into()),
    }
}

/// The next message, behind eight bytes as they stand in front of it; none at the end.
fn message<R: Read>(reader: &mut R) -> Result<Option<Vec<u8>>, CutError> {
    let mut front = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut front).map_err(of_read)?;
    if front.is_empty() {
        return Ok(None);
    }
    // Old writers have no mark in front of the length.
    if front == [0xff; 4] {
        front.clear();
        reader.by_ref().take(4).read_to_end(&mut front).map_err(of_read)?;
    }
    let length = front
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| damaged("it ends early"))?;
    if length == 0 {
        return Ok(None);
    }
    if u64::from(length) > MESSAGE_MAX {
        return Err(damaged("what describes a record batch is too long").into());
    }
    let mut message = [[0xff; 4], length.to_le_bytes()].concat();
    let read = reader.take(length.into()).read_to_end(&mut message).map_err(of_read)?;
    match read == length as usize {
        true => Ok(Some(message)),
        false => Err(of_read(io::ErrorKind::UnexpectedEof.into())),
    }
}
