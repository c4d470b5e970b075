use super::*;
use proptest::prelude::*;

const COMMAS: Dialect = Dialect::plain(b',');

/// All blocks of `text`, cut into pieces of about `size` bytes.
fn blocks(text: &[u8], size: usize, record_max: usize) -> Result<Vec<Vec<u8>>, CutError> {
    let mut blocks = Blocks::with_sizes(Source::new(text, Encoding::UTF_8), COMMAS, size, record_max);
    let mut all = Vec::new();
    while let Some(block) = blocks.next_block()? {
        all.push(block);
    }
    assert_eq!(blocks.bytes(), text.len() as u64);
    assert_eq!(blocks.hash(), blake3::hash(text));
    Ok(all)
}

/// Record ends by the grammar, one byte after the other.
fn record_ends(text: &[u8]) -> (Vec<usize>, bool) {
    let (mut ends, mut quoted, mut field_start) = (Vec::new(), false, true);
    let mut i = 0;
    while i < text.len() {
        let c = text[i];
        if quoted {
            if c == b'"' && text.get(i + 1) == Some(&b'"') {
                i += 1;
            } else if c == b'"' {
                quoted = false;
            }
        } else if c == b'"' && field_start {
            quoted = true;
        } else if c == b'\n' {
            ends.push(i + 1);
        }
        field_start = !quoted && (c == b',' || c == b'\n');
        i += 1;
    }
    (ends, quoted)
}

proptest! {
    #[test]
    fn blocks_are_whole_records_wherever_they_are_cut(
        text in proptest::collection::vec(prop::sample::select(b"a,\"\"\n\n\n\r \x1A1".to_vec()), 0..60),
        size in 1usize..20,
    ) {
        let (ends, open) = record_ends(&text);
        match blocks(&text, size, 1000) {
            Err(CutError::Problem(problem)) if problem.code == Code::UnclosedQuote => prop_assert!(open),
            Err(e) => prop_assert!(false, "{e:?}"),
            Ok(all) => {
                prop_assert!(!open);
                let mut whole = text.clone();
                if !whole.is_empty() && whole.last() != Some(&b'\n') {
                    whole.push(b'\n');
                }
                prop_assert_eq!(&all.concat()[..], without_padding(&whole, COMMAS));
                let mut at = 0;
                for block in &all[..all.len().saturating_sub(1)] {
                    at += block.len();
                    prop_assert!(ends.contains(&at), "cut at {} of {:?}", at, ends);
                }
            }
        }
    }
}

/// Of any length, in little memory: not before the record behind it is known.
#[test]
fn a_run_of_empty_lines_is_given_out_once_something_follows() {
    let run = b"\n".repeat(100_000);
    let text = [&b"x\n1\n"[..], &run, b"2\n", &run, b" \t\n\x1A"].concat();
    let all = blocks(&text, 100, 1000).unwrap();
    assert!(all.iter().all(|block| block.len() <= 200));
    assert_eq!(all.concat(), [&b"x\n1\n"[..], &run, b"2\n"].concat());
    let text = [&b"x\n1\n"[..], &run, b"\"2\n"].concat();
    let Err(CutError::Problem(problem)) = blocks(&text, 100, 1000) else {
        panic!("cut");
    };
    // Behind the block that was given out, with the two lines in front of the run.
    assert_eq!((problem.code, problem.line), (Code::UnclosedQuote, Some(100_001)));
}

/// With runs of empty lines, records longer than a block, and a byte order mark.
#[test]
fn what_is_hashed_by_others_is_hashed_as_it_stands() {
    let long = [&b"\"\"".repeat(1500)[..], b",1\n"].concat();
    let (lines, empty) = (b"1,22\n".repeat(300), b"\n".repeat(5000));
    for parts in [
        vec![&b"x\n1\n"[..]],
        vec![&lines],
        vec![b"\xEF\xBB\xBF", &lines, b"\n\n", &lines],
        vec![&lines, &long, &lines, &empty, &lines, b"1"],
        vec![&empty, &lines, b"\n \n\x1A"],
        vec![b"\xEF\xBB\xBF", &b"7\n".repeat(2048)],
    ] {
        let text = parts.concat();
        let source = Source::new(&text[..], Encoding::UTF_8).in_pieces();
        let mut blocks = Blocks::with_sizes(source, COMMAS, 1024, 1 << 20);
        let mut hashes = Vec::new();
        while let Some(next) = blocks.next_unhashed().unwrap() {
            hashes.push(next.hash());
            blocks.recycle(next.block());
        }
        hashes.into_iter().rev().for_each(|hash| blocks.add(hash));
        assert_eq!(
            (blocks.bytes(), blocks.hash()),
            (text.len() as u64, blake3::hash(&text))
        );
    }
}

/// Quotes mean nothing to the cut, nor does what parts fields in CSVs; blank lines at the end are padding.
#[test]
fn json_lines_are_cut_at_any_line_feed() {
    let text = b"{\"a\": \"x\n\n{\"b\":1}\r\nsep=;\n{}\n \n\x1A";
    for size in 1..30 {
        let source = Source::new(&text[..], Encoding::UTF_8);
        let mut blocks = Blocks::with_sizes(source, COMMAS, size, 1000).of_lines();
        let mut all = Vec::new();
        while let Some(block) = blocks.next_block().unwrap() {
            assert_eq!(block.last(), Some(&b'\n'));
            all.extend(block);
        }
        assert_eq!(all, text[..text.len() - 3]);
        assert_eq!(blocks.hash(), blake3::hash(text));
    }
    let endless = std::io::repeat(b'{');
    let mut blocks = Blocks::with_sizes(Source::new(endless, Encoding::UTF_8), COMMAS, 100, 1000).of_lines();
    let Err(CutError::Problem(problem)) = blocks.next_block() else {
        panic!("cut");
    };
    assert_eq!((problem.code, problem.line), (Code::RecordTooLong, Some(1)));
    assert!(problem.hint.contains("JSON Lines"), "{}", problem.hint);
}

#[test]
fn a_quote_that_never_closes_is_found_where_it_opens() {
    let text = b"a,b\n1,2\n\"x\ny\",\"z\n4,5\n";
    let Err(CutError::Problem(problem)) = blocks(text, 1000, 1000) else {
        panic!("cut");
    };
    assert_eq!((problem.code, problem.line), (Code::UnclosedQuote, Some(4)));
}

#[test]
fn a_record_without_end_stops_the_reading() {
    let endless = std::io::repeat(b'1');
    let mut blocks = Blocks::with_sizes(Source::new(endless, Encoding::UTF_8), COMMAS, 100, 1000);
    let Err(CutError::Problem(problem)) = blocks.next_block() else {
        panic!("cut");
    };
    assert_eq!((problem.code, problem.line), (Code::RecordTooLong, Some(1)));
    assert!(blocks.bytes() <= 1100);
}
