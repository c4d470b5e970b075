//! The block cutter and the readers, against a parser that is as simple as can be. Blocks are 16 bytes long here, so that cuts
//! fall everywhere.
//!
//! cargo +nightly fuzz run records
#![no_main]

use transform::format::Dialect;
use transform::format::csv::columns::{Cells, ReadAs, Wanted, read};
use transform::format::csv::table::Table;
use transform::score::Spelling;

/// All records; `None` if a quote never closes, or text stands behind one that does.
fn simple(bytes: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    // What follows the last byte that is no blank, from the next line on, is padding.
    let text = bytes.iter().rposition(|b| !b" \t\r\n\x1A".contains(b)).map_or(0, |n| n + 1);
    let end = bytes[text..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| text + n + 1);
    let bytes = &bytes[..end];
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\n") || bytes[at..].starts_with(b"\r\n") || &bytes[at..] == b"\r" {
            at += if bytes[at] == b'\n' { 1 } else { 2 };
            continue;
        }
        let mut record = Vec::new();
        loop {
            let mut field = Vec::new();
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                loop {
                    match (bytes.get(at)?, bytes.get(at + 1)) {
                        (b'"', Some(b'"')) => {
                            field.push(b'"');
                            at += 2;
                        }
                        (b'"', _) => break at += 1,
                        (&b, _) => {
                            field.push(b);
                            at += 1;
                        }
                    }
                }
                let rest = &bytes[at..];
                if !(rest.is_empty() || rest[0] == b',' || rest[0] == b'\n' || rest.starts_with(b"\r\n") || rest == b"\r") {
                    return None;
                }
            } else {
                while at < bytes.len() && bytes[at] != b',' && bytes[at] != b'\n' {
                    field.push(bytes[at]);
                    at += 1;
                }
                if field.last() == Some(&b'\r') && bytes.get(at) != Some(&b',') {
                    field.pop();
                }
            }
            record.push(field);
            if bytes.get(at) == Some(&b'\r') {
                at += 1;
            }
            match bytes.get(at) {
                Some(b',') => at += 1,
                _ => break at += 1,
            }
        }
        records.push(record);
    }
    Some(records)
}

/// Without the spaces around it; nothing where it says that its value is missing.
fn present(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let text = text.trim_matches([' ', '\t']);
    let word = text.trim_start_matches(['+', '-']).to_lowercase();
    match text.to_lowercase().as_str() {
        "na" | "n/a" | "null" => String::new(),
        _ if word == "nan" && text.len() <= 4 => String::new(),
        _ => text.to_string(),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.contains(&0) {
        return;
    }
    let input = [b"x,y\n", bytes].concat();
    let wanted = ["x", "y"].map(|name| Wanted {
        name: name.into(),
        kind: ReadAs::Texts,
        optional: true,
    });
    let table = Table {
        bytes: &input,
        dialect: Dialect::plain(b','),
        spelling: &Spelling::USUAL,
        origin: Default::default(),
    };
    let found = read(&table, &wanted);
    // Texts must be UTF-8 there.
    let is_text = |field: &Vec<u8>| std::str::from_utf8(field).is_ok();
    let is_good = |record: &Vec<Vec<u8>>| record.len() == 2 && record.iter().all(is_text);
    let records = simple(&input).filter(|records| records.iter().all(is_good));
    match (found, records) {
        (Ok(columns), Some(records)) => {
            for (place, column) in columns.into_iter().enumerate() {
                let Cells::Texts(texts) = column.cells else {
                    panic!("texts were asked for");
                };
                let texts: Vec<String> = texts.into_iter().map(Option::unwrap_or_default).collect();
                let simple: Vec<String> = records[1..].iter().map(|record| present(&record[place])).collect();
                assert_eq!(texts, simple);
            }
        }
        (Err(_), None) => {}
        (found, records) => panic!("{found:?}, but {records:?}"),
    }
});
