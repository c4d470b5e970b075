//! What a search tried.

use super::table;
use crate::evaluate::report::Trials;
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

/// Trials beyond these are counted; `trials.csv` has them all.
const TRIALS: usize = 100;

pub(super) fn write(trials: &Trials, html: &mut String) -> fmt::Result {
    table::open("Search", html);
    html.push_str("<th></th>");
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
    for (place, row) in trials.rows.iter().take(TRIALS).enumerate() {
        html.push_str(match place == trials.chosen {
            true => "<tr class=\"chosen\"><th>chosen</th>",
            false => "<tr><th></th>",
        });
        for (cell, class) in row.iter().zip(&classes) {
            write!(html, "<td{class}>{}</td>", Escaped(cell))?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n");
    let rest = trials.rows.len().saturating_sub(TRIALS);
    let more = if rest > 0 {
        format!(" {} more are not shown.", thousands(rest))
    } else {
        String::new()
    };
    let note = format!("{} trials, the best first.{more}", thousands(trials.rows.len()));
    table::close(&note, html);
    Ok(())
}
