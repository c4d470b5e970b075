//! `transform train`: from a file of examples to a version that waits for approval.

use super::evaluate::figures;
use super::invocation::Invocation;
use super::{count, group, now, print_json, print_line};
use crate::cli::Overrides;
use crate::config::{Config, is_group};
use crate::error::{Result, exit};
use crate::spool::durable;
use crate::train::candidate::{Candidate, Findings, Plan};
use crate::train::pipeline::{Kept, Pipeline};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{self, IsTerminal};
use std::path::Path;

/// What to do beside training.
pub struct Wishes<'a> {
    pub dry_run: bool,
    pub html: Option<&'a Path>,
    pub json: bool,
}

pub fn train(
    config: Config,
    file: &Path,
    overrides: &Overrides,
    wishes: &Wishes,
    invocation: &Invocation,
) -> Result<u8> {
    let mut pipeline = Pipeline::read(file, &overrides.0)?;
    let named = pipeline.register.group.as_deref().filter(|group| is_group(group));
    let config = group::choose(config, named, &[], invocation)?;
    pipeline.data.limits = config.shape.limits(config.worker.memory);
    let plan = Plan::new(file, pipeline, &config.models.path, &config.models.group)?;
    let bar = progress(plan.fits()?);
    let fitted = plan.fit(|| bar.inc(1));
    bar.finish_and_clear();
    let candidate = fitted?;
    let findings = candidate.evaluate(now())?;
    let hand_out = |version| match wishes.html {
        Some(path) => durable::hand_out(path, candidate.page(&findings, version).as_bytes()),
        None => Ok(()),
    };
    // Before anything is registered: it may not be possible.
    hand_out(None)?;
    let passed = findings.passed();
    let version = match passed && !wishes.dry_run {
        true => Some(candidate.register(&findings)?),
        false => None,
    };
    if version.is_some() {
        hand_out(version)?;
    }
    if wishes.json {
        let group = candidate.registry().group();
        let mut json = findings.json();
        json["registered"] = json!(version.map(|version| format!("{group}/{version}")));
        json["missing"] = json!(candidate.missing());
        json["split"] = candidate.split().into();
        print_json(&json);
    } else {
        print(&candidate, &findings);
        conclude(&candidate, version, &findings, invocation);
    }
    Ok(if passed { exit::CONVERGED } else { exit::GATE })
}

fn progress(fits: usize) -> ProgressBar {
    let bar = match fits > 0 && io::stderr().is_terminal() {
        true => ProgressBar::new(fits as u64),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template("searching {wide_bar} {pos}/{len} fits, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn print(candidate: &Candidate, findings: &Findings) {
    let Candidate {
        fitted,
        outcome,
        pipeline,
        ..
    } = candidate;
    let terms = count(fitted.artifact.terms.len() as u64, "term");
    print_line(format!(
        "trained {terms} on {} by {}, evaluated on {}",
        count(fitted.train.rows.len() as u64, "row"),
        pipeline.trainer.name(),
        count(fitted.test.rows.len() as u64, "other row"),
    ));
    if !matches!(pipeline.split.kept, Kept::Test(_)) {
        print_line(format!("kept to evaluate: {}", candidate.split()));
    }
    if let Some(outcome) = outcome {
        let keys = outcome.best().iter().map(|(key, value)| format!("{key} = {value}"));
        print_line(format!(
            "the best of {}: {}",
            count(outcome.trials.len() as u64, "trial"),
            keys.collect::<Vec<_>>().join(", ")
        ));
    }
    figures(&findings.comparison);
    for missing in candidate.missing() {
        print_line(format!("read as missing: {}", missing.line()));
    }
    for warning in &findings.warnings {
        print_line(format!("warning: {warning}"));
    }
    for check in &findings.checks {
        print_line(format!(
            "gate {}: {}",
            if check.holds { "passed" } else { "FAILED" },
            check.sentence
        ));
    }
}

fn conclude(candidate: &Candidate, version: Option<u32>, findings: &Findings, invocation: &Invocation) {
    let (passed, gated) = (findings.passed(), !findings.checks.is_empty());
    let registry = candidate.registry();
    let group = registry.group();
    match version {
        Some(version) => {
            let page = registry.folder(version).join("evaluation.html");
            let gate = if gated { "" } else { ", without a gate" };
            print_line(format!(
                "registered {group}/{version}, pending{gate}; look at {}",
                page.display()
            ));
            let approve = invocation.next(&format!("models approve {version}"), group);
            print_line(format!("to use it: {approve}"));
            group::print_several(invocation);
        }
        None if passed => print_line("nothing was registered (--dry-run)"),
        None => print_line("nothing was registered: the gate failed"),
    }
}
