//! Is there a spool at all? In a wrong working directory, all would be well: nothing is there, so nothing has failed.

use crate::config::Config;
use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, absolute};

/// An error that says where was looked, if neither the state folder nor the input folder is there. What can't be looked at may be.
pub fn require_spool(config: &Config) -> Result<()> {
    let folders = [&config.state.path, &config.input.path];
    match folders.into_iter().all(|folder| is_missing(folder)) {
        true => Err(no_spool(config, &config.state.path)),
        false => Ok(()),
    }
}

/// The same of the folder of all models.
pub fn require_models(config: &Config) -> Result<()> {
    let models = &config.models.path;
    match is_missing(models) && is_missing(&config.state.path) && is_missing(&config.input.path) {
        true => Err(no_spool(config, models)),
        false => Ok(()),
    }
}

fn is_missing(folder: &Path) -> bool {
    matches!(folder.metadata(), Err(e) if e.kind() == ErrorKind::NotFound)
}

fn no_spool(config: &Config, folder: &Path) -> Error {
    let file = config
        .file
        .as_deref()
        .map(|file| absolute(file).unwrap_or_else(|_| file.into()));
    let by = file.map_or("the built-in defaults".into(), |file| file.display().to_string());
    let message = format!(
        "there is no spool: this folder is not there, nor the others. The paths are from {by}; those that are relative count from \
         the working directory"
    );
    Error::config(absolute(folder).unwrap_or_else(|_| folder.into()), message)
}
