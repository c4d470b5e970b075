//! What shapes outputs beside their inputs.

use super::Ledger;
use crate::error::Result;
use crate::score::Identity;
use crate::transform::Shape;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

/// What shapes an output beside its input; an output is stale once any of it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The lineup that answered: `group/version@SHA-256 of the manifest`.
    pub made_by: Arc<str>,
    /// The settings' canonical text.
    pub shape: Arc<str>,
    /// The output format's version; 0: not known, and fits nothing.
    pub output_format: u32,
}

impl Recipe {
    /// The champion: `group/version`.
    pub fn model(&self) -> &str {
        let group = self.made_by.find('/').unwrap_or(0);
        let end = self.made_by[group..]
            .find('@')
            .map_or(self.made_by.len(), |at| group + at);
        &self.made_by[..end]
    }
}

impl Ledger {
    /// Ledgers of schema 1 and 2 named a model by its artifact, and the settings by a hash. What fits the lineup and the
    /// shape of today gets their names of today, so that nothing is made again for an upgrade; what doesn't fit is stale,
    /// as it was. To be called before outputs are compared with a lineup or shape for the first time.
    pub fn stamp(&self, identity: &Identity, shape: &Shape) -> Result<()> {
        let old = params![format!("{identity}@{}", identity.artifact), shape.legacy_hash()];
        let any = "SELECT id FROM recipes WHERE made_by = ? OR shape = ?";
        if self.select(any, old, |row| row.get::<_, i64>(0))?.is_empty() {
            return Ok(()); // without asking to write
        }
        let both = params![identity.made_by(), shape.text()];
        for (column, at) in [("made_by", 0), ("shape", 1)] {
            let update = format!("UPDATE OR IGNORE recipes SET {column} = ?1 WHERE {column} = ?2");
            self.execute(&update, [both[at], old[at]])?;
        }
        Ok(())
    }
}

/// The number of a recipe. `artifact`: SHA-256 of the champion's, for people.
pub(super) fn number(db: &Connection, recipe: &Recipe, artifact: Option<&str>) -> rusqlite::Result<i64> {
    let Recipe {
        made_by,
        shape,
        output_format,
    } = recipe;
    db.prepare_cached("INSERT OR IGNORE INTO recipes (made_by, shape, output_format, artifact) VALUES (?, ?, ?, ?)")?
        .execute(params![made_by, shape, output_format, artifact])?;
    db.prepare_cached("SELECT id FROM recipes WHERE made_by = ? AND shape = ? AND output_format = ?")?
        .query_row(params![made_by, shape, output_format], |row| row.get(0))
}

/// All recipes with their artifacts, by number.
pub(super) fn all(db: &Connection) -> rusqlite::Result<HashMap<i64, (Recipe, Option<String>)>> {
    db.prepare_cached("SELECT id, made_by, shape, output_format, artifact FROM recipes")?
        .query_map([], |row| {
            let recipe = Recipe {
                made_by: row.get::<_, String>(1)?.into(),
                shape: row.get::<_, String>(2)?.into(),
                output_format: row.get(3)?,
            };
            Ok((row.get(0)?, (recipe, row.get(4)?)))
        })?
        .collect()
}
