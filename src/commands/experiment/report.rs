//! `transform experiment report`: how a version on trial is beside the champion.

use super::sheet::read;
use crate::cli::Labelled;
use crate::commands::{count, few, print_json, print_line, print_table, read_text};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::experiment::difference::{Difference, Pairing, Record, Tally};
use crate::experiment::losses::{Losses, Scale};
use crate::experiment::page::page;
use crate::experiment::paired::Paired;
use crate::experiment::text::text;
use crate::experiment::{Report, Subject};
use crate::format::csv::table::Table;
use crate::labels::{Given, Of};
use crate::ledger::{Ledger, TrialRecord};
use crate::model::{Signature, Type};
use crate::registry::experiment::Step;
use crate::registry::{Experiment, Registry};
use crate::report::text::Line;
use crate::score::Identity;
use crate::spool::{durable, results};
use crate::train::dataset::EXAMPLES_MAX;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files that are named of those that are left out.
const NAMED: usize = 3;
/// Records of the ledger that are read at once.
const CHUNK: usize = 1024;

pub struct Question {
    pub name: String,
    pub labelled: Labelled,
    pub html: Option<PathBuf>,
    pub json: bool,
}

pub fn report(config: &Config, registry: &Registry, question: &Question) -> Result<u8> {
    let report = make(config, registry, &question.name, &question.labelled)?;
    if let Some(path) = &question.html {
        durable::hand_out(path, page(&report).as_bytes())?;
    }
    match (&question.html, question.json) {
        (_, true) => print_json(&report),
        (Some(path), false) => {
            print_line(&report.headline);
            print_line(format!("look at {}", path.display()));
        }
        (None, false) => text(&report).iter().for_each(|line| match line {
            Line::Text(text) => print_line(text),
            Line::Table(rows) => print_table(rows),
        }),
    }
    Ok(exit::CONVERGED)
}

/// What a promotion is by: all of the report.
pub fn evidence(config: &Config, registry: &Registry, name: &str, labelled: &Labelled) -> Result<Value> {
    let report = make(config, registry, name, labelled)?;
    Ok(serde_json::to_value(&report).expect("a report is JSON"))
}

fn make(config: &Config, registry: &Registry, name: &str, labelled: &Labelled) -> Result<Report> {
    let experiment = registry.experiment(name)?;
    let signatures = [experiment.champion, experiment.version]
        .map(|version| registry.show(version).map(|shown| shown.manifest.signature));
    let [champion, shadow] = signatures;
    let (champion, shadow) = (champion?, shadow?);
    let given = labelled
        .labels
        .as_deref()
        .map(|path| labels(config, path, labelled, &experiment, &champion));
    let found = Found::read(
        config,
        registry,
        &experiment,
        [&champion, &shadow],
        given.transpose()?,
        labelled.margin,
    )?;
    let state = state(&experiment, registry.latest_approved().ok().as_ref());
    let started: Timestamp = experiment.began().parse().unwrap_or_default();
    Ok(Report::of(Subject {
        name: &experiment.name,
        champion: &format!("{}/{}", registry.group(), experiment.champion),
        shadow: &format!("{}/{}", registry.group(), experiment.version),
        state: &state,
        started: started.as_microsecond(),
        files: found.files,
        milliseconds: found.milliseconds(),
        difference: found.difference,
        paired: found.paired,
        notes: found.notes,
    }))
}

fn labels(
    config: &Config,
    path: &Path,
    labelled: &Labelled,
    experiment: &Experiment,
    outputs: &Signature,
) -> Result<Given> {
    if experiment.key.is_none() {
        let message = format!(
            "no row of experiment {} has a key that labels could be joined by: start one with --key COLUMN, or set monitor.key",
            experiment.name
        );
        return Err(Error::config("--labels", message));
    }
    let key = labelled.key.as_deref().or(experiment.key.as_deref());
    let classes: HashSet<String> = match outputs.outputs.first() {
        Some(label) if label.kind == Type::Category => label.categories.iter().map(ToString::to_string).collect(),
        _ => HashSet::new(),
    };
    let bytes = read_text(path, EXAMPLES_MAX, config.shape.encoding)?;
    let table = Table {
        bytes: &bytes,
        dialect: config.shape.dialect,
        spelling: &config.shape.spelling,
    };
    Given::read(&table, key, labelled.target.as_deref(), &classes)
        .map_err(|problem| Error::config(path, format!("{problem}; {}", problem.hint)))
}

/// What came of the files.
struct Found {
    files: u64,
    rows: u64,
    /// What predicting took: the champion, the shadow.
    took: [Duration; 2],
    difference: std::result::Result<Difference, String>,
    paired: Vec<Paired>,
    notes: Vec<String>,
}

impl Found {
    fn read(
        config: &Config,
        registry: &Registry,
        experiment: &Experiment,
        outputs: [&Signature; 2],
        given: Option<Given>,
        margin: f64,
    ) -> Result<Found> {
        let mut found = Found {
            files: 0,
            rows: 0,
            took: [Duration::ZERO; 2],
            difference: Err("they scored no file together yet".into()),
            paired: Vec::new(),
            notes: Vec::new(),
        };
        let pairing = match Pairing::of(&outputs[0].outputs, &outputs[1].outputs) {
            Ok(pairing) => pairing,
            Err(why) => {
                found.difference = Err(why);
                return Ok(found);
            }
        };
        let mut tally = Tally::new(pairing.clone());
        let labels = match given.as_ref().map(|given| &given.of) {
            Some(Of::Keys(labels)) => Some(labels),
            _ => None,
        };
        let mut losses = labels.and_then(|_| match Scale::new(pairing) {
            Ok(scale) => Some(Losses::new(scale)),
            Err(why) => {
                found.notes.push(format!("the labels aren't used: {why}"));
                None
            }
        });
        let (mut joined, mut unusable, mut without_key) = (0, 0, 0);
        let Some(ledger) = Ledger::read(&config.state.path)? else {
            return Ok(found);
        };
        let by =
            [experiment.champion, experiment.version].map(|version| registry.identity(version).map(|of| of.made_by()));
        let [champion, shadow] = by;
        let (champion, shadow) = (champion?, shadow?);
        let made = ledger.trials_of(&experiment.name)?;
        let mut left_out = Vec::new();
        // A file that was renamed counts once.
        let mut seen = HashSet::new();
        for made in made.chunks(CHUNK) {
            let names: Vec<_> = made.iter().map(|made| made.input.clone()).collect();
            let records = ledger.records(&names)?;
            for (made, record) in made.iter().zip(records) {
                let TrialRecord { input, tried, .. } = made;
                if record
                    .as_ref()
                    .is_some_and(|record| record.input_hash != Some(made.input_hash))
                {
                    left_out.push((input.to_string(), "it was scored before its contents changed".into()));
                    continue;
                }
                if !seen.insert(made.input_hash) {
                    left_out.push((input.to_string(), "it has the contents of another one".into()));
                    continue;
                }
                let at = record.map_or(made.at, |record| record.first_seen);
                if made.champion != champion || made.made_by != shadow {
                    left_out.push((input.to_string(), "made by other versions".into()));
                    continue;
                }
                if let Some(problem) = &tried.problem {
                    left_out.push((input.to_string(), problem.clone()));
                    continue;
                }
                let path = config.shadow.join(results::trial(&experiment.name, input).path());
                if path.metadata().ok().map(|file| file.len()) != Some(tried.bytes) {
                    left_out.push((input.to_string(), "its file went, or was changed".into()));
                    continue;
                }
                let take = |record: &Record| {
                    tally.add(record)?;
                    let scored = record.outputs.map(|cells| cells.iter().any(|cell| !cell.is_empty()));
                    if let (Some(losses), Some(labels), [true, true]) = (&mut losses, labels, scored)
                        && let Some(label) = labels.get(record.key).and_then(|label| label.text.as_deref())
                    {
                        match losses.add(record, at, label, &config.shape.spelling) {
                            true => joined += 1,
                            false => unusable += 1,
                        }
                    }
                    found.rows += 1;
                    Ok(())
                };
                read(&path, &input.to_string(), outputs, take).map_err(|why| {
                    Error::config(
                        &path,
                        format!("it isn't what a version on trial writes: {why}; remove it, and it is made again"),
                    )
                })?;
                found.files += 1;
                found.took[0] += tried.sides[0].took;
                found.took[1] += tried.sides[1].took;
                without_key += u64::from(!tried.has_key);
            }
        }
        if found.files > 0 {
            found.difference = Ok(tally.finish());
        }
        found.paired = losses.map_or_else(Vec::new, |losses| losses.finish(margin));
        if let Some(given) = &given {
            found.notes.push(of_labels(given, joined, unusable));
        }
        if let Some(key) = experiment.key.as_ref().filter(|_| without_key > 0) {
            let files = count(without_key, "file");
            found
                .notes
                .push(format!("{files} without the key {key:?}: no label finds their rows"));
        }
        if !left_out.is_empty() {
            let named: Vec<String> = left_out
                .iter()
                .take(NAMED)
                .map(|(file, why)| format!("{file} ({why})"))
                .collect();
            let all = left_out.len() as u64;
            found
                .notes
                .push(format!("{} left out: {}", count(all, "file"), few(all, &named)));
        }
        Ok(found)
    }

    /// Of 1,000 rows; none of so few that it would be of memory that is touched for the first time.
    fn milliseconds(&self) -> Option<[f64; 2]> {
        const LEAST: Duration = Duration::from_millis(1);
        let enough = self.took.iter().all(|took| *took >= LEAST);
        enough.then(|| self.took.map(|took| took.as_secs_f64() * 1e6 / self.rows as f64))
    }
}

/// `stopped 2026-11-27T08:00:00Z by ada@host: seen enough`
fn state(experiment: &Experiment, answering: Option<&Identity>) -> String {
    let state = experiment.state(answering);
    match experiment.steps.last() {
        Some(Step { by, at, reason, .. }) if !experiment.goes_on() => {
            let reason = if reason.is_empty() {
                String::new()
            } else {
                format!(": {reason}")
            };
            format!("{state} {at} by {by}{reason}")
        }
        _ => state.to_string(),
    }
}

fn of_labels(given: &Given, joined: u64, unusable: u64) -> String {
    let mut parts = vec![format!(
        "{} with labels read, {} of rows that both scored",
        count(given.rows, "record"),
        count(joined, "label")
    )];
    for (n, what) in [
        (given.missing, "no label yet"),
        (given.without_key, "no key"),
        (given.repeated, "said once before"),
        (
            given.contradicting,
            "several labels that contradict each other, so none counts",
        ),
        (unusable, "a label that is none of the classes, or no number"),
    ] {
        if n > 0 {
            parts.push(format!("{n} with {what}"));
        }
    }
    parts.join("; ")
}
