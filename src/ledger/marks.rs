//! Which marks this worker left in the folders that it publishes to. A state folder that was copied remembers others than its
//! twin, as soon as one of both has published.

use super::Ledger;
use crate::error::Result;
use crate::spool::publish::Owner;
use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};

/// What is remembered of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// One; two while the folder is being marked, for a worker may be killed over that.
    pub left: Vec<Owner>,
    /// Another worker may have published there, and what stands hasn't been compared yet.
    pub doubted: bool,
}

impl Ledger {
    /// What is remembered of the folder that `mark` names.
    pub fn marks(&self, mark: &Owner) -> Result<Marks> {
        let select = "SELECT value FROM meta WHERE key = ?";
        let text: Option<String> = self
            .db
            .query_row(select, [key(mark)], |row| row.get(0))
            .optional()
            .map_err(|e| self.error(e))?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// Is anything remembered of any folder?
    pub fn has_marks(&self) -> Result<bool> {
        let select = "SELECT EXISTS (SELECT 1 FROM meta WHERE key GLOB 'mark *')";
        let any: Vec<bool> = self.select(select, [], |row| row.get(0))?;
        Ok(any == [true])
    }

    /// Remembers `marks` of the folder that `mark` names.
    pub fn remember_marks(&self, mark: &Owner, marks: &Marks) -> Result<()> {
        let text = serde_json::to_string(marks).expect("marks are JSON");
        let insert = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
        self.execute(insert, [key(mark), text]).map(drop)
    }
}

fn key(mark: &Owner) -> String {
    format!("mark {}", mark.folder.display())
}
