//! How well groups of rows are predicted.

use super::table::{self, UNDEFINED};
use crate::digits::significant;
use crate::evaluate::report::Report;
use crate::evaluate::slices::{Group, ROWS_MIN, Slices};
use crate::evaluate::{Metric, Task};
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let slices = &report.details.slices;
    if slices.is_empty() {
        return Ok(());
    }
    let candidate = &report.comparison.candidate;
    let metric = candidate.main().metric;
    let [actual, predicted] = match candidate.task {
        Task::Classification { .. } => {
            let yes = Escaped(report.no_and_yes()[1]);
            [format!("share of {yes}"), format!("mean probability of {yes}")]
        }
        Task::Regression => ["mean of what came true".into(), "mean prediction".into()],
        Task::Multiclass { .. } => Default::default(),
    };
    let name = super::metrics::title(report, metric);
    table::open("By group", html);
    writeln!(
        html,
        "<th>column</th><th>group</th>\
         <th class=\"number\">rows</th><th class=\"number\">{name}</th><th class=\"number\">95 % interval</th>\
         <th class=\"number\">{actual}</th><th class=\"number\">{predicted}</th><th></th></tr></thead>"
    )?;
    slices.iter().try_for_each(|slices| column(metric, slices, html))?;
    let all = candidate
        .main()
        .value
        .map_or("undefined".into(), |value| metric.show(value));
    let note = format!(
        "Of all rows: {all}. The largest groups of each column of categories, texts or booleans; \
         of fewer than {ROWS_MIN} rows there are no figures. <span class=\"warns\">Worse</span>: the whole interval is on the worse \
         side of the figure of all rows; of a hundred groups two or three are, by chance."
    );
    table::close(&note, html);
    Ok(())
}

fn column(metric: Metric, slices: &Slices, html: &mut String) -> fmt::Result {
    let rest = usize::from(slices.rest > 0);
    let mut head = format!(
        "<th rowspan=\"{}\">{}</th>",
        (slices.groups.len() + rest).max(1),
        Escaped(&slices.column)
    );
    html.push_str("<tbody>\n");
    for group in &slices.groups {
        html.push_str("<tr>");
        html.push_str(&std::mem::take(&mut head));
        self::group(metric, group, html)?;
        html.push_str("</tr>\n");
    }
    if rest > 0 {
        let groups = match slices.rest {
            1 => "1 smaller group".into(),
            n => format!("{} smaller groups", thousands(n)),
        };
        writeln!(
            html,
            "<tr>{head}<td class=\"soft\">{groups}</td><td class=\"number\">{}</td><td></td><td></td><td></td><td></td><td></td></tr>",
            thousands(slices.rest_rows)
        )?;
    }
    html.push_str("</tbody>\n");
    Ok(())
}

fn group(metric: Metric, group: &Group, html: &mut String) -> fmt::Result {
    let value = group
        .value
        .map_or(UNDEFINED.into(), |value| thousands(metric.show(value)));
    let interval = table::interval(metric, group.interval);
    let mean = |mean: f64| thousands(significant(mean, 4));
    let (actual, predicted) = group.means.map_or_else(Default::default, |(a, p)| (mean(a), mean(p)));
    let mark = if group.worse {
        "<span class=\"warns\">worse</span>"
    } else {
        ""
    };
    write!(
        html,
        "<td>{}</td><td class=\"number\">{}</td><td class=\"number main\">{value}</td><td class=\"number\">{interval}</td>\
         <td class=\"number\">{actual}</td><td class=\"number\">{predicted}</td><td>{mark}</td>",
        Escaped(&group.name),
        thousands(group.rows)
    )
}
