//! Predictions, and the columns kept in front of them -> bytes.

use super::dialect::Dialect;
use super::head::{Kept, Layout, VERSION};
use super::reader::Reader;
use super::record::{quote, raw_fields};
use crate::model::{Column, Type};
use crate::score::Batch;
use crate::score::batch::Reason;

/// The output's header. `record`: the input's, without its line end.
pub fn header(layout: &Layout, record: &[u8], outputs: &[Column], version: bool, out: &mut Vec<u8>) {
    let Dialect { delimiter, escape } = layout.dialect;
    match &layout.kept {
        Kept::None => {}
        Kept::All if escape.is_none() => push(out, record, delimiter),
        Kept::All => push_texts(out, record, layout.dialect),
        Kept::Some(indices) => {
            let fields = raw_fields(record, layout.dialect);
            indices.iter().for_each(|&i| push_text(out, fields[i], layout.dialect));
        }
    }
    for (i, column) in outputs.iter().enumerate() {
        if i > 0 {
            out.push(delimiter);
        }
        quote(column.name.as_bytes(), delimiter, out);
    }
    if version {
        out.push(delimiter);
        out.extend_from_slice(VERSION.as_bytes());
    }
    out.push(b'\n');
}

/// How what a version says of a row is written.
#[derive(Clone, Debug)]
pub struct RowWriting {
    /// In the order of the output's columns: the place among the version's own, and how its numbers are written.
    columns: Vec<(usize, Writing)>,
    /// What ends the line: the version, if it is written, and a line feed.
    end: Vec<u8>,
}

impl RowWriting {
    /// `outputs`: the places of those that are written, and themselves.
    pub fn new<'a>(
        outputs: impl Iterator<Item = (usize, &'a Column)>,
        version: Option<u32>,
        delimiter: u8,
    ) -> RowWriting {
        RowWriting {
            columns: outputs
                .map(|(place, column)| (place, Writing::of(column, delimiter)))
                .collect(),
            end: match version {
                Some(version) => format!("{}{version}\n", char::from(delimiter)).into_bytes(),
                None => b"\n".to_vec(),
            },
        }
    }
}

/// What a version says of rows: of all of a batch, or of some, which are a batch of their own.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    pub writing: &'a RowWriting,
    pub batch: &'a Batch,
    /// `[output][row]`, of all of the version's outputs.
    pub predictions: &'a [f64],
}

/// How the numbers of an output column are written.
#[derive(Clone, Debug)]
pub enum Writing {
    Float64,
    Float32,
    /// The labels of the classes, by their indices.
    Labels(Vec<Vec<u8>>),
}

impl Writing {
    pub fn of(column: &Column, delimiter: u8) -> Writing {
        match column.kind {
            Type::Float64 | Type::Int64 | Type::Boolean | Type::String => Writing::Float64,
            Type::Float32 => Writing::Float32,
            Type::Category => {
                let label = |category: &crate::model::Category| {
                    let mut label = Vec::new();
                    quote(category.to_string().as_bytes(), delimiter, &mut label);
                    label
                };
                Writing::Labels(column.categories.iter().map(label).collect())
            }
        }
    }

    /// Writes `x`, and tells whether it is finite.
    pub fn write(&self, x: f64, text: &mut zmij::Buffer, out: &mut Vec<u8>) -> bool {
        match self {
            Writing::Float64 => push_short(out, text.format(x).as_bytes()),
            Writing::Float32 => {
                push_short(out, text.format(x as f32).as_bytes());
                return (x as f32).is_finite();
            }
            // The label can't be told.
            Writing::Labels(_) if x.is_nan() => out.extend_from_slice(b"NaN"),
            Writing::Labels(labels) => out.extend_from_slice(&labels[x as usize]),
        }
        x.is_finite()
    }
}

/// One line per row of `reader`'s batch. `said`: by those who answer; `of`: of a row, which of them, and the row in what it says; each
/// one's rows come in order. Returns how many good rows have a prediction that is not finite.
pub fn rows<const N: usize>(
    layout: &Layout,
    block: &[u8],
    reader: &Reader,
    said: [Said; N],
    of: impl Fn(usize) -> (usize, usize),
    out: &mut Vec<u8>,
) -> u64 {
    let delimiter = layout.dialect.delimiter;
    let escaped = layout.dialect.escape.is_some();
    let mut not_finite = 0;
    let rows = reader.batch.rows();
    let mut flaws = said.map(|said| said.batch.bad().peekable());
    let mut text = zmij::Buffer::new();
    for row in 0..rows {
        let (who, place) = of(row);
        let flaw = flaws[who].next_if(|f| f.row as usize == place);
        // Where its fields are can't be told, so none of them is kept.
        let hidden = flaw.is_some_and(|f| f.reason == Reason::Malformed);
        match &layout.kept {
            Kept::None => {}
            Kept::All if hidden => out.extend(layout.roles.iter().map(|_| delimiter)),
            Kept::Some(indices) if hidden => out.extend(indices.iter().map(|_| delimiter)),
            Kept::All if escaped => {
                let (start, end) = reader.record(row);
                push_texts(out, &block[start..end], layout.dialect);
            }
            Kept::Some(_) if escaped => {
                for &(start, end) in reader.kept(row) {
                    push_text(out, &block[start..end], layout.dialect);
                }
            }
            Kept::All => {
                let (start, end) = reader.record(row);
                push(out, &block[start..end], delimiter);
            }
            Kept::Some(_) => {
                for &(start, end) in reader.kept(row) {
                    push(out, &block[start..end], delimiter);
                }
            }
        }
        let Said {
            writing: RowWriting { columns, end },
            batch,
            predictions,
        } = said[who];
        match flaw {
            // An empty line would not be a record, to this reader and to many others: it would shift all that follow.
            Some(_) if layout.kept == Kept::None && columns.len() == 1 && end == b"\n" => {
                out.extend_from_slice(b"\"\"")
            }
            Some(_) => out.extend(columns[1..].iter().map(|_| delimiter)),
            None => {
                let mut finite = true;
                for (i, (output, writing)) in columns.iter().enumerate() {
                    if i > 0 {
                        out.push(delimiter);
                    }
                    finite &= writing.write(predictions[output * batch.rows() + place], &mut text, out);
                }
                not_finite += u64::from(!finite);
            }
        }
        match &end[..] {
            [only] => out.push(*only),
            end => out.extend_from_slice(end),
        }
    }
    not_finite
}

/// A copy of a fixed length takes an instruction or two, and one of any length a call: two copies that overlap.
#[inline(always)]
fn push_short(out: &mut Vec<u8>, text: &[u8]) {
    fn overlapping<const N: usize>(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
        let (first, last) = (text.first_chunk::<N>()?, text.last_chunk::<N>()?);
        let behind = (text.len() <= 2 * N).then_some(out.len() + text.len() - N)?;
        out.extend_from_slice(first);
        out.truncate(behind);
        out.extend_from_slice(last);
        Some(())
    }
    overlapping::<16>(out, text)
        .or_else(|| overlapping::<8>(out, text))
        .unwrap_or_else(|| out.extend_from_slice(text));
}

fn push(out: &mut Vec<u8>, field: &[u8], delimiter: u8) {
    out.extend_from_slice(field);
    out.push(delimiter);
}

fn push_texts(out: &mut Vec<u8>, record: &[u8], dialect: Dialect) {
    for field in raw_fields(record, dialect) {
        push_text(out, field, dialect);
    }
}

/// As another reader knows it: what has an escape is written without.
fn push_text(out: &mut Vec<u8>, field: &[u8], dialect: Dialect) {
    match dialect.escape.is_some_and(|escape| field.contains(&escape)) {
        true => quote(&dialect.text(field), dialect.delimiter, out),
        false => out.extend_from_slice(field),
    }
    out.push(dialect.delimiter);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_of_any_length_is_copied_whole() {
        let text: Vec<u8> = (b'0'..=b'z').collect();
        for length in 0..=text.len() {
            let mut out = b"x,".to_vec();
            push_short(&mut out, &text[..length]);
            assert_eq!(out, [b"x,", &text[..length]].concat());
        }
    }
}
