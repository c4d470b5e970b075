//! `transform evaluate`: how well a registered version predicts fresh labelled rows.

use super::{count, now, print_json, print_line, print_table, read_rows};
use crate::config::Config;
use crate::error::{Result, exit};
use crate::evaluate::{Comparison, Evaluation, Interval, Metric, OneClass};
use crate::registry::Registry;
use crate::registry::evaluation::registered::{Csv, Labelled, Registered};
use crate::spool::durable;
use crate::train::dataset::EXAMPLES_MAX;
use serde_json::json;
use std::path::PathBuf;

pub struct Question {
    pub data: PathBuf,
    pub version: Option<u32>,
    pub target: Option<String>,
    pub target_file: Option<PathBuf>,
    pub threshold: Option<f64>,
    pub html: Option<PathBuf>,
    pub json: bool,
}

pub fn evaluate(config: &Config, question: &Question) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let version = Registered::open(&registry, question.version, question.threshold)?;
    let rows = read_rows(config, &question.data, EXAMPLES_MAX)?;
    let labels = match &question.target_file {
        Some(path) => Some((path, read_rows(config, path, EXAMPLES_MAX)?)),
        None => None,
    };
    let spelling = &config.shape.spelling;
    let labelled = Labelled {
        rows: Csv {
            path: &question.data,
            table: rows.table(spelling),
        },
        labels: labels.as_ref().map(|(path, rows)| Csv {
            path,
            table: rows.table(spelling),
        }),
        target: question.target.as_deref(),
        details: question.html.is_some() || question.json,
    };
    let evaluated = version.evaluate(&labelled, &now())?;
    if let Some(path) = &question.html {
        durable::hand_out(path, evaluated.page.as_bytes())?;
    }
    if question.json {
        let mut json = evaluated.comparison.json();
        let main = evaluated.comparison.candidate.main().metric;
        evaluated.details.add_to(main, &mut json);
        json["model"] = evaluated.name.into();
        json["unknown"] = json!(evaluated.unknown);
        json["warnings"] = evaluated.warnings.into();
        print_json(&json);
        return Ok(exit::CONVERGED);
    }
    let rows = count(evaluated.rows as u64, "row");
    print_line(format!("evaluated {} on {rows}", evaluated.name));
    figures(&evaluated.comparison);
    for warning in &evaluated.warnings {
        print_line(format!("warning: {warning}"));
    }
    if let Some(path) = &question.html {
        print_line(format!("look at {}", path.display()));
    }
    Ok(exit::CONVERGED)
}

/// So many classes are printed.
const CLASSES: usize = 50;

/// Prints the metrics with their intervals, beside the baseline's and the approved version's; then each of several classes.
pub fn figures(comparison: &Comparison) {
    let mut rows = vec![vec!["".into(), "VALUE".into(), "95 %".into(), "BASELINE".into()]];
    if let Some(approved) = &comparison.approved {
        rows[0].extend([approved.version.clone(), "DIFFERENCE".into(), "95 %".into()]);
    }
    for score in &comparison.candidate.scores {
        let metric = score.metric;
        let show = |value: Option<f64>| value.map_or("undefined".into(), |value| metric.show(value));
        let of = |evaluation: &Evaluation| show(evaluation.metric(metric.name()));
        let interval = |of: Option<Interval>| {
            of.map_or(String::new(), |i| {
                format!("{} to {}", metric.show(i.lower), metric.show(i.upper))
            })
        };
        let mut row = vec![
            metric.name().into(),
            show(score.value),
            interval(score.interval),
            of(&comparison.baseline.evaluation),
        ];
        if let Some(approved) = &comparison.approved {
            let difference = approved.difference(metric);
            row.extend([
                of(&approved.evaluation),
                show(difference.and_then(|score| score.value)),
                interval(difference.and_then(|score| score.interval)),
            ]);
        }
        rows.push(row);
    }
    print_table(&rows);
    if let Some(by_class) = &comparison.candidate.by_class {
        classes(&comparison.classes, &by_class.per_class);
    }
}

fn classes(names: &[String], figures: &[OneClass]) {
    print_line("");
    let header = ["CLASS", "PRECISION", "RECALL", "F1", "ROC AUC", "ROWS"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for (name, of) in names.iter().zip(figures).take(CLASSES) {
        let show = |value: Option<f64>| value.map_or("undefined".into(), |value| Metric::F1.show(value));
        rows.push(vec![
            name.clone(),
            show(of.precision),
            show(of.recall),
            show(of.f1),
            show(of.roc_auc),
            of.support.to_string(),
        ]);
    }
    print_table(&rows);
    if let Some(more @ 1..) = names.len().checked_sub(CLASSES) {
        print_line(format!("and {more} classes more: --json has all"));
    }
}
