//! Versions on trial, as status names them.

use crate::registry::experiment::{Kind, Trials};
use crate::registry::{Experiment, Halt};
use crate::share::Share;
use serde::Serialize;

/// An experiment that goes on beside the version that answers, or would but for a halt.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub name: String,
    pub kind: Kind,
    pub version: u32,
    /// When it began, RFC 3339.
    pub since: String,
    /// Of the keys, a challenger's.
    pub share: Option<Share>,
    /// `NAME/NUMBER`: since its start, its last ramp or resumption.
    pub phase: String,
    /// Which guard broke, and by what; null: none did.
    pub halted: Option<String>,
}

impl Trial {
    /// In the order of their names.
    pub fn all(trials: &Trials) -> Vec<Trial> {
        let running = trials.running.iter().map(|experiment| Trial::of(experiment, None));
        let halted = trials.halted.iter();
        let halted = halted.map(|(experiment, halt)| Trial::of(experiment, Some(halt)));
        let mut all: Vec<Trial> = running.chain(halted).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn of(experiment: &Experiment, halt: Option<&Halt>) -> Trial {
        Trial {
            name: experiment.name.clone(),
            kind: experiment.kind,
            version: experiment.version,
            since: experiment.began().into(),
            share: experiment.share(),
            phase: experiment.phase(),
            halted: halt.map(Halt::to_string),
        }
    }
}
