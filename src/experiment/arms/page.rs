//! The report as one page that opens from disk, with no network and no script, on screen and on paper.

use super::ARMS;
use super::lift::{Lift, Lost};
use super::report::{Arm, Label, PhaseReport, Report, Spread};
use crate::digits::short;
use crate::experiment::page::sections::{
    DASH, equivalent, figure, interval, more, number, shortened, verdict, without_labels,
};
use crate::experiment::page::{END, begin};
use crate::experiment::paired::Measure;
use crate::experiment::report::grouped;
use crate::html::{Escaped, thousands};
use crate::plot;
use crate::report::{minute, percent};
use std::fmt::{self, Write};

/// The page as HTML.
pub fn page(report: &Report) -> String {
    let mut html = String::new();
    // Writing to a String can't fail.
    let _ = write(report, &mut html);
    html
}

fn write(report: &Report, html: &mut String) -> fmt::Result {
    let facts = [
        ("Champion", report.champion.clone()),
        ("Challenger", report.challenger.clone()),
        ("Since, UTC", minute(&report.started)),
        ("State", report.state.clone()),
        ("Files", thousands(report.files)),
    ];
    begin(&report.experiment, &report.headline, &facts, &report.notes, html)?;
    let seen: Vec<&PhaseReport> = report.phases.iter().filter(|phase| phase.rows > 0).collect();
    lifts(report, &seen, html)?;
    arms(&report.phases, &seen, html)?;
    outputs(&seen, html)?;
    labels(&seen, html)?;
    html.write_str(END)
}

/// `Phase 2 (20%)`
fn name(phase: &PhaseReport) -> String {
    format!("Phase {} ({})", phase.phase, phase.share)
}

fn lifts(report: &Report, phases: &[&PhaseReport], html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Which is better</h2>\n");
    for why in phases.iter().filter_map(|phase| phase.why.as_ref()) {
        let (first, rest) = why.split_at(why.chars().next().map_or(0, char::len_utf8));
        let why = first.to_uppercase() + rest;
        writeln!(
            html,
            "<div class=\"urgent\"><p><b class=\"fails\">No winner</b> {}.</p></div>",
            Escaped(&why)
        )?;
    }
    let Some(first) = phases.iter().find_map(|phase| phase.lifts.first()) else {
        return without_labels(&report.experiment, html);
    };
    html.push_str(
        "<table class=\"wide\">\n<thead><tr><th></th><th class=\"number\">champion</th><th class=\"number\">challenger</th>\
         <th class=\"number\">lift</th><th class=\"number\">95 % interval</th><th class=\"number\">p</th>\
         <th class=\"number\">more keys needed</th><th>verdict</th></tr></thead>\n<tbody>\n",
    );
    for phase in phases {
        phase.lifts.iter().try_for_each(|of| lift(phase, of, html))?;
    }
    let margin = equivalent(first.margin);
    let decides = match phases.iter().any(|phase| phase.lifts.len() > 1) {
        true => " The first loss of a phase decides.",
        false => "",
    };
    writeln!(
        html,
        "</tbody>\n</table>\n<p class=\"note\">Mean losses of keys with a label, less is better; lift: the champion\u{2019}s minus the \
         challenger\u{2019}s. Rows of one key are averaged first. Interval and p hold however often one looks; Welch\u{2019}s, at one look \
         alone, and decides nothing. Each phase is a test of its own.{decides}{margin} More keys: of both arms together, if the \
         difference and its spread stay as they are.</p>\n<div class=\"figures\">"
    )?;
    for measure in first_measures(phases) {
        let of: Vec<(&PhaseReport, &Lift)> = phases
            .iter()
            .filter_map(|phase| Some((*phase, phase.lifts.iter().find(|lift| lift.measure == measure)?)))
            .collect();
        if let Some(svg) = lifts_picture(&of) {
            let title = format!("Lift of the {} by phase", measure.words());
            let note = "Right of the dashed line, at 0, the challenger is better. The line holds the true lift at all times with 95 %.";
            figure(&title, note, &svg, html)?;
        }
    }
    html.write_str("</div>\n</section>\n")
}

fn first_measures(phases: &[&PhaseReport]) -> Vec<Measure> {
    let lifts = phases.first().map(|phase| &phase.lifts[..]).unwrap_or_default();
    lifts.iter().map(|lift| lift.measure).collect()
}

fn lift(phase: &PhaseReport, lift: &Lift, html: &mut String) -> fmt::Result {
    let lost = |of: &Lost| format!("{}<small>{}</small>", number(of.mean), grouped(of.keys, "key"));
    let more = more(lift.more_keys);
    let left_out = match lift.champion.left_out + lift.challenger.left_out {
        0 => String::new(),
        rows => format!("; {} without a finite loss left out", grouped(rows, "row")),
    };
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b><small>{}{left_out}</small></th><td class=\"number\" data-name=\"champion\">{}</td>\
         <td class=\"number\" data-name=\"challenger\">{}</td><td class=\"number main\" data-name=\"lift\">{}</td>\
         <td class=\"number\" data-name=\"95 % interval\">{}<small>Welch {}</small></td><td class=\"number\" data-name=\"p\">{}</td>\
         <td class=\"number\" data-name=\"more keys needed\">{more}</td><td data-name=\"verdict\">{}</td></tr>",
        lift.measure.words(),
        Escaped(&name(phase)),
        lost(&lift.champion),
        lost(&lift.challenger),
        number(lift.lift),
        interval(lift.interval),
        interval(lift.once),
        thousands(short(lift.p, 2)),
        lift.verdict.map_or("<b class=\"tag fails\">none</b>".into(), verdict)
    )
}

/// None without an interval.
fn lifts_picture(lifts: &[(&PhaseReport, &Lift)]) -> Option<String> {
    let names: Vec<String> = lifts.iter().map(|(phase, _)| name(phase)).collect();
    let of = lifts.iter().zip(&names).filter_map(|((_, lift), name)| {
        let (value, interval) = (lift.lift?, lift.interval?);
        Some(plot::Interval {
            name,
            value: Some(value),
            interval: (interval.low, interval.high),
            class: "first",
            text: number(Some(value)),
        })
    });
    let rows: Vec<plot::Interval> = of.collect();
    let ends = |of: fn(f64, f64) -> f64| {
        rows.iter()
            .flat_map(|row| [row.interval.0, row.interval.1])
            .fold(0.0, of)
    };
    let (low, high) = (ends(f64::min), ends(f64::max));
    (high > low).then(|| plot::intervals("Lift by phase", &rows, (low, high), Some(0.0)))
}

fn arms(all: &[PhaseReport], phases: &[&PhaseReport], html: &mut String) -> fmt::Result {
    html.push_str(
        "<section>\n<h2>Who answered</h2>\n<table class=\"wide\">\n<thead><tr><th></th><th class=\"number\">keys</th>\
         <th class=\"number\">expected</th><th class=\"number\">rows</th><th class=\"number\">bad rows</th><th class=\"number\">share</th>\
         <th class=\"number\">ms for 1,000 rows</th></tr></thead>\n<tbody>\n",
    );
    for phase in all {
        let expected = |arm: usize| phase.mismatch.as_ref().map(|mismatch| mismatch.arms[arm].expected);
        for (i, of) in [&phase.champion, &phase.challenger].into_iter().enumerate() {
            arm(phase, i, of, expected(i), html)?;
        }
    }
    html.push_str("</tbody>\n</table>\n");
    let p = |phase: &&PhaseReport| {
        let mismatch = phase.key_mismatch()?;
        Some(format!(
            " {}: p {}, over all looks {}.",
            name(phase),
            thousands(short(mismatch.p, 2)),
            thousands(short(mismatch.sequential_p, 2))
        ))
    };
    let ps: Vec<String> = phases.iter().filter_map(p).collect();
    writeln!(
        html,
        "<p class=\"note\">Below a p of 0.001 there is a sample ratio mismatch: keys were lost or joined wrongly, and no winner is shown.\
         {}</p>\n<div class=\"figures\">",
        Escaped(&ps.join(""))
    )?;
    for phase in phases {
        let Some(mismatch) = &phase.mismatch else { continue };
        let pair = |arm: usize| plot::Pair {
            name: ARMS[arm],
            shares: [mismatch.arms[arm].expected, mismatch.arms[arm].keys as f64],
            text: thousands(mismatch.arms[arm].keys),
        };
        let svg = plot::pairs("Keys of each arm", &[pair(0), pair(1)]);
        let legend = "Blue: keys that came. Orange: keys that the share says.";
        figure(&format!("{}: keys of each arm", name(phase)), legend, &svg, html)?;
    }
    html.write_str("</div>\n</section>\n")
}

fn arm(phase: &PhaseReport, arm: usize, of: &Arm, expected: Option<f64>, html: &mut String) -> fmt::Result {
    let below = match arm {
        0 => format!(
            "{}, since {} UTC, {}; {} without a key beside them",
            name(phase),
            minute(&phase.began),
            grouped(phase.files, "file"),
            grouped(phase.unassigned, "row")
        ),
        _ => name(phase),
    };
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b><small>{}</small></th><td class=\"number\" data-name=\"keys\">{}</td>\
         <td class=\"number\" data-name=\"expected\">{}</td><td class=\"number\" data-name=\"rows\">{}</td>\
         <td class=\"number\" data-name=\"bad rows\">{}</td><td class=\"number\" data-name=\"share\">{}</td>\
         <td class=\"number\" data-name=\"ms for 1,000 rows\">{}</td></tr>",
        ARMS[arm],
        Escaped(&below),
        thousands(of.keys),
        expected.map_or(DASH.into(), |keys| thousands(keys.round())),
        thousands(of.rows),
        thousands(of.bad_rows),
        of.bad_share.map_or(DASH.into(), percent),
        number(of.milliseconds)
    )
}

fn outputs(phases: &[&PhaseReport], html: &mut String) -> fmt::Result {
    if phases.iter().all(|phase| phase.outputs.is_empty()) {
        return Ok(());
    }
    html.push_str(
        "<section>\n<h2>What they say</h2>\n<table class=\"wide\">\n<thead><tr><th></th><th>arm</th><th class=\"number\">mean</th>\
         <th class=\"number\">10 %</th><th class=\"number\">50 %</th><th class=\"number\">90 %</th><th class=\"number\">PSI</th></tr></thead>\n<tbody>\n",
    );
    for phase in phases {
        let probability = !phase.labels.is_empty();
        for output in &phase.outputs {
            let title = match probability {
                true => format!("Probability of {}", shortened(&output.name)),
                false => shortened(&output.name),
            };
            spread(phase, &title, 0, &output.champion, None, html)?;
            spread(phase, &title, 1, &output.challenger, output.psi, html)?;
        }
    }
    html.write_str(
        "</tbody>\n</table>\n<p class=\"note\">10 %, 50 % and 90 % are deciles, in size up to 1.6 % too small. PSI: the population stability index of \
         the challenger\u{2019}s in bins by the champion\u{2019}s deciles; above 0.25 they are usually called differently distributed.</p>\n</section>\n",
    )
}

fn spread(
    phase: &PhaseReport,
    title: &str,
    arm: usize,
    of: &Spread,
    psi: Option<f64>,
    html: &mut String,
) -> fmt::Result {
    let decile = |i: usize| number(of.deciles.map(|deciles| deciles[i]));
    writeln!(
        html,
        "<tr><th scope=\"row\"><b>{}</b><small>{}</small></th><td data-name=\"arm\">{}</td><td class=\"number main\" data-name=\"mean\">{}</td>\
         <td class=\"number\" data-name=\"10 %\">{}</td><td class=\"number\" data-name=\"50 %\">{}</td>\
         <td class=\"number\" data-name=\"90 %\">{}</td><td class=\"number\" data-name=\"PSI\">{}</td></tr>",
        Escaped(title),
        Escaped(&name(phase)),
        ARMS[arm],
        number(of.mean),
        decile(0),
        decile(4),
        decile(8),
        number(psi)
    )
}

fn labels(phases: &[&PhaseReport], html: &mut String) -> fmt::Result {
    /// Labels beyond these are left to `--json`.
    const MOST: usize = 20;
    if phases.iter().all(|phase| phase.labels.is_empty()) {
        return Ok(());
    }
    html.push_str(
        "<section>\n<h2>Labels</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>label</th><th class=\"number\">champion says</th>\
         <th class=\"number\">challenger says</th></tr></thead>\n<tbody>\n",
    );
    for phase in phases {
        let all = |of: fn(&Label) -> u64| phase.labels.iter().map(of).sum::<u64>();
        let sums = [all(|label| label.champion), all(|label| label.challenger)];
        for label in phase.labels.iter().take(MOST) {
            let cell = |rows: u64, all: u64| match all {
                0 => DASH.to_string(),
                all => format!(
                    "{}<small>{}</small>",
                    thousands(rows),
                    percent(rows as f64 / all as f64)
                ),
            };
            writeln!(
                html,
                "<tr><th scope=\"row\">{}<small>{}</small></th><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                Escaped(&shortened(&label.label)),
                Escaped(&name(phase)),
                cell(label.champion, sums[0]),
                cell(label.challenger, sums[1])
            )?;
        }
    }
    html.write_str("</tbody>\n</table></div>\n</section>\n")
}
