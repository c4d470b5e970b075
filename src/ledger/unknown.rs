//! Counts of unknown categories as the database keeps them: JSON, where there are any.

use crate::transform::UnknownCounts;
use rusqlite::Row;

pub fn text(unknown: &UnknownCounts) -> Option<String> {
    (!unknown.is_empty()).then(|| serde_json::to_string(unknown).expect("counts are JSON"))
}

/// What can't be read is none: it is only for people.
pub fn read(row: &Row, index: usize) -> rusqlite::Result<UnknownCounts> {
    let json: Option<String> = row.get(index)?;
    Ok(json
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default())
}
