//! `transform models diff`: what changed between two versions.

use super::super::{align, count, print_json, print_line, print_table};
use super::new::members;
use super::{describe, missing, shorten};
use crate::digits;
use crate::error::{Error, Result};
use crate::model::Column;
use crate::registry::diff::{Change, Coefficients, Columns, Diff, Figure, Settings, Side, settings};
use crate::registry::{Attachment, Registry, Status, Training, Version};
use std::collections::{BTreeMap, HashSet};

/// So many coefficients are shown; with `--json` all that differ.
const SHOWN: usize = 40;
const DIGITS: usize = 6;

pub fn diff(registry: &Registry, old: u32, new: u32, json: bool) -> Result<()> {
    let diff = Diff::between(&side(registry, old)?, &side(registry, new)?);
    if json {
        print_json(&diff);
        return Ok(());
    }
    print_line(format!("{}/{old} -> {}/{new}", registry.group(), registry.group()));
    print_table(&rows(&diff));
    Ok(())
}

/// A damaged artifact hides its coefficients, not the rest.
fn side(registry: &Registry, version: u32) -> Result<Side> {
    let Version { manifest, status, .. } = registry.show(version)?;
    let coefficients = match registry.load(version) {
        _ if status == Status::Retired => Err("it was retired".into()),
        Ok(model) => model
            .coefficients()
            .ok_or_else(|| format!("{} models have none", manifest.format)),
        Err(error @ Error::Model { .. }) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    let plan = match registry.plan(version) {
        Ok(plan) => plan,
        Err(Error::Model { .. }) => None,
        Err(error) => return Err(error),
    };
    let settings = settings_of(registry, version, status)?;
    Ok(Side {
        version,
        settings,
        members: plan.as_ref().map_or(Vec::new(), members),
        manifest,
        coefficients,
    })
}

/// What its pipeline says, or why it has none. A damaged one hides itself alone.
fn settings_of(
    registry: &Registry,
    version: u32,
    status: Status,
) -> Result<std::result::Result<BTreeMap<String, String>, String>> {
    if status == Status::Retired {
        return Ok(Err("it was retired".into()));
    }
    let text = match registry.attachment(version, Attachment::Pipeline) {
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|e| e.to_string()),
        Ok(None) => Err("it was not trained by transform".into()),
        Err(error @ Error::Model { .. }) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(text.and_then(|text| {
        toml::from_str(&text)
            .map(|keys| settings(&keys))
            .map_err(|e| e.message().into())
    }))
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
    add("members", changed_members(&diff.members));
    add("inputs", columns(&diff.inputs));
    add("outputs", columns(&diff.outputs));
    add("coefficients", coefficients(&diff.coefficients, &diff.versions));
    let mut figures = metrics(&diff.metrics, &diff.versions);
    figures.extend(other_rows(&diff.settings, &diff.training));
    add("metrics", figures);
    add("settings", changed_settings(&diff.settings));
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
        lines.push(format!("~ {}: {}", new.name, alteration(old, new)));
    }
    if columns.reordered {
        lines.push("in another order".into());
    }
    lines
}

/// How a column that both versions have differs; at most 20 categories a list.
fn alteration(old: &Column, new: &Column) -> String {
    let mut parts = Vec::new();
    if old.kind != new.kind {
        parts.push(format!("{} -> {}", old.kind, new.kind));
    }
    let flags = [
        (old.optional, new.optional, "may be missing"),
        (old.boolean, new.boolean, "a boolean"),
        (old.open, new.open, "takes unknown categories"),
    ];
    for (before, after, what) in flags {
        match (before, after) {
            (false, true) => parts.push(format!("{what} now")),
            (true, false) => parts.push(format!("{what} no longer")),
            _ => {}
        }
    }
    if old.missing != new.missing {
        let numbers = |column: &Column| match column.missing[..] {
            [] => "is empty alone".into(),
            _ => format!("is {}", missing(column)),
        };
        parts.push(format!("missing where it {}, before {}", numbers(new), numbers(old)));
    }
    let (before, after) = (names(old), names(new));
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        let others: HashSet<&String> = others.iter().collect();
        all.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let (added, removed) = (without(&after, &before), without(&before, &after));
    for (sign, categories) in [("with", &added), ("without", &removed)] {
        if !categories.is_empty() {
            parts.push(format!("{sign} {}", shorten(categories)));
        }
    }
    if added.is_empty() && removed.is_empty() && before != after {
        parts.push("categories in another order".into());
    }
    if parts.is_empty() {
        parts.push("categories of another type".into());
    }
    parts.join(", ")
}

fn names(column: &Column) -> Vec<String> {
    column.categories.iter().map(|c| c.to_string()).collect()
}

/// Nothing where neither is an ensemble.
fn changed_members(members: &Change<Vec<String>>) -> Vec<String> {
    let Change { old, new } = members;
    if members.is_none() {
        return if old.is_empty() {
            Vec::new()
        } else {
            vec!["the same".into()]
        };
    }
    let signed = |sign: char, lines: &[String], others: &[String]| -> Vec<String> {
        let lines = lines.iter().filter(|line| !others.contains(line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    [signed('-', old, new), signed('+', new, old)].concat()
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

/// Figures of other rows don't compare.
fn other_rows(settings: &Settings, training: &Change<Option<Training>>) -> Option<String> {
    let files = |training: &Option<Training>| training.as_ref().map(|training| training.fingerprint.clone());
    let other = files(&training.old) != files(&training.new);
    let mut why: Vec<&str> = if other { vec!["the files differ"] } else { Vec::new() };
    let keys = settings.changed.keys().map(String::as_str);
    why.extend(keys.filter(|key| key.starts_with("split.")));
    let old = training.old.as_ref().zip(training.new.as_ref());
    (old.is_some() && !why.is_empty())
        .then(|| format!("evaluated on other rows, so they don't compare: {}", why.join(", ")))
}

/// A table of numbers under the versions that they are of.
fn figures(figures: &[Figure], versions: &Change<u32>) -> Vec<String> {
    if figures.is_empty() {
        return Vec::new();
    }
    let cell = |x: Option<f64>| x.map_or("-".into(), |x| digits::short(x, DIGITS));
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
            .map_or(String::new(), |d| format!("{sign}{}", digits::short(d, DIGITS)));
        vec![f.name.clone(), cell(f.old), cell(f.new), difference]
    };
    align(&[vec![header], figures.iter().map(row).collect()].concat())
}

fn changed_settings(settings: &Settings) -> Vec<String> {
    if let Some(why) = &settings.incomparable {
        return vec![format!("can't be compared: {why}")];
    }
    if settings.changed.is_empty() {
        return vec!["the same".into()];
    }
    let side = |value: &Option<String>| value.clone().unwrap_or("(default)".into());
    let row = |(key, change): (&String, &Change<Option<String>>)| {
        vec![key.clone(), format!("{} -> {}", side(&change.old), side(&change.new))]
    };
    let mut lines = align(&settings.changed.iter().map(row).collect::<Vec<_>>());
    if settings.same > 0 {
        lines.push(format!("and {} the same", count(settings.same as u64, "key")));
    }
    lines
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
        ("files", change(&old.fingerprint, &new.fingerprint)),
        ("transform", change(&old.crate_version, &new.crate_version)),
    ];
    align(&rows.map(|(name, text)| vec![name.to_string(), text]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Type};

    #[test]
    fn a_changed_column_says_only_what_changed() {
        let number = Column::plain("x".into(), Type::Float64);
        let optional = Column {
            optional: true,
            kind: Type::Float32,
            ..number.clone()
        };
        assert_eq!(alteration(&number, &optional), "float64 -> float32, may be missing now");
        let city = |names: &[&str], open| Column {
            open,
            categories: names.iter().map(|name| Category::Text(name.to_string())).collect(),
            ..Column::plain("city".into(), Type::Category)
        };
        let old = city(&["Lima", "Oslo"], true);
        assert_eq!(
            alteration(&old, &city(&["Oslo", "Rome", "Bern"], false)),
            "takes unknown categories no longer, with Rome, Bern, without Lima"
        );
        assert_eq!(
            alteration(&old, &city(&["Oslo", "Lima"], true)),
            "categories in another order"
        );
        let (mut text, mut whole) = (city(&["1"], true), city(&["1"], true));
        text.categories = vec![Category::Text("1".into())];
        whole.categories = vec![Category::Integer(1)];
        assert_eq!(alteration(&text, &whole), "categories of another type");
    }
}
