//! Failures that stand: which transformation each is of, who acknowledged it, and what was told of them.

use super::Ledger;
use super::database::to_name;
use super::verdict;
use crate::error::Result;
use crate::spool::Name;
use crate::transform::Verdict;
use rusqlite::{Row, params};

/// An input that has a report instead of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub input: Name,
    /// It failed, or is held.
    pub verdict: Verdict,
    /// The number of the transformation that came to it.
    pub transformation: i64,
    pub dismissal: Option<Dismissal>,
}

/// Somebody acknowledged a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismissal {
    /// Microseconds since 1970.
    pub at: i64,
    /// user@host, or a name that was given.
    pub by: String,
    pub reason: String,
}

impl Ledger {
    /// What failed or is held, in order of names; without what is to be made again.
    pub fn failures(&self) -> Result<Vec<Failure>> {
        self.select(&select("verdict > 0"), [], to_failure)
    }

    /// The same of one input.
    pub fn failure(&self, input: &Name) -> Result<Option<Failure>> {
        let sql = select("input = ? AND verdict > 0");
        Ok(self.select(&sql, [input.bytes()], to_failure)?.pop())
    }

    /// How many inputs failed, and nobody acknowledged it.
    pub fn count_failed(&self) -> Result<u64> {
        let standing = |f: &Failure| f.verdict == Verdict::Fail && f.dismissal.is_none();
        Ok(self.failures()?.iter().filter(|f| standing(f)).count() as u64)
    }

    /// Acknowledges failures, all or none. It counts for these transformations alone, and so ends by itself.
    pub fn dismiss(&mut self, failures: &[Failure], by: &str, at: i64, reason: &str) -> Result<()> {
        self.write(|db| {
            let mut insert = db.prepare_cached(
                "INSERT INTO decisions (at, kind, input, by, reason, transformation) VALUES (?, 'dismiss', ?, ?, ?, ?)",
            )?;
            for failure in failures {
                insert.execute(params![at, failure.input.bytes(), by, reason, failure.transformation])?;
            }
            Ok(())
        })
    }

    /// The number of the last transformation that the exit code of a one-shot told of; `None`: none did yet.
    pub fn told(&self) -> Result<Option<i64>> {
        Ok(self.meta(TOLD)?.and_then(|text| text.parse().ok()))
    }

    /// All up to this number was told. On disk when this returns.
    pub fn set_told(&mut self, transformation: i64) -> Result<()> {
        let told = self.told()?.map_or(transformation, |told| told.max(transformation));
        self.write(|db| {
            let insert = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
            db.execute(insert, [TOLD, &told.to_string()]).map(drop)
        })
    }
}

const TOLD: &str = "told";

/// `which`: rows of `results`, of which few have such a verdict, and an index. The history keeps the last row of each.
pub(super) fn select(which: &str) -> String {
    format!(
        "SELECT f.input, f.verdict, f.number, d.at, d.by, d.reason
         FROM (SELECT input, verdict,
                      coalesce((SELECT max(id) FROM history h WHERE h.input = results.input), 0) AS number
               FROM results WHERE {which} AND recipe > 0) f
         LEFT JOIN decisions d ON d.id = (
             SELECT max(id) FROM decisions
             WHERE input = f.input AND kind = 'dismiss' AND transformation = f.number)
         ORDER BY f.input"
    )
}

fn to_failure(row: &Row) -> rusqlite::Result<Failure> {
    let at: Option<i64> = row.get(3)?;
    let dismissal = at.map(|at| -> rusqlite::Result<Dismissal> {
        Ok(Dismissal {
            at,
            by: row.get(4)?,
            reason: row.get(5)?,
        })
    });
    Ok(Failure {
        input: to_name(row, 0)?,
        verdict: verdict::read(row, 1)?,
        transformation: row.get(2)?,
        dismissal: dismissal.transpose()?,
    })
}
