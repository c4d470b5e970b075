//! Versions are added: pending, with all that was found of them.

use super::disk::sha256;
use super::golden::{Golden, Rows};
use super::manifest::{Attached, Attachment, MANIFEST, MANIFEST_MAX, Manifest, Training};
use super::store::{self, Files};
use super::{Registry, baseline};
use crate::error::{Error, Result};
use crate::model::{Declared, Format, Model};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What to register.
pub struct Candidate<'a> {
    pub artifact: Vec<u8>,
    /// The artifact's file, or what else errors shall name.
    pub source: &'a Path,
    pub format: Format,
    /// What the artifact doesn't say.
    pub declared: Declared,
    pub details: Details<'a>,
}

/// What is said of a version of any format, and kept with it.
#[derive(Default)]
pub struct Details<'a> {
    pub description: String,
    pub metrics: toml::Table,
    pub training: Option<Training>,
    pub attachments: BTreeMap<Attachment, Vec<u8>>,
    /// `evaluation.html` of the version that gets this number.
    pub page: Option<&'a dyn Fn(u32) -> String>,
    /// Where to take golden rows from; with them, `golden.json` is made.
    pub golden: Option<Rows<'a>>,
    /// What later rows are held against; with it, `baseline.json` is made.
    pub baseline: Option<baseline::Rows<'a>>,
}

/// A version that was added.
#[derive(Clone, Debug)]
pub struct Registered {
    pub version: u32,
    /// What a person should know of it.
    pub remarks: Vec<String>,
}

/// A model that was read, and the files that it was read from.
pub(super) struct Made<'a> {
    pub model: Model,
    pub format: Format,
    pub artifact: &'a [u8],
    /// Names and bytes of what stands beside the artifact.
    pub members: &'a [(String, Vec<u8>)],
    /// What errors shall name.
    pub source: &'a Path,
}

impl Registry {
    /// Adds a version, pending.
    pub fn register(&self, candidate: Candidate, created_at: String) -> Result<Registered> {
        let Candidate {
            artifact,
            source,
            format,
            declared,
            details,
        } = candidate;
        let refuse = |defect: crate::model::Defect| Error::config(source, defect.to_string());
        let mut model = Model::read(format, &artifact, declared.codes).map_err(refuse)?;
        model.declare(&declared).map_err(refuse)?;
        let made = Made {
            model,
            format,
            artifact: &artifact,
            members: &[],
            source,
        };
        self.add(made, details, created_at)
    }

    pub(super) fn add(&self, made: Made, details: Details, created_at: String) -> Result<Registered> {
        let signature = made.model.signature().clone();
        let mut remarks = made.model.remarks();
        let model = Arc::new(made.model);
        let mut attachments = details.attachments;
        if let Some(rows) = &details.golden {
            let golden = Golden::of(&model, rows).map_err(|e| Error::config(rows.source, e))?;
            attachments.insert(Attachment::Golden, golden.json());
        }
        if let Some(rows) = &details.baseline {
            let made = rows.baseline(&model).map_err(|e| Error::config(rows.source, e))?;
            attachments.insert(Attachment::Baseline, made.baseline.json());
            remarks.extend(made.remarks);
        }
        let attached = |(name, bytes): (&Attachment, &Vec<u8>)| Attached {
            name: *name,
            sha256: sha256(bytes),
        };
        let manifest = Manifest {
            format_version: 1,
            format: made.format,
            artifact: made.format.artifact_name(made.artifact).into(),
            sha256: sha256(made.artifact),
            created_at,
            description: details.description,
            signature,
            metrics: details.metrics,
            training: details.training,
            attachments: Vec::new(),
        };
        let page = |version| Some((Attachment::EvaluationPage, details.page?(version).into_bytes()));
        let files = |version| {
            let page = page(version);
            let mut manifest = manifest.clone();
            manifest.attachments = attachments.iter().map(attached).collect();
            manifest
                .attachments
                .extend(page.iter().map(|(name, bytes)| attached((name, bytes))));
            manifest.attachments.sort_by_key(|attached| attached.name);
            manifest.format_version = manifest.least_version();
            let text = toml::to_string(&manifest).expect("a manifest is TOML");
            if text.len() as u64 > MANIFEST_MAX {
                let columns = manifest.signature.inputs.len() + manifest.signature.outputs.len();
                let message = format!(
                    "its {columns} columns need a manifest larger than {} MiB; such a model can't be registered",
                    MANIFEST_MAX >> 20
                );
                return Err(Error::config(made.source, message));
            }
            let mut files: Files = vec![(made.format.artifact_name(made.artifact), made.artifact.into())];
            files.extend(
                made.members
                    .iter()
                    .map(|(name, bytes)| (&name[..], Cow::from(&bytes[..]))),
            );
            files.extend(
                attachments
                    .iter()
                    .map(|(name, bytes)| (name.name(), Cow::from(&bytes[..]))),
            );
            files.extend(page.map(|(name, bytes)| (name.name(), bytes.into())));
            // The manifest comes last and makes the version whole.
            files.push((MANIFEST, text.into_bytes().into()));
            Ok(files)
        };
        let version = store::put(&self.path, || self.versions(), files)?;
        Ok(Registered { version, remarks })
    }
}
