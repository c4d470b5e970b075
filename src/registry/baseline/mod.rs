//! The baseline that later rows of a version are held against: what was registered with it, or what somebody decided on
//! since: `baseline.toml`, and the files that it names, beside the version and never in it.

mod rows;

pub use rows::{Made, Named, Rows};

use super::disk::{self, Frozen};
use super::manifest::MANIFEST_MAX;
use super::{Attachment, Registry, Vote};
use crate::checksum::Sha256Sum;
use crate::error::{Error, Result};
use crate::model::Signature;
use crate::monitor::{Baseline, Counter, Watch};
use crate::spool::durable;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DECISIONS: &str = "baseline.toml";
const FORMAT_VERSION: u32 = 1;
/// Digits of the SHA-256 in a file's name.
const DIGITS: usize = 16;

/// What rows of a version are held against now.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    pub baseline: Arc<Baseline>,
    /// Of its file.
    pub sha256: Sha256Sum,
    pub path: PathBuf,
}

impl InForce {
    /// By which rows are counted, and what is watched beside the model's columns. `signature`: of the version whose baseline it is.
    pub fn counter(&self, watch: &Watch, signature: &Signature) -> Counter {
        Counter::new(&self.baseline, self.sha256, signature).watching(watch, &self.baseline, signature)
    }
}

/// Somebody's decision that a version has another baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Of the baseline's file.
    pub sha256: String,
    /// user@host
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(default)]
    pub reason: String,
}

/// A version's baselines, oldest first.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decisions {
    format_version: u32,
    #[serde(default)]
    decision: Vec<Given>,
}

impl Registry {
    /// The baseline in force for a version: that of the newest decision, else what was registered with it. None: its rows can't be
    /// held against anything.
    ///
    /// # Errors
    /// It is damaged, or of another model. An older one never takes its place.
    pub fn baseline(&self, version: u32) -> Result<Option<InForce>> {
        if self.is_retired(version)? {
            return Ok(None);
        }
        let folder = self.folder(version);
        let manifest = self.manifest(version)?;
        let signature = &manifest.signature;
        if let Some(given) = self.baselines_given(version)?.pop() {
            return in_force(&file(&folder, &given.sha256), signature).map(Some);
        }
        let attached = |name| manifest.attachments.iter().find(move |attached| attached.name == name);
        let attached = attached(Attachment::Baseline).or_else(|| attached(Attachment::Profile));
        attached
            .map(|attached| in_force(&attached.file_in(&folder), signature))
            .transpose()
    }

    /// A baseline of a version that was in force elsewhere, by the SHA-256 of its file; whatever was decided since.
    ///
    /// # Errors
    /// It isn't there, damaged, or of another model.
    pub fn baseline_of(&self, version: u32, sha256: Sha256Sum) -> Result<InForce> {
        let folder = self.folder(version);
        let manifest = self.manifest(version)?;
        let digits = sha256.to_string();
        let attached = manifest.attachments.iter().find(|attached| attached.sha256 == digits);
        match attached {
            Some(attached) => in_force(&attached.file_in(&folder), &manifest.signature),
            None => in_force(&file(&folder, &digits), &manifest.signature),
        }
    }

    /// Did nobody decide for another baseline than the one that is known? What stands in it isn't read again.
    pub fn is_baseline_in_force(&self, version: u32, known: Option<Sha256Sum>) -> bool {
        let given = self.baselines_given(version).map(|mut given| given.pop());
        let known = known.map(|known| known.to_string());
        given.is_ok_and(|given| given.is_none_or(|given| Some(given.sha256) == known))
    }

    /// Who gave a version which baselines after it was registered, oldest first.
    pub fn baselines_given(&self, version: u32) -> Result<Vec<Given>> {
        let path = self.folder(version).join(DECISIONS);
        match disk::read(&path, MANIFEST_MAX) {
            Ok(text) => parse(&path, &text),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Gives a version another baseline, which counts from now on. Returns its SHA-256.
    ///
    /// # Errors
    /// There is no such version, or the baseline isn't of its columns.
    pub fn give_baseline(&self, version: u32, baseline: &Baseline, vote: Vote) -> Result<String> {
        let signature = self.show(version)?.manifest.signature;
        let folder = self.folder(version);
        baseline.fits(&signature).map_err(|why| Error::config(&folder, why))?;
        let json = baseline.json();
        let sha256 = disk::sha256(&json);
        let _lock = self.lock()?;
        self.check_kept(version)?;
        let mut decision = self.baselines_given(version)?;
        decision.push(Given {
            sha256: sha256.clone(),
            by: vote.by,
            at: vote.at,
            reason: vote.reason,
        });
        let decisions = Decisions {
            format_version: FORMAT_VERSION,
            decision,
        };
        // The decision comes last: what it names is there.
        durable::replace(&file(&folder, &sha256).path, &json)?;
        let text = toml::to_string(&decisions).expect("decisions are TOML");
        durable::replace(&folder.join(DECISIONS), text.as_bytes())?;
        Ok(sha256)
    }
}

/// Is it the name of a file with a baseline that was given?
pub(super) fn is_given(name: &str) -> bool {
    let digits = name
        .strip_prefix("baseline-")
        .and_then(|rest| rest.strip_suffix(".json"));
    digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Where a baseline that was given stands.
fn file<'a>(folder: &Path, sha256: &'a str) -> Frozen<'a> {
    let digits = sha256.get(..DIGITS).unwrap_or(sha256);
    // What isn't hexadecimal is no name of a file in this folder.
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    Frozen {
        what: "the baseline",
        path: folder.join(format!("baseline-{digits}.json")),
        sha256,
    }
}

fn in_force(file: &Frozen, signature: &Signature) -> Result<InForce> {
    let wrong = |why: String| Error::model(&file.path, why);
    let baseline = Baseline::parse(&file.read()?).map_err(wrong)?;
    baseline.fits(signature).map_err(wrong)?;
    Ok(InForce {
        baseline: baseline.into(),
        sha256: Sha256Sum::parse(file.sha256).ok_or_else(|| wrong("its SHA-256 is none".into()))?,
        path: file.path.clone(),
    })
}

fn parse(path: &Path, text: &[u8]) -> Result<Vec<Given>> {
    let decisions: Decisions = disk::parse(path, text)?;
    disk::check_format(path, decisions.format_version, FORMAT_VERSION)?;
    Ok(decisions.decision)
}

#[cfg(test)]
mod tests;
