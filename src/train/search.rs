//! Which hyperparameters predict best: trials of a grid, or at random, each by k-fold cross-validation on the training rows.
//!
//! Trials and folds run in parallel; a seed gives the same trials, folds and figures on every machine.

use super::dataset::Dataset;
use super::pipeline::Pipeline;
use super::split::Parts;
use crate::evaluate::{self, Metric, Task};
use crate::format::csv::texts;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;
use toml::{Table, Value};

/// More are a mistake, or a night's work that should be several.
const TRIALS_MAX: usize = 10_000;
const FOLDS_MAX: usize = 100;

/// A search, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    method: Method,
    pub folds: usize,
    seed: u64,
    /// `None`: the task's main one.
    metric: Option<Metric>,
    over: Vec<(String, Range)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// Every combination of the choices.
    Grid,
    /// So many trials, each key drawn by itself.
    Random(usize),
}

#[derive(Clone, Debug, PartialEq)]
enum Range {
    Choices(Vec<Value>),
    /// Evenly between two numbers, or between their logarithms.
    Between {
        from: f64,
        to: f64,
        logarithmic: bool,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    method: RawMethod,
    trials: Option<u64>,
    folds: Option<u64>,
    #[serde(default)]
    seed: u64,
    metric: Option<String>,
    #[serde(default)]
    over: Table,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RawMethod {
    #[default]
    Grid,
    Random,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBetween {
    from: f64,
    to: f64,
    #[serde(default)]
    scale: Scale,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    Log,
}

/// One set of hyperparameters and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// `section.key` and value, in the order of the search.
    pub keys: Vec<(String, Value)>,
    /// The metric on each fold; empty if the trial failed.
    pub folds: Vec<f64>,
    /// Why it failed on a fold.
    pub problem: Option<String>,
}

impl Trial {
    pub fn mean(&self) -> Option<f64> {
        (!self.folds.is_empty()).then(|| self.folds.iter().sum::<f64>() / self.folds.len() as f64)
    }

    /// The standard deviation over the folds (divided by n).
    pub fn sd(&self) -> Option<f64> {
        let mean = self.mean()?;
        let squares = self.folds.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>();
        Some((squares / self.folds.len() as f64).sqrt())
    }
}

/// All trials, the best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub metric: Metric,
    pub trials: Vec<Trial>,
}

impl Search {
    /// # Errors
    /// The key, what stands there, and what is allowed.
    pub fn parse(table: &Table) -> Result<Search, String> {
        let raw: Raw = table
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| format!("search: {}", e.message()))?;
        let folds = raw.folds.unwrap_or(5);
        if !(2..=FOLDS_MAX as u64).contains(&folds) {
            return Err(format!("search.folds = {folds} is not 2 to {FOLDS_MAX}"));
        }
        if raw.over.is_empty() {
            return Err("search.over names no key to search over, such as \"train.alpha\" = [0.1, 1.0, 10.0]".into());
        }
        let over = raw.over.iter().map(range).collect::<Result<Vec<_>, String>>()?;
        let method = match (raw.method, raw.trials) {
            (RawMethod::Grid, None) => Method::Grid,
            (RawMethod::Grid, Some(_)) => {
                return Err(
                    "search.trials goes with search.method = \"random\"; a grid tries every combination".into(),
                );
            }
            (RawMethod::Random, trials) => Method::Random(trials.unwrap_or(20).try_into().unwrap_or(usize::MAX)),
        };
        let metric = raw
            .metric
            .as_deref()
            .map(|name| Metric::named(name).ok_or_else(|| format!("search.metric: no such metric: {name:?}")));
        let search = Search {
            method,
            folds: folds as usize,
            seed: raw.seed,
            metric: metric.transpose()?,
            over,
        };
        match search.count()? {
            1..=TRIALS_MAX => Ok(search),
            count => Err(format!("search: {count} trials are not 1 to {TRIALS_MAX}")),
        }
    }

    /// How many trials it has.
    pub fn count(&self) -> Result<usize, String> {
        if let Method::Random(trials) = self.method {
            return Ok(trials);
        }
        self.over.iter().try_fold(1usize, |count, (key, range)| match range {
            Range::Choices(choices) => Ok(count.saturating_mul(choices.len())),
            Range::Between { .. } => Err(format!(
                "search.over.{key:?} is a range, which has no end of values; list them, or set search.method = \"random\""
            )),
        })
    }

    /// The keys and values of each trial.
    fn trials(&self) -> Vec<Vec<(String, Value)>> {
        match self.method {
            Method::Grid => {
                let mut trials = vec![Vec::new()];
                for (key, range) in &self.over {
                    let Range::Choices(choices) = range else { continue };
                    let with = |trial: &Vec<(String, Value)>| -> Vec<Vec<(String, Value)>> {
                        let pair = |choice: &Value| [&trial[..], &[(key.clone(), choice.clone())]].concat();
                        choices.iter().map(pair).collect()
                    };
                    trials = trials.iter().flat_map(with).collect();
                }
                trials
            }
            Method::Random(count) => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                let mut draw = || {
                    let pairs = self.over.iter();
                    pairs.map(|(key, range)| (key.clone(), range.draw(&mut rng))).collect()
                };
                (0..count).map(|_| draw()).collect()
            }
        }
    }

    /// Tries all, on the dataset's training rows. `done` hears of each fold that is done.
    ///
    /// # Errors
    /// If no trial has a figure; why, of the first.
    pub fn run(&self, pipeline: &Pipeline, dataset: &Dataset, done: impl Fn() + Sync) -> Result<Outcome, String> {
        let task = dataset.task(&pipeline.trainer);
        let metric = self.metric.unwrap_or(Metric::main(task));
        if !Metric::of(task).contains(&metric) {
            return Err(format!("search.metric: the target has no {}", metric.name()));
        }
        if let Task::Multiclass { classes } = task
            && self.over.iter().any(|(key, _)| key == "train.threshold")
        {
            return Err(format!(
                "search.over.\"train.threshold\": a threshold is for two classes, and the target has {classes}"
            ));
        }
        let folds = dataset.by.folds(&dataset.parts.train, self.folds, self.seed)?;
        let try_one = |keys: Vec<(String, Value)>| {
            let score = |Parts { train, test }: &Parts| -> Result<f64, String> {
                let pipeline = pipeline.with(&keys).map_err(|e| e.to_string())?;
                if pipeline.trainer.classifies() != dataset.classes.is_some() {
                    return Err("a search can't go over trainers of numbers and of classes".into());
                }
                let fitted = super::fit(&pipeline, dataset, train, test).map_err(|e| e.to_string())?;
                let figure = evaluate::figure(metric, dataset.task(&pipeline.trainer), &fitted.test.examples());
                done();
                figure.ok_or_else(|| format!("{} is undefined on a fold", metric.name()))
            };
            let scores: Result<Vec<f64>, String> = folds.par_iter().map(score).collect();
            match scores {
                Ok(folds) => Trial {
                    keys,
                    folds,
                    problem: None,
                },
                Err(problem) => Trial {
                    keys,
                    folds: Vec::new(),
                    problem: Some(problem),
                },
            }
        };
        let mut trials: Vec<Trial> = self.trials().into_par_iter().map(try_one).collect();
        // Equal ones stay in their order; those that failed come last.
        let rank = |trial: &Trial| match trial.mean() {
            None => f64::INFINITY,
            Some(mean) if metric.larger_is_better() => -mean,
            Some(mean) => mean,
        };
        trials.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        match trials.first() {
            Some(Trial {
                problem: Some(problem), ..
            }) => Err(format!("no trial came to a figure; one of them: {problem}")),
            _ => Ok(Outcome { metric, trials }),
        }
    }
}

impl Range {
    fn draw(&self, rng: &mut impl Rng) -> Value {
        match self {
            Range::Choices(choices) => choices[rng.random_range(0..choices.len())].clone(),
            &Range::Between {
                from,
                to,
                logarithmic: false,
            } => rng.random_range(from..=to).into(),
            // `libm`, for the same trials on every machine.
            &Range::Between { from, to, .. } => libm::exp(rng.random_range(libm::log(from)..=libm::log(to)))
                .clamp(from, to)
                .into(),
        }
    }
}

fn range((key, value): (&String, &Value)) -> Result<(String, Range), String> {
    if !key.starts_with("train.") && !key.starts_with("preprocess.") {
        return Err(format!(
            "search.over.{key:?}: only keys of train and preprocess can be searched over"
        ));
    }
    if key == "train.positive" {
        return Err(format!(
            "search.over.{key:?}: which class is yes is no hyperparameter; say it in train.positive"
        ));
    }
    let wrong = || {
        format!(
            "search.over.{key:?} = {value} is neither a list of values nor {{ from = 0.001, to = 1.0, scale = \"log\" }}"
        )
    };
    let range = match value {
        Value::Array(choices) if !choices.is_empty() => Range::Choices(choices.clone()),
        Value::Table(table) => {
            let RawBetween { from, to, scale } = table.clone().try_into().map_err(|_| wrong())?;
            let logarithmic = scale == Scale::Log;
            if !(from <= to && (to - from).is_finite()) || logarithmic && from <= 0.0 {
                return Err(wrong());
            }
            Range::Between { from, to, logarithmic }
        }
        _ => return Err(wrong()),
    };
    Ok((key.clone(), range))
}

impl Outcome {
    /// The best trial's keys.
    pub fn best(&self) -> &[(String, Value)] {
        &self.trials[0].keys
    }

    /// A header, and a record for each trial, the best first.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let name = self.metric.name();
        let keys = self.trials[0].keys.iter().map(|(key, _)| key.clone());
        let folds = self.trials.iter().map(|trial| trial.folds.len()).max().unwrap_or(0);
        let header = [format!("mean_{name}"), format!("sd_{name}")];
        let header = keys.chain(header).chain((1..=folds).map(|k| format!("fold_{k}")));
        let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let row = |trial: &Trial| {
            let keys = trial.keys.iter().map(|(_, value)| match value {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            });
            let figures = [number(trial.mean()), number(trial.sd())].into_iter();
            let folds = (0..folds).map(|k| number(trial.folds.get(k).copied()));
            let problem = [trial.problem.clone().unwrap_or_default()];
            keys.chain(figures).chain(folds).chain(problem).collect()
        };
        let header: Vec<String> = header.chain(["problem".into()]).collect();
        (header, self.trials.iter().map(row).collect())
    }

    /// `trials.csv`
    pub fn csv(&self) -> Vec<u8> {
        let (header, rows) = self.table();
        let mut csv = Vec::new();
        for record in [header].iter().chain(&rows) {
            texts::write(record, b',', &mut csv);
        }
        csv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Search, String> {
        Search::parse(&toml::from_str(text).unwrap())
    }

    #[test]
    fn a_grid_tries_every_combination_in_order() {
        let search = parse("over = { 'train.alpha' = [0.1, 1], 'preprocess.degree' = [1, 2, 3] }").unwrap();
        let trials = search.trials();
        assert_eq!((search.count(), trials.len(), search.folds), (Ok(6), 6, 5));
        let mut seen: Vec<String> = trials.iter().map(|t| format!("{} {}", t[0].1, t[1].1)).collect();
        seen.dedup();
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn random_trials_are_the_same_for_a_seed_and_stay_within_their_ranges() {
        let text = "method = 'random'\ntrials = 200\nseed = 7\n[over]\n'train.alpha' = { from = 0.001, to = 10.0, scale = 'log' }\n\
                    'train.learning_rate' = { from = -1.0, to = 1.0 }\n'preprocess.standardise' = [true, false]";
        let trials = parse(text).unwrap().trials();
        assert_eq!(trials, parse(text).unwrap().trials());
        assert_ne!(trials, parse(&text.replace('7', "8")).unwrap().trials());
        let of = |key: &str| -> Vec<&Value> {
            trials
                .iter()
                .map(|t| &t.iter().find(|(k, _)| k == key).unwrap().1)
                .collect()
        };
        let alphas: Vec<f64> = of("train.alpha").iter().map(|v| v.as_float().unwrap()).collect();
        assert!(alphas.iter().all(|a| (0.001..=10.0).contains(a)));
        // Half of the logarithms lie below the middle one.
        let low = alphas.iter().filter(|a| **a < 0.1).count();
        assert!((70..130).contains(&low), "{low}");
        assert!(
            of("train.learning_rate")
                .iter()
                .all(|v| (-1.0..=1.0).contains(&v.as_float().unwrap()))
        );
        let yes = of("preprocess.standardise")
            .iter()
            .filter(|v| v.as_bool() == Some(true))
            .count();
        assert!((70..130).contains(&yes), "{yes}");
    }

    #[test]
    fn what_can_not_be_searched_is_said_by_key() {
        for (text, words) in [
            ("", "search.over names no key"),
            (
                "folds = 1\nover = { 'train.alpha' = [1] }",
                "search.folds = 1 is not 2 to",
            ),
            ("trials = 3\nover = { 'train.alpha' = [1] }", "search.trials goes with"),
            ("over = { 'data.file' = ['x'] }", "only keys of train and preprocess"),
            ("over = { 'train.positive' = ['a', 'b'] }", "is no hyperparameter"),
            ("over = { 'train.alpha' = [] }", "neither a list"),
            (
                "over = { 'train.alpha' = { from = 0.0, to = 1.0, scale = 'log' } }",
                "neither a list",
            ),
            (
                "over = { 'train.alpha' = { from = 0.1, to = 1.0 } }",
                "has no end of values",
            ),
            (
                "metric = 'r3'\nover = { 'train.alpha' = [1] }",
                "no such metric: \"r3\"",
            ),
            (
                "method = 'random'\ntrials = 0\nover = { 'train.alpha' = [1] }",
                "0 trials are not 1 to",
            ),
            ("method = 'bayes'\nover = {}", "search: unknown variant"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
