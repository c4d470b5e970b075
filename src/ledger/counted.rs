//! What was counted of inputs, by input and version: what is scored again replaces its own. Small ones are counted together, in
//! windows.

use super::Ledger;
use super::alerts::Watch;
use super::database::to_name;
use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::monitor::sizes::Sizes;
use crate::monitor::{Counts, Window};
use crate::spool::Name;
use rusqlite::{Connection, Row, Statement, params};
use std::ops::Range;

/// Rows of an input that a version answered: all of them, or, in a phase of an experiment, those of its arm.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedRows {
    pub by: Watch,
    pub counts: Counts,
}

/// What was counted of an input when a version scored it, or of a window of small ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub input: Option<Name>,
    /// Of the whole input, whoever answered them.
    pub rows: u64,
    /// When an input with these contents, or the first of them, was first seen, in microseconds since 1970.
    pub first_seen: i64,
    pub counts: Counts,
}

/// What a commit does to the windows of a lineup.
#[derive(Clone, Debug)]
pub struct Windows {
    pub made_by: String,
    pub baseline: Sha256Sum,
    /// Those that were judged.
    pub closed: Vec<Window>,
    pub open: Window,
}

impl Ledger {
    /// What was counted of a version's rows by a baseline, of those first seen from `since` on (microseconds since 1970), in the
    /// order in which they were seen. What is damaged is left out.
    pub fn counted(&self, made_by: &str, baseline: Sha256Sum, since: i64) -> Result<Vec<Counted>> {
        let select = "SELECT input, first_seen, counts, rows FROM counts
            WHERE made_by = ? AND baseline = ? AND first_seen >= ? ORDER BY first_seen, id";
        let read = |row: &Row| {
            let name = |_| to_name(row, 0);
            let input = row.get::<_, Option<Vec<u8>>>(0)?.map(name).transpose()?;
            Ok((input, row.get(1)?, Counts::of(&row.get::<_, Vec<u8>>(2)?), row.get(3)?))
        };
        let rows = self.select(select, params![made_by, baseline.0, since], read)?;
        let whole = rows.into_iter().filter_map(|(input, first_seen, counts, rows)| {
            Some(Counted {
                input,
                rows,
                first_seen,
                counts: counts?,
            })
        });
        Ok(whole.collect())
    }

    /// All that was counted of a lineup's inputs by a baseline, of those first seen in that time (microseconds since 1970), without
    /// those that are held.
    pub fn counted_between(&self, made_by: &str, baseline: Sha256Sum, time: Range<i64>) -> Result<Counts> {
        let select = "SELECT counts FROM counts c
            WHERE made_by = ? AND baseline = ? AND first_seen >= ? AND first_seen < ?
                AND kept_back = 0 AND NOT EXISTS (SELECT 1 FROM results r WHERE r.input = c.input AND r.verdict > 0)
            ORDER BY first_seen, id";
        let read = |row: &Row| Ok(Counts::of(&row.get::<_, Vec<u8>>(0)?));
        let counts = self.select(select, params![made_by, baseline.0, time.start, time.end], read)?;
        let mut sum = Counts::default();
        counts.iter().flatten().for_each(|counts| sum.add(counts));
        Ok(sum)
    }

    /// Of the last inputs whose outputs stand.
    pub fn sizes(&self) -> Result<Sizes> {
        let select =
            "SELECT input, rows FROM results WHERE verdict = 0 ORDER BY first_seen DESC, input DESC LIMIT 2000";
        let mut sizes = Sizes::default();
        let last = self.select(select, [], |row| Ok((to_name(row, 0)?, row.get(1)?)))?;
        for (input, rows) in last.into_iter().rev() {
            sizes.push(input.bytes(), rows);
        }
        Ok(sizes)
    }

    /// The window of a lineup that is still open; one that is damaged begins anew.
    pub fn window(&self, made_by: &str, baseline: Sha256Sum) -> Result<Window> {
        let select = "SELECT files, since, counts FROM windows WHERE made_by = ? AND baseline = ?";
        let read = |row: &Row| {
            let counts = Counts::of(&row.get::<_, Vec<u8>>(2)?);
            Ok((row.get(0)?, row.get(1)?, counts))
        };
        let window = self.select(select, params![made_by, baseline.0], read)?.pop();
        Ok(window.map_or_else(Window::default, |(files, since, counts)| {
            let whole = |counts| Window {
                files,
                since,
                counts,
                rescored: false,
                kept_back: false,
            };
            counts.map_or_else(Window::default, whole)
        }))
    }
}

/// While the contents stay, the ledger keeps when they were first seen.
pub(super) const INSERT: &str = "INSERT INTO counts
    VALUES (NULL, ?1, ?2, ?3, coalesce((SELECT first_seen FROM results WHERE input = ?1), ?4), ?5, ?6, 0)
    ON CONFLICT (input, made_by) DO UPDATE SET
        baseline = excluded.baseline, first_seen = excluded.first_seen, rows = excluded.rows, counts = excluded.counts";

/// `insert`: that statement; behind the result's own. `rows`, `first_seen`: as the result has them.
pub(super) fn insert(
    insert: &mut Statement,
    input: &Name,
    (rows, first_seen): (u64, i64),
    counted: &[CountedRows],
) -> rusqlite::Result<()> {
    for CountedRows { by, counts } in counted {
        insert.execute(params![
            input.bytes(),
            by.made_by,
            by.baseline.0,
            first_seen,
            rows,
            counts.bytes(),
        ])?;
    }
    Ok(())
}

pub(super) fn set_windows(db: &Connection, windows: &Windows) -> rusqlite::Result<()> {
    let Windows {
        made_by,
        baseline,
        closed,
        open,
    } = windows;
    let mut insert = db.prepare_cached("INSERT INTO counts VALUES (NULL, NULL, ?, ?, ?, ?, ?, ?)")?;
    for Window {
        since,
        counts,
        kept_back,
        ..
    } in closed
    {
        insert.execute(params![
            made_by,
            baseline.0,
            since,
            counts.rows,
            counts.bytes(),
            kept_back
        ])?;
    }
    let mut replace = db.prepare_cached("INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?, ?)")?;
    replace.execute(params![
        made_by,
        baseline.0,
        open.files,
        open.since,
        open.counts.bytes()
    ])?;
    Ok(())
}
