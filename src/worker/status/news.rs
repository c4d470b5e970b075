//! What the reporter's thread gets of the loop, and of a survey.

use super::snapshot::Status;
use crate::config::Config;
use crate::ledger;
use crate::spool::Name;
use crate::worker::inventory::Inventory;
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What only the loop knows.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// What it scores by,
    pub model: Option<String>,
    /// or the code of why it doesn't, and that in words.
    pub model_error: Option<(String, String)>,
    /// What keeps it from working.
    pub outage: Option<ledger::Fault>,
    pub counts: Counts,
    /// Inputs that somebody has open for writing.
    pub open: HashSet<Name>,
}

impl Live {
    /// So many names of what is open at most: they are told again and again.
    pub const OPEN: usize = 1000;
}

/// What a one-shot knows of its inputs while it looks at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub done: u64,
    pub pending: u64,
    pub failed: u64,
}

/// What the last report is made from.
pub enum Last {
    /// What is known already.
    Known,
    /// What a one-shot found, which has just looked at each input.
    Converged(Inventory),
    /// One more survey.
    Survey,
}

#[derive(Default)]
pub struct Shared {
    news: Mutex<News>,
    pub arrived: Condvar,
}

#[derive(Default)]
pub struct News {
    pub config: Option<Config>,
    pub live: Option<Live>,
    /// Something was done, or came.
    pub changed: bool,
    pub surveyed: Option<Surveyed>,
    pub last: Option<Last>,
}

/// What a survey came to.
pub struct Surveyed {
    pub status: Status,
    pub damage: Option<(String, String)>,
    pub took: Duration,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
