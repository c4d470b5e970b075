//! Tables as others wrote them, damaged ones, and random ones against the same rows as texts.

mod bounds;
mod damage;
mod fixtures;
mod properties;
mod runs;

use super::source::Source;
use super::{RowGroup, Table};
use crate::format::{CutError, FileFormat};
use crate::problem::Problem;
use std::path::PathBuf;

/// Bytes for a row group, of which these have few.
const BOUND: u64 = 64 << 20;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join("tables").join(name)).unwrap()
}

fn open(name: &str, bytes: Vec<u8>, bound: u64) -> Result<(Source, Table), Problem> {
    let source = Source::Bytes(bytes);
    let format = FileFormat::of(name.as_bytes()).rows;
    let table = Table::open(&source, format, bound).map_err(said)?;
    Ok((source, table))
}

/// All row groups, with the columns that can be read.
fn read(name: &str, bytes: Vec<u8>, bound: u64) -> Result<(Table, Vec<RowGroup>), Problem> {
    let (source, table) = open(name, bytes, bound)?;
    let columns = readable(&table);
    let groups = 0..table.groups().len();
    let groups = groups
        .map(|group| table.read(&source, group, &columns).map_err(said))
        .collect::<Result<_, _>>()?;
    Ok((table, groups))
}

fn readable(table: &Table) -> Vec<usize> {
    let columns = table.columns().iter().enumerate();
    columns
        .filter(|(_, column)| column.is_readable())
        .map(|(place, _)| place)
        .collect()
}

fn said(e: CutError) -> Problem {
    match e {
        CutError::Problem(problem) => *problem,
        CutError::Read(e) => panic!("bytes can be read: {e}"),
    }
}
