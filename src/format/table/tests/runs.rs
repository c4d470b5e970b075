//! Runs of row groups, of tables as others wrote them.

use super::super::value::push_json;
use super::super::{RowGroup, RowGroups, Table};
use super::{BOUND, bytes, folder, readable};
use crate::format::compression::Limits;
use crate::format::ranges::{InputRange, Mismatch, hash_pieces, overlapping};
use crate::format::{Blocks, Cutting, Dialect, Encoding, FileFormat, RowFormat, Unhashed};
use polars_arrow::array::PrimitiveArray;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::io::ipc::write::{FileWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use std::fs::File;
use std::io::{Cursor, Write};
use std::ops::Range;
use std::sync::Arc;

const PIECE: u64 = 1024;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Tables by their names.
fn tables() -> impl Iterator<Item = (String, Vec<u8>)> {
    let names = std::fs::read_dir(folder().join("tables")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = names.filter(|name| !name.ends_with(".arrows"));
    let files = files.map(|name| (name.clone(), bytes(&name)));
    files.chain([("batches.arrow".into(), batches())])
}

/// An Arrow file of several record batches.
fn batches() -> Vec<u8> {
    let field = Field::new("n".into(), ArrowDataType::Int64, true);
    let schema = Arc::new(ArrowSchema::from_iter([(field.name.clone(), field)]));
    let options = WriteOptions { compression: None };
    let mut writer = FileWriter::try_new(Cursor::new(Vec::new()), schema.clone(), None, options).unwrap();
    for begin in 0..5 {
        let array = PrimitiveArray::<i64>::from_vec((begin..begin + 300).collect()).boxed();
        let batch = RecordBatchT::try_new(300, schema.clone(), vec![array]).unwrap();
        writer.write(&batch, None).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

/// `None`: they need more than the bound.
fn rest(groups: &mut RowGroups) -> Option<Vec<RowGroup>> {
    let columns = readable(groups.table());
    groups.need(&columns, &[]);
    std::iter::from_fn(|| groups.next_group())
        .map(|group| group.decode().ok())
        .collect()
}

/// All values, row group by row group.
fn values(table: &Table, groups: &[RowGroup]) -> Vec<(usize, String)> {
    let values = |group: &RowGroup| {
        let mut json = Vec::new();
        for (place, column) in table.columns().iter().enumerate() {
            if let Some(array) = group.array(place) {
                (0..group.rows).for_each(|row| push_json(array, &column.dtype, row, &mut json));
            }
        }
        (group.index, String::from_utf8(json).unwrap())
    };
    groups.iter().map(values).collect()
}

fn range_of(file: &File, table: &Table, groups: Range<usize>) -> InputRange {
    let size = file.metadata().unwrap().len();
    let pieces = overlapping(&table.extents(groups.clone()), PIECE);
    InputRange::RowGroups {
        groups,
        piece: PIECE,
        pieces: hash_pieces(file, size, PIECE, pieces).unwrap(),
    }
}

fn read(file: &File, range: &InputRange, name: &str) -> Vec<RowGroup> {
    let cutting = Cutting {
        format: FileFormat::of(name.as_bytes()),
        encoding: Encoding::UTF_8,
        dialect: Dialect::plain(b','),
        size: None,
        limits: Limits::USUAL,
        file: None,
        bound: BOUND,
    };
    let mut blocks = Blocks::of_range(file, range, &cutting).unwrap();
    assert!(matches!(blocks.next_unhashed().unwrap(), Some(Unhashed::Table(_))));
    let Blocks::Table { groups, .. } = &mut blocks else {
        panic!("no table")
    };
    let found = rest(groups).unwrap();
    assert!(blocks.ended() && blocks.next_unhashed().unwrap().is_none());
    blocks.verify(file, range).unwrap();
    found
}

#[test]
fn runs_of_row_groups_are_the_table() {
    let mut several = 0;
    for (name, bytes) in tables() {
        let file = file(&bytes);
        let rows = FileFormat::of(name.as_bytes()).rows;
        let Ok(mut groups) = RowGroups::open(std::io::empty(), Some(&file), rows, BOUND) else {
            continue;
        };
        let table = groups.table().clone();
        let Some(expected) = rest(&mut groups) else {
            continue;
        };
        for size in [1, 5000, u64::MAX] {
            let runs = table.runs(size);
            let mut found = Vec::new();
            for run in &runs {
                let range = range_of(&file, &table, run.clone());
                found.extend(read(&file, &range, &name));
            }
            assert_eq!(
                values(&table, &found),
                values(&table, &expected),
                "{name}, runs {runs:?}"
            );
            several += usize::from(runs.len() > 2);
        }
        assert_eq!(table.runs(u64::MAX).len(), 1);
    }
    assert!(several >= 3);
}

/// Nothing else is read; and what is read is verified.
#[test]
fn extents_are_what_is_read() {
    let name = "pyarrow_pages.parquet";
    let bytes = bytes(name);
    let whole = file(&bytes);
    let rows = FileFormat::of(name.as_bytes()).rows;
    let mut groups = RowGroups::open(std::io::empty(), Some(&whole), rows, BOUND).unwrap();
    let table = groups.table().clone();
    let expected = rest(&mut groups).unwrap();
    for (run, expected) in table.runs(1).into_iter().zip(&expected) {
        let mut kept = vec![0; bytes.len()];
        for extent in table.extents(run.clone()) {
            let extent = extent.start as usize..extent.end as usize;
            kept[extent.clone()].copy_from_slice(&bytes[extent]);
        }
        assert_ne!(kept, bytes);
        let other = file(&kept);
        let found = read(&other, &range_of(&other, &table, run.clone()), name);
        assert_eq!(values(&table, &found), values(&table, std::slice::from_ref(expected)));
        let range = range_of(&whole, &table, run.clone());
        for extent in table.extents(run) {
            for place in [extent.start, extent.end - 1] {
                let mut changed = bytes.clone();
                changed[place as usize] ^= 1;
                assert!(matches!(range.verify(&file(&changed)), Err(Mismatch::Bytes { .. })));
            }
        }
        assert!(range.verify(&file(&bytes[..bytes.len() - 1])).is_err());
    }
}

/// Of an Arrow file all but its schema in front: what stands there comes again in its footer.
#[test]
fn extents_of_all_record_batches_are_the_file() {
    let bytes = batches();
    let whole = file(&bytes);
    let groups = RowGroups::open(std::io::empty(), Some(&whole), RowFormat::Arrow, BOUND).unwrap();
    let mut extents = groups.table().extents(0..5);
    extents.sort_by_key(|extent| extent.start);
    let gaps = extents.windows(2).filter(|pair| pair[0].end < pair[1].start);
    assert!(gaps.count() <= 2, "{extents:?}");
    assert_eq!(extents.last().unwrap().end, bytes.len() as u64);
}
