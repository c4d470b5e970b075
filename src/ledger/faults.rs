//! What failed for now, for `status`.

use super::Ledger;
use super::database::{for_each, to_name};
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{Connection, params};

/// Something that failed for now.
///
/// Times are in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Empty: the worker as a whole.
    pub input: Name,
    pub code: String,
    pub message: String,
    pub tries: u32,
    /// When it failed first, since it went well last.
    pub since: i64,
    /// When it failed last.
    pub last: i64,
    /// When it is tried again, if that is known.
    pub retry_at: Option<i64>,
}

impl Ledger {
    /// What failed before goes on failing: since when, is kept.
    pub fn set_fault(&mut self, fault: &Fault) -> Result<()> {
        let Fault {
            input,
            code,
            message,
            tries,
            since,
            last,
            retry_at,
        } = fault;
        self.execute(
            "INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (input) DO UPDATE SET code = excluded.code, message = excluded.message, tries = excluded.tries,
                                               last = excluded.last, retry_at = excluded.retry_at",
            params![input.bytes(), code, message, tries, since, last, retry_at],
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
        let sql = "SELECT input, code, message, tries, since, last, retry_at FROM faults ORDER BY input";
        self.select(sql, [], |row| {
            Ok(Fault {
                input: to_name(row, 0)?,
                code: row.get(1)?,
                message: row.get(2)?,
                tries: row.get(3)?,
                since: row.get(4)?,
                last: row.get(5)?,
                retry_at: row.get(6)?,
            })
        })
    }
}

/// Forgets what inputs failed over.
pub(super) fn clear<'a>(db: &Connection, inputs: impl IntoIterator<Item = &'a Name>) -> rusqlite::Result<()> {
    let mut any = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM faults)")?;
    if any.query_row([], |row| row.get(0))? {
        for_each(db, "DELETE FROM faults WHERE input = ?", inputs)?;
    }
    Ok(())
}
