//! The lineup at work: found by the decisions in the registry, proven before it is used, kept until another one is approved.
//! For whoever scores: the worker looks again after events and with each poll, and so can a server.

use super::baseline::InForce;
use super::experiment::{Kind, Trials};
use super::{Experiment, Registry};
use crate::error::{Error, Result};
use crate::problem::internal;
use crate::score::{Challenger, Identity, Lineup, Member, Phase};
use jiff::Timestamp;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What rows of a lineup are held against; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    pub champion: Option<InForce>,
    /// Of each challenger, in the lineup's order.
    pub challengers: Vec<Option<InForce>>,
}

pub struct Current {
    registry: Registry,
    /// Which version is to answer.
    choose: fn(&Registry) -> Result<Identity>,
    /// Or why there is none.
    lineup: Result<Arc<Lineup>>,
    /// What their results are held against, if anybody asks.
    baselines: Baselines,
    watched: bool,
    /// Where halts are; `None`: nobody asks what goes on beside it.
    state: Option<PathBuf>,
    trials: Trials,
    /// Those whose versions can't be used.
    failed: Vec<Experiment>,
    /// Why shadows don't score: that changes nothing for who answers.
    faults: Vec<String>,
    looks: u32,
}

impl Current {
    /// Of the latest approved version. Nothing was looked at yet.
    pub fn new(registry: Registry) -> Current {
        Current::of(registry, Registry::latest_approved)
    }

    /// Of the newest version that nobody rejected, to be tried before it is approved.
    pub fn candidate(registry: Registry) -> Current {
        Current::of(registry, Registry::latest_candidate)
    }

    fn of(registry: Registry, choose: fn(&Registry) -> Result<Identity>) -> Current {
        let lineup = Err(not_looked(&registry));
        Current {
            registry,
            choose,
            lineup,
            baselines: Baselines::default(),
            watched: false,
            state: None,
            trials: Trials::default(),
            failed: Vec::new(),
            faults: Vec::new(),
            looks: 0,
        }
    }

    /// With those on trial beside it, but for what is halted in this state folder.
    pub fn with_experiments(self, state: &Path) -> Current {
        let state = Some(state.into());
        Current { state, ..self }
    }

    /// Why shadows don't score, as of the last look that changed anything. Why a challenger doesn't is in the lineup.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// What is on trial beside the lineup, as of the last look.
    pub fn trials(&self) -> &Trials {
        &self.trials
    }

    /// A version whose baseline is damaged doesn't answer: its results would go unwatched.
    pub fn watched(self, watched: bool) -> Current {
        Current { watched, ..self }
    }

    /// The champion's.
    pub fn baseline(&self) -> Option<&InForce> {
        self.baselines.champion.as_ref()
    }

    pub fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// Why there is no lineup, taken out; as if nothing was looked at yet.
    pub fn take_error(&mut self) -> Option<Error> {
        let not_looked = not_looked(&self.registry);
        std::mem::replace(&mut self.lineup, Err(not_looked)).err()
    }

    pub fn lineup(&self) -> Result<&Arc<Lineup>, &Error> {
        self.lineup.as_ref()
    }

    /// Looks at the decisions again. True if the lineup, or the reason why there is none, is another one than before.
    pub fn look(&mut self) -> bool {
        let chosen = (self.choose)(&self.registry);
        let (chosen, trials) = match (chosen, &self.state) {
            (Ok(identity), Some(state)) => match self.find_trials(&identity, state) {
                Ok(trials) => (Ok(identity), trials),
                Err(error) => (Err(error), Trials::default()),
            },
            (chosen, _) => (chosen, Trials::default()),
        };
        if let (Ok(identity), Ok(lineup)) = (&chosen, &self.lineup)
            && *identity == lineup.champion.identity
            && self.is_baseline_in_force(identity.version, self.baseline())
        {
            // The one that answers is in use already.
            let champion = lineup.champion.clone();
            if trials == self.trials && self.are_challengers_as_watched() && !self.is_one_mended() {
                return false;
            }
            self.set(champion, trials);
            return true;
        }
        let baseline = match &chosen {
            Ok(identity) => self.find_baseline(identity.version),
            Err(_) => Ok(None),
        };
        let proven = chosen.and_then(|identity| self.registry.prove(identity.version));
        let (champion, baseline) = match (proven, baseline) {
            (Ok(champion), Ok(baseline)) => (Ok(champion), baseline),
            (Err(error), _) | (_, Err(error)) => (Err(error), None),
        };
        if let (Err(now), Err(before)) = (&champion, &self.lineup)
            && now.to_string() == before.to_string()
        {
            return false;
        }
        match champion {
            Ok(champion) => self.set(champion, trials),
            Err(error) => {
                (self.lineup, self.trials) = (Err(error), Trials::default());
                self.baselines = Baselines::default();
            }
        }
        self.baselines.champion = baseline;
        true
    }

    /// None, where nobody asks.
    fn find_baseline(&self, version: u32) -> Result<Option<InForce>> {
        match self.watched {
            true => self.registry.baseline(version),
            false => Ok(None),
        }
    }

    /// What can't be read just now goes on as it was.
    fn find_trials(&self, champion: &Identity, state: &Path) -> Result<Trials> {
        let is_at_work = |lineup: &Arc<Lineup>| lineup.champion.identity == *champion;
        match self.registry.trials(champion, state) {
            Err(Error::Io { .. }) if self.lineup.as_ref().is_ok_and(is_at_work) => Ok(self.trials.clone()),
            found => found,
        }
    }

    /// With those on trial that can be put to use. A shadow that can't be is left out, and nobody else fails for it; a challenger
    /// that can't be stays, and says why: its keys are its.
    fn set(&mut self, champion: Member, trials: Trials) {
        let (mut failed, mut faults) = (Vec::new(), trials.damaged.clone());
        let (mut challengers, mut baselines) = (Vec::new(), Vec::new());
        for (experiment, is_open) in trials.challengers() {
            let group = self.registry.group();
            let (identity, model) = match self.prove_watched(experiment) {
                Ok((member, baseline)) => {
                    baselines.push(baseline);
                    (member.identity, Ok(member.model))
                }
                Err(why) => {
                    failed.push(experiment.clone());
                    baselines.push(None);
                    (experiment.identity(group), Err(why))
                }
            };
            challengers.push(Challenger {
                experiment: experiment.name.clone(),
                identity,
                model,
                key: experiment.key.clone().unwrap_or_default(),
                phases: begun(experiment.phases(group)),
                is_open,
                guards: experiment.abort_if.clone(),
            });
        }
        let mut shadows = Vec::new();
        for experiment in trials.shadows() {
            match self.prove(experiment) {
                Ok(member) => shadows.push(experiment.shadow(member)),
                Err(why) => {
                    failed.push(experiment.clone());
                    faults.push(format!("experiment {}: {why}", experiment.name));
                }
            }
        }
        let lineup = Lineup {
            champion,
            challengers,
            shadows,
            experiments: trials.known.clone(),
        };
        (self.lineup, self.trials) = (Ok(lineup.into()), trials);
        (self.failed, self.faults) = (failed, faults);
        self.baselines.challengers = baselines;
    }

    /// A challenger, with its baseline: without that its results would go unwatched, as the champion's would.
    fn prove_watched(&self, experiment: &Experiment) -> Result<(Member, Option<InForce>), String> {
        let member = self.prove(experiment)?;
        let is_it = |challenger: &Challenger| challenger.model.is_ok() && challenger.identity == member.identity;
        let mut known = self.watched_challengers().filter(|(challenger, _)| is_it(challenger));
        let baseline = match known.next() {
            Some((_, known)) if self.is_baseline_in_force(experiment.version, known.as_ref()) => known.clone(),
            _ => self
                .find_baseline(experiment.version)
                .map_err(|error| error.to_string())?,
        };
        Ok((member, baseline))
    }

    fn watched_challengers(&self) -> impl Iterator<Item = (&Challenger, &Option<InForce>)> {
        let challengers = self.lineup.iter().flat_map(|lineup| &lineup.challengers);
        challengers.zip(&self.baselines.challengers)
    }

    /// Puts the version on trial to use. One that is in use already isn't read again: neither a step of its experiment nor a mount
    /// that is gone takes it away. A panic while it is read is a fault of that version: whoever looks, goes on.
    fn prove(&self, experiment: &Experiment) -> Result<Member, String> {
        let is_it =
            |identity: &Identity| identity.version == experiment.version && identity.manifest == experiment.manifest;
        if let Some(known) = self.lineup.as_ref().ok().and_then(|lineup| find(lineup, is_it)) {
            return Ok(known);
        }
        let found = catch_unwind(AssertUnwindSafe(|| self.registry.prove_on_trial(experiment)));
        match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(internal().to_string()),
        }
    }

    /// Can one be used that couldn't be? It is asked now and then: a large one takes long to read.
    fn is_one_mended(&mut self) -> bool {
        /// A minute, by the poll of each second.
        const LOOKS: u32 = 60;
        self.looks = (self.looks + 1) % LOOKS;
        let is_mended = |experiment: &Experiment| match experiment.kind {
            Kind::Challenger => self.prove_watched(experiment).is_ok(),
            Kind::Shadow => self.prove(experiment).is_ok(),
        };
        self.looks == 0 && self.failed.iter().any(is_mended)
    }

    /// Nobody decided for another one. What stands in it isn't read again.
    fn is_baseline_in_force(&self, version: u32, known: Option<&InForce>) -> bool {
        !self.watched || (self.registry).is_baseline_in_force(version, known.map(|known| known.sha256))
    }

    /// The same of all challengers that are in use.
    fn are_challengers_as_watched(&self) -> bool {
        self.watched_challengers()
            .filter(|(challenger, _)| challenger.model.is_ok())
            .all(|(challenger, known)| self.is_baseline_in_force(challenger.identity.version, known.as_ref()))
    }
}

/// What was decided has begun, whatever the clock of who decided says.
fn begun(mut phases: Vec<Phase>) -> Vec<Phase> {
    let now = Timestamp::now().as_microsecond();
    for phase in &mut phases {
        phase.since = phase.since.min(now);
    }
    phases
}

/// A version on trial that is in use.
fn find(lineup: &Lineup, is_it: impl Fn(&Identity) -> bool) -> Option<Member> {
    let shadows = lineup.shadows.iter().map(|shadow| &shadow.member);
    let challengers = lineup.challengers.iter().filter_map(|challenger| {
        let (identity, model) = (challenger.identity.clone(), challenger.model.as_ref().ok()?.clone());
        Some(Member { identity, model })
    });
    let mut all = shadows.cloned().chain(challengers);
    all.find(|member| is_it(&member.identity))
}

fn not_looked(registry: &Registry) -> Error {
    Error::NoModel {
        path: registry.path().into(),
        message: "not looked for yet".into(),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test plays a vandal, and who mends")]
mod tests {
    use super::*;
    use crate::registry::sample;
    use std::fs;

    #[test]
    fn a_lineup_is_proven_once_and_a_damaged_one_again_at_each_look() {
        let models = tempfile::tempdir().unwrap();
        let registry = Registry::new(models.path(), "lines");
        let mut current = Current::new(registry.clone());
        assert!(current.look() && !current.look());
        assert!(matches!(current.lineup(), Err(Error::NoModel { .. })));
        sample::register(&registry);
        registry.approve(1, sample::vote()).unwrap();
        assert!(current.look() && !current.look());

        // It is in memory; nobody reads the artifact again.
        let artifact = registry.folder(1).join("linear.json");
        let whole = fs::read(&artifact).unwrap();
        fs::remove_file(&artifact).unwrap();
        assert!(!current.look());
        assert_eq!(current.lineup().unwrap().to_string(), "lines/1");
        let mut other = Current::new(registry.clone());
        assert!(other.look() && !other.look());
        assert!(matches!(other.lineup(), Err(Error::Model { .. })));
        fs::write(&artifact, whole).unwrap();
        assert!(other.look() && other.lineup().is_ok());

        sample::register(&registry);
        registry.approve(2, sample::vote()).unwrap();
        assert!(current.look());
        assert_eq!(current.lineup().unwrap().to_string(), "lines/2");
        registry.reject(2, sample::vote()).unwrap();
        assert!(current.look());
        assert_eq!(current.lineup().unwrap().to_string(), "lines/1");
    }
}
