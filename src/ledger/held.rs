//! Results that are held, and who released them.

use super::Ledger;
use super::alerts::{self, Event};
use super::database::{for_each, to_name};
use super::decisions::Decision;
use super::half_hash::HalfHash;
use super::recipe::{Recipe, answering};
use super::results::DOUBT;
use super::verdict;
use crate::error::Result;
use crate::spool::Name;
use crate::transform::Verdict;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A result that is kept back until a person releases it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub input: Name,
    /// Since when, in microseconds since 1970.
    pub at: i64,
    /// Whose result it is, as the ledger names a lineup.
    pub made_by: String,
    /// BLAKE3 of its rows, and of what is kept back.
    input_hash: Option<blake3::Hash>,
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
    /// BLAKE3 of the input and of the output, hexadecimal.
    input: String,
    output: String,
}

/// A result that was kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBack {
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
}

impl Held {
    /// The versions whose rows are in it, as the ledger names each alone.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        answering(&self.made_by)
    }
}

impl Ledger {
    /// In order of names; without what is to be made again.
    pub fn held(&self) -> Result<Vec<Held>> {
        self.kept("r.verdict = 2")
    }

    /// What is blocked in the same way: nobody can release it.
    pub fn blocked(&self) -> Result<Vec<Held>> {
        self.kept("r.verdict = 1 AND r.problem = 'blocked'")
    }

    fn kept(&self, which: &str) -> Result<Vec<Held>> {
        let select = format!(
            "SELECT r.input, h.at, c.made_by, h.output_hash, h.rows, h.message, h.id, h.input_hash
            FROM results r
            JOIN history h ON h.id = (SELECT max(id) FROM history WHERE input = r.input)
            JOIN recipes c ON c.id = h.recipe
            WHERE {which} AND r.recipe > 0 ORDER BY r.input"
        );
        self.select(&select, [], |row: &Row| {
            let hash = |index| -> rusqlite::Result<Option<blake3::Hash>> {
                let hash: Option<[u8; 32]> = row.get(index)?;
                Ok(hash.map(blake3::Hash::from_bytes))
            };
            Ok(Held {
                input: to_name(row, 0)?,
                at: row.get(1)?,
                made_by: row.get(2)?,
                input_hash: hash(7)?,
                output: hash(3)?,
                rows: row.get(4)?,
                message: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                transformation: row.get(6)?,
            })
        })
    }

    /// Releases results, all or none: each is made once more, and published if it comes out the same. `events`: who is told.
    pub fn release(&mut self, held: &[Held], by: &str, at: i64, reason: &str, events: &[Event]) -> Result<()> {
        self.write(|db| {
            for_each(db, DOUBT, held.iter().map(|held| &held.input))?;
            alerts::insert_events(db, events)?;
            let mut insert = db.prepare_cached(
                "INSERT INTO decisions (at, kind, input, by, reason, transformation, evidence)
                 VALUES (?, 'release', ?, ?, ?, ?, ?)",
            )?;
            for held in held {
                let evidence = Evidence {
                    made_by: held.made_by.clone(),
                    input: held.input_hash.map_or_else(String::new, |hash| hash.to_string()),
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

    /// Did somebody release this result of an input by a lineup? `of`, `output`: BLAKE3 of its rows and of the output.
    pub fn is_released(&self, input: &Name, made_by: &str, of: blake3::Hash, output: blake3::Hash) -> Result<bool> {
        let select = "SELECT evidence FROM decisions WHERE input = ? AND kind = 'release'";
        let evidence = self.select(select, [input.bytes()], |row| row.get::<_, Option<String>>(0))?;
        let mut released = evidence
            .iter()
            .flatten()
            .filter_map(|text| serde_json::from_str::<Evidence>(text).ok());
        let (of, output) = (of.to_string(), output.to_string());
        Ok(released.any(|e| e.made_by == made_by && e.input == of && e.output == output))
    }

    /// Who released which inputs' results of which rows are a version's, the last release of each: of those that still have the same rows and aren't
    /// kept back anew; in the order of names.
    pub fn released(&self, made_by: &str) -> Result<Vec<Decision>> {
        let select = "SELECT d.input, d.kind, d.at, d.by, d.reason, d.evidence, r.input_hash
            FROM decisions d JOIN results r ON r.input = d.input
            WHERE d.kind = 'release' AND NOT (r.verdict > 0 AND r.recipe > 0) AND r.input_hash IS NOT NULL ORDER BY d.id";
        let releases = self.select(select, [], |row: &Row| {
            let evidence = row.get::<_, Option<String>>(5)?;
            Ok((Decision::read(row)?, evidence, HalfHash::read(row, 6)?))
        })?;
        let is_of = |evidence: &str, rows: HalfHash| {
            let evidence: Evidence = serde_json::from_str(evidence).ok()?;
            let input = blake3::Hash::from_hex(evidence.input).ok()?;
            Some(answering(&evidence.made_by).any(|version| version == made_by) && HalfHash::from(input) == rows)
        };
        let of = releases
            .into_iter()
            .filter(|(_, evidence, rows)| evidence.as_deref().and_then(|e| is_of(e, *rows)) == Some(true));
        let last: BTreeMap<Vec<u8>, Decision> = of
            .map(|(decision, ..)| (decision.input.bytes().to_vec(), decision))
            .collect();
        Ok(last.into_values().collect())
    }

    /// What kept back these rows when they were scored so, under whatever name.
    pub fn kept_back(&self, of: blake3::Hash, recipe: &Recipe) -> Result<Option<KeptBack>> {
        let select = "SELECT h.verdict, h.message FROM history h JOIN recipes r ON r.id = h.recipe
            WHERE h.input_hash = ? AND h.verdict > 0 AND h.input_hash IS NOT NULL
                AND r.made_by = ? AND r.shape = ? AND r.output_format = ?
            ORDER BY h.id DESC LIMIT 1";
        let Recipe {
            made_by,
            shape,
            output_format,
        } = recipe;
        let found = self.select(
            select,
            params![of.as_bytes(), made_by, shape, output_format],
            |row: &Row| {
                Ok(KeptBack {
                    verdict: verdict::read(row, 0)?,
                    message: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                })
            },
        );
        Ok(found?.pop())
    }
}
