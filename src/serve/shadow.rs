//! A shadow, and what came of the requests that it was to score.

use crate::experiment::guard::Guard;
use crate::score::{self, Lineup};
use crate::serve::answer::Scored;
use crate::serve::scoring::Predictions;
use crate::serve::served::Served;
use crate::serve::tally::{self, Tally, ask_for_predictions};
use crate::serve::telemetry::shadows::Standing;
use crate::serve::union::Union;
use crate::service::{clock, lock};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often it is said that requests can't be scored.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Those beside a version that answers; at least one.
pub type Shadows = Arc<[Arc<Shadow>]>;

pub struct Shadow {
    experiment: String,
    served: Arc<Served>,
    scored: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    /// Both versions' outputs; none where they can't be held against each other.
    union: Option<Union>,
    guards: Vec<Guard>,
    /// The number of its experiment's phase.
    phase: u32,
    /// The version that answered, and this one, of requests that both scored; the seconds are this one's.
    sides: [Tally; 2],
    /// When it was said last that it can't.
    said: Mutex<Option<Duration>>,
}

/// What came of its rows by the version that answered.
pub struct Answered {
    pub rows: u64,
    pub bad_rows: u64,
    pub predictions: Option<Predictions>,
}

impl Answered {
    pub fn of(scored: &Scored, predictions: Option<Predictions>) -> Answered {
        let Scored { rows, bad_rows, .. } = *scored;
        Answered {
            rows,
            bad_rows,
            predictions,
        }
    }
}

impl Shadow {
    /// `union`: of the version that answers, and this one.
    pub fn new(experiment: &str, served: Arc<Served>, union: Option<Union>) -> Shadow {
        Shadow {
            experiment: experiment.into(),
            served,
            scored: AtomicU64::default(),
            skipped: AtomicU64::default(),
            failed: AtomicU64::default(),
            union,
            guards: Vec::new(),
            phase: 1,
            sides: Default::default(),
            said: Mutex::default(),
        }
    }

    pub fn experiment(&self) -> &str {
        &self.experiment
    }

    fn is_of(&self, shadow: &score::Shadow) -> bool {
        self.experiment == shadow.experiment && self.served.lineup.champion.identity == shadow.member.identity
    }

    /// `EXPERIMENT/NUMBER`
    pub fn phase(&self) -> String {
        format!("{}/{}", self.experiment, self.phase)
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
        self.sides[1].time(took);
    }

    /// Does it look at what the version that answers predicted?
    pub fn compares(&self) -> bool {
        self.union.is_some() && ask_for_predictions(&self.guards)
    }

    /// Counts what both made of a request.
    pub fn compare(&self, answered: &Answered, scored: &Scored) {
        let pairs = [
            (answered.rows, answered.bad_rows, &answered.predictions),
            (scored.rows, scored.bad_rows, &scored.predictions),
        ];
        for (side, (rows, bad_rows, predictions)) in pairs.into_iter().enumerate() {
            self.sides[side].add_rows(rows, bad_rows);
            if let (true, Some(union), Some(predictions)) = (self.compares(), &self.union, predictions) {
                self.sides[side].add_predictions(union.compared(side == 1, predictions));
            }
        }
    }

    /// The limit that it is beyond, and what was found.
    pub fn beyond(&self) -> Option<(&Guard, String)> {
        tally::beyond(&self.guards, self.sides.each_ref())
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
        let own = self.sides[1].counted();
        Standing {
            model: self.served.lineup.to_string(),
            experiment: self.experiment.clone(),
            scored: count(&self.scored),
            skipped: count(&self.skipped),
            failed: count(&self.failed),
            seconds: own.seconds,
            seconds_sum: own.seconds_sum,
        }
    }
}

/// Those of a lineup. Who was there `before` goes on counting. `serve`: puts a version to use.
pub fn beside(lineup: &Lineup, before: Option<Shadows>, serve: impl Fn(Lineup) -> Arc<Served>) -> Option<Shadows> {
    let before = before.iter().flat_map(|shadows| shadows.iter());
    let shadows = lineup.shadows.iter().map(|shadow| {
        let known = before.clone().find(|known| known.is_of(shadow));
        if let Some(same) = known.filter(|known| known.phase == shadow.phase) {
            return same.clone();
        }
        let served = match known {
            Some(known) => known.served.clone(),
            None => serve(Lineup::of(shadow.member.clone())),
        };
        let union = Union::of(lineup.signature(), served.lineup.signature());
        Shadow {
            guards: tally::guards(&shadow.experiment, &shadow.guards),
            phase: shadow.phase,
            ..Shadow::new(&shadow.experiment, served, union)
        }
        .into()
    });
    let shadows: Shadows = shadows.collect();
    (!shadows.is_empty()).then_some(shadows)
}

/// Says who is on trial, and who is no more. `captures`: else it scores nothing. `faults`: of those that can't be used.
pub fn log(before: Option<&Lineup>, now: &Lineup, faults: &[String], captures: bool) {
    for fault in faults {
        tracing::error!(fault, "a shadow can't be used; answers are as without it");
    }
    let is_in =
        |lineup: &Lineup, one: &score::Shadow| lineup.shadows.iter().any(|other| other.experiment == one.experiment);
    let is_new = |shadow: &&score::Shadow| !before.is_some_and(|before| is_in(before, shadow));
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
