//! Why a table can't be read, in words.

use crate::format::CutError;
use crate::format::foreign::{is_text, kind};
use crate::problem::{Code, Problem, excerpt};
use std::any::Any;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a size that people read.
fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

/// `why`: the place and what is wrong with it.
pub fn damaged(why: impl AsRef<str>) -> Problem {
    Problem::new(
        Code::TableDamaged,
        format!(
            "the file is damaged, or was cut off: {}",
            excerpt(why.as_ref().as_bytes(), 200)
        ),
        "write the file again from its source, under another name or into another folder, and move it here when it is whole",
    )
}

/// Of a file that is too short to be one, or begins otherwise. `name`: what its own name says.
pub fn mismatch(name: &str, first: &[u8]) -> Problem {
    if first.is_empty() {
        return Problem::new(
            Code::EmptyFile,
            "the file is empty: not even a footer",
            "write the rows to it again",
        );
    }
    let is = match kind(first) {
        Some(kind) => kind,
        None if is_text(first) => "a text",
        None => "something else",
    };
    Problem::new(
        Code::FormatMismatch,
        format!("the name says {name}, the file is {is}"),
        "name the file by what it is, or write it again",
    )
}

pub fn encrypted() -> Problem {
    Problem::new(
        Code::TableEncrypted,
        "the file is encrypted (Parquet Modular Encryption), for which there is no key here",
        "write it without encryption; a folder that only this service can read keeps it from others",
    )
}

/// `needed`, `bound`: bytes.
pub fn too_large(group: usize, rows: u64, needed: u64, bound: u64) -> Problem {
    over("whose columns that are read here need", group, rows, needed, bound)
}

/// The same of what is kept, as text.
pub fn too_long(group: usize, rows: u64, needed: u64, bound: u64) -> Problem {
    over("whose kept columns need, as text,", group, rows, needed, bound)
}

fn over(what: &str, group: usize, rows: u64, needed: u64, bound: u64) -> Problem {
    // Half of what would just fit: the next group may have longer texts.
    let fitting = (u128::from(rows) * u128::from(bound) / u128::from(needed.max(1)) / 2).max(1);
    Problem::new(
        Code::RowGroupTooLarge,
        format!(
            "row group {group} has {rows} rows, {what} {}; {} is allowed",
            size(needed),
            size(bound)
        ),
        format!(
            "write smaller row groups, of {fitting} rows: row_group_size={fitting} in pandas', pyarrow's and polars' to_parquet, \
             write_table and write_parquet (chunk size of an Arrow file alike), ROW_GROUP_SIZE {fitting} in DuckDB's COPY; or raise \
             worker.memory"
        ),
    )
}

/// `type_name`: as people know it.
pub fn no_cell(column: &str, type_name: &str, who: &str) -> Problem {
    Problem::new(
        Code::ColumnType,
        format!(
            "column {:?} is of type {type_name}, which is no cell, and {who}",
            excerpt(column.as_bytes(), 80)
        ),
        "write the column as a number or a text, or one column for each of its parts",
    )
    .column(column)
}

pub fn unreadable(column: &str, type_name: &str) -> Problem {
    Problem::new(
        Code::ColumnType,
        format!(
            "column {:?} is of type {type_name}, which can't be read here, and output.columns keeps it",
            excerpt(column.as_bytes(), 80)
        ),
        "choose the kept columns in output.columns without it, or write it as another type",
    )
    .column(column)
}

/// What can't be read because it isn't there is damage; a disk that fails is none of the file's.
pub fn of_read(e: io::Error) -> CutError {
    match e.kind() {
        ErrorKind::UnexpectedEof => damaged("it ends before what it says it has").into(),
        _ => e.into(),
    }
}

/// Asks the decoders, which panic at some of what they don't expect. Nothing of what they made is used then.
pub fn guarded<T>(place: &str, decode: impl FnOnce() -> Result<T, CutError>) -> Result<T, CutError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let why = format!("{place}: {}", message(&*panic));
        Err(damaged(why).into())
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("not as expected")
}

/// What a decoder says: what it can't read isn't damaged for it.
pub fn of_decoding(place: &str, error: &dyn Display) -> Problem {
    let why = format!("{place}: {error}");
    let unknown = ["not supported", "not implemented", "not yet", "compiled without"];
    if unknown.iter().any(|words| why.contains(words)) {
        return Problem::new(
            Code::ColumnType,
            format!(
                "the file is written in a way that can't be read here: {}",
                excerpt(why.as_bytes(), 200)
            ),
            "write it with the usual settings of pandas, pyarrow, polars, DuckDB or Spark",
        );
    }
    damaged(why)
}

/// Of a column that is kept.
pub fn unwritable(column: &str, type_name: &str) -> Problem {
    Problem::new(
        Code::ColumnType,
        format!(
            "column {:?} is of type {type_name}, which can't be written to Parquet here, and output.columns keeps it",
            excerpt(column.as_bytes(), 80)
        ),
        "choose the kept columns in output.columns without it, or have another output.format",
    )
    .column(column)
}

/// Neither the file's fault nor the disk's.
pub fn unwritten(why: &str) -> Problem {
    Problem::new(
        Code::Internal,
        format!(
            "the output's columns can't be written: {}",
            excerpt(why.as_bytes(), 200)
        ),
        "please report it; output.columns = \"prediction\", or another output.format, may do meanwhile",
    )
}
