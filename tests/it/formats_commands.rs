//! Commands that read and write files, in all formats: the same rows come to the same, whatever they stand in.

use crate::spool::{Ran, Spool};
use serde_json::{Map, Value, json};
use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use transform::format::compression::Writer;
use transform::format::{FileFormat, RowFormat};

/// A missing `a` is 0: `prediction = 2 a + 1`.
const LINE: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":2}],"intercept":1,"output":"number"}"#;

const FORMATS: [&str; 9] = [
    "csv",
    "csv.gz",
    "csv.zst",
    "tsv",
    "tsv.gz",
    "jsonl",
    "ndjson",
    "jsonl.zst",
    "parquet",
];

fn spool(model: &str) -> Spool {
    let spool = Spool::without_model();
    fs::write(spool.path("m.json"), model).unwrap();
    spool.register_file("m.json", "pipeline", &["--approve"]).exits(0);
    spool
}

/// Runs with a file as standard input; standard output is bytes.
fn filter(spool: &Spool, args: &[&str], input: &Path) -> (Ran, Vec<u8>) {
    let out = spool.command(args).stdin(File::open(input).unwrap()).output().unwrap();
    let ran = Ran {
        code: out.status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: String::from_utf8(out.stderr).unwrap(),
    };
    (ran, out.stdout)
}

/// Cells without quotes, as another format has them: numbers as such, and an empty one as no key at all.
fn in_json(csv: &str) -> String {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let object = |line: &str| {
        let mut object = Map::new();
        for (name, cell) in names.iter().zip(line.split(',')) {
            let value = serde_json::from_str(cell).unwrap_or(Value::from(cell));
            if !cell.is_empty() {
                object.insert(name.to_string(), value);
            }
        }
        Value::Object(object).to_string() + "\n"
    };
    lines.map(object).collect()
}

/// Writes the rows of a CSV into NAME.FORMAT.
fn write(spool: &Spool, csv: &str, name: &str, format: &str) -> PathBuf {
    let path = spool.path(format!("{name}.{format}"));
    let FileFormat { rows, compression } = FileFormat::of(path.as_os_str().as_encoded_bytes());
    let text = match rows {
        RowFormat::Csv => csv.to_string(),
        RowFormat::Tsv => csv.replace(',', "\t"),
        RowFormat::JsonLines => in_json(csv),
        // By a model that takes nothing of it, and keeps all as texts.
        _ => {
            let other = spool_of_tables();
            let source = other.path("rows.csv");
            fs::write(&source, csv).unwrap();
            let (ran, bytes) = filter(&other, &["score", "--output-format", "parquet"], &source);
            ran.exits(0);
            fs::write(&path, bytes).unwrap();
            return path;
        }
    };
    let bytes = match Writer::new(compression) {
        None => text.into_bytes(),
        Some(mut writer) => {
            let mut packed = Vec::new();
            writer.write(text.as_bytes(), &mut packed);
            writer.finish(&mut packed);
            packed
        }
    };
    fs::write(&path, bytes).unwrap();
    path
}

fn spool_of_tables() -> Spool {
    spool(LINE).set("output.columns=all").set("output.prefix=added_")
}

/// Of `y = 3 a + 2 [city = Oslo] + noise`, some values missing.
fn examples() -> String {
    let mut text = "a,city,y\n".to_string();
    for i in 0..200 {
        let a = f64::from(i * 37 % 101) / 10.0;
        let city = ["Oslo", "Lima", "Rome"][i as usize % 3];
        let y = 3.0 * a + if i % 3 == 0 { 2.0 } else { 0.0 } + f64::from(i * 53 % 17) / 10.0;
        let a = if i % 29 == 0 { String::new() } else { a.to_string() };
        text += &format!("{a},{city},{y}\n");
    }
    text
}

const PIPELINE: &str = "[data]\nfile = \"examples.csv\"\ntarget = \"y\"\nfeatures = [\"a\", \"city\"]\n[split]\nlast = 50\n\
                        [train]\ntrainer = \"least-squares\"\n";

#[test]
fn a_model_is_the_same_whatever_its_examples_stand_in() {
    let spool = Spool::without_model();
    fs::write(spool.path("p.toml"), PIPELINE).unwrap();
    let mut first: Option<Vec<Value>> = None;
    for (format, version) in FORMATS.into_iter().zip(1..) {
        let path = write(&spool, &examples(), "examples", format);
        let path = path.to_str().unwrap();
        spool.run(&["train", "p.toml", "--file", path]).exits(0);
        spool.approve(version);
        let folder = spool.path(format!("models/lines/{version}"));
        let json = |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
        let golden = json("golden.json");
        let evaluated = spool.run(&["evaluate", path, "--json"]).exits(0).json();
        assert!(evaluated["regression_metrics"]["r2"]["value"].as_f64().unwrap() > 0.9);
        spool
            .run(&["monitor", "baseline", path, "--target", "y", "--reason", "more rows"])
            .exits(0);
        let mut baselines: Vec<String> = spool.names(&format!("models/lines/{version}"));
        baselines.retain(|name| name.starts_with("baseline-"));
        let mut baseline = json(&baselines[0]);
        for of_file in ["rows_of", "header"] {
            baseline.as_object_mut().unwrap().remove(of_file).unwrap();
        }
        let found = vec![
            json("pipeline.json"),
            golden["predictions"].clone(),
            evaluated["regression_metrics"].clone(),
            baseline,
        ];
        let expected = first.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{format}");
    }
}

#[test]
fn what_is_wrong_with_examples_has_its_place_in_the_file() {
    let spool = Spool::without_model();
    fs::write(spool.path("p.toml"), PIPELINE).unwrap();
    let bad = "a,city,y\n1,Oslo,2\n2,Lima,oops\n";
    for (format, place) in [
        ("csv", "bad.csv:3: "),
        ("tsv.gz", "bad.tsv.gz:3: "),
        ("jsonl", "bad.jsonl:2: "),
        ("parquet", "bad.parquet: row 2: "),
    ] {
        let path = write(&spool, bad, "bad", format);
        let ran = spool.run(&["train", "p.toml", "--file", path.to_str().unwrap()]);
        ran.exits(64).says(&format!("{place}column \"y\": not a number: oops"));
    }
    let spool = spool_of_tables();
    let path = write(&spool, "b,c\n1,2\n", "bad", "jsonl");
    let ran = spool.run(&["evaluate", path.to_str().unwrap(), "--target", "y"]);
    ran.exits(64).says("bad.jsonl: no column \"y\"");
    fs::write(spool.path("x.csv.gz"), "a,y\n1,2\n").unwrap();
    spool
        .run(&["evaluate", "x.csv.gz", "--target", "y"])
        .exits(64)
        .says("the name says gzip, the file is text that is not compressed");
}

const FIXTURES: [&str; 2] = ["polars.parquet", "polars_zstd.arrow"];

/// They said that it isn't UTF-8.
#[test]
fn a_workbook_is_named_by_whatever_command_reads_it() {
    let spool = spool(LINE);
    for (name, first) in [
        ("book.xlsx", &b"PK\x03\x04\x14\0\x06\0"[..]),
        ("rows.csv", b"PK\x03\x04\x14\0\x06\0"),
    ] {
        fs::write(spool.path(name), first).unwrap();
        fs::write(
            spool.path("p.toml"),
            format!("[data]\nfile = {name:?}\ntarget = \"y\"\n[train]\ntrainer = \"least-squares\"\n"),
        )
        .unwrap();
        for args in [
            &["train", "p.toml"][..],
            &["evaluate", name],
            &["monitor", "baseline", name],
            &["models", "register", "m.json", "--format", "pipeline", "--golden", name],
            &[
                "models",
                "register",
                "m.json",
                "--format",
                "pipeline",
                "--baseline",
                name,
            ],
        ] {
            let ran = spool.run(args).exits(64);
            let ran = ran.says("the file is a ZIP archive, or an Excel workbook (.xlsx), not CSV");
            assert!(
                ran.says("save or export its rows as \"CSV UTF-8\"")
                    .stderr
                    .contains(name),
                "{args:?}"
            );
        }
        let (ran, _) = filter(&spool, &["score"], &spool.path(name));
        assert!(ran.stderr.contains("Excel workbook (.xlsx)"), "{ran:?}");
    }
    fs::write(spool.path("rows.csv"), b"PAR1\x15\x04\x15").unwrap();
    let ran = spool
        .run(&["evaluate", "rows.csv"])
        .exits(64)
        .says("the file is Parquet, not CSV; end its name in .parquet");
    assert!(!ran.stderr.contains("input.include"), "{ran:?}");
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/formats/tables")
        .join(name)
}

/// The spool's rules are held elsewhere: here it is the same bytes.
#[test]
fn a_filter_writes_what_the_spool_writes() {
    for output in ["same", "csv", "jsonl", "parquet"] {
        let spool = spool(LINE)
            .set(&format!("output.format={output}"))
            .set("input.max_bad_rows=50%")
            .set("input.include=[\"*\"]");
        let csv = "a,b\n1,x\n,\n2.5,z\noops,w\n";
        let mut inputs: Vec<PathBuf> = FORMATS[..8]
            .iter()
            .map(|format| write(&spool, csv, "rows", format))
            .collect();
        inputs.extend(FIXTURES.map(fixture));
        for input in &inputs {
            let name = input.file_name().unwrap().to_str().unwrap();
            spool.drop_file(name, fs::read(input).unwrap());
        }
        spool.once().exits(0);
        for input in &inputs {
            let name = input.file_name().unwrap().to_str().unwrap();
            let named = spool.names("output");
            let outputs = named.iter().filter(|output| output.starts_with(&format!("{name}.out")));
            let expected = outputs.map(|output| fs::read(spool.path("output").join(output)).unwrap());
            let expected: Vec<Vec<u8>> = expected.collect();
            let format = name.split_once('.').unwrap().1.replace("ndjson", "jsonl");
            let args = ["score", "--format", &format, "--rejects", "bad.csv"];
            let (ran, found) = filter(&spool, &args, input);
            ran.exits(0);
            assert_eq!([found], expected[..], "{name} {output}");
            let rejects = fs::read_to_string(spool.path("bad.csv")).unwrap();
            assert_eq!(rejects, spool.rejects(name).unwrap_or_default(), "{name}");
            // A flag says it as the configuration does; and a pipe gives what a file gives.
            let other = spool_with_flag();
            let mut child = other.command(&[&args[..3], &["--output-format", output]].concat());
            let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = child.spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let bytes = fs::read(input).unwrap();
            let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &bytes).unwrap());
            let out = child.wait_with_output().unwrap();
            writer.join().unwrap();
            assert_eq!([out.stdout], expected[..], "{name} {output}");
        }
    }
}

fn spool_with_flag() -> Spool {
    spool(LINE).set("input.max_bad_rows=50%")
}

#[test]
fn the_formats_of_a_filter_are_offered() {
    let spool = spool(LINE);
    let offered = spool.run(&["complete", "--", "score", "--format", ""]).exits(0);
    for word in ["jsonl.zst", "parquet", "arrow", "tsv.gz"] {
        assert!(offered.stdout.contains(&format!("{word}\t\n")), "{word} in {offered:?}");
    }
    spool.run(&["score", "--format", "xlsx"]).exits(64).says("jsonl");
    // What it is told to be, it isn't.
    let rows = write(&spool, "a\n1\n", "rows", "jsonl");
    filter(&spool, &["score"], &rows).0.exits(1).says("standard input: ");
    filter(&spool, &["score", "--format", "jsonl.gz"], &rows)
        .0
        .exits(1)
        .says("say with --format what it is");
}

#[test]
fn rows_without_a_key_are_counted_and_shown() {
    let spool = spool(LINE).set("input.include=[\"*.jsonl\"]");
    let rows = "{\"a\":1}\n{}\n{\"b\":2}\n";
    spool.drop_file("rows.jsonl", rows);
    let ran = spool.run(&["--once", "--json", "--log-level", "info"]).exits(0);
    assert_eq!(ran.json()["lacking"], json!({"a": 2}));
    ran.says("rows without a key that the model takes")
        .says("rows without a key: a 2");
    spool
        .filter(&["score", "--format", "jsonl"], rows.as_bytes())
        .exits(0)
        .says("rows without a key, whose value is missing then: a 2");
    // A misspelled name that no row has is for a person.
    let none = "{\"b\":2,\"a\":null}\n".to_string() + &"{\"b\":1}\n".repeat(3);
    spool.drop_file("few.jsonl", none);
    spool.once().exits(0).says("rows without a key: a 3");
}

/// Yes from a = 20 on, nearly surely.
const CLASSES: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":1}],
  "intercept":-19.9,"output":{"classes":["no","yes"],"threshold":0.5}}"#;

fn accuracy(json: &Value) -> (&Value, &Value) {
    let version = &json["versions"][0];
    let checks = version["checks"].as_array().unwrap();
    let of = |check: &&Value| check["check"] == "accuracy" && check["segment"].is_null();
    (&version["rows_labelled"], &checks.iter().find(of).unwrap()["value"])
}

/// Labels in the format of the inputs; outputs in it, or in another one; groups by a column that outputs don't keep.
#[test]
fn labels_are_joined_with_outputs_of_any_format() {
    let rows: String = (0..200)
        .map(|id| format!("{id},{},{}\n", id * 7 % 40, ["n", "s"][id % 2]))
        .collect();
    let truth = |id: usize| (id * 7 % 40 >= 20) != (id + id / 40).is_multiple_of(10);
    let truths: String = (0..200)
        .map(|id| format!("{id},{}\n", ["no", "yes"][usize::from(truth(id))]))
        .collect();
    let (rows, truths) = ("id,a,side\n".to_string() + &rows, "id,late\n".to_string() + &truths);
    let mut first: Option<Value> = None;
    let cases = FORMATS.map(|format| (format, "same"));
    for (format, output) in cases
        .into_iter()
        .chain([("csv", "jsonl"), ("csv", "parquet"), ("jsonl", "csv")])
    {
        let spool = spool(CLASSES)
            .set("output.columns=[\"id\"]")
            .set("output.probabilities=true")
            .set("output.prefix=our_")
            .set(&format!("output.format={output}"))
            .set("monitor.key=id")
            .set("monitor.segments=[\"side\"]")
            .set("monitor.favourable=yes")
            .set("input.include=[\"*\"]");
        let input = write(&spool, &rows, "rows", format);
        spool.drop_file(&format!("rows.{format}"), fs::read(input).unwrap());
        spool.once().exits(0);
        let labels = write(
            &spool,
            &truths,
            "labels",
            if format == "parquet" { "csv" } else { format },
        );
        let json = spool
            .run(&["monitor", "labels", labels.to_str().unwrap(), "--json"])
            .exits(0)
            .json();
        assert_eq!(json["labels"]["joined"], 200, "{format} {output}: {json}");
        assert_eq!(accuracy(&json), (&200.into(), &0.9.into()), "{format} {output}");
        assert_eq!(json["groups_not_measured"], json!([]), "{format} {output}");
        let versions = first.get_or_insert_with(|| json["versions"].clone());
        assert_eq!(&json["versions"], versions, "{format} {output}");
    }
}

/// With a key that some rows haven't; a line that is no object is a row without one.
#[test]
fn labels_are_joined_with_tables_and_with_objects_as_they_stand() {
    let spool = spool(CLASSES)
        .set("output.columns=[\"c\"]")
        .set("monitor.key=c")
        .set("input.max_bad_rows=50%")
        .set("input.include=[\"*.arrow\", \"*.parquet\"]");
    for name in FIXTURES {
        spool.drop_file(name, fs::read(fixture(name)).unwrap());
        spool.once().exits(0);
        fs::write(
            spool.path("labels.jsonl"),
            "{\"c\":\"u\",\"late\":\"no\"}\n{\"late\":\"yes\",\"c\":\"v\"}\n",
        )
        .unwrap();
        let json = spool.run(&["monitor", "labels", "labels.jsonl", "--json"]).json();
        assert_eq!(json["labels"]["joined"], 2, "{name} {json}");
        fs::remove_file(spool.path("input").join(name)).unwrap();
        spool.once().exits(0);
    }
    let spool = spool
        .set("output.columns=prediction")
        .set("input.include=[\"*.jsonl\"]");
    spool.drop_file(
        "rows.jsonl",
        "{\"c\":\"u\",\"a\":1}\n[]\n{\"a\":2,\"c\":\"v\"}\n{\"a\":2,\"c\":\"w\",\"c\":\"w\"}\n",
    );
    spool.once().exits(0);
    let json = spool.run(&["monitor", "labels", "labels.jsonl", "--json"]).json();
    assert_eq!(json["labels"]["joined"], 2, "{json}");
}

/// As cloud services capture it.
#[test]
fn ground_truth_is_known_by_its_keys() {
    let spool = spool(CLASSES).set("output.columns=[\"id\"]").set("monitor.key=id");
    spool.drop_file("rows.csv", "id,a\n7,1\n8,30\n");
    spool.once().exits(0);
    let line = |id: u32, label: &str| {
        format!(
            "{{\"groundTruthData\":{{\"data\":\"{label}\",\"encoding\":\"CSV\"}},\"eventMetadata\":{{\"eventId\":\"{id}\"}},\"eventVersion\":\"0\"}}\n"
        )
    };
    fs::write(spool.path("labels.jsonl"), line(7, "no") + &line(8, "yes")).unwrap();
    let json = spool
        .run(&["monitor", "labels", "labels.jsonl", "--json"])
        .exits(0)
        .json();
    assert_eq!(json["labels"]["joined"], 2, "{json}");
}
