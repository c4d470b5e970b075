//! What a first line is: a header, a row, or no CSV at all.

use crate::spool::Spool;
use std::fs;

fn spool(features: &[&str]) -> Spool {
    let spool = Spool::without_model();
    let ones = vec![1.0; features.len()];
    spool.register(&serde_json::json!({"features": features, "coefficients": ones, "intercept": 0}).to_string());
    spool.approve(1);
    spool
}

/// A header of numbers was scored as a row, and its columns taken by position.
#[test]
fn a_header_is_never_scored_as_a_row() {
    let years = ["2021", "2022", "2023"];
    let unnamed = ["f0", "f1", "f2"];
    let abc = ["a", "b", "c"];
    for (features, csv, code) in [
        (years, "2022,2023,2024\n1,2,3\n", "no_such_column"),
        (years, "2031,2032,2033\n1,2,3\n", "header_unclear"),
        (abc, "A,B,C\n1,2,3\n", "no_such_column"),
        (abc, "b,c,1\n1,2,3\n", "no_such_column"),
        (abc, "2019,2020,2021\n1,2,3\n", "header_unclear"),
        (abc, "NA,,null\n1,2,3\n", "header_unclear"),
        (["f0", "f1", "x"], "0,1,2\n1,2,3\n", "header_unclear"),
        // Ranks: a row may be the numbers that are names, in another order.
        (["0", "1", "2"], "2,1,0\n1,2,0\n", "header_unclear"),
    ] {
        let spool = spool(&features);
        spool.drop_file("a.csv", csv);
        spool.once().exits(1);
        assert_eq!(spool.report("a.csv").unwrap()["code"], code, "{csv}");
        assert_eq!(spool.output("a.csv"), None, "{csv}");
    }
    for (features, csv, output) in [
        (unnamed, "0,1,2\n1,2,3\n4,5,6\n", "prediction\n6.0\n15.0\n"),
        (["0", "1", "2"], "5.5,3,1.4\n", "9.9\n"),
        (["0", "1", "2"], "0,1,2\n1,2,3\n", "prediction\n6.0\n"),
        (["0", "1", "2"], "id,2,1,0\n7,1,2,3\n", "prediction\n6.0\n"),
        (years, "1.5,2021,3\n", "2025.5\n"),
        (abc, "1,NA,2\n1,2,3\n", "\"\"\n6.0\n"),
    ] {
        let spool = spool(&features).set("input.max_bad_rows=90%");
        spool.drop_file("a.csv", csv);
        spool.once().exits(0);
        assert_eq!(spool.output("a.csv").as_deref(), Some(output), "{csv}");
    }
}

/// With pandas' index in front, or a text, it was: the index became the first feature.
#[test]
fn a_header_is_told_beside_an_empty_cell_and_a_text() {
    let four = spool(&["age", "income", "debt", "rate"]);
    for header in [
        ",0,1,2",
        ",2019,2020,2021",
        "NA,2019,2020,2021",
        "2021,2020,2019,2018",
        "2000,2005,2010,2015",
        "0.0,1.0,2.0,3.0",
        "1,1.1,1.2,1.3",
        "202111,202112,202201,202202",
    ] {
        four.drop_file("a.csv", format!("{header}\n0,0.03,-0.96,0.57\n1,0.06,-1.37,1.04\n"));
        four.once().exits(1);
        let report = four.report("a.csv").unwrap();
        assert_eq!(report["code"], "header_unclear", "{header}: {report}");
        assert_eq!(four.output("a.csv"), None, "{header}");
    }
    let four = four.set("input.header=false");
    four.once().exits(0);
    assert_eq!(four.output("a.csv").unwrap().lines().count(), 3);
}

/// It has no run of numbers that could be told from a row's.
#[test]
fn pandas_default_header_of_one_or_two_columns_is_no_row() {
    for (features, csv) in [
        (&["x"][..], "0\n5\n6\n"),
        (&["x", "y"], "0,1\n5,6\n"),
        (&["x", "y"], ",0\n0,6\n"),
    ] {
        let spool = spool(features);
        spool.drop_file("a.csv", csv);
        spool.once().exits(1);
        let report = spool.report("a.csv").unwrap();
        assert_eq!(report["code"], "header_unclear", "{csv}");
        assert!(
            report["hint"].as_str().unwrap().contains("input.header = false"),
            "{report}"
        );
    }
}

/// The second carriage return was taken for text where the last column is kept, and tore the output.
#[test]
fn carriage_returns_are_named_whatever_else_the_first_line_is() {
    for (setting, csv, said) in [
        ("output.columns=all", "x,note\r\r\n1,a\r\r\n2,b\r\r\n", "CR CR LF"),
        ("output.columns=all", "x,\"note\"\r\r\n1,a\r\r\n", "CR CR LF"),
        ("input.header=auto", "note,x,other\r1,2,3\r", "CR alone"),
        ("input.header=auto", "1\r\r\n2\r\r\n", "CR CR LF"),
        ("input.header=auto", "A\r1\r", "CR alone"),
        ("input.header=false", "1\r2\r", "CR alone"),
        ("input.header=true", "sep=,\n\nid,x\r\r\n1,2\r\r\n", "CR CR LF"),
    ] {
        let spool = spool(&["x"]).set(setting);
        spool.drop_file("a.csv", csv);
        spool.once().exits(1);
        let report = spool.report("a.csv").unwrap();
        assert_eq!(report["code"], "line_ends", "{csv:?}: {report}");
        assert!(report["message"].as_str().unwrap().contains(said), "{report}");
    }
    // Within quotes they are text.
    let spool = spool(&["x"]).set("output.columns=all");
    spool.drop_file("a.csv", "\"two\r\nlines\",x,\"a\rb\"\r\n1,2,3\r\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "\"two\r\nlines\",x,\"a\rb\",prediction\n1,2,3,2.0\n"
    );
}

/// The line feed in the quoted name was taken for the end of a field.
#[test]
fn a_name_with_a_line_feed_is_no_line_that_is_quoted_as_a_whole() {
    let spool = spool(&["x"]);
    for (csv, code) in [
        ("\"x\n1\"\n2\n", "no_such_column"),
        ("\"x,y\n1,2\"\n", "no_such_column"),
        ("\"id,\"\"two\nlines\"\",x\"\n\"1,2,3\"\n", "quoted_lines"),
    ] {
        spool.drop_file("a.csv", csv);
        spool.once().exits(1);
        let report = spool.report("a.csv").unwrap();
        assert_eq!(report["code"], code, "{csv:?}: {report}");
    }
}

/// The examples' reader left the mark in the first name, and no file had such a column.
#[test]
fn a_models_name_with_a_byte_order_mark_is_the_files_without() {
    let spool = spool(&["\u{feff}x", "y"]).set("output.columns=all");
    for (name, csv, output) in [
        ("marked.csv", "\u{feff}x,y\n1,2\n", "x,y,prediction\n1,2,3.0\n"),
        ("plain.csv", "y,x\n1,2\n", "y,x,prediction\n1,2,3.0\n"),
        ("behind.csv", "y,\u{feff}x\n1,2\n", "y,\u{feff}x,prediction\n1,2,3.0\n"),
    ] {
        spool.drop_file(name, csv);
        spool.once().exits(0);
        assert_eq!(spool.output(name).as_deref(), Some(output), "{name}");
    }
    let both = self::spool(&["\u{feff}x", "x"]);
    both.drop_file("a.csv", "x,y\n1,2\n");
    both.once().exits(1);
    assert_eq!(both.report("a.csv").unwrap()["code"], "no_such_column");
}

#[test]
fn a_key_settles_what_the_first_line_is() {
    let csv = "2031,2032\n1,2\n";
    let spool = spool(&["2021", "2022"]);
    spool.drop_file("a.csv", csv);
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    assert_eq!(
        (&report["code"], &report["line"]),
        (&"header_unclear".into(), &1.into())
    );
    assert!(
        report["hint"].as_str().unwrap().contains("input.header = false"),
        "{report}"
    );
    let spool = spool.set("input.header=false");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").as_deref(), Some("4063.0\n3.0\n"));
    // With the model's own names in front, `false` is surely a mistake.
    spool.drop_file("b.csv", "2021,2022\n1,2\n");
    spool.once().exits(1);
    assert_eq!(spool.report("b.csv").unwrap()["code"], "header_unclear");
}

/// Names that differ only in bytes that are not UTF-8 were called the same; so were, and weren't, those of two Unicode forms.
#[test]
fn names_are_compared_as_bytes_and_as_people_read_them() {
    let spool = spool(&["m\u{e4}"]).set("output.columns=[\"m\u{e4}\", \"id\"]");
    for (name, csv) in [
        ("latin1.csv", b"id,\xe4,\xf6,m\xc3\xa4\n7,x,y,1\n".to_vec()),
        ("decomposed.csv", "id,ma\u{308}\n7,1\n".into()),
        ("twice-unused.csv", "id,n,n,m\u{e4}\n7,x,y,1\n".into()),
    ] {
        spool.drop_file(name, csv);
        spool.once().exits(0);
        let output = spool.output(name).unwrap();
        assert!(output.ends_with("\n1,7,1.0\n"), "{name}: {output}");
    }
    for (name, csv, column) in [
        ("twice.csv", "id,m\u{e4},ma\u{308}\n7,1,2\n", "m\u{e4}"),
        ("kept-twice.csv", "id,id,m\u{e4}\n7,8,1\n", "id"),
    ] {
        spool.drop_file(name, csv);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert_eq!(
            (&report["code"], &report["column"]),
            (&"duplicate_column".into(), &column.into())
        );
    }
    let spool = spool.set("output.columns=all");
    spool.drop_file("all.csv", "id,n,n,m\u{e4}\n7,x,y,1\n");
    spool.once().exits(1);
    assert_eq!(spool.report("all.csv").unwrap()["code"], "duplicate_column");
}

#[test]
fn invisible_characters_of_names_are_shown() {
    let spool = spool(&["x"]);
    spool.drop_file("a.csv", "\u{feff}\u{feff}x,y\u{a0},z\u{200b}\n1,2,3\n");
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    let message = report["message"].as_str().unwrap();
    assert!(
        message.ends_with("the file has: \\u{feff}x, y\\u{a0}, z\\u{200b}"),
        "{message}"
    );
}

/// Registration removed a blank that nobody sees, and the model's own file no longer fitted it.
#[test]
fn a_blank_that_nobody_sees_is_part_of_a_name() {
    let spool = spool(&["\u{a0}age"]);
    spool.drop_file("a.csv", "id, \u{a0}age \n7,1\n");
    spool.drop_file("b.csv", "id,age\n7,1\n");
    spool.once().exits(1);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n1.0\n");
    let report = spool.report("b.csv").unwrap();
    assert!(report["message"].as_str().unwrap().contains("\\u{a0}age"), "{report}");
}

/// The hint would have had the producer shift all columns by one.
#[test]
fn a_column_of_the_model_is_no_misspelling_of_another() {
    let spool = spool(&["2021", "2022", "2023"]);
    spool.drop_file("a.csv", "2022,2023,2024\n1,2,3\n");
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    let hint = report["hint"].as_str().unwrap();
    assert!(hint.contains("\"2024\"") && !hint.contains("\"2022\""), "{hint}");
}

/// The advice on delimiters compared names to the letter.
#[test]
fn a_wrong_delimiter_is_named_whatever_form_of_unicode_the_model_has() {
    let spool = spool(&["cafe\u{301}", "b"]);
    spool.drop_file("a.csv", "caf\u{e9};b\n1;2\n");
    spool.once().exits(1);
    assert_eq!(spool.report("a.csv").unwrap()["code"], "wrong_delimiter");
}

#[test]
fn excels_line_that_names_the_delimiter_is_read() {
    let spool = spool(&["x"]).set("output.columns=all");
    for (name, csv, output) in [
        (
            "a.csv",
            "sep=;\r\nid;x\r\n\"a;b\";1\r\n",
            "id;x;prediction\n\"a;b\";1;1.0\n",
        ),
        ("b.csv", "\u{feff}\"sep=,\"\nid,x\n7,1\n", "id,x,prediction\n7,1,1.0\n"),
    ] {
        spool.drop_file(name, csv);
        spool.once().exits(0);
        assert_eq!(spool.output(name).as_deref(), Some(output));
    }
    spool.drop_file(
        "c.csv",
        "sep=;\n\nid;x\n1;2\n1;2\n1;2\n1;2\n1;2\n1;2\n1;2\n1;2\n1;2\n1;lots\n",
    );
    spool.once().exits(0);
    assert!(
        spool.rejects("c.csv").unwrap().contains("\n13,x,not a number"),
        "lines count from the first"
    );
}

/// Cells with decimal commas were no numbers to it, and a comma in a number a delimiter.
#[test]
fn another_delimiter_is_told_by_the_numbers_of_the_files() {
    let spool = spool(&["x", "y"]).set("input.delimiter=;").set("input.decimal=,");
    for (name, csv, code, said) in [
        (
            "row.csv",
            "1,5|2,5\n",
            "wrong_delimiter",
            "input.delimiter = \"|\", or save",
        ),
        (
            "tabs.csv",
            "1,5\t2,5\n",
            "wrong_delimiter",
            "input.delimiter = \"\\t\", or save",
        ),
        ("one.csv", "1,5\n2,5\n", "wrong_column_count", "x, y"),
        (
            "named.csv",
            "x,y\n1,2\n",
            "wrong_delimiter",
            "input.delimiter = \",\" and input.decimal = \".\", or save",
        ),
    ] {
        spool.drop_file(name, csv);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert_eq!(report["code"], code, "{report}");
        assert!(report["hint"].as_str().unwrap().contains(said), "{report}");
        fs::remove_file(spool.path(format!("input/{name}"))).unwrap();
    }
}

#[test]
fn what_is_no_csv_is_named() {
    let spool = spool(&["x"]);
    for (name, bytes, code, said) in [
        ("gzip.csv", &b"\x1f\x8b\x08\0\0\0\"\0\0"[..], "not_csv", "gzip"),
        (
            "xlsx.csv",
            b"PK\x03\x04\x14\0\x06\0xl/workbook.xml\0\"",
            "not_csv",
            "Excel",
        ),
        ("parquet.csv", b"PAR1\x15\x04\x15\x10", "not_csv", "Parquet"),
        (
            "page.csv",
            b"<!DOCTYPE html>\n<html lang=\"en\">\n",
            "not_csv",
            "web page",
        ),
        ("rows.csv", b"[{\"x\": 1}]\n", "not_csv", "JSON"),
        ("utf32.csv", b"\xff\xfe\0\0x\0\0\0\n\0\0\0", "not_csv", "UTF-32"),
        ("crcrlf.csv", b"x\r\r\n1\r\r\n", "line_ends", "CR CR LF"),
        ("cr.csv", b"x\r1\r2\r", "line_ends", "CR alone"),
        ("lines.csv", b"\"id,x\"\n\"1,2\"\n", "quoted_lines", "quoted as a whole"),
    ] {
        spool.drop_file(name, bytes);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert_eq!(report["code"], code, "{report}");
        assert!(report["message"].as_str().unwrap().contains(said), "{report}");
        std::fs::remove_file(spool.path("input").join(name)).unwrap();
    }
}
