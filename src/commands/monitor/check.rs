//! `transform monitor check`: what the policy would say of a file. Nothing is published or kept.

use crate::commands::{count, format_of, input_name, print_json, print_line};
use crate::config::Config;
use crate::digits::short;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::monitor::check::Check;
use crate::monitor::sizes::Sizes;
use crate::monitor::{Action, Basis, Counts, Judgement, Policy};
use crate::registry::baseline::InForce;
use crate::registry::{Baselines, Current, Registry};
use crate::score::{Identity, Lineup};
use crate::service::clock::wall_clock;
use crate::transform::{Failure, Run, Scorer, Summary, pool, transform};
use crate::worker::{Pin, Usual};
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Rows that a version would answer, and what the policy says of them.
struct Checked {
    /// GROUP/VERSION
    model: String,
    rows: u64,
    bad_rows: u64,
    judgement: Judgement,
    unwatched: Vec<String>,
}

/// As if it were dropped now; as if `version` answered all of its rows, if one was named. Exit code 1 if it would be held or blocked.
pub fn check(
    config: &Config,
    registry: &Registry,
    version: Option<u32>,
    file: &Path,
    all: bool,
    json: bool,
) -> Result<u8> {
    let phase = match version {
        Some(_) => None,
        None => now_on_trial(config, registry)?,
    };
    let checked = match &phase {
        Some((lineup, baselines, phase)) => by_arm(config, registry, (lineup, baselines), phase, file)?,
        None => {
            let version = super::chosen(registry, version)?;
            vec![by_one(config, registry, version, file)?]
        }
    };
    match json {
        true => print_json(&to_json(
            file,
            &checked,
            phase.as_ref().map(|(.., phase)| phase.as_str()),
        )),
        false => {
            for checked in &checked {
                print(checked, &config.monitor, all);
                for what in &checked.unwatched {
                    print_line(format!("not watched: {what}"));
                }
            }
            if let Some((lineup, baselines, phase)) = &phase
                && let Some(model) = unwatched(lineup, baselines, phase)
            {
                print_line(format!("not watched: rows of {model}, which has no baseline"));
            }
        }
    }
    let action = checked.iter().map(|checked| checked.judgement.action).max();
    Ok(match action.unwrap_or_default() {
        Action::Off | Action::Warn => exit::CONVERGED,
        Action::Hold | Action::Block => exit::SOME_FAILED,
    })
}

fn to_json(file: &Path, checked: &[Checked], phase: Option<&str>) -> Value {
    let of = |checked: &Checked| {
        json!({
            "model": checked.model,
            "rows": checked.rows,
            "bad_rows": checked.bad_rows,
            "action": checked.judgement.action,
            "checks": checked.judgement.checks,
            "unwatched": checked.unwatched,
        })
    };
    let mut object = checked.first().map_or(json!({}), of);
    object["file"] = file.display().to_string().into();
    object["phase"] = phase.into();
    object["challenger"] = checked.get(1).map(of).into();
    object
}

/// The lineup, if a challenger answers for a share of the keys of what comes now, and the phase that it is of.
fn now_on_trial(config: &Config, registry: &Registry) -> Result<Option<(Arc<Lineup>, Baselines, String)>> {
    let mut current = Current::new(registry.clone())
        .with_experiments(&config.state.path)
        .watched(true);
    current.look();
    let Ok(lineup) = current.lineup().cloned() else {
        return current.take_error().map_or(Ok(None), Err);
    };
    let phase = lineup.phase_of_new(wall_clock() / 1000).map(|phase| phase.name.clone());
    Ok(phase.map(|phase| (lineup, current.baselines().clone(), phase)))
}

/// The challenger that has no baseline.
fn unwatched(lineup: &Lineup, baselines: &Baselines, phase: &str) -> Option<String> {
    let place = lineup.place(phase)?;
    let is_unwatched = baselines.challengers[place].is_none();
    is_unwatched.then(|| lineup.challengers[place].identity.to_string())
}

fn by_one(config: &Config, registry: &Registry, version: u32, file: &Path) -> Result<Checked> {
    let in_force = in_force(registry, version)?;
    let summary = counted(config, registry, version, &in_force, file)?;
    let identity = registry.identity(version)?;
    judge(config, &identity, &in_force, &summary, Some(&summary.counts), file)
}

/// Of the champion's rows, and of the challenger's, if it is watched.
fn by_arm(
    config: &Config,
    registry: &Registry,
    (lineup, baselines): (&Arc<Lineup>, &Baselines),
    phase: &str,
    file: &Path,
) -> Result<Vec<Checked>> {
    let champion = &lineup.champion.identity;
    let own = in_force(registry, champion.version)?;
    let scorer = Pin::of(lineup, config, baselines).scorer;
    let path = config.input.path.join(input_name(config, file).path());
    let summary = count_phase(config, &scorer, if file.exists() { file } else { &path }, Some(phase))?;
    let mut checked = vec![judge(config, champion, &own, &summary, Some(&summary.counts), file)?];
    if let (Some(place), Some(part)) = (lineup.place(phase), &summary.arms)
        && let Some(in_force) = &baselines.challengers[place]
    {
        let own = Summary {
            counts: part.counts.clone(),
            ..Summary::default()
        };
        checked.push(judge(
            config,
            &lineup.challengers[place].identity,
            in_force,
            &own,
            None,
            file,
        )?);
    }
    Ok(checked)
}

/// `of_file`: what was counted of the file as such, where that is judged with these rows.
fn judge(
    config: &Config,
    identity: &Identity,
    in_force: &InForce,
    summary: &Summary,
    of_file: Option<&Counts>,
    file: &Path,
) -> Result<Checked> {
    let name = input_name(config, file);
    let policy = &config.monitor;
    let (mut sizes, mut usual) = (Sizes::default(), None);
    if let Some(ledger) = Ledger::read(&config.state.path)? {
        sizes = ledger.sizes()?;
        usual = Usual::find(
            &ledger,
            &identity.made_by(),
            in_force.sha256,
            wall_clock() / 1000,
            policy,
        )?;
    }
    let mut checks = of_file.map_or_else(Vec::new, |counts| {
        policy.checks_of_file(summary.rows, counts, &sizes.last(name.bytes()))
    });
    let counts = &summary.counts;
    let usual = usual.as_ref().and_then(|usual| usual.then.counts());
    checks.extend(policy.checks(&in_force.baseline, usual, counts));
    Ok(Checked {
        model: identity.to_string(),
        rows: counts.rows,
        bad_rows: counts.bad_rows,
        judgement: policy.judge(checks, Basis::New, in_force.baseline.outputs()),
        unwatched: policy.in_vain(&in_force.baseline),
    })
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
    count_phase(config, scorer, path, None)
}

/// The same, as if it were of a phase of an experiment.
fn count_phase(config: &Config, scorer: &Scorer, path: &Path, phase: Option<&str>) -> Result<Summary> {
    let pool = pool(config.worker.threads)?;
    let input = File::open(path)
        .map_err(Error::io("open", path))
        .map_err(Error::of_a_persons_file)?;
    let run = Run {
        pool: Some(&pool),
        size: input.metadata().ok().map(|metadata| metadata.len()),
        memory: config.worker.memory,
        phase,
        format: format_of(path),
        file: Some(&input),
        ..Run::default()
    };
    transform(&input, scorer, &mut io::sink(), &mut io::sink(), &run).map_err(unreadable(path))
}

/// Why a file can't be counted.
pub fn unreadable(path: &Path) -> impl Fn(Failure) -> Error {
    move |failure| match failure {
        Failure::Problem(problem) => Error::config(path, problem.to_string()),
        Failure::Read(e) | Failure::Write(_, e) => Error::io("read", path)(e),
        Failure::Unanswered(why) => Error::model(
            path,
            format!("keys of it are the challenger's, which can't be used: {why}"),
        ),
        Failure::Cancelled => unreachable!("nobody cancels it"),
    }
}

/// `all`: also what is fine.
fn print(checked: &Checked, policy: &Policy, all: bool) {
    let Checked {
        model, rows, judgement, ..
    } = checked;
    let (few, rows) = (*rows < policy.min_rows, count(*rows, "row"));
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| short(x, 3));
    let shown: Vec<&Check> = judgement.checks.iter().filter(|check| all || check.over).collect();
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
    if few {
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
