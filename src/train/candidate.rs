//! A fitted model on its way into the registry: held against the baseline and the approved version, judged by its gate,
//! registered as pending.

use super::dataset::{Dataset, ReadAsMissing};
use super::pipeline::Pipeline;
use super::search::{Outcome, Search};
use super::{Fitted, baseline, fit, preprocess};
use crate::config::is_group;
use crate::digits::{count, significant};
use crate::error::{Error, Result};
use crate::evaluate::details::Details;
use crate::evaluate::page::page;
use crate::evaluate::report::facts;
use crate::evaluate::scoring::Target;
use crate::evaluate::{Against, Baseline, Comparison, Examples, Gate, GateCheck, Report, SEED, Task, Trials};
use crate::model::{Declared, Format, Model};
use crate::registry::evaluation::approved::Predictions;
use crate::registry::evaluation::details::Subject;
use crate::registry::golden::Rows;
use crate::registry::{self, Attachment, Registry, Training, sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What a pipeline file asks for, checked: what is wrong with it shows before anything is read or fitted.
pub struct Plan<'a> {
    file: &'a Path,
    pipeline: Pipeline,
    gate: Gate,
    search: Option<Search>,
    registry: Registry,
}

/// A model that was fitted, on its way into the registry.
pub struct Candidate<'a> {
    file: &'a Path,
    gate: Gate,
    registry: Registry,
    dataset: Dataset,
    pub pipeline: Pipeline,
    pub fitted: Fitted,
    /// None if there was no search.
    pub outcome: Option<Outcome>,
}

/// What was found of a candidate.
pub struct Findings {
    pub comparison: Comparison,
    pub checks: Vec<GateCheck>,
    pub warnings: Vec<String>,
    pub details: Details,
    created: String,
}

impl Findings {
    /// Whether it may be registered.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }

    /// `evaluation.json`, with the checks of the gate and the warnings.
    pub fn json(&self) -> serde_json::Value {
        let mut json = self.registered();
        json["warnings"] = self.warnings.clone().into();
        json
    }

    /// The same as it stands with the version: an empty list of checks says that there was no gate.
    fn registered(&self) -> serde_json::Value {
        let mut json = self.comparison.json();
        self.details.add_to(self.comparison.candidate.main().metric, &mut json);
        json["gate"] = serde_json::to_value(&self.checks).expect("checks are JSON");
        json
    }
}

impl<'a> Plan<'a> {
    /// `file`: where the pipeline stands, for errors. `group`: where to register, unless the pipeline names one.
    pub fn new(file: &'a Path, pipeline: Pipeline, models: &Path, group: &str) -> Result<Plan<'a>> {
        let wrong = |message: String| Error::config(file, message);
        let gate = Gate::parse(&pipeline.gate).map_err(wrong)?;
        // How many classes there are, the examples tell.
        let tasks = [2, 3].map(|classes| gate.fits(pipeline.trainer.task(classes)));
        if let [Err(message), Err(_)] = tasks {
            return Err(wrong(message));
        }
        let search = pipeline.search.as_ref().map(Search::parse).transpose().map_err(wrong)?;
        let group = pipeline.register.group.as_deref().unwrap_or(group);
        if !is_group(group) {
            return Err(wrong(format!("register.group = {group:?} is no folder's name")));
        }
        let registry = Registry::new(models, group);
        Ok(Plan {
            file,
            pipeline,
            gate,
            search,
            registry,
        })
    }

    /// How many fits the search makes.
    pub fn fits(&self) -> Result<usize> {
        let Some(search) = &self.search else {
            return Ok(0);
        };
        match search.count() {
            Ok(trials) => Ok(trials * search.folds),
            Err(message) => Err(Error::config(self.file, message)),
        }
    }

    /// Reads the examples and fits; searches before that, if the pipeline says so. `done` is called after each fit of the
    /// search.
    pub fn fit(self, done: impl Fn() + Sync) -> Result<Candidate<'a>> {
        let dataset = Dataset::read(&self.pipeline)?;
        let fits = self.gate.fits(dataset.task(&self.pipeline.trainer));
        fits.map_err(|message| Error::config(self.file, message))?;
        let (pipeline, outcome) = match self.search {
            Some(search) => {
                let outcome = search.run(&self.pipeline, &dataset, done);
                let outcome = outcome.map_err(|message| Error::config(self.file, message))?;
                (self.pipeline.with(outcome.best())?, Some(outcome))
            }
            None => (self.pipeline, None),
        };
        let fitted = fit(&pipeline, &dataset, &dataset.parts.train, &dataset.parts.test)?;
        if fitted.test.rows.is_empty() {
            return Err(Error::config(
                dataset.file(),
                "the model can't take any of the rows that are kept to evaluate on: each has a missing value or an unknown category",
            ));
        }
        Ok(Candidate {
            file: self.file,
            gate: self.gate,
            registry: self.registry,
            dataset,
            pipeline,
            fitted,
            outcome,
        })
    }
}

impl Candidate<'_> {
    /// What was read as missing values.
    pub fn missing(&self) -> &[ReadAsMissing] {
        &self.dataset.missing
    }

    /// How rows were split, in a line.
    pub fn split(&self) -> &str {
        &self.dataset.split
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Holds it against the baseline and the approved version, on the rows that were kept to evaluate on. `at`: when,
    /// RFC 3339.
    ///
    /// # Errors
    /// If its main metric is undefined, or the approved version is damaged.
    pub fn evaluate(&self, at: String) -> Result<Findings> {
        let Candidate { fitted, dataset, .. } = self;
        let mut warnings = fitted.warnings.clone();
        let left_out = [(fitted.train.left_out, "training"), (fitted.test.left_out, "test")];
        for (rows, what) in left_out.into_iter().filter(|(rows, _)| *rows > 0) {
            warnings.push(format!(
                "{} left out: a value is missing or unknown",
                count(rows as u64, &format!("{what} row"))
            ));
        }
        warnings.extend(dataset.left_out.iter().cloned());
        let inputs = &fitted.artifact.inputs;
        warnings.extend(preprocess::never_known(inputs, &dataset.features, &dataset.parts.test));
        warnings.extend(dataset.missing.iter().filter_map(ReadAsMissing::warning));
        if let Some([one, other]) = dataset.equal_files() {
            let (one, other) = (one.display(), other.display());
            warnings.push(format!(
                "{one} and {other} are the same: are rows evaluated that were trained on?"
            ));
        }
        let approved = self.approved()?;
        if let Predictions::Version { name, .. } = &approved {
            warnings.extend(self.seen_by(name)?);
        }
        let comparison = self.compare(&approved);
        let main = comparison.candidate.main();
        if main.value.is_none() {
            let message = format!(
                "{} is undefined on the {} that are kept to evaluate on; keep more of them, or look for a target that never \
                 differs or values beyond all bounds",
                main.metric.name(),
                count(fitted.test.rows.len() as u64, "row")
            );
            return Err(Error::config(dataset.file(), message));
        }
        let against = match (&approved, &comparison.approved) {
            (Predictions::Incomparable(why), _) => {
                warnings.push(why.clone());
                Against::Incomparable(why)
            }
            (_, approved) => approved.as_ref().into(),
        };
        let checks = self.gate.check(&comparison.candidate, against);
        let details = self.details(&comparison)?;
        Ok(Findings {
            comparison,
            checks,
            warnings,
            details,
            created: at,
        })
    }

    /// What is found of the rows that were kept to evaluate on, beside those that it was trained on.
    fn details(&self, comparison: &Comparison) -> Result<Details> {
        let Candidate {
            pipeline,
            dataset,
            fitted,
            ..
        } = self;
        let wrong = |why: String| Error::config(dataset.file(), why);
        let model = Model::parse(Format::Pipeline, &fitted.artifact.serialise()).map_err(|d| wrong(d.to_string()))?;
        let (table, rows) = dataset.source(pipeline, &dataset.parts.test);
        let (_, scored) = dataset.source(pipeline, &fitted.test.rows);
        let training = dataset.features.select(&dataset.parts.train).baseline();
        Subject {
            model: &model,
            target: &self.target(),
            target_name: &dataset.target_name,
            table: &table,
            rows: &rows,
            scored: &scored,
            examples: self.examples(),
            main: comparison.candidate.main().value,
            training: Some(&training),
            gain: None,
        }
        .details()
        .map_err(wrong)
    }

    fn approved(&self) -> Result<Predictions> {
        let (table, rows) = self.dataset.source(&self.pipeline, &self.fitted.test.rows);
        let against = self.target();
        Predictions::find(&self.registry, &table, &rows, &against)
    }

    /// Whether the approved version was trained on rows that are evaluated: its figures are too good then.
    fn seen_by(&self, name: &str) -> Result<Option<String>> {
        let version = self.registry.latest_approved()?.version;
        let Some(training) = self.registry.show(version)?.manifest.training else {
            return Ok(None);
        };
        let pipeline = self.registry.attachment(version, Attachment::Pipeline)?;
        let text = pipeline.and_then(|bytes| String::from_utf8(bytes).ok());
        let keys: Option<toml::Table> = text.and_then(|text| toml::from_str(&text).ok());
        let split = |keys: &toml::Table| keys.get("split").cloned();
        let same_rows = keys.is_some_and(|keys| split(&keys) == split(&self.pipeline.keys));
        let seen = training.fingerprint == self.dataset.fingerprint() && !same_rows;
        Ok(seen.then(|| {
            format!(
                "{name} was trained from the same files by another split: it has seen rows that are evaluated here, so its figures are \
                 too good; compare both on rows that neither has seen, by the same [split] or another file"
            )
        }))
    }

    fn compare(&self, approved: &Predictions) -> Comparison {
        let task = self.task();
        let baseline = Baseline::of(task, &self.fitted.train.actual);
        let (examples, classes) = (self.examples(), self.classes());
        Comparison::of(task, &examples, &baseline, approved.comparable(), &classes, SEED)
    }

    fn target(&self) -> Target {
        Target {
            task: self.task(),
            classes: self.dataset.classes.clone(),
        }
    }

    fn classes(&self) -> Vec<&str> {
        let classes = self.dataset.classes.iter().flatten();
        classes.map(String::as_str).collect()
    }

    fn examples(&self) -> Examples<'_> {
        self.fitted.test.examples()
    }

    fn task(&self) -> Task {
        self.dataset.task(&self.pipeline.trainer)
    }

    /// A page that shows what was found. `version`: the number that it was given; none as long as it isn't registered.
    pub fn page(&self, findings: &Findings, version: Option<u32>) -> String {
        let Candidate {
            pipeline,
            dataset,
            fitted,
            registry,
            ..
        } = self;
        let group = registry.group();
        let title = match version {
            Some(version) => format!("{group}/{version}"),
            None => format!("{group}, candidate"),
        };
        let gate = match (findings.checks.len(), findings.passed()) {
            (0, _) => "none",
            (_, true) => "passed",
            (_, false) => "failed",
        };
        let status = match version {
            Some(_) => "pending, when this page was made",
            None => "not registered",
        };
        let files: Vec<String> = dataset.files.iter().map(|f| f.path.display().to_string()).collect();
        let facts = facts(&[
            ("trained", &findings.created),
            ("gate", gate),
            ("status", status),
            ("trainer", pipeline.trainer.name()),
            ("settings", &settings(pipeline)),
            ("data", &files.join(", ")),
            (
                "rows",
                &format!(
                    "{} to train on, {} to evaluate on",
                    fitted.train.rows.len(),
                    fitted.test.rows.len()
                ),
            ),
            ("kept to evaluate", &dataset.split),
            ("description", &pipeline.register.description),
            ("artifact, SHA-256", &sha256(&fitted.artifact.serialise())),
            ("program", &format!("transform {}", crate::release::BUILD)),
        ]);
        let trials = self.outcome.as_ref().map(|outcome| {
            let (columns, rows) = outcome.table();
            // Rounded for people; trials.csv has all digits.
            let short = |cell: &String| cell.parse().map_or(cell.clone(), |x| significant(x, 4));
            let rows = rows.iter().map(|row| row.iter().map(short).collect()).collect();
            // The best one, which is the first.
            Trials {
                columns,
                rows,
                chosen: 0,
            }
        });
        let mut coefficients = fitted.artifact.coefficients();
        coefficients.retain(|(name, _)| !name.ends_with("(intercept)"));
        page(&Report {
            title: &title,
            facts: &facts,
            target: &dataset.target_name,
            unit: None,
            classes: &self.classes(),
            comparison: &findings.comparison,
            baseline_of: "the training target",
            examples: self.examples(),
            checks: &findings.checks,
            warnings: &findings.warnings,
            coefficients: &coefficients,
            loss: &fitted.loss,
            trials: trials.as_ref(),
            details: &findings.details,
        })
    }

    /// Registers it as pending, with what was found. Returns its number. That the gate passed is its caller's to see.
    pub fn register(&self, findings: &Findings) -> Result<u32> {
        let Candidate {
            file,
            pipeline,
            dataset,
            fitted,
            outcome,
            registry,
            ..
        } = self;
        let json = |value: serde_json::Value| {
            let mut bytes = serde_json::to_vec_pretty(&value).expect("it is JSON");
            bytes.push(b'\n');
            bytes
        };
        let baseline = baseline(fitted, dataset).map_err(|why| Error::config(dataset.file(), why))?;
        let mut attachments = BTreeMap::from([
            (Attachment::Evaluation, json(findings.registered())),
            (Attachment::Baseline, baseline.json()),
            (Attachment::Pipeline, pipeline.text().into_bytes()),
        ]);
        if let Some(outcome) = outcome {
            attachments.insert(Attachment::Trials, outcome.csv());
        }
        let scores = findings.comparison.candidate.scores.iter();
        let metrics = scores.filter_map(|score| Some((score.metric.name().to_string(), score.value?.into())));
        let (table, trained_on) = dataset.source(pipeline, &fitted.train.rows);
        let candidate = registry::Candidate {
            artifact: fitted.artifact.serialise(),
            source: file,
            format: Format::Pipeline,
            declared: Declared {
                markers: pipeline.data.spelling.unusual(),
                ..Declared::default()
            },
            details: registry::Details {
                description: pipeline.register.description.clone(),
                metrics: metrics.collect(),
                training: Some(Training {
                    rows: fitted.train.rows.len() as u64,
                    fingerprint: dataset.fingerprint(),
                    crate_version: crate::release::VERSION.into(),
                }),
                attachments,
                page: Some(&|version| self.page(findings, Some(version))),
                golden: Some(Rows {
                    table,
                    among: Some(&trained_on),
                    source: dataset.file(),
                }),
                baseline: None,
            },
        };
        Ok(registry.register(candidate, findings.created.clone())?.version)
    }
}

/// What the pipeline says of preprocessing and training, in a line.
fn settings(pipeline: &Pipeline) -> String {
    let sections = ["preprocess", "train"]
        .iter()
        .filter_map(|section| pipeline.keys.get(*section)?.as_table());
    let keys = sections.flatten().filter(|(key, _)| *key != "trainer");
    keys.map(|(key, value)| format!("{key} = {value}"))
        .collect::<Vec<_>>()
        .join(", ")
}
