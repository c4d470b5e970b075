//! `[status]`: where the worker writes how things stand. `[metrics]`: and where for Prometheus.

use super::value::{Folder, text};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    pub path: Folder,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// `None`: none is written.
    #[serde(deserialize_with = "textfile")]
    pub textfile: Option<PathBuf>,
}

fn textfile<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let expected = "the path of a file that ends in .prom, or \"\" for none";
    text(deserializer, expected, |path| match path {
        "" => Some(None),
        path => path.ends_with(".prom").then(|| Some(path.into())),
    })
}
