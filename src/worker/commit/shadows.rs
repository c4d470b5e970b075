//! What shadows are to make of inputs, and what they made. Whatever goes wrong with it, the champion's results are as they are.

use super::Commit;
use crate::error::{Error, Result};
use crate::ledger::{HalfHash, Ledger, Record, ShadowRecord};
use crate::score::Lineup;
use crate::spool::publish::{Publisher, ShadowDraft};
use crate::spool::{Dir, Name, results};
use crate::transform::{Shadowed, Verdict};
use crate::worker::job::{Job, Setup};
use crate::worker::look::{Found, now};
use std::path::Path;
use std::time::Duration;

/// The shadows of the lineup at work.
#[derive(Default)]
pub(super) struct Shadows {
    /// As the ledger names lineups.
    champion: String,
    trials: Vec<Trial>,
    /// A file couldn't be written: none that is lacking is made before then, on the monotonic clock.
    retry_at: Option<Duration>,
    /// Files that were made by this lineup's.
    pub made: u64,
}

struct Trial {
    experiment: String,
    /// As the ledger names lineups.
    made_by: String,
    /// Inputs that were first seen before aren't its, in microseconds since 1970.
    since: i64,
    has_key: bool,
    /// Was it said once that it can't score an input, and that an input has no key?
    warned: [bool; 2],
}

/// What a shadow made of an input.
pub struct ShadowResult {
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
            has_key: shadow.key.is_some(),
            warned: [false; 2],
        });
        Shadows {
            champion: lineup.champion.identity.made_by(),
            trials: trials.collect(),
            retry_at: None,
            made: 0,
        }
    }

    /// An input can't be scored for now. Nobody's result waits for it.
    pub fn put_off(&mut self, input: &Name, error: &Error, setup: &Setup) {
        tracing::warn!(%input, code = error.code(), %error, "shadows can't score it for now; it is tried again");
        self.retry_at = Some(now().monotonic + setup.config.worker.retry_max_backoff);
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
        if self.retry_at.is_some_and(|at| at > now().monotonic) {
            return Ok(lacking);
        }
        // What is in the way shows when it is written.
        let root = Dir::open_if_there(folder).ok().flatten();
        for (place, trial) in self.trials.iter().enumerate() {
            let known = ledger.shadows(&trial.experiment, names)?;
            for (((name, found), known), lacking) in names.iter().zip(found).zip(known).zip(&mut lacking) {
                let Some(record) = found.record.as_ref().filter(|record| self.is_scored(record)) else {
                    continue;
                };
                if record.first_seen < trial.since {
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

impl Trial {
    /// Says once what will be so of more inputs: 'experiment list' counts them.
    fn warn(&mut self, input: &Name, shadowed: &Shadowed) {
        let Trial { experiment, warned, .. } = self;
        let [of_problem, of_key] = warned;
        match &shadowed.problem {
            Some(problem) if !std::mem::replace(of_problem, true) => {
                tracing::warn!(%input, experiment, problem, "the shadow can't score it; its output is as it should be");
            }
            None if self.has_key && !shadowed.has_key && !std::mem::replace(of_key, true) => {
                tracing::warn!(%input, experiment, "it hasn't the experiment's key: no label will find its rows");
            }
            _ => tracing::debug!(%input, experiment, problem = shadowed.problem, "the shadow looked at it, too"),
        }
    }
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
            if let Some(error) = fault {
                tracing::warn!(%input, experiment, error, "what the shadow makes of it can't be written; it is tried again");
                self.shadows.retry_at = Some(now().monotonic + setup.config.worker.retry_max_backoff);
                continue;
            }
            let mut trials = self.shadows.trials.iter_mut();
            if let Some(trial) = trials.find(|trial| trial.experiment == *experiment) {
                trial.warn(input, shadowed);
            }
            self.shadows.made += u64::from(shadowed.problem.is_none());
            records.push(record);
        }
        self.ledger.set_shadows(&records)
    }
}
