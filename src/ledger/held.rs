//! Results that are held, and who released them.

use super::Ledger;
use super::database::{for_each, to_name};
use super::results::DOUBT;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

/// A result that is kept back until a person releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub input: Name,
    /// Since when, in microseconds since 1970.
    pub at: i64,
    /// Whose result it is, as the ledger names a lineup.
    pub made_by: String,
    /// BLAKE3 of what is kept back.
    pub output: Option<blake3::Hash>,
    pub rows: u64,
    /// What was found.
    pub message: String,
    transformation: i64,
}

/// What a release is of: another result is held anew.
#[derive(Serialize, Deserialize)]
struct Evidence {
    made_by: String,
    /// BLAKE3 of the output, hexadecimal.
    output: String,
}

impl Ledger {
    /// In order of names; without what is to be made again.
    pub fn held(&self) -> Result<Vec<Held>> {
        let select = "SELECT r.input, h.at, c.made_by, h.output_hash, h.rows, h.message, h.id
            FROM results r
            JOIN history h ON h.id = (SELECT max(id) FROM history WHERE input = r.input)
            JOIN recipes c ON c.id = h.recipe
            WHERE r.verdict = 2 AND r.recipe > 0 ORDER BY r.input";
        self.select(select, [], |row: &Row| {
            let hash: Option<[u8; 32]> = row.get(3)?;
            Ok(Held {
                input: to_name(row, 0)?,
                at: row.get(1)?,
                made_by: row.get(2)?,
                output: hash.map(blake3::Hash::from_bytes),
                rows: row.get(4)?,
                message: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                transformation: row.get(6)?,
            })
        })
    }

    /// Releases results, all or none: each is made once more, and published if it comes out the same.
    pub fn release(&mut self, held: &[Held], by: &str, at: i64, reason: &str) -> Result<()> {
        self.write(|db| {
            for_each(db, DOUBT, held.iter().map(|held| &held.input))?;
            let mut insert = db.prepare_cached(
                "INSERT INTO decisions (at, kind, input, by, reason, transformation, evidence)
                 VALUES (?, 'release', ?, ?, ?, ?, ?)",
            )?;
            for held in held {
                let evidence = Evidence {
                    made_by: held.made_by.clone(),
                    output: held.output.map_or_else(String::new, |hash| hash.to_string()),
                };
                let evidence = serde_json::to_string(&evidence).expect("evidence is JSON");
                insert.execute(params![
                    at,
                    held.input.bytes(),
                    by,
                    reason,
                    held.transformation,
                    evidence
                ])?;
            }
            Ok(())
        })
    }

    /// Did somebody release this result of an input by a lineup?
    pub fn is_released(&self, input: &Name, made_by: &str, output: blake3::Hash) -> Result<bool> {
        let select = "SELECT evidence FROM decisions WHERE input = ? AND kind = 'release'";
        let evidence = self.select(select, [input.bytes()], |row| row.get::<_, Option<String>>(0))?;
        let mut released = evidence
            .iter()
            .flatten()
            .filter_map(|text| serde_json::from_str::<Evidence>(text).ok());
        Ok(released.any(|e| e.made_by == made_by && e.output == output.to_string()))
    }
}
