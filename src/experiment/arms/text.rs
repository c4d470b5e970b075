//! The report in a few lines.

use super::ARMS;
use super::lift::Lift;
use super::report::{Arm, Label, Output, PhaseReport, Report, Spread};
use crate::digits::short;
use crate::experiment::report::grouped;
use crate::experiment::verdict::{rounded, within};
use crate::report::text::{Line, number, table};
use crate::report::{minute, percent};

pub fn text(report: &Report) -> Vec<Line> {
    let mut lines = vec![Line::Text(report.headline.clone()), Line::Text(basis(report))];
    let whys = report.phases.iter().filter_map(|phase| phase.why.clone());
    lines.extend(whys.filter(|why| !report.headline.contains(why)).map(Line::Text));
    let first = report.phases.iter().find_map(|phase| phase.lifts.first());
    let margin = first.and_then(|lift| within(lift.measure.words(), lift.margin));
    lines.extend(margin.map(Line::Text));
    lines.extend(report.notes.iter().cloned().map(Line::Text));
    let seen = || report.phases.iter().filter(|phase| phase.rows > 0);
    let heads = ["PHASE", "SHARE", "SINCE (UTC)", "FILES", "ROWS", "NO KEY", "P OF KEYS"];
    table(&mut lines, &heads, report.phases.iter().map(phase));
    let heads = ["PHASE", "ARM", "KEYS", "EXPECTED", "ROWS", "BAD", "BAD %", "MS/1000"];
    table(&mut lines, &heads, seen().flat_map(arms));
    let heads = [
        "PHASE",
        "LOSS",
        "KEYS",
        "OF",
        "CHAMPION",
        "CHALLENGER",
        "LIFT",
        "FROM",
        "TO",
        "P",
        "ONE LOOK",
        "VERDICT",
        "MORE KEYS",
    ];
    let lifts = seen().flat_map(|phase| phase.lifts.iter().map(|of| lift(phase, of)));
    table(&mut lines, &heads, lifts);
    let heads = ["PHASE", "OUTPUT", "ARM", "MEAN", "10 %", "50 %", "90 %", "PSI"];
    let outputs = seen().flat_map(|phase| phase.outputs.iter().flat_map(|of| output(phase, of)));
    table(&mut lines, &heads, outputs);
    let heads = ["PHASE", "LABEL", "CHAMPION SAYS", "CHALLENGER SAYS"];
    table(&mut lines, &heads, seen().flat_map(labels));
    lines
}

/// `spring: credit/5 for a share of the keys, beside credit/3, since 2026-11-02 08:00 UTC, running, 3 files`
fn basis(report: &Report) -> String {
    format!(
        "{}: {} for a share of the keys, beside {}, since {} UTC, {}, {}",
        report.experiment,
        report.challenger,
        report.champion,
        minute(&report.started),
        report.state,
        grouped(report.files, "file")
    )
}

fn phase(phase: &PhaseReport) -> Vec<String> {
    vec![
        phase.phase.to_string(),
        phase.share.clone(),
        minute(&phase.began),
        phase.files.to_string(),
        phase.rows.to_string(),
        phase.unassigned.to_string(),
        phase.key_mismatch().map_or("-".into(), |mismatch| short(mismatch.p, 2)),
    ]
}

fn arms(phase: &PhaseReport) -> [Vec<String>; 2] {
    let expected = |arm: usize| phase.mismatch.as_ref().map(|mismatch| mismatch.arms[arm].expected);
    let row = |arm: usize, of: &Arm| {
        vec![
            phase.phase.to_string(),
            ARMS[arm].into(),
            of.keys.to_string(),
            expected(arm).map_or("-".into(), |keys| format!("{keys:.0}")),
            of.rows.to_string(),
            of.bad_rows.to_string(),
            of.bad_share.map_or("-".into(), percent),
            number(of.milliseconds),
        ]
    };
    [row(0, &phase.champion), row(1, &phase.challenger)]
}

fn lift(phase: &PhaseReport, lift: &Lift) -> Vec<String> {
    vec![
        phase.phase.to_string(),
        lift.measure.words().into(),
        lift.challenger.keys.to_string(),
        (lift.champion.keys + lift.challenger.keys).to_string(),
        number(lift.champion.mean),
        number(lift.challenger.mean),
        number(lift.lift),
        number(lift.interval.map(|interval| interval.low)),
        number(lift.interval.map(|interval| interval.high)),
        short(lift.p, 2),
        lift.once.map_or("-".into(), |once| {
            format!("{} to {}", short(once.low, 3), short(once.high, 3))
        }),
        lift.verdict.map_or("-", |verdict| verdict.words()).into(),
        lift.more_keys.map_or("-".into(), |more| format!("~{}", rounded(more))),
    ]
}

fn output(phase: &PhaseReport, output: &Output) -> [Vec<String>; 2] {
    let row = |arm: usize, of: &Spread| {
        let decile = |i: usize| number(of.deciles.map(|deciles| deciles[i]));
        vec![
            phase.phase.to_string(),
            output.name.clone(),
            ARMS[arm].into(),
            number(of.mean),
            decile(0),
            decile(4),
            decile(8),
            if arm == 1 { number(output.psi) } else { String::new() },
        ]
    };
    [row(0, &output.champion), row(1, &output.challenger)]
}

fn labels(phase: &PhaseReport) -> Vec<Vec<String>> {
    let all = |of: fn(&Label) -> u64| phase.labels.iter().map(of).sum::<u64>();
    let sums = [all(|label| label.champion), all(|label| label.challenger)];
    let share = |rows: u64, all: u64| match all {
        0 => "-".into(),
        all => percent(rows as f64 / all as f64),
    };
    let row = |label: &Label| {
        vec![
            phase.phase.to_string(),
            label.label.clone(),
            share(label.champion, sums[0]),
            share(label.challenger, sums[1]),
        ]
    };
    phase.labels.iter().map(row).collect()
}
