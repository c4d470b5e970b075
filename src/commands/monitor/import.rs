//! `transform monitor import`: the baseline of another monitor.

use super::{chosen, give};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::monitor::baseline::sagemaker;
use crate::registry::{Registry, read_source};
use std::path::Path;

/// Larger files are none of these.
const FILE_MAX: u64 = 1 << 30;

pub fn import(
    config: &Config,
    statistics: &Path,
    constraints: Option<&Path>,
    version: Option<u32>,
    reason: String,
) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let version = chosen(&registry, version)?;
    let signature = registry.show(version)?.manifest.signature;
    let read = |path: &Path| read_source(path, FILE_MAX).map_err(Error::of_a_persons_file);
    let bars = constraints.map(read).transpose()?;
    let imported = sagemaker::import(&read(statistics)?, bars.as_deref(), &signature)
        .map_err(|why| Error::config(statistics, why))?;
    give(&registry, version, &imported.baseline, &imported.remarks, reason)?;
    Ok(exit::CONVERGED)
}
