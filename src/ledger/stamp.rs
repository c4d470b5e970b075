//! Names of today for what ledgers of schema 1 and 2 kept.
//!
//! They named a model by its artifact, `group/version@SHA-256 of the artifact`, and the settings by a hash. What a version of
//! the registry can have made is stamped with its manifest; so nothing is made again for an upgrade. That is decided once: what
//! fits no version then is of an unknown manifest for ever (`group/version@?SHA-256 of the artifact`, which is nobody's name), and
//! stale where it would have to answer. A version that is registered later, of the same artifact, can't pass for its maker.

use super::Ledger;
use crate::error::Result;
use crate::score::Identity;
use crate::transform::Shape;
use rusqlite::{Connection, params};

/// A version as it was named by its artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    pub group: String,
    pub version: u32,
    /// SHA-256, hexadecimal.
    pub artifact: String,
}

impl Former {
    /// `name`: with its artifact.
    fn of(name: &str, artifact: String) -> Option<Former> {
        let (group, version) = name.strip_suffix(&format!("@{artifact}"))?.rsplit_once('/')?;
        Some(Former {
            group: group.into(),
            version: version.parse().ok()?,
            artifact,
        })
    }

    fn name(&self, mark: &str) -> String {
        format!("{}/{}@{mark}{}", self.group, self.version, self.artifact)
    }
}

impl Ledger {
    /// What is to be stamped: nothing, but after an upgrade.
    pub fn former(&self) -> Result<Vec<Former>> {
        let select = "SELECT DISTINCT made_by, artifact FROM recipes
                      WHERE length(artifact) = 64 AND substr(made_by, -65) = '@' || artifact";
        let named = self.select(select, [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        Ok(named
            .iter()
            .filter_map(|(name, artifact)| Former::of(name, String::clone(artifact)))
            .collect())
    }

    /// Stamps what `former` made with the version of its artifact that the registry has, and since when, in microseconds since
    /// 1970: what is older was made by another one. `None`: it has none.
    pub fn stamp(&mut self, former: &Former, version: Option<(&Identity, i64)>) -> Result<()> {
        let (old, unknown) = (former.name(""), former.name("?"));
        self.write(|db| {
            if let Some((identity, since)) = version {
                set_older_aside(db, &old, &unknown, since)?;
                rename(db, &old, &identity.made_by())?;
            }
            rename(db, &old, &unknown)
        })
    }

    /// Stamps results by these settings with their canonical text.
    pub fn stamp_shape(&self, shape: &Shape) -> Result<()> {
        let old = shape.legacy_hash();
        let any = self.select("SELECT id FROM recipes WHERE shape = ?", [&old], |row| {
            row.get::<_, i64>(0)
        })?;
        if any.is_empty() {
            return Ok(()); // without asking to write
        }
        let update = "UPDATE OR IGNORE recipes SET shape = ? WHERE shape = ?";
        self.execute(update, [shape.text(), old]).map(drop)
    }
}

fn rename(db: &Connection, old: &str, new: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE OR IGNORE recipes SET made_by = ? WHERE made_by = ?", [new, old])
        .map(drop)
}

/// What was made by `old` before `since` is made by `unknown`. The last row of an input's history is about what stands.
fn set_older_aside(db: &Connection, old: &str, unknown: &str, since: i64) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO recipes (made_by, shape, output_format, artifact)
         SELECT ?2, shape, output_format, artifact FROM recipes WHERE made_by = ?1",
        [old, unknown],
    )?;
    let ended = "coalesce((SELECT max(h.at) FROM history h WHERE h.input = results.input), first_seen)";
    for (table, time) in [("results", ended), ("history", "at")] {
        let update = format!(
            "UPDATE {table} SET recipe = (
                 SELECT n.id FROM recipes o JOIN recipes n USING (shape, output_format)
                 WHERE o.id = recipe AND n.made_by = ?2)
             WHERE recipe IN (SELECT id FROM recipes WHERE made_by = ?1) AND {time} < ?3"
        );
        db.execute(&update, params![old, unknown, since])?;
    }
    Ok(())
}
