//! Large inputs on other machines: an engine runs this program there on ranges of them.
//!
//! The worker stays the one that plans, joins, publishes and records. An [`Engine`] scores an input for it: a drive says what is to be
//! done as a [`Task`]; a session has it done on some node of a Ray cluster, where `transform part run` is [`node::run`]; a [`Report`] says
//! what came of it. Rows go through no engine: nodes read the input and write part files, on storage that all see.
//!
//! No node vouches for what it read itself: the worker looks at the whole input, to hash it and to find where it can be cut; or, where
//! that is set, nodes do, and others score. Why another one, and not the same again: a mount may show old bytes.
//!
//! What is done of one input, and in which order: `plan`, pure. Which node a task is tried on, when another one, and when it is given up:
//! `attempts`, pure; what its exit means: [`outcome`], pure. What is spoken with Ray, and nothing of our files: `bridge`, and the Python
//! beside it. A session is asked again and again: it never waits longer than it is told, for it is what sees that a cluster is gone.

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
