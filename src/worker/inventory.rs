//! What stands when a one-shot has converged, for its last report.

use super::agenda::Note;
use crate::spool::Name;
use std::collections::HashSet;

/// What the ledger doesn't know. Of `ignored_files` and `left_files`, some.
#[derive(Debug)]
pub struct Inventory {
    /// The last transformation before the run.
    pub start: i64,
    /// Inputs that have their outputs.
    pub done: u64,
    pub ignored: u64,
    pub ignored_files: Vec<Name>,
    pub left: u64,
    pub left_files: Vec<Name>,
    /// Inputs that have no result, and what is known of them.
    pub pending: Vec<(Name, Note)>,
    /// Inputs that this run found done, and of which people should know something.
    pub unchanged_findings: HashSet<Name>,
}
