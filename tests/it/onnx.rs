//! ONNX models through the binary, and what happens without ONNX Runtime.

use crate::spool::{Ran, Spool, wait_until};
use serde_json::Value;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version that made the fixtures.
const VERSION: &str = "1.32.0";

/// ONNX Runtime's library: `ORT_DYLIB_PATH`, else as pip installs it, once for all tests. `None` where there is no pip: the
/// test then can't be made, and says so; in CI that is an error.
pub fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = LIBRARY.get_or_init(|| {
        if let Some(path) = env::var_os("ORT_DYLIB_PATH") {
            return Some(path.into());
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("onnxruntime-{VERSION}"));
        let library = folder.join(format!("onnxruntime/capi/libonnxruntime.so.{VERSION}"));
        if !library.exists() {
            let pip = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
                .arg(&folder)
                .arg(format!("onnxruntime=={VERSION}"))
                .status();
            if !pip.is_ok_and(|status| status.success()) {
                return None;
            }
        }
        Some(library)
    });
    if found.is_none() {
        assert!(
            env::var_os("CI").is_none(),
            "CI needs python3 with pip, for ONNX Runtime"
        );
        eprintln!("skipped: pip could not install onnxruntime {VERSION}");
    }
    found.as_deref()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models/onnx-skl2onnx-1.20.0")
        .join(name)
}

fn register(spool: &Spool, artifact: &Path, flags: &[&str]) -> Ran {
    spool.register_file(artifact, "onnx", flags)
}

/// A spool that knows where the library is.
fn spool(library: &Path) -> Spool {
    Spool::without_model().set(&format!("models.onnxruntime={}", library.to_str().unwrap()))
}

#[test]
fn a_pipeline_takes_texts_integers_and_numbers_as_they_stand() {
    let Some(library) = library() else { return };
    let spool = spool(library).set("output.probabilities=true");
    register(
        &spool,
        &fixture("columns.onnx"),
        &["--class-names", "no,yes", "--approve"],
    )
    .exits(0);
    spool
        .run(&["models", "show", "1"])
        .exits(0)
        .says("x: float32\n")
        .says("city: string, may be missing")
        .says("count: int64\n")
        .says("prediction: category (no, yes)")
        .says("probability_yes: float32");
    let rows = fs::read_to_string(fixture("columns.in.csv")).unwrap();
    spool.drop_file("rows.csv", &rows);
    spool.once().exits(0).says("60 rows");
    let output = spool.output("rows.csv").unwrap();
    assert_eq!(output.lines().next(), Some("prediction,probability_no,probability_yes"));
    assert!(output.lines().nth(1).unwrap().starts_with("yes,0.1295835"));
    // What the model can't take is a bad row, and no more than that.
    let spool = spool.set("input.max_bad_rows=100%");
    spool.drop_file(
        "bad.csv",
        "x,city,count\n,Oslo,1\n0.5,,2\n0.5,Oslo,1.5\n0.5,Oslo,\n0.5,Oslo,1.0\n",
    );
    spool.once().exits(0).says("3 bad");
    let rejects = spool.rejects("bad.csv").unwrap();
    assert!(rejects.contains("2,x,missing value,"), "{rejects}");
    assert!(rejects.contains("4,count,not a whole number,"), "{rejects}");
    assert!(rejects.contains("5,count,missing value,"), "{rejects}");
}

/// Its encoder was told to ignore what it doesn't know; nobody would see that a city is written otherwise.
#[test]
fn texts_that_an_encoder_does_not_know_are_counted() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    register(
        &spool,
        &fixture("columns.onnx"),
        &["--class-names", "no,yes", "--approve"],
    )
    .exits(0);
    spool.drop_file("a.csv", "x,city,count\n0.5,Oslo,1\n0.5,oslo,1\n0.5,Roma,1\n0.5,,1\n");
    let ran = spool.run(&["--once", "--json"]).exits(0);
    assert_eq!(ran.json()["unknown"], serde_json::json!({"city": 2}));
}

/// macOS writes an `ö` as two characters. Its encoder knew none of them, or none of one.
#[test]
fn texts_are_the_encoders_categories_in_either_form_of_unicode() {
    let Some(library) = library() else { return };
    let predictions = |category: &str, cells: [&str; 3]| {
        let spool = spool(library);
        // As long as the name of the city that it takes the place of.
        assert_eq!(category.len(), 4);
        let mut model = fs::read(fixture("columns.onnx")).unwrap();
        let places: Vec<usize> = (0..model.len() - 4)
            .filter(|&at| &model[at..at + 4] == b"Oslo")
            .collect();
        assert!(!places.is_empty());
        for at in places {
            model[at..at + 4].copy_from_slice(category.as_bytes());
        }
        fs::write(spool.path("m.onnx"), model).unwrap();
        register(&spool, &spool.path("m.onnx"), &["--class-names", "no,yes", "--approve"]).exits(0);
        let rows = cells.map(|city| format!("0.5,{city},1\n")).concat();
        spool.drop_file("a.csv", format!("x,city,count\n{rows}"));
        let set = ["--set", "output.probabilities=true"];
        let ran = spool.run(&[&["--once", "--json"], &set[..]].concat()).exits(0);
        (spool.output("a.csv").unwrap(), ran.json()["unknown"].clone())
    };
    let (plain, _) = predictions("Oslo", ["Oslo", "Oslo", "Bern"]);
    let (composed, decomposed) = ("K\u{f6}l", "o\u{308}l");
    for (category, cells) in [
        (composed, [composed, "Ko\u{308}l", "Bern"]),
        (decomposed, [decomposed, "\u{f6}l", "Bern"]),
    ] {
        let expected = (plain.clone(), serde_json::json!({"city": 1}));
        assert_eq!(predictions(category, cells), expected, "{category}");
    }
}

#[test]
fn whole_numbers_that_an_encoder_does_not_know_are_counted() {
    let Some(library) = library() else { return };
    let spool = spool(library).set("input.max_bad_rows=100%");
    let artifact = fixture("../as-found/whole-categories.onnx");
    register(&spool, &artifact, &["--approve"]).exits(0);
    spool.drop_file("a.csv", "shop,h\n7,0\n8,0\n28.0,0\n-7,0\n1.5,0\n9,x\n");
    let ran = spool.run(&["--once", "--json"]).exits(0);
    assert_eq!(ran.json()["unknown"], serde_json::json!({"shop": 2}));
    let rows = fs::read_to_string(artifact.with_extension("in.csv")).unwrap();
    let theirs = fs::read_to_string(artifact.with_extension("csv")).unwrap();
    let ours = spool.filter(&["score"], rows.as_bytes()).exits(0).stdout;
    for (ours, theirs) in ours.lines().zip(theirs.lines()).skip(1) {
        let [ours, theirs] = [ours, theirs].map(|cell| cell.parse::<f64>().unwrap());
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
}

/// As a CSV with spaces behind its commas has them when pandas reads it.
#[test]
fn texts_keep_the_spaces_around_them_that_an_encoder_knows() {
    let Some(library) = library() else { return };
    let spool = spool(library).set("output.columns=all");
    let artifact = fixture("../as-found/spaced-texts.onnx");
    register(
        &spool,
        &artifact,
        &[
            "--approve",
            "--golden",
            artifact.with_extension("in.csv").to_str().unwrap(),
        ],
    )
    .exits(0);
    let rows = fs::read_to_string(artifact.with_extension("in.csv")).unwrap();
    let theirs = fs::read_to_string(artifact.with_extension("csv")).unwrap();
    spool.drop_file("a.csv", &rows);
    let ran = spool.run(&["--once", "--json"]).exits(0);
    let output = spool.output("a.csv").unwrap();
    for (ours, theirs) in output.lines().zip(theirs.lines()).skip(1) {
        let ours: f64 = ours.rsplit(',').next().unwrap().parse().unwrap();
        assert!((ours - theirs.parse::<f64>().unwrap()).abs() < 1e-5, "{ours} {theirs}");
    }
    // "Private" without its space is none of them, here as there.
    assert_eq!(ran.json()["unknown"], serde_json::json!({"work": 4}));
    // Other spaces don't count.
    let ran = spool
        .filter(&["score"], b"work,h\n None,0\nNone,0\n\t State-gov,0\n")
        .exits(0);
    let last = |line: &str| line.rsplit(',').next().unwrap().to_string();
    let lines: Vec<String> = ran.stdout.lines().map(last).collect();
    assert_eq!(lines[1], lines[2]);
}

/// scikit-learn's encoder refuses what it has not seen, unless it was told otherwise; ONNX Runtime then refuses the batch.
#[test]
fn a_row_that_the_model_refuses_is_a_bad_row_and_the_others_are_scored() {
    let Some(library) = library() else { return };
    let spool = spool(library).set("input.max_bad_rows=50%");
    register(&spool, &fixture("strict.onnx"), &["--approve"]).exits(0);
    let rows = fs::read_to_string(fixture("strict.in.csv")).unwrap();
    let (header, body) = rows.split_once('\n').unwrap();
    spool.drop_file("many.csv", format!("{header}\n\n{}short\n", body.repeat(100)));
    let ran = spool.once().exits(0);
    assert!(ran.stderr.contains("6001 rows, 101 bad"), "{}", ran.stderr);
    let rejects = spool.rejects("many.csv").unwrap();
    // The header is line 1, an empty line is line 2; the sixth row of each 60 is unknown.
    let lines: Vec<&str> = rejects.lines().collect();
    assert!(lines[1].starts_with("8,,the model refuses it: "), "{}", lines[1]);
    assert!(lines[2].starts_with("68,,the model refuses it: "), "{}", lines[2]);
    assert_eq!(lines.len(), 102);
    let output = spool.output("many.csv").unwrap();
    let output: Vec<&str> = output.lines().skip(1).collect();
    assert_eq!(output.len(), 6001);
    for (i, line) in output.iter().enumerate() {
        assert_eq!(*line == "\"\"", i == 6000 || i % 60 == 5, "row {i}: {line}");
        assert!(i < 60 || i == 6000 || *line == output[i - 60]);
    }
    assert!(!ran.stderr.contains("onnxruntime:"), "{}", ran.stderr);
}

/// Any text was taken for a row's, and the header of another table scored.
#[test]
fn a_text_that_an_encoder_does_not_know_makes_a_first_line_a_header() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    register(&spool, &fixture("columns.onnx"), &["--approve"]).exits(0);
    for (csv, rows) in [
        ("2019,shop,2021\n0.5,Oslo,1\n", None),
        ("0.5,Oslo,1\n0.5,shop,1\n", Some(2)),
    ] {
        spool.drop_file("a.csv", csv);
        spool.once().exits(i32::from(rows.is_none()));
        assert_eq!(
            spool.output("a.csv").map(|output| output.lines().count()),
            rows,
            "{csv}"
        );
    }
}

#[test]
fn a_library_in_an_environment_that_is_not_active_is_named() {
    let spool = Spool::without_model();
    let capi = spool.path(".venv/lib/python3.12/site-packages/onnxruntime/capi");
    fs::create_dir_all(&capi).unwrap();
    fs::write(spool.path(".venv/pyvenv.cfg"), "").unwrap();
    fs::write(capi.join("libonnxruntime.so.1.20.1"), "").unwrap();
    register(
        &spool,
        &fixture("linear.onnx"),
        &["--set", "models.onnxruntime=/absent/libonnxruntime.so"],
    )
    .exits(64)
    .says("in a Python environment that is not active: to use it, set models.onnxruntime = ")
    .says(".venv/lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime.so.1.20.1")
    .says("ORT_DYLIB_PATH");
}

#[test]
fn without_the_library_the_error_says_how_to_get_it() {
    let spool = Spool::without_model().set("models.onnxruntime=/absent/libonnxruntime.so");
    register(&spool, &fixture("linear.onnx"), &[])
        .exits(64)
        .says("pip install onnxruntime")
        .says("models.onnxruntime")
        .says("/absent/libonnxruntime.so");
    assert!(!spool.path("models/lines").exists());
    // Nor is a version damaged whose library went away.
    if let Some(library) = library() {
        let known = format!("models.onnxruntime={}", library.display());
        let artifact = fixture("linear.onnx");
        register(&spool, &artifact, &["--approve", "--set", &known]).exits(0);
        spool.drop_file("x.csv", "f0,f1,f2,f3\n1,2,3,4\n");
        spool.once().exits(64).says("pip install onnxruntime");
        // Status shows it as what it is, too.
        spool.run(&["status"]).exits(0).says("pip install onnxruntime");
        spool.run(&["--once", "--set", &known]).exits(0);
        assert!(spool.output("x.csv").is_some());
        fs::remove_file(spool.path("input/x.csv")).unwrap();
    }
    // Nothing else needs it.
    spool.approve_line(2.0, 1.0);
    spool.drop_file("x.csv", "x\n1\n");
    spool.once().exits(0);
}

/// Its worker went on by it, and said that all was well: the next start would have found none.
#[test]
fn a_library_that_goes_under_a_running_worker_is_seen() {
    let Some(library) = library() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("libonnxruntime.so");
    symlink(library, &link).unwrap();
    let spool = spool(&link).set("metrics.textfile=transform.prom");
    register(&spool, &fixture("linear.onnx"), &["--approve"]).exits(0);
    let written = || {
        let text = fs::read(spool.path("status/status.json")).unwrap_or(b"null".to_vec());
        serde_json::from_slice::<Value>(&text).unwrap()
    };
    let daemon = spool.daemon();
    wait_until("it has the model", || written()["model"] == "lines/1");
    fs::remove_file(&link).unwrap();
    // Looked for when something is done.
    spool.drop_file("x.csv", "y\n1\n");
    wait_until("it sees that", || written()["model_error_code"] == "configuration");
    let found = written();
    let error = found["model_error"].as_str().unwrap();
    assert!(error.contains("libonnxruntime.so went since it was loaded"), "{error}");
    assert_eq!(
        (&found["model"], &found["worker"]["model"]),
        (&Value::Null, &"lines/1".into())
    );
    wait_until("the textfile says so", || {
        let text = fs::read_to_string(spool.path("transform.prom")).unwrap();
        text.lines()
            .any(|line| line.starts_with("transform_model_usable{") && line.ends_with(" 0"))
    });
    spool
        .run(&["status", "--check"])
        .exits(2)
        .says("model: ")
        .says("ONNX models need ONNX Runtime's library");
    symlink(library, &link).unwrap();
    spool.drop_file("x.csv", "y\n2\n");
    wait_until("it is there again", || written()["model"] == "lines/1");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_no_library_of_onnx_runtime_is_named_and_not_the_model() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    let cut = spool.path("libonnxruntime.so");
    fs::write(&cut, &fs::read(library).unwrap()[..200_000]).unwrap();
    fs::write(spool.path("text.so"), "no library").unwrap();
    for name in ["libonnxruntime.so", "text.so", "models"] {
        let spool = Spool::without_model().set(&format!("models.onnxruntime={}", spool.path(name).display()));
        let ran = register(&spool, &fixture("linear.onnx"), &[]).exits(64).says("library");
        assert!(!ran.stderr.contains("hostile") && !ran.stderr.contains('{'), "{ran:?}");
    }
}

#[test]
fn the_class_names_of_a_file_stay_its_own() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    register(&spool, &fixture("words.onnx"), &["--class-names", "a,b,c"])
        .exits(64)
        .says("own names of its classes are high, low, mid, so to say");
    register(&spool, &fixture("shifted.onnx"), &["--class-names", "one,"])
        .exits(64)
        .says("empty name");
    register(
        &spool,
        &fixture("shifted.onnx"),
        &["--class-names", "one,two", "--approve"],
    )
    .exits(0);
}

#[test]
fn damaged_models_never_crash_the_program() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    let whole = fs::read(fixture("classes.onnx")).unwrap();
    let artifact = spool.path("m.onnx");
    let mut refused = 0;
    for (at, byte) in (0..whole.len()).step_by(331).zip((0..=255).cycle().step_by(7)) {
        for bytes in [&whole[..at], &[&whole[..at], &[byte], &whole[at + 1..]].concat()] {
            fs::write(&artifact, bytes).unwrap();
            let ran = register(&spool, &artifact, &[]);
            assert!([0, 64].contains(&ran.code), "{ran:?}");
            refused += u32::from(ran.code == 64);
        }
    }
    assert!(refused > 20);
    fs::write(&artifact, b"not a model").unwrap();
    register(&spool, &artifact, &[])
        .exits(64)
        .says("m.onnx")
        .says("damaged");
}

/// What takes all memory is read apart, with bounds: the program goes on, and says why.
#[test]
fn models_that_would_never_end_or_never_give_the_same_are_refused() {
    let Some(library) = library() else { return };
    let spool = spool(library);
    for (name, words) in [
        ("refused-endless.onnx", "may never end"),
        ("refused-mean.onnx", "depends on the rows beside it"),
        ("refused-random.onnx", "or on chance"),
        ("refused-huge.onnx", "allocate memory"),
        // The machine may have that much; a model of a few bytes has no use for it.
        ("refused-large.onnx", "allocate memory"),
    ] {
        register(&spool, &fixture(name), &[]).exits(64).says(name).says(words);
    }
    assert!(!spool.path("models/lines").exists());
}
