//! Parquet and Arrow: what can be a cell. Columns that can't, such as lists, are left out.

use super::{AsCsv, Making, Reading};
use crate::format::{Blocks, CutError, Cutting, FileFormat, Input, Wanted};
use crate::model::Signature;
use crate::problem::{Code, Problem};

/// # Errors
/// It can't be read, or is larger than `reading.most`.
pub fn convert(bytes: &[u8], format: FileFormat, reading: &Reading) -> Result<AsCsv, Problem> {
    let cutting = Cutting {
        format,
        encoding: reading.encoding,
        dialect: reading.dialect,
        size: Some(bytes.len() as u64),
        limits: reading.limits,
        file: None,
        bound: reading.most,
    };
    let signature = Signature {
        inputs: Vec::new(),
        outputs: Vec::new(),
    };
    let features = Vec::new().into();
    let wanted = Wanted {
        format,
        ..Wanted::unwritten(&signature, &features, reading.dialect, reading.spelling)
    };
    let mut blocks = Blocks::new(bytes, &cutting).map_err(unread)?;
    let first = blocks.next_block().map_err(unread)?.unwrap_or_default();
    let names = Input::open(first.beginning(), &wanted)?.names().to_vec();
    let observing = Wanted {
        observed: &names,
        ..wanted
    };
    let input = Input::open(first.beginning(), &observing)?;
    blocks.open(&input);
    let columns: Vec<usize> = (0..names.len()).filter(|column| input.observes(*column)).collect();
    let shown: Vec<&str> = columns.iter().map(|column| names[*column].as_str()).collect();
    let mut making = Making::new(shown.into_iter(), reading.most);
    let mut block = Some(first);
    while let Some(at_hand) = block {
        let mut rows = input.rows(&at_hand, 0);
        while rows.fill() {
            for row in 0..rows.read().rows() {
                for column in &columns {
                    making.cell(&rows.observed(*column, row).unwrap_or_default());
                }
            }
            making.check()?;
        }
        block = blocks.next_block().map_err(unread)?;
    }
    Ok(making.end(format.rows))
}

fn unread(e: CutError) -> Problem {
    match e {
        CutError::Problem(problem) => *problem,
        CutError::Read(e) => Problem::new(
            Code::FormatMismatch,
            e.to_string(),
            "write the file again, or send it whole",
        ),
    }
}
