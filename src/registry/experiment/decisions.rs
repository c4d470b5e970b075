//! What people decide on experiments. Who decides holds the group's lock, so that each decision is by what stands.

use super::file::read;
use super::phases::State;
use super::record::{Action, Experiment, Kind, Step, is_salt};
use crate::error::{Error, Result};
use crate::registry::halt::{Halt, Halts};
use crate::registry::{Registry, Status, Vote};
use crate::share::Share;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// What to begin.
pub struct Beginning<'a> {
    pub name: &'a str,
    pub version: u32,
    pub key: Option<String>,
    /// Of keys, to a challenger; none: it is a shadow.
    pub allocation: Option<Allocation>,
    pub backfill: bool,
    pub abort_if: Vec<String>,
}

/// Which keys a challenger gets.
pub struct Allocation {
    pub share: Share,
    pub salt: String,
}

impl Registry {
    /// Begins an experiment: the version must prove itself beside the one that answers.
    pub fn start_experiment(&self, beginning: Beginning, vote: Vote) -> Result<Experiment> {
        let Beginning {
            name,
            version,
            key,
            allocation,
            backfill,
            abort_if,
        } = beginning;
        let path = self.experiment_path(name)?;
        let refuse = |message: String| Err(Error::config(&path, message));
        self.show(version)?;
        let _lock = self.lock()?;
        if self.show(version)?.status == Status::Rejected {
            return refuse(format!(
                "version {version} was rejected: it is no candidate; register its artifact anew to try it"
            ));
        }
        let champion = self.latest_approved()?;
        if champion.version == version {
            return refuse(format!(
                "version {version} is the one that answers: there is nothing to compare"
            ));
        }
        if path.exists() {
            return refuse(
                "an experiment of this name was there before: its files and decisions stay; take another name".into(),
            );
        }
        let member = self.prove(version)?;
        let (ours, theirs) = (&self.manifest(champion.version)?.signature, member.model.signature());
        if let Some(why) = ours.incomparable(theirs) {
            return refuse(format!(
                "{}/{version} can't be compared with {champion}: {why}",
                self.group()
            ));
        }
        if let Some(allocation) = &allocation {
            if let Some(why) = self.why_no_challenger(key.as_deref(), allocation)? {
                return refuse(why);
            }
            let places = ours.places_in(theirs);
            let why = match &places {
                None => "it hasn't all of its outputs by their names",
                // Answers over HTTP may have no names.
                Some(places) if !places.is_sorted() => "its classes stand in another order",
                Some(_) => "",
            };
            if !why.is_empty() {
                return refuse(format!(
                    "{}/{version} can't answer in place of {champion}: {why}",
                    self.group()
                ));
            }
        }
        let (share, salt) = allocation.map(|allocation| (allocation.share, allocation.salt)).unzip();
        let mut experiment = Experiment {
            format_version: 0, // that of what is written
            name: name.into(),
            kind: if salt.is_some() { Kind::Challenger } else { Kind::Shadow },
            version,
            manifest: member.identity.manifest,
            champion: champion.version,
            champion_manifest: champion.manifest,
            key,
            salt,
            backfill,
            abort_if,
            steps: vec![step(Action::Start, share, None, vote)],
        };
        let folder = self.experiments_folder();
        fs::create_dir_all(&folder).map_err(Error::io("make folder", &folder))?;
        experiment.write(&path)?;
        Ok(experiment)
    }

    fn why_no_challenger(&self, key: Option<&str>, allocation: &Allocation) -> Result<Option<String>> {
        let experiments = self.experiments()?;
        let open = experiments.challenger();
        let damaged = experiments.damaged.iter().find(|damaged| damaged.is_challenger);
        Ok(if let Some(other) = open {
            let name = &other.name;
            Some(format!(
                "experiment {name} has a challenger, and a group has one at most: stop it ('experiment stop {name}') or promote it first"
            ))
        } else if let Some(damaged) = damaged {
            Some(format!(
                "another challenger's experiment can't be read, and may go on: {damaged}"
            ))
        } else if key.is_none() {
            Some("a challenger needs the column by whose cells rows are split: --key COLUMN, or monitor.key".into())
        } else if !is_salt(&allocation.salt) {
            Some("a salt is 1 to 64 letters, digits and signs of ASCII, without spaces".into())
        } else if allocation.share.fraction().0 == 0 {
            Some("a share is above 0%".into())
        } else {
            None
        })
    }

    /// Gives a challenger another share, which begins a phase. `state`: where halts are.
    pub fn ramp_experiment(&self, name: &str, share: Share, vote: Vote, state: &Path) -> Result<Experiment> {
        self.decide_on(name, |experiment| {
            if experiment.kind != Kind::Challenger {
                return Err("it tries a shadow, which scores all rows: only a challenger has a share".into());
            }
            let halts = Halts::read(state, self.group());
            self.check_running(experiment, &halts?)?;
            if share.fraction().0 == 0 {
                return Err(format!("a share is above 0%: 'experiment stop {name}' takes all keys back").into());
            }
            if experiment.share() == Some(share) {
                return Err(format!("{share} is the share that it has").into());
            }
            Ok(step(Action::Ramp, Some(share), None, vote))
        })
    }

    /// Lifts a halt, which begins a phase of the same share.
    pub fn resume_experiment(&self, name: &str, vote: Vote, state: &Path) -> Result<Experiment> {
        let experiment = self.decide_on(name, |experiment| {
            let halts = Halts::read(state, self.group())?;
            let Some(halt) = experiment.halt(&halts) else {
                let state = experiment.state(self.latest_approved().ok().as_ref());
                return Err(format!("it isn't halted: it is {state}").into());
            };
            if !experiment.goes_on() {
                return Err(why_over(experiment).into());
            }
            Ok(step(Action::Resume, None, Some(halt.to_string()), vote))
        })?;
        Halt::remove(state, self.group(), name)?;
        Ok(experiment)
    }

    /// Stops an experiment that isn't stopped yet. A halt is confirmed by that.
    pub fn stop_experiment(&self, name: &str, vote: Vote, state: &Path) -> Result<Experiment> {
        let experiment = self.decide_on(name, |experiment| {
            if matches!(experiment.last(), Action::Stop | Action::Promote) {
                return Err(format!("{}; with --purge what it made is removed, too", why_over(experiment)).into());
            }
            // Who decides on models needn't be able to read the state.
            let halts = Halts::read(state, self.group()).unwrap_or_default();
            let found = experiment.halt(&halts).map(Halt::to_string);
            Ok(step(Action::Stop, None, found, vote))
        })?;
        // One that is left halts nothing: nobody begins a phase any more.
        let _ = Halt::remove(state, self.group(), name);
        Ok(experiment)
    }

    /// Approves the challenger, with the report as evidence, and keeps that beside the experiment. Whatever else is tried beside the
    /// former champion ends: its names.
    ///
    /// Killed behind the approval, asking again completes it.
    pub fn promote_experiment(&self, name: &str, report: &Value, vote: Vote, state: &Path) -> Result<Vec<String>> {
        let path = self.experiment_path(name)?;
        self.experiment(name)?;
        let _lock = self.lock()?;
        let experiment = read(&path)?;
        self.check_promotion(&experiment, state)
            .map_err(|refusal| refusal.of(&path))?;
        self.keep_evidence(name, report)?;
        self.approve_for(experiment.version, vote, Some(name))
    }

    /// Can it be promoted? Asked before a report is made, which may take long.
    pub fn check_promotable(&self, name: &str, state: &Path) -> Result<Experiment> {
        let experiment = self.experiment(name)?;
        let path = self.experiment_path(name)?;
        self.check_promotion(&experiment, state)
            .map_err(|refusal| refusal.of(&path))?;
        Ok(experiment)
    }

    fn check_promotion(&self, experiment: &Experiment, state: &Path) -> std::result::Result<(), Refusal> {
        let (name, version) = (&experiment.name, experiment.version);
        if experiment.kind != Kind::Challenger {
            return Err(format!("it tries a shadow: 'models approve {version}' approves that").into());
        }
        let answering = self.latest_approved()?;
        let is_approved = answering.version == version && answering.manifest == experiment.manifest;
        if !(experiment.goes_on() && is_approved) {
            self.check_running(experiment, &Halts::read(state, self.group())?)?;
        }
        if version < answering.version {
            return Err(format!(
                "version {version} wouldn't answer: {answering} is approved and higher. Stop it ('experiment stop {name}'), then reject \
                 that one ('models reject {}'), or register the artifact of {version} anew",
                answering.version
            )
            .into());
        }
        Ok(())
    }

    /// Or what to do first.
    fn check_running(&self, experiment: &Experiment, halts: &Halts) -> std::result::Result<(), Refusal> {
        let name = &experiment.name;
        let answering = self.latest_approved().ok();
        match experiment.standing(answering.as_ref(), halts) {
            (State::Running, _) => Ok(()),
            (State::Halted, halt) => {
                let found = halt.map(Halt::to_string).unwrap_or_default();
                Err(format!(
                    "it is halted ({found}): look into that, then 'experiment resume {name}' or 'experiment stop {name}'"
                )
                .into())
            }
            (State::Suspended, _) => Err(format!(
                "it is suspended: version {}, beside which it is tried, isn't the one that answers",
                experiment.champion
            )
            .into()),
            (State::Stopped | State::Promoted | State::Ended, _) => Err(why_over(experiment).into()),
        }
    }

    /// Somebody decided on a version: what is over by that ends, for this reason. Their names. The caller holds the lock.
    pub(in crate::registry) fn end_experiments(
        &self,
        is_over: impl Fn(&Experiment) -> bool,
        reason: &str,
        vote: &Vote,
        promoted: Option<&str>,
    ) -> Result<Vec<String>> {
        let mut ended = Vec::new();
        // One that can't be read doesn't score.
        for mut experiment in self.experiments()?.known {
            if !experiment.goes_on() || !is_over(&experiment) {
                continue;
            }
            let path = self.experiment_path(&experiment.name)?;
            if promoted == Some(&experiment.name) {
                experiment.steps.push(step(Action::Promote, None, None, vote.clone()));
                experiment.write(&path)?;
                continue;
            }
            let vote = Vote {
                reason: reason.into(),
                ..vote.clone()
            };
            experiment.steps.push(step(Action::End, None, None, vote));
            experiment.write(&path)?;
            ended.push(experiment.name);
        }
        Ok(ended)
    }

    /// Adds the step that `decide` makes of what stands.
    fn decide_on(
        &self,
        name: &str,
        decide: impl FnOnce(&Experiment) -> std::result::Result<Step, Refusal>,
    ) -> Result<Experiment> {
        let path = self.experiment_path(name)?;
        self.experiment(name)?;
        let _lock = self.lock()?;
        let mut experiment = read(&path)?;
        let step = decide(&experiment).map_err(|refusal| refusal.of(&path))?;
        experiment.steps.push(step);
        experiment.write(&path)?;
        Ok(experiment)
    }
}

/// Why a decision can't be: by what stands, or because that can't be read.
enum Refusal {
    Why(String),
    Error(Error),
}

impl Refusal {
    fn of(self, path: &Path) -> Error {
        match self {
            Refusal::Why(why) => Error::config(path, why),
            Refusal::Error(error) => error,
        }
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Refusal {
        Refusal::Why(why)
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Refusal {
        Refusal::Why(why.into())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

/// `it is stopped already`
fn why_over(experiment: &Experiment) -> String {
    let last = match experiment.last() {
        Action::Promote => "promoted",
        Action::End => "ended",
        _ => "stopped",
    };
    format!("it is {last} already")
}

fn step(action: Action, share: Option<Share>, found: Option<String>, vote: Vote) -> Step {
    Step {
        action,
        share,
        found,
        by: vote.by,
        at: vote.at,
        reason: vote.reason,
    }
}
