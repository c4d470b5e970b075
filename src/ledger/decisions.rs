//! What people decided on results. Kept for ever.

use super::Ledger;
use super::database::{for_each, to_name};
use super::faults;
use super::results::DOUBT;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{Row, params};

/// Somebody's decision on an input's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub input: Name,
    /// What was decided, in one word: `retry`, `dismiss`, `release`.
    pub kind: String,
    /// Microseconds since 1970.
    pub at: i64,
    /// user@host
    pub by: String,
    pub reason: String,
}

impl Decision {
    /// Its fields stand first, in their order.
    pub(super) fn read(row: &Row) -> rusqlite::Result<Decision> {
        Ok(Decision {
            input: to_name(row, 0)?,
            kind: row.get(1)?,
            at: row.get(2)?,
            by: row.get(3)?,
            reason: row.get(4)?,
        })
    }
}

impl Ledger {
    /// Makes the results of these inputs stale, and remembers who asked for it, and when. One transaction.
    pub fn retry(&mut self, inputs: &[Name], by: &str, at: i64) -> Result<()> {
        self.write(|db| {
            for_each(db, DOUBT, inputs)?;
            faults::clear(db, inputs)?;
            let mut insert =
                db.prepare_cached("INSERT INTO decisions (at, kind, input, by, reason) VALUES (?, 'retry', ?, ?, '')")?;
            for input in inputs {
                insert.execute(params![at, input.bytes(), by])?;
            }
            Ok(())
        })
    }

    /// All decisions on an input's results, oldest first.
    pub fn decisions(&self, input: &Name) -> Result<Vec<Decision>> {
        let sql = "SELECT input, kind, at, by, reason FROM decisions WHERE input = ? ORDER BY id";
        self.select(sql, [input.bytes()], Decision::read)
    }
}
