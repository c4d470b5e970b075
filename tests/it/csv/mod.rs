//! CSV as the world writes it, and what can't be taken.

mod refused;

use crate::spool::{Spool, name_of, wait_until};
use std::fs;

#[test]
fn csv_as_the_world_writes_it() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("plain", b"x\n1\n2\n", "3.0\n5.0\n"),
        ("no final newline", b"x\n1\n2", "3.0\n5.0\n"),
        ("crlf", b"x\r\n1\r\n2\r\n", "3.0\n5.0\n"),
        ("crlf, no final newline", b"id,x\r\na,1\r\nb,2", "3.0\n5.0\n"),
        ("byte order mark", b"\xEF\xBB\xBFx\n1\n", "3.0\n"),
        ("byte order mark, no header", b"\xEF\xBB\xBF1\n2\n", "3.0\n5.0\n"),
        ("quoted numbers and names", b"\"x\"\n\"1\"\n\" 2 \"\n", "3.0\n5.0\n"),
        ("quoted delimiters", b"name,x\n\"a,b\",1\n\"c,,\",2\n", "3.0\n5.0\n"),
        (
            "quoted quotes",
            b"name,x\n\"say \"\"hi\"\"\",1\n\"\"\"\",2\n",
            "3.0\n5.0\n",
        ),
        ("embedded newlines", b"name,x\n\"a\nb\r\n\n\",1\nc,2\n", "3.0\n5.0\n"),
        ("embedded newline in the header", b"\"na\nme\",x\na,1\n", "3.0\n"),
        ("quote inside a field is text", b"name,x\n5\" pipe,1\n", "3.0\n"),
        ("columns in any order", b"b,x,a\n9,1,9\n", "3.0\n"),
        (
            "spaces and tabs around numbers",
            b"x ,y\n 1 ,a\n\t2\t,b\n",
            "3.0\n5.0\n",
        ),
        ("exponents", b"x\n1e-5\n1E2\n-2.5e+0\n", "1.00002\n201.0\n-4.0\n"),
        ("signs and bare points", b"x\n+3\n.5\n5.\n-0\n", "7.0\n2.0\n11.0\n1.0\n"),
        ("infinities", b"x\ninf\n-Infinity\n", "inf\n-inf\n"),
        ("empty lines are no records", b"\nx,y\n\n1,0\n\r\n2,0\n\n", "3.0\n5.0\n"),
        ("no rows", b"x\n", ""),
        ("one row without newline", b"1", "3.0\n"),
        ("latin-1 in a column that isn't needed", b"name,x\ncaf\xe9,1\n", "3.0\n"),
        (
            "nearest double",
            b"x\n9007199254740993\n0.1\n",
            "1.8014398509481984e+16\n1.2\n",
        ),
    ];
    let spool = Spool::new();
    for (case, text, _) in cases {
        spool.drop_file(&format!("{case}.csv"), text);
    }
    spool.once().exits(0);
    for (case, text, expected) in cases {
        let header = if text.contains(&b'x') { "prediction\n" } else { "" };
        assert_eq!(
            spool.output(&format!("{case}.csv")).unwrap(),
            format!("{header}{expected}"),
            "{case}"
        );
    }
}

#[test]
fn missing_values_and_other_bad_cells_are_bad_rows() {
    let spool = Spool::new().set("input.max_bad_rows=100%");
    let text = "id,x\n1,\n2,NA\n3,nan\n4,NULL\n5,N/A\n6,  \n7,\"\"\n8,1\n9,abc\n10,1.2.3\n11,0x10\n12,1_000\n13,1e\n14\n15,1,2\n16,\"1\"2\n";
    spool.drop_file("a.csv", text);
    spool.once().exits(0).says("16 rows, 15 bad");
    let output = spool.output("a.csv").unwrap();
    let expected: Vec<&str> = (1..=16).map(|row| if row == 8 { "3.0" } else { "\"\"" }).collect();
    assert_eq!(output, format!("prediction\n{}\n", expected.join("\n")));
    let rejects = spool.rejects("a.csv").unwrap();
    let reason = |line: usize| {
        let lines: Vec<&str> = rejects.lines().filter(|l| l.starts_with(&format!("{line},"))).collect();
        assert_eq!(lines.len(), 1, "line {line} of {rejects}");
        lines[0].split_once(',').unwrap().1.to_string()
    };
    for line in 2..=8 {
        assert!(reason(line).starts_with("x,missing value,"), "{}", reason(line));
    }
    for line in 10..=14 {
        assert!(reason(line).starts_with("x,not a number,"), "{}", reason(line));
    }
    assert_eq!(reason(15), ",1 field instead of 2,14");
    assert_eq!(reason(16), ",3 fields instead of 2,\"15,1,2\"");
    assert_eq!(reason(17), "x,text after a closing quote,\"16,\"\"1\"\"2\"");
}

#[test]
fn a_header_or_none() {
    let two = r#"{"features":["a","b"],"coefficients":[1,10],"intercept":0}"#;
    let spool = Spool::without_model();
    spool.register(two);
    spool.approve(1);
    spool.drop_file("header.csv", "b,a\n1,2\n");
    spool.drop_file("none.csv", "2,1\n3,4\n");
    spool.drop_file(
        "none-missing.csv",
        "2,NA\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n1,1\n",
    );
    spool.drop_file("too-many.csv", "1,2,3\n");
    spool.drop_file("words.csv", "a,c\n1,2\n");
    spool.once().exits(1);
    assert_eq!(spool.output("header.csv").unwrap(), "prediction\n12.0\n");
    // Line n of the output belongs to line n of the input: no header, no header.
    assert_eq!(spool.output("none.csv").unwrap(), "12.0\n43.0\n");
    assert!(spool.output("none-missing.csv").unwrap().starts_with("\"\"\n11.0\n"));
    assert_eq!(spool.report("too-many.csv").unwrap()["code"], "wrong_column_count");
    assert_eq!(spool.report("words.csv").unwrap()["code"], "no_such_column");

    let spool = spool.set("input.header=true").set("input.max_bad_rows=0");
    spool.once().exits(1);
    assert_eq!(spool.report("none.csv").unwrap()["code"], "no_such_column");
    let spool = spool.set("input.header=false");
    spool.once().exits(1);
    let report = spool.report("header.csv").unwrap();
    assert_eq!(
        (&report["code"], &report["line"]),
        (&"header_unclear".into(), &1.into())
    );
}

#[test]
fn kept_columns_are_the_inputs_own_bytes() {
    let text = b"id ,\"note\",x\r\n 7,\"a \"\"b\"\",\n c\",1\r\ncaf\xe9,,2\r\n9,only two\r\n10,bad,abc\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n1,a,1\r\n";
    let spool = Spool::new().set("output.columns=all");
    spool.drop_file("a.csv", text);
    spool.once().exits(0);
    let output = spool.output_bytes("a.csv").unwrap();
    let expected =
        b"id ,\"note\",x,prediction\n 7,\"a \"\"b\"\",\n c\",1,3.0\ncaf\xe9,,2,5.0\n,,,\n10,bad,abc,\n1,a,1,3.0\n";
    assert_eq!(&output[..expected.len()], expected);
    let spool = spool.set("output.columns=[\"x\", \"id\"]");
    spool.once().exits(0);
    let output = spool.output_bytes("a.csv").unwrap();
    let expected = b"x,id ,prediction\n1, 7,3.0\n2,caf\xe9,5.0\n,,\nabc,10,\n1,1,3.0\n";
    assert_eq!(&output[..expected.len()], expected);
}

#[test]
fn strange_names_are_inputs_too() {
    let spool = Spool::new();
    let long = "l".repeat(247) + ".csv";
    let too_long = "l".repeat(248) + ".csv";
    let names: [&[u8]; 6] = [
        b"new\nline.csv",
        b"quo\"te'.csv",
        b"..a.csv.CSV",
        b"caf\xe9.csv",
        long.as_bytes(),
        too_long.as_bytes(),
    ];
    for name in names {
        fs::write(spool.path("input").join(name_of(name)), "x\n1\n").unwrap();
    }
    let ran = spool.once().exits(1).says("scored 4 files").says("1 failed");
    assert!(!ran.stderr.contains("new\nline"), "{ran:?}");
    for name in [names[0], names[1], names[3], names[4]] {
        let output = spool.path("output").join(name_of(&[name, b".out"].concat()));
        assert_eq!(fs::read_to_string(output).unwrap(), "prediction\n3.0\n");
    }
    let reports = spool.names("failed");
    assert_eq!(reports.len(), 1);
    let report = fs::read_to_string(spool.path("failed").join(&reports[0])).unwrap();
    assert!(reports[0].len() <= 255 && report.contains("name_too_long"), "{report}");
}

#[test]
fn bad_rows_can_fail_the_file_or_be_counted() {
    let text = "x\n1\nfoo\n3\nbar\n5\n";
    let spool = Spool::new().set("input.max_bad_rows=2");
    spool.drop_file("a.csv", text);
    spool.once().exits(0).says("5 rows, 2 bad");
    let spool = spool.set("input.max_bad_rows=1");
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    assert_eq!(
        (&report["code"], &report["line"], &report["column"]),
        (&"too_many_bad_rows".into(), &3.into(), &"x".into())
    );
    assert!(
        report["message"].as_str().unwrap().contains("more than 1 row"),
        "{report}"
    );
    // What was made under other settings is no output any more; the rejects tell which rows.
    assert_eq!(spool.output("a.csv"), None);
    assert_eq!(spool.rejects("a.csv").unwrap().lines().count(), 3);
    let spool = spool.set("input.bad_rows=fail").set("input.max_bad_rows=100%");
    spool.once().exits(1);
    let report = spool.report("a.csv").unwrap();
    assert_eq!(
        (&report["code"], &report["line"], &report["column"]),
        (&"bad_row".into(), &3.into(), &"x".into())
    );
    assert_eq!(report["message"], "not a number: foo");
    assert_eq!(spool.rejects("a.csv"), None);
    let spool = spool.set("input.bad_rows=blank").set("input.max_bad_rows=40%");
    spool.once().exits(0);
    assert_eq!(spool.report("a.csv"), None);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction\n3.0\n\"\"\n7.0\n\"\"\n11.0\n"
    );
}

#[test]
fn the_filter_scores_standard_input() {
    let spool = Spool::new();
    let ran = spool
        .filter(&["score"], b"x\n1\nfoo\n2\n3\n4\n5\n6\n7\n8\n9\n10\n")
        .exits(0);
    assert!(ran.stdout.starts_with("prediction\n3.0\n\"\"\n5.0\n"), "{ran:?}");
    let said = "transform: 1 of 11 rows can't be scored, and their predictions are empty; --rejects FILE lists them. \
                The first, as line,column,reason,text:\n  3,x,not a number,foo\n";
    assert_eq!(ran.stderr, said);
    spool
        .filter(&["score"], b"y\n1\n")
        .exits(1)
        .says("line 1: no column \"x\"")
        .says("no_such_column");
    spool.register_line(7.0, 0.0);
    let ran = spool
        .filter(
            &["score", "--model", spool.path("models/lines/2").to_str().unwrap()],
            b"1\n",
        )
        .exits(0);
    assert_eq!(ran.stdout, "7.0\n");
    let rows: String = "x\n".to_string() + &"1\n".repeat(1_500_000);
    let ran = spool.filter(&["score"], rows.as_bytes()).exits(0);
    assert_eq!(ran.stdout.len(), "prediction\n".len() + 1_500_000 * 4);
    // A reader that goes away is no error.
    let mut child = spool
        .command(&["score"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let _ = std::io::Write::write_all(&mut stdin, rows.as_bytes());
    drop(stdin);
    let mut code = None;
    wait_until("it ends", || {
        code = child.try_wait().unwrap();
        code.is_some()
    });
    assert!(code.unwrap().success());
}

/// Found by scoring infinities with products of features: the first class was written.
#[test]
fn a_label_that_can_not_be_told_is_not_the_first_class() {
    let pipeline = r#"{
        "inputs": [{"name": "x", "missing": "refuse"}, {"name": "y", "missing": "refuse"}],
        "terms": [
            {"name": "x", "factors": [{"input": "x"}], "mean": 0, "scale": 1, "coefficient": 1},
            {"name": "y", "factors": [{"input": "y"}], "mean": 0, "scale": 1, "coefficient": 1}
        ],
        "intercept": 0.25,
        "output": {"classes": ["no", "yes"], "threshold": 0.5}
    }"#;
    let spool = Spool::without_model();
    let path = spool.path("pipeline.json");
    fs::write(&path, pipeline).unwrap();
    spool.register_file(path, "pipeline", &[]).exits(0);
    spool.approve(1);
    spool.drop_file("a.csv", "x,y\n1,1\ninf,-inf\n-1,-1\ninf,1\n1,-inf\n");
    spool.once().exits(0).says("5 rows");
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\nyes\nNaN\nno\nyes\nno\n");
    let history = spool.run(&["history", "a.csv", "--json"]).json();
    assert_eq!(history[0]["not_finite"], 1, "{history}");
}

/// The mark was cut off after the records were: a quote behind it opened no field, so a line end in it ended a record.
#[test]
fn a_quoted_first_name_with_a_line_end_may_follow_a_byte_order_mark() {
    let spool = Spool::new().set("output.columns=all");
    spool.drop_file(
        "a.csv",
        b"\xEF\xBB\xBF\"na\nme\",x\na,1\nb,oops\nc,1\nd,1\ne,1\nf,1\ng,1\nh,1\ni,1\nj,1\n",
    );
    spool.drop_file("quote.csv", b"\xEF\xBB\xBF\"n\n\nx,1\n");
    spool.once().exits(1).says("10 rows, 1 bad");
    let output = spool.output("a.csv").unwrap();
    assert!(
        output.starts_with("\"na\nme\",x,prediction\na,1,3.0\nb,oops,\nc,1,3.0\n"),
        "{output}"
    );
    assert_eq!(
        spool.rejects("a.csv").unwrap(),
        "line,column,reason,text\n4,x,not a number,\"b,oops\"\n"
    );
    assert_eq!(spool.report("quote.csv").unwrap()["code"], "unclosed_quote");
}

#[test]
fn rejects_that_can_not_be_written_are_named() {
    let spool = Spool::new().set("input.recursive=true").set("input.max_bad_rows=1");
    spool.drop_file("sub/a.csv", "x\n1\noops\n");
    fs::write(spool.path("failed/sub"), "in the way").unwrap();
    spool.once().exits(75).says("failed/sub/a.csv.rejects.csv");
}

#[test]
fn a_share_of_bad_rows_is_met_exactly() {
    let spool = Spool::new().set("input.max_bad_rows=29%");
    let rows = |bad: usize| -> String { (0..100).map(|i| if i < bad { "oops\n" } else { "1\n" }).collect() };
    spool.drop_file("29.csv", format!("x\n{}", rows(29)));
    spool.drop_file("30.csv", format!("x\n{}", rows(30)));
    spool.once().exits(1).says("100 rows, 29 bad");
    assert!(spool.output("29.csv").is_some());
    assert_eq!(spool.report("30.csv").unwrap()["code"], "too_many_bad_rows");
    let spool = spool.set("input.max_bad_rows=7%");
    spool.once().exits(1);
    let report = spool.report("29.csv").unwrap().to_string();
    assert!(report.contains("max_bad_rows is 7%;"), "{report}");
}

#[test]
fn a_last_column_says_which_version_predicted() {
    let spool = Spool::new()
        .set("output.model_version=true")
        .set("input.max_bad_rows=100%");
    spool.drop_file("none.csv", "1\n2\n");
    spool.once().exits(0);
    assert_eq!(spool.output("none.csv").unwrap(), "3.0,1\n5.0,1\n");
    spool.approve_line(3.0, 0.0);
    spool.drop_file("a.csv", "id,x\n7,1\n8,oops\n9\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction,model_version\n3.0,2\n,2\n,2\n"
    );
    assert_eq!(spool.output("none.csv").unwrap(), "3.0,2\n6.0,2\n");
    // The input may have such a column, unless it is kept.
    spool.drop_file("a.csv", "model_version,x\n7,1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction,model_version\n3.0,2\n");
    let kept = spool.set("output.columns=all");
    kept.once().exits(1);
    assert_eq!(kept.report("a.csv").unwrap()["code"], "duplicate_column");
    assert_eq!(kept.output("none.csv").unwrap(), "1,3.0,2\n2,6.0,2\n");
    let filtered = kept.filter(&["score"], b"x\n1\n").exits(0);
    assert_eq!(filtered.stdout, "x,prediction\n1,3.0\n");
}
