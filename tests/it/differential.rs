//! The reader against two others: a naive one, byte after byte, on every kind of input; and polars' on good ones.

use polars::prelude::*;
use proptest::prelude::*;
use std::io::Cursor;
use std::sync::Arc;
use transform::model::{Format, Model};
use transform::score::{Lineup, Spelling};
use transform::transform::{BadRows, Columns, Dialect, Encoding, Header, Limit, Run, Scorer, Shape, Share, transform};

const MODEL: &[u8] = br#"{"features":["a","b"],"coefficients":[0.3,-7.25],"intercept":0.1}"#;

fn shape(delimiter: u8, columns: Columns) -> Shape {
    Shape {
        encoding: Encoding::UTF_8,
        header: Header::Present,
        dialect: Dialect::plain(delimiter),
        spelling: Spelling::USUAL,
        bad_rows: BadRows::Blank,
        max_bad_rows: Limit::Share(Share::ALL),
        columns,
        probabilities: false,
        ..Shape::FROZEN
    }
}

/// Output and rejects.
fn ours(input: &[u8], shape: &Shape, threads: Option<usize>) -> (Vec<u8>, Vec<u8>) {
    let lineup = Lineup::alone(Arc::new(Model::parse(Format::Linear, MODEL).unwrap()));
    let pool = threads.map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let run = Run {
        pool: pool.as_ref(),
        memory: 1 << 30,
        ..Run::default()
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let scorer = Scorer::new(lineup, shape.clone());
    transform(input, &scorer, &mut out, &mut rejects, &run).unwrap();
    (out, rejects)
}

/// A record as the naive reader sees it.
#[derive(Default)]
struct Record {
    line: usize,
    /// As it stands there, without its line end.
    text: Vec<u8>,
    /// Each field as it stands there, its value, and whether text follows its closing quote.
    fields: Vec<(Vec<u8>, Vec<u8>, bool)>,
}

/// Reads records one byte after the other. `input` must close its quotes.
fn naive_records(input: &[u8], delimiter: u8) -> Vec<Record> {
    let mut input = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input).to_vec();
    if input.last() != Some(&b'\n') {
        input.push(b'\n');
    }
    let (mut records, mut line, mut i) = (Vec::new(), 1, 0);
    while i < input.len() {
        let mut record = Record {
            line,
            ..Record::default()
        };
        loop {
            let (start, mut value, mut stray) = (i, Vec::new(), false);
            if input[i] == b'"' {
                i += 1;
                loop {
                    match (input[i], input.get(i + 1)) {
                        (b'"', Some(b'"')) => i += 1,
                        (b'"', _) => break,
                        _ => {}
                    }
                    line += usize::from(input[i] == b'\n');
                    value.push(input[i]);
                    i += 1;
                }
                i += 1;
            }
            let rest = i;
            while input[i] != delimiter && input[i] != b'\n' {
                i += 1;
            }
            let mut end = i;
            if input[i] == b'\n' && end > start && input[end - 1] == b'\r' && end > rest {
                end -= 1;
            }
            if input[start] == b'"' {
                stray = end > rest;
            }
            value.extend_from_slice(&input[rest..end]);
            record.fields.push((input[start..end].to_vec(), value, stray));
            i += 1;
            record.text.extend_from_slice(&input[start..end]);
            if input[i - 1] == b'\n' {
                break;
            }
            record.text.push(delimiter);
        }
        line += 1;
        if !record.text.is_empty() {
            records.push(record);
        }
    }
    records
}

enum Cell {
    Value(f64),
    Missing,
    Bad,
}

fn naive_cell(value: &[u8]) -> Cell {
    let Ok(text) = std::str::from_utf8(value) else {
        return Cell::Bad;
    };
    let text = text.trim_matches([' ', '\t']);
    if ["", "na", "n/a", "nan", "null", "+nan", "-nan"].contains(&text.to_lowercase().as_str()) {
        return Cell::Missing;
    }
    text.parse().map_or(Cell::Bad, Cell::Value)
}

fn quoted(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|b| b",\"\n\r".contains(b)) {
        return text.to_vec();
    }
    let mut all = vec![b'"'];
    for &b in text {
        all.extend_from_slice(if b == b'"' { b"\"\"" } else { std::slice::from_ref(&b) });
    }
    all.push(b'"');
    all
}

/// What the output and the rejects should be.
fn naive(input: &[u8], shape: &Shape) -> (Vec<u8>, Vec<u8>) {
    let records = naive_records(input, shape.dialect.delimiter);
    let names: Vec<String> = records[0]
        .fields
        .iter()
        .map(|(_, value, _)| String::from_utf8_lossy(value).trim_matches([' ', '\t']).to_string())
        .collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let kept: Vec<usize> = match &shape.columns {
        Columns::Prediction => vec![],
        Columns::All => (0..names.len()).collect(),
        Columns::Named(wanted) => wanted.iter().map(|w| at(w)).collect(),
    };
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    for (row, record) in records.iter().enumerate() {
        let values: Vec<_> = ["a", "b"]
            .map(|f| record.fields.get(at(f)).map(|(_, v, _)| naive_cell(v)))
            .into();
        let flaw = if row == 0 {
            None
        } else if let Some(stray) = record.fields.iter().position(|(_, _, stray)| *stray) {
            Some((
                true,
                names.get(stray).cloned().unwrap_or_default(),
                "text after a closing quote".to_string(),
            ))
        } else if record.fields.len() != names.len() {
            let s = if record.fields.len() == 1 { "" } else { "s" };
            Some((
                true,
                String::new(),
                format!("{} field{s} instead of {}", record.fields.len(), names.len()),
            ))
        } else {
            let mut bad: Vec<_> = ["a", "b"].into_iter().zip(&values).collect();
            bad.sort_by_key(|(f, _)| at(f));
            bad.into_iter().find_map(|(f, cell)| match cell {
                Some(Cell::Missing) => Some((false, f.to_string(), "missing value".to_string())),
                Some(Cell::Bad) => Some((false, f.to_string(), "not a number".to_string())),
                _ => None,
            })
        };
        for &k in &kept {
            if !flaw.as_ref().is_some_and(|f| f.0) {
                out.extend_from_slice(&record.fields[k].0);
            }
            out.push(shape.dialect.delimiter);
        }
        match (&values[..], &flaw) {
            _ if row == 0 => out.extend_from_slice(b"prediction"),
            ([Some(Cell::Value(a)), Some(Cell::Value(b))], None) => {
                let y = (0.1 + 0.3 * a) + -7.25 * b;
                out.extend_from_slice(zmij::Buffer::new().format(y).as_bytes());
            }
            _ if kept.is_empty() => out.extend_from_slice(b"\"\""),
            _ => {}
        }
        out.push(b'\n');
        if let Some((_, column, reason)) = flaw {
            if rejects.is_empty() {
                rejects.extend_from_slice(b"line,column,reason,text\n");
            }
            let column = String::from_utf8(quoted(column.as_bytes())).unwrap();
            rejects.extend_from_slice(format!("{},{column},{reason},", record.line).as_bytes());
            rejects.extend_from_slice(&quoted(&record.text));
            rejects.push(b'\n');
        }
    }
    (out, rejects)
}

fn cell() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        any::<f64>().prop_map(|x| format!("{x:?}")),
        any::<f64>().prop_map(|x| format!("{x:e}")),
        (-1000i32..1000).prop_map(|x| x.to_string()),
        (-1000.0..1000.0f64).prop_map(|x| format!("{x:.6}")),
    ];
    let odd = prop::sample::select(vec![
        "+3",
        ".5",
        "5.",
        "-0",
        "1E+300",
        "1e-400",
        "1e400",
        "inf",
        "-Infinity",
        "",
        "NA",
        "n/a",
        "NaN",
        "-nan",
        "NULL",
        "  7 ",
        "\t8",
        "abc",
        "1,5",
        "1_000",
        "0x1",
        "--1",
        "1e",
        "e5",
        ".",
        "+",
        "1 2",
        "\"\"",
        "\"4\"",
        "\" 4\"",
        "\"a\"\"b\"",
        "\"x\ny\"",
        "\"p\r\nq\"",
        "\"1\"2",
        "\"\"\"\"",
        "in\"side",
        " \"1\"",
        "infinit",
        "nanx",
        "1\r",
        "\u{e9}",
        "9007199254740993",
        "0.1000000000000000055511151231257827021181583404541015625",
    ]);
    prop_oneof![
        5 => number.prop_map(String::into_bytes),
        2 => odd.prop_map(|s| s.as_bytes().to_vec()),
        1 => proptest::collection::vec(prop::sample::select(b"0123456789.eE+-naif \"".to_vec()), 0..8)
            .prop_map(|text| if text.first() == Some(&b'"') { b"\xff".to_vec() } else { text }),
    ]
}

/// An input in pieces: the header's names in some order, rows, line ends.
fn input() -> impl Strategy<Value = (Vec<u8>, u8)> {
    let names = Just(vec!["a", " b\t", "id", "\"te\nxt\""]).prop_shuffle();
    let row = (proptest::collection::vec(cell(), 4), 0..40u8);
    let end = prop::sample::select(vec!["\n", "\r\n", "\n\n", "\r\n\r\n\n"]);
    let rows = proptest::collection::vec((row, end), 0..40);
    let delimiter = prop::sample::select(b",;\t|".to_vec());
    (names, rows, delimiter, any::<bool>(), any::<bool>()).prop_map(|(names, rows, delimiter, bom, final_newline)| {
        let mut text = if bom { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
        text.extend_from_slice(names.join(&(delimiter as char).to_string()).as_bytes());
        text.push(b'\n');
        for ((mut cells, damage), end) in rows {
            match damage {
                0 => drop(cells.pop()),
                1 => cells.push(b"extra".to_vec()),
                _ => {}
            }
            text.extend_from_slice(&cells.join(&delimiter));
            text.extend_from_slice(end.as_bytes());
        }
        while !final_newline && text.ends_with(b"\n") {
            text.pop();
        }
        (text, delimiter)
    })
}

fn columns() -> impl Strategy<Value = Columns> {
    prop_oneof![
        Just(Columns::Prediction),
        Just(Columns::All),
        Just(Columns::Named(vec!["id".into(), "a".into()])),
    ]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_naive_reader_sees_the_same((text, delimiter) in input(), columns in columns()) {
        let shape = shape(delimiter, columns);
        let (out, rejects) = ours(&text, &shape, None);
        let (expected, expected_rejects) = naive(&text, &shape);
        prop_assert_eq!(show(&out), show(&expected), "{}", show(&text));
        prop_assert_eq!(show(&rejects), show(&expected_rejects), "{}", show(&text));
    }
}

proptest! {
    #![proptest_config(config(3))]

    #[test]
    fn many_blocks_are_read_as_one((text, delimiter) in input(), columns in columns()) {
        // The rows again and again, until there are several blocks.
        let shape = shape(delimiter, columns);
        let records = naive_records(&text, delimiter);
        let mut body = Vec::new();
        for record in &records[1..] {
            body.extend_from_slice(&record.text);
            body.extend_from_slice(b"\r\n\n");
        }
        body.extend_from_slice(&["1", "2", "3", "4"].join(&(delimiter as char).to_string()).into_bytes());
        body.push(b'\n');
        let mut long = [&records[0].text[..], b"\n"].concat();
        while long.len() < 3_500_000 {
            long.extend_from_slice(&body);
        }
        let expected = naive(&long, &shape);
        for threads in [None, Some(1), Some(2), Some(5)] {
            prop_assert!(ours(&long, &shape, threads) == expected, "{threads:?} threads: {}", show(&text));
        }
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// polars (another reader, by other people) reads good CSVs to the same numbers, to the bit.
    #[test]
    fn polars_reads_the_same_numbers(
        rows in proptest::collection::vec((-1e6..1e6f64, any::<i32>(), 0..8usize, any::<bool>()), 1..60),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let notes = ["", "plain", "\"a, b\"", "\"say \"\"hi\"\"\"", "\"two\nlines\"", "\"\"", "\u{e9}t\u{e9}", "12"];
        let mut text = format!("note,b,a{end}");
        for (a, b, note, short) in &rows {
            let a = if *short { format!("{a:.3}") } else { format!("{a:?}") };
            text += &format!("{},{b},{a}{end}", notes[*note]);
        }
        let schema = Schema::from_iter([
            Field::new("note".into(), DataType::String),
            Field::new("b".into(), DataType::Float64),
            Field::new("a".into(), DataType::Float64),
        ]);
        let frame = CsvReadOptions::default()
            .with_schema(Some(Arc::new(schema)))
            .into_reader_with_file_handle(Cursor::new(text.clone().into_bytes()))
            .finish()
            .unwrap();
        let numbers = |name: &str| -> Vec<f64> { frame.column(name).unwrap().f64().unwrap().into_no_null_iter().collect() };
        let mut expected = "prediction\n".to_string();
        for (a, b) in numbers("a").into_iter().zip(numbers("b")) {
            expected += zmij::Buffer::new().format((0.1 + 0.3 * a) + -7.25 * b);
            expected += "\n";
        }
        let (out, _) = ours(text.as_bytes(), &shape(b',', Columns::Prediction), None);
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected, "{}", text);
    }
}
