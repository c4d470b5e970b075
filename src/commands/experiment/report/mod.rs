//! `transform experiment report`: how a version on trial is beside the champion.

mod challenger;
mod labels;
mod made;
mod shadow;
mod sheet;

use crate::cli::Labelled;
use crate::commands::{print_json, print_line, print_lines};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::experiment::{self, arms};
use crate::model::Signature;
use crate::registry::experiment::{Kind, Step};
use crate::registry::{Experiment, Halts, Registry};
use crate::report::text::Line;
use crate::spool::durable;
use serde::Serialize;
use std::path::PathBuf;

pub struct Question {
    pub name: String,
    pub labelled: Labelled,
    pub html: Option<PathBuf>,
    pub json: bool,
}

pub fn report(config: &Config, registry: &Registry, question: &Question) -> Result<u8> {
    let report = make(config, registry, &question.name, &question.labelled)?;
    if let Some(path) = &question.html {
        durable::hand_out(path, report.page().as_bytes())?;
    }
    match (&question.html, question.json) {
        (_, true) => print_json(&report),
        (Some(path), false) => {
            print_line(report.headline());
            print_line(format!("look at {}", path.display()));
        }
        (None, false) => print_lines(&report.text()),
    }
    Ok(exit::CONVERGED)
}

/// What a promotion is by: all of the report.
pub fn evidence(config: &Config, registry: &Registry, name: &str, labelled: &Labelled) -> Result<Box<arms::Report>> {
    match make(config, registry, name, labelled)? {
        Report::Challenger(report) => Ok(report),
        Report::Shadow(_) => Err(Error::config("experiment promote", format!("{name:?} tries a shadow"))),
    }
}

/// By what the version on trial does.
#[derive(Serialize)]
#[serde(untagged)]
enum Report {
    Shadow(Box<experiment::Report>),
    Challenger(Box<arms::Report>),
}

impl Report {
    fn headline(&self) -> &str {
        match self {
            Report::Shadow(report) => &report.headline,
            Report::Challenger(report) => &report.headline,
        }
    }

    fn page(&self) -> String {
        match self {
            Report::Shadow(report) => experiment::page::page(report),
            Report::Challenger(report) => arms::page(report),
        }
    }

    fn text(&self) -> Vec<Line> {
        match self {
            Report::Shadow(report) => experiment::text::text(report),
            Report::Challenger(report) => arms::text(report),
        }
    }
}

/// What a report is asked of.
struct Asked<'a> {
    config: &'a Config,
    registry: &'a Registry,
    experiment: &'a Experiment,
    /// How it stands, by whom and why.
    state: String,
    /// The columns of both versions.
    champion: &'a Signature,
    trial: &'a Signature,
    labelled: &'a Labelled,
}

fn make(config: &Config, registry: &Registry, name: &str, labelled: &Labelled) -> Result<Report> {
    let experiment = registry.experiment(name)?;
    let [champion, trial] = [experiment.champion, experiment.version]
        .map(|version| registry.show(version).map(|shown| shown.manifest.signature));
    let asked = Asked {
        config,
        registry,
        experiment: &experiment,
        state: state(config, registry, &experiment),
        champion: &champion?,
        trial: &trial?,
        labelled,
    };
    Ok(match experiment.kind {
        Kind::Shadow => Report::Shadow(Box::new(shadow::report(&asked)?)),
        Kind::Challenger => Report::Challenger(Box::new(challenger::report(&asked)?)),
    })
}

impl Asked<'_> {
    /// It is over, and nothing that was made is left: `files`, of which the report is, or which are left out.
    fn is_purged(&self, files: usize) -> bool {
        let is_there = || self.config.shadow.join(&self.experiment.name).exists();
        files == 0 && !self.experiment.goes_on() && !is_there()
    }
}

/// Of a file of which no row counts.
fn damaged(why: String) -> String {
    format!("it isn't what a trial writes: {why}; remove it, and it is made again")
}

/// `stopped 2026-11-27T08:00:00Z by ada@host: seen enough`
fn state(config: &Config, registry: &Registry, experiment: &Experiment) -> String {
    // What can't be read is said by 'experiment list'.
    let halts = Halts::read(&config.state.path, registry.group()).unwrap_or_default();
    let (state, halt) = experiment.standing(registry.latest_approved().ok().as_ref(), &halts);
    match (experiment.steps.last(), halt) {
        (_, Some(halt)) => format!("{state}: {halt}"),
        (Some(Step { by, at, reason, .. }), _) if !experiment.goes_on() => {
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
