//! Every `section.key` with its value, and where that was said: a file's line, a variable, a flag.

use super::DEFAULTS;
use crate::error::{Error, Result};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// Every `section.key` with its value, and where that was said.
pub struct Keys {
    values: HashMap<String, (Value, PathBuf)>,
}

impl Keys {
    pub fn defaults() -> Keys {
        let mut values = HashMap::new();
        let table: Table = DEFAULTS.parse().expect("the shipped configuration is TOML");
        for (section, keys) in table {
            for (key, value) in keys.as_table().expect("sections only") {
                values.insert(format!("{section}.{key}"), (value.clone(), "built-in default".into()));
            }
        }
        Keys { values }
    }

    pub fn merge_file(&mut self, file: &Path, text: &str) -> Result<()> {
        let table: Table = text
            .parse()
            .map_err(|e: toml::de::Error| Error::config(file, e.to_string().trim_end()))?;
        for (section, keys) in table {
            let Value::Table(keys) = keys else {
                let message = format!("{section:?} stands outside of a [section]");
                return Err(Error::config(file, message));
            };
            for (key, value) in keys {
                let origin = match line_of(text, &section, &key) {
                    Some(line) => PathBuf::from(format!("{}:{line}", file.display())),
                    None => file.into(),
                };
                self.set(&format!("{section}.{key}"), value, origin)?;
            }
        }
        Ok(())
    }

    /// A value from where everything is text; what the default is tells how to read it.
    pub fn merge_text(&mut self, key: &str, text: &str, origin: &str) -> Result<()> {
        let parsed = || {
            format!("v = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut t| t.remove("v"))
        };
        let value = match self.values.get(key) {
            Some((Value::String(_), _)) if text.starts_with('[') => parsed(),
            Some((Value::Array(_), _)) if !text.starts_with('[') => Some(
                text.split(',')
                    .map(|t| Value::from(t.trim()))
                    .collect::<Vec<_>>()
                    .into(),
            ),
            Some((Value::Array(_) | Value::Boolean(_) | Value::Integer(_), _)) => parsed(),
            _ => None,
        };
        self.set(key, value.unwrap_or_else(|| text.into()), origin.into())
    }

    fn set(&mut self, key: &str, value: Value, origin: PathBuf) -> Result<()> {
        match self.values.get_mut(key) {
            Some(slot) => {
                *slot = (value, origin);
                Ok(())
            }
            None => {
                let near = self
                    .values
                    .keys()
                    .min_by_key(|k| (strsim::damerau_levenshtein(k, key), (*k).clone()));
                let near = near.expect("there are keys");
                Err(Error::config(
                    origin,
                    format!("unknown key {key}; the nearest is {near}"),
                ))
            }
        }
    }

    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        let word = self.value(key).as_str();
        match choices.iter().find(|(name, _)| Some(*name) == word) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
                self.wrong(key, &names.join(" or "))
            }
        }
    }

    pub fn duration(&self, key: &str, least: Duration, most: Duration) -> Result<Duration> {
        match self.value(key).as_str().and_then(to_duration) {
            Some(duration) if duration >= least && duration <= most => Ok(duration),
            _ => {
                let (least, most) = (shown(least), shown(most));
                let expected =
                    format!("a duration between {least} and {most}, such as \"500ms\", \"2s\", \"5m\" or \"90d\"");
                self.wrong(key, &expected)
            }
        }
    }

    pub fn string(&self, key: &str) -> Result<&str> {
        match self.value(key) {
            Value::String(text) => Ok(text),
            _ => self.wrong(key, "a text in quotes"),
        }
    }

    pub fn boolean(&self, key: &str) -> Result<bool> {
        match self.value(key) {
            Value::Boolean(b) => Ok(*b),
            _ => self.wrong(key, "true or false"),
        }
    }

    pub fn integer(&self, key: &str) -> Result<u64> {
        match self.value(key) {
            Value::Integer(n) if *n >= 0 => Ok(*n as u64),
            _ => self.wrong(key, "a whole number"),
        }
    }

    pub fn value(&self, key: &str) -> &Value {
        &self.values[key].0
    }

    pub fn origin(&self, key: &str) -> &Path {
        &self.values[key].1
    }

    pub fn wrong<T>(&self, key: &str, expected: &str) -> Result<T> {
        let (value, origin) = &self.values[key];
        Err(Error::config(origin, format!("{key} = {value} should be {expected}")))
    }
}

/// A day is 24 hours.
fn to_duration(text: &str) -> Option<Duration> {
    match text.trim().strip_suffix('d').map(|days| days.trim().parse::<u32>()) {
        Some(Ok(days)) => Some(Duration::from_secs(24 * 3600) * days),
        _ => Duration::try_from(text.parse::<SignedDuration>().ok()?).ok(),
    }
}

fn shown(duration: Duration) -> String {
    match duration.as_secs() / (24 * 3600) {
        0 => format!("{duration:?}"),
        days => format!("{days}d"),
    }
}

/// The line on which a file gives `section.key`, counted from 1.
pub fn line_of(text: &str, section: &str, key: &str) -> Option<usize> {
    let mut inside = false;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.trim_start_matches('[').split(']').next()?.trim() == section;
        }
        let name = line.split('=').next()?.trim();
        if inside && name == key || name == format!("{section}.{key}") {
            return Some(i + 1);
        }
    }
    None
}
