//! What each input's output or report was made from.

use super::alerts::Alerting;
use super::counted::Windows;
use super::database::{for_each, to_name};
use super::faults;
use super::half_hash::HalfHash;
use super::history::{self, Transformation};
use super::recipe::{self, Recipe};
use super::taken::Taken;
use super::{Ledger, alerts, claims, counted, unknown, verdict};
use crate::error::Result;
use crate::spool::{Fingerprint, Name};
use crate::transform::{UnknownCounts, Verdict};
use rusqlite::{OptionalExtension, Row, Statement, params};
use std::collections::HashMap;

/// What an input's output or report was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub fingerprint: Fingerprint,
    /// The fingerprint was taken so soon after the last change that another change could hide behind it.
    pub racy: bool,
    /// If it was read whole.
    pub input_hash: Option<HalfHash>,
    pub recipe: Recipe,
    /// The size of the published output or report.
    pub published: u64,
    /// The code of the problem, if it failed for good.
    pub problem: Option<String>,
    pub verdict: Verdict,
    /// When an input with these contents was first seen, in microseconds since 1970. While the contents stay, the ledger
    /// keeps what it has, whatever it is given.
    pub first_seen: i64,
    /// The phase of an experiment in which it was first seen: `experiment/number`. Kept like `first_seen`.
    pub phase: Option<String>,
    /// How often its output went.
    pub taken: Taken,
}

impl Ledger {
    pub fn record(&self, input: &Name) -> Result<Option<Record>> {
        Ok(self.records(std::slice::from_ref(input))?.pop().flatten())
    }

    /// The records of many inputs, read at once.
    pub fn records(&self, inputs: &[Name]) -> Result<Vec<Option<Record>>> {
        let read = || {
            let transaction = self.db.unchecked_transaction()?;
            let recipes = recipe::all(&transaction)?;
            let mut select = transaction.prepare_cached(
                "SELECT size, mtime, ctime, racy, input_hash, recipe, published, problem, verdict, first_seen, phase,
                        taken, taken_at, remade
                 FROM results WHERE input = ?",
            )?;
            let to_record = |row: &Row| to_record(row, &recipes);
            let mut record = |input: &Name| select.query_row([input.bytes()], to_record).optional();
            inputs.iter().map(&mut record).collect::<rusqlite::Result<_>>()
        };
        read().map_err(|e| self.error(e))
    }

    /// The hash of an input's output as it was published last; `None` if it has none, or if it is in doubt.
    pub fn output_hash(&self, input: &Name) -> Result<Option<HalfHash>> {
        let select = "SELECT output_hash FROM results WHERE input = ? AND recipe > 0 AND output_hash IS NOT NULL";
        let read = || {
            let mut select = self.db.prepare_cached(select)?;
            select.query_row([input.bytes()], |row| row.get(0)).optional()
        };
        Ok(read().map_err(|e| self.error(e))?.map(HalfHash))
    }

    /// Commits a group: all of it, or nothing.
    pub fn commit(&mut self, group: &[(Record, Transformation)]) -> Result<()> {
        self.commit_counted(group, &[], &[])
    }

    /// The same with what becomes of the windows in which small inputs are counted, and of alerts.
    pub fn commit_counted(
        &mut self,
        group: &[(Record, Transformation)],
        windows: &[Windows],
        alerting: &[Alerting],
    ) -> Result<()> {
        self.write(|db| {
            // Most often a whole group is of one recipe, and no input of it had failed.
            for same in group.chunk_by(|(a, _), (b, _)| a.recipe == b.recipe) {
                let (record, done) = &same[0];
                let recipe = recipe::number(db, &record.recipe, done.artifact.as_deref())?;
                let (mut results, mut history) = (db.prepare_cached(INSERT)?, db.prepare_cached(history::INSERT)?);
                let mut counts = db.prepare_cached(counted::INSERT)?;
                for (record, done) in same {
                    insert(&mut results, record, done, recipe)?;
                    history::insert(&mut history, done, recipe)?;
                    if done.verdict != Verdict::Fail {
                        let of_input = (done.summary.rows, record.first_seen);
                        counted::insert(&mut counts, &done.input, of_input, &done.counted)?;
                    }
                }
            }
            windows.iter().try_for_each(|of_one| counted::set_windows(db, of_one))?;
            alerting.iter().try_for_each(|of_one| alerts::set(db, of_one))?;
            claims::settle(db, group.iter().map(|(_, done)| &done.input))?;
            faults::clear(db, group.iter().map(|(_, done)| &done.input))
        })
    }

    /// The inputs were read again, and had the contents that were recorded. They have these fingerprints now; behind those that
    /// are racy, another change can still hide.
    ///
    /// Doesn't wait for the disk: what a power cut takes back is only found out once more.
    pub fn confirm(&mut self, inputs: &[(Name, Fingerprint, bool)]) -> Result<()> {
        if inputs.is_empty() {
            return Ok(());
        }
        self.write_behind(|db| {
            // Their outputs stand, or what becomes of them is decided on anew: none is due any more.
            let mut update = db.prepare_cached(
                "UPDATE results SET size = ?, mtime = ?, ctime = ?, racy = ?, taken_at = max(taken_at, 0) WHERE input = ?",
            )?;
            for (input, fingerprint, racy) in inputs {
                let Fingerprint { size, mtime, .. } = *fingerprint;
                update.execute(params![size, mtime, after_mtime(*fingerprint), racy, input.bytes()])?;
            }
            Ok(())
        })
    }

    /// Forgets what was recorded for an input. The history stays.
    pub fn forget(&mut self, input: &Name) -> Result<()> {
        self.execute("DELETE FROM results WHERE input = ?", [input.bytes()])?;
        self.clear_fault(input)
    }

    /// Makes every output stale.
    pub fn make_stale(&self) -> Result<()> {
        self.execute("UPDATE results SET recipe = 0", []).map(drop)
    }

    /// The results of these inputs are about to be replaced, and fit nothing until the replacements are committed. Without
    /// that, a worker that is killed in between would leave outputs by one model that pass for another's, once that is
    /// approved again: they may have the same size.
    pub fn doubt<'a>(&self, inputs: impl IntoIterator<Item = &'a Name>) -> Result<()> {
        let write = || {
            let transaction = self.db.unchecked_transaction()?;
            for_each(&transaction, DOUBT, inputs)?;
            transaction.commit()
        };
        write().map_err(|e| self.error(e))
    }

    /// The same of all that have something in the failed folder.
    pub fn doubt_reports(&self) -> Result<()> {
        let update = "UPDATE results SET recipe = 0 WHERE verdict > 0 OR bad_rows > 0";
        self.execute(update, []).map(drop)
    }

    /// Inputs behind `after` whose outputs aren't in doubt, in order, at most `most`.
    pub fn published(&self, after: &Name, most: usize) -> Result<Vec<Published>> {
        let select = "SELECT input, published, output_hash, c.output_format, c.shape FROM results r JOIN recipes c ON c.id = r.recipe
                      WHERE input > ? AND verdict = 0 AND recipe > 0 ORDER BY input LIMIT ?";
        self.select(select, params![after.bytes(), most], |row| {
            let input = to_name(row, 0)?;
            Ok(Published {
                output: recipe::output(row.get(3)?, &row.get::<_, String>(4)?, &input),
                input,
                size: row.get(1)?,
                hash: row.get::<_, Option<_>>(2)?.map(HalfHash),
            })
        })
    }

    /// Is there a result of any input?
    pub fn has_results(&self) -> Result<bool> {
        let any: Vec<bool> = self.select("SELECT EXISTS (SELECT 1 FROM results)", [], |row| row.get(0))?;
        Ok(any == [true])
    }

    /// Inputs that failed for good, in order.
    pub fn failed(&self) -> Result<Vec<Name>> {
        self.select(FAILED, [], |row| to_name(row, 0))
    }

    /// What people should know of inputs that were scored, in order.
    pub fn findings(&self) -> Result<Vec<Finding>> {
        self.select(FOUND, [], |row| {
            Ok(Finding {
                input: to_name(row, 0)?,
                rows: row.get(1)?,
                bad_rows: row.get(2)?,
                unknown: unknown::read(row, 3)?,
            })
        })
    }

    /// Inputs that have a report, for they failed for good or are held; in order.
    pub fn reported(&self) -> Result<Vec<Name>> {
        self.select(REPORTED, [], |row| to_name(row, 0))
    }
}

/// An output as it was published.
pub struct Published {
    pub input: Name,
    /// Its name.
    pub output: Name,
    pub size: u64,
    /// `None`: it isn't known.
    pub hash: Option<HalfHash>,
}

/// What of an input couldn't be scored, and what the model didn't know; one of both at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub input: Name,
    pub rows: u64,
    pub bad_rows: u64,
    /// By column, the cells with a category that the model doesn't know.
    pub unknown: UnknownCounts,
}

// Each by an index of the few.
pub(super) const FOUND: &str = "SELECT input, rows, bad_rows, unknown FROM results
     WHERE bad_rows > 0 OR unknown IS NOT NULL ORDER BY input";
pub(super) const FAILED: &str = "SELECT input FROM results WHERE verdict > 0 AND problem IS NOT NULL ORDER BY input";
pub(super) const REPORTED: &str = "SELECT input FROM results WHERE verdict > 0 ORDER BY input";

/// Whatever an input's result was made from, it fits nothing now.
pub(super) const DOUBT: &str = "UPDATE results SET recipe = 0 WHERE input = ?";

/// A ctime as it is kept: how long after the mtime.
fn after_mtime(fingerprint: Fingerprint) -> Option<i64> {
    fingerprint.ctime.map(|ctime| ctime.wrapping_sub(fingerprint.mtime))
}

/// An input that has the same hash, or the same fingerprint, is the one that was seen before.
const INSERT: &str =
    "INSERT INTO results VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
        ?19)
     ON CONFLICT (input) DO UPDATE SET
        size = ?2, mtime = ?3, ctime = ?4, racy = ?5, input_hash = ?6, recipe = ?7, published = ?8,
        problem = ?9, verdict = ?10, output_hash = ?13, taken = ?14, taken_at = ?15, remade = ?16,
        rows = ?17, bad_rows = ?18, unknown = ?19,
        (first_seen, phase) = (SELECT
            iif(same, results.first_seen, ?11), iif(same, results.phase, ?12)
            FROM (SELECT coalesce(results.input_hash = ?6, 0)
                OR (results.size, results.mtime, results.ctime) IS (?2, ?3, ?4) AS same))";

/// `insert`: that statement.
fn insert(insert: &mut Statement, record: &Record, done: &Transformation, recipe: i64) -> rusqlite::Result<()> {
    let Fingerprint { size, mtime, .. } = record.fingerprint;
    let output_hash = match record.problem {
        None => done.summary.output_hash.map(HalfHash::from),
        Some(_) => None,
    };
    insert.execute(params![
        done.input.bytes(),
        size,
        mtime,
        after_mtime(record.fingerprint),
        record.racy,
        record.input_hash.map(|hash| hash.0),
        recipe,
        record.published,
        record.problem,
        verdict::number(record.verdict),
        record.first_seen,
        record.phase,
        output_hash.map(|hash| hash.0),
        record.taken.times,
        record.taken.at,
        record.taken.remade,
        done.summary.rows,
        done.summary.bad_rows,
        unknown::text(&done.summary.unknown),
    ])?;
    Ok(())
}

fn to_record(row: &Row, recipes: &HashMap<i64, (Recipe, Option<String>)>) -> rusqlite::Result<Record> {
    let recipe: i64 = row.get(5)?;
    let mtime: i64 = row.get(1)?;
    let ctime: Option<i64> = row.get(2)?;
    Ok(Record {
        fingerprint: Fingerprint {
            size: row.get(0)?,
            mtime,
            ctime: ctime.map(|later| mtime.wrapping_add(later)),
        },
        racy: row.get(3)?,
        input_hash: row.get::<_, Option<[u8; 16]>>(4)?.map(HalfHash),
        recipe: recipes
            .get(&recipe)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(5, recipe))?
            .0
            .clone(),
        published: row.get(6)?,
        problem: row.get(7)?,
        verdict: verdict::read(row, 8)?,
        first_seen: row.get(9)?,
        phase: row.get(10)?,
        taken: Taken {
            times: row.get(11)?,
            at: row.get(12)?,
            remade: row.get(13)?,
        },
    })
}
