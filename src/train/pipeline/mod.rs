//! The pipeline file: TOML -> raw -> validated [`Pipeline`]. Reads one file.
//!
//! Each key is `section.key`; what is said elsewhere (by a flag, by a trial of a search) overrides the file's.

mod raw;

use super::{descent, preprocess};
use crate::config::line_of;
use crate::error::{Error, Result};
use crate::evaluate::Task;
use crate::format::csv::columns::Kind;
use raw::Raw;
use serde::Deserialize;
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
    /// Does it learn yes or no, not a number?
    pub fn classifies(&self) -> bool {
        matches!(self, Trainer::Logistic { .. })
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
const WAYS: [(&str, &[&[&str]]); 2] = [
    ("data", &[&["file"], &["features_file", "target_file"]]),
    ("split", &[&["last"], &["share"], &["test_file", "test_target_file"]]),
];

impl Pipeline {
    /// What its predictions are evaluated as.
    pub fn task(&self) -> Task {
        match self.trainer {
            Trainer::Logistic { threshold, .. } => Task::Classification { threshold },
            Trainer::GradientDescent(_) | Trainer::LeastSquares { .. } => Task::Regression,
        }
    }

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
        let data = raw::data(raw.data).map_err(|(key, message)| wrong(key, message))?;
        let split = raw::split(raw.split, &data).map_err(|(key, message)| wrong(key, message))?;
        let trainer = raw::trainer(raw.train).map_err(|(key, message)| wrong(key, message))?;
        let preprocess = raw::preprocess(raw.preprocess, &trainer).map_err(|(key, message)| wrong(key, message))?;
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
    // A range is named by another section's key.
    let (section, name) = match name.strip_prefix("over.") {
        Some(searched) if section == "search" => {
            let search = keys.entry(section).or_insert_with(|| Table::new().into());
            let over = search
                .as_table_mut()
                .map(|s| s.entry("over").or_insert_with(|| Table::new().into()));
            let over = over
                .and_then(|over| over.as_table_mut())
                .ok_or("search.over is no table")?;
            over.insert(searched.into(), value.clone());
            return Ok(());
        }
        _ => (section, name),
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
