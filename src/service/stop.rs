//! The stop token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Is the process to stop? Shared by all that must put down what they have in hand; never taken back.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// For what is cancelled by a flag, whoever sets it.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
