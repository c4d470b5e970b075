//! Whether the settings go with the lineup at work, and what the log says of it.

use crate::config::{Config, has_segments, says_who_answers};
use crate::error::{Error, Result};
use crate::registry::Current;
use crate::score::Lineup;

/// `watched`: are results held against the version's baseline, if it has one?
pub fn log(current: &Current, watched: bool) {
    let lineup = match current.lineup() {
        Ok(lineup) => lineup,
        Err(error @ Error::NoModel { .. }) => return tracing::warn!(%error, "waiting for an approved model"),
        Err(error) => {
            return tracing::error!(%error, "the approved model can't be used; nothing is scored until it can");
        }
    };
    let sha256 = &lineup.champion.identity.artifact;
    tracing::info!(model = %lineup, sha256, "scoring by the approved model");
    match current.baseline() {
        Some(baseline) => {
            tracing::info!(baseline = %baseline.sha256, "results are held against the version's baseline")
        }
        None if watched => tracing::info!(
            "the version has no baseline: its results are published unwatched; 'transform monitor baseline' gives it one"
        ),
        None => {}
    }
    log_trials(current, lineup, watched);
}

fn log_trials(current: &Current, lineup: &Lineup, watched: bool) {
    for fault in current.faults() {
        tracing::error!(
            fault,
            "a shadow can't be used; the champion's results are as without it"
        );
    }
    for shadow in &lineup.shadows {
        let (experiment, model) = (&shadow.experiment, &shadow.member.identity);
        tracing::info!(%model, experiment, "a shadow scores, too");
    }
    for (challenger, baseline) in lineup.challengers.iter().zip(&current.baselines().challengers) {
        let (experiment, model) = (&challenger.experiment, &challenger.identity);
        match &challenger.model {
            Err(fault) => tracing::error!(
                %model,
                experiment,
                fault,
                "a challenger can't be used; files with rows of its keys aren't scored until it can"
            ),
            Ok(_) if challenger.is_open => {
                let phase = challenger.phases.last().map(|phase| &phase.name);
                tracing::info!(%model, experiment, phase, "a challenger answers for its share of the keys");
                if watched && baseline.is_none() {
                    tracing::warn!(
                        %model,
                        experiment,
                        "the challenger has no baseline: its rows are published unwatched; 'transform monitor baseline' gives it one"
                    );
                }
            }
            Ok(_) => {}
        }
    }
    for (experiment, halt) in &current.trials().halted {
        let experiment = &experiment.name;
        tracing::error!(
            experiment,
            found = halt.found,
            "an experiment is halted: 'transform experiment resume' or 'stop' decides on it"
        );
    }
}

/// Do the settings go with it? `watched`: are results held against the version's baseline?
pub fn fits(config: &Config, lineup: &Lineup, watched: bool) -> Result<()> {
    if watched {
        has_segments(config, lineup.signature())?;
    }
    match lineup.challengers.iter().any(|challenger| challenger.is_open) {
        true => says_who_answers(config),
        false => Ok(()),
    }
}
