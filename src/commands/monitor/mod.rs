//! `transform monitor`: what data is held against.

pub mod baseline;
mod check;
mod evidence;
mod held;
mod import;
mod labels;
mod overview;
mod report;

use super::models::vote;
use super::{count, print_line};
use crate::cli::{Monitor, VersionName};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::monitor::Baseline;
use crate::registry::Registry;
use held::Which;
use jiff::Timestamp;

/// `json`: of the overview.
pub fn run(config: &Config, command: Option<Monitor>, json: bool) -> Result<u8> {
    let Some(command) = command else {
        return overview::overview(config, json);
    };
    if json {
        return Err(Error::config("--json", "it stands behind the subcommand"));
    }
    match command {
        Monitor::Baseline {
            rows,
            version,
            columns,
            reason,
        } => baseline::baseline(config, &rows, number(version), columns, reason),
        Monitor::Import {
            statistics,
            constraints,
            version,
            reason,
        } => import::import(config, &statistics, constraints.as_deref(), number(version), reason),
        Monitor::Check {
            file,
            version,
            all,
            json,
        } => {
            let registry = Registry::new(&config.models.path, &config.models.group);
            check::check(config, &registry, number(version), &file, all, json)
        }
        Monitor::Labels {
            labels,
            of,
            target,
            since,
            json,
        } => {
            let question = labels::Question {
                labels,
                of,
                target,
                since,
                json,
            };
            labels::labels(config, &question)
        }
        Monitor::Held { files, json } => held::held(config, &files, json),
        Monitor::Report {
            files,
            since,
            version,
            html,
            json,
        } => {
            let registry = Registry::new(&config.models.path, &config.models.group);
            let version = chosen(&registry, number(version))?;
            let question = report::Question {
                version,
                files: &files,
                since,
                html: html.as_deref(),
                json,
            };
            report::report(config, &registry, &question)
        }
        Monitor::Release {
            files,
            all,
            model,
            since,
            reason,
            by,
            json,
        } => {
            let which = match (all, model, since) {
                (true, ..) => Which::All,
                (_, Some(model), _) => Which::Model(format!("{}/{}", config.models.group, model.number)),
                (_, _, Some(since)) => Which::Since(since.moment(Timestamp::now()).as_microsecond()),
                _ => Which::Files(files),
            };
            held::release(config, &which, &reason, by, json)
        }
    }
}

fn number(version: Option<VersionName>) -> Option<u32> {
    version.map(|version| version.number)
}

/// The version that was named, or the latest approved one.
fn chosen(registry: &Registry, version: Option<u32>) -> Result<u32> {
    match version {
        Some(version) => registry.show(version).map(|shown| shown.version),
        None => Ok(registry.latest_approved()?.version),
    }
}

/// Decides for a baseline, and says so.
fn give(registry: &Registry, version: u32, baseline: &Baseline, remarks: &[String], reason: String) -> Result<()> {
    let sha256 = registry.give_baseline(version, baseline, vote(reason))?;
    remarks.iter().for_each(|remark| print_line(format!("note: {remark}")));
    print_line(format!(
        "{}/{version} is held against {} from now on: {}, SHA-256 {sha256}",
        registry.group(),
        baseline.rows_of.as_deref().unwrap_or("its baseline"),
        extent(baseline)
    ));
    Ok(())
}

/// For example `3 inputs, 3 outputs, with the target`.
fn extent(baseline: &Baseline) -> String {
    let outcomes = baseline.outcomes.as_ref();
    let mut parts = vec![
        count(baseline.features.len() as u64, "input"),
        count(baseline.outputs().len() as u64, "output"),
    ];
    if !baseline.others.is_empty() {
        parts.push(count(baseline.others.len() as u64, "other column"));
    }
    let target = outcomes.is_some_and(|outcomes| outcomes.target.is_some());
    parts.push(format!("{} target", if target { "with the" } else { "without a" }));
    parts.join(", ")
}
