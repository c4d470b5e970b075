//! Bytes of a format <-> batches of rows. A format knows no model and no file: it fills a [`Batch`](crate::score::Batch) by a
//! [`Binding`](crate::score::Binding), and writes predictions.
//!
//! `transform` names no format, only what stands here: [`Blocks`] cut an input, [`Input`] is an opened one, [`Rows`] are those of
//! a block, [`Record`] is where one of them stands, [`Cause`] is why it is bad, [`Assembly`] makes an output of parts, [`rejects`] are
//! for people. [`csv`], [`json`] and [`table`] (Parquet, Arrow) are formats of files and of requests, and [`tensors`] of requests alone;
//! [`compression`] stands in front of texts. [`ranges`] divide an input among machines. Whoever trains, evaluates or joins labels takes
//! a file [`as_csv`]. Another format is a folder beside them, and here:
//!
//! - a variant of [`Input`] and [`Rows`], which pass calls on, and of [`Blocks`] if it has neither lines nor row groups: [`csv::cut`]
//!   reads, hashes and cuts what has lines;
//! - a variant of [`Malformed`], if its rows can be, with numbers of its own by which another machine tells it ([`Cause::numbers`]): a
//!   reject has few bytes;
//! - its kept cells, as texts and as JSON (`kept`): `writing` knows outputs by these alone, and so any format goes to any other;
//! - the input's name says which one it is ([`FileFormat::of`]). `transform::Run` has it beside the size; `transform::transform` cuts by
//!   it, and opens by it.

pub mod as_csv;
mod blocks;
mod cause;
pub mod compression;
pub mod csv;
mod digest;
mod encoding;
mod file;
pub mod foreign;
mod input;
pub mod json;
mod kept;
mod out;
pub mod ranges;
pub mod rejects;
pub mod table;
pub mod tensors;
mod wanted;
mod writing;

pub use blocks::{Beginning, Block, Blocks, Cutting, Unhashed};
pub use cause::{Cause, Malformed};
pub use csv::dialect::Dialect;
pub use csv::record::quote;
pub use csv::source::decoded;
pub use digest::{Digest, Hashed, HexHash, PieceHash};
pub use encoding::Encoding;
pub use file::{Compression, FileFormat, OutputFormat, RowFormat};
pub use input::{Input, Rows};
pub use out::{Assembly, Out};
pub use wanted::{Header, Wanted};
pub use writing::{RowWriting, Said, Style, VERSION, Writing};

use crate::model::{Column, Type};
use crate::problem::Problem;
use std::io;

/// Goes up whenever the same input, model and settings would give other bytes than before; makes every output stale.
pub const OUTPUT_FORMAT: u32 = 2;

/// The unit of parallel work. Small enough that a block, its columns and its output stay in a core's cache (with 1 MiB,
/// keeping all columns takes 13% longer), and that a small file never waits long behind a large one; large enough that
/// handing it over costs nothing beside scoring it.
pub const BLOCK: usize = if cfg!(fuzzing) { 16 } else { 256 << 10 };

/// The longest record. A quote that never closes would otherwise swallow the rest of a file of any size.
pub const RECORD_MAX: usize = 16 << 20;

/// Why an input can't be cut.
#[derive(Debug)]
pub enum CutError {
    Read(io::Error),
    /// Its line is counted from 1 where the last block ended.
    Problem(Box<Problem>),
}

impl CutError {
    /// `lines`: the line feeds in front of the block that couldn't be cut.
    ///
    /// # Panics
    /// On what can't be read, which is no fault of the input.
    pub fn problem(self, lines: u64) -> Problem {
        match self {
            CutError::Read(e) => unreachable!("memory can be read: {e}"),
            CutError::Problem(problem) => problem.behind(lines),
        }
    }

    /// The same, with `lines` more in front of it.
    pub fn behind(self, lines: u64) -> CutError {
        match self {
            CutError::Problem(problem) => problem.behind(lines).into(),
            read => read,
        }
    }
}

impl From<io::Error> for CutError {
    /// What a reader found wrong with the file comes through as such.
    fn from(e: io::Error) -> CutError {
        match e.downcast::<Problem>() {
            Ok(problem) => problem.into(),
            Err(e) => CutError::Read(e),
        }
    }
}

impl From<Problem> for CutError {
    fn from(problem: Problem) -> CutError {
        CutError::Problem(Box::new(problem))
    }
}

/// Where a row stands in its range.
pub struct Record {
    /// On which it begins, counted from 0. `None`: its format has no lines.
    pub line: Option<u32>,
    /// Its bytes, without its line end.
    pub start: u32,
    pub end: u32,
}

/// Which columns of an input stand in front of the predictions in its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    Prediction,
    All,
    Named(Vec<String>),
}

/// A prediction as it is written: the shortest text that reads back as the same number, of the column's precision, or the
/// class whose index it is.
pub fn text(column: &Column, x: f64) -> String {
    match column.kind {
        Type::Float64 | Type::Int64 | Type::Boolean | Type::String => zmij::Buffer::new().format(x).into(),
        Type::Float32 => zmij::Buffer::new().format(x as f32).into(),
        Type::Category if x.is_nan() => "NaN".into(),
        Type::Category => column.categories[x as usize].to_string(),
    }
}
