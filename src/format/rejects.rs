//! Bad rows in words, for the people who mend them: a CSV, whatever the format of the input.

use super::csv::record::quote;

pub const HEADER: &[u8] = b"line,column,reason,text\n";

/// One line of it. `record`: the row as it stands in the input.
pub fn push(line: u64, column: &str, reason: &str, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(line.to_string().as_bytes());
    for field in [column.as_bytes(), reason.as_bytes(), record] {
        out.push(b',');
        quote(field, b',', out);
    }
    out.push(b'\n');
}
