//! `transform models show`: the whole shown of a version.

use super::super::invocation::Invocation;
use super::super::{align, count, print_error, print_json, print_table};
use super::describe;
use super::new::members;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::Format;
use crate::model::ensemble::{Combine, Part, Plan};
use crate::registry::baseline::{Given, InForce};
use crate::registry::experiment::{State, Step};
use crate::registry::{Attachment, Experiment, Halt, Halts, Registry, Status, Version};
use crate::transform::problem::excerpt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Shown {
    group: String,
    #[serde(flatten)]
    version: Version,
    artifact: PathBuf,
    attachments: BTreeMap<Attachment, PathBuf>,
    /// `null`: it is none.
    ensemble: Option<Ensemble>,
    golden_rows: Option<usize>,
    /// What its rows are held against.
    baseline: Option<Baseline>,
    /// Who gave it which baselines, oldest first.
    baselines_given: Vec<Given>,
    /// Those in which it was tried, or which it answered.
    experiments: Vec<Entry>,
    /// The 95 % intervals of metrics, where the version was evaluated with them.
    intervals: BTreeMap<String, [f64; 2]>,
    /// What its gate found when it was registered; empty: it had none. `null`: nobody wrote that down.
    gate: Option<Vec<Check>>,
}

/// A check of a gate, as `evaluation.json` has it.
#[derive(Serialize, Deserialize)]
struct Check {
    key: String,
    holds: bool,
    sentence: String,
}

#[derive(Serialize)]
struct Ensemble {
    combine: Combine,
    threshold: Option<f64>,
    members: Vec<Member>,
    /// For people.
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Member {
    version: u32,
    format: Format,
    share: f64,
    artifact: PathBuf,
    sha256: String,
}

impl Ensemble {
    fn of(plan: Plan, folder: &Path) -> Ensemble {
        let member = |(part, share): (&Part, f64)| Member {
            version: part.version,
            format: part.format,
            share,
            artifact: folder.join(&part.file),
            sha256: part.sha256.clone(),
        };
        Ensemble {
            combine: plan.combine,
            threshold: plan.threshold,
            lines: members(&plan)
                .into_iter()
                .zip(&plan.members)
                .map(|(line, part)| format!("{line}; {}", part.file))
                .collect(),
            members: plan.members.iter().zip(plan.shares()).map(member).collect(),
        }
    }
}

#[derive(Serialize)]
struct Baseline {
    path: PathBuf,
    sha256: String,
    rows: u64,
    rows_of: Option<String>,
}

impl Baseline {
    fn of(found: InForce) -> Baseline {
        Baseline {
            path: found.path,
            sha256: found.sha256.to_string(),
            rows: found.baseline.rows,
            rows_of: found.baseline.rows_of.clone(),
        }
    }
}

pub fn show(config: &Config, registry: &Registry, number: u32, json: bool, invocation: &Invocation) -> Result<()> {
    let version = registry.show(number)?;
    let folder = registry.folder(number);
    let kept = version.status != Status::Retired;
    let attached = version.manifest.attachments.iter().filter(|_| kept);
    let evaluation = or_none(evaluation(registry, number), invocation);
    let shown = Shown {
        gate: gate(evaluation.as_ref()),
        group: registry.group().into(),
        ensemble: or_none(registry.plan(number), invocation).map(|plan| Ensemble::of(plan, &folder)),
        artifact: folder.join(&version.manifest.artifact),
        attachments: attached.map(|a| (a.name, folder.join(a.name.name()))).collect(),
        // What is damaged doesn't hide the rest.
        golden_rows: or_none(registry.golden(number), invocation).map(|golden| golden.rows.len()),
        baseline: or_none(registry.baseline(number), invocation).map(Baseline::of),
        baselines_given: or_none(registry.baselines_given(number).map(Some), invocation).unwrap_or_default(),
        intervals: evaluation.as_ref().map_or(BTreeMap::new(), intervals),
        experiments: or_none(tries(config, registry, number).map(Some), invocation).unwrap_or_default(),
        version,
    };
    match json {
        true => print_json(&shown),
        false => print_table(&rows(&shown)),
    }
    Ok(())
}

/// An experiment, and how it stands.
#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    experiment: Experiment,
    state: State,
    /// Which guard broke, and by what; null: it isn't halted.
    halted: Option<String>,
}

/// The experiments in which it was tried, or which it answered.
fn tries(config: &Config, registry: &Registry, version: u32) -> Result<Vec<Entry>> {
    let answering = registry.latest_approved().ok();
    // Who decides on models needn't be able to read the state.
    let halts = Halts::read(&config.state.path, registry.group()).unwrap_or_default();
    let known = registry.experiments()?.known.into_iter();
    let own = known.filter(|experiment| experiment.version == version || experiment.champion == version);
    let entries = own.map(|experiment| {
        let (state, halt) = experiment.standing(answering.as_ref(), &halts);
        Entry {
            state,
            halted: halt.map(Halt::to_string),
            experiment,
        }
    });
    Ok(entries.collect())
}

/// `trees: version 4 as a shadow beside version 3, running; start 2026-11-27T06:44:29Z by ada@host: a try`
fn trial(entry: &Entry) -> Vec<String> {
    let Experiment {
        name,
        kind,
        version,
        champion,
        ..
    } = &entry.experiment;
    let share = entry.experiment.share();
    let share = share.map_or(String::new(), |share| {
        format!(" for {share} of the keys, phase {}", entry.experiment.phase())
    });
    let first = format!(
        "{name}: version {version} as a {kind} beside version {champion}{share}, {}",
        entry.state
    );
    let halted = entry.halted.as_ref().map(|why| format!("HALTED: {}", plain(why)));
    let step = |step: &Step| {
        let share = step.share.map_or(String::new(), |share| format!(" {share}"));
        let reason = if step.reason.is_empty() { "" } else { ": " };
        let found = step
            .found
            .as_ref()
            .map_or(String::new(), |found| format!(" (halted by {})", plain(found)));
        format!(
            "{}{share} {} by {}{reason}{}{found}",
            step.action,
            step.at,
            plain(&step.by),
            plain(&step.reason)
        )
    };
    let first = std::iter::once(first).chain(halted);
    first.chain(entry.experiment.steps.iter().map(step)).collect()
}

/// Prints the error of what is none for it.
fn or_none<T>(found: Result<Option<T>>, invocation: &Invocation) -> Option<T> {
    found.unwrap_or_else(|error| {
        print_error(&error, invocation);
        None
    })
}

fn evaluation(registry: &Registry, version: u32) -> Result<Option<Value>> {
    let Some(text) = registry.attachment(version, Attachment::Evaluation)? else {
        return Ok(None);
    };
    let path = registry.folder(version).join(Attachment::Evaluation.name());
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| Error::model(path, e.to_string()))
}

/// A version that wasn't evaluated when it was registered had no gate; earlier versions of transform didn't keep theirs.
fn gate(evaluation: Option<&Value>) -> Option<Vec<Check>> {
    match evaluation {
        None => Some(Vec::new()),
        Some(evaluation) => serde_json::from_value(evaluation.get("gate")?.clone()).ok(),
    }
}

/// Of `{"regression_metrics": {"r2": {"value": 0.4, "interval": [0.2, 0.6]}}}`, and other kinds of metrics.
fn intervals(evaluation: &Value) -> BTreeMap<String, [f64; 2]> {
    let kinds = evaluation.as_object().into_iter().flatten();
    let metrics = kinds.filter(|(kind, _)| kind.ends_with("_metrics"));
    let metrics = metrics.filter_map(|(_, metrics)| metrics.as_object()).flatten();
    metrics
        .filter_map(|(name, metric)| {
            let interval = &metric["interval"];
            let end = |index: usize, key: &str| interval.get(index).or_else(|| interval.get(key))?.as_f64();
            Some((name.clone(), [end(0, "lower")?, end(1, "upper")?]))
        })
        .collect()
}

fn rows(shown: &Shown) -> Vec<Vec<String>> {
    let Version {
        version,
        status,
        manifest,
        decisions,
    } = &shown.version;
    let mut rows = Vec::new();
    let mut add = |what: &str, lines: Vec<String>| {
        for (i, line) in lines.into_iter().enumerate() {
            rows.push(vec![if i == 0 { what } else { "" }.to_string(), line]);
        }
    };
    add("version", vec![format!("{}/{version}", shown.group)]);
    add("status", vec![status.to_string()]);
    if !manifest.description.is_empty() {
        add("description", vec![plain(&manifest.description)]);
    }
    add("format", vec![manifest.format.to_string()]);
    add("created", vec![manifest.created_at.clone()]);
    let sha256 = format!("SHA-256 {}", manifest.sha256);
    let artifact = match status {
        Status::Retired => "removed when it was retired".into(),
        _ => shown.artifact.display().to_string(),
    };
    add("artifact", vec![artifact, sha256]);
    if let Some(ensemble) = &shown.ensemble {
        add("members", ensemble.lines.clone());
        let threshold = ensemble.threshold.iter().map(|t| format!("{t} of the second class"));
        add("threshold", threshold.collect());
    }
    add("experiments", shown.experiments.iter().flat_map(trial).collect());
    add("inputs", manifest.signature.inputs.iter().map(describe).collect());
    add("outputs", manifest.signature.outputs.iter().map(describe).collect());
    let metric = |(name, value): (&String, &toml::Value)| {
        let interval = shown.intervals.get(name);
        let interval = interval.map_or(String::new(), |[lower, upper]| format!("95 %: {lower} to {upper}"));
        vec![name.clone(), value.to_string(), interval]
    };
    add(
        "metrics",
        align(&manifest.metrics.iter().map(metric).collect::<Vec<_>>()),
    );
    let check = |check: &Check| {
        format!(
            "{}: {}",
            if check.holds { "passed" } else { "FAILED" },
            plain(&check.sentence)
        )
    };
    add(
        "gate",
        match shown.gate.as_deref() {
            Some([]) => vec!["none: nothing was asked of it when it was registered".into()],
            Some(checks) => checks.iter().map(check).collect(),
            None => vec!["not known: an earlier version of transform registered it".into()],
        },
    );
    if let Some(training) = &manifest.training {
        let rows = format!(
            "{} by transform {}",
            count(training.rows, "row"),
            plain(&training.crate_version)
        );
        add("training", vec![rows, format!("data {}", plain(&training.fingerprint))]);
    }
    add(
        "attachments",
        shown
            .attachments
            .values()
            .map(|path| path.display().to_string())
            .collect(),
    );
    add(
        "golden rows",
        vec![shown.golden_rows.map_or("none".into(), |n| n.to_string())],
    );
    let baseline = shown.baseline.iter().flat_map(|baseline| {
        let of = baseline.rows_of.as_deref().map(plain);
        let of = of.unwrap_or_else(|| count(baseline.rows, "row"));
        [
            of,
            baseline.path.display().to_string(),
            format!("SHA-256 {}", baseline.sha256),
        ]
    });
    let given = |given: &Given| {
        let sha256 = given.sha256.get(..16).unwrap_or(&given.sha256);
        vec![
            "given".into(),
            given.at.clone(),
            given.by.clone(),
            format!("SHA-256 {sha256}..."),
            plain(&given.reason),
        ]
    };
    let given = align(&shown.baselines_given.iter().map(given).collect::<Vec<_>>());
    let baseline: Vec<String> = baseline.chain(given).collect();
    add(
        "baseline",
        if baseline.is_empty() {
            vec!["none".into()]
        } else {
            baseline
        },
    );
    let decision =
        |d: &crate::registry::Decision| vec![d.status.to_string(), d.at.clone(), d.by.clone(), plain(&d.reason)];
    add("decisions", align(&decisions.iter().map(decision).collect::<Vec<_>>()));
    rows
}

/// Somebody's text on one line, whole.
fn plain(text: &str) -> String {
    excerpt(text.trim().as_bytes(), usize::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn intervals_are_found_where_they_are() {
        let evaluation = json!({
            "format_version": 1,
            "regression_metrics": {
                "r2": {"value": 0.4, "interval": [0.2, 0.6]},
                "mse": {"value": 9.0, "interval": {"lower": 7, "upper": 11.5}},
                "n": {"value": 20},
                "mae": {"value": 1.0, "interval": [null, 2.0]},
            },
            "baseline": {"regression_metrics": {"r2": {"value": 0.0, "interval": [0.0, 0.0]}}},
        });
        let expected = BTreeMap::from([("r2".to_string(), [0.2, 0.6]), ("mse".to_string(), [7.0, 11.5])]);
        assert_eq!(intervals(&evaluation), expected);
        assert!(intervals(&json!([1])).is_empty());
    }

    #[test]
    fn a_gate_is_as_it_was_written_down() {
        let holds = |evaluation: Option<Value>| {
            let gate = gate(evaluation.as_ref());
            gate.map(|checks| checks.iter().map(|check| check.holds).collect::<Vec<_>>())
        };
        let check =
            json!({"key": "r2", "holds": true, "found": 0.4, "against": 0.2, "sentence": "r2 0.4000 is >= 0.2"});
        assert_eq!(holds(Some(json!({"gate": [check]}))), Some(vec![true]));
        assert_eq!(holds(Some(json!({"gate": []}))), Some(vec![]));
        assert_eq!(holds(None), Some(vec![]));
        assert_eq!(holds(Some(json!({"format_version": 1}))), None);
    }
}
