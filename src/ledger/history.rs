//! Every transformation, for people.

use super::Ledger;
use super::database::to_name;
use super::recipe::{self, Recipe};
use super::{unknown, verdict};
use crate::error::Result;
use crate::spool::Name;
use crate::transform::{Summary, Verdict};
use rusqlite::{Connection, Row, params};

/// One transformation, as the history keeps it.
#[derive(Clone, Debug)]
pub struct Transformation {
    pub input: Name,
    /// When it ended, in microseconds since 1970.
    pub at: i64,
    /// How long it took, in microseconds.
    pub micros: i64,
    pub recipe: Recipe,
    /// SHA-256 of the champion's artifact, hexadecimal, where it is known.
    pub artifact: Option<String>,
    /// Without hashes if it failed.
    pub summary: Summary,
    pub verdict: Verdict,
    pub phase: Option<String>,
    pub problem: Option<String>,
    pub message: Option<String>,
}

impl Ledger {
    /// The last transformations, newest first: of one input or of all, from a moment on (in microseconds since 1970) or
    /// from the first that is kept.
    pub fn history(&self, input: Option<&Name>, since: Option<i64>, most: Option<u32>) -> Result<Vec<Transformation>> {
        let recipes = recipe::all(&self.db).map_err(|e| self.error(e))?;
        let of_input = if input.is_some() { "input = ?1" } else { "?1 IS NULL" };
        // Numbers grow with time, so what is older is not looked through.
        let from = match since {
            Some(_) => "coalesce((SELECT id FROM history WHERE at < ?2 ORDER BY id DESC LIMIT 1), 0)",
            None => "coalesce(?2, 0)",
        };
        let sql = format!(
            "SELECT input, at, micros, recipe, rows, bad_rows, not_finite, bytes, input_hash, output_hash, verdict, phase,
                    problem, message, unknown
             FROM history WHERE {of_input} AND id > {from} ORDER BY id DESC LIMIT ?3"
        );
        let most = most.map_or(-1, i64::from);
        let to_transformation = |row: &Row| {
            let number: i64 = row.get(3)?;
            let (recipe, artifact) = recipes
                .get(&number)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number))?
                .clone();
            Ok(Transformation {
                input: to_name(row, 0)?,
                at: row.get(1)?,
                micros: row.get(2)?,
                recipe,
                artifact,
                summary: Summary {
                    rows: row.get(4)?,
                    bad_rows: row.get(5)?,
                    not_finite: row.get(6)?,
                    unknown: unknown::read(row, 14)?,
                    bytes: row.get(7)?,
                    input_hash: hash(row, 8)?,
                    output_hash: hash(row, 9)?,
                },
                verdict: verdict::read(row, 10)?,
                phase: row.get(11)?,
                problem: row.get(12)?,
                message: row.get(13)?,
            })
        };
        self.select(&sql, params![input.map(Name::bytes), since, most], to_transformation)
    }

    /// The last problem of an input that failed for good.
    pub fn last_problem(&self, input: &Name) -> Result<Option<Transformation>> {
        Ok(self.history(Some(input), None, Some(1))?.into_iter().next())
    }
}

pub(super) fn insert(db: &Connection, done: &Transformation, recipe: i64) -> rusqlite::Result<()> {
    let Summary {
        rows,
        bad_rows,
        not_finite,
        unknown: cells,
        bytes,
        input_hash,
        output_hash,
    } = &done.summary;
    let bytes_of = |hash: &Option<blake3::Hash>| hash.map(|hash| *hash.as_bytes());
    db.prepare_cached("INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            done.input.bytes(),
            done.at,
            done.micros,
            recipe,
            rows,
            bad_rows,
            not_finite,
            bytes,
            bytes_of(input_hash),
            bytes_of(output_hash),
            verdict::number(done.verdict),
            done.phase,
            done.problem,
            done.message,
            unknown::text(cells),
        ])?;
    Ok(())
}

fn hash(row: &Row, index: usize) -> rusqlite::Result<Option<blake3::Hash>> {
    let hash: Option<[u8; 32]> = row.get(index)?;
    Ok(hash.map(blake3::Hash::from_bytes))
}
