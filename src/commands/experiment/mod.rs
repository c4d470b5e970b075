//! `transform experiment`: versions on trial, for people.

mod report;
mod sheet;

use super::invocation::Invocation;
use super::models::vote;
use super::{count, print_json, print_line, print_table, time};
use crate::cli;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::registry::experiment::{Beginning, Experiments, Kind, State};
use crate::registry::{Experiment, Registry, Vote};
use crate::worker::lock::Lock;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::io;
use std::time::Duration;

pub fn run(config: &Config, command: cli::Experiment, invocation: &Invocation) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    match command {
        cli::Experiment::Start {
            name,
            shadow,
            key,
            backfill,
            reason,
        } => {
            let beginning = Beginning {
                name: &name,
                kind: Kind::Shadow,
                version: shadow,
                key: key.or_else(|| config.monitor.watch.key.clone()),
                backfill,
            };
            let vote = Vote {
                // To the microsecond: what was first seen before isn't its.
                at: Timestamp::now().to_string(),
                ..vote(reason)
            };
            let experiment = registry.start_experiment(beginning, vote)?;
            print_start(config, &registry, &experiment, invocation);
        }
        cli::Experiment::Stop { name, purge, reason } => stop(config, &registry, &name, purge, reason)?,
        cli::Experiment::List { json } => list(config, &registry, json)?,
        cli::Experiment::Report {
            name,
            labels,
            key,
            target,
            margin,
            html,
            json,
        } => {
            let question = report::Question {
                name,
                labels,
                key,
                target,
                margin,
                html,
                json,
            };
            return report::report(config, &registry, &question);
        }
    }
    Ok(exit::CONVERGED)
}

fn print_start(config: &Config, registry: &Registry, experiment: &Experiment, invocation: &Invocation) {
    let Experiment {
        name,
        version,
        champion,
        backfill,
        ..
    } = experiment;
    let group = registry.group();
    let files = if *backfill {
        "every file"
    } else {
        "every file that comes from now on"
    };
    let folder = config.shadow.join(name);
    print_line(format!(
        "experiment {name}: {group}/{version} scores {files} beside {group}/{champion}, and answers none; see {}",
        folder.display()
    ));
    let stop = invocation.next(&format!("experiment stop {name}"), group);
    print_line(format!("to end it: {stop}"));
}

fn stop(config: &Config, registry: &Registry, name: &str, purge: bool, reason: String) -> Result<()> {
    let experiment = registry.experiment(name)?;
    // One that is over may still be purged.
    if experiment.state(None) != State::Stopped || !purge {
        registry.stop_experiment(name, vote(reason))?;
        print_line(format!("experiment {name} is stopped"));
    }
    if !purge {
        return Ok(());
    }
    if Lock::holder(&config.state.path).is_ok_and(|holder| holder.is_some()) {
        // A worker looks each second, and drops what it is at.
        std::thread::sleep(Duration::from_secs(2));
    }
    let folder = config.shadow.join(name);
    let mut removed = std::fs::remove_dir_all(&folder);
    for _ in 0..3 {
        if !matches!(&removed, Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty) {
            break;
        }
        removed = std::fs::remove_dir_all(&folder);
    }
    match removed {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("remove", folder)(error)),
    }
    if let Some(mut ledger) = Ledger::read(&config.state.path)? {
        ledger.forget_trials(name)?;
    }
    print_line(format!("what it made is removed: {}", folder.display()));
    Ok(())
}

fn list(config: &Config, registry: &Registry, json: bool) -> Result<()> {
    let answering = registry.latest_approved().ok();
    // Who decides on models needn't be able to read it.
    let ledger = Ledger::read(&config.state.path).ok();
    let mut entries = Vec::new();
    let Experiments { known, damaged } = registry.experiments()?;
    for experiment in known {
        let counted = match &ledger {
            Some(Some(ledger)) => Some(ledger.count_trials(&experiment.name)?),
            Some(None) => Some([0; 3]),
            None => None,
        };
        entries.push(Entry {
            state: experiment.state(answering.as_ref()),
            files: counted.map(|[files, ..]| files),
            failed_files: counted.map(|[_, failed, _]| failed),
            files_without_key: counted
                .map(|[.., without]| without)
                .filter(|_| experiment.key.is_some()),
            experiment,
        });
    }
    if json {
        print_json(&json!({"experiments": entries, "damaged": damaged}));
        return Ok(());
    }
    for why in &damaged {
        print_line(format!("NOT OK: {why}"));
    }
    if entries.is_empty() {
        print_line("there is no experiment");
        return Ok(());
    }
    let head = ["NAME", "KIND", "VERSION", "BESIDE", "STATE", "SINCE (UTC)", "FILES"]
        .map(String::from)
        .to_vec();
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
            entry.state.to_string(),
            since,
            files,
        ]
    };
    print_table(&[vec![head], entries.iter().map(row).collect()].concat());
    Ok(())
}

/// An experiment as it is listed.
#[derive(Serialize)]
struct Entry {
    experiment: Experiment,
    state: State,
    /// What it made, and the inputs that it can't score; null: the ledger can't be read.
    files: Option<u64>,
    failed_files: Option<u64>,
    /// Of what it made: the input hasn't the key's column; null, too, where there is no key.
    files_without_key: Option<u64>,
}
