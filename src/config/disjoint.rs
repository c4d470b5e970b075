//! Folders that must lie apart: what is written into one is not to be read from another.

use super::Config;
use super::layers::Layers;
use crate::error::Result;
use crate::spool::Links;
use std::path::{Component, Path, PathBuf};

/// An output inside the input folder would be an input, and so on.
pub fn check(config: &Config, layers: &Layers) -> Result<()> {
    let input = resolve(&config.input.path);
    for (section, path) in [
        ("output", &config.output.path),
        ("failed", &config.failed),
        ("models", &config.models.path),
        ("state", &config.state.path),
        ("status", &config.status),
    ] {
        let other = resolve(path);
        if other.starts_with(&input) || input.starts_with(&other) {
            let message = format!(
                "{section}.path = {} and input.path = {} must lie apart, neither inside the other",
                path.display(),
                config.input.path.display()
            );
            return Err(layers.invalid(&[section, "path"], message));
        }
    }
    check_capture(config, layers)?;
    check_links(config, layers)
}

/// What is captured may be deleted any time, and nothing of it is anything else.
fn check_capture(config: &Config, layers: &Layers) -> Result<()> {
    let Some(capture) = &config.capture else { return Ok(()) };
    let own = resolve(&capture.path);
    for (section, path) in [
        ("input", &config.input.path),
        ("output", &config.output.path),
        ("failed", &config.failed),
        ("models", &config.models.path),
        ("state", &config.state.path),
        ("status", &config.status),
    ] {
        let other = resolve(path);
        if other.starts_with(&own) || own.starts_with(&other) {
            let message = format!(
                "capture.path = {} and {section}.path = {} must lie apart, neither inside the other",
                capture.path.display(),
                path.display()
            );
            return Err(layers.invalid(&["capture", "path"], message));
        }
    }
    Ok(())
}

/// By a link to an output, each output would be an input, and so on.
fn check_links(config: &Config, layers: &Layers) -> Result<()> {
    let Links::Within(folders) = config.input.rules.links() else {
        return Ok(());
    };
    for folder in folders {
        let real = resolve(folder);
        let capture = config.capture.as_ref().map(|capture| ("capture", &capture.path));
        for (section, path) in [
            ("output", &config.output.path),
            ("failed", &config.failed),
            ("state", &config.state.path),
            ("status", &config.status),
        ]
        .into_iter()
        .chain(capture)
        {
            let other = resolve(path);
            if other.starts_with(&real) || real.starts_with(&other) {
                let message = format!(
                    "input.links = {} and {section}.path = {} must lie apart, neither inside the other: what is written there \
                     is no input; name the folders below it that links lead to",
                    folder.display(),
                    path.display()
                );
                return Err(layers.invalid(&["input", "links"], message));
            }
        }
    }
    Ok(())
}

/// An absolute path without links or dots, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            part => resolved.push(part),
        }
        if let Ok(real) = resolved.canonicalize() {
            resolved = real;
        }
    }
    resolved
}
