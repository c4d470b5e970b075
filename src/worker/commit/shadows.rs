//! What shadows are to make of inputs, and what they made. Whatever goes wrong with it, the champion's results are as they are.

use super::Commit;
use crate::error::Result;
use crate::ledger::{HalfHash, Ledger, Record, ShadowRecord};
use crate::score::Lineup;
use crate::spool::publish::{Publisher, ShadowDraft};
use crate::spool::{Dir, Name, results};
use crate::transform::{Shadowed, Verdict};
use crate::worker::job::{Job, Setup};
use crate::worker::look::{Found, now};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// The shadows of the lineup at work.
#[derive(Default)]
pub(super) struct Shadows {
    /// As the ledger names lineups.
    champion: String,
    trials: Vec<Trial>,
    /// Inputs with a file that couldn't be written: when that is tried again, on the monotonic clock.
    retry: HashMap<Name, Duration>,
}

struct Trial {
    experiment: String,
    /// As the ledger names lineups.
    made_by: String,
    /// Inputs that were first seen before aren't its, in microseconds since 1970.
    since: i64,
}

/// What a shadow made of an input.
pub(super) struct ShadowResult {
    record: ShadowRecord,
    draft: Option<ShadowDraft>,
    /// It couldn't be written for now.
    fault: Option<String>,
}

impl Shadows {
    pub fn of(lineup: Option<&Lineup>) -> Shadows {
        let Some(lineup) = lineup else {
            return Shadows::default();
        };
        let trials = lineup.shadows.iter().map(|shadow| Trial {
            experiment: shadow.experiment.clone(),
            made_by: shadow.member.identity.made_by(),
            since: shadow.since,
        });
        Shadows {
            champion: lineup.champion.identity.made_by(),
            trials: trials.collect(),
            retry: HashMap::new(),
        }
    }

    /// Those that score an input that was first seen then, by their places in the lineup.
    pub fn of_new(&self, first_seen: i64) -> Vec<usize> {
        let trials = self.trials.iter().enumerate();
        trials
            .filter(|(_, trial)| first_seen >= trial.since)
            .map(|(i, _)| i)
            .collect()
    }

    /// Of each input, those whose files it lacks though its result is as it should be.
    pub fn lacking(&self, ledger: &Ledger, names: &[Name], found: &[Found], folder: &Path) -> Result<Vec<Vec<usize>>> {
        let mut lacking = vec![Vec::new(); names.len()];
        if self.trials.is_empty() {
            return Ok(lacking);
        }
        let now = now().monotonic;
        // What is in the way shows when it is written.
        let root = Dir::open_if_there(folder).ok().flatten();
        for (place, trial) in self.trials.iter().enumerate() {
            let known = ledger.shadows(&trial.experiment, names)?;
            for (((name, found), known), lacking) in names.iter().zip(found).zip(known).zip(&mut lacking) {
                let Some(record) = found.record.as_ref().filter(|record| self.is_scored(record)) else {
                    continue;
                };
                let waits = self.retry.get(name).is_some_and(|at| *at > now);
                if record.first_seen < trial.since || waits {
                    continue;
                }
                let known = known.filter(|known| self.is_of(known, trial, record));
                let stands = match &known {
                    None => false,
                    Some(known) if known.shadowed.problem.is_some() => true,
                    Some(known) => {
                        let size = |root| results::shadow_size(root, &trial.experiment, name).ok().flatten();
                        root.as_ref().and_then(size) == Some(known.shadowed.bytes)
                    }
                };
                if !stands {
                    lacking.push(place);
                }
            }
        }
        Ok(lacking)
    }

    /// Did the champion score it?
    fn is_scored(&self, record: &Record) -> bool {
        record.verdict != Verdict::Fail && *record.recipe.made_by == *self.champion && record.input_hash.is_some()
    }

    /// Is it about these contents, by these versions?
    fn is_of(&self, known: &ShadowRecord, trial: &Trial, record: &Record) -> bool {
        known.champion == self.champion && known.made_by == trial.made_by && Some(known.input_hash) == record.input_hash
    }

    /// What is to be published of what shadows made of an input. `drafts`: of each, in the same order.
    pub fn results(
        &self,
        job: &Job,
        input_hash: Option<HalfHash>,
        shadowed: Vec<Shadowed>,
        drafts: Vec<ShadowDraft>,
    ) -> Vec<ShadowResult> {
        let at = now().wall / 1000;
        let result = |(shadowed, draft): (Shadowed, ShadowDraft)| {
            let trial = &self.trials[shadowed.shadow];
            let fault = shadowed.fault.clone();
            let is_whole = shadowed.problem.is_none() && fault.is_none();
            Some(ShadowResult {
                record: ShadowRecord {
                    experiment: trial.experiment.clone(),
                    input: job.name.clone(),
                    input_hash: input_hash?,
                    champion: self.champion.clone(),
                    made_by: trial.made_by.clone(),
                    at,
                    shadowed,
                },
                draft: is_whole.then_some(draft),
                fault,
            })
        };
        shadowed.into_iter().zip(drafts).filter_map(result).collect()
    }
}

/// Publishes what shadows made, and tells what became of each.
pub(super) fn publish(mut made: Vec<ShadowResult>, publisher: &Publisher) -> Vec<ShadowResult> {
    for one in &mut made {
        let Some(draft) = one.draft.take() else { continue };
        match publisher.publish_shadow(&one.record.experiment, &one.record.input, draft) {
            Ok(size) => one.record.shadowed.bytes = size,
            Err(error) => one.fault = Some(error.to_string()),
        }
    }
    made
}

impl Commit {
    /// Records what shadows made.
    pub(super) fn record_shadows(&mut self, made: Vec<ShadowResult>, setup: &Setup) -> Result<()> {
        let mut records = Vec::new();
        for ShadowResult { record, fault, .. } in made {
            let ShadowRecord {
                experiment,
                input,
                shadowed,
                ..
            } = &record;
            match (&fault, &shadowed.problem) {
                (Some(error), _) => {
                    tracing::warn!(%input, experiment, error, "what the shadow makes of it can't be written; it is tried again");
                    let at = now().monotonic + setup.config.worker.retry_max_backoff;
                    self.shadows.retry.insert(input.clone(), at);
                    continue;
                }
                (None, Some(problem)) => {
                    tracing::warn!(%input, experiment, problem, "the shadow can't score it; its output is as it should be");
                }
                (None, None) => tracing::debug!(%input, experiment, "the shadow scored it, too"),
            }
            self.shadows.retry.remove(input);
            records.push(record);
        }
        self.ledger.set_shadows(&records)
    }
}
