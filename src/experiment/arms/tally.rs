//! What is added up of the rows of a challenger's files, by phase and arm.

use super::lift::Loss;
use crate::experiment::difference::Pairing;
use crate::experiment::losses::Scale;
use crate::monitor::counts::fingerprint;
use crate::monitor::sketch::Sketch;
use crate::score::Spelling;
use crate::score::arm::{Arm, identity};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// One record of a challenger's file.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub key: &'a str,
    pub arm: Arm,
    /// Of the version that answered, as it writes them, in the order of the champion's signature; all are empty where the row can't be
    /// scored.
    pub outputs: &'a [&'a str],
}

/// Rows of an input that a version of an arm predicted, and what that took on all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub rows: u64,
    pub took: Duration,
}

/// Adds up rows, whatever their order within a phase.
#[derive(Clone, Debug)]
pub struct Tally {
    pub(super) outputs: Pairing,
    pub(super) scale: Option<Scale>,
    /// By number.
    pub(super) phases: BTreeMap<u32, PhaseSums>,
}

/// Of one phase.
#[derive(Clone, Debug, Default)]
pub(super) struct PhaseSums {
    pub files: u64,
    pub rows: u64,
    /// Rows without a key.
    pub unassigned: u64,
    pub sides: [Side; 2],
    /// By the key's fingerprint, its arm: the champion's (0), the challenger's.
    pub keys: HashMap<u64, usize>,
    /// Rows whose key was in the other arm before.
    pub crossed: u64,
}

/// Of an arm.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    pub rows: u64,
    pub bad_rows: u64,
    pub spent: Spent,
    /// Of each compared output.
    pub values: Vec<Values>,
    /// Of each class, rows with it.
    pub labels: BTreeMap<String, u64>,
    /// Of each measure.
    pub losses: Vec<Vec<Loss>>,
}

/// The numbers or probabilities of an output.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub sum: f64,
    /// Finite ones.
    pub n: u64,
    pub sketch: Sketch,
}

fn side(arm: Arm) -> Option<usize> {
    match arm {
        Arm::Champion => Some(0),
        Arm::Challenger => Some(1),
        Arm::Unassigned => None,
    }
}

impl Row<'_> {
    fn is_bad(&self) -> bool {
        self.outputs.iter().all(|cell| cell.is_empty())
    }
}

impl Tally {
    /// `outputs`: the champion's against its own, for both arms write them so; `scale`: of the labels, if there are any.
    pub fn new(outputs: Pairing, scale: Option<Scale>) -> Tally {
        Tally {
            outputs,
            scale,
            phases: BTreeMap::new(),
        }
    }

    /// # Errors
    /// Why the row isn't of these versions. Nothing was added.
    pub fn check(&self, row: &Row) -> Result<(), String> {
        let outputs = self.outputs.outputs[0];
        if row.outputs.len() != outputs {
            return Err(format!("{} outputs instead of {outputs}", row.outputs.len()));
        }
        if row.is_bad() {
            return Ok(());
        }
        if let Some(classes) = &self.outputs.classes
            && classes.place(row.outputs[0]).is_none()
            && row.outputs[0] != "NaN"
        {
            return Err(format!("{:?} is none of the classes", row.outputs[0]));
        }
        for column in &self.outputs.columns {
            let cell = row.outputs[column.cells[0]];
            cell.parse::<f64>().map_err(|_| format!("{cell:?} is no number"))?;
        }
        let has_key = !identity(row.key.as_bytes()).is_empty();
        match side(row.arm).is_some() == has_key {
            true => Ok(()),
            false => Err(format!("{:?} has the arm of another key", row.key)),
        }
    }

    /// An input of a phase, of which [`Tally::add`] takes the rows.
    pub fn begin(&mut self, phase: u32, spent: [Spent; 2]) {
        let of = self.phases.entry(phase).or_default();
        of.files += 1;
        for (side, spent) in of.sides.iter_mut().zip(spent) {
            side.spent.rows += spent.rows;
            side.spent.took += spent.took;
        }
    }

    /// A row of which [`Tally::check`] said nothing, and the label of its key. Could the label be used? It can't where it is none of the
    /// classes, or no finite number. None: there is none, or nothing that it could be held against.
    pub fn add(&mut self, phase: u32, row: &Row, label: Option<(&str, &Spelling)>) -> Option<bool> {
        let of = self.phases.entry(phase).or_default();
        of.rows += 1;
        let Some(arm) = side(row.arm) else {
            of.unassigned += 1;
            return None;
        };
        let key = identity(row.key.as_bytes());
        of.crossed += u64::from(*of.keys.entry(fingerprint(key)).or_insert(arm) != arm);
        let of = &mut of.sides[arm];
        of.rows += 1;
        if row.is_bad() {
            of.bad_rows += 1;
            return None;
        }
        if self.outputs.classes.is_some() {
            *of.labels.entry(row.outputs[0].into()).or_default() += 1;
        }
        of.values.resize_with(self.outputs.columns.len(), Values::default);
        for (values, column) in of.values.iter_mut().zip(&self.outputs.columns) {
            let value = row.outputs[column.cells[0]].parse().unwrap_or(f64::NAN);
            values.sketch.push(value);
            if value.is_finite() {
                values.sum += value;
                values.n += 1;
            }
        }
        let (scale, (label, spelling)) = (self.scale.as_ref()?, label?);
        let Some(actual) = scale.actual(label, spelling) else {
            return Some(false);
        };
        of.losses.resize_with(scale.measures.len(), Vec::new);
        let key = String::from_utf8_lossy(key);
        for (losses, loss) in of.losses.iter_mut().zip(scale.losses(0, row.outputs, actual)) {
            losses.push(Loss {
                key: key.to_string(),
                loss,
            });
        }
        Some(true)
    }
}
