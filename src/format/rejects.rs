//! Bad rows in words, for the people who mend them: a CSV, whatever the format of the input.

use super::RowFormat;
use super::csv::record::quote;

/// Where a row stands in an input, counted from 1; what its format doesn't have is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: Option<u64>,
    pub row_group: Option<u64>,
    /// In its row group, or in the file.
    pub row: Option<u64>,
}

/// The list's first line. Of CSVs it is as it was before there were other formats.
pub fn header(format: RowFormat) -> &'static [u8] {
    match format.is_csv() {
        true => b"line,column,reason,text\n",
        false => b"line,row_group,row,column,reason,text\n",
    }
}

/// One line of it. `record`: the row as it stands in the input.
pub fn push(format: RowFormat, place: Place, column: &str, reason: &str, record: &[u8], out: &mut Vec<u8>) {
    let places = [place.line, place.row_group, place.row];
    let count = if format.is_csv() { 1 } else { places.len() };
    for place in &places[..count] {
        if let Some(number) = place {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        out.push(b',');
    }
    for (i, field) in [column.as_bytes(), reason.as_bytes(), record].into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        quote(field, b',', out);
    }
    out.push(b'\n');
}
