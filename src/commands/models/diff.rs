//! `transform models diff`: what changed between two versions.

use super::super::{align, say, say_json, say_table};
use super::{describe, figure};
use crate::error::{Error, Result};
use crate::model::Column;
use crate::registry::diff::{Change, Coefficients, Columns, Diff, Figure, Side};
use crate::registry::{Registry, Training};

/// So many coefficients are shown; with `--json` all that differ.
const SHOWN: usize = 40;
const DIGITS: i32 = 6;

pub fn diff(registry: &Registry, old: u32, new: u32, json: bool) -> Result<()> {
    let diff = Diff::between(&side(registry, old)?, &side(registry, new)?);
    if json {
        say_json(&diff);
        return Ok(());
    }
    say(format!("{}/{old} -> {}/{new}", registry.group(), registry.group()));
    say_table(&rows(&diff));
    Ok(())
}

/// A damaged artifact hides its coefficients, not the rest.
fn side(registry: &Registry, version: u32) -> Result<Side> {
    let manifest = registry.show(version)?.manifest;
    let coefficients = match registry.load(version) {
        Ok(model) => model
            .coefficients()
            .ok_or_else(|| format!("{} models have none", manifest.format)),
        Err(error @ Error::Model { .. }) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Side {
        version,
        manifest,
        coefficients,
    })
}

fn rows(diff: &Diff) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut add = |what: &str, lines: Vec<String>| {
        for (i, line) in lines.into_iter().enumerate() {
            rows.push(vec![if i == 0 { what } else { "" }.to_string(), line]);
        }
    };
    add("format", vec![changed(&diff.format)]);
    let artifact = if diff.same_artifact { "the same" } else { "another one" };
    add("artifact", vec![artifact.into()]);
    add("inputs", columns(&diff.inputs));
    add("outputs", columns(&diff.outputs));
    add("coefficients", coefficients(&diff.coefficients, &diff.versions));
    add("metrics", metrics(&diff.metrics, &diff.versions));
    add("data", data(&diff.training));
    rows
}

fn changed<T: PartialEq + ToString>(change: &Change<T>) -> String {
    match change.is_none() {
        true => format!("the same: {}", change.old.to_string()),
        false => format!("{} -> {}", change.old.to_string(), change.new.to_string()),
    }
}

fn columns(columns: &Columns) -> Vec<String> {
    if columns.is_none() {
        return vec!["the same".into()];
    }
    let signed = |sign: char, columns: &[Column]| -> Vec<String> {
        columns
            .iter()
            .map(|column| format!("{sign} {}", describe(column)))
            .collect()
    };
    let mut lines = [signed('-', &columns.removed), signed('+', &columns.added)].concat();
    for Change { old, new } in &columns.changed {
        lines.push(format!("~ {} -> {}", describe(old), describe(new)));
    }
    if columns.reordered {
        lines.push("in another order".into());
    }
    lines
}

fn coefficients(coefficients: &Coefficients, versions: &Change<u32>) -> Vec<String> {
    if let Some(why) = &coefficients.incomparable {
        return vec![format!("can't be compared: {why}")];
    }
    let shown = &coefficients.changed[..coefficients.changed.len().min(SHOWN)];
    let mut lines = figures(shown, versions);
    let more = coefficients.changed.len() - shown.len();
    if more > 0 {
        lines.push(format!("and {more} with smaller differences"));
    }
    match (coefficients.same, lines.is_empty()) {
        (_, true) => lines.push("the same".into()),
        (0, _) => {}
        (1, _) => lines.push("and 1 that is the same".into()),
        (n, _) => lines.push(format!("and {n} that are the same")),
    }
    lines
}

fn metrics(metrics: &[Figure], versions: &Change<u32>) -> Vec<String> {
    match metrics.is_empty() {
        true => vec!["neither version has any".into()],
        false => figures(metrics, versions),
    }
}

/// A table of numbers under the versions that they are of.
fn figures(figures: &[Figure], versions: &Change<u32>) -> Vec<String> {
    if figures.is_empty() {
        return Vec::new();
    }
    let cell = |x: Option<f64>| x.map_or("-".into(), |x| figure(x, DIGITS));
    let header = vec![
        "NAME".into(),
        versions.old.to_string(),
        versions.new.to_string(),
        "DIFFERENCE".into(),
    ];
    let row = |f: &Figure| {
        let sign = if f.difference.is_some_and(|d| d > 0.0) { "+" } else { "" };
        let difference = f
            .difference
            .map_or(String::new(), |d| format!("{sign}{}", figure(d, DIGITS)));
        vec![f.name.clone(), cell(f.old), cell(f.new), difference]
    };
    align(&[vec![header], figures.iter().map(row).collect()].concat())
}

fn data(training: &Change<Option<Training>>) -> Vec<String> {
    let (Some(old), Some(new)) = (&training.old, &training.new) else {
        return vec![match (&training.old, &training.new) {
            (None, None) => "can't be compared: neither version was trained by transform".into(),
            (None, _) => "can't be compared: the old version was not trained by transform".into(),
            _ => "can't be compared: the new version was not trained by transform".into(),
        }];
    };
    let change = |old: &str, new: &str| {
        changed(&Change {
            old: old.to_string(),
            new: new.to_string(),
        })
    };
    let rows = [
        ("rows", change(&old.rows.to_string(), &new.rows.to_string())),
        ("fingerprint", change(&old.fingerprint, &new.fingerprint)),
        ("transform", change(&old.crate_version, &new.crate_version)),
    ];
    align(&rows.map(|(name, text)| vec![name.to_string(), text]))
}
