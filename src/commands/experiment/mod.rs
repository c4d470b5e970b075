//! `transform experiment`: versions on trial, for people.

mod list;
mod report;

use super::invocation::Invocation;
use super::models::{print_ended, vote};
use super::print_line;
use crate::cli;
use crate::config::{Config, OnApproval, says_who_answers};
use crate::error::{Error, Result, exit};
use crate::experiment::guard::Guard;
use crate::experiment::verdict::Verdict;
use crate::ledger::Ledger;
use crate::registry::experiment::{Allocation, Beginning, Kind};
use crate::registry::{Experiment, Registry, Vote};
use crate::share::Share;
use crate::worker::lock::Lock;
use jiff::Timestamp;
use std::io;
use std::time::Duration;

pub fn run(config: &Config, command: cli::Experiment, invocation: &Invocation) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    match command {
        cli::Experiment::Start {
            name,
            shadow,
            challenger,
            share,
            key,
            salt,
            backfill,
            abort_if,
            reason,
        } => {
            let allocation = share.filter(|_| challenger.is_some()).map(|share| Allocation {
                share,
                salt: salt.unwrap_or_else(|| name.clone()),
            });
            if allocation.is_some() {
                says_who_answers(config)?;
            }
            let beginning = Beginning {
                name: &name,
                version: challenger.or(shadow).expect("one of them is required").number,
                key: key.or_else(|| config.monitor.watch.key.clone()),
                allocation,
                backfill,
                abort_if: guards(abort_if)?,
            };
            let experiment = registry.start_experiment(beginning, precise(reason))?;
            print_start(config, &registry, &experiment, invocation);
        }
        cli::Experiment::Ramp { name, share, reason } => {
            let experiment = registry.ramp_experiment(&name, share, precise(reason), &config.state.path)?;
            print_phase(&registry, &experiment, share);
        }
        cli::Experiment::Resume { name, reason } => {
            let experiment = registry.resume_experiment(&name, precise(reason), &config.state.path)?;
            match experiment.share() {
                Some(share) => print_phase(&registry, &experiment, share),
                None => print_line(format!("experiment {name} goes on; phase {}", experiment.phase())),
            }
        }
        cli::Experiment::Promote { name, labelled, reason } => {
            let experiment = registry.check_promotable(&name, &config.state.path)?;
            let report = report::evidence(config, &registry, &name, &labelled)?;
            print_line(format!("the report says: {}", report.headline));
            if !matches!(report.verdict, Some(Verdict::Better | Verdict::Equivalent)) {
                let verdict = report.verdict.map_or("none", Verdict::words);
                print_line(format!(
                    "warning: its verdict is neither better nor equivalent: {verdict}"
                ));
            }
            let report = serde_json::to_value(&report).expect("a report is JSON");
            let ended = registry.promote_experiment(&name, &report, vote(reason), &config.state.path)?;
            print_line(format!(
                "approved {}/{}, which answers from now on; the report is kept: {}",
                registry.group(),
                experiment.version,
                registry.evidence_path(&name)?.display()
            ));
            print_line(match config.models.on_approval {
                OnApproval::Rescore => {
                    "outputs that are there are made again by it; with models.on_approval = \"new-files\" they would stay"
                }
                OnApproval::NewFiles => "outputs that are there stay, by models.on_approval = \"new-files\"",
            });
            print_ended(&ended);
        }
        cli::Experiment::Stop { name, purge, reason } => stop(config, &registry, &name, purge, reason)?,
        cli::Experiment::List { json } => list::list(config, &registry, json)?,
        cli::Experiment::Report {
            name,
            labelled,
            html,
            json,
        } => {
            let question = report::Question {
                name,
                labelled,
                html,
                json,
            };
            return report::report(config, &registry, &question);
        }
    }
    Ok(exit::CONVERGED)
}

/// To the microsecond: what was first seen before isn't of the phase that begins.
fn precise(reason: String) -> Vote {
    Vote {
        at: Timestamp::now().to_string(),
        ..vote(reason)
    }
}

/// The rules by which it is halted, in one spelling.
fn guards(rules: Vec<String>) -> Result<Vec<String>> {
    let guard = |rule: &String| Guard::parse(rule).map(|guard| guard.to_string());
    let guards = rules.iter().map(guard).collect::<std::result::Result<_, _>>();
    guards.map_err(|why| Error::config("--abort-if", why))
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
    let next = |words: &str| invocation.next(&format!("experiment {words}"), group);
    if let Some(share) = experiment.share() {
        print_phase(registry, experiment, share);
        print_line(format!("for more keys: {}", next(&format!("ramp {name} SHARE"))));
        print_line(format!(
            "which is better: {}",
            next(&format!("report {name} --labels LABELS.csv"))
        ));
        match version < champion {
            true => print_line(format!(
                "note: it can't be promoted, for {group}/{champion} is approved and higher; to be able to, register its artifact anew, \
                 which gives a higher number, and start with that"
            )),
            false => print_line(format!("to have it answer all: {}", next(&format!("promote {name}")))),
        }
    } else {
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
    }
    if !experiment.abort_if.is_empty() {
        print_line(format!("it halts by itself if: {}", experiment.abort_if.join("; ")));
    }
    print_line(format!("to end it: {}", next(&format!("stop {name}"))));
}

/// A challenger's, which begins now.
fn print_phase(registry: &Registry, experiment: &Experiment, share: Share) {
    let Experiment {
        name,
        version,
        champion,
        key,
        ..
    } = experiment;
    let group = registry.group();
    print_line(format!(
        "experiment {name}: {group}/{version} answers for {share} of the keys in {:?}, and {group}/{champion} for the others, in files that \
         come from now on; phase {}",
        key.as_deref().unwrap_or_default(),
        experiment.phase()
    ));
}

fn stop(config: &Config, registry: &Registry, name: &str, purge: bool, reason: String) -> Result<()> {
    let experiment = registry.experiment(name)?;
    // One that is over may still be purged.
    if experiment.goes_on() || !purge {
        let stopped = registry.stop_experiment(name, vote(reason), &config.state.path)?;
        print_line(format!("experiment {name} is stopped"));
        if let Some(found) = stopped.steps.last().and_then(|step| step.found.as_deref()) {
            print_line(format!("its halt is confirmed: {found}"));
        }
        if stopped.kind == Kind::Challenger {
            let Experiment { version, champion, .. } = stopped;
            print_line(format!(
                "version {champion} answers files that come from now on alone; what version {version} answered stays as it is"
            ));
        }
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
