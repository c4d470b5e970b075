//! Experiments of a group: which version is tried beside the champion, who decided on it, when and why. Each is a file,
//! `models/GROUP/experiments/NAME.toml`; its steps only grow.
//!
//! [`record`] is what stands in it, [`file`](mod@file) reads and writes it, [`phases`] says what its steps come to, [`decisions`]
//! are the steps that people take, and [`trials`] what goes on beside the version that answers.

mod decisions;
mod file;
mod phases;
mod record;
#[cfg(test)]
mod tests;
mod trials;

pub use decisions::{Allocation, Beginning};
pub use file::{Damaged, Experiments};
pub use phases::State;
pub use record::{Action, Experiment, Kind, Step};
pub use trials::Trials;
