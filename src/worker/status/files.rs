//! Single files, as a status has them.

use crate::error::Error;
use crate::ledger;
use crate::spool::Name;
use crate::transform::UnknownCounts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An input that has no result yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    pub file: String,
    pub reason: Why,
    /// Since its last change, or the approval that made its output stale; `None`: that can't be known, as of an output that
    /// went.
    pub since: Option<Timestamp>,
    pub age_seconds: Option<u64>,
    /// When it is tried again, if it failed for now.
    pub retry_at: Option<Timestamp>,
}

/// What a file waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody has it open for writing.
    Open,
    /// It changed a moment ago.
    Settling,
    /// There is no model that can be used.
    NoModel,
    /// No worker runs.
    NoWorker,
    /// The worker comes to it.
    Queued,
    /// It failed for now: among the faults it says why.
    Retry,
    /// It can't be looked at.
    Unseen,
}

impl Why {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Why::Open => "its writer has it open",
            Why::Settling => "waiting to settle",
            Why::NoModel => "no model that can be used",
            Why::NoWorker => "no worker runs",
            Why::Queued => "queued",
            Why::Retry => "failed for now, tried again",
            Why::Unseen => "can't be looked at",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct BadFile {
    pub file: String,
    pub rows: u64,
    pub bad_rows: u64,
    /// They aren't in the failed folder any more.
    pub rejects_gone: bool,
}

/// Why a file has no result.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    pub file: String,
    pub code: String,
    pub message: String,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
}

impl Reason {
    pub fn of(name: &Name, error: &Error) -> Reason {
        Reason {
            file: name.to_string(),
            code: error.code().into(),
            message: error.to_string(),
            failed_at: None,
        }
    }
}

/// A failure that somebody acknowledged.
#[derive(Clone, Debug, Serialize)]
pub struct DismissedFile {
    #[serde(flatten)]
    pub failure: Reason,
    /// When it was dismissed.
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

impl DismissedFile {
    pub fn of(failure: Reason, dismissal: ledger::Dismissal) -> DismissedFile {
        DismissedFile {
            failure,
            at: at(dismissal.at),
            by: dismissal.by,
            reason: dismissal.reason,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct UnknownFile {
    pub file: String,
    /// By column, how many cells.
    pub unknown: UnknownCounts,
}

/// What failed for now, and is tried again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Empty: the worker as a whole.
    pub input: String,
    pub code: String,
    pub message: String,
    pub tries: u32,
    /// When it failed first, and last.
    pub since: Timestamp,
    pub last: Timestamp,
    pub retry_at: Option<Timestamp>,
    pub age_seconds: u64,
}

impl Fault {
    pub fn of(fault: &ledger::Fault, now: Timestamp) -> Fault {
        let since = at(fault.since);
        Fault {
            input: fault.input.to_string(),
            code: fault.code.clone(),
            message: fault.message.clone(),
            tries: fault.tries,
            since,
            last: at(fault.last),
            retry_at: fault.retry_at.map(at),
            age_seconds: age(since, now),
        }
    }

    /// Its message, and the way out.
    pub fn hinted(&self) -> String {
        hinted(&self.message, Some(&self.code))
    }

    /// Does it keep the worker as a whole from working?
    pub fn is_of_all(&self) -> bool {
        self.input.is_empty()
    }
}

/// Microseconds since 1970, as people read them: to the millisecond.
pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_millisecond(micros.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whole seconds from `then` to `now`; 0 for what is to come.
pub fn age(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second() - then.as_second()).unwrap_or(0)
}

/// A message, and the way out that belongs to its code.
pub fn hinted(message: &str, code: Option<&str>) -> String {
    match code.and_then(Error::hint_of) {
        Some(hint) => format!("{message} (hint: {hint})"),
        None => message.into(),
    }
}
