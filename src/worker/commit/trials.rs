//! What is to be kept of trials, and what was. Whatever goes wrong with it, results are as they are.

use super::Commit;
use crate::error::{Error, Result};
use crate::ledger::{HalfHash, Ledger, Record, TrialRecord};
use crate::score::{Identity, Lineup};
use crate::spool::publish::{Publisher, TrialDraft};
use crate::spool::{Dir, Name, results};
use crate::transform::problem::Problem;
use crate::transform::{Trial, Tried, Verdict};
use crate::worker::job::Job;
use crate::worker::look::{Found, now};
use crate::worker::setup::Setup;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The trials of the lineup at work.
#[derive(Default)]
pub(super) struct Trials {
    lineup: Option<Arc<Lineup>>,
    known: Vec<Known>,
    /// A file couldn't be written: none that is lacking is made before then, on the monotonic clock.
    retry_at: Option<Duration>,
    /// Files that were made of this lineup's.
    pub made: u64,
}

struct Known {
    trial: Trial,
    experiment: String,
    /// The version on trial, as the ledger names it.
    made_by: String,
    /// Of a shadow: inputs that were first seen before aren't its, in microseconds since 1970; and its phase.
    of_shadow: Option<(i64, u32)>,
    has_key: bool,
    /// Was it said once that there can be no file of an input, and that an input has no key?
    warned: [bool; 2],
}

/// What is to be published of a trial of an input.
pub struct TrialResult {
    record: TrialRecord,
    draft: Option<TrialDraft>,
    /// It couldn't be written for now.
    fault: Option<String>,
    /// The input failed.
    failed: bool,
}

impl Trials {
    pub fn of(lineup: Option<&Arc<Lineup>>) -> Trials {
        let Some(lineup) = lineup else {
            return Trials::default();
        };
        let known = |trial, identity: &Identity, of_shadow, has_key| Known {
            trial,
            experiment: trial.experiment(lineup).into(),
            made_by: identity.made_by(),
            of_shadow,
            has_key,
            warned: [false; 2],
        };
        // What is kept of one that is over may have been purged.
        let challengers = lineup.challengers.iter().enumerate().filter(|(_, of)| of.is_open);
        let challengers = challengers.map(|(place, of)| known(Trial::Challenger(place), &of.identity, None, true));
        let shadows = lineup.shadows.iter().enumerate().map(|(place, of)| {
            let of_shadow = Some((of.since, of.phase));
            known(Trial::Shadow(place), &of.member.identity, of_shadow, of.key.is_some())
        });
        Trials {
            known: challengers.chain(shadows).collect(),
            lineup: Some(lineup.clone()),
            retry_at: None,
            made: 0,
        }
    }

    pub fn lineup(&self) -> Option<&Arc<Lineup>> {
        self.lineup.as_ref()
    }

    /// An input can't be scored for now. Nobody's result waits for it.
    pub fn put_off(&mut self, input: &Name, error: &Error, setup: &Setup) {
        tracing::warn!(%input, code = error.code(), %error, "trials can't score it for now; it is tried again");
        self.retry_at = Some(now().monotonic + setup.config.worker.retry_max_backoff);
    }

    /// The shadows that score an input that was first seen then.
    pub fn of_new(&self, first_seen: i64) -> Vec<Trial> {
        let is_its = |known: &&Known| known.of_shadow.is_some_and(|(since, _)| first_seen >= since);
        self.known.iter().filter(is_its).map(|known| known.trial).collect()
    }

    /// Of each input, the trials whose files it lacks though its result is as it should be.
    pub fn lacking(&self, ledger: &Ledger, names: &[Name], found: &[Found], folder: &Path) -> Result<Vec<Vec<Trial>>> {
        let mut lacking = vec![Vec::new(); names.len()];
        let Some(lineup) = self.lineup.as_ref().filter(|_| !self.known.is_empty()) else {
            return Ok(lacking);
        };
        if self.retry_at.is_some_and(|at| at > now().monotonic) {
            return Ok(lacking);
        }
        // What is in the way shows when it is written.
        let root = Dir::open_if_there(folder).ok().flatten();
        for known in &self.known {
            let recorded = ledger.trials(&known.experiment, names)?;
            for (((name, found), recorded), lacking) in names.iter().zip(found).zip(recorded).zip(&mut lacking) {
                let Some(record) = found.record.as_ref().filter(|record| is_answered(lineup, record)) else {
                    continue;
                };
                let Some(phase) = known.phase_of(lineup, record) else {
                    continue;
                };
                let recorded = recorded.filter(|recorded| {
                    recorded.champion == lineup.champion.identity.made_by()
                        && recorded.made_by == known.made_by
                        && recorded.phase == phase
                        && Some(recorded.input_hash) == record.input_hash
                });
                let stands = match &recorded {
                    None => false,
                    Some(recorded) if recorded.tried.problem.is_some() => true,
                    Some(recorded) => {
                        let size = |root| results::trial_size(root, &known.experiment, name).ok().flatten();
                        root.as_ref().and_then(size) == Some(recorded.tried.bytes)
                    }
                };
                if !stands {
                    lacking.push(known.trial);
                }
            }
        }
        Ok(lacking)
    }

    /// What is to be published of trials of an input. `drafts`: of each, in the same order.
    pub fn results(
        &self,
        job: &Job,
        input_hash: Option<HalfHash>,
        tried: Vec<(Trial, Tried)>,
        drafts: Vec<TrialDraft>,
    ) -> Vec<TrialResult> {
        let at = now().wall / 1000;
        let result = |((trial, tried), draft): ((Trial, Tried), TrialDraft)| {
            let lineup = self.lineup.as_ref()?;
            let known = self.known.iter().find(|known| known.trial == trial)?;
            let fault = tried.fault.clone();
            let is_whole = tried.problem.is_none() && fault.is_none();
            Some(TrialResult {
                record: TrialRecord {
                    experiment: known.experiment.clone(),
                    input: job.name.clone(),
                    input_hash: input_hash?,
                    champion: lineup.champion.identity.made_by(),
                    made_by: known.made_by.clone(),
                    phase: known.phase(lineup, job.phase.as_deref())?,
                    at,
                    published_hash: tried.hash.map(HalfHash::from),
                    tried,
                },
                draft: is_whole.then_some(draft),
                fault,
                failed: false,
            })
        };
        tried.into_iter().zip(drafts).filter_map(result).collect()
    }

    /// What is known of an input of a phase that failed: there is no file of it, but what its arms came to is a guard's business.
    pub fn failed(
        &self,
        job: &Job,
        input_hash: Option<HalfHash>,
        tried: Tried,
        problem: &Problem,
    ) -> Option<TrialResult> {
        let trial = *job
            .trials
            .first()
            .filter(|trial| matches!(trial, Trial::Challenger(_)))?;
        let lineup = self.lineup.as_ref()?;
        let known = self.known.iter().find(|known| known.trial == trial)?;
        Some(TrialResult {
            record: TrialRecord {
                experiment: known.experiment.clone(),
                input: job.name.clone(),
                // Of one that wasn't read to its end nothing else is known.
                input_hash: input_hash.unwrap_or_else(|| blake3::hash(b"").into()),
                champion: lineup.champion.identity.made_by(),
                made_by: known.made_by.clone(),
                phase: known.phase(lineup, job.phase.as_deref())?,
                at: now().wall / 1000,
                published_hash: None,
                tried: Tried {
                    problem: Some(problem.to_string()),
                    ..tried
                },
            },
            draft: None,
            fault: None,
            failed: true,
        })
    }
}

/// Did those of its phase score it?
fn is_answered(lineup: &Lineup, record: &Record) -> bool {
    record.verdict != Verdict::Fail
        && *record.recipe.made_by == lineup.made_by(record.phase.as_deref())
        && record.input_hash.is_some()
}

/// Publishes what is kept of trials, and tells what became of each.
pub(super) fn publish(mut made: Vec<TrialResult>, publisher: &Publisher) -> Vec<TrialResult> {
    for one in &mut made {
        let Some(draft) = one.draft.take() else { continue };
        match publisher.publish_trial(&one.record.experiment, &one.record.input, draft) {
            Ok(size) => one.record.tried.bytes = size,
            Err(error) => one.fault = Some(error.to_string()),
        }
    }
    made
}

impl Known {
    /// The number of the phase, if an input of that one is this trial's. `of_input`: as the ledger has it.
    fn phase(&self, lineup: &Lineup, of_input: Option<&str>) -> Option<u32> {
        match self.of_shadow {
            Some((_, phase)) => Some(phase),
            None => {
                let (challenger, phase) = lineup.phase(of_input?)?;
                (challenger.experiment == self.experiment).then_some(phase.number)
            }
        }
    }

    /// The same of an input that has its result.
    fn phase_of(&self, lineup: &Lineup, record: &Record) -> Option<u32> {
        let is_before = self.of_shadow.is_some_and(|(since, _)| record.first_seen < since);
        self.phase(lineup, record.phase.as_deref()).filter(|_| !is_before)
    }

    /// Says once what will be so of more inputs: 'experiment list' counts them.
    fn warn(&mut self, input: &Name, tried: &Tried) {
        let Known { experiment, warned, .. } = self;
        let [of_problem, of_key] = warned;
        match &tried.problem {
            Some(problem) if !std::mem::replace(of_problem, true) => {
                tracing::warn!(%input, experiment, problem, "the version on trial can't score it; its output is as it should be");
            }
            None if self.has_key && !tried.has_key && !std::mem::replace(of_key, true) => {
                tracing::warn!(%input, experiment, "it hasn't the experiment's key: no label will find its rows");
            }
            _ => tracing::debug!(%input, experiment, problem = tried.problem, "kept of the trial"),
        }
    }
}

impl Commit {
    /// Records what is kept of trials.
    pub(super) fn record_trials(&mut self, made: Vec<TrialResult>, setup: &Setup) -> Result<()> {
        let mut records = Vec::new();
        for TrialResult {
            record, fault, failed, ..
        } in made
        {
            let TrialRecord {
                experiment,
                input,
                tried,
                ..
            } = &record;
            if let Some(error) = fault {
                tracing::warn!(%input, experiment, error, "what is kept of the trial can't be written; it is tried again");
                self.trials.retry_at = Some(now().monotonic + setup.config.worker.retry_max_backoff);
            } else if !failed {
                let mut known = self.trials.known.iter_mut();
                if let Some(known) = known.find(|known| known.experiment == *experiment) {
                    known.warn(input, tried);
                }
                self.trials.made += u64::from(tried.problem.is_none());
            }
            // Guards look at it, whether there is a file of it or not: one that is lacking is made by its size.
            records.push(record);
        }
        self.record_guarded(&records, setup)
    }
}
