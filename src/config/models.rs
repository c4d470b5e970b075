//! `[models]`: where models are, and whose approved version scores.

use super::value::{Folder, text};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Models {
    pub path: PathBuf,
    pub group: String,
    /// ONNX Runtime's library; empty: it is looked for.
    pub onnxruntime: PathBuf,
    pub on_approval: OnApproval,
}

/// What a new approval means for files that are scored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnApproval {
    Rescore,
    NewFiles,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    path: Folder,
    #[serde(deserialize_with = "group")]
    group: String,
    on_approval: OnApproval,
    onnxruntime: String,
}

impl Raw {
    pub fn validate(self) -> Models {
        Models {
            path: self.path.0,
            group: self.group,
            onnxruntime: self.onnxruntime.into(),
            on_approval: self.on_approval,
        }
    }
}

fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "a folder's name", |name| {
        is_group(name).then(|| name.into())
    })
}

/// Can a model group be called so? It is a folder below the models.
pub fn is_group(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.chars().any(|c| c == '/' || c.is_control())
}
