//! Of a challenger that answers for a share of the keys: what was counted by arm, and once labels are known, which arm lost less.
//!
//! Each phase stands apart: its share is another one, and with it who is in which arm, so a sum over phases would be of no test at all
//! (Simpson 1951). A [`Tally`] takes the rows of the challenger's files, [`Report`] is what they say, newest phase first.

mod lift;
mod page;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use lift::{Lift, Loss};
pub use page::page;
pub use report::{Report, Subject};
pub use tally::{Row, Spent, Tally};
pub use text::text;

use crate::share::Share;

/// What a report is to know of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// From 1.
    pub number: u32,
    /// The challenger's.
    pub share: Share,
    /// In microseconds since 1970.
    pub began: i64,
}

/// The arms, as reports name and count them: of an array of both, the champion is the first.
const ARMS: [&str; 2] = ["champion", "challenger"];
