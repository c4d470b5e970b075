//! What comes of other thresholds.

use super::table::{self, UNDEFINED};
use crate::evaluate::report::Report;
use crate::evaluate::thresholds::{Threshold, thresholds};
use crate::evaluate::{Metric, Task};
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let Task::Classification { threshold } = report.comparison.candidate.task else {
        return Ok(());
    };
    let pairs = report.examples.predicted.iter().zip(report.examples.actual);
    let rows: Vec<(f64, bool)> = pairs
        .map(|(&p, &y)| (p, y == 1.0))
        .filter(|row| row.0.is_finite())
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let [no, yes] = report.no_and_yes().map(Escaped);
    table::open("Thresholds", html);
    write!(
        html,
        "<th class=\"number\">threshold</th>\
         <th class=\"number\">called {yes}</th><th class=\"number\">precision</th><th class=\"number\">recall</th>\
         <th class=\"number\">F1</th><th class=\"number\">{no} called {yes}</th></tr></thead>\n<tbody>\n"
    )?;
    thresholds(&rows, threshold).iter().try_for_each(|at| row(at, html))?;
    html.push_str("</tbody>\n");
    let note = format!(
        "{yes} is called where its probability is at least the threshold. The last \
         column is the share of {no} that is called {yes}, the false positive rate. A threshold that was chosen on these rows \
         does a little less well on others."
    );
    table::close(&note, html);
    Ok(())
}

fn row(at: &Threshold, html: &mut String) -> fmt::Result {
    let class = if at.own { " class=\"chosen\"" } else { "" };
    let marks = match (at.own, at.best_f1) {
        (true, true) => "<small>the model\u{2019}s, highest F1</small>",
        (true, false) => "<small>the model\u{2019}s</small>",
        (false, true) => "<small>highest F1</small>",
        (false, false) => "",
    };
    let threshold = (at.threshold * 1e4).round() / 1e4;
    write!(
        html,
        "<tr{class}><th class=\"number\">{threshold}{marks}</th><td class=\"number\">{}</td>",
        thousands(at.called())
    )?;
    let shares = [Metric::Precision, Metric::Recall, Metric::F1].map(|metric| at.share(metric));
    for share in shares.into_iter().chain([at.false_positives()]) {
        match share.is_finite() {
            true => write!(html, "<td class=\"number\">{share:.3}</td>")?,
            false => write!(html, "<td class=\"number\">{UNDEFINED}</td>")?,
        }
    }
    html.push_str("</tr>\n");
    Ok(())
}
