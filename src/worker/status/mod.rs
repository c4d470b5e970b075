//! How things stand, for people, for programs and for who is paged.
//!
//! A [`Status`] is one answer: [`survey`] looks at the ledger, the folders and the models as the worker would, and changes
//! nothing; a [`Process`] is what only the worker knows. `transform status` asks for it while a worker runs, and when none
//! does. The worker's [`Reporter`] asks too, and writes it down: as [`written`] in `status.json`, as systemd's [`line`], as a
//! [`textfile`] for Prometheus. A one-shot looks at all inputs itself: its last report is by its [`inventory`]. A [`check`]
//! judges the answer.

pub mod check;
mod files;
mod inventory;
pub mod line;
mod monitored;
mod news;
mod process;
mod reporter;
mod reports;
mod snapshot;
mod survey;
pub mod textfile;
mod trial;
mod written;

pub use files::{BadFile, DismissedFile, Fault, Pending, Reason, UnknownFile, Why};
pub use news::{Counts, Last, Live};
pub use process::{Mode, Process, State};
pub use reporter::{Reporter, rehearse};
pub use snapshot::Status;
pub use survey::{PATIENCE, find, group, load};
pub use trial::Trial;
