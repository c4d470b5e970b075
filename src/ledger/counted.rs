//! What was counted of inputs, by input and lineup: what is scored again replaces its own.

use super::Ledger;
use super::database::to_name;
use super::history::Transformation;
use super::results::Record;
use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::monitor::Counts;
use crate::spool::Name;
use crate::transform::Verdict;
use rusqlite::{Row, Statement, params};

/// What was counted of an input when a lineup scored it.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub input: Name,
    /// When an input with these contents was first seen, in microseconds since 1970.
    pub first_seen: i64,
    pub counts: Counts,
}

impl Ledger {
    /// What was counted of a lineup's inputs by a baseline, of those first seen from `since` on (microseconds since 1970), in the
    /// order in which they were seen. What is damaged is left out.
    pub fn counted(&self, made_by: &str, baseline: Sha256Sum, since: i64) -> Result<Vec<Counted>> {
        let select = "SELECT input, first_seen, counts FROM counts
            WHERE made_by = ? AND baseline = ? AND first_seen >= ? ORDER BY first_seen, id";
        let read = |row: &Row| {
            let counts: Vec<u8> = row.get(2)?;
            Ok((to_name(row, 0)?, row.get(1)?, Counts::of(&counts)))
        };
        let rows = self.select(select, params![made_by, baseline.0, since], read)?;
        let whole = rows.into_iter().filter_map(|(input, first_seen, counts)| {
            Some(Counted {
                input,
                first_seen,
                counts: counts?,
            })
        });
        Ok(whole.collect())
    }
}

/// While the contents stay, the ledger keeps when they were first seen.
pub(super) const INSERT: &str = "INSERT INTO counts
    VALUES (NULL, ?1, ?2, ?3, coalesce((SELECT first_seen FROM results WHERE input = ?1), ?4), ?5, ?6)
    ON CONFLICT (input, made_by) DO UPDATE SET
        baseline = excluded.baseline, first_seen = excluded.first_seen, rows = excluded.rows, counts = excluded.counts";

/// `insert`: that statement; behind the result's own.
pub(super) fn insert(insert: &mut Statement, record: &Record, done: &Transformation) -> rusqlite::Result<()> {
    let Some(baseline) = done.baseline.filter(|_| done.verdict != Verdict::Fail) else {
        return Ok(());
    };
    let counts = &done.summary.counts;
    insert.execute(params![
        done.input.bytes(),
        record.recipe.made_by,
        baseline.0,
        record.first_seen,
        counts.rows,
        counts.bytes(),
    ])?;
    Ok(())
}
