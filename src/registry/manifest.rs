//! What a version is, and what stands beside its artifact: `model.toml`.

use super::disk::{self, Frozen};
use crate::error::{Error, Result};
use crate::model::{Format, Signature, Type};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

pub const MANIFEST: &str = "model.toml";
pub const MANIFEST_MAX: u64 = 16 << 20;

/// A version's manifest.
///
/// `format_version` is 1; or 2 where `training`, an attachment, or an input that is a boolean or has numbers for missing
/// values is there; or 3 where `baseline.json` is; or 4 of an ensemble;
/// or 5 of a pipeline of several classes. Programs that know fewer refuse it by this number. All are read.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    #[serde(default, rename = "attachment", skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attached>,
}

/// What a version was trained from, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// How many rows it was trained on.
    pub rows: u64,
    /// Tells two sets of examples apart; it means nothing else.
    pub fingerprint: String,
    /// The version of this program.
    pub crate_version: String,
}

/// A file that may stand beside an artifact. There are no others, so a manifest names no file outside of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Attachment {
    Evaluation,
    EvaluationPage,
    /// The baseline as training wrote it before it had outcomes.
    Profile,
    Pipeline,
    Trials,
    Golden,
    Baseline,
}

impl Attachment {
    pub const ALL: [Attachment; 7] = [
        Attachment::Evaluation,
        Attachment::EvaluationPage,
        Attachment::Profile,
        Attachment::Pipeline,
        Attachment::Trials,
        Attachment::Golden,
        Attachment::Baseline,
    ];

    /// Its file name.
    pub fn name(self) -> &'static str {
        match self {
            Attachment::Evaluation => "evaluation.json",
            Attachment::EvaluationPage => "evaluation.html",
            Attachment::Profile => "profile.json",
            Attachment::Pipeline => "pipeline.toml",
            Attachment::Trials => "trials.csv",
            Attachment::Golden => "golden.json",
            Attachment::Baseline => "baseline.json",
        }
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Attachment {
    type Error = String;

    fn try_from(name: String) -> Result<Attachment, String> {
        let found = Attachment::ALL.into_iter().find(|a| a.name() == name);
        found.ok_or_else(|| {
            let names = Attachment::ALL.map(Attachment::name).join(", ");
            format!("no attachment can be named {name:?}; the names are: {names}")
        })
    }
}

impl From<Attachment> for String {
    fn from(attachment: Attachment) -> String {
        attachment.name().into()
    }
}

/// An attachment as it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    pub name: Attachment,
    pub sha256: String,
}

impl Attached {
    pub fn file_in(&self, folder: &Path) -> Frozen<'_> {
        Frozen {
            what: "the attachment",
            path: folder.join(self.name.name()),
            sha256: &self.sha256,
        }
    }
}

/// What manifests of all versions have.
#[derive(Deserialize)]
struct Numbered {
    format_version: u32,
}

impl Manifest {
    pub fn artifact_in(&self, folder: &Path) -> Frozen<'_> {
        Frozen {
            what: "the artifact",
            path: folder.join(&self.artifact),
            sha256: &self.sha256,
        }
    }

    /// All files beside the manifest, but for an ensemble's members.
    pub fn files_in(&self, folder: &Path) -> Vec<Frozen<'_>> {
        let attached = self.attachments.iter().map(|attached| attached.file_in(folder));
        [self.artifact_in(folder)].into_iter().chain(attached).collect()
    }

    pub const NEWEST: u32 = 5;

    /// The metric that stands for the others: `r2`, or `roc_auc`, or the first.
    pub fn main_metric(&self) -> Option<(&str, f64)> {
        let numbers = || {
            self.metrics
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), number(value)?)))
        };
        let named = |wanted: &str| numbers().find(|(name, _)| *name == wanted);
        let main = ["r2", "roc_auc", "f1_macro"].into_iter().find_map(named);
        main.or_else(|| numbers().next())
    }

    /// Those that are numbers, by name.
    pub fn numbers(&self) -> BTreeMap<String, f64> {
        let numbers = self
            .metrics
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), number(value)?)));
        numbers.collect()
    }

    /// The lowest format version that has all of its keys.
    pub fn least_version(&self) -> u32 {
        if self.format == Format::Ensemble {
            return 4;
        }
        let classes = self.signature.outputs.first().map_or(0, |label| label.categories.len());
        if self.format == Format::Pipeline && classes > 2 {
            return 5;
        }
        if self
            .attachments
            .iter()
            .any(|attached| attached.name == Attachment::Baseline)
        {
            return 3;
        }
        let mut inputs = self.signature.inputs.iter();
        let marked = inputs.any(|input| input.boolean || !input.missing.is_empty() || input.kind == Type::Boolean);
        if marked || self.training.is_some() || !self.attachments.is_empty() {
            2
        } else {
            1
        }
    }

    /// Reads the manifest in a version's folder. Nothing that it names is opened.
    pub fn read(folder: &Path) -> Result<Manifest> {
        Manifest::read_hashed(folder).map(|(manifest, _)| manifest)
    }

    /// The same, and the SHA-256 of its text.
    pub fn read_hashed(folder: &Path) -> Result<(Manifest, String)> {
        let path = folder.join(MANIFEST);
        let text = disk::read(&path, MANIFEST_MAX).map_err(disk::as_damage)?;
        Ok((Manifest::parse(&path, &text)?, disk::sha256(&text)))
    }

    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Manifest> {
        // First: a later version has keys that are unknown here, which would be all that is said of it.
        let Numbered { format_version } = disk::parse(path, text)?;
        disk::check_format(path, format_version, Manifest::NEWEST)?;
        let manifest: Manifest = disk::parse(path, text)?;
        match manifest.defect() {
            Some(defect) => Err(Error::model(path, defect)),
            None => Ok(manifest),
        }
    }

    fn defect(&self) -> Option<String> {
        let Manifest { artifact, format, .. } = self;
        if !format.is_artifact_name(artifact) {
            return Some(format!("the artifact of a {format} model isn't named {artifact:?}"));
        }
        let mut seen = HashSet::new();
        let twice = self.attachments.iter().find(|a| !seen.insert(a.name.name()))?;
        Some(format!("the attachment {} is named twice", twice.name))
    }
}

/// The value of a metric, if it is a number.
pub fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|n| n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str) -> Result<Manifest> {
        let text = format!(
            "format_version = 2\nformat = \"linear\"\nartifact = \"linear.json\"\nsha256 = \"0\"\ncreated_at = \"\"\n\
             [signature]\ninputs = []\noutputs = []\n{more}"
        );
        disk::parse(Path::new("model.toml"), text.as_bytes())
    }

    #[test]
    fn an_attachment_is_one_of_the_known_names() {
        for name in [
            "../x",
            "/etc/passwd",
            "golden.json/../../x",
            "linear.json",
            "Golden.json",
            "",
        ] {
            let text = format!("[[attachment]]\nname = {name:?}\nsha256 = \"0\"");
            let why = parse(&text).unwrap_err().to_string();
            assert!(
                why.contains(&format!("line 10: no attachment can be named {name:?}")),
                "{why}"
            );
        }
        let twice = "[[attachment]]\nname = \"trials.csv\"\nsha256 = \"0\"\n".repeat(2);
        let defect = parse(&twice).unwrap().defect();
        assert_eq!(defect.as_deref(), Some("the attachment trials.csv is named twice"));
    }

    #[test]
    fn the_main_metric_is_r2_or_auc_or_the_first() {
        let main = |metrics: &str| {
            let manifest = parse(&format!("[metrics]\n{metrics}")).unwrap();
            manifest.main_metric().map(|(name, value)| (name.to_string(), value))
        };
        assert_eq!(main("mse = 1.0\nr2 = 0.5\nroc_auc = 0.7"), Some(("r2".into(), 0.5)));
        assert_eq!(main("accuracy = 1\nroc_auc = 0.7"), Some(("roc_auc".into(), 0.7)));
        assert_eq!(main("note = \"x\"\nrmse = 3"), Some(("rmse".into(), 3.0)));
        assert_eq!(main(""), None);
    }

    #[test]
    fn every_attachment_is_found_by_its_name() {
        for attachment in Attachment::ALL {
            assert_eq!(Attachment::try_from(attachment.name().to_string()), Ok(attachment));
        }
    }
}
