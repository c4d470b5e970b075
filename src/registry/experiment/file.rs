//! The files of a group's experiments.

use super::record::{Experiment, Kind, NAME_MAX, NEWEST, is_name};
use crate::error::{Error, Result};
use crate::registry::manifest::MANIFEST_MAX;
use crate::registry::{Registry, disk};
use crate::spool::durable;
use serde_json::Value;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "experiments";

/// The experiments of a group.
#[derive(Debug, Default)]
pub struct Experiments {
    pub known: Vec<Experiment>,
    pub damaged: Vec<Damaged>,
}

/// An experiment that can't be read.
#[derive(Debug)]
pub struct Damaged {
    /// Why not.
    pub error: Error,
    /// Its file says so: some keys are its, and nobody knows which.
    pub is_challenger: bool,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Experiments {
    /// The one that is a challenger's and that nobody stopped, if there is one.
    pub(super) fn challenger(&self) -> Option<&Experiment> {
        let is_it = |experiment: &&Experiment| experiment.kind == Kind::Challenger && experiment.goes_on();
        self.known.iter().find(is_it)
    }
}

impl Registry {
    pub(super) fn experiments_folder(&self) -> PathBuf {
        self.path().join(FOLDER)
    }

    /// All experiments, in the order of their names; and why some can't be read.
    ///
    /// # Errors
    /// Their folder can't be listed.
    pub fn experiments(&self) -> Result<Experiments> {
        let folder = self.experiments_folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Experiments::default()),
            Err(e) => return Err(Error::io("list", &folder)(e)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with('.') && name.ends_with(".toml") {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        let mut experiments = Experiments::default();
        for path in &paths {
            match read(path) {
                Ok(experiment) => experiments.known.push(experiment),
                Err(error) => experiments.damaged.push(Damaged {
                    is_challenger: says_challenger(path),
                    error,
                }),
            }
        }
        Ok(experiments)
    }

    pub fn experiment(&self, name: &str) -> Result<Experiment> {
        let path = self.experiment_path(name)?;
        match read(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let known = self.experiments()?.known;
                let known: Vec<&str> = known.iter().map(|experiment| &experiment.name[..]).collect();
                let message = match known[..] {
                    [] => format!("there is no experiment {name:?}, nor any other"),
                    _ => format!("there is no experiment {name:?}; there are: {}", known.join(", ")),
                };
                Err(Error::config(path, message))
            }
            read => read,
        }
    }

    pub(super) fn experiment_path(&self, name: &str) -> Result<PathBuf> {
        let path = self.experiments_folder().join(format!("{name}.toml"));
        match is_name(name) {
            true => Ok(path),
            false => Err(Error::config(
                "experiment",
                format!(
                    "{name:?} can't be the name of an experiment: at most {NAME_MAX} letters, digits, '-', '_' and '.', the first \
                     a letter or digit"
                ),
            )),
        }
    }

    /// Where the report is kept by which a version was promoted.
    pub fn evidence_path(&self, name: &str) -> Result<PathBuf> {
        let path = self.experiment_path(name)?;
        Ok(path.with_file_name(format!("{name}.report.json")))
    }

    /// Keeps the report by which a version is promoted beside its experiment; one that is there already gives way.
    pub(super) fn keep_evidence(&self, name: &str, report: &Value) -> Result<()> {
        let json = serde_json::to_vec_pretty(report).expect("a report is JSON");
        durable::replace(&self.evidence_path(name)?, &json)
    }
}

/// What can be told of a file that is damaged or of a later format.
fn says_challenger(path: &Path) -> bool {
    let text = disk::read(path, MANIFEST_MAX).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(|line| line.split_once('='));
    lines.any(|line| line.is_some_and(|(key, value)| key.trim() == "kind" && value.contains("challenger")))
}

pub(super) fn read(path: &Path) -> Result<Experiment> {
    let text = disk::read(path, MANIFEST_MAX)?;
    let experiment: Experiment = disk::parse(path, &text)?;
    disk::check_format(path, experiment.format_version, NEWEST)?;
    if path.file_stem().is_none_or(|stem| stem != experiment.name.as_str()) {
        return Err(Error::model(path, "it isn't named as the experiment in it"));
    }
    match experiment.flaw() {
        None => Ok(experiment),
        Some(flaw) => Err(Error::model(path, flaw)),
    }
}

impl Experiment {
    pub(super) fn write(&mut self, path: &Path) -> Result<()> {
        self.format_version = self.format();
        let text = toml::to_string(self).expect("an experiment is TOML");
        durable::replace(path, text.as_bytes())
    }
}
