//! How long a thread has been at the work in hand.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Since when a thread is at one step of its work. Others may look: a thread that hangs on a mount can't report it.
#[derive(Debug, Default)]
pub struct StepTimer(Mutex<Option<Instant>>);

impl StepTimer {
    /// A step begins; so does the next one, without an end between them.
    pub fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// The thread waits for work.
    pub fn end(&self) {
        self.set(None);
    }

    /// Zero if the thread waits for work.
    pub fn elapsed(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
