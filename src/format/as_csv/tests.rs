use super::*;
use crate::format::Compression;
use crate::format::compression::Writer;
use crate::format::csv::columns::{self, Cells, ReadAs, Wanted};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn reading(spelling: &Spelling) -> Reading<'_> {
    Reading {
        encoding: Encoding::UTF_8,
        dialect: Dialect::plain(b','),
        spelling,
        limits: Limits::USUAL,
        most: 1 << 20,
        blank: false,
    }
}

fn json(text: &str) -> Result<AsCsv, Problem> {
    AsCsv::of(
        text.as_bytes().into(),
        FileFormat::of(b"x.jsonl"),
        &reading(&Spelling::USUAL),
    )
}

/// A column's cells as they stand.
fn cells(csv: &AsCsv, name: &str) -> Vec<String> {
    let wanted = Wanted {
        name: name.into(),
        kind: ReadAs::AsTheyStand,
        optional: true,
    };
    let read = columns::read(&csv.table(&Spelling::USUAL), &[wanted]).unwrap();
    match &read[0].cells {
        Cells::Texts(texts) => texts.iter().map(|text| text.clone().unwrap_or_default()).collect(),
        Cells::Numbers(_) => panic!("{read:?}"),
    }
}

#[test]
fn the_columns_are_the_keys_of_all_objects() {
    let csv = json("\u{feff}{\"b\": 1.50, \" a \": \"x,\\n\"}\r\n{}\n{\"c\": null, \"b\": [1, 2]}\n{\"a\": true}\n \n")
        .unwrap();
    let table = csv.table(&Spelling::USUAL);
    assert_eq!(columns::names(&table).unwrap(), ["b", "a", "c"]);
    assert_eq!(cells(&csv, "b"), ["1.50", "", "[1, 2]", ""]);
    assert_eq!(cells(&csv, "a"), ["x,\n", "", "", "true"]);
    assert_eq!(cells(&csv, "c"), ["", "", "", ""]);
}

#[test]
fn a_fraction_has_the_mark_that_is_set() {
    let comma = Spelling::usual(true);
    let text = b"{\"x\": 1.5, \"t\": \"1.5\"}\n";
    let csv = AsCsv::of_text(text.to_vec(), RowFormat::JsonLines, &reading(&comma)).unwrap();
    assert_eq!(csv.table(&comma).bytes, b"x,t\n\"1,5\",1.5\n");
}

#[test]
fn what_cannot_be_a_row_may_be_empty() {
    let blank = Reading {
        blank: true,
        ..reading(&Spelling::USUAL)
    };
    let text = b"{\"a\":1}\n\n[2]\n{\"a\":3,\"a\":3,\"b\":4}\n{\"a\":5}\n";
    let csv = AsCsv::of_text(text.to_vec(), RowFormat::JsonLines, &blank).unwrap();
    assert_eq!(csv.table(&Spelling::USUAL).bytes, b"a,b\n1,\n,\n,\n,4\n5,\n");
}

#[test]
fn what_cannot_be_a_row_is_told_by_its_line() {
    for (text, words) in [
        ("{\"a\":1}\n\n{\"a\":1}\n", "line 2: an empty line"),
        ("{\"a\":1}\n{\"a\":1\n", "line 2: not JSON"),
        ("{\"a\":1}\n[1]\n", "line 2: the line is an array"),
        ("{\"a\":1}\n{\"a\":1,\"\\u0061 \":2}\n", "line 2: the key"),
        ("[{\"a\":1}]\n", "it is one JSON array"),
        ("a,b\n1,2\n", "it begins with a,b"),
    ] {
        let problem = json(text).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
    assert!(columns::names(&json("").unwrap().table(&Spelling::USUAL)).is_err());
}

/// Line n is record n, whatever stands in the cells in front of it.
#[test]
fn lines_are_those_of_the_file() {
    let csv = json("{\"t\":\"a\\nb\",\"x\":1}\n{\"t\":\"\\n\\n\",\"x\":2}\n{\"x\":\"oops\"}\n").unwrap();
    let number = |optional| Wanted {
        name: "x".into(),
        kind: ReadAs::Numbers,
        optional,
    };
    let problem = columns::read(&csv.table(&Spelling::USUAL), &[number(true)]).unwrap_err();
    assert_eq!(problem.to_string(), "line 3: column \"x\": not a number: oops");
    let lacks = Wanted {
        name: "y".into(),
        ..number(true)
    };
    let problem = columns::read(&csv.table(&Spelling::USUAL), &[lacks]).unwrap_err();
    assert!(problem.to_string().starts_with("no column \"y\""), "{problem}");
    // The same rows without lines of their own.
    let table = AsCsv {
        rows: RowFormat::Parquet,
        ..csv
    };
    let problem = columns::read(&table.table(&Spelling::USUAL), &[number(true)]).unwrap_err();
    assert_eq!(problem.to_string(), "row 3: column \"x\": not a number: oops");
}

#[test]
fn texts_are_unpacked_within_bounds() {
    let text = b"a;b\n1;2\n".repeat(1000);
    let semicolon = Reading {
        dialect: Dialect::plain(b';'),
        ..reading(&Spelling::USUAL)
    };
    for (name, compression) in [("x.csv.gz", Compression::Gzip), ("x.tsv.zst", Compression::Zstd)] {
        let mut writer = Writer::new(compression).unwrap();
        let mut packed = Vec::new();
        writer.write(&text, &mut packed);
        writer.finish(&mut packed);
        let format = FileFormat::of(name.as_bytes());
        let csv = AsCsv::of(packed.clone(), format, &semicolon).unwrap();
        assert_eq!(csv.table(&Spelling::USUAL).bytes, text);
        assert_eq!(csv.dialect.delimiter, if name.contains("tsv") { b'\t' } else { b';' });
        let small = Reading {
            most: 1000,
            ..semicolon
        };
        assert_eq!(
            AsCsv::of(packed.clone(), format, &small).unwrap_err().code,
            Code::RecordTooLong
        );
        packed.truncate(packed.len() - 5);
        let problem = AsCsv::of(packed, format, &semicolon).unwrap_err();
        assert_eq!(problem.code, Code::CompressedDamaged, "{problem}");
    }
}

proptest! {
    /// Nothing is lost but spaces around a cell, which no reader sees.
    #[test]
    fn a_cell_of_the_csv_is_the_text_of_the_value(
        rows in proptest::collection::vec(
            proptest::collection::btree_map("[a-c]|sep=;| ,\"|\u{e4}\n", "[a,\"\n\r \u{20ac}x1.;=\\\\\u{1a}]{0,5}", 0..4), 1..6),
    ) {
        let object = |row: &std::collections::BTreeMap<String, String>| {
            let members: Map<String, Value> = row.iter().map(|(key, text)| (key.clone(), text.clone().into())).collect();
            Value::Object(members).to_string() + "\n"
        };
        let text: String = rows.iter().map(object).collect();
        let csv = json(&text).unwrap();
        let keys: std::collections::BTreeSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
        for key in keys {
            let expected = rows.iter().map(|row| row.get(key).map_or("", String::as_str));
            let expected: Vec<String> = expected.map(|text| text.trim_matches([' ', '\t', '\r', '\n']).to_string()).collect();
            let found: Vec<String> = cells(&csv, key).iter().map(|text| text.trim_matches([' ', '\t', '\r', '\n']).to_string()).collect();
            prop_assert_eq!(found, expected, "{:?} of {:?}", key, csv);
        }
    }
}

/// Tables as others write them, by the cells that their writers read.
#[test]
fn the_cells_of_tables_are_those_of_their_writers() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    let all: Map<String, Value> = serde_json::from_slice(&std::fs::read(folder.join("tables.json")).unwrap()).unwrap();
    let mut read = 0;
    for (name, entry) in &all {
        let format = FileFormat::of(name.as_bytes());
        let Some(columns) = entry["columns"].as_object().filter(|_| !format.is_text()) else {
            continue;
        };
        let bytes = std::fs::read(folder.join("tables").join(name)).unwrap();
        let large = Reading {
            most: 1 << 28,
            ..reading(&Spelling::USUAL)
        };
        let csv = match AsCsv::of(bytes, format, &large) {
            Ok(csv) => csv,
            Err(problem) => panic!("{name}: {problem}"),
        };
        if csv.is_empty() {
            assert!(
                columns.values().all(|cells| cells.as_array().unwrap().is_empty()),
                "{name}"
            );
            continue;
        }
        let names = columns::names(&csv.table(&Spelling::USUAL)).unwrap();
        // What can't be a cell is left out.
        for (column, expected) in columns.iter().filter(|(column, _)| names.contains(column)) {
            let expected: Vec<&str> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|cell| cell.as_str().unwrap_or("").trim())
                .collect();
            let found = cells(&csv, column);
            let found: Vec<&str> = found.iter().map(|cell| cell.trim()).collect();
            assert_eq!(found, expected, "{name} {column}");
        }
        read += 1;
    }
    assert!(read > 10, "{read}");
}
