//! `[models]`: where models are, and whose approved version scores.

use super::value::{Folder, text};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// What the first group is called, where nobody names it.
const FIRST_GROUP: &str = "default";

#[derive(Clone, Debug)]
pub struct Models {
    pub path: PathBuf,
    pub group: String,
    /// Somebody names it, or it is the only one there is. Else it is a name for the first one that comes.
    pub is_named: bool,
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
    group: Option<String>,
    on_approval: OnApproval,
    onnxruntime: String,
}

impl Raw {
    pub fn validate(self) -> Models {
        Models {
            path: self.path.0,
            is_named: self.group.is_some(),
            group: self.group.unwrap_or_else(|| FIRST_GROUP.into()),
            onnxruntime: self.onnxruntime.into(),
            on_approval: self.on_approval,
        }
    }
}

impl Models {
    pub fn name(&mut self, group: &str) {
        (self.group, self.is_named) = (group.into(), true);
    }
}

/// Empty: the only one there is.
fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(
        deserializer,
        "a folder's name, or \"\" for the only group there is",
        |name| match name {
            "" => Some(None),
            name => is_group(name).then(|| Some(name.into())),
        },
    )
}

/// Can a model group be called so? It is a folder below the models.
pub fn is_group(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.chars().any(|c| c == '/' || c.is_control())
}
