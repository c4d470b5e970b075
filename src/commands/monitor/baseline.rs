//! `transform monitor baseline`: rows that later ones are held against.

use super::super::read_rows;
use super::{chosen, give};
use crate::cli::BaselineColumns;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::format::as_csv::AsCsv;
use crate::registry::Registry;
use crate::registry::baseline::{Named, Rows};
use crate::train::dataset::EXAMPLES_MAX;
use std::path::Path;

pub fn baseline(
    config: &Config,
    path: &Path,
    version: Option<u32>,
    columns: BaselineColumns,
    reason: String,
) -> Result<u8> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let version = chosen(&registry, version)?;
    let model = registry.prove(version)?.model;
    let examples = read(config, path)?;
    let made = rows(config, path, &examples, columns)
        .baseline(&model)
        .map_err(|why| Error::config(path, why))?;
    give(&registry, version, &made.baseline, &made.remarks, reason)?;
    Ok(exit::CONVERGED)
}

/// The rows, in any format.
pub fn read(config: &Config, path: &Path) -> Result<AsCsv> {
    read_rows(config, path, EXAMPLES_MAX)
}

/// The rows as inputs are read.
pub fn rows<'a>(config: &'a Config, path: &'a Path, examples: &'a AsCsv, columns: BaselineColumns) -> Rows<'a> {
    Rows {
        table: examples.table(&config.shape.spelling),
        source: path,
        named: Named {
            target: columns.target,
            prediction: columns.prediction,
            probabilities: columns.probability,
            others: columns.columns,
        },
    }
}
