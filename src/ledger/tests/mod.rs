mod counted;
mod database;
mod failures;
mod faults;
mod formats;
mod history;
mod labels;
mod pruning;
mod records;
mod upgrade;

use super::*;
use crate::spool::{Fingerprint, Name};
use crate::transform::{Summary, Verdict};

const ARTIFACT: &str = "a5ad6fda30434c7bf2ae51c6aac1257c86cfca3136c1d03d091d76711ad61c9f";

fn name(text: &str) -> Name {
    Name::new(text.as_bytes())
}

fn recipe(made_by: &str) -> Recipe {
    Recipe {
        made_by: made_by.into(),
        shape: "".into(),
        output_format: 1,
    }
}

/// Of an input whose contents are `contents`.
fn scored(input: &str, contents: &str, at: i64) -> (Record, Transformation) {
    let record = Record {
        fingerprint: Fingerprint {
            size: contents.len() as u64,
            mtime: at,
            ctime: None,
        },
        racy: false,
        input_hash: Some(blake3::hash(contents.as_bytes()).into()),
        recipe: recipe("lines/1@m"),
        published: 50,
        problem: None,
        verdict: Verdict::Publish,
        first_seen: at,
        phase: None,
        taken: Taken::default(),
    };
    let done = Transformation {
        number: None,
        input: name(input),
        at,
        micros: 7,
        recipe: record.recipe.clone(),
        artifact: Some(ARTIFACT.into()),
        summary: Summary {
            rows: 1,
            input_hash: Some(blake3::hash(contents.as_bytes())),
            output_hash: Some(blake3::hash(b"output")),
            ..Summary::default()
        },
        counted: Vec::new(),
        verdict: Verdict::Publish,
        phase: None,
        problem: None,
        message: None,
    };
    (record, done)
}

fn failed(input: &str, contents: &str, at: i64) -> (Record, Transformation) {
    let (mut record, mut done) = scored(input, contents, at);
    record.input_hash = None;
    record.problem = Some("no_such_column".into());
    record.verdict = Verdict::Fail;
    done.summary = Summary::default();
    done.problem = record.problem.clone();
    done.verdict = Verdict::Fail;
    (record, done)
}

fn of(input: &Name) -> Wanted<'_> {
    Wanted {
        input: Some(input),
        ..Wanted::default()
    }
}
