//! The table of metrics: this model beside the baseline and the approved version, and how it came about.

use super::table::{self, UNDEFINED};
use crate::digits::significant;
use crate::evaluate::report::Report;
use crate::evaluate::{Comparison, Evaluation, Examples, Metric, Score, Task, bootstrap};
use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

pub(super) fn write(report: &Report, html: &mut String) -> fmt::Result {
    let Comparison {
        candidate,
        baseline,
        approved,
        ..
    } = report.comparison;
    let task = candidate.task;
    table::open("Metrics", html);
    html.push_str(
        "<th></th><th class=\"number\">this model</th><th class=\"number\">95 % interval</th><th class=\"number\">baseline</th>",
    );
    match approved {
        Some(approved) => write!(
            html,
            "<th class=\"number\">{}, approved</th><th class=\"number\">difference</th>",
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
            table::interval(metric, score.interval)
        )?;
        beside(Some(&baseline.evaluation), metric, html)?;
        beside(approved.as_ref().map(|approved| &approved.evaluation), metric, html)?;
        if let Some(approved) = approved {
            cell(approved.difference(metric), html)?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n");
    table::close(&Escaped(&basis(report, task)).to_string(), html);
    Ok(())
}

/// How the table came about.
fn basis(report: &Report, task: Task) -> String {
    let Comparison {
        candidate,
        baseline,
        approved,
        ..
    } = report.comparison;
    let rows = if candidate.rows == 1 {
        "1 row".into()
    } else {
        format!("{} rows", thousands(candidate.rows))
    };
    let resamples = thousands(bootstrap::resamples(task, candidate.rows));
    let of = report.baseline_of;
    let constant = match task {
        Task::Regression => format!("the mean of {of}"),
        Task::Classification { .. } => format!("the share of {} in {of}", report.no_and_yes()[1]),
        Task::Multiclass { .. } => format!("the share of each class in {of}"),
    };
    let constant = match &baseline.prediction[..] {
        [one] => format!("always {}, {constant}", thousands(significant(*one, 4))),
        _ => format!("always {constant}"),
    };
    let none = if approved.is_some() {
        " Difference: this model less the approved one, on the same rows and the same resamples."
    } else {
        " No other version is approved to compare with."
    };
    let Examples { actual, predicted, .. } = report.examples;
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

pub(super) fn title(report: &Report, metric: Metric) -> String {
    let name = match metric {
        Metric::R2 => "R\u{b2}",
        Metric::Mse => "MSE",
        Metric::Rmse => "RMSE",
        Metric::Mae => "MAE",
        Metric::LogLoss => "log loss",
        Metric::RocAuc => "ROC AUC",
        Metric::F1 => "F1",
        Metric::F1Macro => "F1, macro",
        Metric::F1Weighted => "F1, weighted",
        Metric::PrecisionMacro => "precision, macro",
        Metric::PrecisionWeighted => "precision, weighted",
        Metric::RecallMacro => "recall, macro",
        Metric::RecallWeighted => "recall, weighted",
        Metric::RocAucOvr => "ROC AUC, one-vs-rest",
        Metric::RocAucOvrWeighted => "ROC AUC, one-vs-rest, weighted",
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
        .map_or(UNDEFINED.into(), |value| thousands(score.metric.show(value)))
}

/// A cell of a model to compare with.
fn beside(evaluation: Option<&Evaluation>, metric: Metric, html: &mut String) -> fmt::Result {
    cell(evaluation.and_then(|evaluation| evaluation.score(metric)), html)
}

fn cell(score: Option<&Score>, html: &mut String) -> fmt::Result {
    match score {
        Some(score) if score.interval.is_some() => {
            write!(
                html,
                "<td class=\"number\">{}<small>{}</small></td>",
                value(score),
                table::interval(score.metric, score.interval)
            )
        }
        Some(score) => write!(html, "<td class=\"number\">{}</td>", value(score)),
        None => write!(html, "<td class=\"number\">{UNDEFINED}</td>"),
    }
}
