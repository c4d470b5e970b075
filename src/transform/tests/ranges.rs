//! Ranges of an input that are scored elsewhere come to what one machine makes of it.

use super::trials::{divided, scorer as shadowed};
use super::wire::{Done, beside};
use super::*;
use crate::format::ranges::{Division, InputRange, Ranges, TABLE_PIECE, hash_pieces, overlapping, survey};
use crate::format::{Compression, HexHash, OutputFormat, RowFormat};
use std::fs::File;
use std::io::Seek;

/// The least that a piece may have.
const PIECE: u64 = BLOCK as u64;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Its ranges, and the hash of it.
fn divide(file: &File, prepared: &Prepared, piece: u64) -> (Vec<InputRange>, blake3::Hash) {
    let size = prepared.size();
    let pieces = |piece: u64, indices: Vec<u64>| hash_pieces(file, size, piece, indices).unwrap();
    let whole = || {
        let mut digest = crate::format::Digest::default();
        let all = pieces(TABLE_PIECE, (0..size.div_ceil(TABLE_PIECE)).collect());
        all.into_iter().for_each(|piece| digest.add(piece));
        digest.hash()
    };
    match prepared.division() {
        Division::Text => {
            let mut ranges = Ranges::new(size, piece);
            for index in (0..ranges.pieces()).rev() {
                ranges.take(survey(file, size, piece, index, &prepared.rules()).unwrap());
            }
            let all = std::iter::from_fn(|| ranges.next_range()).map(InputRange::Text);
            (all.collect(), ranges.hash().unwrap())
        }
        Division::RowGroups => {
            let table = prepared.table().unwrap();
            let range = |groups: std::ops::Range<usize>| InputRange::RowGroups {
                pieces: pieces(TABLE_PIECE, overlapping(&table.extents(groups.clone()), TABLE_PIECE)),
                groups,
                piece: TABLE_PIECE,
            };
            (table.runs(1).into_iter().map(range).collect(), whole())
        }
        Division::Whole => {
            let hash = whole();
            let range = InputRange::Whole {
                size,
                hash: HexHash(hash),
            };
            (vec![range], hash)
        }
    }
}

/// By nodes with scorers of their own, the last range first; each range is told as text.
fn elsewhere(input: &File, scorer: &impl Fn() -> Scorer, run: &Run, trials: &[Trial], piece: u64) -> (Done, usize) {
    let mut count = 0;
    let done = beside(trials, |sinks, out, rejects| {
        let own = scorer();
        let prepared = Prepared::new(input, &own, run, trials)?;
        let (ranges, hash) = divide(input, &prepared, piece);
        count = ranges.len();
        let first = prepared.first();
        let mut parts: Vec<Vec<u8>> = vec![Vec::new(); count];
        for (range, part) in ranges.iter().zip(&mut parts).rev() {
            let told: InputRange = serde_json::from_str(&serde_json::to_string(range).unwrap()).unwrap();
            assert_eq!(&told, range);
            let scored = score_range(input, &told, &scorer(), run, trials, first.as_ref(), part).unwrap();
            assert!(scored.rows >= scored.bad_rows);
        }
        let mut readers = parts.iter().map(|part| prepared.reader(&part[..]));
        let mut reader = readers.next();
        let next = |mut memory: Out| {
            while let Some(from) = &mut reader {
                match from.next(memory).map_err(|e| io::Error::other(e.to_string()))? {
                    Some(part) => return Ok(Next::Part(part)),
                    None => (reader, memory) = (readers.next(), prepared.memory()),
                }
            }
            let bytes = prepared.size();
            Ok(Next::End { bytes, hash })
        };
        prepared.join(next, out, rejects, sinks, run)
    });
    (done, count)
}

fn here(mut input: &File, scorer: &impl Fn() -> Scorer, run: &Run, trials: &[Trial]) -> Done {
    input.rewind().unwrap();
    let run = Run {
        size: Some(input.metadata().unwrap().len()),
        file: Some(input),
        ..*run
    };
    beside(trials, |sinks, out, rejects| {
        transform_beside(input, &scorer(), out, rejects, sinks, &run)
    })
}

/// What an input is made of: a row, and how often it stands there.
fn segment() -> impl Strategy<Value = (String, usize)> {
    let many = prop_oneof![
        Just("a,n,1,2".to_string()),
        Just("c,\"q\"\"\n,\",oops,1".into()),
        Just("b,,,".into()),
        Just("d,\u{e9},1e999,0.5".into()),
        Just("e,1".into()),
        Just("f,\"x\"x,1,2".into()),
        Just("f,x,1,2,\"x\"x".into()),
        Just(String::new()),
        Just("g\\,,\"a\\\"b\n\",3,4".into()),
    ];
    let long = (1usize..300, prop::sample::select(vec!["\n", "x", "\"\"", ",\n\n"]));
    let long = long.prop_map(|(kib, text)| format!("h,\"{}\",1,2", text.repeat((kib << 10) / text.len())));
    prop_oneof![3 => (many, 1usize..6_000), 2 => (long, 1usize..4)]
}

fn text() -> impl Strategy<Value = String> {
    let wrong = prop::sample::select(vec!["", "", "", "", "", "z,\0,1,2\n", "z,\",1,2\n"]);
    let segments = prop::collection::vec(segment(), 3..10);
    let begin = prop::sample::select(vec!["id,note,x,y\n", "\u{feff}id,note,x,y\r\n", "sep=,\nid,note,x,y\n"]);
    let place = any::<prop::sample::Index>();
    (begin, segments, wrong, place, prop::sample::select(vec!["", "\n\n \n"])).prop_map(
        |(begin, segments, wrong, place, end)| {
            let place = place.index(segments.len());
            let mut text = begin.to_string();
            for (i, (row, count)) in segments.iter().enumerate() {
                text += if i == place { wrong } else { "" };
                text += &format!("{row}\n").repeat(*count);
            }
            text + end
        },
    )
}

fn limits() -> impl Strategy<Value = (BadRows, Limit)> {
    let share = |percent| Limit::Share(Share::parse(percent).unwrap());
    prop::sample::select(vec![
        (BadRows::Blank, Limit::Share(Share::ALL)),
        (BadRows::Blank, Limit::Share(Share::ALL)),
        (BadRows::Blank, share("10")),
        (BadRows::Blank, Limit::Count(3)),
        (BadRows::Fail, Limit::Count(0)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn ranges_of_a_csv_come_to_the_same(
        text in text(),
        (bad_rows, most) in limits(),
        columns in prop::sample::select(vec![Columns::Prediction, Columns::All]),
        output in prop::sample::select(OutputFormat::ALL.to_vec()),
        escape in prop::option::of(Just(b'\\')),
        encoding in prop::sample::select(vec!["utf-8", "utf-8", "latin1"]),
        pieces in 1u64..3,
    ) {
        let scorer = || {
            let mut scorer = Scorer::new(lineup(), shape(columns.clone(), most)).counting(Some(counter().into()));
            scorer.shape.bad_rows = bad_rows;
            scorer.shape.output = output;
            scorer.shape.dialect.escape = escape;
            scorer.shape.encoding = Encoding::parse(encoding).unwrap();
            scorer
        };
        let input = file(text.as_bytes());
        let (done, count) = elsewhere(&input, &scorer, &Run::default(), &[], pieces * PIECE);
        let expected = here(&input, &scorer, &Run::default(), &[]);
        prop_assert!(done == expected, "{count} ranges: {:?} for {:?}", done.0, expected.0);
    }

    #[test]
    fn ranges_of_json_lines_come_to_the_same(
        segments in prop::collection::vec((prop::sample::select(vec![
            "{\"x\":1,\"y\":2,\"id\":\"a\"}", "{\"x\":null,\"y\":1}", "[1]", "{\"y\":\"4\"}", "", "{\"x\":1,\"y\":2,\"x\":1}",
        ]), 1usize..6_000, 0usize..100), 3..10),
        (bad_rows, most) in limits(),
        output in prop::sample::select(OutputFormat::ALL.to_vec()),
    ) {
        let mut text = String::from("{\"x\":1,\"y\":2,\"id\":\"b\"}\n");
        for (line, count, kib) in segments {
            text += &format!("{line}\n").repeat(count);
            text += &format!("{{\"x\":1,\"y\":1,\"id\":\"{}\"}}\n", "\\\"".repeat(kib << 9));
        }
        let scorer = || {
            let columns = Columns::Named(vec!["id".into()]);
            let mut scorer = Scorer::new(lineup(), shape(columns, most)).counting(Some(counter().into()));
            scorer.shape.bad_rows = bad_rows;
            scorer.shape.output = output;
            scorer
        };
        let run = Run {
            format: FileFormat { rows: RowFormat::JsonLines, compression: Compression::None },
            ..Run::default()
        };
        let input = file(text.as_bytes());
        let (done, count) = elsewhere(&input, &scorer, &run, &[], PIECE);
        let expected = here(&input, &scorer, &run, &[]);
        prop_assert!(done == expected, "{count} ranges: {:?} for {:?}", done.0, expected.0);
    }

    /// Also what came of the arms of an input that fails.
    #[test]
    fn trials_of_ranges_come_to_the_same(text in text(), pair in prop::sample::select(vec![(0, 1), (1, 0)]), arms in any::<bool>()) {
        let text = text.replace("note", "city");
        let scorer = || match arms {
            true => divided(pair.0, pair.1),
            false => shadowed(pair.0, &[pair.1]),
        };
        let (trial, phase) = match arms {
            true => (Trial::Challenger(0), Some("ab/1")),
            false => (Trial::Shadow(0), None),
        };
        let tried = [Mutex::default(), Mutex::default()];
        let [run, own] = [0, 1].map(|i| Run { phase, tried: Some(&tried[i]), ..Run::default() });
        let input = file(text.as_bytes());
        let (done, count) = elsewhere(&input, &scorer, &run, &[trial], PIECE);
        let expected = here(&input, &scorer, &own, &[trial]);
        prop_assert!(done == expected, "{count} ranges: {:?} for {:?}", done.0, expected.0);
        let [tried, own] = tried.map(|tried| tried.into_inner().unwrap());
        prop_assert_eq!(tried.sides.map(|side| (side.rows, side.predictions)), own.sides.map(|side| (side.rows, side.predictions)));
    }
}

/// More keys than are held are sampled as on one machine, though no range has so many.
#[test]
fn keys_of_ranges_are_sampled_as_those_of_the_whole() {
    let row = |i: u64| format!("K{},{}.5,{}\n", i % 150_000, i % 7, i % 11);
    let text = format!("id,x,y\n{}", (0..170_000).map(row).collect::<String>());
    let scorer = || Scorer::new(lineup(), shape(Columns::Prediction, Limit::Count(0))).counting(Some(counter().into()));
    let input = file(text.as_bytes());
    let (done, count) = elsewhere(&input, &scorer, &Run::default(), &[], 4 * PIECE);
    let expected = here(&input, &scorer, &Run::default(), &[]);
    assert!(count > 1 && expected.0.as_ref().is_ok_and(|summary| summary.counts.halvings > 0));
    assert!(done == expected);
}

/// What can't be divided is one range.
#[test]
fn compressed_texts_and_those_of_other_encodings_come_to_the_same() {
    let text = format!("id,x,y\n{}", "a,1,2\nb,\u{e9},\n".repeat(50_000));
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    for (bytes, encoding, compression) in [(utf16, "utf-16", Compression::None), (gzip, "utf-8", Compression::Gzip)] {
        let scorer = || {
            let mut scorer = Scorer::new(lineup(), shape(Columns::All, Limit::Share(Share::ALL)));
            scorer.shape.encoding = Encoding::parse(encoding).unwrap();
            scorer
        };
        let rows = RowFormat::Csv;
        let run = Run {
            format: FileFormat { rows, compression },
            ..Run::default()
        };
        let input = file(&bytes);
        let (done, count) = elsewhere(&input, &scorer, &run, &[], PIECE);
        assert_eq!((count, done.0.as_ref().map(|summary| summary.rows)), (1, Ok(100_000)));
        assert!(done == here(&input, &scorer, &run, &[]));
    }
}

/// Tables as others wrote them, each by a model of each of its first columns, to text and to columns.
#[cfg(feature = "parquet")]
#[test]
fn ranges_of_tables_come_to_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/formats/tables");
    let mut several = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut format = FileFormat::of(path.as_os_str().as_encoded_bytes());
        if path.extension().is_some_and(|end| end == "arrows") {
            format.rows = RowFormat::ArrowStream;
        }
        let input = File::open(&path).unwrap();
        let run = Run {
            format,
            file: Some(&input),
            memory: 256 << 20,
            ..Run::default()
        };
        let cutting = run.cutting(&Shape::FROZEN);
        let Ok(Some(Block::Table(table))) = Blocks::new(&input, &cutting).and_then(|mut blocks| blocks.next_block())
        else {
            continue;
        };
        for column in table.columns().iter().take(4) {
            let feature = &column.name;
            let features = serde_json::to_string(&[feature]).unwrap();
            let json = format!(r#"{{"features":{features},"coefficients":[2],"intercept":0.5}}"#);
            let lineup = Lineup::alone(Arc::new(Model::parse(Format::Linear, json.as_bytes()).unwrap()));
            for (columns, output) in [
                (Columns::All, OutputFormat::Same),
                (Columns::All, OutputFormat::Parquet),
                (Columns::Named(vec![feature.clone()]), OutputFormat::Csv),
            ] {
                let scorer = || {
                    let mut scorer = Scorer::new(lineup.clone(), shape(columns.clone(), Limit::Share(Share::ALL)));
                    scorer.shape.output = output;
                    scorer
                };
                let (done, count) = elsewhere(&input, &scorer, &run, &[], PIECE);
                let expected = here(&input, &scorer, &run, &[]);
                assert!(
                    done == expected,
                    "{path:?} {feature}: {:?} for {:?}",
                    done.0,
                    expected.0
                );
                several += usize::from(count > 1 && done.0.is_ok());
            }
        }
    }
    assert!(several > 0);
}

/// What is between the last record end of a range and its end is read with the next one, too, which is to go on without it.
#[test]
fn what_is_malformed_in_a_head_is_told_by_the_range_in_front() {
    let lines = b"a,1,2\n".repeat(100_000);
    let mut text = [&b"id,x,y\n"[..], &lines].concat();
    let head = text[..2 * BLOCK].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    text.splice(head..head, *b"a\xFFa");
    let scorer = || {
        let mut scorer = Scorer::new(lineup(), shape(Columns::All, Limit::Share(Share::ALL)));
        scorer.shape.encoding = Encoding::parse("windows-1253").unwrap();
        scorer
    };
    let input = file(&text);
    let (done, count) = elsewhere(&input, &scorer, &Run::default(), &[], PIECE);
    assert_eq!(count, 3);
    let expected = here(&input, &scorer, &Run::default(), &[]);
    assert!(done == expected && expected.0.is_err(), "{:?}", expected.0);
}

/// Nothing of it is given away.
#[test]
fn a_range_of_another_input_is_refused() {
    let text = format!("id,x,y\n{}", "a,1,2\n".repeat(100_000));
    let scorer = || Scorer::new(lineup(), shape(Columns::Prediction, Limit::Share(Share::ALL)));
    let input = file(text.as_bytes());
    let (own, run) = (scorer(), Run::default());
    let prepared = Prepared::new(&input, &own, &run, &[]).unwrap();
    let (ranges, _) = divide(&input, &prepared, PIECE);
    assert_eq!(ranges.len(), 3);
    let failed = |at: usize, with: &str, range: &InputRange| {
        let mut other = text.clone();
        other.replace_range(at..at + with.len(), with);
        let failed = score_range(
            &file(other.as_bytes()),
            range,
            &scorer(),
            &run,
            &[],
            prepared.first().as_ref(),
            &mut io::sink(),
        );
        matches!(failed, Err(RangeFailure::Changed(_)))
    };
    // In the first block, by which it is opened, in the range, and in it where it isn't scored to its end.
    assert!(failed(10, "7", &ranges[1]));
    assert!(failed(300_000, "7", &ranges[1]));
    assert!(failed(400_000, "\0", &ranges[1]));
    assert!(!failed(300_000, "7", &ranges[2]));
}
