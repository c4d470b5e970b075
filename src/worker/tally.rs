//! What was done since the start, or in one run.

use crate::spool::Name;
use serde::Serialize;

/// Failed files that the one-shot names; the ledger has them all.
const NAMED: usize = 100;

/// What was done, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    pub scored: u64,
    pub rows: u64,
    pub bad_rows: u64,
    pub not_finite: u64,
    /// Inputs that have their output already.
    pub unchanged: u64,
    /// Inputs that have a report instead of an output.
    pub failed: u64,
    /// Some of them.
    pub failed_files: Vec<String>,
    /// Inputs whose writers had not finished.
    pub unsettled: u64,
    /// Inputs that failed for now.
    pub faults: u64,
    pub model: Option<String>,
}

impl Tally {
    /// A new listing counts again what it finds.
    pub fn recount(&mut self) {
        self.unchanged = 0;
        self.failed = 0;
        self.failed_files.clear();
    }

    pub fn count_failed(&mut self, name: &Name) {
        self.failed += 1;
        if self.failed_files.len() < NAMED {
            self.failed_files.push(name.to_string());
        }
    }
}
