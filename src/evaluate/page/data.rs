//! What the data looks like.

use super::table;
use crate::digits::short;
use crate::evaluate::data::{Cells, Column, Range, Values};
use crate::evaluate::report::Report;
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

/// Columns beyond these are counted.
const COLUMNS: usize = 100;
/// The most frequent categories of a column.
const CATEGORIES: usize = 6;

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let columns = &report.details.columns;
    if columns.is_empty() {
        return Ok(());
    }
    let trained = columns.iter().any(|column| column.trained.is_some());
    table::open("Data", html);
    html.push_str("<th>column</th>");
    if trained {
        html.push_str("<th class=\"number\">missing, training rows</th><th>values</th>");
    }
    html.push_str("<th class=\"number\">missing, these rows</th><th>values</th>");
    html.push_str(if trained {
        "<th></th></tr></thead>\n<tbody>\n"
    } else {
        "</tr></thead>\n<tbody>\n"
    });
    // Those that differ first.
    let (differ, others): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(|column| !column.differs.is_empty());
    let shown = differ.iter().chain(&others).take(COLUMNS);
    shown.clone().try_for_each(|column| row(column, trained, html))?;
    let rest = columns.len() - shown.count();
    let rest = match rest {
        0 => String::new(),
        n => format!(" {} more columns are not shown.", thousands(n)),
    };
    let note = match (trained, &report.details.trained_on) {
        (true, Some(rows)) => format!(
            "Training rows: {}. These rows: those that the model is evaluated on. Marked: what differs from the training rows by more \
             than chance explains, by the bars of <code>transform monitor</code>.",
            Escaped(rows)
        ),
        _ => "These rows: those that the model is evaluated on. What it was trained on isn\u{2019}t known.".into(),
    };
    html.push_str("</tbody>\n");
    table::close(&format!("{note}{rest}"), html);
    Ok(())
}

fn row(column: &Column, trained: bool, html: &mut String) -> fmt::Result {
    write!(
        html,
        "<tr><th>{}<small>{}</small></th>",
        Escaped(&column.name),
        Escaped(&column.kind)
    )?;
    let sides = trained.then_some(&column.trained).into_iter().map(Option::as_ref);
    for cells in sides.chain([Some(&column.evaluated)]) {
        match cells {
            Some(cells) => self::cells(cells, html)?,
            None => html.push_str("<td class=\"number\">\u{2013}</td><td>\u{2013}</td>"),
        }
    }
    if trained {
        html.push_str("<td>");
        for differs in &column.differs {
            write!(html, "<span class=\"warns block\">{}</span>", Escaped(differs))?;
        }
        html.push_str("</td>");
    }
    html.push_str("</tr>\n");
    Ok(())
}

fn cells(cells: &Cells, html: &mut String) -> fmt::Result {
    write!(
        html,
        "<td class=\"number\">{}</td><td class=\"values\">",
        percent(cells.missing, cells.count)
    )?;
    match &cells.values {
        Values::Numbers(None) => html.push('\u{2013}'),
        Values::Numbers(Some(Range { lowest, mean, highest })) => {
            let [lowest, mean, highest] = [lowest, mean, highest].map(|x| thousands(short(*x, 4)));
            write!(html, "{lowest} to {highest}<small>mean {mean}</small>")?;
        }
        Values::Categories(categories, other) => {
            let of = categories.iter().map(|category| category.1).sum::<u64>() + other;
            for (category, count) in categories.iter().take(CATEGORIES) {
                let share = percent(*count, of);
                write!(
                    html,
                    "<span class=\"share\">{} <i>{share}</i></span> ",
                    Escaped(category)
                )?;
            }
            let rest = categories.get(CATEGORIES..).unwrap_or_default();
            let rest = rest.iter().map(|category| category.1).sum::<u64>() + other;
            if rest > 0 {
                write!(
                    html,
                    "<span class=\"share soft\">others <i>{}</i></span>",
                    percent(rest, of)
                )?;
            }
        }
    }
    html.push_str("</td>");
    Ok(())
}

/// `< 0.1 %` where it would be rounded to nothing.
fn percent(some: u64, all: u64) -> String {
    let share = 100.0 * some as f64 / all.max(1) as f64;
    match some {
        0 => "0 %".into(),
        _ if share < 0.1 => "&lt; 0.1 %".into(),
        _ => format!("{share:.1} %"),
    }
}
