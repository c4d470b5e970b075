//! Outputs that went, though nobody asked for another result: a consumer takes them away, or somebody emptied their folder.

use super::Ledger;
use crate::error::Result;
use crate::spool::Name;
use rusqlite::{OptionalExtension, params};

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

impl Ledger {
    /// What is known of outputs that are gone.
    pub fn set_taken(&mut self, outputs: &[(Name, Taken)]) -> Result<()> {
        if outputs.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            let mut update =
                db.prepare_cached("UPDATE results SET taken = ?, taken_at = ?, remade = ? WHERE input = ?")?;
            for (name, Taken { times, at, remade }) in outputs {
                update.execute(params![times, at, remade, name.bytes()])?;
            }
            Ok(())
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

    fn meta(&self, key: &str) -> Result<Option<String>> {
        let read = || {
            let mut select = self.db.prepare_cached("SELECT value FROM meta WHERE key = ?")?;
            select.query_row([key], |row| row.get(0)).optional()
        };
        read().map_err(|e| self.error(e))
    }

    fn set_meta(&mut self, key: &str, value: &str) -> Result<()> {
        self.write_behind(|db| {
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])
                .map(drop)
        })
    }
}

const EMPTIED: &str = "emptied";
const DEVICE: &str = "output device";
