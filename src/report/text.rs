//! The report in a few lines.

use super::bias::Group;
use super::{Change, Report, Worth};
use crate::digits::{count, short};
use crate::monitor::{Action, Check, Compare};

/// Changes, releases and figures of groups beyond these are counted.
const CHANGES: usize = 20;
const RELEASED: usize = 10;
const FIGURES: usize = 60;

/// Lines for a terminal, as tables of cells or as text.
pub enum Line {
    Text(String),
    Table(Vec<Vec<String>>),
}

pub fn lines(report: &Report) -> Vec<Line> {
    let mut lines = vec![Line::Text(report.headline.clone()), Line::Text(basis(report))];
    for kept in &report.kept_back {
        let verb = if kept.action == Action::Hold { "held" } else { "blocked" };
        lines.push(Line::Text(format!(
            "{verb}: {}, since {}: {}",
            kept.input,
            super::minute(&kept.since),
            kept.found
        )));
    }
    for released in report.released.iter().take(RELEASED) {
        lines.push(Line::Text(format!(
            "released: {}, {} UTC by {}: {}",
            released.input,
            super::minute(&released.at),
            released.by,
            released.reason
        )));
    }
    lines.extend(more(report.released.len(), RELEASED));
    if !report.changes.is_empty() {
        let heads = [
            "POLICY", "CHECK", "COLUMN", "VALUE", "BAR", "CHANCE", "N", "WINDOWS", "SINCE",
        ];
        table(&mut lines, &heads, report.changes.iter().take(CHANGES).map(row));
        lines.extend(more(report.changes.len(), CHANGES));
    }
    lines.extend(performance(report));
    lines.extend(bias(report));
    lines.push(Line::Text(String::new()));
    for step in &report.next {
        lines.push(Line::Text(step.why.clone()));
        lines.extend(step.commands.iter().map(|command| Line::Text(format!("    {command}"))));
    }
    lines
}

/// `credit/1 against 5000 rows (...), 30 windows from ... to ...: 18000 rows`
fn basis(report: &Report) -> String {
    let period = &report.period;
    let span = match (&period.from, &period.to) {
        (Some(from), Some(to)) if from != to => format!(" from {} to {} UTC", super::minute(from), super::minute(to)),
        (Some(from), _) => format!(" of {} UTC", super::minute(from)),
        _ => String::new(),
    };
    let against = match report.baseline.compare {
        Compare::Baseline => String::new(),
        Compare::LastWeek => format!("; held against {}", against(report)),
    };
    format!(
        "{} against {}: {}{span}, {}{against}",
        report.model,
        report.baseline.rows(),
        count(period.windows as u64, "window"),
        count(period.rows, "row"),
    )
}

/// What windows are held against where that is the week before.
pub(super) fn against(report: &Report) -> String {
    let few = match report.baseline.windows {
        0 => String::new(),
        n => format!(
            "; {} against the baseline, for too few rows of that day are known",
            count(n as u64, "window")
        ),
    };
    format!("the same weekday a week before{few}")
}

fn more(all: usize, shown: usize) -> Option<Line> {
    let more = all.saturating_sub(shown);
    (more > 0).then(|| Line::Text(format!("and {more} more: --json has them all")))
}

pub fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "-".into(), |x| short(x, 3))
}

fn range(ends: Option<(f64, f64)>) -> String {
    ends.map_or_else(String::new, |(low, high)| {
        format!("{} to {}", short(low, 3), short(high, 3))
    })
}

/// A table below an empty line; without a row, neither.
pub fn table(lines: &mut Vec<Line>, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let heads = heads.iter().map(ToString::to_string).collect();
    lines.push(Line::Text(String::new()));
    lines.push(Line::Table(std::iter::once(heads).chain(rows).collect()));
}

/// What is to be expected, what labels measured, and what it was; nothing of a version of which neither is known.
fn performance(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    let known = |worth: &&Worth| worth.estimated.is_some() || worth.labelled_rows > 0;
    if !report.performance.iter().any(|worth| known(&worth)) {
        return lines;
    }
    let heads = [
        "METRIC",
        "EXPECTED",
        "USUAL",
        "MEASURED",
        "95 %",
        "LABELLED",
        "REGISTERED",
        "",
    ];
    let rows = report.performance.iter().map(|worth| {
        vec![
            metric_name(worth.metric),
            number(worth.estimated),
            range(worth.usual),
            number(worth.measured),
            range(worth.interval),
            worth.labelled_rows.to_string(),
            number(worth.approved),
            match (worth.over, worth.worse) {
                (_, true) => "worse by labels",
                (true, false) => "expected outside of what is usual",
                (false, false) => "",
            }
            .into(),
        ]
    });
    table(&mut lines, &heads, rows);
    lines
}

/// What labels say of groups.
fn bias(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    let all: Vec<(&str, &Group, &Check)> = report
        .bias
        .iter()
        .flat_map(|of| of.groups.iter().map(move |group| (of.column.as_str(), group)))
        .flat_map(|(column, group)| group.checks.iter().map(move |check| (column, group, check)))
        .collect();
    if !all.is_empty() {
        let rows = all.iter().take(FIGURES).map(|(column, group, check)| {
            vec![
                format!("{column}={}", group.name),
                check.check.into(),
                check.n.to_string(),
                number(check.value),
                range(check.interval),
                if check.over { "outside" } else { "" }.into(),
                check.why.clone().unwrap_or_default(),
            ]
        });
        let heads = ["BY LABELS", "CHECK", "LABELLED", "VALUE", "95 %", "", ""];
        table(&mut lines, &heads, rows);
        lines.extend(more(all.len(), FIGURES));
    }
    for column in report.bias.iter().filter(|column| column.groups.is_empty()) {
        lines.push(Line::Text(format!(
            "groups by {} are not measured by labels: 'transform monitor labels' says why",
            column.column
        )));
    }
    lines
}

/// As people call it.
pub(super) fn metric_name(name: &str) -> String {
    match name {
        "roc_auc" => "ROC AUC".into(),
        "f1" => "F1".into(),
        "r2" => "R\u{b2}".into(),
        "mse" | "rmse" | "mae" => name.to_uppercase(),
        name => name.replace('_', " "),
    }
}

fn row(change: &Change) -> Vec<String> {
    let check = &change.check;
    let column = match &check.segment {
        Some(segment) => segment.clone(),
        None => check.column.clone(),
    };
    vec![
        change.action.name().into(),
        check.check.into(),
        column,
        number(check.value),
        number(check.bar),
        number(check.noise),
        check.n.to_string(),
        format!("{} of {}", change.windows, change.of),
        super::minute(&change.since),
    ]
}
