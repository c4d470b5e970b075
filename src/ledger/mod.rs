//! What was transformed, from what, by which model, with what result: a SQLite database under `state/`.
//!
//! One row per input says what its output was made from; the worker compares. The history keeps every transformation.
//! The commit of a group is the commit point: what was published but not committed is done again, with the same bytes.

mod error;
mod schema;

use crate::error::{Error, Result};
use crate::spool::{Fingerprint, Name};
use crate::transform::Summary;
use error::error;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use schema::Version;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Room for the records of some hundred thousand inputs while a folder is listed. With SQLite's own 2 MiB, every look at
/// one of 100,000 inputs reads a page anew.
const CACHE_KIB: i64 = 16 << 10;

pub struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// What shapes an output beside its input; an output is stale once any of it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Group, version and the artifact's SHA-256.
    pub model: Arc<str>,
    pub settings: Arc<str>,
    pub output_format: u32,
}

/// What an input's output or report was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub fingerprint: Fingerprint,
    /// The fingerprint was taken so soon after the last change that another change could hide behind it.
    pub racy: bool,
    /// If it was scored.
    pub input_hash: Option<blake3::Hash>,
    pub recipe: Recipe,
    /// The size of the published output or report.
    pub published: u64,
    /// The code of the problem, if it failed for good.
    pub problem: Option<String>,
}

/// One transformation, as the history keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Transformation {
    #[serde(serialize_with = "crate::ledger::name_as_text")]
    pub input: Name,
    /// When it ended, in microseconds since 1970.
    pub at: i64,
    /// How long it took, in microseconds.
    pub micros: i64,
    pub model_group: String,
    pub version: u32,
    pub artifact: String,
    #[serde(flatten)]
    pub summary: Summary,
    pub problem: Option<String>,
    pub message: Option<String>,
}

/// Something that failed for now.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Empty: the worker as a whole.
    #[serde(serialize_with = "crate::ledger::name_as_text")]
    pub input: Name,
    pub code: String,
    pub message: String,
    pub tries: u32,
    /// Microseconds since 1970.
    pub since: i64,
}

pub fn name_as_text<S: serde::Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl Ledger {
    /// Opens the ledger for a worker, and makes it where there is none.
    pub fn open(state: &Path) -> Result<Ledger> {
        let path = state.join("ledger.db");
        let db = Connection::open(&path).map_err(|e| error(&path, e))?;
        let mut ledger = Ledger { db, path };
        ledger.prepare().map_err(|e| ledger.error(e))?;
        let version = ledger.schema_version()?;
        match version {
            0 => schema::create(&mut ledger.db),
            1 => schema::upgrade(&mut ledger.db),
            _ => Ok(()),
        }
        .map_err(|e| ledger.error(e))?;
        Ok(ledger)
    }

    /// Opens the ledger to look into it; `None` if there is none yet.
    pub fn read(state: &Path) -> Result<Option<Ledger>> {
        let path = state.join("ledger.db");
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).map_err(|e| error(&path, e))?;
        let ledger = Ledger { db, path };
        ledger
            .db
            .busy_timeout(Duration::from_secs(5))
            .map_err(|e| ledger.error(e))?;
        match ledger.schema_version()? {
            0 => Ok(None),
            schema::VERSION => Ok(Some(ledger)),
            older => Err(ledger.foreign(format!(
                "written by an older version of transform (schema {older}, this one reads {}); the worker brings it up to \
                 date when it starts",
                schema::VERSION
            ))),
        }
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::from_secs(5))?;
        self.db.set_prepared_statement_cache_capacity(32);
        self.db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.db.pragma_update(None, "journal_mode", "wal")?;
        self.db.pragma_update(None, "synchronous", "full")
    }

    fn schema_version(&self) -> Result<i64> {
        match schema::version(&self.db).map_err(|e| self.error(e))? {
            Version::Known(version) => Ok(version),
            Version::Newer(newer) => Err(self.foreign(format!(
                "written by a newer version of transform (schema {newer}, this one reads {}); use that version",
                schema::VERSION
            ))),
            Version::Foreign => Err(self.foreign("this is not a ledger of transform; move it aside".into())),
        }
    }

    /// A database that can't be used as it is.
    fn foreign(&self, message: String) -> Error {
        Error::Ledger {
            path: self.path.clone(),
            message,
            passing: false,
        }
    }

    /// A random name for this state folder.
    pub fn instance(&self) -> Result<String> {
        self.db
            .query_row("SELECT value FROM meta WHERE key = 'instance'", [], |row| row.get(0))
            .map_err(|e| self.error(e))
    }

    /// Remembers what kind of place a folder is on. An unmounted bucket looks like an empty local folder, also at the
    /// start of a worker; nothing must be concluded from that, nor written there.
    pub fn remember_place(&self, path: &Path, mount: bool) -> Result<()> {
        self.check_place(path, mount)?;
        let now = if mount { "mount" } else { "local" };
        if self.place(path)?.as_deref() == Some(now) {
            return Ok(());
        }
        self.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [place_key(path).as_str(), now],
        )
        .map(drop)
    }

    /// The same, for who only looks.
    pub fn check_place(&self, path: &Path, mount: bool) -> Result<()> {
        if mount || self.place(path)?.as_deref() != Some("mount") {
            return Ok(());
        }
        let message = "the folder was on a mount, and isn't now: mount it. If it is a local folder for good now, move the \
                       state folder aside; all is then scored again, to the same bytes";
        Err(Error::mount(path, message))
    }

    fn place(&self, path: &Path) -> Result<Option<String>> {
        let select = "SELECT value FROM meta WHERE key = ?";
        self.db
            .query_row(select, [place_key(path)], |row| row.get(0))
            .optional()
            .map_err(|e| self.error(e))
    }

    pub fn record(&self, input: &Name) -> Result<Option<Record>> {
        Ok(self.records(std::slice::from_ref(input))?.pop().flatten())
    }

    /// The records of many inputs, read at once.
    pub fn records(&self, inputs: &[Name]) -> Result<Vec<Option<Record>>> {
        let read = || {
            let transaction = self.db.unchecked_transaction()?;
            let recipes = recipes(&transaction)?;
            let mut select = transaction.prepare_cached(
                "SELECT size, mtime, ctime, racy, input_hash, recipe, published, problem FROM results WHERE input = ?",
            )?;
            let to_record = |row: &Row| to_record(row, &recipes);
            let mut record = |input: &Name| select.query_row([input.bytes()], to_record).optional();
            inputs.iter().map(&mut record).collect::<rusqlite::Result<_>>()
        };
        read().map_err(|e| self.error(e))
    }

    /// Gives back the memory that reading many records took.
    pub fn release_memory(&self) -> Result<()> {
        self.db.execute_batch("PRAGMA shrink_memory").map_err(|e| self.error(e))
    }

    /// Commits a group: all of it, or nothing.
    pub fn commit(&mut self, group: &[(Record, Transformation)]) -> Result<()> {
        let path = self.path.clone();
        let mut commit = || {
            let transaction = self.db.transaction()?;
            for (record, transformation) in group {
                insert(&transaction, record, transformation)?;
            }
            transaction.commit()
        };
        commit().map_err(|e| error(&path, e))
    }

    /// The inputs were read again, after their fingerprints could no longer hide a change, and were the same.
    ///
    /// Doesn't wait for the disk: what a power cut takes back is only found out once more.
    pub fn confirm(&mut self, inputs: &[Name]) -> Result<()> {
        if inputs.is_empty() {
            return Ok(());
        }
        let confirm = |db: &mut Connection| {
            db.pragma_update(None, "synchronous", "normal")?;
            let transaction = db.transaction()?;
            for input in inputs {
                transaction
                    .prepare_cached("UPDATE results SET racy = 0 WHERE input = ?")?
                    .execute([input.bytes()])?;
            }
            transaction.commit()
        };
        let confirmed = confirm(&mut self.db);
        let restored = self.db.pragma_update(None, "synchronous", "full");
        confirmed.and(restored).map_err(|e| self.error(e))
    }

    /// Forgets what was recorded for an input. The history stays.
    pub fn forget(&mut self, input: &Name) -> Result<()> {
        self.execute("DELETE FROM results WHERE input = ?", [input.bytes()])?;
        self.clear_fault(input)
    }

    /// Makes every output stale.
    pub fn make_stale(&mut self) -> Result<()> {
        self.execute("UPDATE results SET recipe = 0", []).map(drop)
    }

    /// The results of these inputs are about to be replaced, and fit nothing until the replacements are committed. Without
    /// that, a worker that is killed in between would leave outputs by one model that pass for another's, once that is
    /// approved again: they may have the same size.
    pub fn doubt<'a>(&mut self, inputs: impl Iterator<Item = &'a Name>) -> Result<()> {
        let doubt = |db: &mut Connection| {
            let transaction = db.transaction()?;
            for input in inputs {
                transaction
                    .prepare_cached("UPDATE results SET recipe = 0 WHERE input = ?")?
                    .execute([input.bytes()])?;
            }
            transaction.commit()
        };
        doubt(&mut self.db).map_err(|e| self.error(e))
    }

    /// Inputs that failed for good.
    pub fn failed(&self) -> Result<Vec<Name>> {
        self.select(
            "SELECT input FROM results WHERE problem IS NOT NULL ORDER BY input",
            [],
            |row| to_name(row, 0),
        )
    }

    /// The last transformations, newest first; of one input or of all.
    pub fn history(&self, input: Option<&Name>, most: u32) -> Result<Vec<Transformation>> {
        let columns = "input, at, micros, model_group, version, artifact, rows, bad_rows, not_finite, bytes,
             input_hash, output_hash, problem, message";
        let only = if input.is_some() {
            "WHERE input = ?1"
        } else {
            "WHERE ?1 IS NULL"
        };
        let sql = format!("SELECT {columns} FROM history {only} ORDER BY id DESC LIMIT ?2");
        self.select(&sql, params![input.map(Name::bytes), most], |row| {
            Ok(Transformation {
                input: to_name(row, 0)?,
                at: row.get(1)?,
                micros: row.get(2)?,
                model_group: row.get(3)?,
                version: row.get(4)?,
                artifact: row.get(5)?,
                summary: Summary {
                    rows: row.get(6)?,
                    bad_rows: row.get(7)?,
                    not_finite: row.get(8)?,
                    bytes: row.get(9)?,
                    input_hash: row.get(10)?,
                    output_hash: row.get(11)?,
                },
                problem: row.get(12)?,
                message: row.get(13)?,
            })
        })
    }

    /// The last problem of an input that failed for good.
    pub fn last_problem(&self, input: &Name) -> Result<Option<Transformation>> {
        Ok(self.history(Some(input), 1)?.into_iter().next())
    }

    pub fn set_fault(&mut self, fault: &Fault) -> Result<()> {
        self.execute(
            "INSERT OR REPLACE INTO faults VALUES (?, ?, ?, ?, ?)",
            params![fault.input.bytes(), fault.code, fault.message, fault.tries, fault.since],
        )
        .map(drop)
    }

    pub fn clear_fault(&mut self, input: &Name) -> Result<()> {
        self.execute("DELETE FROM faults WHERE input = ?", [input.bytes()])
            .map(drop)
    }

    pub fn clear_faults(&mut self) -> Result<()> {
        self.execute("DELETE FROM faults", []).map(drop)
    }

    pub fn faults(&self) -> Result<Vec<Fault>> {
        self.select(
            "SELECT input, code, message, tries, since FROM faults ORDER BY input",
            [],
            |row| {
                Ok(Fault {
                    input: to_name(row, 0)?,
                    code: row.get(1)?,
                    message: row.get(2)?,
                    tries: row.get(3)?,
                    since: row.get(4)?,
                })
            },
        )
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        let run = || self.db.prepare_cached(sql)?.execute(params);
        run().map_err(|e| self.error(e))
    }

    fn select<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let run = || {
            self.db
                .prepare_cached(sql)?
                .query_map(params, row)?
                .collect::<rusqlite::Result<_>>()
        };
        run().map_err(|e| self.error(e))
    }

    fn error(&self, e: rusqlite::Error) -> Error {
        error(&self.path, e)
    }
}

fn insert(db: &Connection, record: &Record, done: &Transformation) -> rusqlite::Result<()> {
    let Record {
        fingerprint, recipe, ..
    } = record;
    let recipe_key = params![recipe.model, recipe.settings, recipe.output_format];
    db.prepare_cached("INSERT OR IGNORE INTO recipes (model, settings, output_format) VALUES (?, ?, ?)")?
        .execute(recipe_key)?;
    let recipe: i64 = db
        .prepare_cached("SELECT id FROM recipes WHERE model = ? AND settings = ? AND output_format = ?")?
        .query_row(recipe_key, |row| row.get(0))?;
    db.prepare_cached("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            done.input.bytes(),
            fingerprint.size,
            fingerprint.mtime,
            fingerprint.ctime,
            record.racy,
            record.input_hash.as_ref().map(|hash| hash.as_slice()),
            recipe,
            record.published,
            record.problem,
        ])?;
    db.prepare_cached("INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            done.input.bytes(),
            done.at,
            done.micros,
            done.model_group,
            done.version,
            done.artifact,
            done.summary.rows,
            done.summary.bad_rows,
            done.summary.not_finite,
            done.summary.bytes,
            done.summary.input_hash,
            done.summary.output_hash,
            done.problem,
            done.message,
        ])?;
    db.prepare_cached("DELETE FROM faults WHERE input = ?")?
        .execute([done.input.bytes()])?;
    Ok(())
}

fn recipes(db: &Connection) -> rusqlite::Result<HashMap<i64, Recipe>> {
    db.prepare_cached("SELECT id, model, settings, output_format FROM recipes")?
        .query_map([], |row| {
            let recipe = Recipe {
                model: row.get::<_, String>(1)?.into(),
                settings: row.get::<_, String>(2)?.into(),
                output_format: row.get(3)?,
            };
            Ok((row.get(0)?, recipe))
        })?
        .collect()
}

fn to_record(row: &Row, recipes: &HashMap<i64, Recipe>) -> rusqlite::Result<Record> {
    let recipe: i64 = row.get(5)?;
    let hash: Option<[u8; 32]> = row.get(4)?;
    Ok(Record {
        fingerprint: Fingerprint {
            size: row.get(0)?,
            mtime: row.get(1)?,
            ctime: row.get(2)?,
        },
        racy: row.get(3)?,
        input_hash: hash.map(blake3::Hash::from_bytes),
        recipe: recipes
            .get(&recipe)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(5, recipe))?
            .clone(),
        published: row.get(6)?,
        problem: row.get(7)?,
    })
}

fn to_name(row: &Row, index: usize) -> rusqlite::Result<Name> {
    match row.get(index)? {
        Value::Blob(bytes) => Ok(Name::new(bytes)),
        other => Err(rusqlite::Error::InvalidColumnType(
            index,
            "input".into(),
            other.data_type(),
        )),
    }
}

fn place_key(path: &Path) -> String {
    format!("place {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One input scored, one failed.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a folder of the test's own")]
    fn reads_a_ledger_of_schema_1() {
        let state = tempfile::tempdir().unwrap();
        let old = include_bytes!("../../tests/fixtures/ledger-schema-1.db");
        std::fs::write(state.path().join("ledger.db"), old).unwrap();
        let refused = Ledger::read(state.path()).err().unwrap().to_string();
        assert!(refused.contains("older version"), "{refused}");

        let ledger = Ledger::open(state.path()).unwrap();
        let good = ledger.record(&Name::new(*b"good.csv")).unwrap().unwrap();
        let done = ledger.history(Some(&Name::new(*b"good.csv")), 1).unwrap().remove(0);
        assert_eq!(good.input_hash.unwrap().to_hex().as_str(), done.summary.input_hash);
        assert_eq!(good.recipe.model.as_ref(), format!("bench/1@{}", done.artifact));
        assert_eq!((good.recipe.settings.len(), good.recipe.output_format), (16, 1));
        assert_eq!((good.fingerprint.size, good.problem), (51, None));
        let bad = ledger.record(&Name::new(*b"bad.csv")).unwrap().unwrap();
        assert_eq!((bad.input_hash, bad.problem.as_deref()), (None, Some("no_such_column")));
        assert_eq!(bad.recipe, good.recipe);
        drop(ledger);

        let mut ledger = Ledger::read(state.path()).unwrap().unwrap();
        ledger.make_stale().unwrap();
        let stale = ledger.record(&Name::new(*b"good.csv")).unwrap().unwrap();
        assert_eq!(stale.recipe.output_format, 0);
    }
}
