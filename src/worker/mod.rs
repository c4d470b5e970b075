//! When to work: what wakes the worker, what is stale, and one pass after the other.

mod agenda;
mod descriptors;
mod inbox;
mod job;
pub mod lock;
mod look;
mod pass;
mod plan;
pub mod progress;
mod prune;
mod reconcile;
mod settle;
pub mod status;
mod watch;

pub use job::wall_clock;
pub use reconcile::{End, Until, Worker, require_local};
pub use settle::Tally;
pub use watch::hear_signals;
