//! How the rows of a request fall to the arms of an A/B test.

use super::refusal::Refusal;
use crate::model::unicode;
use crate::score::arm::{Arm, Split};

/// As metrics, captures and the page name it.
pub fn name(arm: Arm) -> &'static str {
    match arm {
        Arm::Champion => "champion",
        Arm::Challenger => "challenger",
        Arm::Unassigned => "none",
    }
}

pub const ALL: [Arm; 3] = [Arm::Champion, Arm::Challenger, Arm::Unassigned];

/// Whose rows they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All are one arm's.
    Of(Arm),
    /// Of several, row by row; what is beyond has no key.
    Each(Vec<Arm>),
}

/// The arms of rows whose keys are found one after the other.
pub struct Keys<'a> {
    split: &'a Split,
    /// As names are compared.
    column: &'a str,
    found: Vec<Arm>,
}

impl<'a> Keys<'a> {
    /// None was found yet.
    pub fn new(split: &'a Split, column: &'a str) -> Keys<'a> {
        Keys {
            split,
            column,
            found: Vec::new(),
        }
    }

    /// Does a column of that name hold them?
    pub fn is_column(&self, name: &str) -> bool {
        unicode::name(name) == self.column
    }

    pub fn column(&self) -> &str {
        self.column
    }

    /// Their column is there twice: which one is meant can't be told.
    pub fn twice(&self) -> Refusal {
        let column = self.column;
        let message = format!("column {column:?}, by whose keys versions answer, stands twice");
        Refusal::bad(message).in_column(column)
    }

    /// Of the next row; none: it has no key.
    pub fn push(&mut self, key: Option<&[u8]>) {
        let arm = key.map_or(Arm::Unassigned, |key| self.split.arm(key));
        self.found.push(arm);
    }

    /// Whose they are.
    pub fn rows(self) -> Rows {
        Rows::of(self.found)
    }

    pub fn found(&self) -> usize {
        self.found.len()
    }
}

impl Rows {
    fn of(arms: Vec<Arm>) -> Rows {
        let first = arms.first().copied().unwrap_or(Arm::Unassigned);
        match arms.iter().all(|arm| *arm == first) {
            true => Rows::Of(first),
            false => Rows::Each(arms),
        }
    }

    /// Of so many rows, each with its arm.
    pub fn filled(&self, rows: usize) -> Rows {
        let mut filled = self.clone();
        if let Rows::Each(arms) = &mut filled {
            arms.resize(rows, Arm::Unassigned);
        }
        filled
    }

    /// Has the champion rows of them, and the challenger?
    pub fn sides(&self) -> [bool; 2] {
        let is_challenger = |arm: &Arm| *arm == Arm::Challenger;
        match self {
            Rows::Of(arm) => [!is_challenger(arm), is_challenger(arm)],
            Rows::Each(arms) => [!arms.iter().all(is_challenger), arms.iter().any(is_challenger)],
        }
    }

    /// Are they of both versions?
    pub fn is_mixed(&self) -> bool {
        self.sides() == [true, true]
    }
}
