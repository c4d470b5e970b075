//! Holds the documents against serde_json, and the reader against one that is as simple as can be.

use super::{Cursor, Document, Elements, Form, Kind, Reader};
use crate::model::{Category, Column, Marker, Signature, Type};
use crate::score::batch::{Flaw, Reason};
use crate::score::binding::features;
use crate::score::{Batch, Binding, Names, Spelling};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::borrow::Cow;

/// Valid is what serde_json takes for valid, beside the tokens and the depth; and it is the same value. Then rows are read from it,
/// in each form.
pub fn agree(bytes: &[u8]) {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match Document::check(bytes) {
        Ok(document) => {
            assert_is_value(&document);
            let root = document.root();
            rows_agree(root);
            for (_, value) in root.members() {
                rows_agree(value);
            }
        }
        Err(e) => {
            let valid = serde_json::from_slice::<Value>(text).is_ok();
            assert!(!valid || e.what.contains("deep"), "{e}: {}", text.escape_ascii());
            let lines = text.iter().filter(|b| **b == b'\n').count() as u64;
            assert!(e.line <= lines + 1 && e.column <= text.len() as u64 + 1);
        }
    }
    lines_agree(text);
}

fn assert_is_value(document: &Document) {
    let mut plain = String::new();
    let mut at = 0;
    let mut tokens = Vec::new();
    let built = value(document.root(), &mut tokens);
    for (start, length) in tokens {
        plain += &document.text[at..start];
        plain += "null";
        at = start + length;
    }
    plain += &document.text[at..];
    match (built, serde_json::from_str(&plain)) {
        (Some(built), read) => assert_eq!(Some(built), read.ok(), "{plain}"),
        // A number that is no finite double has no value there.
        (None, read) => {
            assert!(read.is_err_and(|e: serde_json::Error| e.to_string().contains("range")));
            assert!(serde_json::from_str::<IgnoredAny>(&plain).is_ok());
        }
    }
}

/// `tokens`: where they stand, for which null is written.
fn value(cursor: Cursor, tokens: &mut Vec<(usize, usize)>) -> Option<Value> {
    assert_eq!(cursor.number().is_some(), cursor.kind() == Kind::Number);
    Some(match cursor.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean => cursor.boolean()?.into(),
        Kind::Text => cursor.text()?.into_owned().into(),
        Kind::Number => match cursor.number()? {
            token @ ("NaN" | "Infinity" | "-Infinity") => {
                tokens.push((cursor.at(), token.len()));
                Value::Null
            }
            number => serde_json::from_str(number).ok()?,
        },
        Kind::Array => {
            let elements: Vec<Option<Value>> = cursor.elements().map(|element| value(element, tokens)).collect();
            elements.into_iter().collect::<Option<Vec<Value>>>()?.into()
        }
        Kind::Object => {
            let members = cursor
                .members()
                .map(|(key, member)| (key.into_owned(), value(member, tokens)));
            let members: Vec<(String, Option<Value>)> = members.collect();
            let members = members.into_iter().map(|(key, member)| Some((key, member?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

/// Lines are what each is alone.
fn lines_agree(text: &[u8]) {
    let lines = text.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    // A byte order mark is taken away in front of the whole text only, and other blanks are none.
    if text.starts_with(b"\xEF\xBB\xBF") || text.contains(&12) {
        return;
    }
    let lines: Vec<&[u8]> = lines.collect();
    let alone = lines
        .iter()
        .all(|line| !line.starts_with(b"\xEF\xBB\xBF") && Document::check(line).is_ok());
    match Document::check_lines(text) {
        Ok(document) => {
            assert!(alone && !lines.is_empty());
            let values: Vec<&str> = document.lines().map(Cursor::raw).collect();
            assert!(
                lines
                    .iter()
                    .map(|line| line.trim_ascii())
                    .eq(values.iter().map(|v| v.as_bytes()))
            );
        }
        Err(_) => assert!(!alone || lines.is_empty(), "{}", text.escape_ascii()),
    }
}

/// A feature of each kind.
pub fn signature() -> Signature {
    let texts = ["a", "1", "x\"y", " a ", "\u{e4}", "true"].map(|t| Category::Text(t.into()));
    let column = |name: &str, kind| Column::plain(name.into(), kind);
    let optional = |column: Column| Column {
        optional: true,
        ..column
    };
    let marked = |column: Column| Column {
        missing: vec![Marker::Number(-99.0), Marker::Text("none".into())],
        ..optional(column)
    };
    let inputs = vec![
        column("number", Type::Float64),
        optional(column("single value", Type::Float32)),
        optional(column("integer", Type::Int64)),
        marked(column("marked", Type::Float32)),
        marked(column("marked_integer", Type::Int64)),
        optional(column("truth", Type::Boolean)),
        Column {
            categories: texts.to_vec(),
            ..optional(column("Ko\u{308}rper", Type::Category))
        },
        Column {
            categories: [10, 0, -5].map(Category::Integer).to_vec(),
            open: true,
            ..column("code", Type::Category)
        },
        column("text", Type::String),
        optional(column("note", Type::String)),
    ];
    Signature {
        inputs,
        outputs: Vec::new(),
    }
}

/// What was read of rows: their flaws, and of each good row its numbers, bit by bit, and its texts.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    pub flaws: Vec<Flaw>,
    pub rows: Vec<(Vec<u64>, Vec<String>)>,
}

impl Read {
    pub fn of(batch: &mut Batch) -> Read {
        let known = ["b", " b ", "\u{fc}"].map(String::from);
        batch.conform(&[Some(known.into_iter().collect()), None]);
        let good = (0..batch.rows()).filter(|&row| batch.bad().all(|flaw| flaw.row as usize != row));
        let row = |row: usize| {
            let bits = batch.columns().iter().map(|c| c[row].to_bits()).collect();
            (bits, batch.texts().iter().map(|t| t[row].clone()).collect())
        };
        Read {
            flaws: batch.flaws().to_vec(),
            rows: good.map(row).collect(),
        }
    }

    pub fn all(form: Form, binding: &Binding) -> Vec<Read> {
        let mut reader = Reader::new(form, binding);
        let mut all = Vec::new();
        while reader.fill() {
            for flaw in reader.batch.bad().filter(|flaw| flaw.reason == Reason::Malformed) {
                assert!(!reader.malformed(flaw.row).is_empty());
            }
            all.push(Read::of(&mut reader.batch));
        }
        all
    }
}

fn rows_agree(cursor: Cursor) {
    let signature = signature();
    for inputs in [1, 2, signature.inputs.len()] {
        // From the other end, too: the first features are numbers, the last are texts.
        for from in [0, signature.inputs.len() - inputs] {
            let signature = Signature {
                inputs: signature.inputs[from..from + inputs].to_vec(),
                outputs: Vec::new(),
            };
            let binding = Binding::by_position(&features(signature.inputs.iter(), &Spelling::USUAL).into());
            let names = Names::of(&signature);
            let width = inputs;
            let rows = || cursor.elements();
            let arrays = Form::Arrays {
                rows: rows(),
                width,
                within: &[],
            };
            assert_same(arrays, &binding, rows().map(|row| array(row, width)));
            let within = Form::Arrays {
                rows: rows(),
                width,
                within: &["a", "b"],
            };
            let inner = |row: Cursor| array(inner(inner(row, "a")?, "b")?, width);
            assert_same(within, &binding, rows().map(inner));
            let flat = Form::Flat { values: rows(), width };
            let values: Vec<Option<String>> = rows().map(cell).collect();
            let of_row = |row: &[Option<String>]| match row.len() == width {
                true => row.iter().cloned().collect(),
                false => None,
            };
            assert_same(flat, &binding, values.chunks(width).map(of_row));
            let columns: Vec<Elements> = rows().take(width).map(Cursor::elements).collect();
            if columns.len() == width {
                let cells = columns.iter().map(|column| column.clone().map(one).collect());
                let cells: Vec<Vec<Option<String>>> = cells.collect();
                let longest = cells.iter().map(Vec::len).max().unwrap_or_default();
                let row = |row| cells.iter().map(|column| column.get(row).cloned().flatten()).collect();
                assert_same(Form::Columns(columns), &binding, (0..longest).map(row));
            }
            let objects = Form::Objects {
                rows: rows(),
                names: &names,
            };
            objects_agree(objects, &binding, &names, rows());
        }
    }
}

/// `rows`: the cells of each, but of malformed ones.
fn assert_same(form: Form, binding: &Binding, rows: impl Iterator<Item = Option<Vec<String>>>) {
    assert_same_but(form, binding, rows, |_| {});
}

/// `settle`: what may differ.
fn assert_same_but(
    form: Form,
    binding: &Binding,
    rows: impl Iterator<Item = Option<Vec<String>>>,
    settle: impl Fn(&mut Read),
) {
    let rows: Vec<Option<Vec<String>>> = rows.collect();
    let mut rest = &rows[..];
    for mut read in Read::all(form, binding) {
        let mut batch = Batch::new(binding, usize::MAX);
        let taken;
        (taken, rest) = rest.split_at(read.rows.len() + count_bad(&read));
        for row in taken {
            match row {
                Some(cells) => batch.push(binding, cells),
                None => {
                    batch.malformed();
                    batch.end_rows(1);
                }
            }
        }
        batch.end();
        let mut expected = Read::of(&mut batch);
        [&mut read, &mut expected].into_iter().for_each(&settle);
        assert_eq!(read, expected, "{taken:?}");
    }
    assert!(rest.is_empty());
}

fn count_bad(read: &Read) -> usize {
    let mut rows: Vec<u32> = read.flaws.iter().map(|flaw| flaw.row).collect();
    rows.dedup();
    rows.len()
}

/// A row has, of each feature, the one value of that name; its flaws are in another order.
fn objects_agree(form: Form, binding: &Binding, names: &Names, rows: Elements) {
    let cells = |row: Cursor| {
        if row.kind() != Kind::Object {
            return None;
        }
        let cell = |feature: usize| {
            let found = row
                .members()
                .filter_map(|(key, value)| Some((names.find(&key)?, value)));
            let claims = |claim| found.clone().filter(move |(found, _)| *found == (feature, claim));
            use crate::score::names::Claim::{Marked, Own, Spaced};
            let (mut own, mut spaced, mut marked) = (claims(Own), claims(Spaced), claims(Marked));
            let only = match (own.next(), spaced.next(), marked.next()) {
                (Some(first), ..) => own.next().is_none().then_some(first),
                (_, Some(first), _) if spaced.next().is_none() => Some(first),
                (_, _, Some(first)) => marked.next().is_none().then_some(first),
                _ => None,
            };
            self::cell(only?.1)
        };
        (0..names.all().len()).map(cell).collect()
    };
    assert_same_but(form, binding, rows.map(cells), |read| {
        read.flaws.sort_by_key(|flaw| match flaw.reason {
            Reason::Cell { feature, .. } => (flaw.row, feature),
            Reason::Malformed | Reason::Refused(_) => (flaw.row, 0),
        });
    });
}

fn inner<'a>(cursor: Cursor<'a>, key: &str) -> Option<Cursor<'a>> {
    cursor.member(key).ok().flatten()
}

fn array(row: Cursor, width: usize) -> Option<Vec<String>> {
    let cells: Option<Vec<String>> = (row.kind() == Kind::Array).then(|| row.elements().map(cell).collect())?;
    cells.filter(|cells| cells.len() == width)
}

/// The same of a value in an array of its own.
fn one(value: Cursor) -> Option<String> {
    let mut elements = value.elements();
    match (elements.next(), elements.next()) {
        (Some(only), None) => cell(only),
        _ => cell(value),
    }
}

/// The text of a value as it would stand in a CSV.
fn cell(value: Cursor) -> Option<String> {
    match value.kind() {
        Kind::Array | Kind::Object => None,
        Kind::Null => Some(String::new()),
        Kind::Text => value.text().map(Cow::into_owned),
        Kind::Number | Kind::Boolean => Some(value.raw().into()),
    }
}
