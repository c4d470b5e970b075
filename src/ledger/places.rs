//! What kind of place each folder was on.

use super::Ledger;
use crate::error::{Error, Result};
use rusqlite::OptionalExtension;
use std::path::Path;

impl Ledger {
    /// Remembers what kind of place a folder is on. An unmounted bucket looks like an empty local folder, also at the
    /// start of a worker; nothing must be concluded from that, nor written there.
    pub fn remember_place(&self, path: &Path, mount: bool) -> Result<()> {
        self.check_place(path, mount)?;
        let now = if mount { "mount" } else { "local" };
        if self.place(path)?.as_deref() == Some(now) {
            return Ok(());
        }
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key(path).as_str(), now])
            .map(drop)
    }

    /// The same, for who only looks.
    pub fn check_place(&self, path: &Path, mount: bool) -> Result<()> {
        if mount || self.place(path)?.as_deref() != Some("mount") {
            return Ok(());
        }
        let message = "the folder was on a mount, and isn't now: mount it. If it is a local folder for good now, move the \
                       state folder aside; all is then scored again, to the same bytes";
        Err(Error::mount(path, message))
    }

    fn place(&self, path: &Path) -> Result<Option<String>> {
        let select = "SELECT value FROM meta WHERE key = ?";
        self.db
            .query_row(select, [key(path)], |row| row.get(0))
            .optional()
            .map_err(|e| self.error(e))
    }
}

fn key(path: &Path) -> String {
    format!("place {}", path.display())
}
