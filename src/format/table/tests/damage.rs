use super::super::value::{Cell, push_cell};
use super::{BOUND, bytes, read};
use crate::problem::Code;
use std::panic;

/// Small ones, of all ways to write.
const NAMES: [&str; 8] = [
    "duckdb.parquet",
    "hyparquet.parquet",
    "fastparquet_gzip.parquet",
    "pyarrow_encoded_1.parquet",
    "pyarrow_encoded_2.parquet",
    "pyarrow_more.arrow",
    "pandas.feather",
    "polars_lz4.arrow",
];

type Cells = Vec<Vec<Option<Vec<u8>>>>;

/// By the column and the row.
fn cells(name: &str, bytes: Vec<u8>) -> Result<Cells, Code> {
    let (table, groups) = read(name, bytes, BOUND).map_err(|problem| problem.code)?;
    let column = |(place, column): (usize, &super::super::Column)| {
        let mut cells = Vec::new();
        for group in groups.iter().filter(|_| column.has_cells()) {
            let array = group.array(place).unwrap();
            for row in 0..group.rows {
                let mut text = Vec::new();
                let cell = push_cell(array, &column.dtype, row, b'.', &mut text);
                cells.push((cell == Cell::Text).then_some(text));
            }
        }
        cells
    };
    Ok(table.columns().iter().enumerate().map(column).collect())
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    for name in NAMES {
        let whole = bytes(name);
        for length in 6..whole.len() {
            let found = cells(name, whole[..length].to_vec());
            assert_eq!(
                found.err(),
                Some(Code::TableDamaged),
                "{name}: {length} of {}",
                whole.len()
            );
        }
    }
}

/// Each byte, with a bit turned or all: it is refused, or its values are others: without a checksum nothing can tell. It never
/// ends the process, nor takes its memory.
#[test]
fn a_damaged_file_ends_nothing() {
    let mut other = 0;
    for name in NAMES {
        let whole = bytes(name);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= [1 << (at % 8), 0xff][at / 8 % 2];
            let found = panic::catch_unwind(|| cells(name, damaged));
            other += usize::from(found.unwrap_or_else(|_| panic!("{name}: byte {at}")).is_ok());
        }
    }
    assert!(other > 0);
}

/// Of a file whose pages have checksums, what stands in the pages can't be other than it was.
#[test]
fn a_checksum_tells() {
    for name in ["pyarrow_v1_pages.parquet", "pyarrow_v2_pages.parquet"] {
        let whole = bytes(name);
        let right = cells(name, whole.clone()).unwrap();
        let footer = u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().unwrap()) as usize;
        let mut wrong = 0;
        for at in 4..whole.len() - 8 - footer {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            wrong += usize::from(cells(name, damaged).is_ok_and(|found| found != right));
        }
        // Pages' own headers have none: how many are missing, or by which encoding they are written.
        assert!(wrong * 100 < whole.len(), "{name}: {wrong}");
    }
}
