//! What shadows made of inputs. A row is of an input with these contents, by these two versions; another one is none.

use super::Ledger;
use super::database::to_name;
use super::half_hash::HalfHash;
use crate::error::Result;
use crate::spool::Name;
use crate::transform::Shadowed;
use rusqlite::{OptionalExtension, Row, params};
use std::time::Duration;

/// What a shadow made of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRecord {
    pub experiment: String,
    pub input: Name,
    /// Of the input.
    pub input_hash: HalfHash,
    /// The champion and the shadow, as the ledger names lineups.
    pub champion: String,
    pub made_by: String,
    /// Microseconds since 1970.
    pub at: i64,
    /// The file's size is in it. There is no file where it says why.
    pub shadowed: Shadowed,
}

impl Ledger {
    /// Of each input, what the shadow of an experiment made of it.
    pub fn shadows(&self, experiment: &str, inputs: &[Name]) -> Result<Vec<Option<ShadowRecord>>> {
        let select = format!("{SELECT} WHERE experiment = ? AND input = ?");
        let read = || {
            let mut select = self.db.prepare_cached(&select)?;
            let mut record = |input: &Name| select.query_row(params![experiment, input.bytes()], record).optional();
            inputs.iter().map(&mut record).collect::<rusqlite::Result<_>>()
        };
        read().map_err(|e| self.error(e))
    }

    /// All that the shadow of an experiment made, in the order of the inputs.
    pub fn shadows_of(&self, experiment: &str) -> Result<Vec<ShadowRecord>> {
        self.select(
            &format!("{SELECT} WHERE experiment = ? ORDER BY input"),
            [experiment],
            record,
        )
    }

    /// How many inputs the shadow of an experiment scored; of how many it couldn't, and how many of the first have no key.
    pub fn count_shadows(&self, experiment: &str) -> Result<[u64; 3]> {
        let select = "SELECT count(*) FILTER (WHERE problem IS NULL), count(problem),
                count(*) FILTER (WHERE problem IS NULL AND NOT has_key) FROM shadows WHERE experiment = ?";
        let read = |row: &Row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
        Ok(self.select(select, [experiment], read)?.remove(0))
    }

    /// Doesn't wait for the disk: what a power cut takes back is made again, the same.
    pub fn set_shadows(&mut self, records: &[ShadowRecord]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.write_behind(|db| {
            let mut insert =
                db.prepare_cached("INSERT OR REPLACE INTO shadows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
            for record in records {
                let of = &record.shadowed;
                insert.execute(params![
                    record.experiment,
                    record.input.bytes(),
                    record.input_hash.0,
                    record.champion,
                    record.made_by,
                    record.at,
                    of.bytes,
                    of.both,
                    of.champion_only,
                    of.shadow_only,
                    of.champion_took.as_nanos() as i64,
                    of.shadow_took.as_nanos() as i64,
                    of.has_key,
                    of.problem,
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets what the shadow of an experiment made.
    pub fn forget_shadows(&mut self, experiment: &str) -> Result<()> {
        self.execute("DELETE FROM shadows WHERE experiment = ?", [experiment])
            .map(drop)
    }
}

const SELECT: &str =
    "SELECT experiment, input, input_hash, champion, made_by, at, published, both, champion_only, shadow_only,
        champion_nanos, shadow_nanos, has_key, problem FROM shadows";

fn record(row: &Row) -> rusqlite::Result<ShadowRecord> {
    let nanos = |index| row.get(index).map(Duration::from_nanos);
    Ok(ShadowRecord {
        experiment: row.get(0)?,
        input: to_name(row, 1)?,
        input_hash: HalfHash::read(row, 2)?,
        champion: row.get(3)?,
        made_by: row.get(4)?,
        at: row.get(5)?,
        shadowed: Shadowed {
            shadow: 0,
            bytes: row.get(6)?,
            both: row.get(7)?,
            champion_only: row.get(8)?,
            shadow_only: row.get(9)?,
            champion_took: nanos(10)?,
            shadow_took: nanos(11)?,
            has_key: row.get(12)?,
            problem: row.get(13)?,
            fault: None,
        },
    })
}
