//! What a pipeline file may say, key by key, and what each must hold.

use super::{ClassWeights, Data, Kept, Register, Source, Split, Trainer};
use crate::config::Decimal;
use crate::format::compression::Limits;
use crate::format::{Dialect, Encoding};
use crate::model::Marker;
use crate::model::pipeline::{POWER_MAX, Unknown};
use crate::score::Spelling;
use crate::train::descent::{self, Initial};
use crate::train::preprocess::{self, Missing, MissingText, OneHot};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Table;

/// The losses of all iterations are kept.
const ITERATIONS_MAX: u64 = 10_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    #[serde(default)]
    pub data: RawData,
    #[serde(default)]
    pub split: RawSplit,
    #[serde(default)]
    pub preprocess: RawPreprocess,
    #[serde(default)]
    pub train: RawTrain,
    #[serde(default)]
    pub gate: Table,
    pub search: Option<Table>,
    #[serde(default)]
    pub register: Register,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawData {
    file: Option<PathBuf>,
    features_file: Option<PathBuf>,
    target_file: Option<PathBuf>,
    target: Option<String>,
    features: Option<Vec<String>>,
    #[serde(default)]
    texts: Vec<String>,
    encoding: Option<Encoding>,
    delimiter: Option<String>,
    escape: Option<String>,
    #[serde(default)]
    decimal: Decimal,
    missing: Option<Vec<Marker>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSplit {
    last: Option<u64>,
    share: Option<f64>,
    seed: Option<u64>,
    stratified: Option<bool>,
    time: Option<String>,
    group: Option<String>,
    test_file: Option<PathBuf>,
    test_target_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPreprocess {
    missing: Option<RawMissing>,
    missing_text: Option<RawMissingText>,
    unknown: Option<Unknown>,
    one_hot: Option<RawOneHot>,
    #[serde(default)]
    standardise: bool,
    #[serde(default)]
    interactions: bool,
    degree: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawOneHot {
    All,
    Reference,
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
pub struct RawTrain {
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
    class_weights: Option<RawClassWeights>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"balanced\" or { CLASS = 2.0, ... }")]
enum RawClassWeights {
    Word(ClassWeightsWord),
    Given(BTreeMap<String, f64>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClassWeightsWord {
    Balanced,
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

/// What is wrong with a key.
pub struct Invalid {
    /// From the root.
    pub key: &'static [&'static str],
    pub message: String,
}

pub type Checked<T> = std::result::Result<T, Invalid>;

fn invalid<T>(key: &'static [&'static str], message: impl Into<String>) -> Checked<T> {
    let message = message.into();
    Err(Invalid { key, message })
}

pub fn data(raw: RawData) -> Checked<Data> {
    let source = match (raw.file, raw.features_file, raw.target_file) {
        (Some(file), None, None) => Source::Together(file),
        (None, Some(features), Some(target)) => Source::Apart { features, target },
        (None, Some(_), None) => return invalid(&["data", "features_file"], "data.target_file is missing beside it"),
        (None, None, Some(_)) => return invalid(&["data", "target_file"], "data.features_file is missing beside it"),
        (None, None, None) => {
            return invalid(
                &["data"],
                "no examples: give data.file, or data.features_file and target_file",
            );
        }
        (Some(_), _, _) => {
            return invalid(
                &["data", "file"],
                "data.file has features and target; no other files go with it",
            );
        }
    };
    if raw.target.is_none() && matches!(source, Source::Together(_)) {
        return invalid(&["data"], "data.target is missing: the column to predict");
    }
    if let Some(features) = &raw.features {
        if features.is_empty() {
            return invalid(
                &["data", "features"],
                "data.features is empty; leave it out to take all columns",
            );
        }
        for (i, name) in features.iter().enumerate() {
            if features[..i].contains(name) {
                return invalid(&["data", "features"], format!("data.features has {name:?} twice"));
            }
            if raw.target.as_ref() == Some(name) {
                return invalid(
                    &["data", "features"],
                    format!("{name:?} is the target, it can't be a feature too"),
                );
            }
        }
    }
    let Some(delimiter) = Dialect::parse_delimiter(raw.delimiter.as_deref().unwrap_or(",")) else {
        return invalid(
            &["data", "delimiter"],
            "data.delimiter should be one ASCII character that is no letter, digit, quote, space, + - or .",
        );
    };
    if let Some(message) = raw.decimal.clash(delimiter, "data") {
        return invalid(&["data", "decimal"], message);
    }
    let comma = raw.decimal == Decimal::Comma;
    let escape = Dialect::parse_escape(raw.escape.as_deref().unwrap_or_default());
    let Some(escape) = escape.filter(|escape| *escape != Some(delimiter)) else {
        return invalid(
            &["data", "escape"],
            "data.escape should be one ASCII character, such as \"\\\\\", that is no letter, digit, quote, space, + - . , ; | \
             nor the delimiter",
        );
    };
    Ok(Data {
        source,
        target: raw.target,
        features: raw.features,
        texts: raw.texts,
        encoding: raw.encoding.unwrap_or(Encoding::UTF_8),
        dialect: Dialect { delimiter, escape },
        spelling: match raw.missing {
            Some(missing) => Spelling::new(&missing, comma),
            None => Spelling::usual(comma),
        },
        limits: Limits::USUAL,
    })
}

pub fn split(raw: RawSplit, data: &Data) -> Checked<Split> {
    let share = match raw.share {
        Some(share) if !(share > 0.0 && share < 1.0) => {
            return invalid(
                &["split", "share"],
                format!("split.share = {share} is not between 0 and 1"),
            );
        }
        share => share.unwrap_or(0.2),
    };
    let by = match (raw.time, raw.group) {
        (Some(_), Some(_)) => return invalid(&["split"], "give one of split.time and split.group"),
        (None, None) => None,
        (Some(column), None) => Some((Word::Time, column)),
        (None, Some(column)) => Some((Word::Group, column)),
    };
    if let Some((word, column)) = &by {
        let (key, name) = word.key();
        let others = [
            ("split.last", raw.last.is_some()),
            ("split.test_file", raw.test_file.is_some()),
        ];
        if let Some((other, _)) = others.iter().find(|(_, given)| *given) {
            let message = format!("{name} keeps a share of the rows; it doesn't go with {other}");
            return invalid(key, message);
        }
        if data.target.as_ref() == Some(column) {
            return invalid(key, format!("{name} = {column:?} is the target"));
        }
        if raw.stratified == Some(true) {
            return invalid(
                &["split", "stratified"],
                format!("split.stratified = true doesn't go with {name}, which decides by itself; leave it out"),
            );
        }
    }
    let seed = raw.seed.unwrap_or(0);
    let kept = match (raw.last, raw.share, raw.test_file, raw.test_target_file) {
        (Some(0), None, None, None) => return invalid(&["split", "last"], "split.last should be at least 1"),
        (Some(last), None, None, None) => Kept::Last(usize::try_from(last).unwrap_or(usize::MAX)),
        (None, None, Some(features), Some(target)) => Kept::Test(Source::Apart { features, target }),
        (None, None, Some(_), None) if data.target.is_none() => {
            return invalid(&["split", "test_file"], "split.test_target_file is missing beside it");
        }
        (None, None, Some(file), None) => Kept::Test(Source::Together(file)),
        (None, None, None, Some(_)) => {
            return invalid(&["split", "test_target_file"], "split.test_file is missing beside it");
        }
        (None, _, None, None) => match by {
            None => Kept::Share { share, seed },
            Some((Word::Time, column)) => Kept::Time { column, share },
            Some((Word::Group, column)) => Kept::Group { column, share, seed },
        },
        _ => return invalid(&["split"], "give one of split.last, split.share and split.test_file"),
    };
    Ok(Split {
        kept,
        stratified: raw.stratified.unwrap_or(true),
    })
}

/// What a split goes by.
enum Word {
    Time,
    Group,
}

impl Word {
    fn key(&self) -> (&'static [&'static str], &'static str) {
        match self {
            Word::Time => (&["split", "time"], "split.time"),
            Word::Group => (&["split", "group"], "split.group"),
        }
    }
}

pub fn preprocess(raw: RawPreprocess, trainer: &Trainer) -> Checked<preprocess::Settings> {
    let missing = match raw.missing {
        None | Some(RawMissing::Word(MissingWord::Mean)) => Missing::Mean,
        Some(RawMissing::Word(MissingWord::Median)) => Missing::Median,
        Some(RawMissing::Word(MissingWord::Drop)) => Missing::Drop,
        Some(RawMissing::Number(number)) if number.is_finite() => Missing::Constant(number),
        Some(RawMissing::Number(number)) => {
            return invalid(&["preprocess", "missing"], format!("{number} is not finite"));
        }
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
            return invalid(
                &["preprocess", "missing_text"],
                "the category is empty or has spaces around it",
            );
        }
    };
    let degree = raw.degree.unwrap_or(1);
    let Some(degree) = u32::try_from(degree).ok().filter(|d| (1..=POWER_MAX).contains(d)) else {
        return invalid(
            &["preprocess", "degree"],
            format!("degree {degree} is not 1 to {POWER_MAX}"),
        );
    };
    let unique = match trainer {
        Trainer::GradientDescent(_) => false,
        Trainer::LeastSquares { alpha } | Trainer::Logistic { alpha, .. } => *alpha == 0.0,
    };
    Ok(preprocess::Settings {
        missing,
        missing_text,
        unknown: raw.unknown.unwrap_or(Unknown::Ignore),
        one_hot: match raw.one_hot {
            Some(RawOneHot::All) => OneHot::All,
            Some(RawOneHot::Reference) => OneHot::Reference,
            None if unique => OneHot::Reference,
            None => OneHot::All,
        },
        standardise: raw.standardise,
        interactions: raw.interactions,
        degree,
    })
}

/// Keys of other trainers are checked, and not used: a trainer can be changed by one flag.
pub fn trainer(raw: RawTrain) -> Checked<Trainer> {
    let learning_rate = raw.learning_rate.unwrap_or(0.1);
    let alpha = raw.alpha.unwrap_or(0.0);
    let tolerance = raw.tolerance.unwrap_or(0.0);
    let threshold = raw.threshold.unwrap_or(0.5);
    let initial_intercept = raw.initial_intercept.unwrap_or(0.0);
    if !(learning_rate.is_finite() && learning_rate > 0.0) {
        return invalid(
            &["train", "learning_rate"],
            format!("learning_rate = {learning_rate} is not above 0"),
        );
    }
    if !(alpha.is_finite() && alpha >= 0.0) {
        return invalid(&["train", "alpha"], format!("alpha = {alpha} is below 0"));
    }
    if !(tolerance.is_finite() && tolerance >= 0.0) {
        return invalid(&["train", "tolerance"], format!("tolerance = {tolerance} is below 0"));
    }
    if !(0.0..=1.0).contains(&threshold) {
        return invalid(
            &["train", "threshold"],
            format!("threshold = {threshold} is not between 0 and 1"),
        );
    }
    if !initial_intercept.is_finite() {
        return invalid(
            &["train", "initial_intercept"],
            format!("{initial_intercept} is not finite"),
        );
    }
    let iterations = match raw.iterations {
        None => None,
        Some(count @ 1..=ITERATIONS_MAX) => Some(count as usize),
        Some(count) => {
            return invalid(
                &["train", "iterations"],
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
        return invalid(&["train", "initial_weight"], "a weight is not finite");
    }
    let class_weights = match raw.class_weights {
        None => ClassWeights::Equal,
        Some(RawClassWeights::Word(ClassWeightsWord::Balanced)) => ClassWeights::Balanced,
        Some(RawClassWeights::Given(weights)) => {
            if let Some((class, weight)) = weights.iter().find(|(_, w)| !(w.is_finite() && **w > 0.0)) {
                return invalid(
                    &["train", "class_weights"],
                    format!("class_weights: the weight {weight} of {class:?} is not above 0"),
                );
            }
            ClassWeights::Given(weights)
        }
    };
    match raw.trainer {
        None => invalid(
            &["train"],
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
            class_weights,
        }),
    }
}
