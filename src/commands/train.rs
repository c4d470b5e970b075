//! `transform train`: from a CSV of examples to a version that waits for approval.

use super::evaluate::{Approved, facts, figures};
use super::{apart_from, count, now, say, say_json, write_page};
use crate::cli::Overrides;
use crate::config::{Config, is_group};
use crate::error::{Error, Result, exit};
use crate::evaluate::metrics::significant;
use crate::evaluate::page::page;
use crate::evaluate::{Against, Comparison, Examples, Gate, Story, Trials, Verdict};
use crate::model::Format;
use crate::registry::golden::{GOLDEN_ROWS, Rows};
use crate::registry::{Attachment, Candidate, Registry, Training};
use crate::train::dataset::Dataset;
use crate::train::pipeline::Pipeline;
use crate::train::profile::Profile;
use crate::train::search::{Outcome, Search};
use crate::train::{self, Fitted};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Of the intervals' resamples: the same figures each time.
const SEED: u64 = 0;

/// What to do beside training.
pub struct Wishes<'a> {
    pub dry_run: bool,
    pub html: Option<&'a Path>,
    pub json: bool,
}

pub fn train(config: &Config, file: &Path, overrides: &Overrides, wishes: &Wishes) -> Result<u8> {
    let pipeline = Pipeline::read(file, &overrides.0)?;
    let wrong = |message: String| Error::config(file, message);
    let gate = Gate::parse(&pipeline.gate).map_err(wrong)?;
    gate.fits(pipeline.task()).map_err(wrong)?;
    let search = pipeline.search.as_ref().map(Search::parse).transpose().map_err(wrong)?;
    let group = pipeline.register.group.as_ref().unwrap_or(&config.models.group);
    if !is_group(group) {
        return Err(Error::config(
            file,
            format!("register.group = {group:?} is no folder's name"),
        ));
    }
    let registry = Registry::new(&config.models.path, group);
    let dataset = Dataset::read(&pipeline)?;
    let (pipeline, outcome) = match search {
        Some(search) => {
            let outcome = run(&search, &pipeline, &dataset).map_err(wrong)?;
            (pipeline.with(outcome.best())?, Some(outcome))
        }
        None => (pipeline, None),
    };
    let fitted = train::fit(&pipeline, &dataset, &dataset.parts.train, &dataset.parts.test)?;
    if fitted.test.rows.is_empty() {
        return Err(Error::config(
            dataset.file(),
            "the model can't take any of the rows that are kept to evaluate on: each has a missing value or an unknown category",
        ));
    }
    let done = Candidacy {
        file,
        pipeline: &pipeline,
        dataset: &dataset,
        fitted: &fitted,
        outcome: outcome.as_ref(),
        registry: &registry,
    };
    done.finish(&gate, wishes)
}

fn run(search: &Search, pipeline: &Pipeline, dataset: &Dataset) -> std::result::Result<Outcome, String> {
    let steps = search.count()? * search.folds;
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::new(steps as u64),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template("searching {wide_bar} {pos}/{len} fits, {eta} left") {
        bar.set_style(style);
    }
    let outcome = search.run(pipeline, dataset, || bar.inc(1));
    bar.finish_and_clear();
    outcome
}

/// A model that was trained, on its way into the registry.
struct Candidacy<'a> {
    file: &'a Path,
    pipeline: &'a Pipeline,
    dataset: &'a Dataset,
    fitted: &'a Fitted,
    outcome: Option<&'a Outcome>,
    registry: &'a Registry,
}

impl Candidacy<'_> {
    fn finish(&self, gate: &Gate, wishes: &Wishes) -> Result<u8> {
        let Candidacy { fitted, registry, .. } = self;
        let mut warnings = fitted.warnings.clone();
        let left_out = [(fitted.train.left_out, "training"), (fitted.test.left_out, "test")];
        for (rows, what) in left_out.into_iter().filter(|(rows, _)| *rows > 0) {
            warnings.push(format!(
                "{} left out: a value is missing or unknown",
                count(rows as u64, &format!("{what} row"))
            ));
        }
        if let Some([one, other]) = self.dataset.equal_files() {
            let (one, other) = (one.display(), other.display());
            warnings.push(format!(
                "{one} and {other} are the same: are rows evaluated that were trained on?"
            ));
        }
        let approved = self.approved()?;
        let comparison = self.compare(&approved);
        let main = comparison.candidate.main();
        if main.value.is_none() {
            let message = format!(
                "{} is undefined on the {} that are kept to evaluate on; keep more of them, or look for a target that never \
                 differs or values beyond all bounds",
                main.metric.name(),
                count(fitted.test.rows.len() as u64, "row")
            );
            return Err(Error::config(self.dataset.file(), message));
        }
        let against = match (&approved, &comparison.approved) {
            (Approved::Incomparable(why), _) => {
                warnings.push(why.clone());
                Against::Incomparable(why)
            }
            (_, approved) => approved.as_ref().map(|a| &a.evaluation).into(),
        };
        let verdicts = gate.check(&comparison.candidate, against);
        let passed = verdicts.iter().all(|verdict| verdict.holds);
        let created = now();
        let title = format!("{}, candidate", registry.group());
        let html = self.page(&title, &created, &comparison, &verdicts, &warnings);
        if let Some(path) = wishes.html {
            write_page(path, &html)?;
        }
        let version = match passed && !wishes.dry_run {
            true => Some(self.register(&comparison, html, created)?),
            false => None,
        };
        if wishes.json {
            let mut json = comparison.json();
            json["gate"] = serde_json::to_value(&verdicts).expect("verdicts are JSON");
            json["warnings"] = json!(warnings);
            json["registered"] = json!(version.map(|version| format!("{}/{version}", registry.group())));
            say_json(&json);
        } else {
            self.tell(&comparison, &verdicts, &warnings);
            self.conclude(version, passed);
        }
        Ok(if passed { exit::CONVERGED } else { exit::GATE })
    }

    fn approved(&self) -> Result<Approved> {
        let rows = self.dataset.records(self.pipeline, &self.fitted.test.rows);
        let (delimiter, task) = (self.pipeline.data.delimiter, self.pipeline.task());
        Approved::find(self.registry, &rows, delimiter, task, self.dataset.classes.as_ref())
    }

    fn compare(&self, approved: &Approved) -> Comparison {
        let target = &self.fitted.train.actual;
        let mean = target.iter().sum::<f64>() / target.len() as f64;
        Comparison::of(
            self.pipeline.task(),
            &self.examples(),
            mean,
            approved.predictions(),
            SEED,
        )
    }

    fn examples(&self) -> Examples<'_> {
        Examples {
            actual: &self.fitted.test.actual,
            predicted: &self.fitted.test.predicted,
        }
    }

    fn page(
        &self,
        title: &str,
        created: &str,
        comparison: &Comparison,
        verdicts: &[Verdict],
        warnings: &[String],
    ) -> String {
        let Candidacy {
            pipeline,
            dataset,
            fitted,
            ..
        } = self;
        let files: Vec<String> = dataset.files.iter().map(|f| f.path.display().to_string()).collect();
        let facts = facts(&[
            ("trained", created),
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
            ("description", &pipeline.register.description),
        ]);
        let trials = self.outcome.map(|outcome| {
            let (columns, rows) = outcome.table();
            // Rounded for people; trials.csv has all digits.
            let short = |cell: &String| cell.parse().map_or(cell.clone(), significant);
            let rows = rows.iter().map(|row| row.iter().map(short).collect()).collect();
            Trials { columns, rows }
        });
        let terms = fitted.artifact.terms.iter();
        let coefficients: Vec<(String, f64)> = terms.map(|term| (term.name.clone(), term.coefficient)).collect();
        page(&Story {
            title,
            facts: &facts,
            target: &dataset.target_name,
            unit: None,
            classes: dataset.classes.as_ref().map(|[no, yes]| [no.as_str(), yes.as_str()]),
            comparison,
            baseline_of: "the training target",
            examples: self.examples(),
            verdicts,
            warnings,
            coefficients: &coefficients,
            loss: &fitted.loss,
            trials: trials.as_ref(),
        })
    }

    fn register(&self, comparison: &Comparison, html: String, created: String) -> Result<u32> {
        let Candidacy {
            file,
            pipeline,
            dataset,
            fitted,
            outcome,
            registry,
        } = self;
        let json = |value: serde_json::Value| {
            let mut bytes = serde_json::to_vec_pretty(&value).expect("it is JSON");
            bytes.push(b'\n');
            bytes
        };
        // Of all of them, also those that were left out for a missing value.
        let profile = Profile::of(&dataset.features.select(&dataset.parts.train));
        let mut attachments = BTreeMap::from([
            (Attachment::Evaluation, json(comparison.json())),
            (Attachment::EvaluationPage, html.into_bytes()),
            (
                Attachment::Profile,
                json(serde_json::to_value(&profile).expect("a profile is JSON")),
            ),
            (Attachment::Pipeline, pipeline.text().into_bytes()),
        ]);
        if let Some(outcome) = outcome {
            attachments.insert(Attachment::Trials, outcome.csv());
        }
        let scores = comparison.candidate.scores.iter();
        let metrics = scores.filter_map(|score| Some((score.metric.name().to_string(), score.value?.into())));
        let golden = dataset.records(pipeline, &apart_from(&fitted.train.rows, GOLDEN_ROWS));
        let candidate = Candidate {
            artifact: fitted.artifact.serialise(),
            source: file,
            format: Format::Pipeline,
            description: pipeline.register.description.clone(),
            metrics: metrics.collect(),
            feature_names: None,
            class_names: None,
            training: Some(Training {
                rows: fitted.train.rows.len() as u64,
                fingerprint: dataset.fingerprint(),
                crate_version: env!("CARGO_PKG_VERSION").into(),
            }),
            attachments,
            golden: Some(Rows {
                csv: golden,
                delimiter: pipeline.data.delimiter,
                source: dataset.file(),
            }),
        };
        registry.register(candidate, created)
    }

    fn tell(&self, comparison: &Comparison, verdicts: &[Verdict], warnings: &[String]) {
        let Candidacy { fitted, outcome, .. } = self;
        let terms = count(fitted.artifact.terms.len() as u64, "term");
        say(format!(
            "trained {terms} on {} by {}, evaluated on {}",
            count(fitted.train.rows.len() as u64, "row"),
            self.pipeline.trainer.name(),
            count(fitted.test.rows.len() as u64, "other row"),
        ));
        if let Some(outcome) = outcome {
            let keys = outcome.best().iter().map(|(key, value)| format!("{key} = {value}"));
            say(format!(
                "the best of {}: {}",
                count(outcome.trials.len() as u64, "trial"),
                keys.collect::<Vec<_>>().join(", ")
            ));
        }
        figures(comparison);
        for warning in warnings {
            say(format!("warning: {warning}"));
        }
        for verdict in verdicts {
            say(format!(
                "gate {}: {}",
                if verdict.holds { "passed" } else { "FAILED" },
                verdict.sentence
            ));
        }
    }

    fn conclude(&self, version: Option<u32>, passed: bool) {
        let group = self.registry.group();
        match version {
            Some(version) => {
                let folder = self.registry.folder(version);
                say(format!(
                    "registered {group}/{version}, pending; look at {}",
                    folder.join("evaluation.html").display()
                ));
                let flag = super::models::group_flag(group);
                say(format!("to use it: transform models approve {version}{flag}"));
            }
            None if passed => say("nothing was registered (--dry-run)"),
            None => say("nothing was registered: the gate failed"),
        }
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
