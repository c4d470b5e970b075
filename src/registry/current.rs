//! The lineup at work: found by the decisions in the registry, proven before it is used, kept until another one is approved.
//! For whoever scores: the worker looks again after events and with each poll, and so can a server.

use super::baseline::InForce;
use super::experiment::Experiments;
use super::{Experiment, Registry};
use crate::error::{Error, Result};
use crate::problem::internal;
use crate::score::{Identity, Lineup, Member, Shadow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub struct Current {
    registry: Registry,
    /// Which version is to answer.
    choose: fn(&Registry) -> Result<Identity>,
    /// Or why there is none.
    lineup: Result<Arc<Lineup>>,
    /// What its results are held against; `None`: nothing, or nobody asks.
    baseline: Option<InForce>,
    watched: bool,
    /// What goes on beside it, where somebody asks.
    experiments: Option<Experiments>,
    /// Those whose shadows can't be used.
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
            baseline: None,
            watched: false,
            experiments: None,
            failed: Vec::new(),
            faults: Vec::new(),
            looks: 0,
        }
    }

    /// With the shadows that go on beside it.
    pub fn with_shadows(self) -> Current {
        let experiments = Some(Experiments::default());
        Current { experiments, ..self }
    }

    /// Why shadows don't score, as of the last look that changed anything.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// A version whose baseline is damaged doesn't answer: its results would go unwatched.
    pub fn watched(self, watched: bool) -> Current {
        Current { watched, ..self }
    }

    pub fn baseline(&self) -> Option<&InForce> {
        self.baseline.as_ref()
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
        let experiments = match (&chosen, &self.experiments) {
            // What can't be listed just now goes on as it was.
            (Ok(identity), Some(before)) => Some(self.registry.running(identity).unwrap_or_else(|_| before.clone())),
            _ => None,
        };
        if let (Ok(identity), Ok(lineup)) = (&chosen, &self.lineup)
            && *identity == lineup.champion.identity
            && self.is_baseline_in_force(identity.version)
        {
            // The one that answers is in use already.
            let champion = lineup.champion.clone();
            if experiments == self.experiments && !self.is_a_shadow_mended() {
                return false;
            }
            self.set(champion, experiments);
            return true;
        }
        let baseline = match (&chosen, self.watched) {
            (Ok(identity), true) => self.registry.baseline(identity.version),
            _ => Ok(None),
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
            Ok(champion) => self.set(champion, experiments),
            Err(error) => self.lineup = Err(error),
        }
        self.baseline = baseline;
        true
    }

    /// With the shadows that can be put to use. One that can't be is left out, and nobody else fails for it.
    fn set(&mut self, champion: Member, experiments: Option<Experiments>) {
        let Experiments { known, damaged } = experiments.clone().unwrap_or_default();
        (self.failed, self.faults) = (Vec::new(), damaged);
        let mut shadows = Vec::new();
        for experiment in known {
            match self.shadow(&experiment) {
                Ok(shadow) => shadows.push(shadow),
                Err(error) => {
                    self.faults.push(format!("experiment {}: {error}", experiment.name));
                    self.failed.push(experiment);
                }
            }
        }
        self.lineup = Ok(Lineup {
            champion,
            challengers: Vec::new(),
            shadows,
        }
        .into());
        self.experiments = experiments;
    }

    /// A panic while it is read is a fault of the version on trial: whoever looks, goes on.
    fn shadow(&self, experiment: &Experiment) -> Result<Shadow, String> {
        let found = catch_unwind(AssertUnwindSafe(|| self.registry.shadow(experiment)));
        match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err(internal().to_string()),
        }
    }

    /// Can one be used that couldn't be? It is asked now and then: a large one takes long to read.
    fn is_a_shadow_mended(&mut self) -> bool {
        /// A minute, by the poll of each second.
        const LOOKS: u32 = 60;
        self.looks = (self.looks + 1) % LOOKS;
        let is_mended = |experiment: &Experiment| self.shadow(experiment).is_ok();
        self.looks == 0 && self.failed.iter().any(is_mended)
    }

    /// Nobody decided for another one. What stands in it isn't read again.
    fn is_baseline_in_force(&self, version: u32) -> bool {
        let known = self.baseline.as_ref().map(|known| known.sha256);
        !self.watched || self.registry.is_baseline_in_force(version, known)
    }
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
