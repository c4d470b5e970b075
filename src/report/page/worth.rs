//! What the model is worth, and how groups fare, by what came true.

use super::pictures;
use super::sections::{DASH, number, shortened};
use crate::digits::count;
use crate::html::{Escaped, thousands};
use crate::monitor::Check;
use crate::report::text::metric_name;
use crate::report::{Labelled, Report, Worth};
use std::fmt::{self, Write};

/// Columns of groups.
const COLUMNS: usize = 12;

pub fn performance(report: &Report, html: &mut String) -> fmt::Result {
    html.push_str("<section>\n<h2>What the model is worth</h2>\n");
    let known = &report.performance;
    let estimated = known.iter().any(|worth| worth.estimated.is_some());
    let labelled = known.iter().map(|worth| worth.labelled_rows).max().unwrap_or(0);
    if !known.is_empty() {
        html.push_str(
            "<div class=\"scroll\"><table>\n<thead><tr><th></th><th class=\"number\">to be expected now</th><th class=\"number\">usual</th>\
             <th class=\"number\">measured by labels</th><th class=\"number\">when registered</th></tr></thead>\n<tbody>\n",
        );
        known.iter().try_for_each(|worth| metric(worth, html))?;
        html.push_str("</tbody>\n</table></div>\n");
    }
    let expected = match estimated {
        true => {
            "To be expected: without labels, from the probabilities and how well they were calibrated (CBPE), below it 3 sampling errors \
             either way; it sees what other inputs do to the model, not that the world answers otherwise than it did. Usual: 3 standard \
             deviations of parts of the baseline."
        }
        false => {
            "What is to be expected without labels can't be told: that takes a probability for each class, and a baseline with the \
             truth (--target)."
        }
    };
    let measured = match labelled {
        0 => "No labels came in this period.".into(),
        rows => {
            let rows = count(rows, "row");
            format!("Measured: of {rows} whose label is known, below it the 95 % interval.")
        }
    };
    writeln!(
        html,
        "<p class=\"note\">{} {}</p>",
        Escaped(expected),
        Escaped(&measured)
    )?;
    if report.windows.len() > 1 && (estimated || labelled > 0) {
        html.push_str(
            "<p class=\"note then-now\"><span class=\"legend\"><i class=\"first\"></i>to be expected</span>\
             <span class=\"legend\"><i class=\"second\"></i>measured</span><span class=\"legend\"><i class=\"limit\"></i>usual, at least and at most</span>\
             <span class=\"legend\"><i class=\"ideal\"></i>when registered</span></p>\n<div class=\"small\">\n",
        );
        let drawn = |worth: &&Worth| !worth.points.is_empty() || !worth.truths.is_empty();
        for worth in known.iter().filter(drawn) {
            write!(
                html,
                "<figure>\n<figcaption><b>{}</b></figcaption>\n{}</figure>\n",
                metric_name(worth.metric),
                pictures::expected(worth, &report.windows)
            )?;
        }
        html.push_str("</div>\n");
    }
    report
        .bias
        .iter()
        .take(COLUMNS)
        .try_for_each(|column| groups(column, html))?;
    let more = report.bias.len().saturating_sub(COLUMNS);
    if more > 0 {
        writeln!(
            html,
            "<p class=\"note\">{more} more columns of groups are not shown; --json has them all.</p>"
        )?;
    }
    html.push_str("</section>\n");
    Ok(())
}

/// The measures of groups by labels, in their order: name, and what it is a difference of.
const MEASURES: [(&str, &str); 5] = [
    ("dpl", "labels"),
    ("rd", "recall"),
    ("sd", "specificity"),
    ("ad", "accuracy"),
    ("dar", "precision"),
];

fn groups(column: &Labelled, html: &mut String) -> fmt::Result {
    writeln!(
        html,
        "<h3>{}: by what came true, {} being favourable</h3>",
        Escaped(&shortened(&column.column)),
        Escaped(&column.favourable)
    )?;
    if column.groups.is_empty() {
        return writeln!(
            html,
            "<p class=\"note\">Not measured: which row belongs to which group isn't known; <code>transform monitor labels</code> says why.</p>"
        );
    }
    html.push_str("<div class=\"scroll\"><table class=\"measures\">\n<thead><tr><th>group</th><th class=\"number\">labelled rows</th>");
    for (name, of) in MEASURES {
        write!(html, "<th class=\"number\">{of} ({})</th>", name.to_uppercase())?;
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for group in &column.groups {
        write!(
            html,
            "<tr><td>{}</td><td class=\"number\">{}</td>",
            Escaped(&shortened(&group.name)),
            thousands(group.rows)
        )?;
        for (name, _) in MEASURES {
            match group.checks.iter().find(|check| check.check == name) {
                Some(check) => measure(check, html)?,
                None => html.push_str("<td></td>"),
            }
        }
        html.push_str("</tr>\n");
    }
    html.push_str(
        "</tbody>\n</table></div>\n<p class=\"note\">Differences between the group and all others, of the share that came true as favourable, of \
         recalls, specificities, accuracies and precisions; below them the 95 % interval and the counts, the group's and the others'. A positive \
         one is to the group's disadvantage; outside where the whole interval is beyond 0.1 either way. A group that isn't measured is not \
         the same as a fair one.</p>\n",
    );
    Ok(())
}

fn measure(check: &Check, html: &mut String) -> fmt::Result {
    let why = check.why.as_deref().unwrap_or_default();
    let Some(value) = check.value else {
        let why = why.strip_prefix("not measured: ").unwrap_or(why);
        return write!(
            html,
            "<td class=\"number\">not measured<small>{}</small></td>",
            Escaped(why)
        );
    };
    let wrong = if check.over { " wrong" } else { "" };
    let interval = check.interval.map_or(String::new(), |(low, high)| {
        format!("<small>{} to {}</small>", number(Some(low)), number(Some(high)))
    });
    write!(
        html,
        "<td class=\"number main{wrong}\">{}{interval}<small>{}</small></td>",
        number(Some(value)),
        Escaped(why)
    )
}

fn metric(worth: &Worth, html: &mut String) -> fmt::Result {
    let range = |(low, high)| format!("{} to {}", number(Some(low)), number(Some(high)));
    let below = |ends: Option<(f64, f64)>| ends.map_or(String::new(), |ends| format!("<small>{}</small>", range(ends)));
    let wrong = |is: bool| if is { " wrong" } else { "" };
    writeln!(
        html,
        "<tr><th>{}</th><td class=\"number main{}\">{}{}</td><td class=\"number\">{}</td><td class=\"number main{}\">{}{}</td>\
         <td class=\"number\">{}</td></tr>",
        metric_name(worth.metric),
        wrong(worth.over),
        number(worth.estimated),
        below(worth.band),
        worth.usual.map_or(DASH.into(), range),
        wrong(worth.worse),
        number(worth.measured),
        below(worth.interval),
        number(worth.approved)
    )
}
