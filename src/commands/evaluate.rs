//! `transform evaluate`: how well a registered version predicts fresh labelled rows.

use super::{count, now, say, say_json, say_table, with_group, write_page};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::evaluate::page::page;
use crate::evaluate::scoring::{Target, predictions};
use crate::evaluate::{Comparison, Evaluation, Examples, Score, Story, Task};
use crate::registry::{Attachment, Registry, read_source};
use crate::train::dataset::EXAMPLES_MAX;
use crate::transform::columns::{self, Cells, Kind, Wanted};
use crate::transform::problem::Problem;
use crate::transform::records;
use std::path::{Path, PathBuf};

/// Of the intervals' resamples: the same figures each time.
const SEED: u64 = 0;
const THRESHOLD: f64 = 0.5;

pub struct Question {
    pub data: PathBuf,
    pub version: Option<u32>,
    pub target: Option<String>,
    pub target_file: Option<PathBuf>,
    pub threshold: Option<f64>,
    pub group: Option<String>,
    pub html: Option<PathBuf>,
    pub json: bool,
}

pub fn evaluate(config: Config, question: &Question) -> Result<u8> {
    let config = with_group(config, question.group.clone())?;
    let registry = Registry::new(&config.models.path, &config.models.group);
    let version = match question.version {
        Some(version) => version,
        None => registry.latest_approved()?.version,
    };
    let name = format!("{}/{version}", registry.group());
    registry.show(version)?;
    let model = registry.prove(version)?.model;
    let threshold = question.threshold.or(model.threshold()).unwrap_or(THRESHOLD);
    if !(0.0..=1.0).contains(&threshold) {
        return Err(Error::config(
            "--threshold",
            format!("{threshold} is not between 0 and 1"),
        ));
    }
    let target = Target::of(&model, threshold).map_err(|why| Error::config(&name, why))?;
    let delimiter = config.shape.delimiter;
    let csv = read(&question.data)?;
    let (target_name, actual) = labels(&registry, version, question, &csv, delimiter, &target)?;
    let data = |message: String| Error::config(&question.data, message);
    let predicted = predictions(&model, &target, &csv, delimiter).map_err(data)?;
    if predicted.len() != actual.len() {
        return Err(data(format!(
            "it has {} rows, but there are {} targets",
            predicted.len(),
            actual.len()
        )));
    }
    let good: Vec<usize> = (0..actual.len()).filter(|&row| predicted[row].is_some()).collect();
    if good.is_empty() {
        return Err(data("the model can't score any of its rows".into()));
    }
    let mut warnings = Vec::new();
    if good.len() < actual.len() {
        let bad = (actual.len() - good.len()) as u64;
        warnings.push(format!("{} left out: the model can't score them", count(bad, "row")));
    }
    let actual: Vec<f64> = good.iter().map(|&row| actual[row]).collect();
    let own: Vec<f64> = good.iter().filter_map(|&row| predicted[row]).collect();
    let approved = match registry.latest_approved() {
        Err(Error::NoModel { .. }) => Approved::Nothing,
        Err(damaged) => return Err(damaged),
        Ok(identity) if identity.version == version => Approved::Nothing,
        Ok(_) => {
            let rows = records::pick(&csv, delimiter, &good);
            Approved::find(&registry, &rows, delimiter, target.task, target.classes.as_ref())?
        }
    };
    if let Approved::Incomparable(why) = &approved {
        warnings.push(why.clone());
    }
    let examples = Examples {
        actual: &actual,
        predicted: &own,
    };
    let (baseline, baseline_of) = match baseline(&registry, version)? {
        Some(baseline) => (baseline, "the training target"),
        None => (
            actual.iter().sum::<f64>() / actual.len() as f64,
            "the target of these rows",
        ),
    };
    let comparison = Comparison::of(target.task, &examples, baseline, approved.predictions(), SEED);
    let coefficients = model.coefficients().unwrap_or_default();
    let terms: Vec<(String, f64)> = coefficients
        .into_iter()
        .filter(|(name, _)| name != "(intercept)")
        .collect();
    let html = page(&Story {
        title: &name,
        facts: &facts(&[
            ("evaluated", &now()),
            ("data", &question.data.display().to_string()),
            ("rows", &good.len().to_string()),
        ]),
        target: &target_name,
        unit: None,
        classes: target.classes.as_ref().map(|[no, yes]| [no.as_str(), yes.as_str()]),
        comparison: &comparison,
        baseline_of,
        examples,
        verdicts: &[],
        warnings: &warnings,
        coefficients: &terms,
        loss: &[],
        trials: None,
    });
    if let Some(path) = &question.html {
        write_page(path, &html)?;
    }
    if question.json {
        let mut json = comparison.json();
        json["model"] = name.into();
        json["warnings"] = warnings.into();
        say_json(&json);
        return Ok(exit::CONVERGED);
    }
    say(format!("evaluated {name} on {}", count(good.len() as u64, "row")));
    figures(&comparison);
    warnings.iter().for_each(|warning| say(format!("warning: {warning}")));
    if let Some(path) = &question.html {
        say(format!("look at {}", path.display()));
    }
    Ok(exit::CONVERGED)
}

/// What the version that is approved now says of some rows.
pub enum Approved {
    /// No version is approved.
    Nothing,
    Version {
        name: String,
        task: Task,
        predicted: Vec<f64>,
    },
    /// Why it can't be compared.
    Incomparable(String),
}

impl Approved {
    /// Scores all rows of a CSV by the approved version. `task` and `classes`: what its predictions are held against.
    ///
    /// # Errors
    /// If the approved version is damaged.
    pub fn find(
        registry: &Registry,
        csv: &[u8],
        delimiter: u8,
        task: Task,
        classes: Option<&[String; 2]>,
    ) -> Result<Approved> {
        let identity = match registry.latest_approved() {
            Err(Error::NoModel { .. }) => return Ok(Approved::Nothing),
            found => found?,
        };
        let not = |what: String| {
            let why = format!("the approved version {identity} can't be compared: {what}");
            Ok(Approved::Incomparable(why))
        };
        let model = registry.prove(identity.version)?.model;
        let target = match Target::of(&model, model.threshold().unwrap_or(THRESHOLD)) {
            Ok(target) => target,
            Err(why) => return not(why),
        };
        let theirs = target.classes.as_ref();
        let turned = theirs
            .zip(classes)
            .is_some_and(|([a, b], [no, yes])| (a, b) == (yes, no));
        let both_numbers = matches!((task, target.task), (Task::Regression, Task::Regression));
        if !(both_numbers || turned || theirs.is_some() && theirs == classes) {
            return not("it predicts something else".into());
        }
        let predicted = match predictions(&model, &target, csv, delimiter) {
            Ok(predicted) => predicted,
            Err(why) => return not(why),
        };
        let rows = predicted.len();
        let mut predicted: Vec<f64> = predicted.into_iter().flatten().collect();
        if predicted.len() < rows {
            return not(format!("it can't score {} of the {rows} rows", rows - predicted.len()));
        }
        let mut task = target.task;
        if let (true, Task::Classification { threshold }) = (turned, &mut task) {
            *threshold = 1.0 - *threshold;
            predicted.iter_mut().for_each(|p| *p = 1.0 - *p);
        }
        Ok(Approved::Version {
            name: identity.to_string(),
            task,
            predicted,
        })
    }

    /// For `Comparison::of`.
    pub fn predictions(&self) -> Option<(&str, Task, &[f64])> {
        match self {
            Approved::Version { name, task, predicted } => Some((name, *task, predicted)),
            Approved::Nothing | Approved::Incomparable(_) => None,
        }
    }
}

/// The target's name and its values: numbers, or 1 for yes and 0 for no.
fn labels(
    registry: &Registry,
    version: u32,
    question: &Question,
    csv: &[u8],
    delimiter: u8,
    target: &Target,
) -> Result<(String, Vec<f64>)> {
    let (path, own);
    let bytes = match &question.target_file {
        Some(file) => {
            own = read(file)?;
            path = file;
            &own[..]
        }
        None => {
            path = &question.data;
            csv
        }
    };
    let faulty = |problem: Problem| Error::config(path, format!("{problem}; {}", problem.hint));
    let names = columns::names(bytes, delimiter).map_err(faulty)?;
    let trained_on = || -> Result<Option<String>> {
        let pipeline = registry.attachment(version, Attachment::Pipeline)?;
        let text = pipeline.and_then(|bytes| String::from_utf8(bytes).ok());
        let keys: Option<toml::Table> = text.and_then(|text| toml::from_str(&text).ok());
        let target = keys.as_ref().and_then(|keys| keys.get("data")?.get("target")?.as_str());
        Ok(target.map(String::from))
    };
    let name = match (&question.target, &names[..]) {
        (Some(name), _) => name.clone(),
        (None, [one]) if question.target_file.is_some() => one.clone(),
        _ => trained_on()?
            .ok_or_else(|| Error::config(path, "which column is the target can't be told; say it with --target"))?,
    };
    if !names.contains(&name) {
        return Err(faulty(columns::no_such_column(&name, &names, "is the target")));
    }
    let wanted = Wanted {
        name: name.clone(),
        kind: if target.classes.is_some() {
            Kind::Texts
        } else {
            Kind::Numbers
        },
        optional: false,
    };
    let mut read = columns::read(bytes, delimiter, &[wanted]).map_err(faulty)?;
    let actual = match read.pop().map(|read| read.cells) {
        Some(Cells::Numbers(numbers)) => numbers,
        Some(Cells::Texts(texts)) => {
            let texts: Vec<String> = texts.into_iter().flatten().collect();
            target.actual(&texts).map_err(|why| Error::config(path, why))?
        }
        None => Vec::new(),
    };
    if let Some(row) = actual.iter().position(|y| y.is_infinite()) {
        let message = format!(
            "the target {name:?} is infinite in row {} (without the header)",
            row + 1
        );
        return Err(Error::config(path, message));
    }
    match actual.is_empty() {
        true => Err(Error::config(path, "it has no rows below the header")),
        false => Ok((name, actual)),
    }
}

/// What the baseline of the version's training predicted.
fn baseline(registry: &Registry, version: u32) -> Result<Option<f64>> {
    let evaluation = registry.attachment(version, Attachment::Evaluation)?;
    let json = evaluation.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    Ok(json.and_then(|json| json["baseline"]["prediction"].as_f64()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    read_source(path, EXAMPLES_MAX).map_err(Error::of_a_persons_file)
}

/// Names and values for a page; without those that are empty.
pub fn facts(facts: &[(&str, &str)]) -> Vec<(String, String)> {
    let present = facts.iter().filter(|(_, value)| !value.is_empty());
    present
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// Prints the metrics with their intervals, beside the baseline's and the approved version's.
pub fn figures(comparison: &Comparison) {
    let mut rows = vec![vec!["".into(), "VALUE".into(), "95 %".into(), "BASELINE".into()]];
    if let Some(approved) = &comparison.approved {
        rows[0].push(approved.version.clone());
    }
    for score in &comparison.candidate.scores {
        let Score { metric, interval, .. } = *score;
        let show = |value: Option<f64>| value.map_or("undefined".into(), |value| metric.show(value));
        let of = |evaluation: &Evaluation| show(evaluation.metric(metric.name()));
        let interval = interval.map_or(String::new(), |i| {
            format!("{} to {}", metric.show(i.lower), metric.show(i.upper))
        });
        let mut row = vec![
            metric.name().into(),
            show(score.value),
            interval,
            of(&comparison.baseline.evaluation),
        ];
        row.extend(comparison.approved.as_ref().map(|approved| of(&approved.evaluation)));
        rows.push(row);
    }
    say_table(&rows);
}
