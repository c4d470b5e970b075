//! What is said of rows, written behind what is kept of them: as fields of a line, or as members of an object.

use super::csv::record::quote;
use super::json::writer::{key, push_category};
use super::table::{Columns, Schema};
use crate::model::{Category, Column, Type};
use crate::score::Batch;
use crate::score::batch::Reason;
use std::sync::Arc;

/// The column that says which version predicted.
pub const VERSION: &str = "model_version";

/// How what is said of a row is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// The fields of a CSV's line; its header has their names.
    Fields { delimiter: u8 },
    /// The members of an object, `prefix` in front of their names.
    Members { prefix: String },
    /// The columns of a table.
    Columns(Arc<Schema>),
}

/// How what a version says of a row is written.
#[derive(Clone, Debug)]
pub struct RowWriting {
    style: Style,
    /// In the order of the output's columns.
    columns: Vec<Output>,
    /// What stands behind them: the version, if it is written.
    end: Vec<u8>,
    version: Option<u32>,
}

#[derive(Clone, Debug)]
struct Output {
    /// Among the version's own.
    place: usize,
    /// Its name as a key. Fields have none.
    key: Vec<u8>,
    writing: Writing,
    /// What it is, where it becomes a column of a table.
    column: Option<Column>,
}

impl RowWriting {
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// `outputs`: the places of those that are written, and themselves.
    pub fn new<'a>(
        outputs: impl Iterator<Item = (usize, &'a Column)>,
        version: Option<u32>,
        style: &Style,
    ) -> RowWriting {
        let output = |(place, column): (usize, &Column)| match style {
            Style::Fields { delimiter } => Output {
                place,
                key: Vec::new(),
                writing: Writing::of(column, *delimiter),
                column: None,
            },
            Style::Columns(_) => Output {
                place,
                key: Vec::new(),
                writing: Writing::Float64,
                column: Some(column.clone()),
            },
            Style::Members { prefix } => Output {
                place,
                key: key(&format!("{prefix}{}", column.name)),
                writing: Writing::in_json(column),
                column: None,
            },
        };
        let end = version.map(|version| match style {
            Style::Columns(_) => Vec::new(),
            Style::Fields { delimiter } => format!("{}{version}", char::from(*delimiter)).into_bytes(),
            Style::Members { prefix } => {
                let key = key(&format!("{prefix}{VERSION}"));
                [b",", &key[..], version.to_string().as_bytes()].concat()
            }
        });
        RowWriting {
            style: style.clone(),
            version,
            columns: outputs.map(output).collect(),
            end: end.unwrap_or_default(),
        }
    }

    /// `x`: of an output, what is said of a row; without it the row is bad. `alone`: nothing stands in front. Returns whether all
    /// numbers are finite.
    #[inline(always)]
    fn write(&self, x: Option<impl Fn(usize) -> f64>, alone: bool, text: &mut zmij::Buffer, out: &mut Vec<u8>) -> bool {
        let columns = &self.columns[..];
        let mut finite = true;
        match (&self.style, x) {
            (Style::Fields { delimiter }, Some(x)) => {
                for (i, output) in columns.iter().enumerate() {
                    if i > 0 {
                        out.push(*delimiter);
                    }
                    finite &= output.writing.write(x(output.place), text, out);
                }
            }
            // An empty line would not be a record, to this reader and to many others: it would shift all that follow.
            (Style::Fields { .. }, None) if alone && columns.len() == 1 && self.end.is_empty() => {
                out.extend_from_slice(b"\"\"");
            }
            (Style::Fields { delimiter }, None) => out.extend(columns[1..].iter().map(|_| *delimiter)),
            (Style::Columns(_), _) => unreachable!("columns are no text"),
            (Style::Members { .. }, x) => {
                for output in columns {
                    // Only the brace stands there where the object has no members.
                    if out.last() != Some(&b'{') {
                        out.push(b',');
                    }
                    out.extend_from_slice(&output.key);
                    match &x {
                        Some(x) => finite &= output.writing.write_json(x(output.place), text, out),
                        None => out.extend_from_slice(b"null"),
                    }
                }
            }
        }
        if !self.end.is_empty() {
            out.extend_from_slice(&self.end);
        }
        finite
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
        Writing::with_labels(column, |category, label| {
            quote(category.to_string().as_bytes(), delimiter, label);
        })
    }

    pub fn in_json(column: &Column) -> Writing {
        Writing::with_labels(column, |category, label| push_category(label, category))
    }

    fn with_labels(column: &Column, push: impl Fn(&Category, &mut Vec<u8>)) -> Writing {
        match column.kind {
            Type::Float64 | Type::Int64 | Type::Boolean | Type::String => Writing::Float64,
            Type::Float32 => Writing::Float32,
            Type::Category => {
                let label = |category: &Category| {
                    let mut label = Vec::new();
                    push(category, &mut label);
                    label
                };
                Writing::Labels(column.categories.iter().map(label).collect())
            }
        }
    }

    /// Writes `x`, and tells whether it is finite.
    #[inline]
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

    /// The same as JSON, which has no number that isn't finite: it is null.
    #[inline]
    pub fn write_json(&self, x: f64, text: &mut zmij::Buffer, out: &mut Vec<u8>) -> bool {
        let finite = match self {
            Writing::Float32 => (x as f32).is_finite(),
            Writing::Float64 | Writing::Labels(_) => x.is_finite(),
        };
        match finite {
            true => self.write(x, text, out),
            false => {
                out.extend_from_slice(b"null");
                false
            }
        }
    }
}

/// What is kept of a row.
pub trait Front {
    /// Is nothing kept of any row?
    fn is_empty(&self) -> bool;
    /// Writes what stands in front of what is said. `malformed`: where the row's cells are can't be told, or not of all.
    fn begin(&self, row: usize, malformed: bool, out: &mut Vec<u8>);
    /// Writes what stands behind it.
    fn end(&self, _row: usize, _malformed: bool, _out: &mut Vec<u8>) {}
}

/// One line per row. `said`: by those who answer; `of`: of a row, which of them, and the row in what it says; each one's rows come in
/// order. Returns how many good rows have a prediction that is not finite.
pub fn rows<const N: usize>(
    rows: usize,
    front: &impl Front,
    said: [Said; N],
    of: impl Fn(usize) -> (usize, usize),
    out: &mut Vec<u8>,
) -> u64 {
    let alone = front.is_empty();
    let mut not_finite = 0;
    let mut flaws = said.map(|said| said.batch.bad().peekable());
    let mut text = zmij::Buffer::new();
    for row in 0..rows {
        let (who, place) = of(row);
        let flaw = flaws[who].next_if(|f| f.row as usize == place);
        let malformed = flaw.is_some_and(|f| f.reason == Reason::Malformed);
        front.begin(row, malformed, out);
        let Said {
            writing,
            batch,
            predictions,
        } = said[who];
        let x = |output: usize| predictions[output * batch.rows() + place];
        let finite = writing.write(flaw.is_none().then_some(x), alone, &mut text, out);
        not_finite += u64::from(!finite);
        front.end(row, malformed, out);
        match writing.style {
            Style::Fields { .. } => out.push(b'\n'),
            Style::Members { .. } => out.extend_from_slice(b"}\n"),
            Style::Columns(_) => unreachable!("columns are no text"),
        }
    }
    not_finite
}

/// The same as columns. `keep`: takes what is kept of a row.
pub fn columns<const N: usize>(
    rows: usize,
    keep: impl Fn(usize, bool, &mut Columns),
    said: [Said; N],
    of: impl Fn(usize) -> (usize, usize),
    out: &mut Columns,
) -> u64 {
    let mut not_finite = 0;
    let mut flaws = said.map(|said| said.batch.bad().peekable());
    for row in 0..rows {
        let (who, place) = of(row);
        let flaw = flaws[who].next_if(|f| f.row as usize == place);
        keep(row, flaw.is_some_and(|f| f.reason == Reason::Malformed), out);
        let Said {
            writing,
            batch,
            predictions,
        } = said[who];
        let mut finite = true;
        for (i, output) in writing.columns.iter().enumerate() {
            let x = flaw.is_none().then(|| predictions[output.place * batch.rows() + place]);
            let column = output.column.as_ref().expect("it is written as a column");
            finite &= out.push(i, column, x);
        }
        not_finite += u64::from(!finite);
        out.end_row(writing.version);
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
