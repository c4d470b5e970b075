//! The report in a few lines.

use super::difference::{Column, Different, Labels, Said};
use super::paired::Paired;
use super::report::{Report, grouped};
use super::verdict::{rounded, within};
use crate::digits::short;
use crate::report::minute;
use crate::report::text::{Line, number, table};

/// Flips beyond these are counted.
const FLIPS: usize = 10;

pub fn text(report: &Report) -> Vec<Line> {
    let mut lines = vec![Line::Text(report.headline.clone()), Line::Text(basis(report))];
    let first = report.paired.first();
    let margin = first.and_then(|paired| within(paired.measure.words(), paired.margin));
    lines.extend(margin.map(Line::Text));
    lines.extend(report.notes.iter().cloned().map(Line::Text));
    let heads = [
        "LOSS",
        "KEYS",
        "LEFT OUT",
        "CHAMPION",
        "SHADOW",
        "LIFT",
        "FROM",
        "TO",
        "P",
        "VERDICT",
        "MORE KEYS",
    ];
    table(&mut lines, &heads, report.paired.iter().map(paired));
    let Some(difference) = &report.difference else {
        return lines;
    };
    let heads = [
        "OUTPUT",
        "ROWS",
        "NOT FINITE",
        "SAME",
        "MEAN",
        "MEAN SIZE",
        "P99 SIZE",
        "RANKS",
        "TOP TENTH",
        "PSI",
    ];
    table(&mut lines, &heads, difference.columns.iter().map(column));
    let flips = difference.labels.as_ref().map(flips).unwrap_or_default();
    let more = flips.len().saturating_sub(FLIPS);
    let heads = ["CHAMPION SAYS", "SHADOW SAYS", "ROWS"];
    table(&mut lines, &heads, flips.into_iter().take(FLIPS));
    let heads = ["MOST DIFFERENT", "LINE", "KEY", "CHAMPION", "SHADOW", "DIFFERENCE"];
    table(&mut lines, &heads, difference.most_different.iter().map(different));
    if more > 0 {
        lines.push(Line::Text(format!(
            "and {more} more pairs of labels: --json has them all"
        )));
    }
    lines.extend(difference.sample.map(|rows| Line::Text(sampled(rows))));
    lines
}

/// What isn't of all rows.
pub fn sampled(rows: u64) -> String {
    format!(
        "ranks, percentiles, the highest tenth and PSI are of {}, the same ones each time",
        grouped(rows, "row")
    )
}

/// `spring: credit/5 beside credit/3 since 2026-11-02 08:00 UTC, 3 files, 1,200 rows, 2 of them scored by credit/3 alone`
fn basis(report: &Report) -> String {
    let Report { champion, shadow, .. } = report;
    let mut parts = vec![format!(
        "{}: {shadow} beside {champion} since {} UTC, {}",
        report.experiment,
        minute(&report.started),
        report.state
    )];
    parts.push(grouped(report.files, "file"));
    if let Some(difference) = &report.difference {
        parts.push(grouped(difference.rows, "row"));
        let apart = [
            (difference.champion_only, format!("{champion} alone")),
            (difference.shadow_only, format!("{shadow} alone")),
            (difference.neither, "neither".into()),
        ];
        let apart = apart.into_iter().filter(|(rows, _)| *rows > 0);
        parts.extend(apart.map(|(rows, who)| format!("{} scored by {who}", grouped(rows, "row"))));
    }
    if let (Some(before), Some(now)) = (report.champion_milliseconds, report.shadow_milliseconds) {
        let of = |model: &str, ms: f64| format!("{model} takes {} ms for 1,000 rows", short(ms, 3));
        parts.extend([of(champion, before), of(shadow, now)]);
    }
    parts.join(", ")
}

fn paired(paired: &Paired) -> Vec<String> {
    vec![
        paired.measure.words().into(),
        paired.keys.to_string(),
        paired.left_out.to_string(),
        number(paired.champion),
        number(paired.shadow),
        number(paired.lift),
        number(paired.interval.map(|interval| interval.low)),
        number(paired.interval.map(|interval| interval.high)),
        short(paired.p, 2),
        paired.verdict.words().into(),
        paired
            .more_keys
            .map_or_else(|| "-".into(), |more| format!("~{}", rounded(more))),
    ]
}

fn column(column: &Column) -> Vec<String> {
    vec![
        column.name.clone(),
        column.rows.to_string(),
        column.not_finite.to_string(),
        column.same.to_string(),
        number(column.mean),
        number(column.mean_absolute),
        number(column.p99_absolute),
        number(column.rank_correlation),
        number(column.top_decile_overlap),
        number(column.psi),
    ]
}

/// Pairs of different labels.
fn flips(labels: &Labels) -> Vec<Vec<String>> {
    let flips = labels.pairs.iter().filter(|pair| pair.champion != pair.shadow);
    flips
        .map(|pair| vec![pair.champion.clone(), pair.shadow.clone(), pair.rows.to_string()])
        .collect()
}

fn different(row: &Different) -> Vec<String> {
    vec![
        row.file.clone(),
        row.line.to_string(),
        row.key.clone(),
        said(&row.champion),
        said(&row.shadow),
        match row.column {
            Some(_) => short(row.difference, 4),
            None => "another label".into(),
        },
    ]
}

/// `yes 0.8123`
pub fn said(said: &Said) -> String {
    let value = said.value.map(|value| short(value, 4));
    [said.label.clone(), value]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}
