//! The rows of a shadow's file.

use crate::experiment::difference::Record;
use crate::format::csv::stream::{Stream, StreamError};
use crate::format::{Dialect, Encoding};
use crate::labels::{text_cells, text_columns};
use crate::model::Signature;
use crate::problem::{Code, Problem};
use crate::score::Spelling;
use std::fs::File;
use std::path::Path;

/// Has each record taken, in order. `input`: its name; `signatures`: the champion's, the shadow's.
///
/// # Errors
/// Why the file isn't what a shadow writes, or what `take` returns.
pub fn read(
    path: &Path,
    input: &str,
    signatures: [&Signature; 2],
    mut take: impl FnMut(&Record) -> Result<(), String>,
) -> Result<(), String> {
    let [champion, shadow] = signatures.map(|signature| &signature.outputs[..]);
    let prefixed = |of: &'static str| move |column: &crate::model::Column| format!("{of}.{}", column.name);
    let head = ["line", "key"].map(String::from).into_iter();
    let head = head.chain(champion.iter().map(prefixed("champion")));
    let expected: Vec<String> = head.chain(shadow.iter().map(prefixed("shadow"))).collect();
    let stream = Stream {
        source: File::open(path).map_err(|e| e.to_string())?,
        encoding: Encoding::UTF_8,
        dialect: Dialect::plain(b','),
        spelling: &Spelling::USUAL,
    };
    let choose = |names: &[String]| match names == expected {
        true => Ok(text_columns(expected.iter().map(String::as_str))),
        false => Err(Problem::new(
            Code::NoSuchColumn,
            "its columns aren't those of these versions",
            "remove it: it is made again",
        )),
    };
    let mut taken = Ok(());
    let read = stream.batches(choose, |reader, _| {
        if let (Ok(()), Some(flaw)) = (&taken, reader.batch.bad().next()) {
            taken = Err(reader.reason(flaw));
        }
        for row in 0..reader.batch.rows() {
            if taken.is_err() {
                return;
            }
            let cells: Vec<&str> = text_cells(reader, expected.len())
                .map(|column| &column[row][..])
                .collect();
            let (outputs, of_shadow) = cells[2..].split_at(champion.len());
            taken = match cells[0].parse() {
                Ok(line) => take(&Record {
                    file: input,
                    line,
                    key: cells[1],
                    outputs: [outputs, of_shadow],
                }),
                Err(_) => Err(format!("{:?} is no line", cells[0])),
            };
        }
    });
    read.map_err(|e| match e {
        StreamError::Read(e) => e.to_string(),
        StreamError::Problem(problem) => problem.to_string(),
    })?;
    taken
}
