//! Predictions, and the columns kept in front of them -> bytes.

use super::layout::{Kept, Layout, raw_fields};
use super::table::Table;
use crate::model::Signature;

/// Goes up whenever the same input, model and settings would give other bytes than before; makes every output stale.
pub const OUTPUT_FORMAT: u32 = 1;

/// The output's header. `record`: the input's, without its line end.
pub fn header(layout: &Layout, record: &[u8], signature: &Signature, out: &mut Vec<u8>) {
    match &layout.kept {
        Kept::None => {}
        Kept::All => push(out, record, layout.delimiter),
        Kept::Some(indices) => {
            let fields = raw_fields(record, layout.delimiter);
            indices.iter().for_each(|&i| push(out, fields[i], layout.delimiter));
        }
    }
    for (i, column) in signature.outputs.iter().enumerate() {
        if i > 0 {
            out.push(layout.delimiter);
        }
        out.extend_from_slice(column.name.as_bytes());
    }
    out.push(b'\n');
}

/// One line per row of `table`. Returns how many predictions of good rows are not finite.
pub fn rows(layout: &Layout, block: &[u8], table: &Table, predictions: &[f64], out: &mut Vec<u8>) -> u64 {
    let mut not_finite = 0;
    let mut flaws = table.flaws.iter().peekable();
    let mut text = zmij::Buffer::new();
    for (row, &prediction) in predictions.iter().enumerate() {
        let flaw = flaws.next_if(|f| f.row == row);
        let hidden = flaw.is_some_and(|f| f.reason.hides_fields());
        match &layout.kept {
            Kept::None => {}
            Kept::All if hidden => out.extend(layout.roles.iter().map(|_| layout.delimiter)),
            Kept::Some(indices) if hidden => out.extend(indices.iter().map(|_| layout.delimiter)),
            Kept::All => {
                let (start, end) = table.record(row);
                push(out, &block[start..end], layout.delimiter);
            }
            Kept::Some(_) => {
                for &(start, end) in table.kept(row) {
                    push(out, &block[start..end], layout.delimiter);
                }
            }
        }
        match flaw {
            // An empty line would not be a record, to this reader and to many others: it would shift all that follow.
            Some(_) if layout.kept == Kept::None => out.extend_from_slice(b"\"\""),
            Some(_) => {}
            None => {
                not_finite += u64::from(!prediction.is_finite());
                out.extend_from_slice(text.format(prediction).as_bytes());
            }
        }
        out.push(b'\n');
    }
    not_finite
}

/// One line of a rejects file.
pub fn reject(line: u64, column: &str, reason: &str, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(line.to_string().as_bytes());
    for field in [column.as_bytes(), reason.as_bytes(), record] {
        out.push(b',');
        quote(field, out);
    }
    out.push(b'\n');
}

pub const REJECTS_HEADER: &[u8] = b"line,column,reason,text\n";

/// Writes a field, in quotes where it needs them.
fn quote(field: &[u8], out: &mut Vec<u8>) {
    let plain = |b: &u8| !matches!(b, b',' | b'"' | b'\n' | b'\r');
    if field.iter().all(plain) {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for &b in field {
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

fn push(out: &mut Vec<u8>, field: &[u8], delimiter: u8) {
    out.extend_from_slice(field);
    out.push(delimiter);
}
