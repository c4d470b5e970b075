//! The database: opened for a worker, or to look into it.

use super::error::error;
use super::schema::{self, Version};
use super::upgrade;
use crate::error::{Error, Result};
use crate::spool::{Name, durable};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Row, Transaction};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Room for the records of some hundred thousand inputs while a folder is listed. With SQLite's own 2 MiB, every look at
/// one of 100,000 inputs reads a page anew.
const CACHE_KIB: i64 = 16 << 10;

/// What stands where a ledger should.
pub enum Found {
    Nothing,
    /// Of this version of transform.
    Ledger(Ledger),
    /// The worker brings it up to date when it starts; until then it is read by nobody.
    Older(Error),
}

pub struct Ledger {
    pub(super) db: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Opens the ledger for a worker, and makes it where there is none.
    pub fn open(state: &Path) -> Result<Ledger> {
        let path = state.join("ledger.db");
        if matches!(path.symlink_metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound) {
            durable::make(&path, |temp| make(temp).map_err(|e| error(&path, e)))?;
        }
        let db = Connection::open(&path).map_err(|e| error(&path, e))?;
        let mut ledger = Ledger { db, path };
        ledger.prepare().map_err(|e| ledger.error(e))?;
        match ledger.schema_version()? {
            // Left by an earlier version that was killed while it made it.
            0 => schema::create(&mut ledger.db),
            schema::VERSION => Ok(()),
            older => {
                let upgraded = upgrade::upgrade(&mut ledger.db, older);
                upgraded.inspect(|()| upgrade::compact(&ledger.db, &ledger.path))
            }
        }
        .map_err(|e| ledger.error(e))?;
        Ok(ledger)
    }

    /// Opens the ledger to look into it; `None` if there is none yet. One that can't be looked at is an error.
    pub fn read(state: &Path) -> Result<Option<Ledger>> {
        match Ledger::find(state)? {
            Found::Nothing => Ok(None),
            Found::Ledger(ledger) => Ok(Some(ledger)),
            Found::Older(error) => Err(error),
        }
    }

    /// The same, where an older one is no error.
    pub fn find(state: &Path) -> Result<Found> {
        let path = state.join("ledger.db");
        match path.metadata() {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(e) => return Err(Error::io("open", path)(e)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).map_err(|e| error(&path, e))?;
        let ledger = Ledger { db, path };
        ledger
            .db
            .busy_timeout(Duration::from_secs(5))
            .map_err(|e| ledger.error(e))?;
        match ledger.schema_version()? {
            0 => Ok(Found::Nothing),
            schema::VERSION => Ok(Found::Ledger(ledger)),
            older => Ok(Found::Older(ledger.foreign(format!(
                "written by an older version of transform (schema {older}, this one reads {}); the worker brings it up to \
                 date when it starts",
                schema::VERSION
            )))),
        }
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::from_secs(5))?;
        self.db.set_prepared_statement_cache_capacity(32);
        self.db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // A row's recipe is looked up in the row's own transaction, and none is ever deleted. To check that again, SQLite copies
        // a page for every row, so only tests do.
        self.db.pragma_update(None, "foreign_keys", cfg!(debug_assertions))?;
        // Only before there is anything in it; an older ledger is brought to it by its upgrade. Said again, it is written and synced
        // again.
        const INCREMENTAL: i64 = 2;
        let vacuum: i64 = self.db.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
        if vacuum != INCREMENTAL {
            self.db.pragma_update(None, "auto_vacuum", "incremental")?;
        }
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

    /// Gives back the memory that reading many records took.
    pub fn release_memory(&self) -> Result<()> {
        self.db.execute_batch("PRAGMA shrink_memory").map_err(|e| self.error(e))
    }

    /// All of `write`, or nothing; on disk when this returns.
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
        let run = || {
            let transaction = self.db.transaction()?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|e| error(&self.path, e))
    }

    /// The same without waiting for the disk: a power cut may take it back.
    pub(super) fn write_behind<T>(&mut self, write: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
        let relaxed = self.db.pragma_update(None, "synchronous", "normal");
        relaxed.map_err(|e| self.error(e))?;
        let written = self.write(write);
        let restored = self.db.pragma_update(None, "synchronous", "full");
        restored.map_err(|e| self.error(e))?;
        written
    }

    pub(super) fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        let run = || self.db.prepare_cached(sql)?.execute(params);
        run().map_err(|e| self.error(e))
    }

    pub(super) fn select<T>(
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

    pub(super) fn error(&self, e: rusqlite::Error) -> Error {
        error(&self.path, e)
    }
}

/// A new ledger. Whoever makes it syncs it, once: SQLite would for each of its settings.
fn make(path: &Path) -> rusqlite::Result<()> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "off")?;
    db.pragma_update(None, "auto_vacuum", "incremental")?;
    schema::create(&mut db)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.close().map_err(|(_, e)| e)
}

/// Runs a statement for each input.
pub(super) fn for_each<'a>(
    db: &Connection,
    sql: &str,
    inputs: impl IntoIterator<Item = &'a Name>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(sql)?;
    for input in inputs {
        statement.execute([input.bytes()])?;
    }
    Ok(())
}

pub(super) fn to_name(row: &Row, index: usize) -> rusqlite::Result<Name> {
    match row.get(index)? {
        Value::Blob(bytes) => Ok(Name::new(bytes)),
        other => Err(rusqlite::Error::InvalidColumnType(
            index,
            "input".into(),
            other.data_type(),
        )),
    }
}
