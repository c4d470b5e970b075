//! Holds the reader and writer of JSON Lines against ones that are as simple as can be.

use super::input::Input;
use super::line::text;
use super::{Cursor, Document, Kind};
use crate::format::Out;
use crate::format::csv::cut::Blocks;
use crate::format::csv::dialect::Dialect;
use crate::format::{Columns, Compression, Encoding, FileFormat, Header, RowFormat, Said, Wanted};
use crate::model::{Category, Column, Signature, Type, unicode};
use crate::problem::Code;
use crate::score::batch::Reason;
use crate::score::binding::features;
use crate::score::{Batch, Binding, Spelling};
use std::collections::HashSet;

fn signature() -> Signature {
    let column = |name: &str, kind| Column::plain(name.into(), kind);
    let optional = |column: Column| Column {
        optional: true,
        ..column
    };
    let inputs = vec![
        column("n", Type::Float64),
        optional(column("\u{e4}", Type::Float32)),
        Column {
            categories: ["a", "1", "x\"y"].map(|t| Category::Text(t.into())).to_vec(),
            ..optional(column("c", Type::Category))
        },
        optional(column("i", Type::Int64)),
        optional(column("t", Type::String)),
    ];
    Signature {
        inputs,
        outputs: vec![column("p", Type::Float64)],
    }
}

/// Whatever the bytes are, and wherever they are cut.
pub fn agree(bytes: &[u8]) {
    let mut blocks = Blocks::new(bytes, Encoding::UTF_8, Dialect::plain(b','), None).of_lines();
    let Ok(first) = blocks.next_block() else { return };
    let mut block = first.unwrap_or_default();
    let signature = signature();
    let features = features(signature.inputs.iter(), &Spelling::USUAL).into();
    let format = FileFormat {
        rows: RowFormat::JsonLines,
        compression: Compression::None,
    };
    let observed = ["i".to_string(), "k".into()];
    let wanted = Wanted {
        format,
        output: format,
        header: Header::Auto,
        dialect: Dialect::plain(b','),
        spelling: &Spelling::USUAL,
        signature: &signature,
        features: &features,
        known: &[],
        columns: &Columns::Prediction,
        outputs: &signature.outputs,
        prefix: "",
        version: Some(7),
        observed: &observed,
        seconds: &[],
    };
    let input = match Input::open(&block, &wanted) {
        Ok(input) => input,
        Err(problem) => return assert_eq!(problem.code, Code::NoSuchColumn, "{problem}"),
    };
    let binding = Binding::by_position(&features);
    loop {
        let mut rows = input.rows(&block);
        let mut lines = block.split(|b| *b == b'\n');
        while rows.fill() {
            let count = rows.read().rows();
            let mut simple = Batch::new(&binding, count);
            let taken: Vec<&[u8]> = lines.by_ref().take(count).collect();
            let seen: Vec<Option<Object>> = taken.iter().map(|line| object(line, &signature)).collect();
            for row in &seen {
                match row.as_ref().and_then(|row| row.cells.as_ref()) {
                    Some(cells) => simple.push(&binding, cells),
                    None => {
                        simple.malformed();
                        simple.end_rows(1);
                    }
                }
            }
            simple.end();
            assert_same(rows.batch(), &mut simple);
            for (row, object) in seen.iter().enumerate() {
                let Some(cells) = object.as_ref().and_then(|object| object.cells.as_ref()) else {
                    continue;
                };
                let found = rows.observed(0, row);
                assert!(found.is_none_or(|i| i == cells[3].trim_matches([' ', '\t']).as_bytes()));
            }
            let bad: HashSet<u32> = simple.bad().map(|flaw| flaw.row).collect();
            let mut out = Out::Text(Vec::new());
            let said = Said {
                writing: rows.writing(),
                batch: rows.read(),
                predictions: &vec![1.5; count],
            };
            assert_eq!(rows.write([said], |row| (0, row), &mut out), 0);
            let Out::Text(out) = out else { unreachable!() };
            let written: Vec<&[u8]> = out.split(|b| *b == b'\n').collect();
            assert_eq!((written.len(), written[count]), (count + 1, &b""[..]));
            for (row, ((written, line), object)) in written.iter().zip(taken).zip(&seen).enumerate() {
                let p = if bad.contains(&(row as u32)) { "null" } else { "1.5" };
                let behind = format!("\"p\":{p},\"model_version\":7");
                let expected = match object {
                    Some(object) if object.members.is_empty() => format!("{{{behind}}}"),
                    Some(object) => format!("{{{},{behind}}}", object.members),
                    None => {
                        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
                        let line = serde_json::to_string(&line).expect("a text is JSON");
                        format!("{{{behind},\"input\":{line}}}")
                    }
                };
                assert_eq!(*written, expected.as_bytes(), "{}", line.escape_ascii());
            }
        }
        if let Some(problem) = rows.problem() {
            let line = lines.next().unwrap_or_default();
            let object = object(line, &signature).expect("its members are known");
            assert!(object.clashes, "{problem}: {}", line.escape_ascii());
            return;
        }
        match blocks.next_block() {
            Ok(Some(next)) => block = next,
            _ => return,
        }
    }
}

fn assert_same(found: &mut Batch, simple: &mut Batch) {
    let known = [None];
    found.conform(&known);
    simple.conform(&known);
    let bad = |batch: &Batch| -> Vec<(u32, bool)> {
        let flaws = batch.bad();
        flaws.map(|flaw| (flaw.row, flaw.reason == Reason::Malformed)).collect()
    };
    assert_eq!(bad(found), bad(simple));
    let bad: HashSet<usize> = found.bad().map(|flaw| flaw.row as usize).collect();
    for row in (0..found.rows()).filter(|row| !bad.contains(row)) {
        let bits = |batch: &Batch| -> Vec<u64> { batch.columns().iter().map(|c| c[row].to_bits()).collect() };
        let texts = |batch: &Batch| -> Vec<String> { batch.texts().iter().map(|t| t[row].clone()).collect() };
        assert_eq!((bits(found), texts(found)), (bits(simple), texts(simple)));
    }
}

struct Object {
    members: String,
    /// Of each feature; none where they can't be told.
    cells: Option<Vec<String>>,
    clashes: bool,
}

fn object(line: &[u8], signature: &Signature) -> Option<Object> {
    let document = Document::check(line)
        .ok()
        .filter(|_| !line.starts_with(b"\xEF\xBB\xBF"))?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return None;
    }
    let members: Vec<(String, Cursor)> = root.members().map(|(key, value)| (key.into_owned(), value)).collect();
    let mut keys = HashSet::new();
    let twice = members.iter().any(|(key, _)| !keys.insert(key));
    let named = |name: &str| -> Vec<Cursor> {
        let of_name = members.iter().filter(|(key, _)| unicode::name(key) == name);
        of_name.map(|(_, value)| *value).collect()
    };
    let cell = |name: &str| match named(name)[..] {
        [] => Some(String::new()),
        [value] => {
            let nested = matches!(value.kind(), Kind::Array | Kind::Object);
            (!nested).then(|| text(value.raw()).into_owned())
        }
        _ => None,
    };
    let cells = signature
        .inputs
        .iter()
        .map(|input| cell(&unicode::name(&input.name)))
        .collect();
    let raw = root.raw();
    Some(Object {
        members: raw[1..raw.len() - 1].trim_ascii_end().into(),
        cells: if twice || named("k").len() > 1 { None } else { cells },
        clashes: members.iter().any(|(key, _)| key == "p" || key == "model_version"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = String> {
        let plain = prop::sample::select(vec![
            "1",
            "-0",
            "2.50",
            "1e5",
            "-1E-3",
            "0.1234567890123456789",
            "1e400",
            "null",
            "true",
            "\"a\"",
            "\"1\"",
            "\"x\\\"y\"",
            "\" 7 \"",
            "\"\\u00e4\"",
            "\"\u{e4}\"",
            "\"NA\"",
            "\"\"",
            "NaN",
            "Infinity",
            "[]",
            "[1,{\"n\":2}]",
            "{\"a\":[]}",
            "01",
            "1.",
            "-",
            ".5",
            "+1",
            "1e",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"",
            "tru",
            "nul",
            "{",
            "]",
            "\"a\tb\"",
        ]);
        prop_oneof![
            plain.prop_map(String::from),
            "-?[0-9]{1,20}(\\.[0-9]{1,20})?".prop_map(String::from)
        ]
    }

    fn line() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "n",
            "\u{e4}",
            "a\u{308}",
            "\\u00e4",
            "c",
            "i",
            "t",
            "k",
            " n ",
            "\\u006e",
            "z1",
            "z2",
            "z3",
            "",
            "p",
            "model_version",
        ]);
        let member =
            (key, "[ \t]?", value()).prop_map(|(key, space, value)| format!("\"{key}\"{space}:{space}{value}"));
        let members = prop::collection::vec(member, 0..6).prop_map(|members| members.join(", "));
        let object = ("[ ]?", members, "[ \r]{0,2}")
            .prop_map(|(front, members, behind)| format!("{front}{{{members}{behind}}}{behind}"));
        let wide = (0usize..40).prop_map(|from| {
            let members: Vec<String> = (from..from + 20).map(|key| format!("\"w{key}\":{key}")).collect();
            format!("{{\"n\":1,{}}}", members.join(","))
        });
        prop_oneof![
            6 => object,
            4 => "-?[1-9][0-9]{0,6}".prop_map(|n| format!("{{\"n\":{n},\"c\":\"a\"}}")),
            1 => wide,
            1 => "[\\[\\]{}\",: 0-9a\u{feff}\u{0}]{0,6}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn lines_are_read_and_written_as_simply_as_can_be(rows in prop::collection::vec(line(), 0..12), damaged in 0usize..400) {
            let mut text = format!("{{\"n\":1,\"i\":2}}\n{}", rows.join("\n")).into_bytes();
            if let Some(byte) = text.get_mut(20 + damaged) {
                *byte = 0xFF;
            }
            agree(&text);
        }
    }

    #[test]
    fn hostile_lines_are_rows() {
        let deep = |depth: usize| format!("{{\"n\":1,\"z\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let keys: Vec<String> = (0..6000).map(|key| format!("\"{key}\":0")).collect();
        let many = format!("{{\"n\":1,{}}}", keys.join(","));
        let twice = format!("{{\"n\":1,{},\"\\u0035999\":1}}", keys.join(","));
        let long = format!("{{\"n\":1,\"t\":\"{}\"}}", "\\u0000".repeat(1 << 18));
        let lines = [
            &deep(64),
            &deep(65),
            &many,
            &twice,
            &many,
            &long,
            "\0",
            "{\"n\":\"\\ud800\"}",
            "{\"n\":1,\"\\u006e\":1}",
        ];
        agree(format!("{{\"n\":1}}\n{}\n", lines.join("\n")).as_bytes());
    }
}
