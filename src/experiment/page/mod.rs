//! The report as one page that opens from disk, with no network and no script, on screen and on paper.

mod pictures;
pub(super) mod sections;

use super::report::{Report, grouped};
use crate::digits::short;
use crate::html::{Escaped, STYLE, thousands};
use crate::report::minute;
use crate::report::page::OWN_STYLE;
use std::fmt::{self, Write};

const FIGURES: &str = "main .figures { margin-top: 1.2rem; }\n";

/// The page as HTML.
pub fn page(report: &Report) -> String {
    let mut html = String::new();
    // Writing to a String can't fail.
    let _ = write(report, &mut html);
    html
}

fn write(report: &Report, html: &mut String) -> fmt::Result {
    begin(
        &report.experiment,
        &report.headline,
        &facts(report),
        &report.notes,
        html,
    )?;
    sections::losses(report, html)?;
    if let Some(difference) = &report.difference {
        sections::predictions(difference, html)?;
        sections::labels(difference, html)?;
        sections::most_different(difference, html)?;
    }
    html.write_str(END)
}

/// The page down to its first section.
pub(super) fn begin(
    experiment: &str,
    headline: &str,
    facts: &[(&str, String)],
    notes: &[String],
    html: &mut String,
) -> fmt::Result {
    let title = Escaped(experiment);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: experiment report</title>\n<style>\n{STYLE}{OWN_STYLE}{FIGURES}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">Experiment report</p>\n<h1>{title}</h1>\n<p class=\"headline\">{}</p>\n<dl>\n",
        Escaped(headline)
    )?;
    for (name, value) in facts {
        writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))?;
    }
    html.push_str("</dl>\n</header>\n<main>\n");
    for note in notes {
        writeln!(html, "<p class=\"note\">{}</p>", Escaped(note))?;
    }
    Ok(())
}

pub(super) const END: &str = "</main>\n</body>\n</html>\n";

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let milliseconds = |of: Option<f64>| of.map_or(String::new(), |ms| format!(", {} ms for 1,000 rows", short(ms, 3)));
    let mut facts = vec![
        (
            "Champion",
            report.champion.clone() + &milliseconds(report.champion_milliseconds),
        ),
        (
            "Shadow",
            report.shadow.clone() + &milliseconds(report.shadow_milliseconds),
        ),
        ("Since, UTC", minute(&report.started)),
        ("State", report.state.clone()),
        ("Files", thousands(report.files)),
    ];
    if let Some(difference) = &report.difference {
        facts.push(("Rows", thousands(difference.rows)));
        facts.push(("Scored by both", thousands(difference.both)));
        for (name, rows) in [
            ("By the champion alone", difference.champion_only),
            ("By the shadow alone", difference.shadow_only),
            ("By neither", difference.neither),
        ] {
            if rows > 0 {
                facts.push((name, grouped(rows, "row")));
            }
        }
    }
    facts
}
