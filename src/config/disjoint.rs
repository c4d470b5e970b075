//! Folders that must lie apart: what is written into one is not to be read from another.

use super::Config;
use super::layers::Layers;
use crate::error::Result;
use crate::spool::Links;
use std::path::{Component, Path, PathBuf};

pub fn check(config: &Config, layers: &Layers) -> Result<()> {
    let input = ("input.path", &config.input.path);
    let written = [
        ("output.path", &config.output.path),
        ("failed.path", &config.failed),
        ("state.path", &config.state.path),
        ("status.path", &config.status),
    ];
    let models = ("models.path", &config.models.path);
    let capture = config.capture.as_ref().map(|capture| ("capture.path", &capture.path));
    let shadow = ("shadow.path", &config.shadow);
    let alerts = config.alerts.as_ref().map(|alerts| ("alerts.path", alerts));
    // An output inside the input folder would be an input, and so on.
    for other in written.into_iter().chain([models]) {
        apart(layers, other, input, "")?;
    }
    // Old alerts go, and nothing of them is anything else.
    if let Some(own) = alerts {
        for other in [input, models].into_iter().chain(written) {
            apart(layers, own, other, "")?;
        }
    }
    // An experiment's files go when it is purged.
    for other in [input, models].into_iter().chain(written).chain(alerts) {
        apart(layers, shadow, other, "")?;
    }
    // What is captured may be deleted any time, too.
    if let Some(own) = capture {
        for other in [input, models].into_iter().chain(written).chain(alerts).chain([shadow]) {
            apart(layers, own, other, "")?;
        }
    }
    // What runs left in it is removed.
    let engine = config.engine.as_ref().map(|engine| ("engine.parts", &engine.parts));
    if let Some(own) = engine {
        let others = [input, models, shadow]
            .into_iter()
            .chain(written)
            .chain(alerts)
            .chain(capture);
        for other in others {
            apart(layers, own, other, "")?;
        }
    }
    // By a link to an output, each output would be an input.
    if let Links::Within(folders) = config.input.rules.links() {
        let why = ": what is written there is no input; name the folders below it that links lead to";
        for folder in folders {
            for other in written
                .into_iter()
                .chain(capture)
                .chain(alerts)
                .chain([shadow])
                .chain(engine)
            {
                apart(layers, ("input.links", folder), other, why)?;
            }
        }
    }
    Ok(())
}

/// # Errors
/// One lies inside the other; it is the first one's key that is wrong.
fn apart(
    layers: &Layers,
    (key, path): (&str, &PathBuf),
    (other_key, other): (&str, &PathBuf),
    why: &str,
) -> Result<()> {
    let (real, other_real) = (resolve(path), resolve(other));
    if !real.starts_with(&other_real) && !other_real.starts_with(&real) {
        return Ok(());
    }
    let message = format!(
        "{key} = {} and {other_key} = {} must lie apart, neither inside the other{why}",
        path.display(),
        other.display()
    );
    Err(layers.invalid(&key.split('.').collect::<Vec<_>>(), message))
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
