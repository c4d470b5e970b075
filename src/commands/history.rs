//! `transform history`: what was done, by which model, with what result.

use super::{input_name, print_json, print_line, print_table, time};
use crate::cli::Since;
use crate::config::Config;
use crate::error::{Result, exit};
use crate::ledger::{Decision, Ledger, Transformation};
use crate::transform::{Summary, Verdict, shown};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// Transformations that are shown if nobody says how many, or since when.
const LAST: u32 = 50;

pub fn history(
    config: &Config,
    file: Option<&Path>,
    since: Option<Since>,
    limit: Option<u32>,
    json: bool,
) -> Result<u8> {
    let name = file.map(|f| input_name(config, f));
    let most = limit.or(since.is_none().then_some(LAST));
    let since = since.map(|since| since.moment(Timestamp::now()).as_microsecond());
    let (mut history, mut decisions) = (Vec::new(), Vec::new());
    if let Some(ledger) = Ledger::read(&config.state.path)? {
        history = ledger.history(name.as_ref(), since, most)?;
        decisions = name.as_ref().map_or(Ok(Vec::new()), |name| ledger.decisions(name))?;
    }
    if json {
        print_json(&history.iter().map(Entry::of).collect::<Vec<_>>());
        return Ok(exit::CONVERGED);
    }
    if history.is_empty() {
        let of = name.map(|n| format!(" of {n}")).unwrap_or_default();
        let when = if since.is_some() { "since then" } else { "yet" };
        print_line(format!("no transformation{of} {when}"));
        return Ok(exit::CONVERGED);
    }
    let mut rows = vec![
        ["WHEN (UTC)", "FILE", "MODEL", "ROWS", "BAD", "MS", "RESULT"]
            .map(String::from)
            .to_vec(),
    ];
    rows.extend(history.iter().map(to_row));
    print_table(&rows);
    for decision in decisions {
        let Decision {
            kind, at, by, reason, ..
        } = decision;
        let why = if reason.is_empty() { "" } else { ": " };
        print_line(format!("{kind} by {by} at {} UTC{why}{reason}", time(at)));
    }
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
    let made = done.summary.output_hash.map(|hash| hash.to_hex());
    let made = made.as_ref().map_or("", |hex| &hex[..12]);
    let result = match (done.verdict, &done.problem, &done.message) {
        (Verdict::Fail, Some(code), Some(message)) => format!("{code}: {message}"),
        (Verdict::Hold, ..) => format!("held {made}"),
        _ => format!("scored {made}"),
    };
    let result = match done.summary.unknown.is_empty() {
        true => result,
        false => format!("{result}, unknown categories: {}", shown(&done.summary.unknown)),
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
