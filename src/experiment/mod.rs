//! Is another version better than the champion, and is it different at all?
//!
//! A shadow scores the rows that the champion answers: [`difference`] holds the predictions of both against each other, [`paired`] what
//! both lost once labels are known, by a [`sequence`] that may be looked at as often as one likes. A challenger answers for a share of
//! the keys, as [`crate::score::arm`] says, and [`mismatch`] tells if as many came as its share says. [`Subject`] -> [`Report`] -> [`page::page`] or
//! [`text::text`].
//!
//! Pure: no clock, no file, no log.

pub mod arms;
pub mod difference;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod guard;
pub mod losses;
pub mod mismatch;
pub mod page;
pub mod paired;
mod report;
pub mod sequence;
mod student;
#[cfg(test)]
mod tests;
pub mod text;
pub mod verdict;

pub use report::{Report, Subject, milliseconds};
