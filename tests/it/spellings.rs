//! Files of other encodings and with decimal commas, wherever a CSV is read beside the spool: training, golden rows, evaluation.

use crate::spool::{Ran, Spool};
use serde_json::{Value, json};
use std::fs;

/// Examples of `y = 3 a + 2 [city = Köln] + noise`: features and target, with a point and commas between.
fn examples() -> [String; 2] {
    let (mut features, mut target) = ("größe,city\n".to_string(), "y\n".to_string());
    for i in 0..60 {
        let a = f64::from(i * 37 % 101) / 10.0 + 0.05;
        let city = ["Köln", "Málaga", "Rome"][i as usize % 3];
        let noise = f64::from(i * 53 % 17) / 10.0 - 0.8;
        let y = 3.0 * a + if city == "Köln" { 2.0 } else { 0.0 } + noise;
        let a = if i % 13 == 5 { "NA".into() } else { a.to_string() };
        features += &format!("{a},{city}\n");
        target += &format!("{y:.3}\n");
    }
    [features, target]
}

/// As Excel writes it where numbers have a comma.
fn continental(csv: &str) -> String {
    csv.replace(',', ";").replace('.', ",").replace('\n', "\r\n")
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn write(spool: &Spool, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(spool.path(name), bytes).unwrap();
}

/// Trains on `x.csv` and `y.csv` as `data` has it.
fn train(spool: &Spool, data: &str, flags: &[&str]) -> Ran {
    let pipeline = format!(
        "[data]\nfeatures_file = \"x.csv\"\ntarget_file = \"y.csv\"\n{data}[split]\nshare = 0.25\nseed = 1\n\
         [train]\ntrainer = \"least-squares\"\n"
    );
    write(spool, "p.toml", pipeline);
    spool.run(&[&["train", "p.toml"], flags].concat())
}

/// With a version that was trained on the examples as they are.
fn trained() -> (Spool, [String; 2]) {
    let spool = Spool::without_model();
    let [x, y] = examples();
    write(&spool, "x.csv", &x);
    write(&spool, "y.csv", &y);
    train(&spool, "", &[]).exits(0);
    (spool, [x, y])
}

fn artifact(spool: &Spool, version: u32) -> Value {
    let shown = spool
        .run(&["models", "show", &version.to_string(), "--json"])
        .exits(0)
        .json();
    shown["manifest"]["sha256"].clone()
}

fn golden(spool: &Spool, version: u32) -> Value {
    let path = spool.path(format!("models/lines/{version}/golden.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Only UTF-8 with decimal points could be trained on; a column with commas was one of categories, without a word.
#[test]
fn examples_of_another_encoding_and_decimal_mark_give_the_same_version() {
    let (spool, [x, y]) = trained();
    let same = |keys: &str, flags: &[&str], encoded: fn(&str) -> Vec<u8>, version| {
        write(&spool, "x.csv", encoded(&continental(&x)));
        write(&spool, "y.csv", encoded(&continental(&y)));
        train(&spool, keys, flags)
            .exits(0)
            .says("größe: 5 of 60 cells: 5 \"NA\"");
        assert_eq!(artifact(&spool, version), artifact(&spool, 1), "{keys}{flags:?}");
        assert_eq!(golden(&spool, version)["spelling"], json!({ "comma": true }));
    };
    let keys = "encoding = \"windows-1252\"\ndelimiter = \";\"\ndecimal = \",\"\n";
    same(keys, &[], latin1, 2);
    let flags = ["--encoding", "utf-16", "--delimiter", ";", "--decimal", ","];
    same("", &flags, utf16, 3);
    // It reproduces its golden rows whatever inputs look like, and takes these.
    spool.approve(2);
    spool.drop_file("point.csv", "größe,city\n1.5,Köln\n");
    spool.once().exits(0);
    write(&spool, "input/point.csv", latin1("größe;city\n1,5;Köln\n"));
    let before = spool.output("point.csv").unwrap();
    let settings = ["input.encoding=latin1", "input.delimiter=;", "input.decimal=,"];
    let settings = settings.map(|setting| ["--set", setting]).concat();
    spool.run(&[&["--once"], &settings[..]].concat()).exits(0);
    assert_eq!(spool.output("point.csv").unwrap(), before);
}

#[test]
fn what_training_cannot_read_so_names_its_own_keys() {
    let spool = Spool::without_model();
    let [x, y] = examples();
    write(&spool, "y.csv", &y);
    let semicolon = "delimiter = \";\"\n";
    for (file, keys, words) in [
        (latin1(&x), "", "data.encoding"),
        (utf16(&x), "", "data.encoding"),
        (x.clone().into(), "encoding = \"utf-16\"\n", "data.encoding"),
        (
            continental(&x).into(),
            semicolon,
            "55 of its 55 cells are numbers with another mark; set data.decimal = \",\"",
        ),
        (
            x.replace(',', ";").into(),
            "delimiter = \";\"\ndecimal = \",\"\n",
            "y.csv:2: column \"y\": not a number: 1.350; set data.decimal = \".\"",
        ),
        (
            x.clone().into(),
            "decimal = \",\"\n",
            "data.decimal and data.delimiter can't be the same",
        ),
        (
            x.clone().into(),
            "decimal = \"'\"\n",
            "data.decimal = \"'\" should be \".\" or \",\"",
        ),
        (
            x.into(),
            "encoding = \"klingon\"\n",
            "data.encoding = \"klingon\" should be a name of the WHATWG",
        ),
    ] {
        write(&spool, "x.csv", file);
        // Labels stay as they are: what is wrong with the features is told first.
        let ran = train(&spool, keys, &[]).exits(64).says(words);
        assert!(!ran.stderr.contains("input."), "{ran:?}");
    }
}

/// A CSV with decimal commas gave empty predictions for golden rows; one of another encoding gave none.
#[test]
fn golden_rows_stay_provable_whatever_inputs_look_like_later() {
    let spool = Spool::without_model();
    let model = r#"{"features":["größe"],"coefficients":[2],"intercept":1}"#;
    write(&spool, "m.json", model);
    write(&spool, "rows.csv", latin1("größe;note\n1,5;Köln\n?;\n2;\n"));
    let register = [
        "models", "register", "m.json", "--format", "linear", "--golden", "rows.csv",
    ];
    let settings = [
        "input.encoding=latin1",
        "input.delimiter=;",
        "input.decimal=,",
        "input.missing=[\"?\"]",
    ];
    let settings = settings.map(|setting| ["--set", setting]).concat();
    spool
        .run(&[&register[..], &settings].concat())
        .exits(0)
        .says("with 2 golden rows");
    let expected = json!({
        "columns": ["größe"], "rows": [["1,5"], ["2"]], "outputs": ["prediction"], "predictions": [["4.0"], ["5.0"]],
        "spelling": { "missing": ["?"], "comma": true },
    });
    assert_eq!(golden(&spool, 1), expected);
    // By the configuration of every day.
    spool.approve(1);
    spool.drop_file("a.csv", "größe\n1.5\n");
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), "prediction\n4.0\n");
    spool
        .run(&register)
        .exits(64)
        .says("rows.csv: line 1: no column \"größe\"");
    let missing = spool.run(&[&register[..6], &["absent.csv"]].concat());
    missing.exits(64).says("absent.csv");
}

#[test]
fn evaluation_reads_rows_and_labels_as_inputs_are_read() {
    let spool = Spool::without_model();
    write(
        &spool,
        "m.json",
        r#"{"features":["größe"],"coefficients":[2],"intercept":1}"#,
    );
    spool
        .run(&["models", "register", "m.json", "--format", "linear", "--approve"])
        .exits(0);
    write(&spool, "rows.csv", latin1("größe;y\n1,5;4,25\n2;5\n?;1\n"));
    write(&spool, "y.csv", latin1("maß\n4,25\n5\n1\n"));
    let settings = [
        "input.encoding=latin1",
        "input.delimiter=;",
        "input.decimal=,",
        "input.missing=[\"?\"]",
    ];
    let settings = settings.map(|setting| ["--set", setting]).concat();
    for target in [["--target", "y"], ["--target-file", "y.csv"]] {
        let args = [&["evaluate", "rows.csv", "--json"], &target[..], &settings].concat();
        let json = spool.run(&args).exits(0).json();
        assert_eq!(json["rows"], 2, "{target:?}");
        assert_eq!(json["regression_metrics"]["mae"]["value"], 0.125, "{target:?}");
    }
}

/// Of classes that are numbers: `1,0` is 1.
#[test]
fn labels_with_a_decimal_comma_are_their_classes() {
    let spool = Spool::without_model();
    let mut csv = "a;late\n".to_string();
    for i in 0..40 {
        csv += &format!("{},5;{},0\n", i * 7 % 40, u8::from(i * 7 % 40 + i % 5 > 20));
    }
    write(&spool, "e.csv", &csv);
    let pipeline = "[data]\nfile = \"e.csv\"\ntarget = \"late\"\ndelimiter = \";\"\ndecimal = \",\"\n\
                    [train]\ntrainer = \"logistic\"\nalpha = 1.0\n";
    write(&spool, "p.toml", pipeline);
    spool.run(&["train", "p.toml"]).exits(0);
    let args = ["evaluate", "e.csv", "--version", "1", "--json"];
    let settings = ["--set", "input.delimiter=;", "--set", "input.decimal=,"];
    let json = spool.run(&[&args[..], &settings].concat()).exits(0).json();
    assert_eq!(json["rows"], 40);
}

/// Rows with them are scored as if their category were none: an evaluation that says nothing of it seems worse than the model is.
#[test]
fn an_evaluation_counts_unknown_categories_by_column() {
    let (spool, _) = trained();
    write(
        &spool,
        "fresh.csv",
        "city,größe,y\nParis,1,3\nBern,2,6\nKöln,3,11\nBern,,4\nRome,x,4\n",
    );
    let args = [
        "evaluate",
        "fresh.csv",
        "--version",
        "1",
        "--target",
        "y",
        "--html",
        "page.html",
    ];
    let ran = spool.run(&args).exits(0).says("warning: unknown categories: city 3");
    assert!(ran.stdout.contains("1 row left out"), "{ran:?}");
    let page = fs::read_to_string(spool.path("page.html")).unwrap();
    assert!(page.contains("unknown categories: city 3"));
    let json = spool.run(&[&args[..6], &["--json"]].concat()).exits(0).json();
    assert_eq!(json["unknown"], json!({ "city": 3 }));
    let known = ["evaluate", "known.csv", "--version", "1", "--target", "y", "--json"];
    write(&spool, "known.csv", "city,größe,y\nKöln,1,3\n\u{4b}o\u{308}ln,2,6\n");
    assert_eq!(spool.run(&known).exits(0).json()["unknown"], json!({}));
}
