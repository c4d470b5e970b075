//! As the rest of the program calls it: blocks and pieces of their own sizes.

use super::*;
use crate::format::compression::{Limits, Writer};
use crate::format::{Block, Compression, Cutting, FileFormat};

fn cutting<'a>(name: &str, encoding: Encoding, file: &'a File) -> Cutting<'a> {
    Cutting {
        format: FileFormat::of(name.as_bytes()),
        encoding,
        dialect: Dialect::plain(b','),
        size: Some(file.metadata().unwrap().len()),
        limits: Limits::USUAL,
        file: Some(file),
        bound: 64 << 20,
    }
}

fn all<R: std::io::Read>(blocks: &mut Blocks<R>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(block) = blocks.next_block().unwrap() {
        let Block::Text(text) = block else { panic!("a table") };
        found.push(text);
    }
    found
}

/// Also where characters of a byte become two or three.
#[test]
fn a_file_is_cut_as_one_machine_does() {
    let lines: String = (0..90_000)
        .map(|i| format!("{i},\"M\u{fc}ller, \u{20ac} {i}\",0.5\n"))
        .collect();
    let empty = "\n".repeat(700_000);
    let text = format!("id,name,x\n{lines}{empty}{lines}\n\n");
    let accents = format!("{}\n", "\u{e4}\u{20ac}".repeat(50)).repeat(25_000);
    let latin = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let windows = Encoding::parse("windows-1252").unwrap();
    for (name, bytes, encoding) in [
        ("a.csv", text.clone().into_bytes(), Encoding::UTF_8),
        ("a.csv", latin(&text), windows),
        ("a.csv", latin(&accents), windows),
        ("a.jsonl", text.replace("id", "{").into_bytes(), windows),
    ] {
        let file = file(&bytes);
        let cutting = cutting(name, encoding, &file);
        assert_eq!(Division::of(&file, cutting.format, encoding).unwrap(), Division::Text);
        let mut blocks = Blocks::new(&bytes[..], &cutting).unwrap();
        let expected = all(&mut blocks);
        let rules = TextRules {
            rows: cutting.format.rows,
            encoding,
            dialect: cutting.dialect,
        };
        let (size, piece) = (bytes.len() as u64, 1 << 20);
        let mut ranges = Ranges::new(size, piece);
        (0..ranges.pieces()).for_each(|index| ranges.take(survey(&file, size, piece, index, &rules).unwrap()));
        assert_eq!(ranges.hash().unwrap(), blocks.hash().unwrap());
        let (mut found, mut seen) = (Vec::new(), 0);
        while let Some(range) = ranges.next_range() {
            let range = InputRange::Text(range);
            let mut blocks = Blocks::of_range(&file, &range, &cutting).unwrap();
            found.extend(all(&mut blocks));
            blocks.verify(&file, &range).unwrap();
            seen += 1;
        }
        assert_eq!(lengths(&found), lengths(&expected));
        assert!(found == expected);
        assert_eq!(seen, ranges.pieces());
    }
}

#[test]
fn what_cannot_be_cut_is_whole() {
    let text = "a,b\n1,2\n".repeat(1000);
    let mut gzip = Vec::new();
    let mut writer = Writer::new(Compression::Gzip).unwrap();
    writer.write(text.as_bytes(), &mut gzip);
    writer.finish(&mut gzip);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [BYTE_ORDER_MARK, text.as_bytes()].concat();
    let encoding = |label| Encoding::parse(label).unwrap();
    for (name, bytes, encoding) in [
        ("a.csv.gz", gzip, Encoding::UTF_8),
        ("a.csv", wide, encoding("utf-16")),
        ("a.csv", text.clone().into_bytes(), encoding("gbk")),
        ("a.csv", marked, encoding("latin1")),
    ] {
        let file = file(&bytes);
        let cutting = cutting(name, encoding, &file);
        assert_eq!(Division::of(&file, cutting.format, encoding).unwrap(), Division::Whole);
        let hash = HexHash(blake3::hash(&bytes));
        let size = bytes.len() as u64;
        let range = InputRange::Whole { size, hash };
        let mut blocks = Blocks::of_range(&file, &range, &cutting).unwrap();
        assert_eq!(all(&mut blocks).concat(), text.as_bytes());
        blocks.verify(&file, &range).unwrap();
        range.verify(&file).unwrap();
        let other = InputRange::Whole {
            size,
            hash: HexHash(blake3::hash(b"")),
        };
        assert!(matches!(
            blocks.verify(&file, &other),
            Err(Mismatch::Bytes { from: 0, .. })
        ));
        assert!(other.verify(&file).is_err());
    }
}

#[test]
fn a_file_that_is_shorter_than_it_was_says_so() {
    let file = file(b"1,2\n");
    assert!(survey(&file, 5, 1 << 20, 0, &COMMAS).is_err());
    assert!(hash_pieces(&file, 5, 1024, [0]).is_err());
    assert_eq!(hash_pieces(&file, 4, 1024, [0]).unwrap().len(), 1);
}

#[test]
fn pieces_overlap_what_stands_in_them() {
    let extents = [5000..5001, 0..64, 1020..2048, 7..7, 9000..9000, 7167..7169];
    assert_eq!(overlapping(&extents, 1024), [0, 1, 4, 6, 7]);
}
