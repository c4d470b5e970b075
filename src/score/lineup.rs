//! The model or models at work.

use super::arm::Split;
use crate::model::{Model, Signature};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What tells a version of a group from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub group: String,
    pub version: u32,
    /// SHA-256 of the whole manifest, hexadecimal. It holds the artifact's, the signature and the attachments'.
    pub manifest: String,
    /// SHA-256 of the artifact, hexadecimal.
    pub artifact: String,
}

impl Identity {
    /// As the ledger names a lineup of this one alone: `group/version@SHA-256 of the manifest`.
    pub fn made_by(&self) -> String {
        format!("{self}@{}", self.manifest)
    }
}

/// `group/version`
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.version)
    }
}

/// A version that predicts.
#[derive(Clone, Debug)]
pub struct Member {
    pub identity: Identity,
    pub model: Arc<Model>,
}

/// A version that scores beside the champion and doesn't answer.
#[derive(Debug)]
pub struct Shadow {
    /// The experiment's name.
    pub experiment: String,
    pub member: Member,
    /// The column by which its rows are found again, if one was named.
    pub key: Option<String>,
    /// Inputs that were first seen before aren't its, in microseconds since 1970.
    pub since: i64,
    /// The number of its experiment's phase.
    pub phase: u32,
    /// What halts it.
    pub guards: Vec<String>,
}

/// A version that answers for a share of the keys, in inputs that were first seen in a phase of its experiment.
#[derive(Clone, Debug)]
pub struct Challenger {
    /// The experiment's name.
    pub experiment: String,
    pub identity: Identity,
    /// Or why it can't be used: its keys aren't answered then, by nobody.
    pub model: Result<Arc<Model>, String>,
    /// The column whose cells are the keys.
    pub key: String,
    /// Oldest first; at least one.
    pub phases: Vec<Phase>,
    /// Are new inputs its? Else those alone that were first seen in one of its phases. One challenger of a lineup at most is open.
    pub is_open: bool,
    /// What halts it.
    pub guards: Vec<String>,
}

impl Challenger {
    fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}

/// A time in which a challenger has the same share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// From 1.
    pub number: u32,
    /// `experiment/number`
    pub name: String,
    pub split: Split,
    /// When it began, in microseconds since 1970.
    pub since: i64,
    /// Champion, challenger and split, as the ledger names who answers: `group/1@MANIFEST experiment/2 group/3@MANIFEST 10% salt`.
    pub made_by: String,
}

/// Those that answer, and those that score beside them. Proven before it is made, then shared by all that score.
#[derive(Debug)]
pub struct Lineup {
    pub champion: Member,
    pub challengers: Vec<Challenger>,
    pub shadows: Vec<Shadow>,
    /// The names of all experiments of the group, also of those that count no more: another one was lost.
    pub experiments: Vec<String>,
}

impl Lineup {
    pub fn of(champion: Member) -> Lineup {
        Lineup {
            champion,
            challengers: Vec::new(),
            shadows: Vec::new(),
            experiments: Vec::new(),
        }
    }

    /// Is that the phase of an experiment that nobody knows any more?
    pub fn is_lost(&self, phase: &str) -> bool {
        let experiment = phase.rsplit_once('/').map_or(phase, |(experiment, _)| experiment);
        !self.experiments.iter().any(|known| known == experiment)
    }

    /// The phase that an input is of which nobody answered yet. `first_seen`: in microseconds since 1970.
    pub fn phase_of_new(&self, first_seen: i64) -> Option<&Phase> {
        let open = self.challengers.iter().find(|challenger| challenger.is_open)?;
        open.phases.iter().rfind(|phase| phase.since <= first_seen)
    }

    /// The challenger and the phase of that name. None: it isn't one of this lineup, and the champion answers alone.
    pub fn phase(&self, name: &str) -> Option<(&Challenger, &Phase)> {
        let challenger = &self.challengers[self.place(name)?];
        let phase = challenger.phase(name)?;
        Some((challenger, phase))
    }

    /// The place among the challengers of the one whose phase that is.
    pub fn place(&self, phase: &str) -> Option<usize> {
        let is_its = |challenger: &Challenger| challenger.phase(phase).is_some();
        self.challengers.iter().position(is_its)
    }

    /// Who answers in a phase, as the ledger has it; outside of one the champion.
    pub fn made_by(&self, phase: Option<&str>) -> String {
        match phase.and_then(|phase| self.phase(phase)) {
            Some((_, phase)) => phase.made_by.clone(),
            None => self.champion.identity.made_by(),
        }
    }

    /// A model that is no version, for tests and tries.
    pub fn alone(model: Arc<Model>) -> Arc<Lineup> {
        let identity = Identity {
            group: String::new(),
            version: 0,
            manifest: String::new(),
            artifact: String::new(),
        };
        Arc::new(Lineup::of(Member { identity, model }))
    }

    /// The columns that are read and written.
    pub fn signature(&self) -> &Signature {
        self.champion.model.signature()
    }
}

impl fmt::Display for Lineup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.champion.identity.fmt(f)
    }
}
