//! An old version's files are removed when nothing needs them; what was decided on it, and its number, stay: `retired.toml`.
//!
//! It is a file of its own, beside the other decisions: earlier versions of this program know no such status, and would take
//! a file of decisions that has it for damage. To them the version is as approved as it was and its artifact is missing, so
//! that where it would answer they stop.

use super::disk;
use super::experiment::{Experiments, Kind};
use super::manifest::{MANIFEST_MAX, Manifest};
use super::{Decision, Experiment, Registry, Status, Vote, baseline};
use crate::error::{Error, Result};
use crate::model::ensemble::Plan;
use crate::spool::durable;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const RETIRED: &str = "retired.toml";
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retired {
    format_version: u32,
    /// user@host
    by: String,
    /// RFC 3339, UTC.
    at: String,
    #[serde(default)]
    reason: String,
}

/// What became of a version that was retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    pub files: u64,
    pub bytes: u64,
    /// It was retired before; what was still there went now.
    pub again: bool,
}

impl Registry {
    /// Retires a version: its artifact and what else it is scored and proven with are removed, and it can never be approved
    /// or loaded again.
    ///
    /// The decision comes first: whoever is killed over it has retired the version, and asks again for the files that are
    /// left.
    ///
    /// # Errors
    /// There is no such version, or something needs it.
    pub fn retire(&self, version: u32, vote: Vote) -> Result<Removed> {
        let manifest = self.show(version)?.manifest;
        let folder = self.folder(version);
        let _lock = self.lock()?;
        let again = decision(&folder)?.is_some();
        if !again {
            if let Some(why) = self.why_needed(version)? {
                let message = format!(
                    "version {version} of model group {} can't be retired: {why}",
                    self.group()
                );
                return Err(Error::config(&folder, message));
            }
            let retired = Retired {
                format_version: FORMAT_VERSION,
                by: vote.by,
                at: vote.at,
                reason: vote.reason,
            };
            let text = toml::to_string(&retired).expect("a decision is TOML");
            durable::replace(&folder.join(RETIRED), text.as_bytes())?;
        }
        let mut removed = Removed {
            files: 0,
            bytes: 0,
            again,
        };
        for path in files(&manifest, &folder)? {
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            match remove(&path) {
                Ok(()) => {
                    removed.files += 1;
                    removed.bytes += size;
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("remove", &path)(e)),
            }
        }
        durable::sync_folder(&folder)?;
        Ok(removed)
    }

    /// Who needs a version, if anybody does.
    fn why_needed(&self, version: u32) -> Result<Option<String>> {
        let answering = match self.latest_approved() {
            Ok(identity) => Some(identity),
            Err(Error::NoModel { .. }) => None,
            Err(error) => return Err(error),
        };
        // This one's manifest was read: a damaged one is another's.
        let candidate = self.latest_candidate();
        let is_candidate = candidate.is_ok_and(|identity| identity.version == version);
        if answering.as_ref().is_some_and(|identity| identity.version == version) {
            return Ok(Some(format!(
                "it is the latest approved version; approve a higher one, or reject it ('models reject {version}')"
            )));
        }
        if is_candidate {
            return Ok(Some(format!(
                "it is the newest version that nobody rejected, which answers where serve runs with --stage staging; reject it \
                 first ('models reject {version}')"
            )));
        }
        let Experiments { known, damaged } = self.experiments()?;
        if let Some(damaged) = damaged.into_iter().find(|damaged| damaged.is_challenger) {
            return Err(damaged.error);
        }
        let is_rejected = Status::after(&self.decisions(version)?) == Status::Rejected;
        let of_version = || known.iter().filter(|experiment| experiment.version == version);
        if let Some(Experiment { name, .. }) = of_version().find(|experiment| experiment.goes_on()) {
            return Ok(Some(format!(
                "experiment {name} tries it; stop that first ('experiment stop {name}')"
            )));
        }
        let has_phases = |experiment: &&Experiment| {
            let is_beside = answering
                .as_ref()
                .is_some_and(|identity| experiment.is_beside(identity));
            experiment.kind == Kind::Challenger && is_beside && !is_rejected
        };
        Ok(of_version().find(has_phases).map(|Experiment { name, champion, .. }| {
            format!(
                "it answered in experiment {name} beside version {champion}, which answers on, and what it answered may be made again; \
                 reject it first ('models reject {version}'): then version {champion} makes that again"
            )
        }))
    }
}

/// All that a version is scored, proven and held against with.
fn files(manifest: &Manifest, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = manifest.files_in(folder).into_iter().map(|file| file.path).collect();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let is_own = |name: &str| Plan::is_file(name) || baseline::is_given(name);
        if entry.file_name().to_str().is_some_and(is_own) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[allow(clippy::disallowed_methods, reason = "the registry's own files, never results")]
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// The decision that retired the version in `folder`, if there is one.
pub(super) fn decision(folder: &Path) -> Result<Option<Decision>> {
    let path = folder.join(RETIRED);
    let text = match disk::read(&path, MANIFEST_MAX) {
        Ok(text) => text,
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    parse(&path, &text).map(Some)
}

pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Decision> {
    let retired: Retired = disk::parse(path, text)?;
    disk::check_format(path, retired.format_version, FORMAT_VERSION)?;
    Ok(Decision {
        status: Status::Retired,
        by: retired.by,
        at: retired.at,
        reason: retired.reason,
    })
}

/// An error if the version in `folder` was retired.
pub(super) fn check(folder: &Path) -> Result<()> {
    let Some(Decision { by, at, reason, .. }) = decision(folder)? else {
        return Ok(());
    };
    let why = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    let message = format!(
        "this version was retired by {by} at {at}{why}, and its artifact removed; register the artifact again, as a new version"
    );
    Err(Error::config(folder, message))
}
