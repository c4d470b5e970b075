//! The same rows in every format: the same predictions to the last digit, the same bad rows, counts and arms.

use super::dress::{Dress, typed};
use super::sheet::Sheet;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use transform::checksum::Sha256Sum;
use transform::format::{FileFormat, OutputFormat};
use transform::model::{Format, Marker, Model};
use transform::monitor::{Baseline, Counter, Watch, baseline};
use transform::score::{Challenger, Identity, Lineup, Member, Phase, Spelling, Split};
use transform::transform::{Columns, Header, Limit, Run, Scorer, Shape, Share, Summary, transform};

const NAMES: [&str; 9] = ["id", "x", "y", "note", "z", "n", "city", "size", "member"];

const PIPELINE: &str = r#"{
    "inputs": [
        {"name": "y", "missing": {"fill": 7}},
        {"name": "x", "missing": "refuse"},
        {"name": "member", "missing": {"fill": 0.5}},
        {"name": "city", "categories": ["Rome", "Oslo"], "missing": "ignore", "unknown": "refuse"}
    ],
    "terms": [
        {"name": "x", "factors": [{"input": "x"}], "mean": 0.1, "scale": 3, "coefficient": 3},
        {"name": "y", "factors": [{"input": "y"}], "mean": 0, "scale": 1, "coefficient": 5},
        {"name": "m", "factors": [{"input": "member"}], "mean": 0, "scale": 1, "coefficient": 11},
        {"name": "c", "factors": [{"input": "city", "category": "Oslo"}], "mean": 0, "scale": 1, "coefficient": 1000}
    ],
    "intercept": 0.7, "output": "number"
}"#;

/// Of each kind: numbers that must be there; a pipeline of numbers, flags and texts; trees with texts and numbers as categories.
const MODELS: usize = 5;

fn member(of: usize) -> Member {
    let fixture = |name: &str| {
        fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures/models")
                .join(name),
        )
        .unwrap()
    };
    let (format, artifact) = match of {
        0 => (
            Format::Linear,
            br#"{"features":["x","y"],"coefficients":[0.3,-7.25],"intercept":0.1}"#.to_vec(),
        ),
        1 => (Format::Pipeline, PIPELINE.into()),
        2 => (Format::Xgboost, fixture("xgboost-3.2.0/partition.json")),
        3 => (Format::Lightgbm, fixture("lightgbm-4.7.0/pandas.txt")),
        _ => (Format::Lightgbm, fixture("lightgbm-4.7.0/pandas-binary.txt")),
    };
    Member {
        identity: Identity {
            group: "g".into(),
            version: of as u32 + 1,
            manifest: String::new(),
            artifact: String::new(),
        },
        model: Model::parse(format, &artifact).unwrap().into(),
    }
}

/// Counts by a baseline, and watches a key, a column beside the model's and rows by a text.
fn counter(model: &Model) -> Counter {
    let inputs = model.signature().inputs.iter();
    let column = |name: &str| match name {
        "city" => baseline::Column::of_texts(name, ["Oslo", "Rome", "Rome", "Lima"].map(Some)),
        name => baseline::Column::of_numbers(name, &[-1.0, 0.0, 1.0, 10.0, 2.5, 30.0]),
    };
    let mut baseline = Baseline::new(6, inputs.map(|input| column(&input.name)).collect());
    baseline.others = vec![baseline::Column::of_texts("note", ["a", "b", ""].map(Some))];
    let watch = Watch {
        columns: vec!["note".into()],
        segments: vec!["city".into(), "size".into()],
        key: Some("id".into()),
        ..Watch::default()
    };
    Counter::new(&baseline, Sha256Sum([1; 32]), model.signature()).watching(&watch, &baseline, model.signature())
}

/// `challenger`: it answers for half of the keys, in the phase `ab/1`.
fn scorer(champion: usize, challenger: Option<usize>, output: OutputFormat) -> Scorer {
    let mut lineup = Lineup::of(member(champion));
    if let Some(of) = challenger {
        let of = member(of);
        let phase = Phase {
            number: 1,
            name: "ab/1".into(),
            split: Split::new("salt", (1, 2)),
            since: 0,
            made_by: String::new(),
        };
        lineup.challengers = vec![Challenger {
            experiment: "ab".into(),
            identity: of.identity,
            model: Ok(of.model),
            key: "id".into(),
            phases: vec![phase],
            is_open: true,
            guards: Vec::new(),
        }];
    }
    let shape = Shape {
        header: Header::Present,
        max_bad_rows: Limit::Share(Share::ALL),
        columns: Columns::Named(vec!["note".into(), "id".into()]),
        probabilities: true,
        model_version: challenger.is_some(),
        spelling: Spelling::new(&[Marker::Number(-999.0), Marker::Text("?".into())], false),
        output,
        ..Shape::FROZEN
    };
    let counter = counter(&lineup.champion.model);
    Scorer::new(Arc::new(lineup), shape)
        .counting(Some(counter.into()))
        .with_trials()
}

/// Output, rejects, and what was counted.
fn score(file: &[u8], dress: Dress, scorer: &Scorer, phase: Option<&str>) -> (Vec<u8>, String, Summary) {
    let (mut out, mut rejects) = (Vec::new(), Vec::new());
    let run = Run {
        format: FileFormat::of(dress.name("a").as_bytes()),
        memory: 1 << 30,
        phase,
        ..Run::default()
    };
    let done = transform(file, scorer, &mut out, &mut rejects, &run);
    let done = done.unwrap_or_else(|failure| panic!("{dress:?}: {failure:?} {}", file.escape_ascii()));
    (out, String::from_utf8(rejects).unwrap(), done)
}

/// The columns that outputs have.
fn columns(csv: &[u8]) -> Vec<String> {
    let header = std::str::from_utf8(csv).unwrap().lines().next().unwrap();
    header.split(',').map(ToString::to_string).collect()
}

/// What is alike whatever the format is. Sums are added up row group after row group, so those of tables are others in their last
/// digits.
fn counted(summary: &Summary, has_sums: bool) -> impl PartialEq + std::fmt::Debug + use<> {
    let Summary {
        rows,
        bad_rows,
        not_finite,
        unknown,
        mut counts,
        mut arms,
        ..
    } = summary.clone();
    for side in arms.iter_mut().flat_map(|arms| &mut arms.tried.sides) {
        side.took = Duration::ZERO;
    }
    for segment in counts.segments.iter_mut().filter(|_| !has_sums) {
        let groups = segment.values.values_mut().chain([&mut segment.other]);
        groups
            .flat_map(|group| &mut group.outputs)
            .for_each(|output| output.sum = 0.0);
    }
    for column in counts.columns.iter_mut().filter(|_| !has_sums) {
        column.sum = 0.0;
    }
    (rows, bad_rows, not_finite, unknown, counts, arms)
}

/// The rows of an output as a format has them: JSON has no number that isn't finite.
fn as_written(sheet: &Sheet, dress: Dress) -> Vec<Vec<String>> {
    let mut rows = sheet.rows.clone();
    let kept = 2;
    for cell in rows.iter_mut().flat_map(|row| &mut row[kept..]) {
        if dress.is_json() && ["inf", "-inf", "NaN"].contains(&cell.as_str()) {
            cell.clear();
        }
    }
    rows
}

fn rows_of(bad: &[(usize, String, String)]) -> Vec<usize> {
    bad.iter().map(|(row, _, _)| *row).collect()
}

/// Cells of a column, one of which is chosen for each row: of columns that can have a type, of texts that are numbers, of what can't be
/// read.
fn cells(name: &str) -> impl Strategy<Value = Vec<&'static str>> + use<> {
    let all: &[&[&str]] = match name {
        "id" => &[
            &["k1", "k2", "é", "a, \"b\"", "two\nlines", ""],
            &["1", "2", "3", "007"],
            &["1", "2", "3", "4"],
            &["0.5", "1.5", ""],
        ],
        "note" => &[
            &[
                "",
                "plain",
                "a,b",
                "say \"hi\"",
                "two\nlines",
                "tab\there",
                "日本\u{2028}",
                "{\"a\": [1]}",
                "12",
            ],
            &["true", "false", ""],
        ],
        "city" => &[
            &["Oslo", "Rome", "Lima", "Kyiv, UA", "Sao \"Paulo\"", "Bern", ""],
            &["Atlantis", "Rome", "NA", " Rome ", "null", "?"],
            &["1", "2", ""],
        ],
        "size" => &[
            &["10", "20", "30", "45", ""],
            &["10", "20.0", "3e1", "45", "99"],
            &["10", "big", ""],
            &["10.0", "20.0", ""],
        ],
        "member" => &[
            &["true", "false"],
            &["true", "false", ""],
            &["True", "FALSE", "1", "0"],
            &["0", "1", ""],
            &["yes", "true"],
        ],
        "n" => &[
            &["0", "1", "5", "11", ""],
            &["1.0", "2.5", "-999", ""],
            &["-999", "3", "7"],
        ],
        _ => &[
            &["0.1", "-7.25", "1e22", "3", "12345.678901234567", ""],
            &["0.1", "-1e-7", "5"],
            &["inf", "-inf", "NaN", "1.5", ""],
            &["+3", ".5", "5.", "-0", "1E+3", "NA", "n/a", " 7 ", "9007199254740993"],
            &["1.5", "oops", "1,5", "0x1", "-999", "?"],
            &["1", "2", "3", "9007199254740992", ""],
            &["-999", "-999.0", "4.25"],
        ],
    };
    prop::sample::select(all.iter().map(|cells| cells.to_vec()).collect::<Vec<_>>())
}

fn sheet() -> impl Strategy<Value = Sheet> {
    let kinds: Vec<_> = NAMES.into_iter().map(cells).collect();
    (
        kinds,
        prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), NAMES.len()), 1..24),
    )
        .prop_map(|(kinds, rows)| {
            let row = |row: Vec<prop::sample::Index>| {
                row.iter()
                    .zip(&kinds)
                    .map(|(index, cells)| index.get(cells).to_string())
                    .collect()
            };
            Sheet {
                names: NAMES.map(String::from).into(),
                rows: rows.into_iter().map(row).collect(),
                lines: Vec::new(),
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_rows_are_scored_alike_in_every_format(sheet in sheet(), of in 0..MODELS, arms in any::<bool>(), group in 1..9usize) {
        let challenger = arms.then_some((of + 1) % 2).filter(|_| of < 2);
        let phase = challenger.map(|_| "ab/1");
        // What a column with a type says of its numbers, which is how their texts stand.
        let csv = typed(&sheet).write(',');
        let scorer = scorer(of, challenger, OutputFormat::Same);
        let (output, rejects, summary) = score(csv.as_bytes(), Dress::Csv, &scorer, phase);
        let names = columns(&output);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let expected = Dress::Csv.sheet(&output, &names);
        let bad = Dress::Csv.bad_rows(&rejects, &csv, group);
        for dress in Dress::all().skip(1) {
            let file = dress.grouped(&csv, group);
            let (output, rejects, found) = score(&file, dress, &scorer, phase);
            prop_assert_eq!(&dress.sheet(&output, &names).rows, &as_written(&expected, dress), "{:?} of\n{}", dress, csv);
            let mut expected_bad = bad.clone();
            let mut found_bad = dress.bad_rows(&rejects, &csv, group);
            if dress.is_json() {
                // A key that isn't there has no place among the others: another cell may be the first that is bad.
                let alone = |(row, _, _): &(usize, String, String)| !sheet.rows[*row].iter().any(String::is_empty);
                prop_assert_eq!(rows_of(&found_bad), rows_of(&bad), "{:?} of\n{}", dress, csv);
                expected_bad.retain(alone);
                found_bad.retain(alone);
            }
            prop_assert_eq!(&found_bad, &expected_bad, "{:?} of\n{}", dress, csv);
            let has_sums = !dress.is_table();
            prop_assert_eq!(counted(&found, has_sums), counted(&summary, has_sums), "{:?} of\n{}", dress, csv);
        }
    }

    /// Whatever the input's format is.
    #[test]
    fn outputs_in_every_format_say_the_same(sheet in sheet(), of in 0..MODELS, group in 1..9usize) {
        let csv = typed(&sheet).write(',');
        let output = score(csv.as_bytes(), Dress::Csv, &scorer(of, None, OutputFormat::Same), None).0;
        let names = columns(&output);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let expected = Dress::Csv.sheet(&output, &names);
        for (format, read) in [(OutputFormat::Csv, Dress::Csv), (OutputFormat::JsonLines, Dress::JsonLines), (OutputFormat::Parquet, Dress::Parquet)] {
            if Dress::all().all(|known| known != read) {
                continue;
            }
            let scorer = scorer(of, None, format);
            for dress in Dress::all() {
                let (output, _, _) = score(&dress.grouped(&csv, group), dress, &scorer, None);
                prop_assert_eq!(&read.sheet(&output, &names).rows, &as_written(&expected, read), "{:?} to {:?} of\n{}", dress, format, csv);
            }
        }
    }
}

/// Where the challenger, which answers, and the champion take a cell that can't be read in different ways.
#[test]
fn a_bad_cell_of_a_challengers_row_has_the_same_reason_in_every_format() {
    let ids = (0..8).map(|id| format!("k{id},0.1,oops,,0.1,1,,45,true\n"));
    let csv = NAMES.join(",") + "\n" + &ids.collect::<String>();
    for (champion, challenger) in [(0, 1), (1, 0)] {
        let scorer = scorer(champion, Some(challenger), OutputFormat::Same);
        for phase in [None, Some("ab/1")] {
            let bad = |dress: Dress| {
                let (_, rejects, _) = score(&dress.file(&csv), dress, &scorer, phase);
                dress.bad_rows(&rejects, &csv, super::GROUP)
            };
            for dress in Dress::all() {
                assert_eq!(
                    bad(dress),
                    bad(Dress::Csv),
                    "{dress:?} {champion} {challenger} {phase:?}"
                );
            }
        }
    }
}
