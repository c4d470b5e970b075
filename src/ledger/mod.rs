//! What was transformed, from what, by which lineup, with what result: a SQLite database under `state/`.
//!
//! One row per input says what its output was made from ([`Record`]); the worker compares. The history keeps every
//! transformation for as long as `state.history` says; decisions are kept for ever. The commit of a group is the commit
//! point: what was published but not committed is done again, with the same bytes.

mod alerts;
mod arms;
mod claims;
mod counted;
mod database;
mod decisions;
mod entry;
mod error;
mod exported;
mod failures;
mod faults;
mod formats;
mod half_hash;
mod held;
mod history;
mod labels;
mod marks;
mod places;
mod prune;
mod recipe;
mod results;
mod schema;
mod stamp;
mod taken;
mod trials;
mod unknown;
mod upgrade;
mod verdict;

pub use alerts::{Alerting, Event, Look, PendingEvent, Watch};
pub use arms::{ArmRows, Arms};
pub use claims::Claim;
pub use counted::{Counted, CountedRows, Windows};
pub use database::{Found, Ledger};
pub use decisions::Decision;
pub use entry::Entry;
pub use exported::Exported;
pub use failures::{Dismissal, Failure};
pub use faults::Fault;
pub use formats::Formats;
pub use half_hash::HalfHash;
pub use held::{Held, KeptBack};
pub use history::{Transformation, Wanted, Work};
pub use labels::{Labelled, Labelling, OfOne, Scored};
pub use marks::Marks;
pub use prune::Pruning;
pub use recipe::{Recipe, answering, champion};
pub use results::{Finding, Published, Record};
pub use stamp::Former;
pub use taken::{Emptied, Taken};
pub use trials::{TrialRecord, TrialSum};

#[cfg(test)]
mod tests;
