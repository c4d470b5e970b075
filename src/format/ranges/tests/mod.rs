//! The blocks of ranges are those of the whole; of random texts, with small blocks and pieces.

mod files;

use super::blocks::of_text_range;
use super::survey::survey_by;
use super::*;
use crate::format::csv::cut::{self, Sizes};
use crate::format::csv::record::{BYTE_ORDER_MARK, separator};
use crate::format::csv::source::Source;
use crate::format::{Blocks, CutError, Dialect, Encoding, RowFormat};
use crate::problem::Code;
use proptest::prelude::*;
use std::fs::File;
use std::io::Write;

const COMMAS: TextRules = TextRules {
    rows: RowFormat::Csv,
    encoding: Encoding::UTF_8,
    dialect: Dialect::plain(b','),
};

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Blocks, and what was wrong behind them.
type Found = (Vec<Vec<u8>>, Option<(Code, Option<u64>)>);

fn problem(e: CutError) -> (Code, Option<u64>) {
    match e {
        CutError::Problem(problem) => (problem.code, problem.line),
        CutError::Read(e) => panic!("it can be read: {e}"),
    }
}

/// As one machine cuts it.
fn whole(text: &[u8], rules: &TextRules, sizes: Sizes) -> Found {
    let lines = rules.rows == RowFormat::JsonLines;
    let encoding = if lines { Encoding::UTF_8 } else { rules.encoding };
    let source = Source::new(text, encoding);
    let mut blocks = cut::Blocks::with_sizes(source, rules.dialect, sizes.block, sizes.record_max);
    if lines {
        blocks = blocks.of_lines();
    }
    let mut found = Vec::new();
    loop {
        match blocks.next_block() {
            Ok(Some(block)) => found.push(block),
            Ok(None) => return (found, None),
            Err(e) => return (found, Some(problem(e))),
        }
    }
}

fn ranges(file: &File, size: u64, piece: u64, rules: &TextRules, sizes: Sizes) -> (Vec<TextRange>, blake3::Hash) {
    let mut ranges = Ranges::new(size, piece);
    let mut surveys: Vec<Survey> = (0..ranges.pieces())
        .map(|index| survey_by(file, (size, piece, index), rules, sizes).unwrap())
        .collect();
    assert_eq!(ranges.next_range(), None);
    // In any order.
    let half = surveys.len() / 2;
    surveys.rotate_left(half);
    for survey in surveys {
        let sent = serde_json::to_string(&survey).unwrap();
        assert_eq!(serde_json::from_str::<Survey>(&sent).unwrap(), survey);
        ranges.take(survey);
    }
    let hash = ranges.hash().unwrap();
    (std::iter::from_fn(|| ranges.next_range()).collect(), hash)
}

/// As several machines cut it, one behind the other.
fn by_ranges(text: &[u8], piece: u64, rules: &TextRules, sizes: Sizes) -> (Found, usize) {
    let (file, size) = (file(text), text.len() as u64);
    let (ranges, hash) = ranges(&file, size, piece, rules, sizes);
    assert_eq!(hash, blake3::hash(text));
    let mut found = Vec::new();
    let mut begin = 0;
    for range in &ranges {
        assert_eq!(range.from, begin);
        begin = range.to;
        let sent = serde_json::to_string(&InputRange::Text(range.clone())).unwrap();
        assert_eq!(
            serde_json::from_str::<InputRange>(&sent).unwrap(),
            InputRange::Text(range.clone())
        );
        match blocks_of(&file, range, rules, sizes) {
            Ok((blocks, verified)) => {
                found.extend(blocks);
                verified.unwrap();
            }
            Err((blocks, e)) => {
                found.extend(blocks);
                InputRange::Text(range.clone()).verify(&file).unwrap();
                return ((found, Some(problem(e))), ranges.len());
            }
        }
    }
    assert_eq!(begin, size);
    ((found, None), ranges.len())
}

type Cut = Vec<Vec<u8>>;

fn blocks_of(
    file: &File,
    range: &TextRange,
    rules: &TextRules,
    sizes: Sizes,
) -> Result<(Cut, Result<(), Mismatch>), (Cut, CutError)> {
    let mut found = Vec::new();
    let mut blocks = of_text_range(file, range, rules, sizes).map_err(|e| (Vec::new(), e))?;
    let mut hashes = Vec::new();
    loop {
        match blocks.next_unhashed() {
            Ok(Some(block)) => {
                hashes.push(block.hash());
                found.push(block.block());
            }
            Ok(None) => break,
            Err(e) => return Err((found, e)),
        }
    }
    assert!(blocks.ended());
    hashes.into_iter().rev().for_each(|hash| blocks.add(hash));
    let verified = Blocks::Text(blocks).verify(file, &InputRange::Text(range.clone()));
    Ok((found, verified))
}

/// What texts are made of.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let long = 0usize..1500;
    let repeated = prop::sample::select(vec![
        &b"1,22\n"[..],
        b"\"a\",\"b\"\"c\"\r\n",
        b"\"two\nlines\",2\n",
        b"\n",
        b" \r\n",
        b"\t\n",
        b"\x1A\n",
        b"x;y\\;z\n",
        b"x\\\n\"y;1\n",
        b"\"a\\\"b\\\n\";2\n",
        b"{\"a\": \"\\n\"}\n",
    ]);
    let within = prop::sample::select(vec![
        &b"a"[..],
        b"\n",
        b"\"\"",
        b",\"\",\n",
        b" \n",
        b"\\\"",
        b"\0",
        b"x\r\n",
    ]);
    let odd = prop::collection::vec(
        prop::sample::select(b"a1,;\"\"\"\n\n\n\r \x1A\\\\\t\0\xE4\xFF{}".to_vec()),
        0..40,
    );
    prop_oneof![
        4 => (repeated.clone(), 0usize..60).prop_map(|(line, times)| line.repeat(times)),
        1 => (repeated, 0usize..600).prop_map(|(line, times)| line.repeat(times)),
        2 => (within, long.clone()).prop_map(|(text, length)| [b"\"", &text.repeat(length / text.len())[..], b"\",2\n"].concat()),
        1 => long.prop_map(|length| b"7".repeat(length)),
        1 => (b'a'..b'c', 0usize..200).prop_map(|(b, times)| [b"\\".repeat(times), vec![b, b'\n']].concat()),
        4 => odd,
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let front = prop::sample::select(vec![
        &b""[..],
        b"",
        b"",
        b"sep=;\n",
        b"\xEF\xBB\xBF",
        b"\xEF\xBB\xBFsep=;\r\n",
        b"a,b\n",
    ]);
    (front, prop::collection::vec(fragment(), 0..12)).prop_map(|(front, parts)| [front, &parts.concat()].concat())
}

fn rules() -> impl Strategy<Value = TextRules> {
    let encoding = |label| Encoding::parse(label).unwrap();
    let rows = prop::sample::select(vec![
        RowFormat::Csv,
        RowFormat::Csv,
        RowFormat::Csv,
        RowFormat::JsonLines,
    ]);
    // Not every byte is a character of the last one.
    let encodings = vec![
        Encoding::UTF_8,
        Encoding::UTF_8,
        encoding("windows-1252"),
        encoding("windows-1253"),
    ];
    let dialects = prop::sample::select(vec![(b',', None), (b',', None), (b';', Some(b'\\')), (b'\t', None)]);
    (rows, prop::sample::select(encodings), dialects).prop_map(|(rows, encoding, (delimiter, escape))| TextRules {
        rows,
        encoding,
        dialect: Dialect { delimiter, escape },
    })
}

/// As opened: a CSV may name its delimiter. What has a mark can't be cut in another encoding.
fn of_input(rules: TextRules, text: &[u8]) -> TextRules {
    let unmarked = text.strip_prefix(BYTE_ORDER_MARK);
    let delimiter = match separator(unmarked.unwrap_or(text)) {
        Some((delimiter, _)) if rules.rows != RowFormat::JsonLines => delimiter,
        _ => rules.dialect.delimiter,
    };
    TextRules {
        dialect: rules.dialect.with_delimiter(delimiter),
        encoding: if unmarked.is_some() {
            Encoding::UTF_8
        } else {
            rules.encoding
        },
        ..rules
    }
}

fn sizes() -> impl Strategy<Value = (u64, Sizes)> {
    let pieces = prop::sample::select(vec![1024u64, 1024, 2048]);
    let blocks = prop::sample::select(vec![8usize, 16, 64, 256, 1024]);
    let records = prop::sample::select(vec![100usize, 1200, 3000, 100_000]);
    (pieces, blocks, records).prop_map(|(piece, block, record_max)| (piece, Sizes { block, record_max }))
}

/// What was held back had one byte more than there are, for the line feed that a last line lacks: the difference was below zero.
#[test]
fn a_last_line_of_a_carriage_return_alone_was_longer_than_the_input() {
    let rules = TextRules {
        rows: RowFormat::Csv,
        encoding: Encoding::UTF_8,
        dialect: Dialect::plain(b','),
    };
    let sizes = Sizes {
        block: 8,
        record_max: 100,
    };
    for text in ["\r", "1\n\r", "1\n2\n\n\n\r"] {
        let expected = whole(text.as_bytes(), &rules, sizes);
        let (found, _) = by_ranges(text.as_bytes(), 1024, &rules, sizes);
        assert_eq!(found, expected, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn ranges_give_the_blocks_of_the_whole(text in text(), rules in rules(), (piece, sizes) in sizes()) {
        let rules = of_input(rules, &text);
        let expected = whole(&text, &rules, sizes);
        let (found, _) = by_ranges(&text, piece, &rules, sizes);
        prop_assert_eq!(&found.1, &expected.1);
        prop_assert!(found.0 == expected.0, "{:?}\n{:?}", lengths(&found.0), lengths(&expected.0));
    }

    #[test]
    fn a_changed_byte_is_a_mismatch(text in text(), rules in rules(), (piece, sizes) in sizes(), place: prop::sample::Index) {
        let text = if text.is_empty() { b"1".into() } else { text };
        let rules = of_input(rules, &text);
        let size = text.len() as u64;
        let (ranges, _) = ranges(&file(&text), size, piece, &rules, sizes);
        let mut changed = text.clone();
        let place = place.index(text.len());
        changed[place] ^= 1;
        let other = file(&changed);
        for range in ranges {
            let has = (range.begin..range.to).contains(&(place as u64));
            if let Ok((_, verified)) = blocks_of(&other, &range, &rules, sizes) {
                prop_assert_eq!(verified.is_err(), has);
            }
            prop_assert_eq!(InputRange::Text(range).verify(&other).is_err(), has);
        }
    }
}

/// What stands behind a piece has no hash in its survey. Who surveyed it may have seen an older text there.
#[test]
fn a_survey_that_saw_another_text_behind_its_piece_is_found_out() {
    let front = [&b"1,2\n".repeat(250)[..], b"5,\"", &b"q".repeat(1024 - 1003)].concat();
    let behind = [&b"1,2\n".repeat(255)[..], b"1\n\",2\n", &b"1,2\n".repeat(600)].concat();
    let [old, new] = [&b"q\",\n"[..], b"qqq\n"].map(|line| [&front, line, &behind].concat());
    let size = new.len() as u64;
    let [old_file, new_file] = [&old, &new].map(|text| file(text));
    let mut ranges = Ranges::new(size, 1024);
    for index in 0..ranges.pieces() {
        let seen = if index == 0 { &old_file } else { &new_file };
        ranges.take(survey_by(seen, (size, 1024, index), &COMMAS, SMALL).unwrap());
    }
    assert_eq!(
        ranges.hash(),
        Some(blake3::hash(&new)),
        "all pieces are those of the text"
    );
    let mut found = std::iter::from_fn(|| ranges.next_range());
    let is_found_out = |range| match blocks_of(&new_file, &range, &COMMAS, SMALL) {
        Ok((_, verified)) => matches!(verified, Err(Mismatch::End { .. })),
        Err(_) => false,
    };
    assert!(found.any(is_found_out));
}

fn lengths(blocks: &[Vec<u8>]) -> Vec<usize> {
    blocks.iter().map(Vec::len).collect()
}

const SMALL: Sizes = Sizes {
    block: 1024,
    record_max: 100_000,
};

/// Otherwise nothing would be won.
#[test]
fn what_can_be_cut_is_cut_at_every_piece() {
    let escapes = TextRules {
        dialect: Dialect {
            delimiter: b',',
            escape: Some(b'\\'),
        },
        ..COMMAS
    };
    let lines = TextRules {
        rows: RowFormat::JsonLines,
        ..COMMAS
    };
    let latin = TextRules {
        encoding: Encoding::parse("latin1").unwrap(),
        ..COMMAS
    };
    for (line, rules) in [
        (&b"1,2.5,abc\n"[..], COMMAS),
        (b"1,\"a, b\",\"\"\r\n", COMMAS),
        (b"\"several\nlines, \"\"of\"\"\n, text\n\",1\n", COMMAS),
        (b"\",\n,\",\",\n,\"\n", COMMAS),
        (b"1,\"a \\\" b\",\\,\\\n,x\n", escapes),
        (b"{\"a\": \"\\\"\"}\n", lines),
        (b"\xE4,\"\n\xFC\"\n", latin),
    ] {
        let text = line.repeat(20_000 / line.len());
        let (found, count) = by_ranges(&text, 2048, &rules, SMALL);
        assert_eq!(found, whole(&text, &rules, SMALL));
        assert_eq!(count, text.len().div_ceil(2048), "{}", String::from_utf8_lossy(line));
    }
}

/// Where nothing ends, nothing is cut: in a record over several pieces, in a run of empty lines, and behind what has no end.
#[test]
fn what_ends_in_no_piece_is_one_range() {
    let lines = b"1,2\n".repeat(1000);
    let long = [&b"\""[..], &b"x\n".repeat(3000), b"\",2\n"].concat();
    let unclosed = [&b"\""[..], &b"x\n".repeat(3000)].concat();
    for (parts, count) in [
        (vec![&lines[..], &long, &lines], 5),
        (vec![&lines, &b"\n".repeat(6000), &lines], 5),
        (vec![&lines, &b"7".repeat(6000), b"\n", &lines], 5),
        (vec![&lines, &unclosed], 3),
        (vec![&b"\n".repeat(6000)[..]], 1),
    ] {
        let text = parts.concat();
        let (found, ranges) = by_ranges(&text, 2048, &COMMAS, SMALL);
        assert_eq!(found, whole(&text, &COMMAS, SMALL));
        assert_eq!(ranges, count);
    }
}

/// Where a record becomes too long just where a range ends, and where an escape is the last byte of a block.
#[test]
fn blocks_are_those_of_the_whole_at_any_place() {
    let sizes = Sizes {
        block: 64,
        record_max: 700,
    };
    let lines = b"1,2\n".repeat(300);
    for long in 600..900 {
        let text = [&lines, &b"7".repeat(long)[..], b"\n", &lines].concat();
        let (found, _) = by_ranges(&text, 1024, &COMMAS, sizes);
        assert_eq!(found, whole(&text, &COMMAS, sizes), "{long}");
    }
    let rules = TextRules {
        dialect: Dialect {
            delimiter: b',',
            escape: Some(b'\\'),
        },
        ..COMMAS
    };
    let sizes = Sizes {
        record_max: 100_000,
        ..sizes
    };
    // A line feed that ends no record and stands in no quotes: there is a quoted field behind it, which would be taken for the end of one.
    let quoted = [&b"x\\\ny,1\n\""[..], &b"a\n".repeat(2000), b"\",1\n", &lines].concat();
    for places in 0..20 {
        let text = [&b"1,2\n".repeat(254)[..], &b"5".repeat(places), &quoted].concat();
        let (found, _) = by_ranges(&text, 1024, &rules, sizes);
        assert_eq!(found, whole(&text, &rules, sizes), "{places}");
    }
    for places in 0..130 {
        for within in [&b"\\\",x\n"[..], b"\\\\\\\",x\n", b"\\\r\n\",\",x\n"] {
            let quoted = [&b"\""[..], &b"a\n".repeat(800), &b"a".repeat(places), within, b"\",1\n"].concat();
            let text = [&lines, &quoted[..], &lines].concat();
            let (found, _) = by_ranges(&text, 1024, &rules, sizes);
            assert_eq!(found, whole(&text, &rules, sizes), "{places}");
        }
    }
}
