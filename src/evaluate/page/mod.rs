//! `evaluation.html`: one page that opens from disk, with no network and no script, on screen and on paper.

mod classes;
mod confusion;
mod metrics;

use super::charts::figures;
use super::report::{Figure, Report, Trials};
use crate::html::{Escaped, STYLE, thousands};
use std::fmt::{self, Write};

/// Trials beyond these are counted; `trials.csv` has them all.
const TRIALS: usize = 100;

/// The page as HTML.
pub fn page(report: &Report) -> String {
    let mut html = String::new();
    // Writing to a String can't fail.
    let _ = write(report, &mut html);
    html
}

fn write(report: &Report, html: &mut String) -> fmt::Result {
    let title = Escaped(report.title);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: evaluation</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kind\">Evaluation</p>\n<h1>{title}</h1>\n"
    )?;
    if !report.facts.is_empty() {
        html.push_str("<dl>\n");
        for (name, value) in report.facts {
            writeln!(html, "<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), Escaped(value))?;
        }
        html.push_str("</dl>\n");
    }
    html.push_str("</header>\n<main>\n");
    checks(report, html)?;
    html.push_str("<div class=\"tables\">\n");
    metrics::write(report, html)?;
    confusion::write(report, html)?;
    classes::write(report, html)?;
    html.push_str("</div>\n");
    let figures = figures(report);
    if !figures.is_empty() {
        html.push_str("<section>\n<h2>Plots</h2>\n<div class=\"figures\">\n");
        figures.iter().try_for_each(|figure| self::figure(figure, html))?;
        html.push_str("</div>\n</section>\n");
    }
    if let Some(trials) = report.trials {
        self::trials(trials, html)?;
    }
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn checks(report: &Report, html: &mut String) -> fmt::Result {
    if report.checks.is_empty() && report.warnings.is_empty() {
        return Ok(());
    }
    html.push_str("<ul class=\"verdicts\">\n");
    for check in report.checks {
        let (class, word) = if check.holds {
            ("holds", "holds")
        } else {
            ("fails", "fails")
        };
        writeln!(
            html,
            "<li><b class=\"{class}\">{word}</b>{}</li>",
            Escaped(&check.sentence)
        )?;
    }
    for warning in report.warnings {
        writeln!(html, "<li><b class=\"warns\">warning</b>{}</li>", Escaped(warning))?;
    }
    html.push_str("</ul>\n");
    Ok(())
}

fn figure(figure: &Figure, html: &mut String) -> fmt::Result {
    write!(html, "<figure>\n<figcaption><b>{}</b>", figure.title)?;
    if let Some([first, second]) = &figure.legend {
        write!(
            html,
            "<span class=\"legend\"><i class=\"first\"></i>{}</span><span class=\"legend\"><i class=\"second\"></i>{}</span>",
            Escaped(first),
            Escaped(second)
        )?;
    }
    write!(
        html,
        "<span>{}</span></figcaption>\n{}</figure>\n",
        Escaped(&figure.note),
        figure.svg
    )
}

fn trials(trials: &Trials, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>Search</h2>\n<div class=\"scroll\"><table>\n<thead><tr>");
    // A column is of numbers if all its cells are.
    let number = |column: usize| {
        trials
            .rows
            .iter()
            .all(|row| row.get(column).is_none_or(|cell| cell.parse::<f64>().is_ok()))
    };
    let classes: Vec<&str> = (0..trials.columns.len())
        .map(|c| if number(c) { " class=\"number\"" } else { "" })
        .collect();
    for (name, class) in trials.columns.iter().zip(&classes) {
        write!(html, "<th{class}>{}</th>", Escaped(name))?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in trials.rows.iter().take(TRIALS) {
        html.push_str("<tr>");
        for (cell, class) in row.iter().zip(&classes) {
            write!(html, "<td{class}>{}</td>", Escaped(cell))?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    let rest = trials.rows.len().saturating_sub(TRIALS);
    let more = if rest > 0 {
        format!(" {} more are not shown.", thousands(rest))
    } else {
        String::new()
    };
    writeln!(
        html,
        "<p class=\"note\">{} trials, the best first.{more}</p>\n</section>",
        thousands(trials.rows.len())
    )
}

#[cfg(test)]
mod tests;
