//! `transform history`: what was done, by which model, with what result.

use super::{input_name, say, say_json, say_table, time};
use crate::config::Config;
use crate::error::{Result, exit};
use crate::ledger::{Ledger, Transformation};
use crate::transform::{Summary, Verdict};
use serde::Serialize;
use std::path::Path;

pub fn history(config: &Config, file: Option<&Path>, limit: u32, json: bool) -> Result<u8> {
    let name = file.map(|f| input_name(config, f));
    let history = match Ledger::read(&config.state.path)? {
        Some(ledger) => ledger.history(name.as_ref(), None, Some(limit))?,
        None => Vec::new(),
    };
    if json {
        say_json(&history.iter().map(Entry::of).collect::<Vec<_>>());
        return Ok(exit::CONVERGED);
    }
    if history.is_empty() {
        let of = name.map(|n| format!(" of {n}")).unwrap_or_default();
        say(format!("no transformation{of} yet"));
        return Ok(exit::CONVERGED);
    }
    let mut rows = vec![
        ["WHEN (UTC)", "FILE", "MODEL", "ROWS", "BAD", "MS", "RESULT"]
            .map(String::from)
            .to_vec(),
    ];
    rows.extend(history.iter().map(to_row));
    say_table(&rows);
    Ok(exit::CONVERGED)
}

/// A transformation for programs.
#[derive(Serialize)]
struct Entry<'a> {
    input: String,
    at: i64,
    micros: i64,
    model_group: &'a str,
    version: Option<u32>,
    artifact: Option<&'a str>,
    made_by: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
    verdict: Verdict,
    problem: Option<&'a str>,
    message: Option<&'a str>,
}

impl Entry<'_> {
    fn of(done: &Transformation) -> Entry<'_> {
        let model = done.recipe.model();
        let (model_group, version) = model.split_once('/').unwrap_or((model, ""));
        Entry {
            input: done.input.to_string(),
            at: done.at,
            micros: done.micros,
            model_group,
            version: version.parse().ok(),
            artifact: done.artifact.as_deref(),
            made_by: &done.recipe.made_by,
            summary: &done.summary,
            verdict: done.verdict,
            problem: done.problem.as_deref(),
            message: done.message.as_deref(),
        }
    }
}

fn to_row(done: &Transformation) -> Vec<String> {
    let result = match (&done.problem, &done.message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => format!("scored {}", &done.summary.output_hash.get(..12).unwrap_or_default()),
    };
    vec![
        time(done.at),
        done.input.to_string(),
        done.recipe.model().into(),
        done.summary.rows.to_string(),
        done.summary.bad_rows.to_string(),
        format!("{:.1}", done.micros as f64 / 1000.0),
        result,
    ]
}
