//! The pipeline file: TOML -> raw -> validated [`Pipeline`]. Reads one file.
//!
//! Each key is `section.key`; what is said elsewhere (by a flag, by a trial of a search) overrides the file's.

mod raw;

use super::{descent, preprocess};
use crate::config::layers::{self, Assignment, Content, Layers, Origin};
use crate::error::{Error, Result};
use crate::evaluate::Task;
use crate::format::compression::Limits;
use crate::format::csv::columns::ReadAs;
use crate::format::{Dialect, Encoding};
use crate::score::Spelling;
use raw::Raw;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// From examples to a model: what to do, validated.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Where it was read from.
    pub file: PathBuf,
    /// All keys that hold: the file's, and what overrode them.
    pub keys: Table,
    pub data: Data,
    pub split: Split,
    pub preprocess: preprocess::Settings,
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
    pub encoding: Encoding,
    pub dialect: Dialect,
    /// What means a missing value, and what stands in front of a fraction.
    pub spelling: Spelling,
    /// What compressed files may ask for.
    pub limits: Limits,
}

impl Data {
    pub fn kind(&self, name: &str) -> ReadAs {
        match self.texts.iter().any(|text| text == name) {
            true => ReadAs::Texts,
            false => ReadAs::Any,
        }
    }
}

/// Where examples stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Together(PathBuf),
    Apart { features: PathBuf, target: PathBuf },
}

/// How rows are split, to evaluate on others than those that were trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    pub kept: Kept,
    /// Of classes: each side and each fold of a search has its share of each.
    pub stratified: bool,
}

/// Which rows are kept from training. Shares are between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    Last(usize),
    /// Chosen at random.
    Share {
        share: f64,
        seed: u64,
    },
    /// The last ones by a column of times; folds, too, are evaluated after what they train on.
    Time {
        column: String,
        share: f64,
    },
    /// Those of groups chosen at random; no group is on both sides, nor in two folds.
    Group {
        column: String,
        share: f64,
        seed: u64,
    },
    /// Those of another file.
    Test(Source),
}

impl Split {
    /// The column that it goes by: no feature, unless `data.features` names it.
    pub fn column(&self) -> Option<&str> {
        match &self.kept {
            Kept::Time { column, .. } | Kept::Group { column, .. } => Some(column),
            Kept::Last(_) | Kept::Share { .. } | Kept::Test(_) => None,
        }
    }
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
        /// Of two classes, the second one is predicted where its probability is this or more.
        threshold: f64,
        /// The second class; `None`: the one that comes last, by number or by alphabet.
        positive: Option<String>,
        class_weights: ClassWeights,
    },
}

/// How much a training row counts, by its class: as scikit-learn's `class_weight`.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    Equal,
    /// All classes together count the same: rows / (classes * rows of the class).
    Balanced,
    /// Finite numbers above 0; of classes that are not named, 1.
    Given(BTreeMap<String, f64>),
}

impl Trainer {
    /// Does it learn classes, not a number?
    pub fn classifies(&self) -> bool {
        matches!(self, Trainer::Logistic { .. })
    }

    /// What predictions of a target of so many classes are evaluated as.
    pub fn task(&self, classes: usize) -> Task {
        match (self, classes) {
            (Trainer::Logistic { threshold, .. }, ..=2) => Task::Classification { threshold: *threshold },
            (Trainer::Logistic { .. }, classes) => Task::Multiclass { classes },
            (Trainer::GradientDescent(_) | Trainer::LeastSquares { .. }, _) => Task::Regression,
        }
    }

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

/// Keys that say the same thing in several ways: one that is overridden takes the place of the other ways.
const WAYS: [(&str, &[&[&str]]); 3] = [
    ("data", &[&["file"], &["features_file", "target_file"]]),
    (
        "split",
        &[
            &["last"],
            &["share", "time", "group"],
            &["test_file", "test_target_file"],
        ],
    ),
    ("split", &[&["stratified"], &["time"], &["group"]]),
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
        let mut layers = Layers::new(&file.display().to_string());
        layers.merge(file, text)?;
        // What is wrong with the file is wrong also where something overrides it.
        layers.read::<Raw>()?;
        Pipeline::build(file, layers, overrides, "flags")
    }

    /// The same with other values of some keys, as a search tries them.
    pub fn with(&self, overrides: &[(String, Value)]) -> Result<Pipeline> {
        let layers = Layers::of(&self.file.display().to_string(), &self.keys);
        Pipeline::build(&self.file, layers, overrides, "search.over")
    }

    /// `by`: who overrides.
    fn build(file: &Path, mut layers: Layers, overrides: &[(String, Value)], by: &str) -> Result<Pipeline> {
        for (key, _) in overrides {
            give_way(&mut layers, key);
        }
        let origin = Origin::named(by);
        for (key, value) in overrides {
            layers.assign(Assignment {
                key: path(key),
                content: Content::of(value, &origin),
                origin: origin.clone(),
            });
        }
        let raw: Raw = layers.read()?;
        let wrong = |invalid: raw::Invalid| layers.invalid(invalid.key, invalid.message);
        let data = raw::data(raw.data).map_err(wrong)?;
        let split = raw::split(raw.split, &data).map_err(wrong)?;
        let trainer = raw::trainer(raw.train).map_err(wrong)?;
        let preprocess = raw::preprocess(raw.preprocess, &trainer).map_err(wrong)?;
        let mut keys = layers.table();
        record(&split, &trainer, &mut keys);
        Ok(Pipeline {
            file: file.into(),
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

    /// All keys that hold, as a pipeline file.
    pub fn text(&self) -> String {
        toml::to_string(&self.keys).expect("keys are TOML")
    }
}

/// Writes the split that holds among the keys, where it is by default: what stands with a version makes it again, by programs
/// with other defaults, too.
fn record(split: &Split, trainer: &Trainer, keys: &mut Table) {
    let section = keys.entry("split").or_insert_with(|| Table::new().into());
    let Some(section) = section.as_table_mut() else { return };
    let (share, seed) = match split.kept {
        Kept::Share { share, seed } | Kept::Group { share, seed, .. } => (Some(share), Some(seed)),
        Kept::Time { share, .. } => (Some(share), None),
        Kept::Last(_) | Kept::Test(_) => (None, None),
    };
    let stratified = trainer.classifies() && split.column().is_none();
    let all: [(&str, Option<Value>); 3] = [
        ("share", share.map(Value::from)),
        ("seed", seed.and_then(|seed| i64::try_from(seed).ok()).map(Value::from)),
        ("stratified", stratified.then_some(split.stratified.into())),
    ];
    for (key, value) in all {
        if let Some(value) = value {
            section.entry(key).or_insert(value);
        }
    }
}

/// The steps to a key. A range to search is named by another section's key, as one step.
fn path(key: &str) -> Vec<String> {
    match key.strip_prefix("search.over.") {
        Some(searched) => ["search", "over", searched].map(String::from).into(),
        None => layers::dotted(key),
    }
}

fn give_way(layers: &mut Layers, key: &str) {
    for (section, ways) in WAYS {
        if let Some(name) = key.strip_prefix(section).and_then(|k| k.strip_prefix('.'))
            && ways.iter().any(|way| way.contains(&name))
        {
            let others = ways.iter().filter(|way| !way.contains(&name));
            others
                .copied()
                .flatten()
                .for_each(|other| layers.remove(section, other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use preprocess::{Missing, OneHot};

    const LEAST: &str = "[data]\nfile = \"e.csv\"\ntarget = \"y\"\n[train]\ntrainer = \"least-squares\"\n";

    fn parse(text: &str, overrides: &[(&str, Value)]) -> std::result::Result<Pipeline, String> {
        let overrides: Vec<(String, Value)> = overrides.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        Pipeline::parse(Path::new("p.toml"), text, &overrides).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let pipeline = parse(LEAST, &[]).unwrap();
        assert_eq!(pipeline.data.source, Source::Together("e.csv".into()));
        assert_eq!(pipeline.split.kept, Kept::Share { share: 0.2, seed: 0 });
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
        assert_eq!(pipeline.split.kept, Kept::Last(20));
        assert_eq!(pipeline.trainer, Trainer::LeastSquares { alpha: 2.5 });
        assert_eq!(pipeline.preprocess.one_hot, OneHot::All);
        assert!(!pipeline.text().contains("test_file"));
        let other = pipeline.with(&[("train.trainer".into(), "logistic".into())]).unwrap();
        assert!(matches!(other.trainer, Trainer::Logistic { alpha: 2.5, .. }));
        let both = [("split.last", 20.into()), ("split.share", 0.5.into())];
        let message = parse(LEAST, &both).unwrap_err();
        assert!(message.contains("give one of split.last"), "{message}");
        let timed = other.with(&[("split.time".into(), "at".into())]).unwrap();
        let share = 0.2;
        let column = "at".to_string();
        assert_eq!(timed.split.kept, Kept::Time { column, share });
        let grouped = timed.with(&[("split.group".into(), "who".into())]).unwrap();
        assert_eq!(grouped.split.column(), Some("who"));
        assert_eq!(
            grouped.with(&[("split.last".into(), 3.into())]).unwrap().split.column(),
            None
        );
    }

    #[test]
    fn the_split_that_holds_stands_among_the_keys() {
        let split = |text: &str| parse(text, &[]).unwrap().keys["split"].to_string();
        assert_eq!(split(LEAST), "{ seed = 0, share = 0.2 }");
        let logistic = LEAST.replace("least-squares", "logistic");
        assert_eq!(split(&logistic), "{ seed = 0, share = 0.2, stratified = true }");
        let more = |keys: &str| split(&format!("{logistic}[split]\n{keys}\n"));
        assert_eq!(more("last = 2"), "{ last = 2, stratified = true }");
        assert_eq!(more("time = \"at\""), "{ share = 0.2, time = \"at\" }");
        assert_eq!(
            more("seed = 3\ngroup = \"g\""),
            "{ group = \"g\", seed = 3, share = 0.2 }"
        );
    }

    #[test]
    fn faults_name_the_file_the_line_and_the_key() {
        for (more, expected) in [
            (
                "learning = 1",
                "p.toml:6: unknown key train.learning; the nearest is train.learning_rate",
            ),
            (
                "learning_rate = \"x\"",
                "p.toml:6: train.learning_rate = \"x\" should be a number",
            ),
            ("learning_rate = 0", "p.toml:6: learning_rate = 0 is not above 0"),
            ("alpha = -1.0", "p.toml:6: alpha = -1 is below 0"),
            ("iterations = 0", "p.toml:6: iterations = 0 is not 1 to"),
            ("[splits]", "p.toml:6: unknown key splits; the nearest is split"),
            (
                "[split]\nshare = 1.5",
                "p.toml:7: split.share = 1.5 is not between 0 and 1",
            ),
            ("[split]\nlast = 3\nshare = 0.5", "p.toml:6: give one of split.last"),
            (
                "[split]\nstratified = 1",
                "p.toml:7: split.stratified = 1 should be true or false",
            ),
            (
                "[split]\nlast = 3\ntime = \"at\"",
                "p.toml:8: split.time keeps a share of the rows; it doesn't go with split.last",
            ),
            (
                "[split]\nstratified = true\ngroup = \"who\"",
                "p.toml:7: split.stratified = true doesn't go with split.group",
            ),
            ("[split]\ntime = \"y\"", "p.toml:7: split.time = \"y\" is the target"),
            (
                "[split]\ngroup = \"who\"\ntime = \"at\"",
                "p.toml:6: give one of split.time and split.group",
            ),
            (
                "class_weights = \"equal\"",
                "p.toml:6: train.class_weights = \"equal\": expected \"balanced\" or { CLASS = 2.0, ... }",
            ),
            (
                "class_weights = { yes = 0 }",
                "p.toml:6: class_weights: the weight 0 of \"yes\" is not above 0",
            ),
            (
                "[preprocess]\nmissing = \"zero\"",
                "p.toml:7: preprocess.missing = \"zero\": expected \"mean\", \"median\", \"drop\" or a number",
            ),
            ("[preprocess]\ndegree = 17", "p.toml:7: degree 17 is not 1 to 16"),
            (
                "[preprocess]\nunknown = \"fail\"",
                "p.toml:7: preprocess.unknown = \"fail\" should be \"refuse\" or \"ignore\"",
            ),
            ("a b", "p.toml:6: this is no TOML at column 3"),
        ] {
            let message = parse(&format!("{LEAST}{more}\n"), &[]).unwrap_err();
            assert!(message.starts_with(expected), "{more}: {message}");
        }
        for (key, value, expected) in [
            ("train.rate", 1.into(), "flags: unknown key train.rate"),
            (
                "train.alpha",
                "much".into(),
                "flags: train.alpha = \"much\" should be a number",
            ),
            ("train.alpha", (-1).into(), "flags: alpha = -1 is below 0"),
            ("alpha", 1.into(), "flags: \"alpha\" stands outside of a [section]"),
        ] {
            let message = parse(LEAST, &[(key, value)]).unwrap_err();
            assert!(message.starts_with(expected), "{key}: {message}");
        }
        let message = parse("[train]\ntrainer = \"logistic\"\n", &[]).unwrap_err();
        assert!(message.contains("no examples"), "{message}");
    }
}
