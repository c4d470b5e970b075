//! Tables in binary columns: Parquet and Arrow IPC files. A row group (of Arrow, a record batch) is what is read at once, and of it
//! the columns alone that are needed; it becomes arrays of polars, of which [`Rows`] fill batches.
//!
//! [`source`] reads at any place and never maps; [`parquet`] and [`ipc`] make arrays of bytes, within a bound that is held before
//! anything is read, and [`hint`] guards their schemas; [`column`] knows types, [`value`] the text and the JSON of a value, of which
//! [`time`] and [`decimal`] write some; [`fill`] fills a batch; [`input`] and [`rows`] are what `transform` sees; [`fault`] has the
//! words for what can't be read.
//!
//! A cell is the text that would stand in a CSV, and means what it would mean there. Where a number comes to the same, to the bit,
//! it takes a short way.
//!
//! What polars' decoders can't be held to: they check no checksums ([`parquet`] does, where a writer wrote any, which most don't), and
//! panic at some of what they don't expect, which is caught in one place. A file that is damaged within the values of a page that has no
//! checksum may read as other values. Nothing but a checksum can tell.

#[cfg(not(feature = "parquet"))]
mod absent;
#[cfg(feature = "parquet")]
mod column;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "parquet")]
mod decimal;
#[cfg(feature = "parquet")]
mod extent;
#[cfg(feature = "parquet")]
mod fault;
#[cfg(feature = "parquet")]
mod file;
#[cfg(feature = "parquet")]
mod fill;
mod groups;
#[cfg(feature = "parquet")]
mod hint;
#[cfg(feature = "parquet")]
mod input;
#[cfg(feature = "parquet")]
mod ipc;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod rows;
mod source;
#[cfg(feature = "parquet")]
#[cfg(test)]
mod tests;
#[cfg(feature = "parquet")]
mod time;
#[cfg(feature = "parquet")]
mod value;
#[cfg(feature = "parquet")]
mod write;

#[cfg(not(feature = "parquet"))]
pub use absent::{Column, Columns, Group, Input, RowGroup, Rows, Schema, Stream, Table, Writer, not_built_in};
pub use groups::{RowGroups, Undecoded};
pub use source::Source;
#[cfg(feature = "parquet")]
pub use {
    column::Column,
    columns::{Columns, Schema},
    file::{Group, RowGroup, Table},
    input::Input,
    ipc::Stream,
    rows::Rows,
    write::Writer,
};

/// Opens what may be a table, and reads all that can be read of it: for fuzzing.
#[cfg(all(fuzzing, feature = "parquet"))]
pub fn fuzz(bytes: &[u8], format: super::RowFormat) {
    let source = Source::Bytes(bytes.into());
    let Ok(table) = Table::open(&source, format, 16 << 20) else {
        return;
    };
    let columns = table.columns().iter().enumerate();
    let columns: Vec<usize> = columns
        .filter(|(_, column)| column.is_readable())
        .map(|(place, _)| place)
        .collect();
    for group in 0..table.groups().len().min(16) {
        let Ok(group) = table.read(&source, group, &columns) else {
            return;
        };
        let mut json = Vec::new();
        for place in &columns {
            if let Some(array) = group.array(*place) {
                (0..group.rows.min(1000))
                    .for_each(|row| value::push_json(array, &table.columns()[*place].dtype, row, &mut json));
            }
        }
    }
}
