//! `[output]`: where outputs go, how they get there, and what is in them.

use super::Config;
use super::value::{Any, Folder, any, text};
use crate::error::{Error, Result};
use crate::format::OutputFormat;
use crate::spool::Mode;
use crate::transform::Columns;
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Output {
    pub path: PathBuf,
    /// `None`: found out at start.
    pub publish: Option<Mode>,
    pub done_marker: bool,
    pub taken: OnTaken,
    /// Another worker may publish there, too: their inputs never have the same name.
    pub shared: bool,
    /// Outputs of at most so many bytes get a SHA-256 when they are made.
    pub sha256_most: u64,
}

/// SHA-256 takes 40 us of it here, a part of the time that its file takes; of 209 MB it took 0.15 s of CPU beside 0.69 s.
const SMALL: u64 = 64 << 10;

/// Bytes in front of a column's name: more make it long, in each output.
const PREFIX_MOST: usize = 64;

/// What becomes of an output that went, while its input, the model and the settings stay the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTaken {
    /// It is made again, unless it goes again and again.
    Remake,
    Leave,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    path: Folder,
    #[serde(deserialize_with = "format")]
    pub format: OutputFormat,
    #[serde(deserialize_with = "columns")]
    pub columns: Columns,
    #[serde(deserialize_with = "prefix")]
    pub prefix: String,
    pub probabilities: bool,
    pub model_version: bool,
    publish: Publish,
    done_marker: bool,
    taken: OnTaken,
    shared: bool,
    sha256: Sha256,
}

/// Of which outputs SHA-256 is made with them.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sha256 {
    Small,
    All,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Publish {
    Auto,
    Rename,
    Direct,
}

/// Where a challenger answers for some keys, an output must say who answered each of its rows.
///
/// # Errors
/// It doesn't.
pub fn says_who_answers(config: &Config) -> Result<()> {
    let message = "output.model_version must be true where a challenger answers for some keys, for each row to say which version did: \
                   set it before the experiment (all outputs are made again, with a column more), or stop the experiment";
    match config.shape.model_version {
        true => Ok(()),
        false => Err(Error::config(
            config.file.as_deref().unwrap_or(Path::new("output.model_version")),
            message,
        )),
    }
}

impl Raw {
    pub fn validate(&self) -> Output {
        Output {
            path: self.path.0.clone(),
            publish: match self.publish {
                Publish::Auto => None,
                Publish::Rename => Some(Mode::Rename),
                Publish::Direct => Some(Mode::Direct),
            },
            done_marker: self.done_marker,
            taken: self.taken,
            shared: self.shared,
            sha256_most: match self.sha256 {
                Sha256::Small => SMALL,
                Sha256::All => u64::MAX,
            },
        }
    }
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OutputFormat, D::Error> {
    let expected = "\"same\" or \"csv\" or \"jsonl\" or \"parquet\"";
    text(deserializer, expected, OutputFormat::parse)
}

fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let expected = format!("a text of at most {PREFIX_MOST} bytes without control characters, such as \"our_\"");
    let is_one = |text: &str| text.len() <= PREFIX_MOST && !text.contains(char::is_control);
    text(deserializer, expected, |text| is_one(text).then(|| text.to_owned()))
}

fn columns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Columns, D::Error> {
    let read = |value| match value {
        Any::Text(word) if word == "prediction" => Some(Columns::Prediction),
        Any::Text(word) if word == "all" => Some(Columns::All),
        Any::Texts(names) if !names.is_empty() => {
            let once = (1..names.len()).all(|i| !names[..i].contains(&names[i]));
            once.then_some(Columns::Named(names))
        }
        _ => None,
    };
    let expected = "\"prediction\", \"all\", or an array of column names, each once";
    any(deserializer, expected, read)
}
