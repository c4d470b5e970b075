//! Versions made of versions: the members' artifacts are copied into the ensemble's own folder, so that it stays whole when
//! they go. The manifest has the hash of `ensemble.json`, which has those of the members' files.

use super::disk::{Frozen, sha256};
use super::manifest::Manifest;
use super::register::{Details, Made, Registered};
use super::{Registry, Status};
use crate::error::{Error, Result};
use crate::model::ensemble::{Combine, Part, Plan};
use crate::model::{Defect, Format, Model};
use crate::onnxruntime;
use std::path::{Path, PathBuf};

/// Of which versions to make an ensemble, and how.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// In the order in which their predictions are added up.
    pub versions: Vec<u32>,
    /// None: all count the same.
    pub weights: Vec<f64>,
    pub combine: Combine,
    pub threshold: Option<f64>,
}

impl Registry {
    /// Adds a version, pending, that is an ensemble of others of this group.
    ///
    /// # Errors
    /// A member that can't be used, or that doesn't fit the others, by its number.
    pub fn register_ensemble(&self, recipe: Recipe, details: Details, created_at: String) -> Result<Registered> {
        let refuse = |message: String| Error::config(&self.path, message);
        let (mut parts, mut files, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
        for (place, &version) in recipe.versions.iter().enumerate() {
            if recipe.versions[..place].contains(&version) {
                return Err(refuse(format!(
                    "version {version} is named twice; give it a greater weight"
                )));
            }
            let shown = self.show(version)?;
            if shown.manifest.format == Format::Ensemble {
                return Err(refuse(format!(
                    "version {version} is itself an ensemble; name its members instead, which 'models show {version}' lists"
                )));
            }
            if shown.status == Status::Rejected {
                remarks.push(format!("version {version}, a member, is rejected"));
            }
            // A member that no longer predicts as it did makes no ensemble.
            self.prove(version)?;
            let artifact = shown.manifest.artifact_in(&self.folder(version)).read()?;
            let file = Plan::file(place, &shown.manifest.artifact);
            parts.push(Part {
                version,
                format: shown.manifest.format,
                file: file.clone(),
                sha256: sha256(&artifact),
                signature: shown.manifest.signature,
            });
            files.push((file, artifact));
        }
        let artifact = Plan::new(recipe.combine, recipe.weights, recipe.threshold, parts).serialise();
        // As it will be read.
        let plan = Plan::parse(&artifact).map_err(|defect| refuse(defect.to_string()))?;
        let models = plan
            .members
            .iter()
            .zip(&files)
            .map(|(part, (_, bytes))| read(part, bytes));
        let model = models
            .collect::<Result<Vec<Model>, Defect>>()
            .and_then(|models| Model::ensemble(&plan, models));
        let made = Made {
            model: model.map_err(|defect| refuse(defect.to_string()))?,
            format: Format::Ensemble,
            artifact: &artifact,
            members: &files,
            source: &self.path,
        };
        let mut registered = self.add(made, details, created_at)?;
        registered.remarks.append(&mut remarks);
        Ok(registered)
    }

    /// What an ensemble is made of; `None`: the version is none, or it was retired.
    pub fn plan(&self, version: u32) -> Result<Option<Plan>> {
        if self.is_retired(version)? {
            return Ok(None);
        }
        plan(&self.manifest(version)?, &self.folder(version))
    }
}

/// A version's plan, if it is an ensemble.
pub(super) fn plan(manifest: &Manifest, folder: &Path) -> Result<Option<Plan>> {
    if manifest.format != Format::Ensemble {
        return Ok(None);
    }
    let frozen = manifest.artifact_in(folder);
    let plan = Plan::parse(&frozen.read()?).map_err(|defect| Error::model(&frozen.path, defect.to_string()))?;
    Ok(Some(plan))
}

/// The members' files.
pub(super) fn files<'a>(plan: &'a Plan, folder: &Path) -> Vec<Frozen<'a>> {
    let file = |part: &'a Part| Frozen {
        what: "a member's artifact",
        path: folder.join(&part.file),
        sha256: &part.sha256,
    };
    plan.members.iter().map(file).collect()
}

/// What ONNX Runtime is needed for, if for anything.
pub(super) fn onnx(manifest: &Manifest, plan: Option<&Plan>, folder: &Path) -> Option<PathBuf> {
    if manifest.format == Format::Onnx {
        return Some(folder.join(&manifest.artifact));
    }
    let part = plan?.members.iter().find(|part| part.format == Format::Onnx)?;
    Some(folder.join(&part.file))
}

/// Reads the model of an ensemble. Each member's checksum must hold, and its signature must be its artifact's own.
pub(super) fn load(plan: &Plan, folder: &Path) -> Result<Model> {
    let mut models = Vec::with_capacity(plan.members.len());
    for (part, file) in plan.members.iter().zip(files(plan, folder)) {
        let bytes = file.read()?;
        if part.format == Format::Onnx {
            // That its library is not here is no damage.
            onnxruntime::environment().map_err(|message| Error::config(&file.path, message))?;
        }
        models.push(read(part, &bytes).map_err(|defect| Error::model(&file.path, defect.to_string()))?);
    }
    Model::ensemble(plan, models).map_err(|defect| Error::model(folder, defect.to_string()))
}

fn read(part: &Part, artifact: &[u8]) -> Result<Model, Defect> {
    let named = |defect: Defect| Defect(format!("version {}: {defect}", part.version));
    let mut model = Model::read(part.format, artifact, true).map_err(named)?;
    model.adopt(&part.signature).map_err(named)?;
    Ok(model)
}
