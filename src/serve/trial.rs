//! A version on trial, and what came of the requests that it was to score.

use crate::score::{Lineup, Shadow};
use crate::serve::served::Served;
use crate::serve::telemetry::histogram::Histogram;
use crate::serve::telemetry::shadows::Standing;
use crate::service::{clock, lock};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often it is said that requests can't be scored.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// All of them, beside a version that answers; at least one.
pub type Trials = Arc<[Arc<Trial>]>;

pub struct Trial {
    experiment: String,
    served: Arc<Served>,
    scored: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    /// What scoring took.
    seconds: Histogram,
    /// When it was said last that it can't.
    said: Mutex<Option<Duration>>,
}

impl Trial {
    pub fn new(experiment: &str, served: Arc<Served>) -> Trial {
        Trial {
            experiment: experiment.into(),
            served,
            scored: AtomicU64::default(),
            skipped: AtomicU64::default(),
            failed: AtomicU64::default(),
            seconds: Histogram::default(),
            said: Mutex::default(),
        }
    }

    pub fn experiment(&self) -> &str {
        &self.experiment
    }

    fn is_of(&self, shadow: &Shadow) -> bool {
        self.experiment == shadow.experiment && self.served.lineup.champion.identity == shadow.member.identity
    }

    pub fn served(&self) -> &Arc<Served> {
        &self.served
    }

    /// A request was scored, and what it made of it is kept.
    pub fn count(&self) {
        self.scored.fetch_add(1, Ordering::Relaxed);
    }

    /// Scoring one took so long.
    pub fn time(&self, took: Duration) {
        self.seconds.add(took);
    }

    /// A request came that isn't scored.
    pub fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// A request couldn't be scored: that is counted, and said now and then.
    pub fn fail(&self, why: &str) {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        let now = clock::monotonic();
        let mut said = lock(&self.said);
        if said.is_none_or(|last| now - last >= SAY_EVERY) {
            *said = Some(now);
            let (experiment, model) = (&self.experiment, &self.served.lineup);
            tracing::warn!(experiment, %model, failed, error = why, "the shadow can't score a request; its answer is as without it");
        }
    }

    /// How it stands, for metrics and people.
    pub fn standing(&self) -> Standing {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Standing {
            model: self.served.lineup.to_string(),
            experiment: self.experiment.clone(),
            scored: count(&self.scored),
            skipped: count(&self.skipped),
            failed: count(&self.failed),
            seconds: self.seconds.counts(),
            seconds_sum: self.seconds.sum(),
        }
    }
}

/// Those of a lineup. Who was there `before` goes on counting. `serve`: puts a version to use.
pub fn beside(lineup: &Lineup, before: Option<Trials>, serve: impl Fn(Lineup) -> Arc<Served>) -> Option<Trials> {
    let before = before.iter().flat_map(|trials| trials.iter());
    let trials = lineup.shadows.iter().map(|shadow| {
        let same = before.clone().find(|trial| trial.is_of(shadow));
        same.cloned().unwrap_or_else(|| {
            let served = serve(Lineup::of(shadow.member.clone()));
            Trial::new(&shadow.experiment, served).into()
        })
    });
    let trials: Trials = trials.collect();
    (!trials.is_empty()).then_some(trials)
}

/// Says who is on trial, and who is no more. `captures`: else it scores nothing. `faults`: of those that can't be used.
pub fn log(before: Option<&Lineup>, now: &Lineup, faults: &[String], captures: bool) {
    for fault in faults {
        tracing::error!(fault, "a shadow can't be used; answers are as without it");
    }
    let is_in = |lineup: &Lineup, one: &Shadow| lineup.shadows.iter().any(|other| other.experiment == one.experiment);
    let is_new = |shadow: &&Shadow| !before.is_some_and(|before| is_in(before, shadow));
    for shadow in now.shadows.iter().filter(is_new) {
        let (experiment, model) = (&shadow.experiment, &shadow.member.identity);
        if captures {
            tracing::info!(experiment, %model, "a shadow scores, too");
        } else {
            tracing::warn!(
                experiment,
                %model,
                "a shadow scores nothing over HTTP, for there is no capture: set capture.path, and restart"
            );
        }
    }
    for gone in before.iter().flat_map(|before| &before.shadows) {
        if !is_in(now, gone) {
            let (experiment, model) = (&gone.experiment, &gone.member.identity);
            tracing::info!(experiment, %model, "a shadow scores no more");
        }
    }
}
