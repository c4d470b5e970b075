//! Other people's CSVs, with what they say these mean.

use crate::spool::Spool;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The texts of the fields of an output with one kept column and a prediction without quotes.
fn kept(output: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = output;
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            None => rest.split_once(',').unwrap(),
            Some(quoted) => {
                let mut end = quoted.find('"').unwrap();
                while quoted[end..].starts_with("\"\"") {
                    end += 2 + quoted[end + 2..].find('"').unwrap();
                }
                (&quoted[..end], quoted[end + 1..].strip_prefix(',').unwrap())
            }
        };
        fields.push(field.replace("\"\"", "\""));
        rest = after.split_once('\n').unwrap().1;
    }
    fields
}

#[test]
fn csv_spectrum_means_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv-spectrum");
    let mut cases = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        // One of them is Latin-1.
        let meaning = fs::read(path.with_extension("json")).unwrap();
        let meaning: Value = serde_json::from_str(&String::from_utf8_lossy(&meaning)).unwrap();
        let rows = meaning.as_array().cloned().unwrap_or(vec![meaning]);
        let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
        // A mistake of the corpus: its CSV has another phone number than its JSON.
        for name in names.iter().filter(|name| **name != "Contact Phone Number") {
            let spool = Spool::without_model()
                .set("input.max_bad_rows=100%")
                .set("input.header=true")
                .set(&format!("output.columns=[{name:?}]"));
            let feature = names.last().unwrap();
            spool.register(&format!(
                r#"{{"features":[{feature:?}],"coefficients":[1],"intercept":0}}"#
            ));
            spool.approve(1);
            spool.drop_file("a.csv", fs::read(&path).unwrap());
            spool.once().exits(0);
            let fields = kept(&String::from_utf8_lossy(&spool.output_bytes("a.csv").unwrap()));
            let wanted: Vec<&str> = rows.iter().map(|row| row[name.as_str()].as_str().unwrap()).collect();
            assert_eq!(fields[0], **name, "{path:?}");
            // Ends of lines inside of fields are kept as they stand; the corpus has them all as LF.
            let fields: Vec<String> = fields[1..].iter().map(|field| field.replace("\r\n", "\n")).collect();
            let wanted: Vec<String> = wanted.iter().map(|field| field.replace("\r\n", "\n")).collect();
            assert_eq!(fields, wanted, "{path:?} {name}");
        }
        cases += 1;
    }
    assert_eq!(cases, 12);
}

/// The numbers that pandas reads in them (`tests/fixtures/csv-crate/make.py`), through a model that hands them on.
#[test]
fn the_numbers_of_the_csv_crates_examples_are_those_that_pandas_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv-crate");
    let mut columns = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        let expected: Value = serde_json::from_slice(&fs::read(path.with_extension("expected.json")).unwrap()).unwrap();
        for (name, numbers) in expected["columns"].as_object().unwrap() {
            let delimiter = if path.to_str().unwrap().contains("colon") {
                ":"
            } else {
                ","
            };
            let spool = Spool::without_model()
                .set("input.max_bad_rows=100%")
                .set(&format!("input.delimiter={delimiter}"));
            spool.register(&format!(
                r#"{{"features":[{name:?}],"coefficients":[1],"intercept":0}}"#
            ));
            spool.approve(1);
            spool.drop_file("a.csv", fs::read(&path).unwrap());
            spool.once().exits(0);
            let output = spool.output("a.csv").unwrap();
            let found: Vec<Option<f64>> = output.lines().skip(1).map(|line| line.parse().ok()).collect();
            let wanted: Vec<Option<f64>> = numbers.as_array().unwrap().iter().map(Value::as_f64).collect();
            assert_eq!(found, wanted, "{path:?} {name}");
            columns += 1;
        }
    }
    assert_eq!(columns, 11);
}
