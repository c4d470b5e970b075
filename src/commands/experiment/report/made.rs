//! The files of an experiment that a report is of.

use super::sheet::Sheet;
use crate::commands::{count, few};
use crate::config::Config;
use crate::error::Result;
use crate::ledger::{HalfHash, Ledger, Record, TrialRecord};
use crate::registry::experiment::Kind;
use crate::registry::{Experiment, Registry};
use crate::spool::results;
use crate::transform::{Side, Verdict};
use std::collections::HashSet;
use std::path::PathBuf;

/// Files that are named of those that are left out.
const NAMED: usize = 3;
/// Records of the ledger that are read at once.
const CHUNK: usize = 1024;

/// A file that was made of an input.
pub struct Made {
    pub input: String,
    pub path: PathBuf,
    /// The number of the phase.
    pub phase: u32,
    /// When the input was first seen, in microseconds since 1970.
    pub at: i64,
    bytes: u64,
    hash: Option<HalfHash>,
    /// The champion's, and that of the version on trial.
    pub sides: [Side; 2],
    /// Rows without a key, which the champion answers and which aren't in its side.
    pub unassigned: u64,
    pub has_key: bool,
}

impl Made {
    /// # Errors
    /// Why it isn't there as it was made.
    pub fn open(&self) -> std::result::Result<Sheet, String> {
        Sheet::open(&self.path, self.bytes, self.hash)
    }
}

/// Inputs that aren't in a report, and why.
#[derive(Default)]
pub struct LeftOut(Vec<(String, String)>);

impl LeftOut {
    pub fn push(&mut self, input: &str, why: impl Into<String>) {
        self.0.push((input.into(), why.into()));
    }

    pub fn files(&self) -> usize {
        self.0.len()
    }

    pub fn words(&self) -> Option<String> {
        let named = self.0.iter().take(NAMED).map(|(file, why)| format!("{file} ({why})"));
        let all = self.0.len() as u64;
        let words = || {
            format!(
                "{} left out: {}",
                count(all, "file"),
                few(all, &named.collect::<Vec<_>>())
            )
        };
        (all > 0).then(words)
    }
}

/// What the versions of an experiment made of the inputs as they are now.
pub fn made(
    config: &Config,
    registry: &Registry,
    experiment: &Experiment,
    left_out: &mut LeftOut,
) -> Result<Vec<Made>> {
    let Some(ledger) = Ledger::read(&config.state.path)? else {
        return Ok(Vec::new());
    };
    let [champion, trial] =
        [experiment.champion, experiment.version].map(|version| registry.identity(version).map(|of| of.made_by()));
    let versions = [champion?, trial?];
    let mut files = Vec::new();
    // A file that was renamed counts once in a phase.
    let mut seen = HashSet::new();
    for trials in ledger.trials_of(&experiment.name)?.chunks(CHUNK) {
        let names: Vec<_> = trials.iter().map(|trial| trial.input.clone()).collect();
        for (trial, record) in trials.iter().zip(ledger.records(&names)?) {
            let why = why_not(trial, record.as_ref(), experiment.kind, &versions, &mut seen);
            match why {
                Some(why) => left_out.push(&trial.input.to_string(), why),
                None => files.push(Made {
                    input: trial.input.to_string(),
                    path: config
                        .shadow
                        .join(results::trial(&experiment.name, &trial.input).path()),
                    phase: trial.phase,
                    at: record.map_or(trial.at, |record| record.first_seen),
                    bytes: trial.tried.bytes,
                    hash: trial.published_hash,
                    sides: trial.tried.sides.clone(),
                    unassigned: trial.tried.unassigned,
                    has_key: trial.tried.has_key,
                }),
            }
        }
    }
    Ok(files)
}

/// Why what was made isn't of the input as it is, or not of these versions, or is nothing.
fn why_not<'a>(
    trial: &'a TrialRecord,
    record: Option<&Record>,
    kind: Kind,
    [champion, made_by]: &[String; 2],
    seen: &mut HashSet<(u32, HalfHash)>,
) -> Option<&'a str> {
    if record.is_some_and(|record| record.input_hash != Some(trial.input_hash)) {
        Some("it was scored before its contents changed")
    } else if kind == Kind::Challenger && record.is_some_and(|record| record.verdict == Verdict::Hold) {
        Some("held: nobody was answered with it")
    } else if !seen.insert((trial.phase, trial.input_hash)) {
        Some("it has the contents of another one")
    } else if trial.champion != *champion || trial.made_by != *made_by {
        Some("made by other versions")
    } else {
        trial.tried.problem.as_deref()
    }
}
