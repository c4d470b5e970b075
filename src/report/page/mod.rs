//! The report as one page that opens from disk, with no network and no script, on screen and on paper.

mod pictures;
mod sections;
mod worth;

use super::text::against;
use super::{KeptBack, Point, Report, minute};
use crate::digits::count;
use crate::html::{Escaped, STYLE, thousands};
use crate::monitor::{Action, Compare};
use std::fmt::{self, Write};

/// Beside [`STYLE`]: of reports.
pub const OWN_STYLE: &str = include_str!("report.css");

/// The page as HTML.
pub fn page(report: &Report) -> String {
    let mut html = String::new();
    // Writing to a String can't fail.
    let _ = write(report, &mut html);
    html
}

fn write(report: &Report, html: &mut String) -> fmt::Result {
    let title = Escaped(&report.model);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: monitor report</title>\n<style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">Monitor report</p>\n<h1>{title}</h1>\n<p class=\"headline\">{}</p>\n<dl>\n",
        Escaped(&report.headline)
    )?;
    for (name, value) in facts(report) {
        writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(&value))?;
    }
    html.push_str("</dl>\n");
    urgent(report, html)?;
    html.push_str("</header>\n<main>\n");
    sections::changes(report, html)?;
    sections::columns(report, html)?;
    sections::over_time(report, html)?;
    sections::segments(report, html)?;
    worth::performance(report, html)?;
    sections::next(report, html)?;
    sections::windows(report, html)?;
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let (period, baseline) = (&report.period, &report.baseline);
    let mut facts = Vec::new();
    let digits = baseline.sha256.get(..12).unwrap_or(&baseline.sha256);
    facts.push(("Baseline", format!("{}, SHA-256 {digits}\u{2026}", baseline.rows())));
    if let (Some(from), Some(to)) = (&period.from, &period.to) {
        facts.push(("Period, UTC", format!("{} to {}", minute(from), minute(to))));
        let alone = match period.windows - period.inputs {
            0 => String::new(),
            small => format!(", {small} of small files together"),
        };
        facts.push(("Windows", format!("{}{alone}", thousands(period.windows))));
        facts.push(("Files judged alone", thousands(period.inputs)));
        facts.push(("Rows", thousands(period.rows)));
        facts.push(("Rows that can't be scored", thousands(period.bad_rows)));
    }
    if let Some(since) = &period.since {
        facts.push(("Asked for", format!("since {} UTC", minute(since))));
    }
    if baseline.compare == Compare::LastWeek {
        facts.push(("Held against", against(report)));
    }
    if period.older > 0 {
        let older = count(period.older as u64, "older window");
        facts.push(("Left out", format!("{older}: --since and FILE narrow the report")));
    }
    facts
}

/// What waits for a person, and the first thing to do.
fn urgent(report: &Report, html: &mut String) -> fmt::Result {
    const NAMED: usize = 12;
    if report.kept_back.is_empty() {
        return Ok(());
    }
    html.push_str("<div class=\"urgent\">\n");
    for (action, what) in [(Action::Hold, "held"), (Action::Block, "blocked")] {
        let kept: Vec<&KeptBack> = report.kept_back.iter().filter(|kept| kept.action == action).collect();
        let Some(last) = kept.last() else { continue };
        write!(html, "<p><b class=\"fails\">{} {what}</b> ", thousands(kept.len()))?;
        for (i, kept) in kept.iter().take(NAMED).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(html, "{comma}{}", Escaped(&kept.input))?;
        }
        match kept.len().saturating_sub(NAMED) {
            0 => html.push_str("</p>\n"),
            more => writeln!(
                html,
                " and {} more: <code>transform monitor held</code></p>",
                thousands(more)
            )?,
        }
        let of = if kept.len() == 1 {
            String::new()
        } else {
            format!(" {}", last.input)
        };
        writeln!(
            html,
            "<p class=\"note\">{}{}: {}</p>",
            if of.is_empty() { "Found" } else { "The last," },
            Escaped(&of),
            Escaped(&last.found)
        )?;
    }
    html.push_str("<p><a href=\"#next\">What to do next</a></p>\n</div>\n");
    Ok(())
}
