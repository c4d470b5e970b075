//! Of which phase inputs are whose results are about to be published while a challenger answers: a worker that is killed before they are
//! recorded leaves what says by whom they are to be made again, whatever was decided meanwhile.

use super::Ledger;
use super::half_hash::HalfHash;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{Connection, Row, params};

/// That an input with these contents is of that phase; of none: the champion answers alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub input: Name,
    pub input_hash: HalfHash,
    pub phase: Option<String>,
}

impl Ledger {
    /// On disk when this returns.
    pub fn claim(&mut self, claims: &[Claim]) -> Result<()> {
        if claims.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            let mut insert = db.prepare_cached("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)")?;
            for claim in claims {
                insert.execute(params![claim.input.bytes(), claim.input_hash.0, claim.phase])?;
            }
            Ok(())
        })
    }

    /// What was claimed of an input and isn't recorded.
    pub fn claimed(&self, input: &Name) -> Result<Option<Claim>> {
        let read = |row: &Row| {
            Ok(Claim {
                input: input.clone(),
                input_hash: HalfHash::read(row, 0)?,
                phase: row.get(1)?,
            })
        };
        let select = "SELECT input_hash, phase FROM claims WHERE input = ?";
        Ok(self.select(select, [input.bytes()], read)?.pop())
    }
}

/// They are recorded.
pub(super) fn settle<'a>(db: &Connection, inputs: impl Iterator<Item = &'a Name>) -> rusqlite::Result<()> {
    let any: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM claims)", [], |row| row.get(0))?;
    if !any {
        return Ok(());
    }
    let mut delete = db.prepare_cached("DELETE FROM claims WHERE input = ?")?;
    for input in inputs {
        delete.execute([input.bytes()])?;
    }
    Ok(())
}
