//! Over time: a figure for each window.

use super::Subject;
use super::change::{Change, complement, mean, place, share};
use super::trail::{Point, Trails};
use crate::monitor::baseline::{Column, Values};
use crate::monitor::check::Area;
use crate::monitor::{Baseline, ColumnCounts};
use serde::Serialize;

/// More classes, outputs or columns than these are not drawn.
const CLASSES: usize = 3;
const OUTPUTS: usize = 4;
const COLUMNS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A share, from 0 to 1.
    Share,
    Number,
    /// Of rows.
    Count,
    /// The population stability index.
    Psi,
}

#[derive(Clone, Debug, Serialize)]
pub struct Series {
    pub title: String,
    pub unit: Unit,
    /// What each window was held against, where that is one figure; else none.
    pub usual: Vec<Option<f64>>,
    /// One for each window.
    pub points: Vec<Point>,
}

/// What the model says, then how far it and what changed is from the baseline, then what is missing, then rows.
pub(super) fn series(subject: &Subject, trails: &Trails, changes: &[Change]) -> Vec<Series> {
    let baseline = subject.baseline;
    let mut series = outputs(subject);
    let complement = complement(baseline);
    let outputs = baseline.outputs().iter().map(|column| column.name.as_str());
    let outputs = outputs.filter(|name| complement != Some(*name)).take(OUTPUTS);
    let mut drifted: Vec<&str> = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    for change in changes {
        let name = change.check.column.as_str();
        let to = match (change.check.area, change.check.check) {
            (Area::Drift, _) => &mut drifted,
            (_, "missing") => &mut missing,
            _ => continue,
        };
        if to.len() < COLUMNS && !to.contains(&name) {
            to.push(name);
        }
    }
    let mut of_psi: Vec<&str> = outputs.collect();
    of_psi.extend(drifted.iter().filter(|name| !is_output(baseline, name)));
    for name in of_psi {
        series.extend(trailed(
            trails,
            "psi",
            name,
            format!("PSI of {name}"),
            Unit::Psi,
            Vec::new(),
        ));
    }
    for name in missing {
        let Some(place) = place(baseline, name) else { continue };
        let usual = then(subject, place, &|counts| Some(share(counts.missing, counts.cells())));
        series.extend(trailed(
            trails,
            "missing",
            name,
            format!("Missing of {name}"),
            Unit::Share,
            usual,
        ));
    }
    series.extend(trailed(
        trails,
        "bad_rows",
        "",
        "Rows that can't be scored".into(),
        Unit::Share,
        Vec::new(),
    ));
    series.extend(trailed(
        trails,
        "duplicates",
        "",
        "Rows that repeat a key".into(),
        Unit::Share,
        Vec::new(),
    ));
    let rows = |rows: u64| Point {
        value: Some(rows as f64),
        ..Point::default()
    };
    series.push(Series {
        title: "Rows".into(),
        unit: Unit::Count,
        usual: Vec::new(),
        points: subject.windows.iter().map(|seen| rows(seen.counts.rows)).collect(),
    });
    series.retain(|series| series.points.iter().any(|point| point.value.is_some()));
    series
}

fn trailed(
    trails: &Trails,
    check: &'static str,
    column: &str,
    title: String,
    unit: Unit,
    usual: Vec<Option<f64>>,
) -> Option<Series> {
    let points = trails.get(check, column)?.points.clone();
    Some(Series {
        title,
        unit,
        usual,
        points,
    })
}

/// A figure of a column in what each window was held against.
fn then(subject: &Subject, place: usize, of: &dyn Fn(&ColumnCounts) -> Option<f64>) -> Vec<Option<f64>> {
    let column = subject.baseline.columns()[place];
    let windows = subject.windows.iter();
    windows.map(|seen| of(&seen.then.column(place, column))).collect()
}

/// The mean of each number, and the share of the classes.
fn outputs(subject: &Subject) -> Vec<Series> {
    let Subject { baseline, windows, .. } = *subject;
    let first = baseline.features.len();
    let mut series = Vec::new();
    for (i, column) in baseline.outputs().iter().enumerate().take(OUTPUTS) {
        if complement(baseline) == Some(&column.name) {
            continue;
        }
        let over_time = |title: String, unit, of: &dyn Fn(&ColumnCounts) -> Option<f64>| Series {
            title,
            unit,
            usual: then(subject, first + i, of),
            points: windows
                .iter()
                .map(|seen| Point {
                    value: seen.counts.columns.get(first + i).and_then(of),
                    ..Point::default()
                })
                .collect(),
        };
        match &column.values {
            Values::Numbers { .. } => {
                series.push(over_time(format!("Mean of {}", column.name), Unit::Number, &mean));
            }
            Values::Categories { categories, .. } => {
                for place in shown(subject.policy.watch.favourable.as_deref(), column) {
                    let title = format!("Share of {} {}", column.name, categories[place].category);
                    let of = |counts: &ColumnCounts| {
                        (counts.cells() > 0)
                            .then(|| share(counts.bins.get(place).copied().unwrap_or(0), counts.cells()))
                    };
                    series.push(over_time(title, Unit::Share, &of));
                }
            }
        }
    }
    series
}

/// The places of the classes whose share is drawn: of two classes one, the favourable, or the last by name.
fn shown(favourable: Option<&str>, column: &Column) -> Vec<usize> {
    let Values::Categories { categories, .. } = &column.values else {
        return Vec::new();
    };
    let by_name = || (0..categories.len()).max_by_key(|&i| &categories[i].category);
    let wanted = categories.iter().position(|c| Some(c.category.as_str()) == favourable);
    match categories.len() {
        2 => wanted.or_else(by_name).into_iter().collect(),
        n => (0..n.min(CLASSES)).collect(),
    }
}

/// Is it what the model says?
pub(super) fn is_output(baseline: &Baseline, name: &str) -> bool {
    baseline.outputs().iter().any(|output| output.name == name)
}
