//! The pipeline file: TOML -> raw -> validated [`Pipeline`]. Reads one file.
//!
//! Each key is `section.key`; what is said elsewhere (by a flag, by a trial of a search) overrides the file's.

use super::descent::{self, Initial};
use crate::config::line_of;
use crate::error::{Error, Result};
use crate::model::pipeline::{POWER_MAX, Unknown};
use crate::transform::columns::Kind;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The losses of all iterations are kept.
const ITERATIONS_MAX: u64 = 10_000_000;

/// From examples to a model: what to do, validated.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Where it was read from.
    pub file: PathBuf,
    /// All keys that hold: the file's, and what overrode them.
    pub keys: Table,
    pub data: Data,
    pub split: Split,
    pub preprocess: Preprocess,
    pub trainer: Trainer,
    /// For `evaluate::Gate`.
    pub gate: Table,
    /// For the search over hyperparameters.
    pub search: Option<Table>,
    pub register: Register,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    pub source: Source,
    /// `None`: the one column of the target's own file.
    pub target: Option<String>,
    /// `None`: all columns but the target.
    pub features: Option<Vec<String>>,
    /// Columns that are categories, even if their cells are numbers.
    pub texts: Vec<String>,
    pub delimiter: u8,
}

impl Data {
    pub fn kind(&self, name: &str) -> Kind {
        match self.texts.iter().any(|text| text == name) {
            true => Kind::Texts,
            false => Kind::Any,
        }
    }
}

/// Where examples stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Together(PathBuf),
    Apart { features: PathBuf, target: PathBuf },
}

/// Which rows are kept from training, to evaluate on.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    Last(usize),
    /// A share between 0 and 1, chosen at random.
    Share {
        share: f64,
        seed: u64,
    },
    /// Those of another file.
    Test(Source),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    pub missing: Missing,
    pub missing_text: MissingText,
    pub unknown: Unknown,
    pub one_hot: OneHot,
    pub standardise: bool,
    /// Products of two different features.
    pub interactions: bool,
    /// Powers, and products of all features, up to this degree.
    pub degree: u32,
}

/// What stands for a missing number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    Mean,
    Median,
    Constant(f64),
    /// Nothing: the row is left out of training, and is bad when it is scored.
    Drop,
}

/// What stands for a missing text.
#[derive(Clone, Debug, PartialEq)]
pub enum MissingText {
    MostFrequent,
    /// Nothing: as for numbers.
    Drop,
    /// None of the categories.
    Unknown,
    /// A category of its own.
    Category(String),
}

/// Which categories of a column get an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneHot {
    /// Each. They add up to 1, as the intercept's column does, so a fit without penalty is not unique.
    All,
    /// Each but the most frequent one, which the others are compared with.
    Reference,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Trainer {
    GradientDescent(descent::Settings),
    LeastSquares {
        alpha: f64,
    },
    Logistic {
        alpha: f64,
        iterations: usize,
        /// The second class is predicted where its probability is this or more.
        threshold: f64,
        /// The second class; `None`: the one that comes last, by number or by alphabet.
        positive: Option<String>,
    },
}

impl Trainer {
    pub fn name(&self) -> &'static str {
        match self {
            Trainer::GradientDescent(_) => "gradient-descent",
            Trainer::LeastSquares { .. } => "least-squares",
            Trainer::Logistic { .. } => "logistic",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// `None`: the configuration's `models.group`.
    pub group: Option<String>,
    #[serde(default)]
    pub description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    data: RawData,
    #[serde(default)]
    split: RawSplit,
    #[serde(default)]
    preprocess: RawPreprocess,
    #[serde(default)]
    train: RawTrain,
    #[serde(default)]
    gate: Table,
    search: Option<Table>,
    #[serde(default)]
    register: Register,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawData {
    file: Option<PathBuf>,
    features_file: Option<PathBuf>,
    target_file: Option<PathBuf>,
    target: Option<String>,
    features: Option<Vec<String>>,
    #[serde(default)]
    texts: Vec<String>,
    delimiter: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSplit {
    last: Option<u64>,
    share: Option<f64>,
    seed: Option<u64>,
    test_file: Option<PathBuf>,
    test_target_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPreprocess {
    missing: Option<RawMissing>,
    missing_text: Option<RawMissingText>,
    unknown: Option<Unknown>,
    one_hot: Option<OneHot>,
    #[serde(default)]
    standardise: bool,
    #[serde(default)]
    interactions: bool,
    degree: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"mean\", \"median\", \"drop\" or a number")]
enum RawMissing {
    Number(f64),
    Word(MissingWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MissingWord {
    Mean,
    Median,
    Drop,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"most_frequent\", \"drop\", \"unknown\" or { category = \"...\" }"
)]
enum RawMissingText {
    Word(MissingTextWord),
    Category(Category),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MissingTextWord {
    MostFrequent,
    Drop,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    category: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrain {
    trainer: Option<RawTrainer>,
    learning_rate: Option<f64>,
    iterations: Option<u64>,
    initial_weight: Option<RawWeights>,
    initial_intercept: Option<f64>,
    seed: Option<u64>,
    tolerance: Option<f64>,
    alpha: Option<f64>,
    threshold: Option<f64>,
    positive: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawTrainer {
    GradientDescent,
    LeastSquares,
    Logistic,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list of one for each term")]
enum RawWeights {
    All(f64),
    Each(Vec<f64>),
}

/// Keys that say the same thing in several ways: one that is overridden takes the place of the other ways.
const WAYS: [(&str, &[&[&str]]); 2] = [
    ("data", &[&["file"], &["features_file", "target_file"]]),
    ("split", &[&["last"], &["share"], &["test_file", "test_target_file"]]),
];

impl Pipeline {
    /// Reads a pipeline file. `overrides`: `section.key` and its value. Paths count from the working directory.
    pub fn read(file: &Path, overrides: &[(String, Value)]) -> Result<Pipeline> {
        let text = std::fs::read_to_string(file)
            .map_err(|e| Error::config(file, format!("can't read the pipeline file: {e}")))?;
        Pipeline::parse(file, &text, overrides)
    }

    /// `file`: the name of `text`.
    pub fn parse(file: &Path, text: &str, overrides: &[(String, Value)]) -> Result<Pipeline> {
        let fault = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            let key = text.lines().nth(line - 1).and_then(|l| l.split_once('='));
            let key = key.map_or("", |(key, _)| key.trim());
            let message = match e.message() {
                said if key.is_empty() || said.contains(&format!("`{key}`")) => said.to_string(),
                said => format!("{key}: {said}"),
            };
            Error::config(format!("{}:{line}", file.display()), message)
        };
        toml::from_str::<Raw>(text).map_err(fault)?;
        let keys: Table = toml::from_str(text).map_err(fault)?;
        Origin { file, text }.build(keys, overrides)
    }

    /// The same with other values of some keys.
    pub fn with(&self, overrides: &[(String, Value)]) -> Result<Pipeline> {
        let origin = Origin {
            file: &self.file,
            text: "",
        };
        origin.build(self.keys.clone(), overrides)
    }

    /// All keys that hold, as a pipeline file.
    pub fn text(&self) -> String {
        toml::to_string(&self.keys).expect("keys are TOML")
    }
}

/// Where keys were said, for messages.
struct Origin<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Origin<'_> {
    fn build(&self, mut keys: Table, overrides: &[(String, Value)]) -> Result<Pipeline> {
        for (key, _) in overrides {
            give_way(&mut keys, key);
        }
        for (key, value) in overrides {
            let wrong = |message: String| Error::config(format!("{key} = {value}"), message);
            set(&mut keys, key, value).map_err(&wrong)?;
            // One by one, so that the one that is wrong is named.
            let raw: std::result::Result<Raw, _> = keys.clone().try_into();
            raw.map_err(|e: toml::de::Error| wrong(e.message().to_string()))?;
        }
        let raw: Raw = keys
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| Error::config(self.file, e.message()))?;
        let said = |key: &str| overrides.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value);
        let wrong = |key: &str, message: String| {
            let (section, name) = key.split_once('.').unwrap_or((key, ""));
            let place = match (said(key), line_of(self.text, section, name)) {
                (Some(value), _) => format!("{key} = {value}"),
                (None, Some(line)) => format!("{}:{line}", self.file.display()),
                (None, None) => self.file.display().to_string(),
            };
            Error::config(place, message)
        };
        let data = data(raw.data).map_err(|(key, message)| wrong(key, message))?;
        let split = split(raw.split, &data).map_err(|(key, message)| wrong(key, message))?;
        let trainer = trainer(raw.train).map_err(|(key, message)| wrong(key, message))?;
        let preprocess = preprocess(raw.preprocess, &trainer).map_err(|(key, message)| wrong(key, message))?;
        Ok(Pipeline {
            file: self.file.into(),
            keys,
            data,
            split,
            preprocess,
            trainer,
            gate: raw.gate,
            search: raw.search,
            register: raw.register,
        })
    }
}

fn give_way(keys: &mut Table, key: &str) {
    for (section, ways) in WAYS {
        let name = key.strip_prefix(section).and_then(|k| k.strip_prefix('.'));
        if let (Some(name), Some(Value::Table(table))) = (name, keys.get_mut(section))
            && ways.iter().any(|way| way.contains(&name))
        {
            let others = ways.iter().filter(|way| !way.contains(&name));
            others.copied().flatten().for_each(|other| {
                table.remove(*other);
            });
        }
    }
}

fn set(keys: &mut Table, key: &str, value: &Value) -> std::result::Result<(), String> {
    let Some((section, name)) = key.split_once('.') else {
        return Err(format!("{key:?} is no section.key"));
    };
    let section = keys.entry(section).or_insert_with(|| Table::new().into());
    match section.as_table_mut() {
        Some(table) => {
            table.insert(name.into(), value.clone());
            Ok(())
        }
        None => Err(format!("{key:?} is no section.key")),
    }
}

/// The key that is wrong, and why.
type Fault = (&'static str, String);
type Checked<T> = std::result::Result<T, Fault>;

fn fault<T>(key: &'static str, message: impl Into<String>) -> Checked<T> {
    Err((key, message.into()))
}

fn data(raw: RawData) -> Checked<Data> {
    let source = match (raw.file, raw.features_file, raw.target_file) {
        (Some(file), None, None) => Source::Together(file),
        (None, Some(features), Some(target)) => Source::Apart { features, target },
        (None, Some(_), None) => return fault("data.features_file", "data.target_file is missing beside it"),
        (None, None, Some(_)) => return fault("data.target_file", "data.features_file is missing beside it"),
        (None, None, None) => {
            return fault(
                "data",
                "no examples: give data.file, or data.features_file and target_file",
            );
        }
        (Some(_), _, _) => {
            return fault(
                "data.file",
                "data.file has features and target; no other files go with it",
            );
        }
    };
    if raw.target.is_none() && matches!(source, Source::Together(_)) {
        return fault("data", "data.target is missing: the column to predict");
    }
    if let Some(features) = &raw.features {
        if features.is_empty() {
            return fault(
                "data.features",
                "data.features is empty; leave it out to take all columns",
            );
        }
        for (i, name) in features.iter().enumerate() {
            if features[..i].contains(name) {
                return fault("data.features", format!("data.features has {name:?} twice"));
            }
            if raw.target.as_ref() == Some(name) {
                return fault(
                    "data.features",
                    format!("{name:?} is the target, it can't be a feature too"),
                );
            }
        }
    }
    let delimiter = match raw.delimiter.as_deref().unwrap_or(",").as_bytes() {
        &[byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => byte,
        _ => {
            return fault(
                "data.delimiter",
                "data.delimiter should be one ASCII character, and no quote",
            );
        }
    };
    Ok(Data {
        source,
        target: raw.target,
        features: raw.features,
        texts: raw.texts,
        delimiter,
    })
}

fn split(raw: RawSplit, data: &Data) -> Checked<Split> {
    match (raw.last, raw.share, raw.test_file, raw.test_target_file) {
        (Some(0), None, None, None) => fault("split.last", "split.last should be at least 1"),
        (Some(last), None, None, None) => Ok(Split::Last(usize::try_from(last).unwrap_or(usize::MAX))),
        (None, Some(share), None, None) if share > 0.0 && share < 1.0 => Ok(Split::Share {
            share,
            seed: raw.seed.unwrap_or(0),
        }),
        (None, Some(share), None, None) => {
            fault("split.share", format!("split.share = {share} is not between 0 and 1"))
        }
        (None, None, Some(features), Some(target)) => Ok(Split::Test(Source::Apart { features, target })),
        (None, None, Some(_), None) if data.target.is_none() => {
            fault("split.test_file", "split.test_target_file is missing beside it")
        }
        (None, None, Some(file), None) => Ok(Split::Test(Source::Together(file))),
        (None, None, None, Some(_)) => fault("split.test_target_file", "split.test_file is missing beside it"),
        (None, None, None, None) => Ok(Split::Share {
            share: 0.2,
            seed: raw.seed.unwrap_or(0),
        }),
        _ => fault("split", "give one of split.last, split.share and split.test_file"),
    }
}

fn preprocess(raw: RawPreprocess, trainer: &Trainer) -> Checked<Preprocess> {
    let missing = match raw.missing {
        None | Some(RawMissing::Word(MissingWord::Mean)) => Missing::Mean,
        Some(RawMissing::Word(MissingWord::Median)) => Missing::Median,
        Some(RawMissing::Word(MissingWord::Drop)) => Missing::Drop,
        Some(RawMissing::Number(number)) if number.is_finite() => Missing::Constant(number),
        Some(RawMissing::Number(number)) => return fault("preprocess.missing", format!("{number} is not finite")),
    };
    let missing_text = match raw.missing_text {
        None | Some(RawMissingText::Word(MissingTextWord::MostFrequent)) => MissingText::MostFrequent,
        Some(RawMissingText::Word(MissingTextWord::Drop)) => MissingText::Drop,
        Some(RawMissingText::Word(MissingTextWord::Unknown)) => MissingText::Unknown,
        Some(RawMissingText::Category(Category { category }))
            if !category.is_empty() && category.trim() == category =>
        {
            MissingText::Category(category)
        }
        Some(RawMissingText::Category(_)) => {
            return fault(
                "preprocess.missing_text",
                "the category is empty or has spaces around it",
            );
        }
    };
    let degree = raw.degree.unwrap_or(1);
    let Some(degree) = u32::try_from(degree).ok().filter(|d| (1..=POWER_MAX).contains(d)) else {
        return fault("preprocess.degree", format!("degree {degree} is not 1 to {POWER_MAX}"));
    };
    let unique = match trainer {
        Trainer::GradientDescent(_) => false,
        Trainer::LeastSquares { alpha } | Trainer::Logistic { alpha, .. } => *alpha == 0.0,
    };
    Ok(Preprocess {
        missing,
        missing_text,
        unknown: raw.unknown.unwrap_or(Unknown::Ignore),
        one_hot: raw
            .one_hot
            .unwrap_or(if unique { OneHot::Reference } else { OneHot::All }),
        standardise: raw.standardise,
        interactions: raw.interactions,
        degree,
    })
}

/// Keys of other trainers are checked, and not used: a trainer can be changed by one flag.
fn trainer(raw: RawTrain) -> Checked<Trainer> {
    let learning_rate = raw.learning_rate.unwrap_or(0.1);
    let alpha = raw.alpha.unwrap_or(0.0);
    let tolerance = raw.tolerance.unwrap_or(0.0);
    let threshold = raw.threshold.unwrap_or(0.5);
    let initial_intercept = raw.initial_intercept.unwrap_or(0.0);
    if !(learning_rate.is_finite() && learning_rate > 0.0) {
        return fault(
            "train.learning_rate",
            format!("learning_rate = {learning_rate} is not above 0"),
        );
    }
    if !(alpha.is_finite() && alpha >= 0.0) {
        return fault("train.alpha", format!("alpha = {alpha} is below 0"));
    }
    if !(tolerance.is_finite() && tolerance >= 0.0) {
        return fault("train.tolerance", format!("tolerance = {tolerance} is below 0"));
    }
    if !(0.0..=1.0).contains(&threshold) {
        return fault(
            "train.threshold",
            format!("threshold = {threshold} is not between 0 and 1"),
        );
    }
    if !initial_intercept.is_finite() {
        return fault("train.initial_intercept", format!("{initial_intercept} is not finite"));
    }
    let iterations = match raw.iterations {
        None => None,
        Some(count @ 1..=ITERATIONS_MAX) => Some(count as usize),
        Some(count) => {
            return fault(
                "train.iterations",
                format!("iterations = {count} is not 1 to {ITERATIONS_MAX}"),
            );
        }
    };
    let initial = match (raw.initial_weight, raw.seed) {
        (Some(RawWeights::All(weight)), _) => Initial::All(weight),
        (Some(RawWeights::Each(weights)), _) => Initial::Each(weights),
        (None, Some(seed)) => Initial::Random { seed },
        (None, None) => Initial::All(0.0),
    };
    let finite = match &initial {
        Initial::All(weight) => weight.is_finite(),
        Initial::Each(weights) => weights.iter().all(|w| w.is_finite()),
        Initial::Random { .. } => true,
    };
    if !finite {
        return fault("train.initial_weight", "a weight is not finite");
    }
    match raw.trainer {
        None => fault(
            "train",
            "train.trainer is missing: \"gradient-descent\", \"least-squares\" or \"logistic\"",
        ),
        Some(RawTrainer::GradientDescent) => Ok(Trainer::GradientDescent(descent::Settings {
            learning_rate,
            iterations: iterations.unwrap_or(10_000),
            initial,
            initial_intercept,
            tolerance,
            alpha,
        })),
        Some(RawTrainer::LeastSquares) => Ok(Trainer::LeastSquares { alpha }),
        Some(RawTrainer::Logistic) => Ok(Trainer::Logistic {
            alpha,
            iterations: iterations.unwrap_or(100),
            threshold,
            positive: raw.positive,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[data]\nfile = \"e.csv\"\ntarget = \"y\"\n[train]\ntrainer = \"least-squares\"\n";

    fn parse(text: &str, overrides: &[(&str, Value)]) -> std::result::Result<Pipeline, String> {
        let overrides: Vec<(String, Value)> = overrides.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        Pipeline::parse(Path::new("p.toml"), text, &overrides).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let pipeline = parse(LEAST, &[]).unwrap();
        assert_eq!(pipeline.data.source, Source::Together("e.csv".into()));
        assert_eq!(pipeline.split, Split::Share { share: 0.2, seed: 0 });
        assert_eq!(pipeline.trainer, Trainer::LeastSquares { alpha: 0.0 });
        assert_eq!(pipeline.preprocess.one_hot, OneHot::Reference);
        assert_eq!(pipeline.preprocess.missing, Missing::Mean);
        let again = parse(&pipeline.text(), &[]).unwrap();
        assert_eq!(again.keys, pipeline.keys);
    }

    #[test]
    fn overrides_take_the_place_of_keys_and_of_other_ways_to_say_it() {
        let text = format!("{LEAST}alpha = 1\n[split]\ntest_file = \"t.csv\"\n");
        let pipeline = parse(&text, &[("split.last", 20.into()), ("train.alpha", 2.5.into())]).unwrap();
        assert_eq!(pipeline.split, Split::Last(20));
        assert_eq!(pipeline.trainer, Trainer::LeastSquares { alpha: 2.5 });
        assert_eq!(pipeline.preprocess.one_hot, OneHot::All);
        assert!(!pipeline.text().contains("test_file"));
        let other = pipeline.with(&[("train.trainer".into(), "logistic".into())]).unwrap();
        assert!(matches!(other.trainer, Trainer::Logistic { alpha: 2.5, .. }));
        let both = [("split.last", 20.into()), ("split.share", 0.5.into())];
        let message = parse(LEAST, &both).unwrap_err();
        assert!(message.contains("give one of split.last"), "{message}");
    }

    #[test]
    fn faults_name_the_file_the_line_and_the_key() {
        for (more, said) in [
            ("learning = 1", "p.toml:6: unknown field `learning`"),
            (
                "learning_rate = \"x\"",
                "p.toml:6: learning_rate: invalid type: string \"x\", expected f64",
            ),
            ("learning_rate = 0", "p.toml:6: learning_rate = 0 is not above 0"),
            ("alpha = -1.0", "p.toml:6: alpha = -1 is below 0"),
            ("iterations = 0", "p.toml:6: iterations = 0 is not 1 to"),
            ("[splits]", "p.toml:6: unknown field `splits`"),
            (
                "[split]\nshare = 1.5",
                "p.toml:7: split.share = 1.5 is not between 0 and 1",
            ),
            ("[split]\nlast = 3\nshare = 0.5", "p.toml: give one of split.last"),
            (
                "[preprocess]\nmissing = \"zero\"",
                "p.toml:7: missing: expected \"mean\", \"median\", \"drop\" or a number",
            ),
            ("[preprocess]\ndegree = 17", "p.toml:7: degree 17 is not 1 to 16"),
            (
                "[preprocess]\nunknown = \"fail\"",
                "p.toml:7: unknown: unknown variant `fail`",
            ),
            ("a b", "p.toml:6:"),
        ] {
            let message = parse(&format!("{LEAST}{more}\n"), &[]).unwrap_err();
            assert!(message.starts_with(said), "{more}: {message}");
        }
        for (key, value, said) in [
            ("train.rate", 1.into(), "train.rate = 1: unknown field `rate`"),
            ("train.alpha", "much".into(), "train.alpha = \"much\": invalid type"),
            ("train.alpha", (-1).into(), "train.alpha = -1: alpha = -1 is below 0"),
            ("alpha", 1.into(), "alpha = 1: \"alpha\" is no section.key"),
        ] {
            let message = parse(LEAST, &[(key, value)]).unwrap_err();
            assert!(message.starts_with(said), "{key}: {message}");
        }
        let message = parse("[train]\ntrainer = \"logistic\"\n", &[]).unwrap_err();
        assert!(message.contains("no examples"), "{message}");
    }
}
