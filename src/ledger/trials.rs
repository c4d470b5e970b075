//! What was kept of trials beside outputs. A row is of an input with these contents, by these two versions, in that phase; another one
//! is none.

use super::Ledger;
use super::database::to_name;
use super::half_hash::HalfHash;
use crate::error::Result;
use crate::monitor::sketch::Sketch;
use crate::spool::Name;
use crate::transform::{Side, Tried};
use rusqlite::{OptionalExtension, Row, params};
use std::time::Duration;

/// What was kept of a trial of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialRecord {
    pub experiment: String,
    pub input: Name,
    /// Of the input.
    pub input_hash: HalfHash,
    /// The champion and the version on trial, as the ledger names versions.
    pub champion: String,
    pub made_by: String,
    /// The number of the experiment's phase.
    pub phase: u32,
    /// Microseconds since 1970.
    pub at: i64,
    /// The file's size is in it. There is no file where it says why.
    pub tried: Tried,
    /// Of the file, as it was made; of one that couldn't be written, too.
    pub published_hash: Option<HalfHash>,
}

/// What the inputs of a phase came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialSum {
    pub files: u64,
    pub sides: [Side; 2],
    pub unassigned: u64,
}

impl TrialSum {
    pub fn add(&mut self, tried: &Tried) {
        self.files += 1;
        for (side, next) in self.sides.iter_mut().zip(&tried.sides) {
            side.add(next);
        }
        self.unassigned += tried.unassigned;
    }
}

impl Ledger {
    /// Of each input, what was kept of an experiment's trial.
    pub fn trials(&self, experiment: &str, inputs: &[Name]) -> Result<Vec<Option<TrialRecord>>> {
        let select = format!("{SELECT} WHERE experiment = ? AND input = ?");
        let read = || {
            let mut select = self.db.prepare_cached(&select)?;
            let mut record = |input: &Name| select.query_row(params![experiment, input.bytes()], record).optional();
            inputs.iter().map(&mut record).collect::<rusqlite::Result<_>>()
        };
        read().map_err(|e| self.error(e))
    }

    /// All that was kept of an experiment, in the order of the inputs.
    pub fn trials_of(&self, experiment: &str) -> Result<Vec<TrialRecord>> {
        self.select(
            &format!("{SELECT} WHERE experiment = ? ORDER BY input"),
            [experiment],
            record,
        )
    }

    /// What the inputs of a phase came to, also those that failed or of which no file could be made.
    pub fn sum_of_trials(&self, experiment: &str, phase: u32) -> Result<TrialSum> {
        let mut sum = TrialSum::default();
        let select = format!("{SELECT} WHERE experiment = ? AND phase = ?");
        let add = |row: &Row| {
            sum.add(&record(row)?.tried);
            Ok(())
        };
        self.select(&select, params![experiment, phase], add)?;
        Ok(sum)
    }

    /// Of how many inputs files were made; of how many there can be none, and how many of the first have no key.
    pub fn count_trials(&self, experiment: &str) -> Result<[u64; 3]> {
        let select = "SELECT count(*) FILTER (WHERE problem IS NULL), count(problem),
                count(*) FILTER (WHERE problem IS NULL AND NOT has_key) FROM trials WHERE experiment = ?";
        let read = |row: &Row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
        Ok(self.select(select, [experiment], read)?.remove(0))
    }

    /// Doesn't wait for the disk: what a power cut takes back is made again, the same.
    pub fn set_trials(&mut self, records: &[TrialRecord]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.write_behind(|db| {
            let mut insert = db.prepare_cached(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for record in records {
                let of = &record.tried;
                let [champion, tried] = &of.sides;
                insert.execute(params![
                    record.experiment,
                    record.input.bytes(),
                    record.input_hash.0,
                    record.champion,
                    record.made_by,
                    record.phase,
                    record.at,
                    of.bytes,
                    of.both,
                    of.unassigned,
                    champion.rows,
                    champion.bad_rows,
                    champion.took.as_nanos() as i64,
                    champion.predictions.bytes(),
                    tried.rows,
                    tried.bad_rows,
                    tried.took.as_nanos() as i64,
                    tried.predictions.bytes(),
                    of.has_key,
                    of.problem,
                    record.published_hash.map(|hash| hash.0),
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets what was kept of an experiment.
    pub fn forget_trials(&mut self, experiment: &str) -> Result<()> {
        self.execute("DELETE FROM trials WHERE experiment = ?", [experiment])
            .map(drop)
    }
}

const SELECT: &str = "SELECT experiment, input, input_hash, champion, made_by, phase, at, published, both, unassigned,
        champion_rows, champion_bad, champion_nanos, champion_sketch, tried_rows, tried_bad, tried_nanos, tried_sketch,
        has_key, problem, published_hash FROM trials";

fn record(row: &Row) -> rusqlite::Result<TrialRecord> {
    Ok(TrialRecord {
        experiment: row.get(0)?,
        input: to_name(row, 1)?,
        input_hash: HalfHash::read(row, 2)?,
        champion: row.get(3)?,
        made_by: row.get(4)?,
        phase: row.get(5)?,
        at: row.get(6)?,
        tried: Tried {
            bytes: row.get(7)?,
            both: row.get(8)?,
            unassigned: row.get(9)?,
            sides: [side(row, 10)?, side(row, 14)?],
            has_key: row.get(18)?,
            problem: row.get(19)?,
            fault: None,
            hash: None,
        },
        published_hash: row.get::<_, Option<_>>(20)?.map(HalfHash),
    })
}

/// From that column on. How predictions were spread is lost where it is damaged.
fn side(row: &Row, at: usize) -> rusqlite::Result<Side> {
    Ok(Side {
        rows: row.get(at)?,
        bad_rows: row.get(at + 1)?,
        took: row.get(at + 2).map(Duration::from_nanos)?,
        predictions: Sketch::of(&row.get::<_, Vec<u8>>(at + 3)?).unwrap_or_default(),
    })
}
