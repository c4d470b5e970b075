//! `input.escape`: what Spark and MySQL write, and all that reads or copies its bytes.

use crate::spool::Spool;
use serde_json::Value;
use std::fs;

/// Reads with a backslash as escape, and keeps all columns.
fn spool() -> Spool {
    Spool::new()
        .set("input.escape=\\")
        .set("output.columns=all")
        .set("input.max_bad_rows=100%")
}

/// By univocity's rules: cells are quoted where they have a delimiter, quote or line end; a backslash is doubled only in quotes.
#[test]
fn what_spark_writes_is_read_and_kept_as_rfc_4180_has_it() {
    let spool = spool();
    spool.drop_file(
        "spark.csv",
        "\"na\\\"me\",x\n\"said \\\"hi\\\"\",1\n\"C:\\\\dir, x\\\\\",2\nC:\\dir,3\n\"two\nlines\",4\n\"\",5\n\"\\\"\",6\nplain,\"7\"\n",
    );
    spool.once().exits(0).says("7 rows");
    assert_eq!(
        spool.output("spark.csv").unwrap(),
        "\"na\"\"me\",x,prediction\n\"said \"\"hi\"\"\",1,3.0\n\"C:\\dir, x\\\",2,5.0\nC:\\dir,3,7.0\n\"two\nlines\",4,9.0\n\"\",5,11.0\n\
         \"\"\"\",6,13.0\nplain,\"7\",15.0\n"
    );
    assert_eq!(spool.rejects("spark.csv"), None);
}

/// `SELECT .. INTO OUTFILE`: quotes, backslashes, the first byte of a line end and, where nothing is enclosed, the delimiter are
/// escaped, and null is `\N`.
#[test]
fn what_mysql_writes_is_read_with_its_nulls() {
    let spool = spool().set("input.missing=[\"\\\\N\"]");
    let bare =
        "name,x\na\\,b,1\ntwo\\\nlines,2\nback\\\\slash\\\\,3\n\\N,4\n\\\"hi\\\",5\nq,\\N\nlast\\,,lots\\\n\\\n\n";
    let kept = "name,x,prediction\n\"a,b\",1,3.0\n\"two\nlines\",2,5.0\nback\\slash\\,3,7.0\n\\N,4,9.0\n\"\"\"hi\"\"\",5,11.0\nq,\\N,\n\
                \"last,\",\"lots\n\n\",\n";
    spool.drop_file("bare.csv", bare);
    spool.drop_file("crlf.csv", bare.replace('\n', "\r\n"));
    spool.drop_file(
        "enclosed.csv",
        "\"name\",\"x\"\n\"a,\\\"b\\\"\",\"1\"\n\"two\\\nlines\",\"2\"\n\\N,\\N\n",
    );
    spool.once().exits(0);
    assert_eq!(spool.output("bare.csv").unwrap(), kept);
    // As they stood, on the lines where they began.
    assert_eq!(
        spool.rejects("bare.csv").unwrap(),
        "line,column,reason,text\n8,x,missing value,\"q,\\N\"\n9,x,not a number,\"last\\,,lots\\\n\\\n\"\n"
    );
    let crlf = spool.output("crlf.csv").unwrap();
    assert_eq!(
        crlf,
        kept.replace("two\nlines", "two\r\nlines")
            .replace("lots\n\n", "lots\r\n\r\n")
    );
    assert_eq!(
        spool.output("enclosed.csv").unwrap(),
        "\"name\",\"x\",prediction\n\"a,\"\"b\"\"\",\"1\",3.0\n\"two\nlines\",\"2\",5.0\n\\N,\\N,\n"
    );
    // A null is a text like any other where nothing says what it means.
    let spool = self::spool();
    spool.drop_file("null.csv", "name,x\nq,\\N\n");
    spool.once().exits(0);
    assert!(spool.rejects("null.csv").unwrap().contains("not a number"));
}

/// Blocks end anywhere: behind an escape, within an escaped line end, in front of one.
#[test]
fn escapes_at_the_ends_of_blocks_escape_what_follows() {
    let spool = spool();
    let (mut escaped, mut plain) = ("name,x\n".to_string(), "name,x\n".to_string());
    for i in 0..120_000 {
        let filler = "f".repeat(i % 7);
        escaped += &format!("{filler}\\,\\\n\\\r\n\\\"\\\\,{i}\n\"\\\"{filler}\\\\\",{i}\n");
        plain += &format!("\"{filler},\n\r\n\"\"\\\",{i}\n\"\"\"{filler}\\\",{i}\n");
    }
    spool.drop_file("escaped.csv", &escaped);
    spool.once().exits(0).says("240000 rows");
    let reader = Spool::new().set("output.columns=all");
    reader.drop_file("plain.csv", &plain);
    reader.once().exits(0).says("240000 rows");
    assert!(spool.output("escaped.csv") == reader.output("plain.csv"));
    // Standard input comes in pieces of its own.
    let ran = spool.filter(&["score"], escaped.as_bytes()).exits(0);
    assert!(Some(ran.stdout) == reader.output("plain.csv"));
}

/// What stands behind it can't be told: the file was cut off, or the escape is text.
#[test]
fn an_escape_at_the_end_of_a_file_is_refused_by_name() {
    let spool = spool();
    for (name, text, code, line) in [
        ("end.csv", "x\n1\n2\\", "open_escape", 3),
        ("line end.csv", "x\n1\n2\\\n", "open_escape", 3),
        ("crlf.csv", "x\r\n1\r\n2\\\r\n", "open_escape", 3),
        ("carriage.csv", "x\n1\n\\\r", "open_escape", 3),
        ("header.csv", "x\\\n", "open_escape", 1),
        ("quoted.csv", "x\n\"1\\", "unclosed_quote", 2),
        ("closing.csv", "x\n\"1\\\"\n", "unclosed_quote", 2),
    ] {
        spool.drop_file(name, text);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert_eq!(
            (&report["code"], &report["line"]),
            (&code.into(), &line.into()),
            "{report}"
        );
    }
    // Behind an escape that is itself escaped, a line ends as ever; and an escaped line end is part of a cell, padding behind it.
    let spool = spool.set("output.columns=prediction");
    spool.drop_file("even.csv", "y,x\na\\\\,1\n\\\\,2");
    spool.drop_file("padding.csv", "x,y\n1,a\\\n\n2,b\\\n \n\n\n");
    spool.once();
    assert_eq!(spool.output("even.csv").unwrap(), "prediction\n3.0\n5.0\n");
    assert_eq!(spool.output("padding.csv").unwrap(), "prediction\n3.0\n5.0\n");
}

#[test]
fn rejected_rows_stand_as_they_stood() {
    let spool = spool();
    spool.drop_file("a.csv", "name,x\n\"a\\\"b\",lots\nc\\,d,\\\n\"e\"\\,f,1\ng\\,1\nok,1\n");
    spool.once().exits(0);
    assert_eq!(
        spool.rejects("a.csv").unwrap(),
        "line,column,reason,text\n2,x,not a number,\"\"\"a\\\"\"b\"\",lots\"\n3,,3 fields instead of 2,\"c\\,d,\\\n\"\"e\"\"\\,f,1\"\n\
         5,,1 field instead of 2,\"g\\,1\"\n"
    );
    // Which field is which can't be told of two of them.
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "name,x,prediction\n\"a\"\"b\",lots,\n,,\n,,\nok,1,3.0\n"
    );
    // Without the key nothing is changed.
    let spool = Spool::new().set("output.columns=all");
    spool.drop_file("b.csv", "name,x\nC:\\dir\\,1\n\"\\\\\",2\n\\N,3\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("b.csv").unwrap(),
        "name,x,prediction\nC:\\dir\\,1,3.0\n\"\\\\\",2,5.0\n\\N,3,7.0\n"
    );
}

#[test]
fn backslashes_without_the_key_hint_at_it() {
    let spool = Spool::new();
    for (name, text, code) in [
        ("quotes.csv", "name,x\n\"a \\\"b\\\" c\",1\n", "too_many_bad_rows"),
        ("delimiters.csv", "name,x\na\\,b,1\n", "too_many_bad_rows"),
        ("line ends.csv", "name,x\na\\\nb,1\n", "too_many_bad_rows"),
        ("open.csv", "name,x\n\"a \\\"\",1\nb,2\n", "unclosed_quote"),
        ("no header.csv", "a\\,b,1\nc,2\n", "no_such_column"),
        ("numbers.csv", "1\\\n2\n", "no_such_column"),
    ] {
        spool.drop_file(name, text);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert_eq!(report["code"], code, "{name}: {report}");
        let hint = report["hint"].as_str().unwrap();
        assert!(hint.contains("set input.escape = \"\\\\\""), "{name}: {hint}");
    }
    // Other faults, and backslashes that escape nothing, don't.
    for (name, text) in [("other.csv", "name,x\na,b,1\n"), ("path.csv", "name,x\nC:\\dir,b,1\n")] {
        spool.drop_file(name, text);
        spool.once().exits(1);
        let report = spool.report(name).unwrap();
        assert!(!report.to_string().contains("escape"), "{name}: {report}");
    }
    let spool = spool.set("input.bad_rows=fail");
    spool.drop_file("row.csv", "name,x\nok,1\n\"a \\\"b\\\"\",1\n");
    spool.once().exits(1);
    let report = spool.report("row.csv").unwrap();
    assert!(report["hint"].as_str().unwrap().contains("input.escape"), "{report}");
    // Below the limit the rejects say so.
    let spool = Spool::new().set("input.max_bad_rows=50%");
    spool.drop_file("some.csv", "name,x\nok,1\n\"a \\\"b\\\"\",1\n");
    spool.once().exits(0);
    assert!(spool.rejects("some.csv").unwrap().contains("input.escape is not set"));
    // What the hint says helps.
    let spool = spool.set("input.escape=\\");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("some.csv").unwrap(), "prediction\n3.0\n3.0\n");
}

#[test]
fn an_escape_that_would_be_part_of_cells_is_refused() {
    for (key, words) in [
        ("a", "input.escape = \"a\" should be one ASCII character"),
        ("7", "input.escape"),
        ("\"", "doubled quotes need none"),
        (" ", "input.escape"),
        ("\n", "input.escape"),
        (",", "input.escape"),
        ("-", "input.escape"),
        ("\\n", "input.escape"),
        ("\u{e9}", "input.escape"),
    ] {
        let spool = Spool::new().set(&format!("input.escape={key}"));
        spool.once().exits(64).says(words);
    }
    let spool = Spool::new().set("input.escape=^").set("input.delimiter=^");
    spool
        .once()
        .exits(64)
        .says("input.escape and input.delimiter can't be the same character");
    // Any other will do.
    let spool = spool.set("input.delimiter=;").set("output.columns=all");
    spool.drop_file("a.csv", "name;x\na^;b^^;1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "name;x;prediction\n\"a;b^\";1;3.0\n");
}

/// Training has its own key, of the same meaning; evaluation and golden rows go by the configuration's.
#[test]
fn examples_and_golden_rows_may_be_escaped_too() {
    let spool = Spool::without_model().set("input.escape=\\");
    let mut text = "city,x,y\n".to_string();
    for i in 0..60 {
        let (city, more) = [("Oslo\\, N", 5.0), ("\"\\\"Lima\\\"\"", 0.0), ("two\\\nlines", 9.0)][i % 3];
        text += &format!("{city},{i},{}\n", 2.0 * i as f64 + more);
    }
    fs::write(spool.path("examples.csv"), &text).unwrap();
    let pipeline = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"city\", \"x\"]\n[split]\nshare = 0.25\n[train]\ntrainer = \"least-squares\"\n";
    fs::write(spool.path("p.toml"), pipeline).unwrap();
    spool.run(&["train", "p.toml"]).exits(64).says("data.escape");
    spool
        .run(&["train", "p.toml", "--escape", "a"])
        .exits(64)
        .says("data.escape should be one ASCII character");
    // What no input may be parted by, no example may: it was taken, and letters too.
    for delimiter in ["a", "-", " ", "'"] {
        spool
            .run(&["train", "p.toml", "--delimiter", delimiter])
            .exits(64)
            .says("data.delimiter should be one ASCII character that is no letter");
    }
    spool.run(&["train", "p.toml", "--escape", "\\"]).exits(0).says("r2");
    let golden: Value = serde_json::from_slice(&fs::read(spool.path("models/lines/1/golden.json")).unwrap()).unwrap();
    let cities: Vec<&str> = golden["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[0].as_str().unwrap())
        .collect();
    for city in ["Oslo, N", "\"Lima\"", "two\nlines"] {
        assert!(cities.contains(&city), "{cities:?}");
    }
    spool.approve(1);
    let examples = spool.path("examples.csv");
    let args = ["evaluate", examples.to_str().unwrap(), "--json"];
    let found = spool.run(&args).exits(0).json();
    assert!(
        found["regression_metrics"]["mse"]["value"].as_f64().unwrap() < 1e-12,
        "{found}"
    );
    // The other key is said in the hint where it isn't set.
    let args = ["evaluate", examples.to_str().unwrap(), "--set", "input.escape="];
    spool.run(&args).exits(64).says("set input.escape = \"\\\\\"");
    let spool = Spool::without_model().set("input.escape=\\");
    fs::write(spool.path("rows.csv"), "name,x\na\\,b,1\n\"\\\"\",2\n").unwrap();
    fs::write(
        spool.path("m.json"),
        r#"{"features":["x"],"coefficients":[2],"intercept":1}"#,
    )
    .unwrap();
    let args = [
        "models", "register", "m.json", "--format", "linear", "--golden", "rows.csv",
    ];
    spool.run(&args).exits(0).says("with 2 golden rows");
}
