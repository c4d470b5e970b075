//! What the steps of an experiment come to: how it stands, and its phases.

use super::record::{Action, Experiment};
use crate::registry::halt::{Halt, Halts};
use crate::score::{Identity, Phase, Split};
use crate::share::Share;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// How an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    /// A guard broke; nobody decided on that yet.
    Halted,
    Stopped,
    /// Its version was approved for it.
    Promoted,
    /// Another version was approved, or its own one rejected.
    Ended,
    /// Another version than its champion answers, though none was approved since.
    Suspended,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Halted => "halted",
            State::Stopped => "stopped",
            State::Promoted => "promoted",
            State::Ended => "ended",
            State::Suspended => "suspended",
        })
    }
}

impl Experiment {
    /// How it stands, and what halts it, where that is why. `answering`: the version that answers now, if one does.
    pub fn standing<'a>(&self, answering: Option<&Identity>, halts: &'a Halts) -> (State, Option<&'a Halt>) {
        match (self.state(answering), self.halt(halts)) {
            (State::Running, Some(halt)) => (State::Halted, Some(halt)),
            (state, _) => (state, None),
        }
    }

    /// By people's decisions alone.
    pub(super) fn state(&self, answering: Option<&Identity>) -> State {
        match self.last() {
            Action::Stop => State::Stopped,
            Action::Promote => State::Promoted,
            Action::End => State::Ended,
            Action::Start | Action::Ramp | Action::Resume => match answering.is_some_and(|one| self.is_beside(one)) {
                true => State::Running,
                false => State::Suspended,
            },
        }
    }

    /// Is that the version it is compared with?
    pub fn is_beside(&self, answering: &Identity) -> bool {
        answering.version == self.champion && answering.manifest == self.champion_manifest
    }

    /// Inputs that were first seen before aren't its; microseconds since 1970.
    pub(super) fn since(&self) -> i64 {
        if self.backfill { i64::MIN } else { moment(self.began()) }
    }

    /// Phases are numbered from 1; this is the last one's.
    pub fn phase_number(&self) -> u32 {
        self.steps.iter().filter(|step| step.action.goes_on()).count() as u32
    }

    /// `NAME/NUMBER`, of the last one.
    pub fn phase(&self) -> String {
        self.phase_name(self.phase_number())
    }

    fn phase_name(&self, number: u32) -> String {
        format!("{}/{number}", self.name)
    }

    /// What halts it, if anything does. A halt says what was found in a phase: a person who resumed after that has seen it.
    pub(super) fn halt<'a>(&self, halts: &'a Halts) -> Option<&'a Halt> {
        let begin = self.steps.iter().filter(|step| step.action.goes_on());
        let resumed = begin.zip(1..).filter(|(step, _)| step.action == Action::Resume).last();
        let resumed = resumed.map_or(0, |(_, number)| number);
        let is_lifted = |halt: &Halt| halt.number().is_some_and(|number| number < resumed);
        halts.find(&self.name).filter(|halt| !is_lifted(halt))
    }

    /// Of each phase of a challenger, oldest first: its number, the challenger's share, and when it began, in microseconds since 1970.
    pub fn shares(&self) -> impl Iterator<Item = (u32, Share, i64)> {
        let steps = self.steps.iter().filter(|step| step.action.goes_on());
        let shares = steps.scan(None, |share, step| {
            *share = step.share.or(*share);
            Some(share.map(|share| (share, moment(&step.at))))
        });
        let phases = shares.flatten().zip(1..);
        phases.map(|((share, began), number)| (number, share, began))
    }

    /// Of a challenger: oldest first. `group`: whose versions they are.
    pub fn phases(&self, group: &str) -> Vec<Phase> {
        let Some(salt) = &self.salt else { return Vec::new() };
        let Experiment {
            version,
            manifest,
            champion,
            champion_manifest,
            ..
        } = self;
        let phase = |(number, share, since): (u32, Share, i64)| {
            let name = self.phase_name(number);
            Phase {
                number,
                made_by: format!(
                    "{group}/{champion}@{champion_manifest} {name} {group}/{version}@{manifest} {share} {salt}"
                ),
                name,
                split: Split::new(salt, share.fraction()),
                since,
            }
        };
        self.shares().map(phase).collect()
    }
}

/// Microseconds since 1970.
fn moment(at: &str) -> i64 {
    at.parse().map_or(i64::MAX, Timestamp::as_microsecond)
}
