//! A version on trial, and what came of the requests that it was to score.

use crate::config::BadRows;
use crate::score::{Lineup, Shadow};
use crate::serve::answer::Answer;
use crate::serve::body::Hold;
use crate::serve::protocol::{self, Ask, By};
use crate::serve::refusal::{Cause, Refusal};
use crate::serve::request::Request;
use crate::serve::served::Served;
use crate::serve::telemetry::histogram::Histogram;
use crate::serve::telemetry::shadows::Standing;
use crate::service::{clock, lock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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

    /// A request came that isn't scored.
    pub fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Scores a request, and hands over what it would have answered. Rows that it can't score have no prediction, whatever
    /// `serve.bad_rows` says. `room`: for its predictions. `keep`: false if it isn't kept. What fails, even by a panic, is counted.
    pub fn score(&self, request: &Request, room: &Hold, keep: impl FnOnce(&Answer) -> bool) {
        let scored = catch_unwind(AssertUnwindSafe(|| -> Result<bool, Refusal> {
            let start = Instant::now();
            let answer = protocol::answer(&Ask {
                request,
                by: By::Version(&self.served),
                bad_rows: BadRows::Null,
                room,
            })?;
            self.seconds.add(start.elapsed());
            Ok(keep(&answer))
        }));
        match scored {
            Ok(Ok(true)) => {
                self.scored.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Ok(false)) => self.skip(),
            Ok(Err(refusal)) => match refusal.cause {
                Cause::Busy | Cause::TooLarge => self.skip(),
                _ => self.fail(&refusal.message),
            },
            Err(_) => self.fail("a defect of this program"),
        }
    }

    fn fail(&self, why: &str) {
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
