//! What a cell means, to a person and to the model.

use crate::spool::Spool;
use serde_json::json;
use std::fs;

/// Approves a pipeline over the column `c`: a category's prediction is 10 for the first, 20 for the second..., that of one it
/// doesn't know 0, and that of a missing one 10.
pub fn approve_categories(spool: &Spool, categories: &[&str]) {
    let term = |(place, category): (usize, &&str)| {
        json!({
            "name": format!("c={category}"), "factors": [{"input": "c", "category": category}],
            "mean": 0.0, "scale": 1.0, "coefficient": 10.0 * (place + 1) as f64,
        })
    };
    let terms: Vec<_> = categories.iter().enumerate().map(term).collect();
    let missing = json!({"category": categories[0]});
    let artifact = json!({
        "inputs": [{"name": "c", "categories": categories, "missing": missing, "unknown": "ignore"}],
        "terms": terms, "intercept": 0.0, "output": "number",
    });
    let path = spool.path("pipeline.json");
    fs::write(&path, artifact.to_string()).unwrap();
    spool.register_file(path, "pipeline", &["--approve"]).exits(0);
}

#[test]
fn a_text_that_is_not_utf_8_is_a_bad_row_and_no_unknown_category() {
    let spool = Spool::without_model()
        .set("input.max_bad_rows=100%")
        .set("output.columns=all");
    approve_categories(&spool, &["Bern", "Gen\u{e8}ve"]);
    let utf8 = "c,note\nBern,a\nGen\u{e8}ve,b\nOslo,c\n";
    spool.drop_file("utf8.csv", utf8);
    // The note passes as it stands: no model reads it.
    spool.drop_file("latin1.csv", b"c,note\nBern,\xE9\nGen\xE8ve,b\n\"Gen\xE8ve\",c\n");
    spool.once().exits(0).says("2 bad");
    assert_eq!(
        spool.output("utf8.csv").unwrap(),
        "c,note,prediction\nBern,a,10.0\nGen\u{e8}ve,b,20.0\nOslo,c,0.0\n"
    );
    let out = spool.output_bytes("latin1.csv").unwrap();
    assert_eq!(
        out,
        b"c,note,prediction\nBern,\xE9,10.0\nGen\xE8ve,b,\n\"Gen\xE8ve\",c,\n"
    );
    let rejects = fs::read(spool.path("failed/latin1.csv.rejects.csv")).unwrap();
    let rejects = String::from_utf8_lossy(&rejects);
    assert!(rejects.contains("\n3,c,text that is not UTF-8,"), "{rejects}");
}

#[test]
fn golden_rows_are_none_whose_texts_are_not_utf_8() {
    let spool = Spool::without_model();
    approve_categories(&spool, &["Bern", "Gen\u{e8}ve"]);
    fs::write(spool.path("rows.csv"), b"c\nGen\xE8ve\n").unwrap();
    let register = || spool.register_file("pipeline.json", "pipeline", &["--golden", "rows.csv"]);
    register().exits(64).says("c: text that is not UTF-8");
    fs::write(spool.path("rows.csv"), b"c\nGen\xE8ve\nBern\n").unwrap();
    register().exits(0);
}

/// One missing code in the producer's frame, and 270 is written 270.0.
#[test]
fn a_whole_number_with_a_point_is_the_same_category() {
    let spool = Spool::without_model();
    approve_categories(&spool, &["101", "270", "none"]);
    spool.drop_file("a.csv", "c\n270\n270.0\n2.7e2\n0270\n101.0\n\"\"\nnone\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction\n20.0\n20.0\n20.0\n0.0\n10.0\n10.0\n30.0\n"
    );
}

#[test]
fn training_takes_whole_numbers_with_and_without_a_point_for_one_category() {
    let spool = Spool::without_model();
    let rows = (0..40).map(|i| {
        let code = ["101", "270.0", "101.0", "270", ""][i % 5];
        let y = if code.starts_with("101") { 1.0 } else { 5.0 };
        format!("{code},{},{}\n", i % 7, y + (i % 3) as f64 / 10.0)
    });
    let examples = format!("code,v,y\n{}", rows.collect::<String>());
    let pipeline =
        "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\ntexts = [\"code\"]\n[train]\ntrainer = \"least-squares\"\n";
    spool.train(&examples, pipeline).exits(0);
    let artifact = fs::read(spool.path("models/lines/1/pipeline.json")).unwrap();
    let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
    assert_eq!(artifact["inputs"][0]["categories"], json!(["101", "270"]));
    spool.approve(1);
    let scored = spool
        .filter(&["score"], b"code,v\n270,1\n270.0,1\n101,1\n")
        .exits(0)
        .stdout;
    let lines: Vec<&str> = scored.lines().collect();
    assert_eq!(lines[1], lines[2]);
    assert_ne!(lines[1], lines[3]);
}

/// As scoring takes them, beside one word and no more; the two were trained apart.
#[test]
fn training_joins_whole_numbers_beside_one_word_as_scoring_does() {
    let pipeline =
        "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\ntexts = [\"code\"]\n[train]\ntrainer = \"least-squares\"\n";
    let categories = |codes: [&str; 6]| {
        let spool = Spool::without_model();
        let row = |i: usize| format!("{},{},{}\n", codes[i % 6], i % 7, i % 6 + i % 3);
        let examples: String = (0..60).map(row).collect();
        spool.train(&format!("code,v,y\n{examples}"), pipeline).exits(0);
        let artifact = fs::read(spool.path("models/lines/1/pipeline.json")).unwrap();
        let artifact: serde_json::Value = serde_json::from_slice(&artifact).unwrap();
        artifact["inputs"][0]["categories"].clone()
    };
    assert_eq!(
        categories(["101", "270.0", "unknown", "270", "101.0", ""]),
        json!(["101", "270", "unknown"])
    );
    for other in ["none", "1.5", "0270"] {
        let apart = categories(["101", "270.0", "unknown", "270", other, ""]);
        assert_eq!(apart.as_array().unwrap().len(), 5, "{apart}");
    }
}

/// They are no bad rows: the model takes them for what it takes the rest for. Nobody would see that a producer's codes changed.
#[test]
fn unknown_categories_are_counted_by_column_wherever_people_look() {
    let spool = Spool::without_model().set("input.max_bad_rows=100%");
    approve_categories(&spool, &["Oslo", "Rome"]);
    // Many blocks: what is counted doesn't depend on where the file is cut. A missing one is not unknown, nor is one of a bad row.
    let rows = "Oslo,1\nPrague,1\n\"\",1\nRome,1\nroma,1\nX,1,2\n".repeat(20_000);
    spool.drop_file("a.csv", format!("c,v\n{rows}"));
    spool.drop_file("b.csv", "c\nOslo\n");
    let ran = spool
        .run(&["--once", "--json"])
        .exits(0)
        .says("unknown categories: c 40000");
    assert_eq!(ran.json()["unknown"], json!({"c": 40_000}));
    let warnings = ran
        .stderr
        .lines()
        .filter(|l| l.contains("categories that the model doesn't know"));
    assert_eq!(warnings.count(), 1, "{}", ran.stderr);
    let history = spool.run(&["history", "a.csv", "--json"]).exits(0).json();
    assert_eq!(history[0]["unknown"], json!({"c": 40_000}));
    assert_eq!(
        spool.run(&["history", "b.csv", "--json"]).json()[0]["unknown"],
        json!({})
    );
    spool.run(&["history"]).exits(0).says("unknown categories: c 40000");
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(
        status["unknown_files"],
        json!([{"file": "a.csv", "unknown": {"c": 40_000}}])
    );
    spool.run(&["status"]).exits(0).says("a.csv  c 40000");
    // Once the producer has mended it, the status is silent; the history isn't.
    spool.drop_file("a.csv", "c\nRome\n");
    spool.once().exits(0);
    let status = spool.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["unknown_files"], json!([]));
    let scored = spool.filter(&["score"], b"c\nOslo\nroma\n").exits(0);
    scored.says("categories that the model doesn't know: c 1");
}

/// Approves a pipeline that gives the number in the column `v`, and 7 for a missing one.
fn approve_number(spool: &Spool) {
    let factors = json!([{"input": "v"}]);
    let artifact = json!({
        "inputs": [{"name": "v", "missing": {"fill": 7.0}}],
        "terms": [{"name": "v", "factors": factors, "mean": 0.0, "scale": 1.0, "coefficient": 1.0}],
        "intercept": 0.0, "output": "number",
    });
    fs::write(spool.path("pipeline.json"), artifact.to_string()).unwrap();
    spool
        .register_file("pipeline.json", "pipeline", &["--approve"])
        .exits(0);
}

/// MySQL, pandas, Excel, SAS and others each have their own.
#[test]
fn the_words_and_numbers_for_missing_are_the_producers() {
    let spool = Spool::without_model().set("input.max_bad_rows=100%");
    approve_number(&spool);
    spool.drop_file("a.csv", "v\n1\n?\n\\N\nnone\n-999\n-999.00\n\" - \"\n\"\"\nnan\nNA\n");
    spool.once().exits(0).says("4 bad");
    assert_eq!(spool.rejects("a.csv").unwrap().lines().count(), 1 + 4);
    // Another list is another shape: the output is made again. NA is no word of this one, and an empty cell always is missing.
    let spool = spool.set(r#"input.missing=["?", "\\N", "None", "-", -999]"#);
    spool.once().exits(0).says("1 bad");
    let sevens = "7.0\n".repeat(8);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        format!("prediction\n1.0\n{sevens}\"\"\n")
    );
    assert!(spool.rejects("a.csv").unwrap().contains("11,v,not a number,NA"));
    // Upper and lower case are one, of any letter.
    let words = "input.missing=\u{c4}rger,K\u{c9}PT";
    let ran = spool
        .filter(&["score", "--set", words], "v\n\u{e4}rgER\nk\u{e9}pt\n1\n".as_bytes())
        .exits(0);
    assert_eq!(ran.stdout, "prediction\n7.0\n7.0\n1.0\n");
    // From a flag, words and numbers are texts.
    let ran = spool
        .filter(&["score", "--set", "input.missing=#N/A,-1"], b"v\n#n/a\n-1.0\n-999\n")
        .exits(0);
    assert_eq!(ran.stdout, "prediction\n7.0\n7.0\n-999.0\n");
}

/// The direct readers took it for a number, but in quotes.
#[test]
fn a_word_for_missing_that_reads_as_infinity_is_one_with_and_without_quotes() {
    let spool = Spool::without_model().set(r#"input.missing=["inf", "1e999"]"#);
    approve_number(&spool);
    spool.drop_file("a.csv", "v,w\ninf,1\n\"inf\",1\nINF,1\n1e999,1\n-inf,1\n2,1\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction\n7.0\n7.0\n7.0\n7.0\n-inf\n2.0\n"
    );
}

#[test]
fn a_category_of_the_model_is_none_of_the_words_for_missing() {
    let spool = Spool::without_model().set(r#"input.missing=["?", "none", -1]"#);
    approve_categories(&spool, &["Oslo", "none", "NA"]);
    spool.drop_file("a.csv", "c\nnone\nNA\n?\n-1.0\nNone\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction\n20.0\n30.0\n10.0\n10.0\n10.0\n"
    );
}

/// `1` was the category, and `1.0` was missing.
#[test]
fn a_category_is_none_of_the_numbers_for_missing_however_it_is_written() {
    let spool = Spool::without_model().set("input.missing=[1, -1, 5]");
    approve_categories(&spool, &["2", "1", "none"]);
    spool.drop_file("a.csv", "c\n1\n1.0\n1e0\n\" 1.0\"\n-1\n5.0\n01\n7\n");
    spool.once().exits(0);
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "prediction\n20.0\n20.0\n20.0\n20.0\n10.0\n10.0\n10.0\n0.0\n"
    );
}

#[test]
fn numbers_have_a_decimal_comma_where_the_producer_writes_one() {
    let spool = Spool::without_model()
        .set("input.max_bad_rows=100%")
        .set("input.delimiter=;")
        .set("input.decimal=,")
        .set("output.columns=all");
    approve_number(&spool);
    spool.drop_file(
        "a.csv",
        "v;n\n1,5;a\n-0,25;b\n1,5e3;c\n12;d\n\"0,5\";e\n1.5;f\n1.000,5;g\n;h\n",
    );
    spool.once().exits(0).says("2 bad");
    assert_eq!(
        spool.output("a.csv").unwrap(),
        "v;n;prediction\n1,5;a;1.5\n-0,25;b;-0.25\n1,5e3;c;1500.0\n12;d;12.0\n\"0,5\";e;0.5\n1.5;f;\n1.000,5;g;\n;h;7.0\n"
    );
    // A first record of numbers is no header.
    let ran = spool
        .filter(&["score", "--set", "output.columns=prediction"], b"2,5\n3,5\n")
        .exits(0);
    assert_eq!(ran.stdout, "2.5\n3.5\n");
    spool
        .filter(&["score", "--set", "input.delimiter=,"], b"v\n1\n")
        .exits(64)
        .says("can't be the same character");
    let plain = Spool::new();
    plain.drop_file("a.csv", "x;y\n1,5;2\n");
    plain.once().exits(1);
    let hint = plain.report("a.csv").unwrap()["hint"].to_string();
    assert!(hint.contains("input.decimal"), "{hint}");
}

/// The delimiter was told, and of the numbers only that they are none.
#[test]
fn numbers_with_the_other_decimal_mark_hint_at_its_key() {
    for (settings, csv, said) in [
        (
            &["input.delimiter=;"][..],
            "x;y\n1,5;2,5\n",
            "set input.decimal = \",\" if",
        ),
        (
            &["input.delimiter=;", "input.bad_rows=fail"],
            "x;y\n1,5;2,5\n",
            "set input.decimal = \",\" if",
        ),
        (
            &["input.delimiter=;", "input.decimal=,"],
            "x;y\n1.5;2.5\n",
            "set input.decimal = \".\" if",
        ),
        // With this delimiter there can be none.
        (&[], "x,y\n\"1,5\",2\n", "write numbers with decimal points; or"),
    ] {
        let spool = settings.iter().fold(Spool::new(), |spool, setting| spool.set(setting));
        spool.drop_file("a.csv", csv);
        spool.once().exits(1);
        let report = spool.report("a.csv").unwrap();
        assert!(report["hint"].as_str().unwrap().starts_with(said), "{report}");
    }
    for cell in ["lots", "1,5,3", "NA"] {
        let spool = Spool::new().set("input.delimiter=;").set("input.missing=[\"?\"]");
        spool.drop_file("a.csv", format!("x\n{cell}\n"));
        spool.once().exits(1);
        let report = spool.report("a.csv").unwrap();
        assert!(!report["hint"].as_str().unwrap().contains("input.decimal"), "{report}");
    }
}

/// The quotes of a flag's value were part of it, but for some keys.
#[test]
fn a_flags_text_may_stand_in_quotes() {
    let spool = Spool::new();
    for settings in [
        ["input.delimiter=\";\"", "input.decimal=\",\""],
        ["input.delimiter=';'", "input.decimal=','"],
        ["input.delimiter=;", "input.decimal=,"],
    ] {
        let flags = settings.iter().flat_map(|setting| ["--set", setting]);
        let args: Vec<&str> = std::iter::once("score").chain(flags).collect();
        let ran = spool.filter(&args, b"x;y\n1,5;2\n").exits(0);
        assert_eq!(ran.stdout.lines().count(), 2, "{settings:?}");
    }
    let ran = spool.filter(
        &[
            "score",
            "--set",
            "input.delimiter=\"\\t\"",
            "--set",
            "input.header=\"auto\"",
        ],
        b"x\ty\n1\t2\n",
    );
    ran.exits(0);
    spool
        .filter(&["score", "--set", "input.decimal=\"x\""], b"x\n1\n")
        .exits(64)
        .says("input.decimal = \"x\" should be \".\" or \",\"");
}

/// In quotes, two quotes stand for one: `"5"""` is `5"`, whatever category is written with two.
#[test]
fn a_category_with_one_quote_is_none_with_two() {
    let spool = Spool::without_model();
    approve_categories(&spool, &["5\"", "5\"\"", "\"5\"\"\"", "5"]);
    let rows = "c\n\"5\"\"\"\n\"5\"\"\"\"\"\n\"\"\"5\"\"\"\"\"\"\"\n\"5\"\n5\n";
    let scored = spool.filter(&["score"], rows.as_bytes()).exits(0).stdout;
    assert_eq!(scored, "prediction\n10.0\n20.0\n30.0\n40.0\n40.0\n");
}

/// Namibia's code is NA.
#[test]
fn training_says_what_it_read_as_missing_and_is_told_what_is() {
    let spool = Spool::without_model();
    let rows = (0..120).map(|i| {
        let country = ["NA", "US", "DE"][i % 3];
        let v = if i % 20 == 7 { "?".into() } else { (i % 7).to_string() };
        format!("{country},{v},{}\n", 10 * (i % 3 + 1))
    });
    let examples = format!("country,v,y\n{}", rows.collect::<String>());
    let train = |missing: &str| {
        let data = format!("[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nmissing = {missing}\n");
        let pipeline = data + "[train]\ntrainer = \"least-squares\"\n";
        spool.train(&examples, &pipeline).exits(0)
    };
    train(r#"["NA", "?"]"#)
        .says("read as missing: country: 40 of 120 cells: 40 \"NA\"")
        .says("read as missing: v: 6 of 120 cells: 6 \"?\"")
        .says("warning: 40 of 120 cells of country are \"NA\", which was read as a missing value");
    let ran = train(r#"["?"]"#);
    assert!(
        !ran.stdout.contains("country:") && !ran.stdout.contains("warning"),
        "{}",
        ran.stdout
    );
    spool.approve(2);
    // Inputs are read as the examples were, whatever the configuration says.
    spool
        .run(&["models", "show", "2"])
        .exits(0)
        .says("missing where it is \"?\"");
    let scored = spool
        .filter(&["score"], b"country,v\nNA,0\nUS,?\nDE,?\n")
        .exits(0)
        .stdout;
    let scored: Vec<f64> = scored.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    for (scored, wanted) in scored.iter().zip([10.0, 20.0, 30.0]) {
        assert!((scored - wanted).abs() < 1.0, "{scored} {wanted}");
    }
}
