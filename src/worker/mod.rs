//! When to work: what wakes the worker, what is stale, and one pass after the other.

mod agenda;
pub mod alerts;
pub mod checksums;
mod commit;
mod descriptors;
mod doubts;
mod export;
mod faults;
mod inbox;
mod inventory;
mod job;
mod large;
mod lineup;
pub mod lock;
mod look;
mod r#loop;
mod no_file;
mod noticed;
mod outage;
pub mod owner;
mod pass;
mod pin;
mod plan;
mod prune;
mod queue;
mod setup;
mod stamp;
pub mod status;
mod tally;
mod watch;

pub use commit::{Usual, counted_on};
pub use inbox::Inbox;
pub use look::{Published, is_gone};
pub use r#loop::{End, Until, Worker, require_local};
pub use pin::Pin;
pub use tally::Tally;
