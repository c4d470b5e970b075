//! How well a registered version predicts fresh labelled rows.

use super::approved::{self, THRESHOLD};
use super::details::Subject;
use crate::digits::count;
use crate::error::{Error, Result};
use crate::evaluate::details::Details;
use crate::evaluate::page::page;
use crate::evaluate::report::{Report, facts};
use crate::evaluate::scoring::{Target, predictions};
use crate::evaluate::{Baseline, Comparison, Examples, SEED, Task};
use crate::format::csv::columns::{self, Cells, ReadAs, Wanted};
use crate::format::csv::table::Table;
use crate::model::{Format, Gain, Model};
use crate::problem::Problem;
use crate::registry::{Attachment, Decision, Registry, Status, Version};
use crate::score::unknown::{UnknownCounts, shown};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A version that is to be evaluated: proven.
pub struct Registered<'a> {
    registry: &'a Registry,
    /// `group/version`
    name: String,
    version: u32,
    /// Its manifest and decisions.
    shown: Version,
    model: Arc<Model>,
    target: Target,
}

/// Rows with a header, and their labels.
pub struct Labelled<'a> {
    pub rows: Csv<'a>,
    /// Where the target is, if not beside the rows.
    pub labels: Option<Csv<'a>>,
    /// The target's column; without it, the one that the version was trained on.
    pub target: Option<&'a str>,
    /// Whether importance and slices are wanted, which take some seconds.
    pub details: bool,
}

pub struct Csv<'a> {
    /// For errors.
    pub path: &'a Path,
    pub table: Table<'a>,
}

/// What came of it.
pub struct Evaluated {
    /// `group/version`
    pub name: String,
    /// Those that the model can score.
    pub rows: usize,
    pub comparison: Comparison,
    /// Categories that the model doesn't know; in words among the warnings.
    pub unknown: UnknownCounts,
    pub warnings: Vec<String>,
    pub details: Details,
    /// A page that shows it.
    pub page: String,
}

impl<'a> Registered<'a> {
    /// `version`: without it, the latest approved one. `threshold`: of a classification, without it the model's own.
    ///
    /// # Errors
    /// If there is no such version, if it is damaged, or predicts what can't be evaluated.
    pub fn open(registry: &'a Registry, version: Option<u32>, threshold: Option<f64>) -> Result<Registered<'a>> {
        let version = match version {
            Some(version) => version,
            None => registry.latest_approved()?.version,
        };
        let name = format!("{}/{version}", registry.group());
        let shown = registry.show(version)?;
        let model = registry.prove(version)?.model;
        let given = threshold.is_some();
        let threshold = threshold.or(model.threshold()).unwrap_or(THRESHOLD);
        if !(0.0..=1.0).contains(&threshold) {
            return Err(Error::config(
                "--threshold",
                format!("{threshold} is not between 0 and 1"),
            ));
        }
        let target = Target::of(&model, threshold).map_err(|why| Error::config(&name, why))?;
        if given && !matches!(target.task, Task::Classification { .. }) {
            return Err(Error::config(
                "--threshold",
                "it is for two classes with probabilities, and this version gives something else; leave it out",
            ));
        }
        Ok(Registered {
            registry,
            name,
            version,
            shown,
            model,
            target,
        })
    }

    /// `at`: when, RFC 3339.
    ///
    /// # Errors
    /// If the rows or their labels can't be read, if no row can be scored, or if the approved version is damaged.
    pub fn evaluate(self, labelled: &Labelled, at: &str) -> Result<Evaluated> {
        let rows = &labelled.rows;
        let (target_name, actual) = self.labels(labelled)?;
        let wrong = |message: String| Error::config(rows.path, message);
        let scored = predictions(&self.model, &self.target, &rows.table).map_err(wrong)?;
        let reasons = scored.reasons();
        if scored.predicted.len() != actual.len() {
            return Err(wrong(format!(
                "it has {} rows, but there are {} targets",
                scored.predicted.len(),
                actual.len()
            )));
        }
        let good = scored.good();
        if good.is_empty() {
            return Err(wrong(format!("the model can't score any of its rows: {reasons}")));
        }
        let mut warnings = Vec::new();
        if good.len() < actual.len() {
            let bad = (actual.len() - good.len()) as u64;
            let rows = count(bad, "row");
            warnings.push(format!("{rows} left out, which the model can't score: {reasons}"));
        }
        if !scored.unknown.is_empty() {
            warnings.push(format!("unknown categories: {}", shown(&scored.unknown)));
        }
        let actual: Vec<f64> = good.iter().map(|&row| actual[row]).collect();
        let own = scored.of(&good).unwrap_or_default();
        let approved = self.approved(&rows.table, &good)?;
        if let approved::Predictions::Incomparable(why) = &approved {
            warnings.push(why.clone());
        }
        let examples = own.beside(&actual);
        let task = self.target.task;
        let own_baseline = Baseline::of(task, &actual);
        let (baseline, baseline_of) = match self.baseline()? {
            Some(baseline) if baseline.len() == own_baseline.len() => (baseline, "the training target"),
            _ => (own_baseline, "the target of these rows"),
        };
        let classes: Vec<&str> = self.target.classes.iter().flatten().map(String::as_str).collect();
        let comparison = Comparison::of(task, &examples, &baseline, approved.comparable(), &classes, SEED);
        let details = match labelled.details {
            true => self.details(
                labelled,
                &good,
                scored.predicted.len(),
                examples,
                &comparison,
                &target_name,
            )?,
            false => Details::default(),
        };
        let coefficients = self.model.coefficients().unwrap_or_default();
        let terms: Vec<(String, f64)> = coefficients
            .into_iter()
            .filter(|(name, _)| !name.ends_with("(intercept)"))
            .collect();
        let page = page(&Report {
            title: &self.name,
            facts: &facts(&[
                ("evaluated", at),
                ("data", &rows.path.display().to_string()),
                ("rows", &good.len().to_string()),
                ("gate", self.gate()?),
                ("status", &self.status()),
                ("artifact, SHA-256", &self.shown.manifest.sha256),
                ("program", &format!("transform {}", crate::release::BUILD)),
            ]),
            target: &target_name,
            unit: None,
            classes: &classes,
            comparison: &comparison,
            baseline_of,
            examples,
            checks: &[],
            warnings: &warnings,
            coefficients: &terms,
            loss: &[],
            trials: None,
            details: &details,
        });
        Ok(Evaluated {
            name: self.name,
            rows: good.len(),
            comparison,
            unknown: scored.unknown,
            warnings,
            details,
            page,
        })
    }

    /// `scored`: the rows that the model can score, of so many.
    fn details(
        &self,
        labelled: &Labelled,
        scored: &[usize],
        rows: usize,
        examples: Examples,
        comparison: &Comparison,
        target_name: &str,
    ) -> Result<Details> {
        let manifest = &self.shown.manifest;
        let gain = match manifest.format {
            Format::Xgboost | Format::Lightgbm => {
                let artifact = manifest.artifact_in(&self.registry.folder(self.version)).read()?;
                Gain::of(manifest.format, &artifact, manifest.signature.inputs.len())
            }
            _ => None,
        };
        let training = self.registry.baseline(self.version)?;
        let all: Vec<usize> = (0..rows).collect();
        let subject = Subject {
            model: &self.model,
            target: &self.target,
            target_name,
            table: &labelled.rows.table,
            rows: &all,
            scored,
            examples,
            main: comparison.candidate.main().value,
            training: training.as_ref().map(|training| &*training.baseline),
            gain,
        };
        subject.details().map_err(|why| Error::config(labelled.rows.path, why))
    }

    /// What was made of it when it was registered; nothing where that isn't known.
    fn gate(&self) -> Result<&'static str> {
        let checks = |json: Value| Some(json["gate"].as_array()?.len());
        Ok(match self.own_evaluation()?.and_then(checks) {
            None => "",
            Some(0) => "none, when it was registered",
            Some(_) => "passed, when it was registered",
        })
    }

    /// Who decided what on it, as of now.
    fn status(&self) -> String {
        match self.shown.decisions.last() {
            None => Status::Pending.to_string(),
            Some(Decision { status, by, at, reason }) => {
                let reason = if reason.is_empty() {
                    String::new()
                } else {
                    format!(": {reason}")
                };
                format!("{status} by {by}, {at}{reason}")
            }
        }
    }

    /// What another version, that is approved, predicts for some rows.
    fn approved(&self, table: &Table, rows: &[usize]) -> Result<approved::Predictions> {
        match self.registry.latest_approved() {
            Err(Error::NoModel { .. }) => Ok(approved::Predictions::Nothing),
            Err(damaged) => Err(damaged),
            Ok(identity) if identity.version == self.version => Ok(approved::Predictions::Nothing),
            Ok(_) => approved::Predictions::find(self.registry, table, rows, &self.target),
        }
    }

    /// The target's name and its values: numbers, or the places of classes.
    fn labels(&self, labelled: &Labelled) -> Result<(String, Vec<f64>)> {
        let Csv { path, table } = labelled.labels.as_ref().unwrap_or(&labelled.rows);
        let faulty = |problem: Problem| Error::config(path, format!("{problem}; {}", problem.hint));
        let names = columns::names(table).map_err(faulty)?;
        let name = match (labelled.target, &names[..]) {
            (Some(name), _) => name.to_string(),
            (None, [one]) if labelled.labels.is_some() => one.clone(),
            _ => self
                .trained_on()?
                .ok_or_else(|| Error::config(path, "which column is the target can't be told; say it with --target"))?,
        };
        if !names.contains(&name) {
            return Err(faulty(table.origin.told(columns::no_such_column(
                &name,
                &names,
                "is the target",
            ))));
        }
        let wanted = Wanted {
            name: name.clone(),
            kind: if self.target.classes.is_some() {
                ReadAs::Texts
            } else {
                ReadAs::Numbers
            },
            optional: false,
        };
        let mut read = columns::read(table, &[wanted]).map_err(faulty)?;
        let actual = match read.pop().map(|read| read.cells) {
            Some(Cells::Numbers(numbers)) => numbers,
            Some(Cells::Texts(texts)) => {
                let texts: Vec<String> = texts.into_iter().flatten().collect();
                self.target
                    .actual(&texts, table.spelling)
                    .map_err(|why| Error::config(path, why))?
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

    /// The target's column in the training data.
    fn trained_on(&self) -> Result<Option<String>> {
        let pipeline = self.registry.attachment(self.version, Attachment::Pipeline)?;
        let text = pipeline.and_then(|bytes| String::from_utf8(bytes).ok());
        let keys: Option<toml::Table> = text.and_then(|text| toml::from_str(&text).ok());
        let target = keys.as_ref().and_then(|keys| keys.get("data")?.get("target")?.as_str());
        Ok(target.map(String::from))
    }

    /// What the baseline of the version's training predicted.
    fn baseline(&self) -> Result<Option<Vec<f64>>> {
        let prediction = |json: Value| match &json["baseline"]["prediction"] {
            Value::Array(shares) => shares.iter().map(Value::as_f64).collect(),
            one => one.as_f64().map(|one| vec![one]),
        };
        Ok(self.own_evaluation()?.and_then(prediction))
    }

    /// The `evaluation.json` that was registered with it.
    fn own_evaluation(&self) -> Result<Option<Value>> {
        let bytes = self.registry.attachment(self.version, Attachment::Evaluation)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}
