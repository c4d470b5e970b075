//! A lineup as text, and on a node the same lineup again: opened, not proven, for it was proven before its tasks were sent.

use crate::checksum::Sha256Sum;
use crate::config::{Config, Models};
use crate::engine::paths;
use crate::error::{EngineFault, Error, Result};
use crate::model::{Model, Signature};
use crate::monitor::Watch;
use crate::onnxruntime;
use crate::registry::baseline::InForce;
use crate::registry::{Baselines, Registry};
use crate::score::{self, Identity, Lineup, Member, Phase};
use crate::transform::{Scorer, Shape};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A scorer as a worker's: with what is counted of rows, and for all that is on trial.
pub fn scorer(lineup: &Arc<Lineup>, shape: &Shape, watch: &Watch, baselines: &Baselines) -> Scorer {
    let counter = |baseline: &InForce, signature: &Signature| Arc::new(baseline.counter(watch, signature));
    let challengers = lineup.challengers.iter().zip(&baselines.challengers);
    let challengers = challengers.map(|(challenger, baseline)| {
        let model = challenger.model.as_ref().ok()?;
        Some(counter(baseline.as_ref()?, model.signature()))
    });
    let champion = baselines.champion.as_ref();
    Scorer::new(lineup.clone(), shape.clone())
        .with_trials()
        .counting(champion.map(|baseline| counter(baseline, lineup.signature())))
        .counting_challengers(challengers.collect())
}

/// Who is in a lineup, where they are, and by what they are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The folder of all groups; absolute.
    #[serde(with = "paths")]
    models: PathBuf,
    group: String,
    /// The library for ONNX models, as it is configured.
    #[serde(with = "paths")]
    onnxruntime: PathBuf,
    champion: Version,
    challengers: Vec<Challenger>,
    shadows: Vec<Shadow>,
    experiments: Vec<String>,
    watch: Watch,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    version: u32,
    /// SHA-256 of the manifest, which has that of the artifact.
    manifest: String,
    artifact: String,
    /// SHA-256 of the baseline by which its rows are counted.
    baseline: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenger {
    experiment: String,
    version: Version,
    /// Why it can't be used: neither can it on a node.
    unusable: Option<String>,
    key: String,
    phases: Vec<Phase>,
    is_open: bool,
    guards: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shadow {
    experiment: String,
    version: Version,
    key: Option<String>,
    since: i64,
    phase: u32,
    guards: Vec<String>,
}

impl Members {
    /// `baselines`: by which rows are counted.
    pub fn of(config: &Config, lineup: &Lineup, baselines: &Baselines) -> Members {
        let Models { path, onnxruntime, .. } = &config.models;
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
        let none = std::iter::repeat(&None);
        let challengers = lineup.challengers.iter().zip(baselines.challengers.iter().chain(none));
        Members {
            models: absolute(path),
            group: lineup.champion.identity.group.clone(),
            onnxruntime: match onnxruntime.as_os_str().is_empty() {
                true => PathBuf::new(),
                false => absolute(onnxruntime),
            },
            champion: Version::of(&lineup.champion.identity, baselines.champion.as_ref()),
            challengers: challengers
                .map(|(challenger, baseline)| Challenger {
                    experiment: challenger.experiment.clone(),
                    version: Version::of(&challenger.identity, baseline.as_ref()),
                    unusable: challenger.model.as_ref().err().cloned(),
                    key: challenger.key.clone(),
                    phases: challenger.phases.clone(),
                    is_open: challenger.is_open,
                    guards: challenger.guards.clone(),
                })
                .collect(),
            shadows: lineup
                .shadows
                .iter()
                .map(|shadow| Shadow {
                    experiment: shadow.experiment.clone(),
                    version: Version::of(&shadow.member.identity, None),
                    key: shadow.key.clone(),
                    since: shadow.since,
                    phase: shadow.phase,
                    guards: shadow.guards.clone(),
                })
                .collect(),
            experiments: lineup.experiments.clone(),
            watch: config.monitor.watch.clone(),
        }
    }

    /// What scores as the driver's does.
    ///
    /// # Errors
    /// [`EngineFault::Model`]: a model or baseline isn't the driver's, or isn't whole.
    pub fn open(&self, shape: &Shape) -> Result<Scorer> {
        onnxruntime::configure(&self.onnxruntime);
        let registry = self.registry();
        let open = |version: &Version| registry.open(version.version, &version.manifest).map_err(unlike);
        let baseline = |version: &Version| version.baseline(&registry).map_err(unlike);
        let mut baselines = Baselines {
            champion: baseline(&self.champion)?,
            challengers: Vec::new(),
        };
        let mut lineup = Lineup::of(open(&self.champion)?);
        for challenger in &self.challengers {
            let model: Result<Arc<Model>, String> = match &challenger.unusable {
                None => Ok(open(&challenger.version)?.model),
                Some(why) => Err(why.clone()),
            };
            baselines.challengers.push(match &model {
                Ok(_) => baseline(&challenger.version)?,
                Err(_) => None,
            });
            lineup.challengers.push(score::Challenger {
                experiment: challenger.experiment.clone(),
                identity: challenger.version.identity(&self.group),
                model,
                key: challenger.key.clone(),
                phases: challenger.phases.clone(),
                is_open: challenger.is_open,
                guards: challenger.guards.clone(),
            });
        }
        for shadow in &self.shadows {
            lineup.shadows.push(score::Shadow {
                experiment: shadow.experiment.clone(),
                member: open(&shadow.version)?,
                key: shadow.key.clone(),
                since: shadow.since,
                phase: shadow.phase,
                guards: shadow.guards.clone(),
            });
        }
        lineup.experiments = self.experiments.clone();
        Ok(scorer(&lineup.into(), shape, &self.watch, &baselines))
    }

    /// Reads all models as the driver did before it used them: they must reproduce their golden rows here, too.
    pub fn prove(&self) -> Result<()> {
        onnxruntime::configure(&self.onnxruntime);
        let registry = self.registry();
        let usable = self
            .challengers
            .iter()
            .filter(|challenger| challenger.unusable.is_none());
        let versions = [&self.champion]
            .into_iter()
            .chain(usable.map(|challenger| &challenger.version));
        for version in versions.chain(self.shadows.iter().map(|shadow| &shadow.version)) {
            let Member { identity, .. } = registry.prove(version.version).map_err(unlike)?;
            if identity.manifest != version.manifest {
                // It says which.
                registry.open(version.version, &version.manifest).map_err(unlike)?;
            }
            version.baseline(&registry).map_err(unlike)?;
        }
        Ok(())
    }

    fn registry(&self) -> Registry {
        Registry::new(&self.models, &self.group)
    }
}

impl Version {
    fn of(identity: &Identity, baseline: Option<&InForce>) -> Version {
        Version {
            version: identity.version,
            manifest: identity.manifest.clone(),
            artifact: identity.artifact.clone(),
            baseline: baseline.map(|baseline| baseline.sha256.to_string()),
        }
    }

    fn identity(&self, group: &str) -> Identity {
        Identity {
            group: group.into(),
            version: self.version,
            manifest: self.manifest.clone(),
            artifact: self.artifact.clone(),
        }
    }

    fn baseline(&self, registry: &Registry) -> Result<Option<InForce>> {
        let sum = |digits: &String| {
            Sha256Sum::parse(digits).ok_or_else(|| Error::config("--tasks", format!("{digits:?} is no SHA-256")))
        };
        let sum = self.baseline.as_ref().map(sum).transpose()?;
        sum.map(|sum| registry.baseline_of(self.version, sum)).transpose()
    }
}

/// A version that isn't here, or isn't the one that was proven, is the same case: this node sees another folder of models.
fn unlike(error: Error) -> Error {
    let message = error.to_string();
    match error {
        Error::Model { path, message } => Error::engine(EngineFault::Model, path, message),
        Error::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::engine(EngineFault::Model, path, "it isn't there, as it is for the worker")
        }
        // It was retired, or its library isn't here.
        Error::Config { path, message } => Error::engine(EngineFault::Model, path, message),
        Error::Io { path, .. } => Error::engine(EngineFault::Node, path, message),
        other => other,
    }
}

#[cfg(test)]
mod tests;
