//! Bytes between and behind the records, and what they are as text: empty lines, padding, encodings.

use crate::spool::Spool;

/// One column, three rows, the second missing: as polars, DuckDB and pyarrow write it. All behind it moved up by one.
#[test]
fn an_empty_line_in_a_file_of_one_column_is_a_row() {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    for (name, text, predictions) in [
        ("lf", "x\n1\n\n3\n", "prediction\n3.0\n\"\"\n7.0\n"),
        ("crlf", "x\r\n1\r\n\r\n3\r\n", "prediction\n3.0\n\"\"\n7.0\n"),
        ("quoted", "x\n1\n\"\"\n3\n", "prediction\n3.0\n\"\"\n7.0\n"),
        ("blanks", "x\n1\n  \n3\n", "prediction\n3.0\n\"\"\n7.0\n"),
        ("first", "\n\nx\n\n\n3\n", "prediction\n\"\"\n\"\"\n7.0\n"),
        ("no header", "1\n\n3\n", "3.0\n\"\"\n7.0\n"),
        ("at the end", "x\n1\n\n3\n\n\r\n", "prediction\n3.0\n\"\"\n7.0\n"),
        ("quoted at the end", "x\n1\n\"\"\n\n", "prediction\n3.0\n\"\"\n"),
        ("nothing but padding", "x\n\n\n", "prediction\n"),
    ] {
        spool.drop_file(&format!("{name}.csv"), text);
        spool.once().exits(0);
        assert_eq!(spool.output(&format!("{name}.csv")).unwrap(), predictions, "{name}");
    }
    let rejects = spool.rejects("lf.csv").unwrap();
    assert_eq!(rejects, "line,column,reason,text\n3,x,missing value,\n");
}

/// Longer than a block: the rows behind it are scored by other threads.
#[test]
fn empty_lines_across_blocks_are_rows_where_one_follows() {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    let run = "\n".repeat(700_000);
    spool.drop_file("run.csv", format!("x\n1\n{run}2\n{run}"));
    spool.drop_file("two.csv", format!("x,y\n1,0\n{run}2\n{run}"));
    spool.once().exits(0);
    let out = spool.output("run.csv").unwrap();
    assert_eq!(out.lines().count(), 1 + 1 + 700_000 + 1);
    assert!(out.starts_with("prediction\n3.0\n\"\"\n") && out.ends_with("\"\"\n5.0\n"));
    assert_eq!(spool.output("two.csv").unwrap(), "prediction\n3.0\n\"\"\n");
    let rejects = spool.rejects("two.csv").unwrap();
    assert!(rejects.contains("\n700003,,1 field instead of 2,2\n"), "{rejects}");
}

/// Editors leave blanks there, DOS its end of file. Each failed a small file.
#[test]
fn padding_at_the_end_is_no_record() {
    let spool = Spool::new();
    for padding in [
        "   ",
        "\t",
        "\x1A",
        "\r\n\x1A",
        " \n\t\n\n",
        "\x1A\x1A\x1A\r\n",
        " \r\r\n",
    ] {
        for (text, header) in [
            ("x\n1\n2\n", "prediction\n"),
            ("y,x\n0,1\n0,2\n", "prediction\n"),
            ("1\n2\n", ""),
        ] {
            for end in ["", "\n"] {
                spool.drop_file("a.csv", format!("{text}{padding}{end}"));
                spool.once().exits(0);
                let expected = format!("{header}3.0\n5.0\n");
                assert_eq!(spool.output("a.csv").unwrap(), expected, "{text:?} {padding:?}");
            }
        }
    }
    // Delimiters make a record, also where they are tabs; and between records a line of blanks is a row.
    let spool = Spool::new().set("input.max_bad_rows=100%");
    spool.drop_file("commas.csv", "y,x\n0,1\n,\n");
    spool.drop_file("between.csv", "y,x\n0,1\n  \n0,2\n");
    spool.once().exits(0);
    assert_eq!(spool.output("commas.csv").unwrap(), "prediction\n3.0\n\"\"\n");
    assert_eq!(spool.output("between.csv").unwrap(), "prediction\n3.0\n\"\"\n5.0\n");
    let spool = Spool::new().set("input.max_bad_rows=100%").set("input.delimiter=\\t");
    spool.drop_file("tabs.csv", "y\tx\n0\t1\n\t\n");
    spool.once().exits(0);
    assert_eq!(spool.output("tabs.csv").unwrap(), "prediction\n3.0\n\"\"\n");
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Excel's "CSV" and "Unicode Text": what was an unknown category is read as what it is. Long enough for several blocks.
#[test]
fn an_input_is_of_the_encoding_that_is_set() {
    let text = format!(
        "name,x\ncaf\u{e9},1\n\"\u{fc}\n\u{fc}\",2\n\u{e9},\u{e9}\n{}",
        "\u{e4},3\n".repeat(200_000)
    );
    let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let marked: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let plain = Spool::new().set("output.columns=[\"name\"]");
    plain.drop_file("a.csv", &text);
    plain.once().exits(0).says("200003 rows, 1 bad");
    let (expected, rejects) = (plain.output("a.csv").unwrap(), plain.rejects("a.csv").unwrap());
    assert!(rejects.ends_with("\n5,x,not a number,\"\u{e9},\u{e9}\"\n"), "{rejects}");
    for (encoding, bytes) in [
        ("windows-1252", &latin1),
        ("Latin1", &latin1),
        ("utf-16", &utf16(&text)),
        ("utf-16", &marked),
        // A mark counts more.
        ("latin1", &marked),
    ] {
        let spool = Spool::new()
            .set("output.columns=[\"name\"]")
            .set(&format!("input.encoding={encoding}"));
        spool.drop_file("a.csv", bytes);
        spool.once().exits(0).says("200003 rows, 1 bad");
        assert!(spool.output("a.csv").unwrap() == expected, "{encoding}");
        assert!(spool.rejects("a.csv").unwrap() == rejects, "{encoding}");
        // The ledger knows the file's own bytes.
        spool.once().exits(0).says("nothing to do");
    }
}

#[test]
fn an_input_that_is_not_of_the_encoding_fails_with_its_line() {
    let spool = Spool::new().set("input.encoding=utf-16");
    spool.drop_file("plain.csv", "x\n1\n");
    let cut = utf16("x\n1\n2\n3");
    spool.drop_file("cut.csv", &cut[..cut.len() - 1]);
    spool.drop_file("zip.csv", b"PK\x03\x04\x14\0\0\0");
    spool.drop_file("good.csv", utf16("x\n1\n"));
    spool.once().exits(1);
    for (name, code, line) in [
        ("plain.csv", "bad_encoding", 1),
        ("cut.csv", "bad_encoding", 4),
        ("zip.csv", "not_csv", 1),
    ] {
        let report = spool.report(name).unwrap();
        assert_eq!(
            (report["code"].as_str(), report["line"].as_u64()),
            (Some(code), Some(line)),
            "{report}"
        );
    }
    assert_eq!(spool.output("good.csv").unwrap(), "prediction\n3.0\n");
    // Without the key it is refused, and told of the key.
    let spool = Spool::new();
    spool.drop_file("good.csv", utf16("x\n1\n"));
    spool.once().exits(1);
    let report = spool.report("good.csv").unwrap();
    assert_eq!(report["code"], "utf16");
    assert!(
        report["hint"].as_str().unwrap().contains("input.encoding = \"utf-16\""),
        "{report}"
    );
    let spool = spool.set("input.encoding=utf-42");
    spool.once().exits(64).says("WHATWG");
}

/// A share of bad rows is one of the rows, not of bytes: decoded, they are more than the file has.
#[test]
fn a_decoded_file_is_not_given_up_before_its_end() {
    let text = format!(
        "x\n{}{}",
        "\u{e9}\u{e9}\u{e9}\n".repeat(250_000),
        "1\n".repeat(2_300_000)
    );
    let spool = Spool::new().set("input.encoding=latin1");
    spool.drop_file("a.csv", text.chars().map(|c| c as u8).collect::<Vec<u8>>());
    spool.once().exits(0).says("2550000 rows, 250000 bad");
}
