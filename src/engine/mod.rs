//! Large inputs on other machines: an engine runs this program there on parts of them.
//!
//! The worker stays the one that plans, joins, publishes and records. It says what is to be done as a [`Task`]; a [`Session`] has
//! it done on some node of a Ray cluster, where `transform part run` is [`node::run`]; a [`Report`] says what came of it. Rows go
//! through no engine: nodes read the input and write part files, on storage that all see.
//!
//! For whoever drives: [`Session::start`] returns at once, and so does [`Session::submit`], also before the cluster answers.
//! [`Session::next`] gives what happened, waits as long as it is told, and is to be called again and again; an error of it ends the
//! session. A task comes to one [`Event`]: whatever passes is tried again elsewhere before. [`Session::cpus`] says how many tasks go
//! on at a time. What is left of attempts that nobody heard of are files whose names begin with that of the task's part.
//!
//! Which node is tried, when another one, and when it is given up: [`attempts`], pure. What is spoken with Ray, and nothing of our
//! files: [`bridge`], and the Python beside it.

mod attempts;
mod bridge;
mod cluster;
mod drive;
mod driver;
pub mod lineup;
pub mod node;
pub mod outcome;
mod paths;
mod plan;
mod probe;
mod question;
mod reading;
mod rehearsal;
mod sandbox;
mod session;
mod source;
pub mod task;

pub use drive::Scoring;
pub use driver::Engine;
pub use rehearsal::rehearse;
pub use source::Source;
pub use task::{Answer, Report, Task, Work};
