//! Model groups on disk: register, approve, reject, latest approved.
//!
//! A version's folder is `models/GROUP/N` with a manifest, an artifact and its approvals. Versions are immutable;
//! what changes is the file of decisions, whose last entry counts. Whatever can't be read or doesn't fit its checksum
//! is an error: never a silent fallback to an older version.

#![allow(clippy::disallowed_methods, reason = "the registry writes models, never results")]

use crate::error::{Error, Result};
use crate::model::{Column, Format, Model, Signature, Type};
use crate::onnxruntime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const FORMAT_VERSION: u32 = 1;
/// Larger files are not read: an artifact is held in memory.
const ARTIFACT_MAX: u64 = 4 << 30;
const MANIFEST_MAX: u64 = 16 << 20;

/// A model group on disk.
#[derive(Clone, Debug)]
pub struct Registry {
    /// The group's folder.
    path: PathBuf,
    group: String,
}

/// A version's manifest, `model.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format_version: u32,
    pub format: Format,
    /// The artifact's file name, in the same folder.
    pub artifact: String,
    pub sha256: String,
    pub created_at: String,
    #[serde(default)]
    pub description: String,
    pub signature: Signature,
    /// Figures of the model's evaluation.
    #[serde(default)]
    pub metrics: toml::Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Approved,
    Rejected,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Rejected => "rejected",
        })
    }
}

/// Somebody's decision on a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub status: Status,
    /// user@host
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    #[serde(default)]
    pub reason: String,
}

/// A version's decisions, `approval.toml`, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    format_version: u32,
    #[serde(default)]
    decision: Vec<Decision>,
}

/// A version as it stands in the registry.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub version: u32,
    pub status: Status,
    pub manifest: Manifest,
    pub decisions: Vec<Decision>,
}

/// What tells a version of a group from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub group: String,
    pub version: u32,
    pub sha256: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.version)
    }
}

/// What to register.
pub struct Candidate<'a> {
    pub artifact: &'a Path,
    pub format: Format,
    pub description: String,
    pub metrics: toml::Table,
    /// Names for features and classes whose artifact has none.
    pub feature_names: Option<Vec<String>>,
    pub class_names: Option<Vec<String>>,
}

/// Who decides, and why.
pub struct Vote {
    pub by: String,
    pub at: String,
    pub reason: String,
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
            status: status(&decisions),
            manifest: self.manifest(version)?,
            decisions,
        })
    }

    /// The highest approved version. Doesn't open its artifact.
    pub fn latest_approved(&self) -> Result<Identity> {
        let versions = self.versions()?;
        for &version in versions.iter().rev() {
            if status(&self.decisions(version)?) == Status::Approved {
                return self.identity(version);
            }
        }
        let message = match versions.len() {
            0 => "no version is registered".to_string(),
            1 => "its one version is not approved".to_string(),
            n => format!("none of its {n} versions is approved"),
        };
        Err(Error::NoModel {
            path: self.path.clone(),
            message,
        })
    }

    pub fn identity(&self, version: u32) -> Result<Identity> {
        Ok(Identity {
            group: self.group.clone(),
            version,
            sha256: self.manifest(version)?.sha256,
        })
    }

    /// Reads a version's model. Its checksum must hold, and its signature must be the artifact's own.
    pub fn load(&self, version: u32) -> Result<Model> {
        load(&self.folder(version))
    }

    /// Adds a version, pending. Returns its number.
    pub fn register(&self, candidate: &Candidate, created_at: String) -> Result<u32> {
        let artifact = read_artifact(candidate.artifact)?;
        let model = Model::parse(candidate.format, &artifact)
            .and_then(|mut model| {
                model.complete(candidate.feature_names.as_deref(), candidate.class_names.as_deref())?;
                Ok(model)
            })
            .map_err(|defect| Error::config(candidate.artifact, defect.to_string()))?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            format: candidate.format,
            artifact: candidate.format.artifact_name(&artifact).into(),
            sha256: sha256(&artifact),
            created_at,
            description: candidate.description.clone(),
            signature: model.signature().clone(),
            metrics: candidate.metrics.clone(),
        };
        let text = toml::to_string(&manifest).expect("a manifest is TOML");
        fs::create_dir_all(&self.path).map_err(Error::io("make folder", &self.path))?;
        loop {
            let version = self.versions()?.last().map_or(1, |last| last + 1);
            let folder = self.folder(version);
            // Making the folder claims the number; the manifest comes last and makes the version whole.
            match fs::create_dir(&folder) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(Error::io("make folder", &folder)(e)),
            }
            write_new(&folder.join(&manifest.artifact), &artifact, true)?;
            write_new(&folder.join(MANIFEST), text.as_bytes(), true)?;
            sync_folder(&folder)?;
            sync_folder(&self.path)?;
            return Ok(version);
        }
    }

    /// Approves a version, if it loads and scores.
    pub fn approve(&self, version: u32, vote: Vote) -> Result<()> {
        self.show(version)?;
        let model = self.load(version)?;
        rehearse(&model).map_err(|message| Error::model(self.folder(version), message))?;
        self.decide(version, Status::Approved, vote)
    }

    /// Rejects a version, also one that is damaged.
    pub fn reject(&self, version: u32, vote: Vote) -> Result<()> {
        if !self.versions()?.contains(&version) {
            return Err(self.no_version(version));
        }
        self.decide(version, Status::Rejected, vote)
    }

    fn decide(&self, version: u32, status: Status, vote: Vote) -> Result<()> {
        // Two people at once: one waits for the other. Not every mount can lock.
        let folder = self.folder(version);
        let lock = File::open(&folder).map_err(Error::io("open", &folder))?;
        let _ = lock.lock();
        let mut decision = self.decisions(version)?;
        decision.push(Decision {
            status,
            by: vote.by,
            at: vote.at,
            reason: vote.reason,
        });
        let approval = Approval {
            format_version: FORMAT_VERSION,
            decision,
        };
        let text = toml::to_string(&approval).expect("an approval is TOML");
        replace(&folder.join(APPROVAL), text.as_bytes())
    }

    fn folder(&self, version: u32) -> PathBuf {
        self.path.join(version.to_string())
    }

    fn manifest(&self, version: u32) -> Result<Manifest> {
        manifest(&self.folder(version))
    }

    fn decisions(&self, version: u32) -> Result<Vec<Decision>> {
        let path = self.folder(version).join(APPROVAL);
        match read(&path, MANIFEST_MAX) {
            Ok(text) => {
                let approval: Approval = parse(&path, &text)?;
                check_format(&path, approval.format_version)?;
                Ok(approval.decision)
            }
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    fn no_version(&self, version: u32) -> Error {
        Error::config(
            &self.path,
            format!("there is no version {version} of model group {}", self.group),
        )
    }
}

const MANIFEST: &str = "model.toml";
const APPROVAL: &str = "approval.toml";

/// Reads the model in a version's folder. Its checksum must hold, and its signature must be the artifact's own.
pub fn load(folder: &Path) -> Result<Model> {
    let manifest = manifest(folder)?;
    let path = folder.join(&manifest.artifact);
    let artifact = read_artifact(&path).map_err(as_damage)?;
    let found = sha256(&artifact);
    if found != manifest.sha256 {
        return Err(Error::model(
            path,
            format!(
                "the artifact was changed after it was registered: its SHA-256 is {found}, not {}",
                manifest.sha256
            ),
        ));
    }
    if manifest.format == Format::Onnx {
        // That its library is not here is no damage.
        onnxruntime::environment().map_err(|message| Error::config(&path, message))?;
    }
    let mut model = Model::parse(manifest.format, &artifact).map_err(|d| Error::model(&path, d.to_string()))?;
    model
        .adopt(&manifest.signature)
        .map_err(|d| Error::model(folder.join(MANIFEST), d.to_string()))?;
    Ok(model)
}

fn manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let manifest: Manifest = parse(&path, &read(&path, MANIFEST_MAX).map_err(as_damage)?)?;
    check_format(&path, manifest.format_version)?;
    if !manifest.format.is_artifact_name(&manifest.artifact) {
        let Manifest { artifact, format, .. } = &manifest;
        let message = format!("the artifact of a {format} model isn't named {artifact:?}");
        return Err(Error::model(path, message));
    }
    Ok(manifest)
}

/// A file that a version must have and doesn't is damage; that it can't be read just now may pass.
fn as_damage(error: Error) -> Error {
    match error {
        Error::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::model(path, "the file is missing")
        }
        other => other,
    }
}

/// The last decision counts.
fn status(decisions: &[Decision]) -> Status {
    decisions.last().map_or(Status::Pending, |d| d.status)
}

/// Scores a row of zeros and one of ones. A model that takes only some texts or whole numbers may refuse them.
pub fn rehearse(model: &Model) -> Result<(), String> {
    let column = [0.0, 1.0];
    let signature = model.signature();
    let columns = vec![&column[..]; signature.inputs.len()];
    let texts: Vec<[String; 2]> = model.sample_texts().iter().map(|t| [t.clone(), t.clone()]).collect();
    let texts: Vec<&[String]> = texts.iter().map(|t| &t[..]).collect();
    let mut out = vec![f64::NAN; 2 * signature.outputs.len()];
    let choosy = |column: &Column| matches!(column.kind, Type::String | Type::Int64);
    match model.predict(&columns, &texts, &mut out) {
        Err(_) if signature.inputs.iter().any(choosy) => Ok(()),
        Err(reason) => Err(format!("the model can't score rows of zeros and of ones: {reason}")),
        Ok(()) if out.iter().all(|y| y.is_finite()) => Ok(()),
        Ok(()) => Err(format!("the model can't score: rows of zeros and of ones give {out:?}")),
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(text).map_err(|e| Error::model(path, e.to_string()))?;
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Error::model(path, format!("line {line}: {}", e.message()))
    })
}

fn check_format(path: &Path, version: u32) -> Result<()> {
    match version {
        FORMAT_VERSION => Ok(()),
        other => Err(Error::model(
            path,
            format!("format_version {other} is not known to this version of transform, which knows {FORMAT_VERSION}"),
        )),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn read_artifact(path: &Path) -> Result<Vec<u8>> {
    read(path, ARTIFACT_MAX)
}

/// Reads a regular file of at most `most` bytes.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("stat", path))?;
    if !metadata.is_file() {
        return Err(Error::model(path, "not a file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    match bytes.len() as u64 > most {
        true => Err(Error::model(path, format!("larger than {} MiB", most >> 20))),
        false => Ok(bytes),
    }
}

/// Writes a file that must not be there yet, durably; `frozen`: nobody is to change it.
fn write_new(path: &Path, bytes: &[u8], frozen: bool) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::io("create", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    if frozen {
        // Some mounts keep no modes; the checksum is what protects.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o444));
    }
    file.sync_all().map_err(Error::io("write", path))
}

/// Replaces a file as a whole, durably; in place where a mount can't rename.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = path.with_extension("toml.tmp");
    let _ = fs::remove_file(&temp);
    write_new(&temp, bytes, false)?;
    if fs::rename(&temp, path).is_err() {
        let mut file = File::create(path).map_err(Error::io("create", path))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", path))?;
        let _ = fs::remove_file(&temp);
    }
    sync_folder(path.parent().expect("a file has a folder"))
}

/// Makes the names in a folder durable, where that can be done.
fn sync_folder(path: &Path) -> Result<()> {
    let _ = File::open(path).map_err(Error::io("open", path))?.sync_all();
    Ok(())
}
