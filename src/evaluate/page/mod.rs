//! `evaluation.html`: one page that opens from disk, with no network and no script, on screen and on paper.

mod classes;
mod confusion;
mod data;
mod metrics;
mod slices;
mod table;
mod thresholds;
mod trials;

use super::report::{COLOURS, Figure, Report};
use super::{bars, charts};
use crate::html::{Escaped, STYLE};
use std::fmt::{self, Write};

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
    thresholds::write(report, html)?;
    html.push_str("</div>\n");
    figures("Plots", &charts::figures(report), html)?;
    figures("What the model goes by", &bars::figures(report), html)?;
    slices::write(report, html)?;
    data::write(report, html)?;
    if let Some(trials) = report.trials {
        trials::write(trials, html)?;
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

fn figures(title: &str, figures: &[Figure], html: &mut String) -> fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    write!(html, "<section>\n<h2>{title}</h2>\n<div class=\"figures\">\n")?;
    figures.iter().try_for_each(|figure| self::figure(figure, html))?;
    html.push_str("</div>\n</section>\n");
    Ok(())
}

fn figure(figure: &Figure, html: &mut String) -> fmt::Result {
    write!(html, "<figure>\n<figcaption><b>{}</b>", figure.title)?;
    for (name, colour) in figure.legend.iter().zip(COLOURS) {
        write!(
            html,
            "<span class=\"legend\"><i class=\"{colour}\"></i>{}</span>",
            Escaped(name)
        )?;
    }
    write!(
        html,
        "<span>{}</span></figcaption>\n{}</figure>\n",
        Escaped(&figure.note),
        figure.svg
    )
}

#[cfg(test)]
mod tests;
