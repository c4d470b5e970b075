//! Verdicts as the database keeps them: the frequent ones are numbers that take no room.

use crate::transform::Verdict;
use rusqlite::Row;

pub fn number(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Publish => 0,
        Verdict::Fail => 1,
        Verdict::Hold => 2,
    }
}

pub fn read(row: &Row, index: usize) -> rusqlite::Result<Verdict> {
    match row.get(index)? {
        0 => Ok(Verdict::Publish),
        1 => Ok(Verdict::Fail),
        2 => Ok(Verdict::Hold),
        unknown => Err(rusqlite::Error::IntegralValueOutOfRange(index, unknown)),
    }
}
