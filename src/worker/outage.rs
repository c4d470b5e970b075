//! What keeps the worker as a whole from working, for now.

use super::commit::Commit;
use super::faults::as_fault;
use super::lock::Lock;
use super::plan::backoff;
use crate::error::{Error, Result};
use crate::ledger::Fault;
use crate::spool::Name;
use std::time::Duration;

/// `status` shows it, by the ledger, or by the lock's file where the ledger's own disk is the trouble.
pub struct Outage {
    lock: Lock,
    current: Option<Current>,
}

struct Current {
    error: Error,
    tries: u32,
    /// How many files were scored when it failed last.
    scored: u64,
    /// As it is shown.
    fault: Fault,
    /// When to try again, on the monotonic clock; `None`: that is being done.
    until: Option<Duration>,
}

impl Outage {
    /// There is none.
    pub fn none(lock: Lock) -> Outage {
        Outage { lock, current: None }
    }

    /// An error if this worker's state folder was taken away.
    pub fn check_lock(&self) -> Result<()> {
        self.lock.check()
    }

    /// Work failed over `error`: it is tried again, later and later, after `most` at the latest.
    pub fn begin(&mut self, error: Error, commit: &mut Commit, now: Duration, most: Duration) {
        let (tries, same) = match &self.current {
            Some(old) => (old.tries + 1, old.error.to_string() == error.to_string()),
            None => (1, false),
        };
        if !same {
            tracing::warn!(code = error.code(), %error, hint = error.hint(), "can't work for now; trying again");
        }
        let wait = backoff(tries, most);
        let fault = self.show(&error, tries, Some(wait), commit);
        self.current = Some(Current {
            error,
            tries,
            scored: commit.scored(),
            fault,
            until: Some(now + wait),
        });
    }

    /// Shows what keeps the worker from working. `wait`: until it is tried again. Returns what is shown.
    pub fn show(&mut self, error: &Error, tries: u32, wait: Option<Duration>, commit: &mut Commit) -> Fault {
        let mut fault: Fault = as_fault(Name::new(*b""), error, tries, wait);
        fault.since = self.current.as_ref().map_or(fault.since, |current| current.fault.since);
        let unrecorded = commit.show_outage(Some(&fault)).is_err(); // its disk may be full
        let _ = self.lock.show(unrecorded.then_some(&fault));
        fault
    }

    /// `status` shows none any more. While that can't be recorded, it goes on.
    pub fn end(&mut self, commit: &mut Commit) -> Result<()> {
        commit.show_outage(None)?;
        let _ = self.lock.show(None);
        self.current = None;
        Ok(())
    }

    pub fn error(&self) -> Option<&Error> {
        self.current.as_ref().map(|current| &current.error)
    }

    /// The same as it is shown.
    pub fn fault(&self) -> Option<&Fault> {
        self.current.as_ref().map(|current| &current.fault)
    }

    pub fn take_error(&mut self) -> Option<Error> {
        self.current.take().map(|current| current.error)
    }

    /// Has the time come to try again? It is being done from now on.
    pub fn is_due(&mut self, now: Duration) -> bool {
        let due = self.until().is_some_and(|at| at <= now);
        if due {
            self.try_now();
        }
        due
    }

    pub fn try_now(&mut self) {
        if let Some(current) = &mut self.current {
            current.until = None;
        }
    }

    /// When to try again, if nothing can be done before.
    pub fn until(&self) -> Option<Duration> {
        self.current.as_ref().and_then(|current| current.until)
    }

    /// Is it over? What is tried again went well, and either a file was scored since, or none waits that could be: one that has
    /// yet to settle may fail over the same. `scored`: how many were; `converged`: none waits.
    pub fn is_over(&self, scored: u64, converged: bool) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.until.is_none() && (converged || scored > current.scored))
    }
}
