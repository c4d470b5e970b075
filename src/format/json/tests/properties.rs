//! Any rows are the same by JSON and by CSV; any text is JSON if it is so to serde_json.

use crate::format::csv::dialect::Dialect;
use crate::format::csv::origin::Origin;
use crate::format::csv::table::Table;
use crate::format::json::agreement::{Read, agree, signature};
use crate::format::json::writer::push_text;
use crate::format::json::{Document, Form};
use crate::model::{Signature, unicode};
use crate::problem::Problem;
use crate::score::{Binding, Names, Spelling};
use proptest::prelude::*;

/// Cells of all kinds of features; those that are a JSON number or word may be written as such.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?",
        2 => "-?(0|[1-9][0-9]{0,3})(\\.0)?",
        1 => prop::sample::select(vec![
            "", "NaN", "Infinity", "-Infinity", "nan", "inf", "null", "NA", "none", "-99", "-99.0", "true", "false", "True",
            "T", "a", "x\"y", " a ", "b", " b ", "\u{e4}", "a\u{308}", "u\u{308}", " 1 ", "+1", ".5", "1,5", "007", "10", "-5.0",
            "9007199254740993", "1e999",
        ]).prop_map(String::from),
        1 => "[a\u{e9}\u{1f600} \t\"\\\\/,;\n1.e-]{0,6}",
    ]
}

/// `bare`: of a cell that may be so.
fn push_value(out: &mut Vec<u8>, cell: &str, bare: bool) {
    let is_bare = matches!(cell, "true" | "false" | "NaN" | "Infinity" | "-Infinity")
        || serde_json::from_str::<serde_json::value::Number>(cell).is_ok()
        || cell == "1e999";
    match cell {
        "" if bare => out.extend_from_slice(b"null"),
        // A space around it is white space.
        cell if bare && is_bare && cell.trim() == cell => out.extend_from_slice(cell.as_bytes()),
        cell => push_text(out, cell),
    }
}

fn json<T>(
    items: impl IntoIterator<Item = T>,
    brackets: [u8; 2],
    mut push: impl FnMut(&mut Vec<u8>, T),
    out: &mut Vec<u8>,
) {
    out.push(brackets[0]);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        push(out, item);
    }
    out.push(brackets[1]);
}

/// The same cells by a CSV, with a header.
fn by_csv(names: &[String], rows: &[Vec<String>], signature: &Signature) -> Vec<Read> {
    let record = |cells: &[String]| {
        let quoted = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(",") + "\n"
    };
    let text: String = [record(names)]
        .into_iter()
        .chain(rows.iter().map(|row| record(row)))
        .collect();
    let table = Table {
        bytes: text.as_bytes(),
        dialect: Dialect::plain(b','),
        spelling: &Spelling::USUAL,
        origin: Origin::Csv,
    };
    let mut all = Vec::new();
    let read = table.batches::<Problem>(signature, |reader, _| {
        all.push(Read::of(&mut reader.batch));
        Ok(())
    });
    read.unwrap();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The names of fields stand in any order, and there are more of them than features.
    #[test]
    fn rows_are_the_same_by_json_and_by_csv(
        (order, rows) in (Just((0..11).collect::<Vec<usize>>()).prop_shuffle(), prop::collection::vec(prop::collection::vec((cell(), any::<bool>()), 11), 1..6)),
    ) {
        let signature = signature();
        let own = Names::of(&signature);
        let names: Vec<String> = order.iter().map(|&i| own.all().get(i).cloned().unwrap_or("more".into())).collect();
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|(cell, _)| cell.clone()).collect()).collect();
        let expected = by_csv(&names, &cells, &signature);
        let headed: Vec<String> = names.iter().map(|name| unicode::name(name).into_owned()).collect();
        let binding = Binding::by_name(&headed, &signature, &Spelling::USUAL).unwrap();

        let value = |out: &mut Vec<u8>, (cell, bare): &(String, bool)| push_value(out, cell, *bare);
        let mut arrays = Vec::new();
        json(&rows, *b"[]", |out, row| json(row, *b"[]", value, out), &mut arrays);
        let document = Document::check(&arrays).unwrap();
        let form = Form::Arrays { rows: document.root().elements(), width: 11, within: &[] };
        prop_assert_eq!(&Read::all(form, &binding), &expected);

        let mut within = Vec::new();
        for row in &rows {
            within.extend_from_slice(b"{\"more\": {}, \"features\": {\"values\":");
            json(row, *b"[]", value, &mut within);
            within.extend_from_slice(b"}}\n");
        }
        let document = Document::check_lines(&within).unwrap();
        let form = Form::Arrays { rows: document.lines(), width: 11, within: &["features", "values"] };
        prop_assert_eq!(&Read::all(form, &binding), &expected);

        let mut flat = Vec::new();
        json(rows.iter().flatten(), *b"[]", value, &mut flat);
        let document = Document::check(&flat).unwrap();
        let form = Form::Flat { values: document.root().elements(), width: 11 };
        prop_assert_eq!(&Read::all(form, &binding), &expected);

        let mut columns = Vec::new();
        let column = |out: &mut Vec<u8>, field: usize| {
            let value = |out: &mut Vec<u8>, row: &Vec<(String, bool)>| match field % 3 {
                0 => json([&row[field]], *b"[]", value, out),
                _ => value(out, &row[field]),
            };
            json(&rows, *b"[]", value, out);
        };
        json(0..11, *b"[]", column, &mut columns);
        let document = Document::check(&columns).unwrap();
        let form = Form::Columns(document.root().elements().map(|column| column.elements()).collect());
        prop_assert_eq!(&Read::all(form, &binding), &expected);

        let mut objects = Vec::new();
        let object = |out: &mut Vec<u8>, row: &Vec<(String, bool)>| {
            let member = |out: &mut Vec<u8>, (name, cell): (&String, &(String, bool))| {
                push_text(out, name);
                out.push(b':');
                value(out, cell);
            };
            json(names.iter().zip(row), *b"{}", member, out);
        };
        json(&rows, *b"[]", object, &mut objects);
        let document = Document::check(&objects).unwrap();
        let form = Form::Objects { rows: document.root().elements(), names: &own };
        prop_assert_eq!(&Read::all(form, &binding), &expected);
    }

    #[test]
    fn what_is_json_is_so_to_serde(text in "([\\[\\]{}:,]|[ \n]|[-0-9.eE+]{1,4}|\"[a\\\\u0dDcC8\"é\u{1}/n]{0,8}\"|null|true|false|NaN|-?Infinity|\"number\": ?|\"text\":){0,40}") {
        agree(text.as_bytes());
    }

    /// Of valid ones, with a byte changed.
    #[test]
    fn what_is_almost_json_is_so_to_serde(value in json_value(), place in any::<prop::sample::Index>(), byte: u8, change: bool) {
        let mut text = value.into_bytes();
        if change {
            let place = place.index(text.len());
            text[place] = byte;
        }
        agree(&text);
    }
}

/// Any text of JSON, with rows in it.
fn json_value() -> impl Strategy<Value = String> {
    let key = "number|single value|integer|marked|truth|text|note|code| text|marked integer|marked  ?integer|marked_integer|[a-b]|\\\\u00[0-9a-f]{2}";
    let leaf = prop_oneof![
        3 => "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?",
        1 => prop::sample::select(vec!["null", "true", "false", "NaN", "Infinity", "-Infinity", "[]", "{}"]).prop_map(String::from),
        2 => "\"([a-z \u{e9}\u{1f600}]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}|\\\\ud83d\\\\ude00){0,12}\"",
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let space = "[ \n\r\t]{0,2}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..8), space)
                .prop_map(|(values, space)| format!("[{space}{}{space}]", values.join(&format!("{space},{space}")))),
            (prop::collection::vec((key, inner), 0..8), space).prop_map(|(members, space)| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\"{space}:{value}{space}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
