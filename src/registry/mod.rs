//! Model groups on disk: register, approve, reject, latest approved.
//!
//! A version's folder is `models/GROUP/N` with a manifest, an artifact, what its training left beside it, and its
//! approvals. Versions are immutable; what changes is the file of decisions, whose last entry counts. Whatever can't be
//! read or doesn't fit its checksum is an error: never a silent fallback to an older version. So is a version that no
//! longer predicts what it did when it was registered ([`golden`]).

mod approval;
pub mod baseline;
mod current;
pub mod diff;
mod disk;
pub mod ensemble;
pub mod evaluation;
pub mod experiment;
pub mod golden;
pub mod halt;
mod intact;
mod manifest;
mod register;
mod retire;
#[cfg(test)]
pub(crate) mod sample;
mod store;

pub use approval::{Decision, Status, Vote};
pub use current::{Baselines, Current};
pub use disk::sha256;
pub use experiment::Experiment;
pub use golden::rehearse;
pub use halt::{Halt, Halts};
pub use intact::Intact;
pub use manifest::{Attached, Attachment, Manifest, Training};
pub use register::{Candidate, Details, Registered};
pub use retire::Removed;

use crate::error::{Error, Result};
use crate::model::{Format, Model};
use crate::onnxruntime;
use crate::score::{Identity, Member};
use disk::FILE_MAX;
use golden::Golden;
use manifest::MANIFEST;
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A model group on disk.
#[derive(Clone, Debug)]
pub struct Registry {
    /// The group's folder.
    path: PathBuf,
    group: String,
}

/// A version as it stands in the registry.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub version: u32,
    pub status: Status,
    pub manifest: Manifest,
    pub decisions: Vec<Decision>,
}

impl Registry {
    pub fn new(models: &Path, group: &str) -> Registry {
        Registry {
            path: models.join(group),
            group: group.into(),
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    /// The group's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of all versions, lowest first.
    pub fn versions(&self) -> Result<Vec<u32>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("list", &self.path)(e)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &self.path))?.file_name();
            let number = name.to_str().and_then(|n| n.parse::<u32>().ok());
            versions.extend(number.filter(|n| *n > 0 && n.to_string().as_str() == name));
        }
        versions.sort_unstable();
        Ok(versions)
    }

    /// A version's manifest and decisions.
    pub fn show(&self, version: u32) -> Result<Version> {
        if !self.versions()?.contains(&version) {
            return Err(self.no_version(version));
        }
        let decisions = self.decisions(version)?;
        Ok(Version {
            version,
            status: Status::after(&decisions),
            manifest: self.manifest(version)?,
            decisions,
        })
    }

    /// The highest approved version. Doesn't open its artifact.
    pub fn latest_approved(&self) -> Result<Identity> {
        let found = self.latest(|status| status == Status::Approved)?;
        found
            .map_err(|versions| match versions {
                0 => self.absent(),
                1 => "its one version is not approved".to_string(),
                n => format!("none of its {n} versions is approved"),
            })
            .map_err(|message| self.no_model(message))
    }

    /// The highest version that nobody rejected, approved or not: what is tried before it is approved.
    pub fn latest_candidate(&self) -> Result<Identity> {
        let found = self.latest(|status| !matches!(status, Status::Rejected | Status::Retired))?;
        found
            .map_err(|versions| match versions {
                0 => self.absent(),
                n => format!("all its versions ({n}) are rejected or retired"),
            })
            .map_err(|message| self.no_model(message))
    }

    /// The highest version of such a status; else how many there are.
    fn latest(&self, is: impl Fn(Status) -> bool) -> Result<Result<Identity, usize>> {
        let versions = self.versions()?;
        for &version in versions.iter().rev() {
            if is(Status::after(&self.decisions(version)?)) {
                return self.identity(version).map(Ok);
            }
        }
        Ok(Err(versions.len()))
    }

    fn no_model(&self, message: String) -> Error {
        Error::NoModel {
            path: self.path.clone(),
            message,
        }
    }

    /// The groups in a folder of models, in the order of their names.
    ///
    /// # Errors
    /// The folder can't be listed.
    pub fn groups(models: &Path) -> Result<Vec<String>> {
        let mut groups = Vec::new();
        for entry in fs::read_dir(models).map_err(Error::io("list", models))? {
            let entry = entry.map_err(Error::io("list", models))?;
            let name = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| !name.starts_with('.'));
            groups.extend(name.filter(|name| !versions_in(&models.join(name)).is_empty()));
        }
        groups.sort_unstable();
        Ok(groups)
    }

    /// Why there is no version.
    fn absent(&self) -> String {
        let groups = self
            .path
            .parent()
            .and_then(|models| Registry::groups(models).ok())
            .unwrap_or_default();
        self.misplaced().unwrap_or_else(|| match groups.is_empty() {
            true => "no version is registered".into(),
            false => format!(
                "no version is registered in group {}; there are the model groups {}: models.group says which is meant",
                self.group,
                groups.join(", ")
            ),
        })
    }

    /// What is wrong with models.path where it is the folder of a group: there are no groups in that, but versions.
    pub fn misplaced(&self) -> Option<String> {
        let models = self.path.parent()?;
        versions_in(models).first()?;
        let group = std::path::absolute(models).ok()?;
        Some(format!(
            "models.path = {} is itself the folder of a group: set models.path = {}, and models.group = {:?}",
            models.display(),
            group.parent()?.display(),
            group.file_name()?,
        ))
    }

    /// When somebody decided on any version last, as it stands in its file: RFC 3339, UTC.
    pub fn last_decision(&self) -> Result<Option<String>> {
        let mut last = None;
        for version in self.versions()? {
            last = last.max(self.decisions(version)?.pop().map(|decision| decision.at));
        }
        Ok(last)
    }

    pub fn identity(&self, version: u32) -> Result<Identity> {
        let (manifest, hash) = Manifest::read_hashed(&self.folder(version))?;
        Ok(self.identity_of(version, &manifest, hash))
    }

    /// `hash`: the manifest's.
    fn identity_of(&self, version: u32, manifest: &Manifest, hash: String) -> Identity {
        Identity {
            group: self.group.clone(),
            version,
            manifest: hash,
            artifact: manifest.sha256.clone(),
        }
    }

    /// Reads a version's model. Its checksum must hold, and its signature must be the artifact's own.
    pub fn load(&self, version: u32) -> Result<Model> {
        load(&self.folder(version))
    }

    /// What stands beside a version's artifact under this name, if anything. Its checksum must hold. Nothing stands beside one
    /// that was retired.
    pub fn attachment(&self, version: u32, attachment: Attachment) -> Result<Option<Vec<u8>>> {
        if self.is_retired(version)? {
            return Ok(None);
        }
        read_attachment(&self.folder(version), &self.manifest(version)?, attachment)
    }

    /// Where a version's files are.
    pub fn folder(&self, version: u32) -> PathBuf {
        self.path.join(version.to_string())
    }

    /// Reads a version's golden rows, if it has any.
    pub fn golden(&self, version: u32) -> Result<Option<Golden>> {
        if self.is_retired(version)? {
            return Ok(None);
        }
        read_golden(&self.folder(version), &self.manifest(version)?)
    }

    /// Reads a version's model to put it to use: it must reproduce its golden rows, or without them score rows of zeros
    /// and ones.
    pub fn prove(&self, version: u32) -> Result<Member> {
        let folder = self.folder(version);
        retire::check(&folder)?;
        let (manifest, hash) = Manifest::read_hashed(&folder)?;
        let model = Arc::new(load_by(&manifest, &folder)?);
        for attached in &manifest.attachments {
            read_attachment(&folder, &manifest, attached.name)?;
        }
        match read_golden(&folder, &manifest)? {
            Some(golden) => golden
                .check(&model)
                .map_err(|message| Error::model(folder.join(Attachment::Golden.name()), message))?,
            None => rehearse(&model).map_err(|message| Error::model(&folder, message))?,
        }
        let identity = self.identity_of(version, &manifest, hash);
        Ok(Member { identity, model })
    }

    /// Reads a version's model that was proven elsewhere, and is not tried again. `manifest`: the SHA-256 of the one it had there.
    ///
    /// # Errors
    /// It is another one by now, or here, or isn't whole.
    pub fn open(&self, version: u32, manifest: &str) -> Result<Member> {
        let folder = self.folder(version);
        let (found, hash) = Manifest::read_hashed(&folder)?;
        if hash != manifest {
            let message = format!("another one was proven, of SHA-256 {manifest}; here it has {hash}");
            return Err(Error::model(folder.join(MANIFEST), message));
        }
        let model = Arc::new(load_by(&found, &folder)?);
        let identity = self.identity_of(version, &found, hash);
        Ok(Member { identity, model })
    }

    /// Approves a version, if it loads and scores as it did when it was registered. Where another one answers from now on, what was
    /// tried beside the former one ends: the experiments' names.
    pub fn approve(&self, version: u32, vote: Vote) -> Result<Vec<String>> {
        self.show(version)?;
        let _lock = self.lock()?;
        self.approve_for(version, vote, None)
    }

    /// `promoted`: the experiment for which it is, and which isn't among those that are returned. The caller holds the lock.
    fn approve_for(&self, version: u32, vote: Vote, promoted: Option<&str>) -> Result<Vec<String>> {
        self.prove(version)?;
        approval::decide(&self.folder(version), Status::Approved, vote.clone())?;
        let answering = self.latest_approved()?.version;
        let is_over = |experiment: &Experiment| experiment.champion != answering;
        self.end_experiments(is_over, &format!("version {answering} was approved"), &vote, promoted)
    }

    /// Rejects a version, also one that is damaged. What it is tried in ends: the experiments' names.
    pub fn reject(&self, version: u32, vote: Vote) -> Result<Vec<String>> {
        if !self.versions()?.contains(&version) {
            return Err(self.no_version(version));
        }
        let _lock = self.lock()?;
        self.check_kept(version)?;
        approval::decide(&self.folder(version), Status::Rejected, vote.clone())?;
        let is_over = |experiment: &Experiment| experiment.version == version;
        self.end_experiments(is_over, &format!("version {version} was rejected"), &vote, None)
    }

    /// Held over each decision of a person on the group, from what is looked at to what is written: two at once, and one waits for
    /// the other. Not every mount can lock.
    fn lock(&self) -> Result<File> {
        let folder = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        let _ = folder.lock();
        Ok(folder)
    }

    fn manifest(&self, version: u32) -> Result<Manifest> {
        Manifest::read(&self.folder(version))
    }

    /// That it was retired is the last one, whatever somebody decided at the same time.
    fn decisions(&self, version: u32) -> Result<Vec<Decision>> {
        let folder = self.folder(version);
        let mut decisions = approval::decisions(&folder)?;
        decisions.extend(retire::decision(&folder)?);
        Ok(decisions)
    }

    /// An error if it was retired.
    fn check_kept(&self, version: u32) -> Result<()> {
        retire::check(&self.folder(version))
    }

    fn is_retired(&self, version: u32) -> Result<bool> {
        retire::decision(&self.folder(version)).map(|decision| decision.is_some())
    }

    fn no_version(&self, version: u32) -> Error {
        Error::config(
            &self.path,
            match self.versions().unwrap_or_default().last() {
                Some(last) => format!(
                    "there is no version {version} of model group {}; the last is {last}",
                    self.group
                ),
                None => format!(
                    "there is no version {version} of model group {}, nor any other",
                    self.group
                ),
            },
        )
    }
}

/// Reads an artifact that somebody wants to register.
pub fn read_artifact(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        let message = match path.join(MANIFEST).exists() {
            true => "this is the folder of a version that is registered; an artifact is a file",
            false => "this is a folder; an artifact is a file",
        };
        return Err(Error::config(path, message));
    }
    read_source(path, FILE_MAX).map_err(Error::of_a_persons_file)
}

/// The numbers of folders in `folder` that are versions.
fn versions_in(folder: &Path) -> Vec<u32> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers = names.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        entry.path().join(MANIFEST).exists().then_some(number)
    });
    let mut versions: Vec<u32> = numbers.collect();
    versions.sort_unstable();
    versions
}

/// Reads what somebody wants to register a version from, of at most `most` bytes.
pub fn read_source(path: &Path, most: u64) -> Result<Vec<u8>> {
    disk::read(path, most).map_err(|error| match error {
        Error::Model { path, message } => Error::Config { path, message },
        other => other,
    })
}

/// Reads the model in a folder that a person named.
///
/// # Errors
/// Beside those of [`load`]: that it is no version's folder is wrong usage, and says which is.
pub fn load_named(folder: &Path) -> Result<Model> {
    fs::read_dir(folder)
        .map_err(Error::io("list", folder))
        .map_err(Error::of_a_persons_file)?;
    if !folder.join(MANIFEST).exists() {
        let message = match versions_in(folder).last() {
            Some(last) => format!(
                "this is the folder of a model group, not of a version; its last version is {}",
                folder.join(last.to_string()).display()
            ),
            None => format!("this is no folder of a model version: there is no {MANIFEST} in it"),
        };
        return Err(Error::config(folder, message));
    }
    load(folder)
}

/// Reads the model in a version's folder. Its checksum must hold, and its signature must be the artifact's own.
pub fn load(folder: &Path) -> Result<Model> {
    retire::check(folder)?;
    load_by(&Manifest::read(folder)?, folder)
}

fn load_by(manifest: &Manifest, folder: &Path) -> Result<Model> {
    let mut model = match ensemble::plan(manifest, folder)? {
        Some(plan) => ensemble::load(&plan, folder)?,
        None => read_model(manifest, folder)?,
    };
    model
        .adopt(&manifest.signature)
        .map_err(|d| Error::model(folder.join(MANIFEST), d.to_string()))?;
    Ok(model)
}

fn read_model(manifest: &Manifest, folder: &Path) -> Result<Model> {
    let frozen = manifest.artifact_in(folder);
    let (artifact, path) = (frozen.read()?, frozen.path);
    if manifest.format == Format::Onnx {
        // That its library is not here is no damage.
        onnxruntime::environment().map_err(|message| Error::config(&path, message))?;
    }
    // What its categories are was said when it was registered.
    Model::read(manifest.format, &artifact, true).map_err(|d| Error::model(&path, d.to_string()))
}

fn read_attachment(folder: &Path, manifest: &Manifest, name: Attachment) -> Result<Option<Vec<u8>>> {
    let Some(attached) = manifest.attachments.iter().find(|a| a.name == name) else {
        return Ok(None);
    };
    attached.file_in(folder).read().map(Some)
}

fn read_golden(folder: &Path, manifest: &Manifest) -> Result<Option<Golden>> {
    let Some(json) = read_attachment(folder, manifest, Attachment::Golden)? else {
        return Ok(None);
    };
    let golden = Golden::parse(&json).map_err(|e| Error::model(folder.join(Attachment::Golden.name()), e))?;
    Ok(Some(golden))
}

/// What stands in a version's folder, of any bytes.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::*;

    pub fn manifest(text: &[u8]) -> Result<Manifest> {
        Manifest::parse(Path::new(MANIFEST), text)
    }

    pub fn approval(text: &[u8]) -> Result<Vec<Decision>> {
        approval::parse(Path::new("approval.toml"), text)
    }

    pub fn retired(text: &[u8]) -> Result<Decision> {
        retire::parse(Path::new("retired.toml"), text)
    }
}
