//! How the rows of an input were divided, in a phase of an experiment.

use super::half_hash::HalfHash;
use super::history::Transformation;
use super::{Ledger, TrialRecord};
use crate::error::Result;
use serde::Serialize;
use std::slice::from_ref;

/// Whose rows they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arms {
    pub champion: ArmRows,
    pub challenger: ArmRows,
    /// Rows without a key, which the champion answered.
    pub unassigned: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArmRows {
    pub rows: u64,
    pub bad_rows: u64,
}

impl Ledger {
    /// Of a transformation, as far as it is kept: of each input what was scored last.
    pub fn arms(&self, done: &Transformation) -> Result<Option<Arms>> {
        let phase = done.phase.as_deref().and_then(|phase| phase.rsplit_once('/'));
        let Some((experiment, number)) = phase else {
            return Ok(None);
        };
        let kept = self.trials(experiment, from_ref(&done.input))?.pop().flatten();
        let is_its = |kept: &TrialRecord| {
            kept.phase.to_string() == number
                && Some(kept.input_hash) == done.summary.input_hash.map(HalfHash::from)
                && kept.tried.problem.is_none()
        };
        Ok(kept.filter(is_its).map(|kept| {
            let [champion, challenger] = kept.tried.sides.map(|side| ArmRows {
                rows: side.rows,
                bad_rows: side.bad_rows,
            });
            Arms {
                champion,
                challenger,
                unassigned: kept.tried.unassigned,
            }
        }))
    }
}
