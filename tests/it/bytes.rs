//! Bytes between and behind the records: empty lines and padding.

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
