//! `transform experiment list`: how each stands.

use crate::commands::{count, print_json, print_line, print_table, time};
use crate::config::Config;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::registry::experiment::{Damaged, Experiments, State};
use crate::registry::{Experiment, Halt, Halts, Registry};
use crate::share::Share;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

pub fn list(config: &Config, registry: &Registry, json: bool) -> Result<()> {
    let answering = registry.latest_approved().ok();
    // Who decides on models needn't be able to read it.
    let ledger = Ledger::read(&config.state.path).ok();
    let (halts, halts_error) = match Halts::read(&config.state.path, registry.group()) {
        Ok(halts) => (halts, None),
        Err(error) => (Halts::default(), Some(error.to_string())),
    };
    let mut entries = Vec::new();
    let Experiments { known, damaged } = registry.experiments()?;
    let damaged: Vec<String> = damaged.iter().map(Damaged::to_string).collect();
    for experiment in known {
        let counted = match &ledger {
            Some(Some(ledger)) => Some(ledger.count_trials(&experiment.name)?),
            Some(None) => Some([0; 3]),
            None => None,
        };
        let halt = experiment.halt(&halts);
        let state = experiment.state(answering.as_ref()).halted_by(halt);
        entries.push(Entry {
            halted: halt.filter(|_| state == State::Halted).map(Halt::to_string),
            state,
            share: experiment.share(),
            phase: experiment.phase(),
            files: counted.map(|[files, ..]| files),
            failed_files: counted.map(|[_, failed, _]| failed),
            files_without_key: counted
                .map(|[.., without]| without)
                .filter(|_| experiment.key.is_some()),
            experiment,
        });
    }
    if json {
        print_json(&json!({"experiments": entries, "damaged": damaged, "halts_error": halts_error}));
        return Ok(());
    }
    for why in &damaged {
        print_line(format!("NOT OK: {why}"));
    }
    if entries.is_empty() {
        print_line("there is no experiment");
        return Ok(());
    }
    let head = [
        "NAME",
        "KIND",
        "VERSION",
        "BESIDE",
        "PHASE",
        "SHARE",
        "STATE",
        "SINCE (UTC)",
        "FILES",
    ];
    let head = head.map(String::from).to_vec();
    let row = |entry: &Entry| {
        let Experiment {
            name,
            kind,
            version,
            champion,
            key,
            steps,
            ..
        } = &entry.experiment;
        let since = steps.last().map_or("", |step| &step.at);
        let since = since
            .parse()
            .map_or_else(|_| since.into(), |at: Timestamp| time(at.as_microsecond()));
        let files = match (entry.files, entry.failed_files) {
            (Some(files), Some(failed)) => {
                let failed = (failed > 0).then(|| format!("{failed} that it can't score"));
                let without = entry.files_without_key.filter(|without| *without > 0);
                let without =
                    without.map(|files| format!("{files} of them without {:?}", key.as_deref().unwrap_or_default()));
                let parts = [Some(count(files, "file")), without, failed];
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            _ => "unknown: the ledger can't be read".into(),
        };
        let (version, champion) = (version.to_string(), champion.to_string());
        vec![
            name.clone(),
            kind.to_string(),
            version,
            champion,
            entry.phase.rsplit('/').next().unwrap_or_default().into(),
            entry.share.map_or(String::new(), |share| share.to_string()),
            entry.state.to_string(),
            since,
            files,
        ]
    };
    print_table(&[vec![head], entries.iter().map(row).collect()].concat());
    if let Some(error) = halts_error {
        print_line(format!("unknown: whether one is halted: {error}"));
    }
    for entry in &entries {
        if let Some(why) = &entry.halted {
            print_line(format!("HALTED: {}: {why}", entry.experiment.name));
        }
    }
    Ok(())
}

/// An experiment as it is listed.
#[derive(Serialize)]
struct Entry {
    experiment: Experiment,
    state: State,
    /// The challenger's, as of the last step; null: it is a shadow.
    share: Option<Share>,
    /// The last one.
    phase: String,
    /// Which guard broke, and by what; null: it isn't halted.
    halted: Option<String>,
    /// What it made, and the inputs that it can't score; null: the ledger can't be read.
    files: Option<u64>,
    failed_files: Option<u64>,
    /// Of what it made: the input hasn't the key's column; null, too, where there is no key.
    files_without_key: Option<u64>,
}
