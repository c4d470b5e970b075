//! A column's next rows -> the cells of a feature in the batch.

use super::value::{Texts, booleans, numbers, push_cell, texts};
use crate::score::Batch;
use crate::score::cell::{Feature, Kind, UNKNOWN, is_integer};
use polars_arrow::array::Array;
use polars_arrow::datatypes::ArrowDataType;

/// A column, from a row on.
#[derive(Clone, Copy)]
pub struct From<'a> {
    pub array: &'a dyn Array,
    pub dtype: &'a ArrowDataType,
    pub start: usize,
}

/// Memory that is used again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Of the rows at hand, those that are read by their texts.
    slow: Vec<u32>,
    cell: Vec<u8>,
}

/// Reads so many rows of a column as a feature, in the batch's next rows.
pub fn fill(from: From, feature: usize, of: &Feature, rows: usize, batch: &mut Batch, scratch: &mut Scratch) {
    scratch.slow.clear();
    match &of.kind {
        Kind::Numbers | Kind::Integers | Kind::Marked(_) if fill_numbers(from, feature, of, rows, batch, scratch) => {}
        Kind::Texts(_) => scratch.slow.extend(0..rows as u32),
        _ if fill_booleans(from, feature, of, rows, batch, scratch) => {}
        _ => scratch.slow.extend(0..rows as u32),
    }
    let texts = texts(from.array, from.dtype);
    for row in scratch.slow.iter().map(|row| *row as usize) {
        let cell = text(from, row, of, texts.as_ref(), &mut scratch.cell);
        match &of.kind {
            Kind::Categories(categories) if let Some(code) = categories.exact(cell) => {
                batch.next_cells(feature, row + 1)[row] = code;
            }
            _ => batch.read(row, feature, of, cell),
        }
    }
}

/// The cell as it would stand in a CSV.
fn text<'t: 'c, 'c>(
    from: From,
    row: usize,
    of: &Feature,
    texts: Option<&Texts<'t>>,
    cell: &'c mut Vec<u8>,
) -> &'c [u8] {
    match texts {
        Some(texts) => texts(from.start + row).unwrap_or_default(),
        None => {
            cell.clear();
            let mark = if of.spelling.comma() { b',' } else { b'.' };
            push_cell(from.array, from.dtype, from.start + row, mark, cell);
            cell
        }
    }
}

/// The short way of numbers, where they come to what their texts would. False of a column of no numbers.
fn fill_numbers(
    from: From,
    feature: usize,
    of: &Feature,
    rows: usize,
    batch: &mut Batch,
    scratch: &mut Scratch,
) -> bool {
    let cells = batch.next_cells(feature, rows);
    let slow = &mut scratch.slow;
    if !numbers(from.array, from.dtype, from.start, cells, slow) {
        return false;
    }
    // Those of a decimal that are in it already are NaN.
    let inexact = slow.len();
    let is_plain = |x: f64| match &of.kind {
        Kind::Numbers => !x.is_nan(),
        Kind::Integers => is_integer(x),
        Kind::Marked(marks) => marks.direct(x) == Some(x),
        Kind::Categories(_) | Kind::Texts(_) => false,
    };
    for (row, x) in cells.iter_mut().enumerate() {
        if is_plain(*x) {
            continue;
        }
        match x.is_nan() && of.optional && slow[..inexact].binary_search(&(row as u32)).is_err() {
            // One pattern for all.
            true => *x = f64::NAN,
            false => slow.push(row as u32),
        }
    }
    slow.sort_unstable();
    slow.dedup();
    true
}

/// The short way of true and false: two readings serve all rows.
fn fill_booleans(
    from: From,
    feature: usize,
    of: &Feature,
    rows: usize,
    batch: &mut Batch,
    scratch: &mut Scratch,
) -> bool {
    let Some(truth) = booleans(from.array, from.dtype, from.start) else {
        return false;
    };
    let read = |cell: &[u8]| of.read(cell).ok().filter(|x| *x != UNKNOWN);
    let (yes, no, none) = (read(b"true"), read(b"false"), read(b""));
    for (row, cell) in batch.next_cells(feature, rows).iter_mut().enumerate() {
        let x = match truth(row) {
            Some(true) => yes,
            Some(false) => no,
            None => none,
        };
        match x {
            Some(x) => *cell = x,
            None => scratch.slow.push(row as u32),
        }
    }
    true
}
