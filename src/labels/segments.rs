//! To which groups rows belong: by columns that were kept in the output, or by the input while it is what was scored.

use super::sheet::Sheet;
use crate::config::Config;
use crate::ledger::Scored;
use crate::spool::Dir;
use std::collections::HashMap;

/// By row, the values of the columns that were asked for.
pub type Values = HashMap<u64, Vec<String>>;

/// Of the rows for which `wanted` holds.
///
/// # Errors
/// Why the input can't say.
pub fn of_input(
    config: &Config,
    scored: &Scored,
    columns: &[&str],
    wanted: impl Fn(u64) -> bool,
) -> Result<Values, String> {
    let root = Dir::open(&config.input.path).map_err(|e| e.to_string())?;
    let sheet = Sheet::input(&root, scored, &config.shape)?;
    if let Some(column) = columns.iter().find(|column| !sheet.has(column)) {
        return Err(format!("the input has no column {column:?}"));
    }
    let mut values = Values::new();
    sheet.read(columns, |row, cells| {
        if wanted(row) {
            values.insert(row, cells.iter().map(ToString::to_string).collect());
        }
    })?;
    Ok(values)
}
