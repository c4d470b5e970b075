//! Golden rows: raw rows and their predictions as they were when a version was registered. Whoever puts the version to
//! use scores them again first. So neither another version of this program, nor another library or machine, changes
//! predictions unseen.

use crate::format;
use crate::format::csv::table::Table;
use crate::format::csv::texts;
use crate::model::{Column, Model, Type, unicode};
use crate::problem::{Code, Problem, internal};
use crate::score::batch::ROWS;
use crate::score::{Batch, Binding, Spelling, predict};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// How many rows are kept: enough to reach most branches of a model, few enough to score them at every start.
pub const GOLDEN_ROWS: usize = 32;
/// How far a number may be off, relative to the larger of both.
const TOLERANCE: f64 = 1e-9;

/// A CSV with a header to take golden rows from. It may have more columns than the model takes; they are left out.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub table: Table<'a>,
    /// The places of those that may be taken, ascending; without them, all.
    pub among: Option<&'a [usize]>,
    /// The file that errors shall name.
    pub source: &'a Path,
}

/// `golden.json`. Cells are the texts of a CSV, without its quotes, in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub outputs: Vec<String>,
    /// As the worker writes them, with all probabilities.
    pub predictions: Vec<Vec<String>>,
    /// Of the cells, for ever: whatever inputs look like later.
    #[serde(default, skip_serializing_if = "Spelling::is_usual")]
    pub spelling: Spelling,
}

impl Golden {
    /// Takes at most [`GOLDEN_ROWS`] rows, spread evenly over those that the model can score. An error says why there
    /// are none.
    pub fn of(model: &Arc<Model>, from: &Rows) -> Result<Golden, String> {
        let (good, first_bad) = good_rows(model, from)?;
        if good.is_empty() {
            return Err(match first_bad {
                Some(reason) => format!("no row can be scored; the first: {reason}"),
                None => "there are no rows".into(),
            });
        }
        let kept = good.len().min(GOLDEN_ROWS);
        let picked: Vec<usize> = (0..kept).map(|i| good[i * good.len() / kept]).collect();
        let mut records = texts::read(&from.table, &picked).into_iter();
        let header = records.next().expect("the file was scored by its header");
        let names: Vec<String> = header.iter().map(|name| unicode::name(name).into_owned()).collect();
        let mut taken = Binding::by_name(&names, model.signature(), &Spelling::USUAL)
            .map_err(shown)?
            .fields;
        taken.sort_unstable();
        let cut = |record: &[String]| -> Vec<String> { taken.iter().map(|&i| record[i].clone()).collect() };
        let mut golden = Golden {
            columns: cut(&header)
                .iter()
                .map(|name| unicode::name(name).into_owned())
                .collect(),
            rows: records.map(|record| cut(&record)).collect(),
            outputs: model
                .signature()
                .outputs
                .iter()
                .map(|output| output.name.clone())
                .collect(),
            predictions: Vec::new(),
            spelling: from.table.spelling.clone(),
        };
        let scored = golden.score(model)?;
        golden.predictions = scored.into_iter().map(|row| row.unwrap_or_default()).collect();
        Ok(golden)
    }

    /// Reads what [`Golden::json`] wrote.
    pub fn parse(json: &[u8]) -> Result<Golden, String> {
        let golden: Golden = serde_json::from_slice(json).map_err(|e| format!("not the JSON of golden rows: {e}"))?;
        let Golden { rows, predictions, .. } = &golden;
        if rows.is_empty() || rows.len() != predictions.len() {
            return Err(format!(
                "{} golden rows with {} predictions",
                rows.len(),
                predictions.len()
            ));
        }
        for (cells, names, what) in [
            (rows, &golden.columns, "cells"),
            (predictions, &golden.outputs, "predictions"),
        ] {
            if let Some(i) = cells.iter().position(|row| row.len() != names.len()) {
                let message = format!(
                    "golden row {}: {} {what} for {} columns",
                    i + 1,
                    cells[i].len(),
                    names.len()
                );
                return Err(message);
            }
        }
        Ok(golden)
    }

    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }

    /// Scores the rows again. Numbers must be equal to 1e-9, relative; labels, and numbers of single precision, to the
    /// letter. An error names the first row and column that differ.
    pub fn check(&self, model: &Arc<Model>) -> Result<(), String> {
        let scored = self.score(model)?;
        let outputs = &model.signature().outputs;
        if !outputs.iter().map(|output| &output.name).eq(&self.outputs) {
            let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
            return Err(format!(
                "the version gives {}, but its golden rows have {}",
                names.join(", "),
                self.outputs.join(", ")
            ));
        }
        for (row, (expected, found)) in self.predictions.iter().zip(&scored).enumerate() {
            for (place, (output, expected)) in outputs.iter().zip(expected).enumerate() {
                let found = match found {
                    Ok(found) if same(output, expected, &found[place]) => continue,
                    Ok(found) => found[place].clone(),
                    Err(reason) => format!("a bad row: {reason}"),
                };
                return Err(format!(
                    "the version doesn't reproduce its golden rows: row {}, {}: expected {expected}, found {found}",
                    row + 1,
                    output.name
                ));
            }
        }
        Ok(())
    }

    /// Of each row its predictions, as the worker writes them, or why it is bad.
    fn score(&self, model: &Model) -> Result<Vec<Scored>, String> {
        let signature = model.signature();
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|name| unicode::name(name).into_owned())
            .collect();
        let binding = Binding::by_name(&columns, signature, &self.spelling).map_err(shown)?;
        let mut batch = Batch::new(&binding, self.rows.len());
        let mut scored = Vec::with_capacity(self.rows.len());
        for rows in self.rows.chunks(ROWS) {
            batch.clear();
            rows.iter().for_each(|row| batch.push(&binding, row));
            batch.end();
            let mut predictions = vec![0.0; signature.outputs.len() * rows.len()];
            calmly(|| predict(model, &mut batch, &mut predictions))?;
            let of_row = |row| {
                let outputs = signature.outputs.iter().enumerate();
                let text = |(place, output)| format::text(output, predictions[place * rows.len() + row]);
                Ok(outputs.map(text).collect())
            };
            let start = scored.len();
            scored.extend((0..rows.len()).map(of_row));
            for flaw in batch.bad() {
                scored[start + flaw.row as usize] =
                    Err(batch.reason(flaw, |feature| self.columns[binding.fields[feature]].as_str()));
            }
        }
        Ok(scored)
    }
}

type Scored = Result<Vec<String>, String>;

/// The rows among them that the model can score, and why the first other one of the file is bad.
fn good_rows(model: &Model, from: &Rows) -> Result<(Vec<usize>, Option<String>), String> {
    let (mut good, mut first_bad, mut before) = (Vec::new(), None, 0);
    let mut predictions = Vec::new();
    let mut among = from.among.map(|rows| rows.iter().peekable());
    let read = calmly(|| {
        from.table.batches::<Problem>(model.signature(), |reader, _| {
            let rows = reader.batch.rows();
            predictions.resize(model.signature().outputs.len() * rows, 0.0);
            predict(model, &mut reader.batch, &mut predictions);
            let mut bad = reader.batch.bad().peekable();
            if let (None, Some(&flaw)) = (&first_bad, bad.peek()) {
                first_bad = Some(reader.reason(flaw));
            }
            for row in 0..rows {
                let place = before + row;
                let is_among = among.as_mut().is_none_or(|among| among.next_if_eq(&&place).is_some());
                let is_bad = bad.next_if(|flaw| flaw.row as usize == row).is_some();
                if is_among && !is_bad {
                    good.push(place);
                }
            }
            before += rows;
            Ok(())
        })
    })?;
    read.map_err(shown)?;
    Ok((good, first_bad))
}

/// A library that panics is an error of its model.
pub(super) fn calmly<T>(score: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(score)).map_err(|_| shown(internal()))
}

pub(super) fn shown(problem: Problem) -> String {
    match problem.code {
        // The hint to this one is about files without a header.
        Code::NoSuchColumn => problem.to_string(),
        _ => format!("{problem}; {}", problem.hint),
    }
}

fn same(output: &Column, expected: &str, found: &str) -> bool {
    if expected == found || output.kind != Type::Float64 {
        return expected == found;
    }
    match (expected.parse::<f64>(), found.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.is_finite() && b.is_finite() && (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
        _ => false,
    }
}

/// Scores a row of zeros and one of ones, together and apart: a row's prediction must be finite, its own, and the same
/// each time. A model that takes only some texts or whole numbers may refuse them.
pub fn rehearse(model: &Model) -> Result<(), String> {
    let signature = model.signature();
    let predict = |column: &[f64]| {
        let rows = column.len();
        let columns = vec![column; signature.inputs.len()];
        let texts: Vec<Vec<String>> = model.sample_texts().iter().map(|t| vec![t.clone(); rows]).collect();
        let texts: Vec<&[String]> = texts.iter().map(Vec::as_slice).collect();
        let mut out = vec![f64::NAN; rows * signature.outputs.len()];
        model.predict(&columns, &texts, &mut out)?;
        Ok(out)
    };
    let choosy = |column: &Column| matches!(column.kind, Type::String | Type::Int64);
    let out = match predict(&[0.0, 1.0]) {
        Err(_) if signature.inputs.iter().any(choosy) => return Ok(()),
        Err::<_, String>(reason) => {
            return Err(format!("the model can't score rows of zeros and of ones: {reason}"));
        }
        Ok(out) => out,
    };
    if !out.iter().all(|y| y.is_finite()) {
        return Err(format!("the model can't score: rows of zeros and of ones give {out:?}"));
    }
    let separate: Vec<f64> = predict(&[0.0])?
        .into_iter()
        .zip(predict(&[1.0])?)
        .flat_map(|(a, b)| [a, b])
        .collect();
    let swapped: Vec<f64> = predict(&[1.0, 0.0])?
        .chunks(2)
        .flat_map(|pair| [pair[1], pair[0]])
        .collect();
    match out == separate && out == swapped {
        true => Ok(()),
        false => Err(
            "the same row doesn't always give the same prediction: it depends on the rows beside it, or on chance"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;
    use crate::format::csv::origin::Origin;
    use crate::model::{Category, Format};
    use proptest::prelude::*;

    fn line(slope: &str) -> Arc<Model> {
        let json = format!(r#"{{"features":["x","y"],"coefficients":[{slope},1],"intercept":0.5}}"#);
        Model::parse(Format::Linear, json.as_bytes()).unwrap().into()
    }

    fn table(bytes: &[u8]) -> Table<'_> {
        Table {
            bytes,
            dialect: Dialect::plain(b';'),
            spelling: &Spelling::USUAL,
            origin: Origin::Csv,
        }
    }

    fn golden(csv: &str) -> Result<Golden, String> {
        Golden::of(
            &line("0.1"),
            &Rows {
                table: table(csv.as_bytes()),
                among: None,
                source: Path::new("rows.csv"),
            },
        )
    }

    #[test]
    fn rows_keep_the_columns_that_the_model_takes_as_they_were_written() {
        let golden = golden("who;y; x \nada;\" 1e0\";2.50\n\neve;;3\nbob;-1;+3\n").unwrap();
        assert_eq!(golden.columns, ["y", "x"]);
        // The row with a missing value is bad, and left out.
        assert_eq!(golden.rows, [[" 1e0", "2.50"], ["-1", "+3"]]);
        assert_eq!(golden.outputs, ["prediction"]);
        assert_eq!(golden.predictions, [["1.75"], ["-0.19999999999999996"]]);
        assert_eq!(Golden::parse(&golden.json()).unwrap(), golden);
    }

    #[test]
    fn a_short_row_and_an_empty_line_shift_no_row() {
        let golden = golden("x;y\n1\n\n2;3\n4;5\n").unwrap();
        assert_eq!(golden.rows, [["2", "3"], ["4", "5"]]);
    }

    #[test]
    fn many_rows_are_thinned_evenly() {
        let rows: String = (0..1000).map(|i| format!("{i};0\n")).collect();
        let golden = golden(&format!("x;y\n{rows}")).unwrap();
        assert_eq!(golden.rows.len(), GOLDEN_ROWS);
        assert_eq!((&golden.rows[0][0][..], &golden.rows[31][0][..]), ("0", "968"));
        golden.check(&line("0.1")).unwrap();
    }

    #[test]
    fn only_those_among_which_it_may_choose_are_taken() {
        let rows: String = (0..100).map(|i| format!("{i};0\n")).collect();
        let csv = format!("sep=;\nx;y\n{rows}");
        let rows = Rows {
            table: table(csv.as_bytes()),
            among: Some(&[7, 99]),
            source: Path::new("rows.csv"),
        };
        let golden = Golden::of(&line("0.1"), &rows).unwrap();
        assert_eq!(golden.rows, [["7", "0"], ["99", "0"]]);
    }

    #[test]
    fn another_model_is_reported_by_row_column_and_both_numbers() {
        let golden = golden("x;y\n0;1\n3;1\n").unwrap();
        golden.check(&line("0.1000000000001")).unwrap();
        let why = golden.check(&line("0.1000001")).unwrap_err();
        assert_eq!(
            why,
            "the version doesn't reproduce its golden rows: row 2, prediction: expected 1.8, found 1.8000003"
        );
        let mut bad = golden.clone();
        bad.rows[1][1] = "lots".into();
        let why = bad.check(&line("0.1")).unwrap_err();
        assert!(
            why.ends_with("row 2, prediction: expected 1.8, found a bad row: y: not a number"),
            "{why}"
        );
        let mut other = golden.clone();
        other.outputs = vec!["label".into()];
        let why = other.check(&line("0.1")).unwrap_err();
        assert_eq!(why, "the version gives prediction, but its golden rows have label");
    }

    #[test]
    fn what_gives_no_rows_says_why() {
        for (csv, words) in [
            ("", "the file is empty"),
            ("x;y\n", "there are no rows"),
            ("x;y\n;2\n3;\n", "no row can be scored; the first: x: missing value"),
            ("x;z\n1;2\n", "line 1: no column \"y\""),
            ("x,y\n1,2\n", "separated by ','"),
            ("x;y\n1;\"2\n", "line 2: a quote opens"),
        ] {
            let why = golden(csv).unwrap_err();
            assert!(why.contains(words), "{csv:?}: {why}");
        }
    }

    #[test]
    fn golden_rows_that_are_not_whole_are_refused() {
        for (json, words) in [
            ("[]", "not the JSON"),
            (
                r#"{"columns":["x"],"rows":[],"outputs":["p"],"predictions":[]}"#,
                "0 golden rows",
            ),
            (
                r#"{"columns":["x"],"rows":[["1"]],"outputs":["p"],"predictions":[]}"#,
                "1 golden rows with 0",
            ),
            (
                r#"{"columns":["x"],"rows":[["1"],["1","2"]],"outputs":["p"],"predictions":[["1"],["2"]]}"#,
                "golden row 2: 2 cells for 1 columns",
            ),
            (
                r#"{"columns":["x"],"rows":[["1"]],"outputs":["p"],"predictions":[[]]}"#,
                "golden row 1: 0 predictions for 1 columns",
            ),
        ] {
            let why = Golden::parse(json.as_bytes()).unwrap_err();
            assert!(why.contains(words), "{json}: {why}");
        }
    }

    #[test]
    fn numbers_are_equal_to_1e_9_and_the_rest_to_the_letter() {
        let output = |kind| Column::plain("p".into(), kind);
        let double = output(Type::Float64);
        for (expected, found, equal) in [
            ("1000.0", "1000.0000009", true),
            ("1000.0", "1000.0000011", false),
            ("-2e-300", "-2.000000001e-300", true),
            ("0.0", "1e-300", false),
            ("1.0", "-1.0", false),
            ("NaN", "NaN", true),
            ("inf", "inf", true),
            ("inf", "1.0", false),
            ("1.0", "-inf", false),
            ("1.0", "NaN", false),
            ("1.0", "", false),
        ] {
            assert_eq!(same(&double, expected, found), equal, "{expected} {found}");
        }
        assert!(!same(&output(Type::Float32), "0.1", "0.10000001"));
        let mut label = output(Type::Category);
        label.categories = vec![Category::Integer(1), Category::Number(1.0)];
        assert!(!same(&label, "1", "1.0"));
    }

    proptest! {
        /// Whatever the rows are, their version reproduces them.
        #[test]
        fn any_rows_are_reproduced(cells in prop::collection::vec(("[ -~\n\ré]{0,4}|[0-9]{1,3}", "[0-9.e-]{0,4}"), 0..80)) {
            let mut csv = Vec::new();
            texts::write(&["x", "y"], b';', &mut csv);
            for (x, y) in &cells {
                texts::write(&[x, y], b';', &mut csv);
            }
            let model = line("0.1");
            let whole = |cell: &str| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
            match Golden::of(&model, &Rows { table: table(&csv), among: None, source: Path::new("rows.csv") }) {
                Ok(golden) => {
                    golden.check(&model).unwrap();
                    prop_assert!(golden.predictions.iter().all(|row| !row[0].is_empty()), "{:?}", golden);
                }
                Err(_) => prop_assert!(!cells.iter().any(|(x, y)| whole(x) && whole(y))),
            }
        }
    }
}
