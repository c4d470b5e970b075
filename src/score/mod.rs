//! Rows in, predictions out. Pure: no bytes of a format, no files, no clock, no log.

mod lineup;

pub use lineup::{Identity, Lineup, Member};
