//! Outputs under the names of their formats: `output.format` that is changed leaves none behind.

use crate::spool::{Ran, Spool, xs};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use transform::format::OutputFormat;

/// Of what stands, only names are looked at.
fn names(spool: &Spool) -> Vec<String> {
    spool.names("output")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// A run that was killed before it recorded what it did: the ledger is as it was before.
fn killed_before_it_recorded(spool: &Spool) -> Ran {
    let (state, before) = (spool.path("state"), spool.path("before"));
    copy(&state, &before);
    let ran = spool.once();
    fs::remove_dir_all(&state).unwrap();
    fs::rename(before, state).unwrap();
    ran
}

#[test]
fn an_output_in_another_format_takes_the_place_of_the_former() {
    let spool = Spool::new();
    let path = spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    assert_eq!(names(&spool), ["a.csv.out"]);
    // The same bytes under the same name.
    let spool = spool.set("output.format=csv");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(names(&spool), ["a.csv.out"]);
    let spool = spool.set("output.format=jsonl");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(names(&spool), ["a.csv.out.jsonl"]);
    spool.once().exits(0).says("1 output is up to date");
    spool.run(&["--once", "--all"]).exits(0).says("scored 1 file");
    let spool = spool.set("output.format=same").set("output.done_marker=true");
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(names(&spool), ["a.csv.out", "a.csv.out.done"]);
    let spool = spool.set("output.format=jsonl");
    spool.once().exits(0);
    assert_eq!(names(&spool), ["a.csv.out.jsonl", "a.csv.out.jsonl.done"]);
    fs::remove_file(spool.path("output/a.csv.out.jsonl")).unwrap();
    spool.once().exits(0).says("scored 1 file");
    // What fails has none.
    let spool = spool.set("output.format=csv");
    fs::write(path, "no number\n").unwrap();
    spool.once().exits(1);
    assert_eq!(names(&spool), [""; 0]);
}

#[test]
fn a_worker_that_is_killed_leaves_no_output_in_a_former_format() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    // Killed before it withdrew the former one.
    let former = fs::read(spool.path("output/a.csv.out")).unwrap();
    let spool = spool.set("output.format=jsonl");
    killed_before_it_recorded(&spool).exits(0);
    fs::write(spool.path("output/a.csv.out"), former).unwrap();
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(names(&spool), ["a.csv.out.jsonl"]);
    // Killed over a new input.
    spool.drop_file("b.csv", xs(&[1.0]));
    killed_before_it_recorded(&spool).exits(0);
    let spool = spool.set("output.format=csv");
    spool.once().exits(0).says("scored 2 files");
    assert_eq!(names(&spool), ["a.csv.out", "b.csv.out"]);
}

/// What a consumer makes of an output, beside it, is the consumer's.
#[test]
fn files_with_the_names_of_formats_that_were_never_asked_for_are_left() {
    let spool = Spool::new();
    spool.drop_file("a.csv", xs(&[1.0]));
    spool.once().exits(0);
    fs::write(spool.path("output/a.csv.out.parquet"), "a consumer's").unwrap();
    spool.run(&["--once", "--all"]).exits(0);
    let spool = spool.set("output.format=jsonl");
    spool.once().exits(0);
    assert_eq!(names(&spool), ["a.csv.out.jsonl", "a.csv.out.parquet"]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Drop(u8),
    DropBad(u8),
    DeleteInput(u8),
    DeleteOutputs(u8),
    Ask(&'static str),
    Once,
    /// Killed before it recorded anything.
    OnceAndKilled,
}

const FORMATS: [&str; 4] = ["same", "csv", "jsonl", "parquet"];

fn step() -> impl Strategy<Value = Step> {
    let file = 0..3_u8;
    prop_oneof![
        3 => file.clone().prop_map(Step::Drop),
        1 => file.clone().prop_map(Step::DropBad),
        1 => file.clone().prop_map(Step::DeleteInput),
        1 => file.prop_map(Step::DeleteOutputs),
        3 => proptest::sample::select(&FORMATS[..]).prop_map(Step::Ask),
        3 => Just(Step::Once),
        1 => Just(Step::OnceAndKilled),
    ]
}

/// The output of input `file`, in a format.
fn named(file: u8, format: &str) -> String {
    let suffix = OutputFormat::parse(format).unwrap().suffix(b"x.csv");
    format!("{file}.csv{suffix}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Each input has its output under the name of the format that is asked for, or none, whatever was asked for before.
    #[test]
    fn no_output_stands_beside_another(steps in proptest::collection::vec(step(), 1..16)) {
        let mut spool = Spool::new();
        for format in FORMATS {
            spool = spool.set(&format!("output.format={format}"));
            spool.once().exits(0);
        }
        let mut asked = "parquet";
        // Which inputs are there, and are they good; which outputs.
        let (mut inputs, mut outputs) = (BTreeMap::new(), BTreeMap::new());
        let mut x = 0.0;
        for step in steps.into_iter().chain([Step::Once]) {
            match step {
                Step::Drop(file) => {
                    x += 1.0;
                    spool.deliver(&format!("{file}.csv"), xs(&[x]));
                    inputs.insert(file, true);
                }
                Step::DropBad(file) => {
                    spool.deliver(&format!("{file}.csv"), "no number\n");
                    inputs.insert(file, false);
                }
                Step::DeleteInput(file) => {
                    let _ = fs::remove_file(spool.path(format!("input/{file}.csv")));
                    inputs.remove(&file);
                }
                Step::DeleteOutputs(file) => {
                    if let Some(output) = outputs.remove(&file) {
                        fs::remove_file(spool.path("output").join::<String>(output)).unwrap();
                    }
                }
                Step::Ask(format) => {
                    asked = format;
                    spool = spool.set(&format!("output.format={format}"));
                }
                Step::Once | Step::OnceAndKilled => {
                    match step {
                        Step::Once => spool.once(),
                        _ => killed_before_it_recorded(&spool),
                    };
                    for (file, good) in &inputs {
                        outputs.remove(file);
                        if *good {
                            outputs.insert(*file, named(*file, asked));
                        }
                    }
                    let mut expected: Vec<String> = outputs.values().cloned().collect();
                    expected.sort();
                    prop_assert_eq!(names(&spool), expected, "{:?}", step);
                }
            }
        }
    }
}
