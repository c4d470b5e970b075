//! `transform history`: what was done, by which model, with what result.

use super::spool::require_spool;
use super::{count, input_name, print_json, print_line, print_table, time};
use crate::cli::{Model, OutputHash, Since};
use crate::config::Config;
use crate::error::{Result, exit};
use crate::ledger::{Arms, Decision, Entry, Ledger, Transformation, Wanted, answering, champion};
use crate::transform::{Verdict, shown};
use crate::worker::checksums;
use jiff::Timestamp;
use std::path::PathBuf;

/// Transformations that are shown if nobody says how many, or since when.
const LAST: u32 = 50;

/// Which of them.
pub struct Question {
    pub file: Option<PathBuf>,
    pub since: Option<Since>,
    pub model: Option<Model>,
    pub output_hash: Option<OutputHash>,
    pub limit: Option<u32>,
}

pub fn history(config: &Config, question: &Question, json: bool) -> Result<u8> {
    let name = question.file.as_deref().map(|file| input_name(config, file));
    let since = question
        .since
        .map(|since| since.moment(Timestamp::now()).as_microsecond());
    let model = question.model.as_ref().map(|model| match model {
        Model::Version(version) => format!("{}/{}", config.models.group, version.number),
        Model::Group(group) => group.clone(),
    });
    let output = question.output_hash.map(|hash| (hash.lowest, hash.highest));
    let some = since.is_some() || output.is_some();
    let wanted = Wanted {
        input: name.as_ref(),
        since,
        model: model.as_deref(),
        output,
        most: question.limit.or((!some).then_some(LAST)),
    };
    let (mut history, mut decisions) = (Vec::new(), Vec::new());
    if let Some(mut ledger) = Ledger::read(&config.state.path)? {
        for done in find(config, &mut ledger, &wanted, json)? {
            let arms = ledger.arms(&done)?;
            history.push((done, arms));
        }
        decisions = name.as_ref().map_or(Ok(Vec::new()), |name| ledger.decisions(name))?;
    } else {
        require_spool(config)?;
    }
    if json {
        let entries = history.iter().map(|(done, arms)| Entry::of(done, arms.clone()));
        print_json(&entries.collect::<Vec<_>>());
        return Ok(exit::CONVERGED);
    }
    if history.is_empty() {
        let of = name.as_ref().map(|n| format!(" of {n}")).unwrap_or_default();
        let by = model.map(|model| format!(" by {model}")).unwrap_or_default();
        let what = if output.is_some() { " made this output" } else { "" };
        let when = if since.is_some() { "since then" } else { "yet" };
        print_line(format!("no transformation{of}{by}{what} {when}"));
        return Ok(exit::CONVERGED);
    }
    let mut rows = vec![
        ["WHEN (UTC)", "FILE", "MODEL", "ROWS", "BAD", "MS", "RESULT"]
            .map(String::from)
            .to_vec(),
    ];
    rows.extend(history.iter().map(|(done, arms)| to_row(done, arms.as_ref())));
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

/// Those that are wanted. Where an output's SHA-256 may be what is missing, it is made of what stands.
fn find(config: &Config, ledger: &mut Ledger, wanted: &Wanted, json: bool) -> Result<Vec<Transformation>> {
    if json && wanted.input.is_some() {
        checksums::complete(config, ledger, wanted.input, |_| false)?;
    }
    let found = ledger.history(wanted)?;
    match wanted.output {
        Some((lowest, highest)) if found.is_empty() => {
            checksums::complete(config, ledger, wanted.input, |sum| (lowest..=highest).contains(&sum.0))?;
            ledger.history(wanted)
        }
        _ => Ok(found),
    }
}

/// In which phase of an experiment, and whose the rows were.
fn divided(done: &Transformation, arms: Option<&Arms>) -> String {
    let Some(phase) = &done.phase else {
        return String::new();
    };
    let mut models = answering(&done.recipe.made_by).map(champion);
    let (Some(arms), Some(first), Some(second)) = (arms, models.next(), models.next()) else {
        return format!(", {phase}");
    };
    let rows = count(arms.champion.rows, "row");
    let unassigned = match arms.unassigned {
        0 => String::new(),
        rows => format!(", {rows} without a key"),
    };
    format!(
        ", {phase}: {rows} by {first}, {} by {second}{unassigned}",
        arms.challenger.rows
    )
}

fn to_row(done: &Transformation, arms: Option<&Arms>) -> Vec<String> {
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
    } + &divided(done, arms);
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
