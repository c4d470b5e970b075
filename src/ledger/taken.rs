//! Outputs that went, though nobody asked for another result: a consumer takes them away, or somebody emptied their folder.

use super::Ledger;
use super::database::to_name;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{OptionalExtension, params};
use std::path::Path;

/// How often an output went while its input and its recipe stayed the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub times: u32,
    /// When it was found gone last, in microseconds since 1970.
    pub at: i64,
    /// How often it was made again after that was counted.
    pub remade: u32,
}

/// The output folder had lost all outputs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emptied {
    /// When that was found last, in microseconds since 1970.
    pub at: i64,
    /// It counts for no output.
    pub forgiven: bool,
}

impl Taken {
    /// Its input was gone, or outputs belong elsewhere since: if it isn't there, nobody took it.
    pub const DUE: Taken = Taken {
        times: 0,
        at: -1,
        remade: 0,
    };
}

impl Ledger {
    /// What is known of outputs that are gone. Doesn't wait for the disk: what a power cut takes back is found again.
    pub fn set_taken(&mut self, outputs: &[(Name, Taken)]) -> Result<()> {
        if outputs.is_empty() {
            return Ok(());
        }
        self.write_behind(|db| {
            let mut update =
                db.prepare_cached("UPDATE results SET taken = ?, taken_at = ?, remade = ? WHERE input = ?")?;
            for (name, Taken { times, at, remade }) in outputs {
                update.execute(params![times, at, remade, name.bytes()])?;
            }
            Ok(())
        })
    }

    /// How many inputs are recorded. Reads no row.
    pub fn count(&self) -> Result<u64> {
        let counts: Vec<u64> = self.select("SELECT count(*) FROM results", [], |row| row.get(0))?;
        Ok(counts.into_iter().sum())
    }

    /// At most `rows` inputs behind `after` that have outputs and weren't gone, in order.
    pub fn present_after(&self, after: &Name, rows: u32) -> Result<Vec<Name>> {
        let select =
            "SELECT input FROM results WHERE input > ? AND verdict = 0 AND taken_at >= 0 ORDER BY input LIMIT ?";
        self.select(select, params![after.bytes(), rows], |row| to_name(row, 0))
    }

    /// Where outputs belong, and if each needs a marker. Where that is another folder than before, or markers are needed
    /// now, all that are missing there are due.
    pub fn set_output_place(&mut self, path: &Path, marked: bool) -> Result<()> {
        let path = path.to_string_lossy();
        let place = format!("{} {path}", if marked { "marked" } else { "bare" });
        let before = self.meta(PLACE)?;
        if before.as_ref() == Some(&place) {
            return Ok(());
        }
        let due = before.as_deref().and_then(|before| before.split_once(' '));
        let due = due.is_some_and(|(kind, before)| before != path || kind == "bare" && marked);
        self.write(|db| {
            if due {
                let Taken { times, at, remade } = Taken::DUE;
                let all = "UPDATE results SET taken = ?, taken_at = ?, remade = ? WHERE verdict = 0";
                db.execute(all, params![times, at, remade])?;
            }
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [PLACE, &place])
                .map(drop)
        })
    }

    pub fn emptied(&self) -> Result<Option<Emptied>> {
        let text = self.meta(EMPTIED)?;
        Ok(text.and_then(|text| {
            let (at, forgiven) = text.split_once(' ')?;
            Some(Emptied {
                at: at.parse().ok()?,
                forgiven: forgiven == "forgiven",
            })
        }))
    }

    pub fn set_emptied(&mut self, emptied: Emptied) -> Result<()> {
        let kind = if emptied.forgiven { "forgiven" } else { "counted" };
        self.set_meta(EMPTIED, &format!("{} {kind}", emptied.at))
    }

    /// The device that the output folder was on after the last whole listing.
    pub fn output_device(&self) -> Result<Option<u64>> {
        Ok(self.meta(DEVICE)?.and_then(|text| text.parse().ok()))
    }

    pub fn set_output_device(&mut self, device: u64) -> Result<()> {
        self.set_meta(DEVICE, &device.to_string())
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<String>> {
        let read = || {
            let mut select = self.db.prepare_cached("SELECT value FROM meta WHERE key = ?")?;
            select.query_row([key], |row| row.get(0)).optional()
        };
        read().map_err(|e| self.error(e))
    }

    pub(super) fn set_meta(&mut self, key: &str, value: &str) -> Result<()> {
        self.write_behind(|db| {
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])
                .map(drop)
        })
    }
}

const EMPTIED: &str = "emptied";
const DEVICE: &str = "output device";
const PLACE: &str = "output place";
