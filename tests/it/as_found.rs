//! Models as people have them, whose files don't say all: booleans, numbers for missing values, codes of categories, names
//! with spaces, outlier detectors, and files that are no models (`tests/fixtures/models/make_as_found.py`).

use crate::onnx::library;
use crate::spool::{Ran, Spool};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models/as-found")
        .join(name)
}

fn register(spool: &Spool, artifact: &Path, flags: &[&str]) -> Ran {
    let format = match artifact.extension().and_then(|e| e.to_str()) {
        Some("txt") => "lightgbm",
        Some("onnx") => "onnx",
        _ => "xgboost",
    };
    spool.register_file(artifact, format, &[flags, &["--approve"]].concat())
}

fn rows(case: &str) -> String {
    fs::read_to_string(fixture(&format!("{case}.in.csv"))).unwrap()
}

/// What the spool makes of `csv`, each line's numbers; empty for bad rows.
fn scored(spool: &Spool, csv: &str) -> Vec<Vec<f64>> {
    let ran = spool.filter(&["score"], csv.as_bytes()).exits(0);
    numbers(&ran.stdout)
}

fn numbers(csv: &str) -> Vec<Vec<f64>> {
    let line = |line: &str| line.split(',').filter_map(|cell| cell.parse().ok()).collect();
    csv.lines().skip(1).map(line).collect()
}

/// Scores `csv`, and finds what the case's own library predicts for the same rows.
fn agrees(spool: &Spool, case: &str, csv: &str) {
    let theirs = numbers(&fs::read_to_string(fixture(&format!("{case}.csv"))).unwrap());
    let ours = scored(spool, csv);
    assert_eq!(ours.len(), theirs.len(), "{case}");
    for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours.len(), theirs.len(), "{case}, row {row}: {ours:?}");
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-6 * b.abs(), "{case}, row {row}: {a}, not {b}");
        }
    }
}

/// The same rows with other words for the first column's True and False.
fn worded(csv: &str, yes: &str, no: &str) -> String {
    let word = |line: &str| match line.split_once(',') {
        Some(("True", rest)) => format!("{yes},{rest}\n"),
        Some(("False", rest)) => format!("{no},{rest}\n"),
        _ => format!("{line}\n"),
    };
    csv.lines().map(word).collect()
}

const WORDS: [(&str, &str); 8] = [
    ("True", "False"),
    ("true", "false"),
    ("TRUE", "FALSE"),
    ("t", "f"),
    ("1", "0"),
    ("1.0", "0.0"),
    (" True ", "\"False\""),
    ("T", "0"),
];

#[test]
fn booleans_are_read_in_either_direction_where_the_file_says_that_they_are() {
    for case in ["indicator.json", "boolean-category.txt", "boolean-texts.json"] {
        let spool = Spool::without_model();
        register(&spool, &fixture(case), &[]).exits(0);
        spool.run(&["models", "show", "1"]).exits(0).says(", a boolean");
        let case = case.split_once('.').unwrap().0;
        for (yes, no) in WORDS {
            agrees(&spool, case, &worded(&rows(case), yes, no));
        }
        // What is no word for either stays what it was.
        let spool = spool.set("input.max_bad_rows=100%");
        spool.drop_file("odd.csv", "flag,v\nyes,0\nTrue,0\nTru,0\n");
        spool.once();
        let rejects = spool.rejects("odd.csv").unwrap_or_default();
        assert_eq!(
            rejects.lines().skip(1).count(),
            if case == "boolean-category" { 0 } else { 2 }
        );
    }
}

#[test]
fn booleans_are_named_at_registration_where_the_file_does_not_say() {
    let spool = Spool::without_model();
    let artifact = fixture("missing-999.json");
    register(&spool, &artifact, &["--booleans", "flag,v,age"])
        .exits(64)
        .says("the model takes no column \"age\"");
    register(&spool, &artifact, &["--booleans", " flag", "--missing", "-999"]).exits(0);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("flag: float32, a boolean, may be missing, missing where it is -999");
    let rows = rows("missing-999");
    let words = rows.lines().map(|line| {
        let (v, flag) = line.split_once(',').unwrap();
        let flag = match flag {
            "1" => "TRUE",
            "0" => "FALSE",
            name => name,
        };
        format!("{v},{flag}\n")
    });
    agrees(&spool, "missing-999", &words.collect::<String>());
    // A column of other categories can't be one.
    let cities = fixture("../xgboost-3.2.0/partition.json");
    register(&spool, &cities, &["--booleans", "city"])
        .exits(64)
        .says("\"city\" can't be a boolean");
}

#[test]
fn a_tensor_of_bool_takes_words_and_numbers_and_nothing_else() {
    let Some(library) = library() else { return };
    let spool = Spool::without_model().set(&format!("models.onnxruntime={}", library.to_str().unwrap()));
    register(&spool, &fixture("boolean-tensor.onnx"), &[]).exits(0);
    spool.run(&["models", "show", "1"]).exits(0).says("flag: boolean\n");
    for (yes, no) in WORDS {
        agrees(&spool, "boolean-tensor", &worded(&rows("boolean-tensor"), yes, no));
    }
    let spool = spool.set("input.max_bad_rows=100%");
    spool.drop_file("odd.csv", "flag,v\n2,0\n,0\nno,0\n1e0,0\n");
    spool.once().exits(0).says("3 bad");
    let rejects = spool.rejects("odd.csv").unwrap();
    assert!(rejects.contains("2,flag,neither true nor false,"), "{rejects}");
    assert!(rejects.contains("3,flag,missing value,"), "{rejects}");
    assert!(rejects.contains("4,flag,neither true nor false,"), "{rejects}");
}

#[test]
fn a_number_that_means_missing_is_kept_with_the_version() {
    let spool = Spool::without_model();
    let artifact = fixture("missing-999.json");
    register(&spool, &artifact, &["--missing", "none"]).exits(64);
    register(&spool, &artifact, &["--missing", "inf"])
        .exits(64)
        .says("inf can't be a number that means a missing value");
    // Golden rows go the same way.
    let golden = fixture("missing-999.in.csv");
    register(
        &spool,
        &artifact,
        &[
            "--missing",
            "-999",
            "--missing",
            "-1e6",
            "--golden",
            golden.to_str().unwrap(),
        ],
    )
    .exits(0);
    let manifest = fs::read_to_string(spool.path("models/lines/1/model.toml")).unwrap();
    assert!(manifest.contains("missing = [-999.0, -1000000.0]"), "{manifest}");
    assert!(manifest.starts_with("format_version = 2\n"), "{manifest}");
    agrees(&spool, "missing-999", &rows("missing-999"));
    // As numbers, however they are written; and a number close to it is a number.
    let others = |missing: &str| scored(&spool, &format!("v,flag\n{missing},1\n"));
    let empty = others("");
    for text in ["-999", "-999.0", "-9.99e2", " -999 ", "\"-999\"", "-1000000", "NA"] {
        assert_eq!(others(text), empty, "{text}");
    }
    assert_ne!(others("-998.5"), empty);
    // A model that takes no missing values has bad rows, and not those of -999.
    let line = spool.path("line.json");
    fs::write(&line, r#"{"features":["x"],"coefficients":[2],"intercept":1.0}"#).unwrap();
    let flags = ["--missing", "-999", "--approve"];
    spool.register_file(line, "linear", &flags).exits(0);
    let spool = spool.set("input.max_bad_rows=100%");
    spool.drop_file("line.csv", "x\n1\n-999\n");
    spool.once().exits(0).says("1 bad");
    assert!(spool.rejects("line.csv").unwrap().contains("3,x,missing value,-999"));
    spool.run(&["models", "diff", "1", "2"]).exits(0);
}

/// What was registered before has neither, and is read as it was.
#[test]
fn a_manifest_from_before_reads_booleans_and_missing_numbers_as_before() {
    let spool = Spool::without_model().set("input.max_bad_rows=100%");
    register(&spool, &fixture("indicator.json"), &[]).exits(0);
    let manifest = spool.path("models/lines/1/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let before = text
        .replace("boolean = true\n", "")
        .replace("format_version = 2", "format_version = 1");
    assert_ne!(text, before);
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, before).unwrap();
    spool.drop_file("a.csv", "flag,v\n1,0\nTrue,0\n");
    spool.once().exits(0).says("2 rows, 1 bad");
    assert!(spool.rejects("a.csv").unwrap().contains("3,flag,not a number,"));
    // And what can't be is damage.
    for more in ["missing = [nan]", "missing = [inf]"] {
        fs::remove_file(&manifest).unwrap();
        fs::write(&manifest, text.replacen("boolean = true", more, 1)).unwrap();
        spool.once().exits(3).says("model.toml");
    }
}

#[test]
fn codes_are_told_from_a_whole_file_of_r_or_the_command_line() {
    let spool = Spool::without_model();
    let artifact = fixture("native-codes.txt");
    register(&spool, &artifact, &[])
        .exits(0)
        .says("note: the categories of \"Column_0\" have no table in the file: its cells are codes");
    agrees(&spool, "native-codes", &rows("native-codes"));
    // Cut off, or of an earlier version that writes no parameters: a person must know.
    let text = fs::read_to_string(&artifact).unwrap();
    let cut = spool.path("cut.txt");
    for end in ["\nfeature_importances", "\nparameters:", "\nend of parameters"] {
        fs::write(&cut, text.split_once(end).unwrap().0).unwrap();
        register(&spool, &cut, &[]).exits(64).says("register it with --codes");
        register(&spool, &cut, &["--codes"])
            .exits(0)
            .says("its cells are codes");
        agrees(&spool, "native-codes", &rows("native-codes"));
    }
    // Categories that the file has are no codes.
    register(&spool, &fixture("boolean-category.txt"), &["--codes"])
        .exits(64)
        .says("the file has the table of its categories");
}

#[test]
fn names_with_spaces_are_found_where_only_one_can_be_meant() {
    let spool = Spool::without_model();
    let golden = fixture("spaces.in.csv");
    register(&spool, &fixture("spaces.txt"), &["--golden", golden.to_str().unwrap()]).exits(0);
    agrees(&spool, "spaces", &rows("spaces"));
    agrees(
        &spool,
        "spaces",
        &rows("spaces").replace("annual income", "annual_income"),
    );
    agrees(
        &spool,
        "spaces",
        &rows("spaces").replace("annual income", "annual\u{a0}income"),
    );
    // Two that could be meant, and one that is.
    for (header, field) in [
        ("annual income,of work,annual\tincome", None),
        ("annual income,of work,annual_income", Some(2)),
    ] {
        let spool = Spool::without_model();
        register(&spool, &fixture("spaces.txt"), &[]).exits(0);
        spool.drop_file("x.csv", format!("{header}\n1,1,-2\n"));
        spool.once().exits(i32::from(field.is_none()));
        match field {
            None => assert_eq!(spool.report("x.csv").unwrap()["code"], "no_such_column"),
            Some(_) => {
                let alone = scored(&spool, "annual income,of work\n-2,1\n");
                assert_eq!(numbers(&spool.output("x.csv").unwrap()), alone);
            }
        }
    }
    // With names of its own for both, neither stands for the other.
    let line = spool.path("line.json");
    fs::write(
        &line,
        r#"{"features":["a b","a_b"],"coefficients":[1,1],"intercept":0}"#,
    )
    .unwrap();
    spool.register_file(line, "linear", &["--approve"]).exits(0);
    spool.drop_file("line.csv", "a b,c\n1,2\n");
    spool.once().exits(1);
    assert_eq!(spool.report("line.csv").unwrap()["column"], "a_b");
}

#[test]
fn names_are_trimmed_on_both_sides_when_a_model_is_registered() {
    let spool = Spool::without_model();
    register(&spool, &fixture("spaces-around.json"), &[]).exits(0);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("inputs       age: float32");
    agrees(&spool, "spaces-around", &rows("spaces-around"));
    agrees(&spool, "spaces-around", &rows("spaces-around").replace(" age ", "age"));
    register(
        &spool,
        &fixture("spaces-around.json"),
        &["--feature-names", "age , annual income"],
    )
    .exits(0);
    agrees(&spool, "spaces-around", &rows("spaces-around"));
}

#[test]
fn the_index_of_pandas_is_noted_when_a_model_is_registered() {
    let spool = Spool::without_model();
    register(&spool, &fixture("index-column.json"), &[])
        .exits(0)
        .says("note: it takes \"Unnamed: 0\", which is the index that pandas wrote into the examples");
    agrees(&spool, "index-column", &rows("index-column"));
}

/// LightGBM's file has pandas' tables, and not whose they are: with a list of categorical features they can be another column's.
#[test]
fn a_table_of_categories_is_never_given_to_another_column() {
    let spool = Spool::without_model();
    register(&spool, &fixture("tables-beside.txt"), &[]).exits(0);
    agrees(&spool, "tables-beside", &rows("tables-beside"));
    // A column of the list has codes that the table doesn't have.
    register(&spool, &fixture("tables-listed-codes.txt"), &[])
        .exits(64)
        .says("\"store\", which categorical_feature names, was trained on codes that its table");
    // The two files say the same, and mean another.
    for case in ["tables", "tables-listed"] {
        let [own, other] = match case {
            "tables" => ["grade", "store"],
            _ => ["store", "grade"],
        };
        register(&spool, &fixture(&format!("{case}.txt")), &[])
            .exits(64)
            .says(&format!(
                "those of \"{own}\" if LightGBM found the columns of categories by itself"
            ))
            .says(&format!("one can be that of \"{other}\""))
            .says("--categories");
    }
    register(&spool, &fixture("tables-listed.txt"), &["--categories", "grade"])
        .exits(64)
        .says("by its file the columns of categories are store");
    let ran = register(&spool, &fixture("tables.txt"), &["--categories", " grade"]).exits(0);
    assert!(!ran.stdout.contains("note:"), "{}", ran.stdout);
    agrees(&spool, "tables", &rows("tables"));
    // A flag beside a column of two categories is in most frames.
    register(&spool, &fixture("tables-of-two.txt"), &[])
        .exits(0)
        .says("note: the file has tables of categories, and doesn't say whose: they are those of \"grade\"")
        .says("\"flag\"");
    agrees(&spool, "tables-of-two", &rows("tables-of-two"));
    // If the table were the flag's, its codes would be read as the numbers of the other column.
    let words = fs::read_to_string(fixture("tables-of-two.txt")).unwrap();
    let numbers = words.replace(r#"[["high", "low"]]"#, r#"[["1", "0"]]"#);
    let path = spool.path("numbers.txt");
    fs::write(&path, &numbers).unwrap();
    register(&spool, &path, &[]).exits(64).says("--categories");
    register(&spool, &path, &["--categories", "grade"]).exits(0);
    fs::write(&path, numbers.replace(r#"["1", "0"]"#, "[0, 1]")).unwrap();
    register(&spool, &path, &[]).exits(0).says("note:");
}

/// A double stands for several of them.
#[test]
fn an_unknown_category_beyond_two_to_the_53_is_not_its_neighbour() {
    let spool = Spool::without_model();
    register(&spool, &fixture("large-categories.txt"), &[]).exits(0);
    agrees(&spool, "large-categories", &rows("large-categories"));
    let unknown = spool.filter(&["score"], rows("large-categories").as_bytes());
    unknown.says("categories that the model doesn't know: id 10");
}

#[test]
fn a_word_for_false_is_missing_where_the_model_takes_0_for_missing() {
    let spool = Spool::without_model();
    register(&spool, &fixture("missing-zero.json"), &["--missing", "0"]).exits(0);
    for (yes, no) in WORDS {
        agrees(&spool, "missing-zero", &worded(&rows("missing-zero"), yes, no));
    }
    // What a file's 0 means is not said of its words.
    register(&spool, &fixture("indicator.json"), &[]).exits(0);
    let of_file = spool.set("input.missing=[0]");
    agrees(&of_file, "indicator", &rows("indicator"));
}

/// Of a column of singles, XGBoost compares them.
#[test]
fn a_number_for_missing_is_compared_in_the_precision_of_its_column() {
    let spool = Spool::without_model();
    register(&spool, &fixture("missing-single.json"), &["--missing", "-99.9"]).exits(0);
    for written in ["-99.9", "-99.90000001", "-99.9000015258789", "\" -9.99000000001e1\""] {
        agrees(
            &spool,
            "missing-single",
            &rows("missing-single").replace("-99.9", written),
        );
    }
}

/// XGBoost compares codes, which are in no file.
#[test]
fn a_number_for_missing_that_is_a_code_of_a_category_is_refused() {
    let spool = Spool::without_model();
    let cities = fixture("../xgboost-3.2.0/partition.json");
    register(&spool, &cities, &["--missing", "1"])
        .exits(64)
        .says("with missing=1, XGBoost takes the category \"")
        .says("of \"city\", whose code is 1, for missing, too");
    register(&spool, &cities, &["--missing", "-1"]).exits(0);
    // LightGBM knows no such number: it is the file's.
    register(&spool, &fixture("tables-beside.txt"), &["--missing", "1"]).exits(0);
}

/// macOS and some databases write an accent as a character of its own.
#[test]
fn names_and_categories_are_the_same_in_either_form_of_unicode() {
    let (composed, decomposed) = ("Caf\u{e9}", "Cafe\u{301}");
    let table = |text: &str| {
        let model = fs::read_to_string(fixture("boolean-category.txt")).unwrap();
        model
            .replace("[[false, true]]", &format!("[[\"Bar\", \"{text}\"]]"))
            .replace("feature_names=flag v", &format!("feature_names={text} v"))
    };
    for (model, cells) in [(composed, decomposed), (decomposed, composed), (decomposed, decomposed)] {
        let spool = Spool::without_model();
        let path = spool.path("m.txt");
        fs::write(&path, table(model)).unwrap();
        register(&spool, &path, &[]).exits(0);
        agrees(
            &spool,
            "boolean-category",
            &worded(&rows("boolean-category"), cells, "Bar").replace("flag", cells),
        );
    }
}

#[test]
fn an_outlier_detector_gives_its_label_and_its_score() {
    let Some(library) = library() else { return };
    for case in ["isolation-forest", "one-class-svm", "local-outlier-factor"] {
        let library = format!("models.onnxruntime={}", library.to_str().unwrap());
        let spool = Spool::without_model().set(&library).set("output.probabilities=true");
        register(&spool, &fixture(&format!("{case}.onnx")), &[]).exits(0);
        spool
            .run(&["models", "show", "1"])
            .exits(0)
            .says("prediction: category (-1, 1)")
            .says("score: float32");
        agrees(&spool, case, &rows(case));
        let labels = spool.set("output.probabilities=false");
        let ran = labels.filter(&["score"], rows(case).as_bytes()).exits(0);
        let mut lines = ran.stdout.lines();
        assert_eq!(lines.next(), Some("prediction"));
        assert!(lines.all(|line| line == "-1" || line == "1"), "{}", ran.stdout);
    }
}

#[test]
fn what_is_no_model_is_named_with_what_to_do() {
    let spool = Spool::without_model();
    let file = spool.path("model.bin");
    for (bytes, format, words) in [
        (
            &b"\x80\x04\x95\x0a\0\0}\x94."[..],
            "xgboost",
            "save the model with model.save_model(\"m.json\")",
        ),
        (
            b"\x80\x04\x95\x0a\0\0}\x94.",
            "lightgbm",
            "a pickle (or joblib) file, which is code and never loaded",
        ),
        // Also where ONNX Runtime isn't.
        (b"\x80\x04\x95\x0a\0\0}\x94.", "onnx", "convert the model with skl2onnx"),
        (b"binf\0\0\0?\x03\0\0\0", "xgboost", "XGBoost's old binary format"),
        (
            b"[\n  { \"nodeid\": 0, \"leaf\": 1.5 }\n]",
            "xgboost",
            "what XGBoost's dump_model writes",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "lightgbm",
            "a pointer of Git LFS",
        ),
        (b"", "xgboost", "the file is empty"),
    ] {
        fs::write(&file, bytes).unwrap();
        spool.register_file(&file, format, &[]).exits(64).says(words);
    }
    let light = fixture("spaces.txt");
    spool
        .register_file(light, "xgboost", &[])
        .exits(64)
        .says("a LightGBM model; register it with --format lightgbm");
}
