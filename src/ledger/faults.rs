//! What failed for now, for `status`.

use super::Ledger;
use super::database::{for_each, to_name};
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{Connection, params};
use serde::{Serialize, Serializer};

/// Something that failed for now.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Empty: the worker as a whole.
    #[serde(serialize_with = "as_text")]
    pub input: Name,
    pub code: String,
    pub message: String,
    pub tries: u32,
    /// Microseconds since 1970.
    pub since: i64,
}

fn as_text<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl Ledger {
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
        let sql = "SELECT input, code, message, tries, since FROM faults ORDER BY input";
        self.select(sql, [], |row| {
            Ok(Fault {
                input: to_name(row, 0)?,
                code: row.get(1)?,
                message: row.get(2)?,
                tries: row.get(3)?,
                since: row.get(4)?,
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
