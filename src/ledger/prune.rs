//! What is old goes, in small steps.

use super::Ledger;
use super::database::{for_each, to_name};
use super::results::Record;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{OptionalExtension, params};

/// From one round to the next, in microseconds. Nothing is kept for less than a day.
const PERIOD: u64 = 24 * 60 * 60 * 1_000_000;
/// Pages of 4 KiB that a step gives back to the disk.
const PAGES: i64 = 256;

/// One round through the ledger: the history, then what was counted and labelled, then results of inputs long gone, then the room that they took.
#[derive(Debug)]
pub struct Pruning {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Behind this number.
    History(i64),
    Counts,
    Labels,
    Trials,
    /// Behind this input.
    Results(Name),
    Room,
}

impl Pruning {
    /// A round, if one is due `now` (microseconds since 1970).
    pub fn begin(ledger: &mut Ledger, now: i64) -> Result<Option<Pruning>> {
        let last = ledger.last_pruned()?;
        if last.is_some_and(|last| last.abs_diff(now) < PERIOD) {
            return Ok(None);
        }
        ledger.set_last_pruned(now)?;
        // A new ledger has nothing old in it.
        Ok(last.map(|_| Pruning {
            stage: Stage::History(0),
        }))
    }

    /// One step of a round, through at most `rows` rows: what ended before `before` (microseconds since 1970) is old. True
    /// if there is more to do.
    ///
    /// `gone`: is there neither an input of this name, nor its output? A result is kept as long as one of them is there,
    /// and what says why an input fails as long as it does.
    pub fn step(
        &mut self,
        ledger: &mut Ledger,
        before: i64,
        rows: u32,
        gone: impl FnMut(&Name, &Record) -> bool,
    ) -> Result<bool> {
        self.stage = match &self.stage {
            Stage::History(after) => match ledger.prune_history(*after, before, rows)? {
                Some(last) => Stage::History(last),
                None => Stage::Counts,
            },
            Stage::Counts => match ledger.prune_counts(before, rows)? {
                true => Stage::Counts,
                false => Stage::Labels,
            },
            Stage::Labels => match ledger.prune_labels(before, rows)? {
                true => Stage::Labels,
                false => {
                    ledger.prune_events(before)?;
                    Stage::Trials
                }
            },
            Stage::Trials => match ledger.prune_trials(before, rows)? {
                true => Stage::Trials,
                false => Stage::Results(Name::new(*b"")),
            },
            Stage::Results(after) => match ledger.prune_results(after, before, rows, gone)? {
                Some(last) => Stage::Results(last),
                None => Stage::Room,
            },
            Stage::Room => match ledger.give_back()? {
                true => Stage::Room,
                false => return Ok(false),
            },
        };
        Ok(true)
    }
}

impl Ledger {
    fn last_pruned(&self) -> Result<Option<i64>> {
        let select = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pruned'";
        let read = || {
            let mut select = self.db.prepare_cached(select)?;
            select.query_row([], |row| row.get(0)).optional()
        };
        read().map_err(|e| self.error(e))
    }

    fn set_last_pruned(&mut self, now: i64) -> Result<()> {
        self.write_behind(|db| {
            db.execute("INSERT OR REPLACE INTO meta VALUES ('pruned', ?)", [now.to_string()])
                .map(drop)
        })
    }

    /// Goes through the next rows behind `after`. The number of the last; `None` at the first that isn't old.
    fn prune_history(&mut self, after: i64, before: i64, rows: u32) -> Result<Option<i64>> {
        let next = "SELECT id, at FROM history WHERE id > ? ORDER BY id LIMIT ?";
        let next: Vec<(i64, i64)> = self.select(next, params![after, rows], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let old = next.iter().take_while(|(_, at)| *at < before);
        let Some((last, _)) = old.last() else {
            return Ok(None);
        };
        self.write_behind(|db| {
            let delete = "DELETE FROM history WHERE id > ?1 AND id <= ?2 AND NOT (
                    EXISTS (SELECT 1 FROM results r WHERE r.input = history.input AND r.verdict > 0)
                    AND id = (SELECT max(id) FROM history h WHERE h.input = history.input))";
            db.prepare_cached(delete)?.execute([after, *last])
        })?;
        Ok(Some(*last))
    }

    /// What was counted of inputs that were first seen long ago goes, also where they still have their results: the time of a
    /// count is its input's. True if there may be more.
    fn prune_counts(&mut self, before: i64, rows: u32) -> Result<bool> {
        let delete = "DELETE FROM counts WHERE id IN (
                SELECT id FROM counts WHERE first_seen < ? ORDER BY first_seen LIMIT ?)";
        let gone = self.write_behind(|db| db.prepare_cached(delete)?.execute(params![before, rows]))?;
        Ok(gone == rows as usize)
    }

    /// So do labels, and what came of them.
    fn prune_labels(&mut self, before: i64, rows: u32) -> Result<bool> {
        let of = |table: &str| {
            format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE first_seen < ? ORDER BY first_seen LIMIT ?)"
            )
        };
        let gone = self.write_behind(|db| {
            let gone = db.execute(&of("labels"), params![before, rows])?;
            Ok(gone.max(db.execute(&of("labelled"), params![before, rows])?))
        })?;
        Ok(gone == rows as usize)
    }

    /// Events that couldn't be written down for as long go untold.
    fn prune_events(&mut self, before: i64) -> Result<()> {
        self.write_behind(|db| db.execute("DELETE FROM events WHERE at < ?", [before]).map(drop))
    }

    /// What was kept of trials of inputs of which nothing else is known. True if there may be more.
    fn prune_trials(&mut self, before: i64, rows: u32) -> Result<bool> {
        let delete = "DELETE FROM trials WHERE (experiment, input) IN (
                SELECT experiment, input FROM trials s
                WHERE at < ? AND NOT EXISTS (SELECT 1 FROM results r WHERE r.input = s.input) LIMIT ?)";
        let gone = self.write_behind(|db| db.execute(delete, params![before, rows]))?;
        Ok(gone == rows as usize)
    }

    /// Goes through the next results behind `after`. The last input; `None` at the end.
    fn prune_results(
        &mut self,
        after: &Name,
        before: i64,
        rows: u32,
        mut gone: impl FnMut(&Name, &Record) -> bool,
    ) -> Result<Option<Name>> {
        let next =
            "SELECT input, first_seen < ?2 AND NOT EXISTS (SELECT 1 FROM history h WHERE h.input = results.input)
                    FROM results WHERE input > ?1 ORDER BY input LIMIT ?3";
        let next: Vec<(Name, bool)> = self.select(next, params![after.bytes(), before, rows], |row| {
            Ok((to_name(row, 0)?, row.get(1)?))
        })?;
        let last = next.last().map(|(name, _)| name.clone());
        let old: Vec<Name> = next.into_iter().filter_map(|(name, old)| old.then_some(name)).collect();
        let records = self.records(&old)?.into_iter().flatten();
        let mut gone = old
            .iter()
            .zip(records)
            .filter(|(name, record)| gone(name, record))
            .peekable();
        if gone.peek().is_some() {
            let gone: Vec<&Name> = gone.map(|(name, _)| name).collect();
            self.write_behind(|db| for_each(db, "DELETE FROM results WHERE input = ?", gone))?;
        }
        Ok(last)
    }

    /// Gives some of the room that nothing stands in back to the disk; an eighth is kept for what comes. True if there is
    /// more.
    fn give_back(&mut self) -> Result<bool> {
        let pragma = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let state = || rusqlite::Result::Ok((pragma("auto_vacuum")?, pragma("freelist_count")?, pragma("page_count")?));
        let (kind, free, all) = state().map_err(|e| self.error(e))?;
        const INCREMENTAL: i64 = 2;
        if kind != INCREMENTAL || free <= PAGES.max(all / 8) {
            return Ok(false);
        }
        self.select(&format!("PRAGMA incremental_vacuum({PAGES})"), [], |_| Ok(()))?;
        Ok(true)
    }
}
