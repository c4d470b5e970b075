//! The report in a few lines.

use super::Report;
use super::change::Change;
use crate::digits::short;
use crate::evaluate::report::count;

/// Changes beyond these are counted.
const CHANGES: usize = 20;

/// Lines for a terminal, as tables of cells or as text.
pub enum Line {
    Text(String),
    Table(Vec<Vec<String>>),
}

pub fn lines(report: &Report) -> Vec<Line> {
    let mut lines = vec![Line::Text(report.headline.clone()), Line::Text(basis(report))];
    for kept in &report.kept_back {
        let verb = kept.action.name();
        lines.push(Line::Text(format!(
            "{verb}: {}, since {}: {}",
            kept.input,
            super::minute(&kept.since),
            kept.found
        )));
    }
    if !report.changes.is_empty() {
        let heads = [
            "ACTION", "CHECK", "COLUMN", "VALUE", "BAR", "CHANCE", "N", "WINDOWS", "SINCE",
        ];
        let mut rows = vec![heads.map(String::from).to_vec()];
        rows.extend(report.changes.iter().take(CHANGES).map(row));
        lines.push(Line::Text(String::new()));
        lines.push(Line::Table(rows));
        let more = report.changes.len().saturating_sub(CHANGES);
        if more > 0 {
            lines.push(Line::Text(format!("and {more} more: --json has them all")));
        }
    }
    let estimated: Vec<String> = report
        .performance
        .iter()
        .filter_map(|worth| Some(format!("{} {}", worth.metric, short(worth.estimated?, 3))))
        .collect();
    if !estimated.is_empty() {
        lines.push(Line::Text(String::new()));
        lines.push(Line::Text(format!(
            "to be expected without labels: {}",
            estimated.join(", ")
        )));
    }
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
    let of = report
        .baseline
        .rows_of
        .as_deref()
        .map_or(String::new(), |of| format!(" ({of})"));
    let span = match (&period.from, &period.to) {
        (Some(from), Some(to)) if from != to => format!(" from {} to {} UTC", super::minute(from), super::minute(to)),
        (Some(from), _) => format!(" of {} UTC", super::minute(from)),
        _ => String::new(),
    };
    format!(
        "{} against {}{of}: {}{span}, {}",
        report.model,
        count(report.baseline.rows, "row"),
        count(period.windows as u64, "window"),
        count(period.rows, "row"),
    )
}

fn row(change: &Change) -> Vec<String> {
    let check = &change.check;
    let number = |x: Option<f64>| x.map_or_else(|| "-".into(), |x| short(x, 3));
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
