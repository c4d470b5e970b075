//! Experiments of a group: which version is tried beside the champion, who decided on it, when and why. Each is a file,
//! `models/GROUP/experiments/NAME.toml`; its steps only grow.

use super::disk;
use super::manifest::MANIFEST_MAX;
use super::{Registry, Status, Vote};
use crate::error::{Error, Result};
use crate::score::{Identity, Shadow};
use crate::spool::durable;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "experiments";
const FORMAT_VERSION: u32 = 1;
/// Bytes of a name: it is that of a folder and of a file.
const NAME_MAX: usize = 64;

/// A version that is tried beside the champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    format_version: u32,
    pub name: String,
    pub kind: Kind,
    /// The one that is tried.
    pub version: u32,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// The one that answers while it is tried.
    pub champion: u32,
    /// SHA-256 of its manifest.
    pub champion_manifest: String,
    /// The column by which rows are found again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Are files its own that were there before it began?
    pub backfill: bool,
    /// Oldest first.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It scores all rows, and answers none.
    Shadow,
}

/// Somebody's decision on an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    /// user@host
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(default)]
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Start,
    Stop,
    /// Another version was approved, or it was rejected.
    End,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Shadow => "shadow",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::End => "end",
        })
    }
}

/// How an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    Stopped,
    /// Another version was approved, or it was rejected.
    Ended,
    /// Another version than its champion answers, though none was approved since.
    Suspended,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Stopped => "stopped",
            State::Ended => "ended",
            State::Suspended => "suspended",
        })
    }
}

/// The experiments of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiments {
    pub known: Vec<Experiment>,
    /// Why others can't be read.
    pub damaged: Vec<String>,
}

/// What to begin.
pub struct Beginning<'a> {
    pub name: &'a str,
    pub kind: Kind,
    pub version: u32,
    pub key: Option<String>,
    pub backfill: bool,
}

impl Experiment {
    /// Did nobody stop it, and no approval end it?
    pub fn goes_on(&self) -> bool {
        self.last() == Action::Start
    }

    fn last(&self) -> Action {
        self.steps.last().map_or(Action::Stop, |step| step.action)
    }

    /// `answering`: the version that answers now, if one does.
    pub fn state(&self, answering: Option<&Identity>) -> State {
        let is_champion =
            |answering: &Identity| answering.version == self.champion && answering.manifest == self.champion_manifest;
        match self.last() {
            Action::Stop => State::Stopped,
            Action::End => State::Ended,
            Action::Start if answering.is_some_and(is_champion) => State::Running,
            Action::Start => State::Suspended,
        }
    }

    /// When it began, RFC 3339.
    pub fn began(&self) -> &str {
        self.steps.first().map_or("", |step| &step.at)
    }

    /// Inputs that were first seen before aren't its; microseconds since 1970.
    fn since(&self) -> i64 {
        let began = || self.began().parse().map_or(i64::MAX, Timestamp::as_microsecond);
        if self.backfill { i64::MIN } else { began() }
    }
}

impl Registry {
    fn experiments_folder(&self) -> PathBuf {
        self.path.join(FOLDER)
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
                Err(error) => experiments.damaged.push(error.to_string()),
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

    fn experiment_path(&self, name: &str) -> Result<PathBuf> {
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

    /// Begins an experiment: the version must prove itself beside the one that answers.
    pub fn start_experiment(&self, beginning: Beginning, vote: Vote) -> Result<Experiment> {
        let Beginning {
            name,
            kind,
            version,
            key,
            backfill,
        } = beginning;
        let path = self.experiment_path(name)?;
        let refuse = |message: String| Err(Error::config(&path, message));
        let shown = self.show(version)?;
        if shown.status == Status::Rejected {
            return refuse(format!(
                "version {version} was rejected: it is no candidate; register its artifact anew to try it"
            ));
        }
        let champion = self.latest_approved()?;
        if champion.version == version {
            return refuse(format!(
                "version {version} is the one that answers: there is nothing to compare"
            ));
        }
        let member = self.prove(version)?;
        let (ours, theirs) = (&self.manifest(champion.version)?.signature, member.model.signature());
        if let Some(why) = ours.incomparable(theirs) {
            return refuse(format!(
                "{}/{version} can't be compared with {champion}: {why}",
                self.group
            ));
        }
        let experiment = Experiment {
            format_version: FORMAT_VERSION,
            name: name.into(),
            kind,
            version,
            manifest: member.identity.manifest,
            champion: champion.version,
            champion_manifest: champion.manifest,
            key,
            backfill,
            steps: vec![Step {
                action: Action::Start,
                by: vote.by,
                at: vote.at,
                reason: vote.reason,
            }],
        };
        let folder = self.experiments_folder();
        fs::create_dir_all(&folder).map_err(Error::io("make folder", &folder))?;
        let _lock = lock(&folder)?;
        if path.exists() {
            return refuse(
                "an experiment of this name was there before: its files and decisions stay; take another name".into(),
            );
        }
        experiment.write(&path)?;
        Ok(experiment)
    }

    /// Stops an experiment that isn't stopped yet.
    pub fn stop_experiment(&self, name: &str, vote: Vote) -> Result<Experiment> {
        self.step(name, Action::Stop, vote)
    }

    /// Somebody decided on a version: what is over by that ends, for this reason. Their names.
    pub(super) fn end_experiments(
        &self,
        is_over: impl Fn(&Experiment) -> bool,
        reason: &str,
        vote: &Vote,
    ) -> Result<Vec<String>> {
        let mut ended = Vec::new();
        // One that can't be read doesn't score.
        for experiment in self.experiments()?.known {
            if experiment.goes_on() && is_over(&experiment) {
                let vote = Vote {
                    by: vote.by.clone(),
                    at: vote.at.clone(),
                    reason: reason.into(),
                };
                self.step(&experiment.name, Action::End, vote)?;
                ended.push(experiment.name);
            }
        }
        Ok(ended)
    }

    fn step(&self, name: &str, action: Action, vote: Vote) -> Result<Experiment> {
        let path = self.experiment_path(name)?;
        self.experiment(name)?;
        let _lock = lock(&self.experiments_folder())?;
        let mut experiment = read(&path)?;
        if experiment.last() == Action::Stop {
            return Err(Error::config(
                &path,
                "it is stopped already; with --purge what it made is removed, too",
            ));
        }
        experiment.steps.push(Step {
            action,
            by: vote.by,
            at: vote.at,
            reason: vote.reason,
        });
        experiment.write(&path)?;
        Ok(experiment)
    }

    /// The experiments that go on beside the version that answers.
    pub fn running(&self, answering: &Identity) -> Result<Experiments> {
        let mut experiments = self.experiments()?;
        experiments
            .known
            .retain(|experiment| experiment.state(Some(answering)) == State::Running);
        Ok(experiments)
    }

    /// Puts the version of a shadow to use.
    pub(super) fn shadow(&self, experiment: &Experiment) -> Result<Shadow> {
        let member = self.prove(experiment.version)?;
        if member.identity.manifest != experiment.manifest {
            let message =
                "it isn't the version any more with which the experiment began: stop that, and start another one";
            return Err(Error::model(self.folder(experiment.version), message));
        }
        Ok(Shadow {
            experiment: experiment.name.clone(),
            member,
            key: experiment.key.clone(),
            since: experiment.since(),
            phase: 1,
            guards: Vec::new(),
        })
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=NAME_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
}

/// Two people at once: one waits for the other. Not every mount can lock.
fn lock(folder: &Path) -> Result<File> {
    let file = File::open(folder).map_err(Error::io("open", folder))?;
    let _ = file.lock();
    Ok(file)
}

fn read(path: &Path) -> Result<Experiment> {
    let text = disk::read(path, MANIFEST_MAX)?;
    let experiment: Experiment = disk::parse(path, &text)?;
    disk::check_format(path, experiment.format_version, FORMAT_VERSION)?;
    let named = path.file_stem().is_some_and(|stem| stem == experiment.name.as_str());
    match named && is_name(&experiment.name) && !experiment.steps.is_empty() {
        true => Ok(experiment),
        false => Err(Error::model(
            path,
            "it isn't named as the experiment in it, or has no step",
        )),
    }
}

impl Experiment {
    fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).expect("an experiment is TOML");
        durable::replace(path, text.as_bytes())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test is what wrote it")]
mod tests {
    use super::*;

    /// As the first version that knew experiments wrote one.
    const GOLDEN: &str = r#"format_version = 1
name = "trees"
kind = "shadow"
version = 2
manifest = "aa"
champion = 1
champion_manifest = "bb"
key = "id"
backfill = false

[[step]]
action = "start"
by = "ada@host"
at = "2026-11-27T06:44:29.390587Z"
reason = "a try"

[[step]]
action = "end"
by = "bob@host"
at = "2026-11-28T06:44:29Z"
reason = "version 3 was approved"
"#;

    fn read_text(name: &str, text: &str) -> Result<Experiment> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn what_was_written_is_read_for_ever() {
        let experiment = read_text("trees.toml", GOLDEN).unwrap();
        assert_eq!(toml::to_string(&experiment).unwrap(), GOLDEN);
        assert_eq!(experiment.state(None), State::Ended);
        assert_eq!(
            experiment.since(),
            "2026-11-27T06:44:29.390587Z"
                .parse::<Timestamp>()
                .unwrap()
                .as_microsecond()
        );
    }

    #[test]
    fn what_is_damaged_or_newer_is_no_experiment() {
        for (name, from, to) in [
            ("other.toml", "", ""),
            ("trees.toml", "format_version = 1", "format_version = 2"),
            ("trees.toml", "backfill", "unknown"),
            ("trees.toml", "\"shadow\"", "\"other\""),
        ] {
            assert!(read_text(name, &GOLDEN.replacen(from, to, 1)).is_err(), "{name} {to}");
        }
        let (without_steps, _) = GOLDEN.split_once("[[step]]").unwrap();
        assert!(read_text("trees.toml", &format!("{without_steps}step = []\n")).is_err());
    }

    #[test]
    fn it_goes_on_only_beside_its_champion() {
        let text = GOLDEN.split("[[step]]").take(2).collect::<Vec<_>>().join("[[step]]");
        let experiment = read_text("trees.toml", &text).unwrap();
        let answering = |version, manifest: &str| Identity {
            group: "g".into(),
            version,
            manifest: manifest.into(),
            artifact: String::new(),
        };
        assert_eq!(experiment.state(Some(&answering(1, "bb"))), State::Running);
        for other in [answering(1, "cc"), answering(3, "bb")] {
            assert_eq!(experiment.state(Some(&other)), State::Suspended);
        }
        assert_eq!(experiment.state(None), State::Suspended);
    }
}
