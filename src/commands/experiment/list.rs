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
    let (halts, halts_error) = match Halts::read(&config.state.path, registry.group()) {
        Ok(halts) => (halts, None),
        Err(error) => (Halts::default(), Some(error.to_string())),
    };
    let Experiments { known, damaged } = registry.experiments()?;
    let damaged: Vec<String> = damaged.iter().map(Damaged::to_string).collect();
    let entries = entries(config, registry, known, &halts)?;
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
    print_table(&[vec![head], entries.iter().map(Entry::row).collect()].concat());
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

fn entries(config: &Config, registry: &Registry, known: Vec<Experiment>, halts: &Halts) -> Result<Vec<Entry>> {
    let answering = registry.latest_approved().ok();
    // Who decides on models needn't be able to read it.
    let ledger = Ledger::read(&config.state.path).ok();
    let entry = |experiment: Experiment| {
        let counted = match &ledger {
            Some(Some(ledger)) => Some(ledger.count_trials(&experiment.name)?),
            Some(None) => Some([0; 3]),
            None => None,
        };
        let (state, halt) = experiment.standing(answering.as_ref(), halts);
        Ok(Entry {
            halted: halt.map(Halt::to_string),
            state,
            share: experiment.share(),
            phase: experiment.phase(),
            files: counted.map(|[files, ..]| files),
            failed_files: counted.map(|[_, failed, _]| failed),
            files_without_key: counted
                .map(|[.., without]| without)
                .filter(|_| experiment.key.is_some()),
            experiment,
        })
    };
    known.into_iter().map(entry).collect()
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

impl Entry {
    /// Its cells.
    fn row(&self) -> Vec<String> {
        let Experiment {
            name,
            kind,
            version,
            champion,
            steps,
            ..
        } = &self.experiment;
        let since = steps.last().map_or("", |step| &step.at);
        let since = since
            .parse()
            .map_or_else(|_| since.into(), |at: Timestamp| time(at.as_microsecond()));
        vec![
            name.clone(),
            kind.to_string(),
            version.to_string(),
            champion.to_string(),
            self.experiment.phase_number().to_string(),
            self.share.map_or(String::new(), |share| share.to_string()),
            self.state.to_string(),
            since,
            self.files(),
        ]
    }

    /// `3 files, 1 of them without "id", 2 that it can't score`
    fn files(&self) -> String {
        let (Some(files), Some(failed)) = (self.files, self.failed_files) else {
            return "unknown: the ledger can't be read".into();
        };
        let key = self.experiment.key.as_deref().unwrap_or_default();
        let without = self.files_without_key.filter(|without| *without > 0);
        let parts = [
            Some(count(files, "file")),
            without.map(|files| format!("{files} of them without {key:?}")),
            (failed > 0).then(|| format!("{failed} that it can't score")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
