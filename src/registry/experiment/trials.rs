//! What is on trial beside the version that answers, for whoever scores.

use super::file::Experiments;
use super::phases::State;
use super::record::{Experiment, Kind};
use crate::error::{Error, Result};
use crate::registry::halt::{Halt, Halts};
use crate::registry::{Registry, Status};
use crate::score::{Identity, Member, Shadow};
use std::path::Path;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trials {
    /// The names of all experiments of the group, also beside other versions.
    pub known: Vec<String>,
    pub running: Vec<Experiment>,
    /// They would run, but for that.
    pub halted: Vec<(Experiment, Halt)>,
    /// Challengers that are stopped or ended: what was first seen in one of their phases stays theirs.
    pub over: Vec<Experiment>,
    /// Why shadows can't be read.
    pub damaged: Vec<String>,
}

impl Trials {
    /// The challengers, and whether new inputs are theirs.
    pub fn challengers(&self) -> impl Iterator<Item = (&Experiment, bool)> {
        let open = self.running.iter().map(|experiment| (experiment, true));
        let halted = self.halted.iter().map(|(experiment, _)| (experiment, false));
        let over = self.over.iter().map(|experiment| (experiment, false));
        let all = open.chain(halted).chain(over);
        all.filter(|(experiment, _)| experiment.kind == Kind::Challenger)
    }

    /// Of each A/B test that is halted, its name and why.
    pub fn halted_tests(&self) -> impl Iterator<Item = String> {
        let tests = self
            .halted
            .iter()
            .filter(|(experiment, _)| experiment.kind == Kind::Challenger);
        tests.map(|(experiment, halt)| format!("{}: {}", experiment.name, halt.found))
    }

    pub fn shadows(&self) -> impl Iterator<Item = &Experiment> {
        self.running.iter().filter(|experiment| experiment.kind == Kind::Shadow)
    }
}

impl Registry {
    /// What goes on beside the version that answers. `state`: where halts are.
    ///
    /// # Errors
    /// Experiments or halts can't be read just now, or a challenger's file is damaged: whose keys are its can't be told.
    pub fn trials(&self, answering: &Identity, state: &Path) -> Result<Trials> {
        let Experiments { known, damaged } = self.experiments()?;
        let mut trials = Trials::default();
        for damaged in damaged {
            match damaged.error {
                // Its kind can't be told.
                error @ Error::Io { .. } => return Err(error),
                Error::Model { path, message } if damaged.is_challenger => {
                    let message = format!(
                        "{message}; it is a challenger's, and whose keys are its can't be told: nothing is answered until the \
                         file is restored from a backup, or removed"
                    );
                    // The way out isn't that of a damaged version: to reject one that answers.
                    return Err(Error::config(path, message));
                }
                error => trials.damaged.push(error.to_string()),
            }
        }
        trials.known = known.iter().map(|experiment| experiment.name.clone()).collect();
        if known.is_empty() {
            return Ok(trials);
        }
        let halts = Halts::read(state, self.group())?;
        for experiment in known.into_iter().filter(|experiment| experiment.is_beside(answering)) {
            let is_challenger = experiment.kind == Kind::Challenger;
            // Nothing of one that was rejected counts. If that can't be read, neither can the version: its keys aren't answered.
            if is_challenger
                && self
                    .decisions(experiment.version)
                    .is_ok_and(|of| Status::after(&of) == Status::Rejected)
            {
                continue;
            }
            match experiment.standing(Some(answering), &halts) {
                (State::Running, _) => trials.running.push(experiment),
                (_, Some(halt)) => trials.halted.push((experiment, halt.clone())),
                _ if is_challenger => trials.over.push(experiment),
                _ => {}
            }
        }
        Ok(trials)
    }

    /// Proves the version of an experiment, to put it to use.
    pub(in crate::registry) fn prove_on_trial(&self, experiment: &Experiment) -> Result<Member> {
        let member = self.prove(experiment.version)?;
        if member.identity.manifest != experiment.manifest {
            let message =
                "it isn't the version any more with which the experiment began: stop that, and start another one";
            return Err(Error::model(self.folder(experiment.version), message));
        }
        Ok(member)
    }
}

impl Experiment {
    /// What it tries, as far as that stands in the experiment: not its artifact.
    pub(in crate::registry) fn identity(&self, group: &str) -> Identity {
        Identity {
            group: group.into(),
            version: self.version,
            manifest: self.manifest.clone(),
            artifact: String::new(),
        }
    }

    pub(in crate::registry) fn shadow(&self, member: Member) -> Shadow {
        Shadow {
            experiment: self.name.clone(),
            member,
            key: self.key.clone(),
            since: self.since(),
            phase: self.phase_number(),
            guards: self.abort_if.clone(),
        }
    }
}
