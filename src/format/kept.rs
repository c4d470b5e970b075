//! The columns that are kept in front of predictions, by their cells: whatever format they come from, and whatever they go to.

use super::csv::record::quote;
use super::json::writer::{key, push_text};
use super::table::Columns;
use super::writing::Front;
use std::borrow::Cow;
use std::str::from_utf8;

/// Of a batch of rows, the cells of the kept columns. `column`: its place among them.
pub trait KeptCells {
    /// A row whose cells can't be told, as it stands; asked for malformed rows alone.
    fn hidden(&self, row: usize) -> Option<Cow<'_, [u8]>>;
    /// The text of a cell as it stands in a CSV, without quotes; of a missing one it is empty.
    fn text(&self, column: usize, row: usize) -> Cow<'_, [u8]>;
    /// Writes a cell as JSON.
    fn push_json(&self, column: usize, row: usize, out: &mut Vec<u8>);
}

/// Kept cells as fields.
pub struct Fields<'a, K> {
    pub cells: &'a K,
    pub columns: usize,
    pub delimiter: u8,
}

impl<K: KeptCells> Front for Fields<'_, K> {
    fn is_empty(&self) -> bool {
        self.columns == 0
    }

    fn begin(&self, row: usize, malformed: bool, out: &mut Vec<u8>) {
        let hidden = malformed && self.cells.hidden(row).is_some();
        for column in 0..self.columns {
            if !hidden {
                quote(&self.cells.text(column, row), self.delimiter, out);
            }
            out.push(self.delimiter);
        }
    }
}

/// Keeps the cells of a row as texts of `columns` columns; an empty one is a missing one.
pub fn keep_texts(cells: &impl KeptCells, columns: usize, row: usize, malformed: bool, out: &mut Columns) {
    let hidden = malformed && cells.hidden(row).is_some();
    for column in 0..columns {
        let text = if hidden {
            (&b""[..]).into()
        } else {
            cells.text(column, row)
        };
        // What isn't UTF-8 has ended the file before.
        out.keep_text(column, from_utf8(&text).ok().filter(|text| !text.is_empty()));
    }
}

/// Kept cells as members.
pub struct Members<'a, K> {
    pub cells: &'a K,
    /// Of each column what stands in front of its value: its name and a colon.
    pub keys: &'a [Vec<u8>],
}

/// The name of what a row was whose cells can't be told.
const HIDDEN: &str = "input";

/// Writes a row whose cells can't be told, behind its outputs. What is no UTF-8 in it is replaced: JSON has no bytes.
pub fn push_hidden(row: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    out.extend(key(HIDDEN));
    push_text(out, &String::from_utf8_lossy(row));
}

impl<K: KeptCells> Front for Members<'_, K> {
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn begin(&self, row: usize, malformed: bool, out: &mut Vec<u8>) {
        let hidden = malformed && self.cells.hidden(row).is_some();
        out.push(b'{');
        let hidden_key = hidden.then(|| key(HIDDEN));
        for (column, key) in self.keys.iter().enumerate() {
            // It stands behind the outputs then.
            if hidden_key.as_ref() == Some(key) {
                continue;
            }
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            out.extend_from_slice(key);
            match hidden {
                true => out.extend_from_slice(b"null"),
                false => self.cells.push_json(column, row, out),
            }
        }
    }

    fn end(&self, row: usize, malformed: bool, out: &mut Vec<u8>) {
        if malformed && let Some(hidden) = self.cells.hidden(row) {
            push_hidden(&hidden, out);
        }
    }
}
