//! A CSV with an escape, as all that read bytes see it, held against a parser that is as simple as can be.

use super::cut::Blocks;
use super::dialect::Dialect;
use super::input::Input;
use super::origin::Origin;
use super::source::Source;
use super::table::Table;
use super::texts;
use crate::format::Out;
use crate::format::{Columns, Encoding, FileFormat, Header, Said, Wanted};
use crate::model::{Column, Signature, Type};
use crate::score::Spelling;
use crate::score::batch::{Flaw, Reason};
use crate::score::binding::features;
use crate::score::cell::trim;
use memchr::memchr_iter;

const DIALECT: Dialect = Dialect {
    delimiter: b',',
    escape: Some(b'\\'),
};

/// One byte after the other.
#[derive(Debug)]
struct Record {
    cells: Vec<Vec<u8>>,
    /// Has a quoted cell text behind its closing quote?
    after_quote: bool,
    /// As it stands, without its line end.
    raw: Vec<u8>,
    /// With its line end.
    length: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Plain,
    Quoted,
    Closed,
}

/// `None`: the text ends in quotes, or behind an escape.
fn record(text: &[u8]) -> Option<Record> {
    let (mut cells, mut after_quote) = (vec![Vec::new()], false);
    let (mut at, mut state, mut carriage) = (0, State::Start, false);
    loop {
        let cell = cells.last_mut().expect("there is one");
        let next = text.get(at + 1).copied();
        let last_was_carriage = std::mem::take(&mut carriage);
        match (state, text.get(at).copied()) {
            (State::Quoted, None) => return None,
            (State::Quoted, Some(b'\\')) => {
                cell.push(next?);
                at += 1;
            }
            (State::Quoted, Some(b'"')) if next == Some(b'"') => {
                cell.push(b'"');
                at += 1;
            }
            (State::Quoted, Some(b'"')) => state = State::Closed,
            (State::Quoted, Some(b)) => cell.push(b),
            (State::Start, Some(b'"')) => state = State::Quoted,
            (_, Some(b',')) => {
                cells.push(Vec::new());
                state = State::Start;
            }
            (_, None | Some(b'\n')) => {
                if last_was_carriage && state != State::Closed {
                    cell.pop();
                }
                return Some(Record {
                    cells,
                    after_quote,
                    raw: text[..at - usize::from(last_was_carriage)].into(),
                    length: text.len().min(at + 1),
                });
            }
            (_, Some(b'\\')) => {
                let next = next?;
                let line_end = next == b'\n' || next == b'\r';
                if !line_end && !b",\"\\".contains(&next) {
                    cell.push(b'\\');
                }
                cell.push(next);
                at += 1;
                if next == b'\r' && text.get(at + 1) == Some(&b'\n') {
                    cell.push(b'\n');
                    at += 1;
                }
                if line_end && at + 1 == text.len() {
                    return None;
                }
                after_quote |= state == State::Closed;
                state = if state == State::Closed { state } else { State::Plain };
            }
            (State::Closed, Some(b'\r')) if matches!(next, None | Some(b'\n')) => carriage = true,
            (State::Closed, Some(_)) => after_quote = true,
            (_, Some(b)) => {
                carriage = b == b'\r';
                cell.push(b);
                state = State::Plain;
            }
        }
        at += 1;
    }
}

/// All of a text with a header, each with its line, counted from 0.
fn records(text: &[u8], width: usize) -> Option<Vec<(usize, Record)>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let record = record(&text[at..])?;
        let line = memchr_iter(b'\n', &text[..at]).count();
        at += record.length;
        all.push((line, record));
    }
    let is_blank = |record: &Record| record.raw.iter().all(|b| b" \t\r\x1A".contains(b));
    while all.last().is_some_and(|(_, record)| is_blank(record)) {
        all.pop();
    }
    // In a file of one column an empty line is a missing value.
    all.retain(|(_, record)| width == 1 || !record.raw.is_empty());
    Some(all)
}

/// `width`: how many columns the header in front of the bytes has, at most two. `size`: of the blocks, in bytes.
pub fn agree(bytes: &[u8], width: usize, size: usize) {
    if bytes.contains(&0) || str::from_utf8(bytes).is_err() {
        return;
    }
    let names = &["h", "t"][..width];
    let text = &[names.join(",").as_bytes(), b"\n", bytes].concat();
    let expected = records(text, width);
    let mut blocks = Blocks::with_sizes(Source::new(&text[..], Encoding::UTF_8), DIALECT, size, 1 << 20);
    let mut all = Vec::new();
    loop {
        match (blocks.next_block(), &expected) {
            (Ok(Some(block)), _) => all.push(block),
            (Ok(None), expected) => break assert!(expected.is_some(), "{text:?}"),
            (Err(_), None) => return,
            (Err(e), Some(_)) => panic!("{e:?}"),
        }
    }
    let expected = expected.expect("checked");
    let text_column = |name: &&str| Column {
        optional: true,
        ..Column::plain((*name).into(), Type::String)
    };
    let signature = Signature {
        inputs: names.iter().map(text_column).collect(),
        outputs: vec![Column::plain("p".into(), Type::Float64)],
    };
    let wanted = Wanted {
        format: FileFormat::default(),
        output: FileFormat::default(),
        prefix: "",
        header: Header::Present,
        dialect: DIALECT,
        spelling: &Spelling::USUAL,
        signature: &signature,
        features: &features(signature.inputs.iter(), &Spelling::USUAL).into(),
        known: &[],
        columns: &Columns::All,
        outputs: &signature.outputs,
        version: None,
        observed: &[],
        seconds: &[],
    };
    let input = Input::open(&all[0], &wanted).expect("it has a header");
    let mut out = Out::Text(input.out().to_vec());
    let (mut place, mut lines) = (1, 1);
    for (i, block) in all.iter().enumerate() {
        let range = if i == 0 { &block[input.end()..] } else { &block[..] };
        let mut rows = input.rows(range);
        while rows.fill() {
            let predictions = vec![0.0; rows.batch().rows()];
            let said = Said {
                writing: rows.writing(),
                batch: rows.read(),
                predictions: &predictions,
            };
            rows.write([said], |row| (0, row), &mut out);
            let bad: Vec<Flaw> = rows.batch().bad().collect();
            let good = (0..rows.batch().rows()).map(|row| bad.iter().all(|flaw| flaw.row as usize != row));
            let good: Vec<bool> = good.collect();
            assert!(bad.iter().all(|flaw| flaw.reason == Reason::Malformed), "{bad:?}");
            for (row, good) in good.into_iter().enumerate() {
                let (
                    line,
                    Record {
                        cells,
                        after_quote,
                        raw,
                        ..
                    },
                ) = &expected[place + row];
                assert_eq!(good, cells.len() == width && !after_quote, "{raw:?}");
                let record = rows.record(row as u32).expect("there are no NUL bytes");
                assert_eq!(&range[record.start as usize..record.end as usize], raw);
                assert_eq!(lines + record.line.expect("a CSV has lines") as usize, *line);
                for (feature, cell) in cells.iter().enumerate().filter(|_| good) {
                    assert_eq!(rows.batch().cells(feature)[row].as_bytes(), trim(cell), "{raw:?}");
                }
            }
            place += rows.batch().rows();
        }
        assert_eq!(rows.lines(), memchr_iter(b'\n', range).count() as u64);
        lines += rows.lines() as usize;
    }
    assert_eq!(place, expected.len());
    let read = |bytes: &[u8], dialect| {
        let table = Table {
            bytes,
            dialect,
            spelling: &Spelling::USUAL,
            origin: Origin::Csv,
        };
        texts::read(&table, &(0..expected.len()).collect::<Vec<_>>())
    };
    // What is kept is as RFC 4180 has it.
    let Out::Text(kept_text) = out else {
        unreachable!("a CSV becomes a CSV")
    };
    let (escaped, kept) = (read(text, DIALECT), read(&kept_text, Dialect::plain(b',')));
    assert_eq!((escaped.len(), kept.len()), (expected.len(), expected.len()));
    for (((_, record), escaped), kept) in expected.iter().zip(escaped).zip(kept) {
        if !record.after_quote {
            let cells: Vec<&str> = record
                .cells
                .iter()
                .map(|cell| str::from_utf8(cell).expect("it was UTF-8"))
                .collect();
            assert_eq!(escaped, cells);
            assert!(cells.len() != width || kept[..width] == cells, "{kept:?} for {cells:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::agree;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn all_that_read_bytes_agree_on_escapes(
            text in "([,\"\\\\\n\r N1a]|\\\\[,\"\\\\\nN]|,|\"[a\\\\,\"]{0,4}\"|\\\\\r\n|\r\n){0,24}",
            width in 1usize..3,
            size in 1usize..40,
        ) {
            agree(text.as_bytes(), width, size);
        }
    }
}
