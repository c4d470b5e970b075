//! When to work: what wakes the worker, what is stale, and one pass after the other.

mod agenda;
mod commit;
mod descriptors;
mod faults;
mod inbox;
mod job;
pub mod lock;
mod look;
mod pass;
mod plan;
mod prune;
mod reconcile;
pub mod status;
mod watch;

pub use commit::Tally;
pub use inbox::Inbox;
pub use reconcile::{End, Until, Worker, require_local};
