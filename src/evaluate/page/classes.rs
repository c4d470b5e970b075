//! Each of several classes, held against the rest.

use super::table::{self, UNDEFINED};
use crate::evaluate::report::Report;
use crate::html::{Escaped, thousands};
use std::cmp::Reverse;
use std::fmt::{self, Write};

/// Those that came true most often are shown.
const CLASSES: usize = 100;

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let Some(by_class) = &report.comparison.candidate.by_class else {
        return Ok(());
    };
    table::open("Classes", html);
    html.push_str(
        "<th></th><th class=\"number\">precision</th>\
         <th class=\"number\">recall</th><th class=\"number\">F1</th><th class=\"number\">ROC AUC</th>\
         <th class=\"number\">rows</th></tr></thead>\n<tbody>\n",
    );
    let mut classes: Vec<_> = report.classes.iter().zip(&by_class.per_class).collect();
    let all = classes.len();
    if all > CLASSES {
        classes.sort_by_key(|(_, of)| Reverse(of.support));
        classes.truncate(CLASSES);
    }
    for (name, of) in classes {
        write!(html, "<tr><th>{}</th>", Escaped(name))?;
        for figure in [of.precision, of.recall, of.f1, of.roc_auc] {
            let figure = figure.map_or(UNDEFINED.into(), |x| format!("{x:.4}"));
            write!(html, "<td class=\"number\">{figure}</td>")?;
        }
        writeln!(html, "<td class=\"number\">{}</td></tr>", thousands(of.support))?;
    }
    let more = match all.saturating_sub(CLASSES) {
        0 => String::new(),
        n => format!(
            " {} that came true less often are not shown; evaluation.json has them.",
            thousands(n)
        ),
    };
    html.push_str("</tbody>\n");
    table::close(&format!("Each against the rest.{more}"), html);
    Ok(())
}
