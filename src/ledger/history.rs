//! Every transformation, for people.

use super::Ledger;
use super::counted::CountedRows;
use super::database::to_name;
use super::half_hash::HalfHash;
use super::recipe::{self, Recipe};
use super::{unknown, verdict};
use crate::checksum::Sha256Sum;
use crate::error::Result;

use crate::monitor::Counts;
use crate::spool::Name;
use crate::transform::{Summary, UnknownCounts, Verdict};
use rusqlite::{Row, Statement, params};
use std::collections::HashMap;

/// One transformation, as the history keeps it.
#[derive(Clone, Debug)]
pub struct Transformation {
    /// The ledger's, once it has it.
    pub number: Option<i64>,
    pub input: Name,
    /// When it ended, in microseconds since 1970.
    pub at: i64,
    /// How long it took, in microseconds.
    pub micros: i64,
    pub recipe: Recipe,
    /// SHA-256 of the champion's artifact, hexadecimal, where it is known.
    pub artifact: Option<String>,
    /// Without hashes if it failed. What was counted stands by itself in the ledger: read back, a transformation has none.
    pub summary: Summary,
    /// What was counted of its rows by themselves, of each version that answered some of them.
    pub counted: Vec<CountedRows>,
    pub verdict: Verdict,
    pub phase: Option<String>,
    pub problem: Option<String>,
    pub message: Option<String>,
}

/// What a transformation came to, as far as it is counted.
pub struct Work {
    pub input: Name,
    pub verdict: Verdict,
    pub rows: u64,
    pub bad_rows: u64,
    pub not_finite: u64,
    /// By column, the cells with a category that the model doesn't know.
    pub unknown: UnknownCounts,
}

/// Which transformations; all that is none fits any.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    pub input: Option<&'a Name>,
    /// From then on, in microseconds since 1970.
    pub since: Option<i64>,
    /// `GROUP/VERSION`, or `GROUP`.
    pub model: Option<&'a str>,
    /// The lowest and the highest BLAKE3 or SHA-256 of the output.
    pub output: Option<([u8; 32], [u8; 32])>,
    /// At most so many, the last ones.
    pub most: Option<u32>,
}

impl Ledger {
    /// The transformations that fit, newest first.
    pub fn history(&self, wanted: &Wanted) -> Result<Vec<Transformation>> {
        let recipes = recipe::all(&self.db).map_err(|e| self.error(e))?;
        let Wanted {
            input,
            since,
            model,
            output,
            most,
        } = *wanted;
        let of_input = if input.is_some() { "input = ?1" } else { "?1 IS NULL" };
        // Numbers grow with time, so what is older is not looked through.
        let from = match since {
            Some(_) => "coalesce((SELECT id FROM history WHERE at < ?2 ORDER BY id DESC LIMIT 1), 0)",
            None => "coalesce(?2, 0)",
        };
        let by_model = model.map_or(String::new(), |model| {
            let numbers = recipes.iter().filter(|(_, (recipe, _))| recipe.is_by(model));
            let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
            format!("AND recipe IN ({})", numbers.join(", "))
        });
        let of_output = match output {
            Some(_) => "AND (output_hash BETWEEN ?4 AND ?5 OR output_sha256 BETWEEN ?4 AND ?5)",
            None => "AND coalesce(?4, ?5) IS NULL",
        };
        let (lowest, highest) = output.unzip();
        let sql = format!(
            "SELECT {COLUMNS} FROM history WHERE {of_input} AND id > {from} {by_model} {of_output} ORDER BY id DESC LIMIT ?3"
        );
        let most = most.map_or(-1, i64::from);
        let values = params![input.map(Name::bytes), since, most, lowest, highest];
        self.select(&sql, values, |row| read(row, &recipes))
    }

    /// The next ones behind the transformation of a number, at most `most`.
    pub fn history_after(&self, number: i64, most: u32) -> Result<Vec<(i64, Transformation)>> {
        let recipes = recipe::all(&self.db).map_err(|e| self.error(e))?;
        let sql = format!("SELECT {COLUMNS} FROM history WHERE id > ? ORDER BY id LIMIT ?");
        let numbered = |row: &Row| Ok((row.get(16)?, read(row, &recipes)?));
        self.select(&sql, params![number, most], numbered)
    }

    /// When the first transformation ended that is kept, in microseconds since 1970.
    pub fn first_at(&self) -> Result<Option<i64>> {
        let first = "SELECT at FROM history ORDER BY id LIMIT 1";
        Ok(self.select(first, [], |row| row.get(0))?.pop())
    }

    /// Inputs whose outputs were made without a SHA-256, with what is known of these; one, or all.
    pub fn without_sha256(&self, input: Option<&Name>) -> Result<Vec<(Name, HalfHash, Option<Name>)>> {
        let of_input = if input.is_some() { "input = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT input, output_hash, recipe, c.output_format, c.shape FROM results r JOIN recipes c ON c.id = r.recipe
             WHERE {of_input} AND verdict = 0 AND output_hash IS NOT NULL AND EXISTS (
                SELECT 1 FROM history h
                WHERE h.input = r.input AND output_sha256 IS NULL AND substr(h.output_hash, 1, 16) = r.output_hash)
             ORDER BY input"
        );
        self.select(&sql, [input.map(Name::bytes)], |row| {
            let input = to_name(row, 0)?;
            let output = match row.get(2)? {
                0 => None,
                _ => Some(recipe::output(row.get(3)?, &row.get::<_, String>(4)?, &input)),
            };
            Ok((input, HalfHash::read(row, 1)?, output))
        })
    }

    /// These bytes, made of that input, have this SHA-256. Doesn't wait for the disk: it can be found out again.
    pub fn set_sha256(&mut self, input: &Name, output: blake3::Hash, sha256: Sha256Sum) -> Result<()> {
        let update = "UPDATE history SET output_sha256 = ? WHERE input = ? AND output_hash = ?";
        let values = params![sha256.0, input.bytes(), output.as_bytes()];
        self.write_behind(|db| db.execute(update, values).map(drop))
    }

    /// The number of the last transformation; 0 before the first.
    pub fn last_transformation(&self) -> Result<i64> {
        let select = "SELECT coalesce(max(id), 0) FROM history";
        let last: Vec<i64> = self.select(select, [], |row| row.get(0))?;
        Ok(last.into_iter().sum())
    }

    /// Was the input transformed after the transformation of that number?
    pub fn has_work_since(&self, input: &Name, number: i64) -> Result<bool> {
        let select = "SELECT EXISTS (SELECT 1 FROM history WHERE input = ? AND id > ?)";
        let any: Vec<bool> = self.select(select, params![input.bytes(), number], |row| row.get(0))?;
        Ok(any == [true])
    }

    /// What was made after the transformation of that number, each input once, as it was made last; in order of time.
    pub fn work_since(&self, number: i64, mut each: impl FnMut(Work)) -> Result<()> {
        let select = "SELECT input, verdict, rows, bad_rows, not_finite, unknown FROM history h
                      WHERE id > ? AND NOT EXISTS (SELECT 1 FROM history l WHERE l.input = h.input AND l.id > h.id)
                      ORDER BY id";
        let work = |row: &Row| {
            each(Work {
                input: to_name(row, 0)?,
                verdict: verdict::read(row, 1)?,
                rows: row.get(2)?,
                bad_rows: row.get(3)?,
                not_finite: row.get(4)?,
                unknown: unknown::read(row, 5)?,
            });
            Ok(())
        };
        self.select(select, [number], work).map(drop)
    }

    /// When an output was made last, in microseconds since 1970, as far as the history goes back.
    pub fn last_success(&self) -> Result<Option<i64>> {
        let select = "SELECT at FROM history WHERE verdict = 0 ORDER BY id DESC LIMIT 1";
        Ok(self.select(select, [], |row| row.get(0))?.pop())
    }

    /// The last problem of an input that failed for good.
    pub fn last_problem(&self, input: &Name) -> Result<Option<Transformation>> {
        let last = Wanted {
            input: Some(input),
            most: Some(1),
            ..Wanted::default()
        };
        Ok(self.history(&last)?.pop())
    }
}

const COLUMNS: &str =
    "input, at, micros, recipe, rows, bad_rows, not_finite, bytes, input_hash, output_hash, verdict, phase, problem, message, unknown,
     output_sha256, id";

fn read(row: &Row, recipes: &HashMap<i64, (Recipe, Option<String>)>) -> rusqlite::Result<Transformation> {
    let number: i64 = row.get(3)?;
    let (recipe, artifact) = recipes
        .get(&number)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number))?
        .clone();
    Ok(Transformation {
        number: row.get(16)?,
        input: to_name(row, 0)?,
        at: row.get(1)?,
        micros: row.get(2)?,
        recipe,
        artifact,
        counted: Vec::new(),
        summary: Summary {
            rows: row.get(4)?,
            bad_rows: row.get(5)?,
            not_finite: row.get(6)?,
            unknown: unknown::read(row, 14)?,
            lacking: UnknownCounts::new(),
            counts: Counts::default(),
            bytes: row.get(7)?,
            input_hash: hash(row, 8)?,
            output_hash: hash(row, 9)?,
            output_sha256: row.get::<_, Option<_>>(15)?.map(Sha256Sum),
            arms: None,
            trials: Vec::new(),
        },
        verdict: verdict::read(row, 10)?,
        phase: row.get(11)?,
        problem: row.get(12)?,
        message: row.get(13)?,
    })
}

pub(super) const INSERT: &str = "INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// `insert`: that statement.
pub(super) fn insert(insert: &mut Statement, done: &Transformation, recipe: i64) -> rusqlite::Result<()> {
    let Summary {
        rows,
        bad_rows,
        not_finite,
        unknown: cells,
        lacking: _,
        counts: _,
        bytes,
        input_hash,
        output_hash,
        output_sha256,
        arms: _,
        trials: _,
    } = &done.summary;
    let bytes_of = |hash: &Option<blake3::Hash>| hash.map(|hash| *hash.as_bytes());
    insert.execute(params![
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
        output_sha256.map(|sum| sum.0),
    ])?;
    Ok(())
}

fn hash(row: &Row, index: usize) -> rusqlite::Result<Option<blake3::Hash>> {
    let hash: Option<[u8; 32]> = row.get(index)?;
    Ok(hash.map(blake3::Hash::from_bytes))
}
