//! `evaluation.html`: one page that opens from disk, with no network and no script, on screen and on paper.

use super::charts::figures;
use super::report::{Figure, Report, Trials};
use super::{Comparison, Confusion, Evaluation, Examples, Interval, Metric, Score, Task, bootstrap};
use crate::digits::significant;
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
    metrics(report, html)?;
    confusion(report, html)?;
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

fn metrics(report: &Report, html: &mut String) -> fmt::Result {
    let Comparison {
        candidate,
        baseline,
        approved,
    } = report.comparison;
    let task = candidate.task;
    html.push_str("<section>\n<h2>Metrics</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th></th>");
    html.push_str(
        "<th class=\"number\">this model</th><th class=\"number\">95 % interval</th><th class=\"number\">baseline</th>",
    );
    match approved {
        Some(approved) => write!(
            html,
            "<th class=\"number\">{}, approved</th>",
            Escaped(&approved.version)
        )?,
        None => html.push_str("<th class=\"number\">approved</th>"),
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for score in &candidate.scores {
        let metric = score.metric;
        let better = if metric.larger_is_better() {
            "higher is better"
        } else {
            "lower is better"
        };
        write!(
            html,
            "<tr><th>{}<small>{better}</small></th><td class=\"number main\">{}</td><td class=\"number\">{}</td>",
            title(report, metric),
            value(score),
            interval(score)
        )?;
        beside(Some(&baseline.evaluation), metric, html)?;
        beside(approved.as_ref().map(|approved| &approved.evaluation), metric, html)?;
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    writeln!(
        html,
        "<p class=\"note\">{}</p>\n</section>",
        Escaped(&basis(report, task))
    )
}

/// How the table came about.
fn basis(report: &Report, task: Task) -> String {
    let Comparison {
        candidate,
        baseline,
        approved,
    } = report.comparison;
    let rows = if candidate.rows == 1 {
        "1 row".into()
    } else {
        format!("{} rows", thousands(candidate.rows))
    };
    let resamples = thousands(bootstrap::resamples(candidate.rows));
    let of = report.baseline_of;
    let constant = match task {
        Task::Regression => format!("the mean of {of}"),
        Task::Classification { .. } => format!("the share of {} in {of}", report.classes()[1]),
    };
    let constant = format!("always {}, {constant}", thousands(significant(baseline.prediction, 4)));
    let none = if approved.is_some() {
        ""
    } else {
        " No version is approved to compare with."
    };
    let Examples { actual, predicted } = report.examples;
    let infinite = actual
        .iter()
        .zip(predicted)
        .filter(|pair| !pair.0.is_finite() || !pair.1.is_finite())
        .count();
    let infinite = match infinite {
        0 => String::new(),
        n => format!(
            " Without a finite number: {} rows, so no metric is defined. Plots leave them out.",
            thousands(n)
        ),
    };
    let holes = candidate.scores.iter().any(|score| score.value.is_none());
    let dashes = if holes { " A dash: undefined on these rows." } else { "" };
    format!(
        "On {rows}. Intervals: percentile bootstrap, {resamples} resamples. Baseline: {constant}.{none}{infinite}{dashes}"
    )
}

fn title(report: &Report, metric: Metric) -> String {
    let name = match metric {
        Metric::R2 => "R\u{b2}",
        Metric::Mse => "MSE",
        Metric::Rmse => "RMSE",
        Metric::Mae => "MAE",
        Metric::LogLoss => "log loss",
        Metric::RocAuc => "ROC AUC",
        Metric::F1 => "F1",
        Metric::Precision | Metric::Recall | Metric::Accuracy | Metric::Specificity => metric.name(),
    };
    match (metric, report.unit) {
        (Metric::Mse, Some(unit)) => format!("{name} ({}\u{b2})", Escaped(unit)),
        (Metric::Rmse | Metric::Mae, Some(unit)) => format!("{name} ({})", Escaped(unit)),
        _ => name.into(),
    }
}

fn value(score: &Score) -> String {
    score
        .value
        .map_or("\u{2013}".into(), |value| thousands(score.metric.show(value)))
}

fn interval(score: &Score) -> String {
    score.interval.map_or("\u{2013}".into(), |Interval { lower, upper }| {
        let show = |end| thousands(score.metric.show(end));
        format!("{} to {}", show(lower), show(upper))
    })
}

/// A cell of a model to compare with.
fn beside(evaluation: Option<&Evaluation>, metric: Metric, html: &mut String) -> fmt::Result {
    match evaluation.and_then(|evaluation| evaluation.score(metric)) {
        Some(score) if score.interval.is_some() => {
            write!(
                html,
                "<td class=\"number\">{}<small>{}</small></td>",
                value(score),
                interval(score)
            )
        }
        Some(score) => write!(html, "<td class=\"number\">{}</td>", value(score)),
        None => write!(html, "<td class=\"number\">\u{2013}</td>"),
    }
}

fn confusion(report: &Report, html: &mut String) -> fmt::Result {
    let candidate = &report.comparison.candidate;
    let (Task::Classification { threshold }, Some(counts)) = (candidate.task, candidate.confusion) else {
        return Ok(());
    };
    let [no, yes] = report.classes().map(Escaped);
    let Confusion {
        true_yes,
        false_yes,
        true_no,
        false_no,
    } = counts;
    let share = |count: u64, all: u64| {
        let percent = 100.0 * count as f64 / all.max(1) as f64;
        format!("{}<small>{percent:.1} %</small>", thousands(count))
    };
    let (all_yes, all_no) = (true_yes + false_no, true_no + false_yes);
    write!(
        html,
        "<section>\n<h2>Confusion</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th></th>\
         <th class=\"number\">called {yes}</th><th class=\"number\">called {no}</th><th class=\"number\">rows</th></tr></thead>\n\
         <tbody>\n<tr><th>{yes}</th><td class=\"number right\">{}</td><td class=\"number wrong\">{}</td>\
         <td class=\"number\">{}</td></tr>\n",
        share(true_yes, all_yes),
        share(false_no, all_yes),
        thousands(all_yes)
    )?;
    write!(
        html,
        "<tr><th>{no}</th><td class=\"number wrong\">{}</td><td class=\"number right\">{}</td>\
         <td class=\"number\">{}</td></tr>\n</tbody>\n</table></div>\n\
         <p class=\"note\">{yes} is called where its probability is at least {threshold}.</p>\n</section>\n",
        share(false_yes, all_no),
        share(true_no, all_no),
        thousands(all_no)
    )
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
