//! What the first record says: is it a header, which field is which feature, which fields are kept.

use super::dictionary::{Dictionary, Reading};
use super::problem::{Code, Problem, excerpt};
use super::table::{Number, number, trim};
use super::{Columns, Header, Shape, blocks};
use crate::model::{Column, Signature, Type};
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// How to read the records of one input.
#[derive(Clone, Debug)]
pub struct Layout {
    pub delimiter: u8,
    /// The columns' names; those of the model where the input has no header.
    pub names: Vec<String>,
    /// For each field of a record, what it is needed for.
    pub roles: Vec<Role>,
    pub kept: Kept,
    pub features: Vec<Feature>,
    pub header: bool,
}

/// What the cells of a feature can say.
#[derive(Clone, Debug, Default)]
pub struct Feature {
    /// A missing value is no flaw.
    pub optional: bool,
    pub cells: Cells,
}

#[derive(Clone, Debug, Default)]
pub enum Cells {
    #[default]
    Numbers,
    Integers,
    Categories(Dictionary),
    /// The index among the features of text.
    Texts(usize),
}

impl Feature {
    fn all(signature: &Signature) -> Vec<Feature> {
        let mut texts = 0..;
        let feature = |column: &Column| Feature {
            optional: column.optional,
            cells: match column.kind {
                Type::Float32 | Type::Float64 => Cells::Numbers,
                Type::Int64 => Cells::Integers,
                Type::Category => Cells::Categories(Dictionary::of(&column.categories, column.open)),
                Type::String => Cells::Texts(texts.next().expect("without end")),
            },
        };
        signature.inputs.iter().map(feature).collect()
    }

    /// Could this be a cell of it?
    fn takes(&self, cell: &[u8]) -> bool {
        match &self.cells {
            Cells::Numbers | Cells::Integers => is_value(cell),
            Cells::Categories(categories) => categories.read(cell) != Reading::Unseen,
            Cells::Texts(_) => true,
        }
    }
}

/// What one field is needed for: the index of the feature that it is, and its place among the kept columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Role {
    pub feature: Option<usize>,
    pub kept: Option<usize>,
}

/// The input's columns that stand in front of the prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    None,
    All,
    /// The fields' indices, in the order of the output.
    Some(Vec<usize>),
}

impl Layout {
    /// Reads the first record of `first`, the input's first block without its byte order mark.
    pub fn of(first: &[u8], signature: &Signature, shape: &Shape) -> Result<Layout, Problem> {
        let (line, record) = first_record(first, shape.delimiter).ok_or_else(empty)?;
        let fields = fields(record, shape.delimiter);
        let features: Vec<&str> = signature.inputs.iter().map(|c| c.name.as_str()).collect();
        let present: HashSet<&str> = fields.iter().map(String::as_str).collect();
        let names_all = features.iter().all(|f| present.contains(f));
        let header = match shape.header {
            Header::Present => true,
            Header::Absent => false,
            Header::Auto => names_all || !are_values(&fields, signature),
        };
        if !header {
            return Layout::by_position(fields.len(), &features, signature, shape).map_err(|p| {
                wrong_delimiter(record, &features, shape.delimiter)
                    .unwrap_or(p)
                    .line(line)
            });
        }
        if !names_all && let Some(p) = wrong_delimiter(record, &features, shape.delimiter) {
            return Err(p.line(line));
        }
        if !names_all && memchr(b'\r', record).is_some() {
            return Err(line_ends(line));
        }
        Layout::by_name(fields, &features, signature, shape).map_err(|p| p.line(line))
    }

    fn by_position(fields: usize, features: &[&str], signature: &Signature, shape: &Shape) -> Result<Layout, Problem> {
        if fields != features.len() {
            return Err(Problem::new(
                Code::WrongColumnCount,
                format!(
                    "the file has no header, so its columns are taken by position; it has {fields}, the model takes {}",
                    features.len()
                ),
                format!("give it a header, or exactly these columns: {}", features.join(", ")),
            ));
        }
        let names: Vec<String> = features.iter().map(|f| f.to_string()).collect();
        let positions: Vec<usize> = (0..fields).collect();
        Layout::new(names, &positions, signature, shape, false)
    }

    fn by_name(names: Vec<String>, features: &[&str], signature: &Signature, shape: &Shape) -> Result<Layout, Problem> {
        let mut positions: HashMap<&str, usize> = HashMap::with_capacity(names.len());
        for (i, name) in names.iter().enumerate() {
            if let Some(first) = positions.insert(name, i)
                && !name.is_empty()
            {
                return Err(Problem::new(
                    Code::DuplicateColumn,
                    format!(
                        "column {:?} stands twice in the header, as column {} and column {}",
                        excerpt(name.as_bytes(), 80),
                        first + 1,
                        i + 1
                    ),
                    "rename or remove one of them",
                )
                .column(name));
            }
        }
        let positions = features
            .iter()
            .map(|f| {
                let missing = || no_such_column(f, &names, "the model takes");
                positions.get(f).copied().ok_or_else(missing)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Layout::new(names, &positions, signature, shape, true)
    }

    /// `positions`: the field of each feature.
    fn new(
        names: Vec<String>,
        positions: &[usize],
        signature: &Signature,
        shape: &Shape,
        header: bool,
    ) -> Result<Layout, Problem> {
        let kept = match &shape.columns {
            Columns::Prediction => Kept::None,
            Columns::All => Kept::All,
            Columns::Named(wanted) => Kept::Some(
                wanted
                    .iter()
                    .map(|w| {
                        let missing = || no_such_column(w, &names, "output.columns keeps");
                        names.iter().position(|n| n == w).ok_or_else(missing)
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let is_kept = |name: &str| match &kept {
            Kept::None => false,
            Kept::All => names.iter().any(|n| n == name),
            Kept::Some(indices) => indices.iter().any(|&i| names[i] == name),
        };
        let mut written = signature.written(shape.probabilities).iter();
        if let Some(output) = written.find(|output| is_kept(&output.name)) {
            return Err(Problem::new(
                Code::DuplicateColumn,
                format!(
                    "the input has a column {:?}, and the output would have two",
                    output.name
                ),
                "rename the column, or choose the kept columns in output.columns without it",
            )
            .column(&output.name));
        }
        let mut roles = vec![Role::default(); names.len()];
        for (feature, &field) in positions.iter().enumerate() {
            roles[field].feature = Some(feature);
        }
        if let Kept::Some(indices) = &kept {
            for (place, &field) in indices.iter().enumerate() {
                roles[field].kept = Some(place);
            }
        }
        Ok(Layout {
            delimiter: shape.delimiter,
            features: Feature::all(signature),
            names,
            roles,
            kept,
            header,
        })
    }
}

/// The first record that isn't an empty line, without its line end, and the number of its line.
pub fn first_record(block: &[u8], delimiter: u8) -> Option<(u64, &[u8])> {
    let (mut at, mut line) = (0, 1);
    while at < block.len() {
        let empty = match &block[at..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return Some((line, strip_line_end(record(&block[at..], delimiter)))),
        };
        at += empty;
        line += 1;
    }
    None
}

/// The first record of `bytes`, with its line end.
pub fn record(bytes: &[u8], delimiter: u8) -> &[u8] {
    let mut at = 0;
    loop {
        at = match field(bytes, at, delimiter) {
            Some(end) if bytes[end] == delimiter => end + 1,
            Some(end) => return &bytes[..=end],
            None => return bytes,
        };
    }
}

/// The delimiter or line feed that ends the field that begins at `at`.
fn field(bytes: &[u8], mut at: usize, delimiter: u8) -> Option<usize> {
    if bytes.get(at) == Some(&b'"') {
        at = blocks::closing_quote(bytes, at + 1)? + 1;
    }
    memchr2(delimiter, b'\n', &bytes[at..]).map(|n| at + n)
}

fn strip_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// The texts of a record's fields: quotes resolved, spaces around them removed.
pub fn fields(record: &[u8], delimiter: u8) -> Vec<String> {
    raw_fields(record, delimiter)
        .into_iter()
        .map(|raw| String::from_utf8_lossy(trim(&unquote(raw))).into_owned())
        .collect()
}

/// The fields of one record without its line end, as they stand there.
pub fn raw_fields(record: &[u8], delimiter: u8) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let end = field(record, at, delimiter).unwrap_or(record.len());
        fields.push(&record[at..end]);
        if end == record.len() {
            return fields;
        }
        at = end + 1;
    }
}

/// A field's text without its quotes.
pub fn unquote(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"") else {
        return field.into();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr(b'"', inner).is_none() {
        return inner.into();
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&b) = bytes.next() {
        text.push(b);
        if b == b'"' {
            bytes.next();
        }
    }
    text.into()
}

/// Could these be cells of a record, by position?
fn are_values(fields: &[String], signature: &Signature) -> bool {
    let features = Feature::all(signature);
    let mut cells = fields.iter().enumerate();
    cells.all(|(i, cell)| is_value(cell.as_bytes()) || features.get(i).is_some_and(|f| f.takes(cell.as_bytes())))
}

/// Could this be a cell of a numeric column, and so not a column's name?
pub fn is_value(cell: &[u8]) -> bool {
    !matches!(number(cell), Number::Invalid)
}

pub fn empty() -> Problem {
    Problem::new(
        Code::EmptyFile,
        "the file is empty: not even a header",
        "write the rows to it again; if it should be empty, give it the header line alone",
    )
}

fn line_ends(line: u64) -> Problem {
    Problem::new(
        Code::LineEnds,
        "the first line has carriage returns in it: lines seem to end in CR alone",
        "save it with line feeds (LF or CRLF), for example: tr '\\r' '\\n' < old.csv > new.csv",
    )
    .line(line)
}

/// The name most like `wanted`, if one is.
pub fn nearest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted.to_lowercase());
    // Only short names are compared: the distance takes time in the product of the lengths.
    let near = names
        .iter()
        .filter(|n| n.len() <= 64)
        .take(1000)
        .min_by_key(|n| distance(n))?;
    (3 * distance(near) <= wanted.len()).then_some(near)
}

/// The first names of a file, for a message.
pub fn shown(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(20).map(|n| excerpt(n.as_bytes(), 40)).collect();
    let more = if names.len() > 20 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn no_such_column(wanted: &str, names: &[String], who: &str) -> Problem {
    let hint = match nearest(wanted, names) {
        Some(near) => format!(
            "did the producer mean {:?}? It must be named {wanted:?}",
            excerpt(near.as_bytes(), 64)
        ),
        None => format!("add the column {wanted:?}; if the file has no header, set input.header = false"),
    };
    Problem::new(
        Code::NoSuchColumn,
        format!("no column {wanted:?}, which {who}; the file has: {}", shown(names)),
        hint,
    )
    .column(wanted)
}

/// Tells whether `record` makes sense with another delimiter.
fn wrong_delimiter(record: &[u8], features: &[&str], configured: u8) -> Option<Problem> {
    let fits = |delimiter: u8| {
        let fields = fields(record, delimiter);
        fields.len() > 1
            && (features.iter().all(|f| fields.iter().any(|n| n == f)) || fields.iter().all(|f| is_value(f.as_bytes())))
    };
    let found = [b',', b';', b'\t', b'|']
        .into_iter()
        .find(|&d| d != configured && fits(d))?;
    let show = |d: u8| match d {
        b'\t' => "tabs".to_string(),
        d => format!("{:?}", d as char),
    };
    let key = match found {
        b'\t' => "\"\\t\"".to_string(),
        d => format!("\"{}\"", d as char),
    };
    Some(Problem::new(
        Code::WrongDelimiter,
        format!(
            "the file is separated by {}, and was read with {}",
            show(found),
            show(configured)
        ),
        format!(
            "set input.delimiter = {key}, or save the file with {}",
            show(configured)
        ),
    ))
}
