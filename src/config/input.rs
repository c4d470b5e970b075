//! `[input]`: where inputs are, which files are inputs, and how they are read.

use super::layers::Layers;
use super::value::{Any, Decimal, Folder, Period, any, text};
use crate::error::Result;
use crate::model::Marker;
use crate::score::Spelling;
use crate::spool::{Hidden, Links, Rules};
use crate::transform::{BadRows, Dialect, Encoding, Header, Limit, Share};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Input {
    pub path: PathBuf,
    pub rules: Rules,
    pub watch: Watch,
    pub poll_interval: Duration,
    pub rescan_interval: Duration,
    pub settle: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    Auto,
    Events,
    Poll,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    path: Folder,
    recursive: bool,
    #[serde(deserialize_with = "globs")]
    include: Vec<String>,
    hidden: Vec<String>,
    #[serde(deserialize_with = "links")]
    links: Links,
    pub encoding: Encoding,
    #[serde(deserialize_with = "header")]
    pub header: Header,
    #[serde(deserialize_with = "delimiter")]
    delimiter: u8,
    #[serde(deserialize_with = "escape")]
    escape: Option<u8>,
    decimal: Decimal,
    missing: Vec<Marker>,
    #[serde(deserialize_with = "bad_rows")]
    pub bad_rows: BadRows,
    #[serde(deserialize_with = "limit")]
    pub max_bad_rows: Limit,
    #[serde(deserialize_with = "max_expansion")]
    pub max_expansion: u32,
    watch: Watch,
    poll_interval: Period<10, 7>,
    rescan_interval: Period<10, 7>,
    settle: Period<0, 7>,
}

impl Raw {
    pub fn validate(&self, layers: &Layers) -> Result<Input> {
        let hidden = Hidden::new(&self.hidden).map_err(|e| layers.invalid(&["input", "hidden"], e.to_string()))?;
        let rules = Rules::new(self.recursive, &self.include, hidden, self.links.clone());
        Ok(Input {
            path: self.path.0.clone(),
            rules: rules.map_err(|e| layers.invalid(&["input", "include"], e.to_string()))?,
            watch: self.watch,
            poll_interval: self.poll_interval.0,
            rescan_interval: self.rescan_interval.0,
            settle: self.settle.0,
        })
    }
}

impl Raw {
    /// What parts the cells, and what escapes that.
    pub fn dialect(&self, layers: &Layers) -> Result<Dialect> {
        let (delimiter, escape) = (self.delimiter, self.escape);
        if escape == Some(delimiter) {
            let message = "input.escape and input.delimiter can't be the same character";
            return Err(layers.invalid(&["input", "escape"], message));
        }
        Ok(Dialect { delimiter, escape })
    }

    /// How the cells are spelled.
    pub fn spelling(&self, layers: &Layers) -> Result<Spelling> {
        match self.decimal.clash(self.delimiter, "input") {
            Some(message) => Err(layers.invalid(&["input", "decimal"], message)),
            None => Ok(Spelling::new(&self.missing, self.decimal == Decimal::Comma)),
        }
    }
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let globs = Vec::<String>::deserialize(deserializer)?;
    match globs.is_empty() {
        true => Err(super::value::invalid("an array of globs, such as [\"*.csv\"]")),
        false => Ok(globs),
    }
}

fn links<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Links, D::Error> {
    let read = |value| match value {
        Any::Text(word) => match word.as_str() {
            "refuse" => Some(Links::Refuse),
            "within" => Some(Links::Within(Vec::new())),
            _ => None,
        },
        Any::Texts(folders) if !folders.iter().any(String::is_empty) => {
            Some(Links::Within(folders.into_iter().map(PathBuf::from).collect()))
        }
        _ => None,
    };
    any(deserializer, "\"refuse\" or \"within\" or an array of folders", read)
}

fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
    let read = |value| match value {
        Any::Flag(true) => Some(Header::Present),
        Any::Flag(false) => Some(Header::Absent),
        Any::Text(word) => match word.as_str() {
            "auto" => Some(Header::Auto),
            "true" => Some(Header::Present),
            "false" => Some(Header::Absent),
            _ => None,
        },
        Any::Number(_) | Any::Texts(_) => None,
    };
    any(deserializer, "\"auto\" or \"true\" or \"false\"", read)
}

fn delimiter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let expected = "one ASCII character that is no letter, digit, quote, space, + - or .";
    text(deserializer, expected, Dialect::parse_delimiter)
}

fn escape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let expected = "one ASCII character, such as \"\\\\\", that is no letter, digit, quote, space, + - . , ; or |; doubled quotes need \
                    none: \"\"";
    text(deserializer, expected, Dialect::parse_escape)
}

fn bad_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BadRows, D::Error> {
    text(deserializer, "\"blank\" or \"fail\"", |word| match word {
        "blank" => Some(BadRows::Blank),
        "fail" => Some(BadRows::Fail),
        _ => None,
    })
}

fn max_expansion<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let read = |value| match value {
        Any::Number(n) => u32::try_from(n).ok().filter(|times| *times > 0),
        Any::Text(text) => text.trim().parse().ok().filter(|times| *times > 0),
        Any::Flag(_) | Any::Texts(_) => None,
    };
    any(deserializer, "an integer of at least 1, and below 2^32", read)
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
    let read = |value| match value {
        Any::Number(n) => u64::try_from(n).ok().map(Limit::Count),
        Any::Text(text) => match text.strip_suffix('%') {
            Some(percent) => Share::parse(percent.trim()).map(Limit::Share),
            None => text.trim().parse().ok().map(Limit::Count),
        },
        Any::Flag(_) | Any::Texts(_) => None,
    };
    any(
        deserializer,
        "a count, or a share between \"0%\" and \"100%\" of at most 17 decimals",
        read,
    )
}
