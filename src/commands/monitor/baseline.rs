//! `transform monitor baseline`: rows that later ones are held against.

use super::super::read_text;
use super::{chosen, give};
use crate::cli::BaselineColumns;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::format::csv::table::Table;
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
    let bytes = read(config, path)?;
    let made = rows(config, path, &bytes, columns)
        .baseline(&model)
        .map_err(|why| Error::config(path, why))?;
    give(&registry, version, &made.baseline, &made.remarks, reason)?;
    Ok(exit::CONVERGED)
}

/// The bytes of the rows, in UTF-8.
pub fn read(config: &Config, path: &Path) -> Result<Vec<u8>> {
    read_text(path, EXAMPLES_MAX, config.shape.encoding)
}

/// The rows as inputs are read.
pub fn rows<'a>(config: &'a Config, path: &'a Path, bytes: &'a [u8], columns: BaselineColumns) -> Rows<'a> {
    Rows {
        table: Table {
            bytes,
            dialect: config.shape.dialect,
            spelling: &config.shape.spelling,
        },
        source: path,
        named: Named {
            target: columns.target,
            prediction: columns.prediction,
            probabilities: columns.probability,
            others: columns.columns,
        },
    }
}
