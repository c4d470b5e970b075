//! `transform monitor check`: what the policy would say of a file. Nothing is published or kept.

use crate::commands::{count, input_name, print_json, print_line};
use crate::config::Config;
use crate::digits::short;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::monitor::check::Check;
use crate::monitor::sizes::Sizes;
use crate::monitor::{Action, Basis, Judgement, Policy};
use crate::registry::Registry;
use crate::registry::baseline::InForce;
use crate::score::Lineup;
use crate::service::clock::wall_clock;
use crate::transform::{Failure, Run, Scorer, Summary, pool, transform};
use crate::worker::Usual;
use serde_json::json;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Exit code 1 if it would be held or blocked.
pub fn check(config: &Config, registry: &Registry, version: u32, file: &Path, all: bool, json: bool) -> Result<u8> {
    let in_force = in_force(registry, version)?;
    let (judgement, summary) = judge(config, registry, version, &in_force, file)?;
    let policy = &config.monitor;
    let unwatched = policy.in_vain(&in_force.baseline);
    let model = format!("{}/{version}", registry.group());
    match json {
        true => print_json(&json!({
            "file": file.display().to_string(),
            "model": model,
            "rows": summary.rows,
            "bad_rows": summary.bad_rows,
            "action": judgement.action,
            "checks": judgement.checks,
            "unwatched": unwatched,
        })),
        false => {
            print(&judgement, policy, &model, &summary, all);
            for what in &unwatched {
                print_line(format!("not watched: {what}"));
            }
        }
    }
    Ok(match judgement.action {
        Action::Off | Action::Warn => exit::CONVERGED,
        Action::Hold | Action::Block => exit::SOME_FAILED,
    })
}

fn judge(
    config: &Config,
    registry: &Registry,
    version: u32,
    in_force: &InForce,
    file: &Path,
) -> Result<(Judgement, Summary)> {
    let summary = counted(config, registry, version, in_force, file)?;
    let name = input_name(config, file);
    let policy = &config.monitor;
    let (mut sizes, mut usual) = (Sizes::default(), None);
    if let Some(ledger) = Ledger::read(&config.state.path)? {
        let made_by = registry.identity(version)?.made_by();
        sizes = ledger.sizes()?;
        usual = Usual::find(&ledger, &made_by, in_force.sha256, wall_clock() / 1000, policy)?;
    }
    let mut checks = policy.checks_of_file(&summary.counts, &sizes.last(name.bytes()));
    let usual = usual.as_ref().and_then(|usual| usual.then.counts());
    checks.extend(policy.checks(&in_force.baseline, usual, &summary.counts));
    let judgement = policy.judge(checks, Basis::New, in_force.baseline.outputs());
    Ok((judgement, summary))
}

/// # Errors
/// The version has no baseline, or it is damaged.
pub fn in_force(registry: &Registry, version: u32) -> Result<InForce> {
    registry.baseline(version)?.ok_or_else(|| {
        let message =
            "the version has no baseline to hold rows against; 'transform monitor baseline ROWS.csv' gives it one";
        Error::config(registry.folder(version), message)
    })
}

/// Scores a file, and counts it by the baseline. `file`: a name in the input folder, as in status, or any path.
pub fn counted(config: &Config, registry: &Registry, version: u32, in_force: &InForce, file: &Path) -> Result<Summary> {
    let scorer = scorer(config, registry, version, in_force)?;
    let dropped = config.input.path.join(input_name(config, file).path());
    count_all(config, &scorer, if file.exists() { file } else { &dropped })
}

/// Scores by a version alone, and counts by its baseline.
pub fn scorer(config: &Config, registry: &Registry, version: u32, in_force: &InForce) -> Result<Scorer> {
    let model = registry.load(version)?;
    let counter = in_force.counter(&config.monitor.watch, model.signature());
    Ok(Scorer::new(Lineup::alone(Arc::new(model)), config.shape.clone()).counting(Some(counter.into())))
}

/// What was counted of a file.
pub fn count_all(config: &Config, scorer: &Scorer, path: &Path) -> Result<Summary> {
    let pool = pool(config.worker.threads)?;
    let input = File::open(path)
        .map_err(Error::io("open", path))
        .map_err(Error::of_a_persons_file)?;
    let run = Run {
        pool: Some(&pool),
        size: input.metadata().ok().map(|metadata| metadata.len()),
        memory: config.worker.memory,
        ..Run::default()
    };
    transform(input, scorer, &mut io::sink(), &mut io::sink(), &run).map_err(unreadable(path))
}

/// Why a file can't be counted.
pub fn unreadable(path: &Path) -> impl Fn(Failure) -> Error {
    move |failure| match failure {
        Failure::Problem(problem) => Error::config(path, problem.to_string()),
        Failure::Read(e) | Failure::Write(_, e) => Error::io("read", path)(e),
        Failure::Cancelled | Failure::Unanswered(_) => unreachable!("nobody cancels it, and the version scores alone"),
    }
}

/// `all`: also what is fine.
fn print(judgement: &Judgement, policy: &Policy, model: &str, summary: &Summary, all: bool) {
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| short(x, 3));
    let shown: Vec<&Check> = judgement.checks.iter().filter(|check| all || check.over).collect();
    let rows = count(summary.rows, "row");
    match judgement.action {
        Action::Off if judgement.over().next().is_none() => print_line(format!(
            "{rows} by {model}: nothing out of the ordinary in {}",
            count(judgement.checks.len() as u64, "check")
        )),
        Action::Off => print_line(format!(
            "{rows} by {model}: out of the ordinary, and [monitor] has \"off\" for that"
        )),
        Action::Warn => print_line(format!("{rows} by {model}: published with a warning")),
        Action::Hold => print_line(format!("{rows} by {model}: held until a person releases it")),
        Action::Block => print_line(format!("{rows} by {model}: blocked")),
    }
    if summary.rows < policy.min_rows {
        print_line(format!(
            "of fewer rows than monitor.min_rows ({}), a file is judged with others before it",
            policy.min_rows
        ));
    }
    if shown.is_empty() {
        return;
    }
    let of = |check: &Check| check.segment.as_ref().unwrap_or(&check.column).clone();
    let width = shown
        .iter()
        .map(|check| of(check).chars().count())
        .max()
        .unwrap_or(0)
        .max(6);
    print_line(format!(
        "{:<11} {:<21} {:<width$} {:>9} {:>9} {:>9} {:>9}",
        "area", "check", "column", "n", "value", "bar", "chance"
    ));
    for check in shown {
        let Check {
            check: name,
            n,
            value,
            bar,
            noise,
            ..
        } = check;
        let mark = if check.over { " <" } else { "" };
        let why = check.why.as_ref().map_or_else(String::new, |why| format!("  {why}"));
        let area = check.area.name();
        print_line(format!(
            "{area:<11} {name:<21} {:<width$} {n:>9} {:>9} {:>9} {:>9}{mark}{why}",
            of(check),
            number(*value),
            number(*bar),
            number(*noise)
        ));
    }
}
