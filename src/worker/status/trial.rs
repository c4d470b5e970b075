//! Versions on trial, as status names them.

use crate::registry::Experiment;
use crate::registry::experiment::Kind;
use serde::Serialize;

/// An experiment that goes on beside the version that answers.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    pub name: String,
    pub kind: Kind,
    pub version: u32,
    /// When it began, RFC 3339.
    pub since: String,
}

impl Trial {
    pub fn of(experiment: &Experiment) -> Trial {
        Trial {
            name: experiment.name.clone(),
            kind: experiment.kind,
            version: experiment.version,
            since: experiment.began().into(),
        }
    }
}
