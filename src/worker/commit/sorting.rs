//! What came of a group of jobs -> what is published and recorded together.

use super::Commit;
use super::found::Found;
use super::monitors::{Judging, basis};
use super::publishing::{Made, Ready};
use super::record::{Finding, record};
use crate::error::Result;
use crate::ledger::{Claim, HalfHash};
use crate::monitor::Action;
use crate::score::Lineup;
use crate::spool::publish::{Item, Product};
use crate::spool::{Draft, Fingerprint, Name};
use crate::transform::problem::Problem;
use crate::transform::{Summary, Verdict};
use crate::worker::job::{Done, Job, Outcome, Scored, Task};
use crate::worker::pin::Pin;
use crate::worker::setup::Setup;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

/// A group that is being sorted out.
struct Sorting<'a> {
    pin: &'a Pin,
    setup: &'a Setup,
    ready: Ready,
    judging: Judging,
    /// Their records are in doubt until they are recorded anew.
    replaced: Vec<Name>,
    verified: Vec<(Name, Fingerprint, bool)>,
}

impl Commit {
    /// Sorts out what came of a group, up to a result that is to be kept back because of those before it: they are published first, for
    /// they may turn out otherwise. Doubts the records of what is to be replaced.
    pub(super) fn sort_out(&mut self, group: &mut VecDeque<Done>, pin: &Pin, setup: &Setup) -> Result<Ready> {
        let mut sorting = Sorting {
            pin,
            setup,
            ready: Ready {
                judges: self.monitors.judges(),
                ..Ready::default()
            },
            judging: self.monitors.judging(),
            replaced: Vec::new(),
            verified: Vec::new(),
        };
        while let Some(Done { job, outcome, took }) = group.pop_front() {
            match outcome {
                Outcome::Scored(scored) => {
                    let found = self.judge(&job, &scored.summary, &sorting.judging, pin, &setup.config.monitor)?;
                    if sorting.judging.keeps_back(&found) {
                        let outcome = Outcome::Scored(scored);
                        group.push_front(Done { job, outcome, took });
                        break;
                    }
                    self.sort_scored(job, *scored, found, took, &mut sorting)?;
                }
                Outcome::Failed {
                    report,
                    rejects,
                    problem,
                    input_hash,
                    tried,
                } => {
                    let kept = self.trials.failed(&job, input_hash, *tried, &problem);
                    sorting.ready.trials.extend(kept);
                    sorting.take_failed(job, [report, rejects], &problem, input_hash, took);
                }
                Outcome::Verified { racy } => self.sort_verified(job, racy, &mut sorting)?,
                Outcome::Tried {
                    input_hash,
                    tried,
                    drafts,
                } => match &job.task {
                    // Its contents were replaced, and nothing but they tells: the result is of others, too.
                    Task::Trial(recorded) if input_hash != Some(*recorded) => {
                        sorting.replaced.push(job.name.clone());
                        self.look_again(&job);
                    }
                    _ => {
                        let made = self.trials.results(&job, input_hash, tried, drafts);
                        sorting.ready.trials.extend(made);
                    }
                },
                Outcome::Unfinished => self.wait_until_closed(&job, setup.config.input.settle),
                Outcome::TooSoon => self.look_again(&job),
                Outcome::Changed => self.wait_until_settled(&job, setup.config.input.settle),
                Outcome::Cancelled => {}
                Outcome::Fault { error, .. } if matches!(job.task, Task::Trial(_)) => {
                    self.trials.put_off(&job.name, &error, setup);
                }
                Outcome::Fault { error, short } => self.job_fault(&job, error, short, setup)?,
            }
        }
        let Sorting {
            mut ready,
            judging,
            replaced,
            verified,
            ..
        } = sorting;
        self.claim(&ready)?;
        self.ledger.confirm(&verified)?;
        if !replaced.is_empty() {
            self.ledger.doubt(&replaced)?;
        }
        ready.new = judging.sizes.into_iter().map(|(name, _)| name).collect();
        Ok(ready)
    }

    fn sort_scored(
        &mut self,
        job: Job,
        scored: Scored,
        found: Found,
        took: Duration,
        sorting: &mut Sorting,
    ) -> Result<()> {
        let Scored {
            output,
            rejects,
            mut summary,
            racy,
            stands,
            trials,
        } = scored;
        let Sorting {
            pin,
            setup,
            ready,
            judging,
            replaced,
            ..
        } = sorting;
        let name = job.name.clone();
        let input_hash = summary.input_hash.map(HalfHash::from);
        let tried = take(&mut summary.trials);
        ready
            .trials
            .extend(self.trials.results(&job, input_hash, tried, trials));
        if found.action() != Action::Off {
            let found = found.message();
            tracing::warn!(input = %name, found, model = %pin.scorer.lineup, phase = job.phase, "out of the ordinary");
        }
        let (counted, few) = (self.monitors).take_counts(&job, &mut summary, &found, setup.config.monitor.min_rows);
        let (result, finding) = match found.is_kept_back() && (job.touched || !stands) {
            true => match self.withhold(&job, &summary, &found, pin, setup) {
                Ok(withheld) => withheld,
                Err(error) => {
                    drop((output, rejects));
                    return self.job_fault(&job, error, None, setup);
                }
            },
            // Or the same rows are out already, with the same result.
            false => (Product::Output(output), Finding::Fine),
        };
        let is_new = job.touched || job.recorded != Some(Verdict::Publish);
        if let (true, Finding::Fine) = (is_new, &finding) {
            judging.sizes.push((name.clone(), summary.rows));
        }
        ready.judged.insert(name.clone(), found);
        ready.racy.extend(racy.then(|| job.clone()));
        let (mut record, mut done) = record(pin, &job, summary, finding, racy, took);
        done.counted = counted;
        few.iter().for_each(|few| judging.record(few, basis(&job)));
        let stands = match &result {
            Product::Output(output) if stands => {
                record.published = output.bytes();
                true
            }
            _ => {
                replaced.extend(job.recorded.map(|_| name.clone()));
                ready.items.push(Item {
                    name,
                    result,
                    rejects,
                    former: job.former.clone(),
                });
                false
            }
        };
        ready.made.push(Made {
            job,
            record,
            done,
            stands,
            few,
        });
        Ok(())
    }

    /// Who answered is known before anybody reads it, as long as that may be another one tomorrow.
    fn claim(&mut self, ready: &Ready) -> Result<()> {
        let is_open = |lineup: &Arc<Lineup>| lineup.challengers.iter().any(|challenger| challenger.is_open);
        if !self.trials.lineup().is_some_and(is_open) {
            return Ok(());
        }
        let claim = |made: &Made| {
            Some(Claim {
                input: made.done.input.clone(),
                input_hash: made.record.input_hash?,
                phase: made.record.phase.clone(),
            })
        };
        let published = ready.made.iter().filter(|made| made.record.verdict == Verdict::Publish);
        let claims: Vec<Claim> = published.filter_map(claim).collect();
        self.ledger.claim(&claims)
    }

    fn sort_verified(&mut self, job: Job, racy: bool, sorting: &mut Sorting) -> Result<()> {
        let name = job.name.clone();
        self.agenda.forget(&name);
        self.faults.clear(&mut self.ledger, &name)?;
        let went = job.recorded == Some(Verdict::Publish) && !job.stands;
        if job.touched && !went {
            tracing::debug!(input = %name, "only its times changed; its result is left as it is");
        }
        // One that is racy is read once more, and counted then.
        let is_done = job.recorded == Some(Verdict::Publish) && !went && !racy;
        if is_done && self.counts(&name, sorting.setup, false)? {
            self.census.count_unchanged(&name);
        }
        sorting.verified.push((name, job.fingerprint, racy));
        // What becomes of an output that went is decided on now, and what is kept of trials, too.
        let again = racy || went || !job.trials.is_empty();
        sorting.ready.racy.extend(again.then_some(job));
        Ok(())
    }
}

impl Sorting<'_> {
    fn take_failed(
        &mut self,
        job: Job,
        [report, rejects]: [Draft; 2],
        problem: &Problem,
        input_hash: Option<HalfHash>,
        took: Duration,
    ) {
        let name = job.name.clone();
        let failure = Finding::Failed(problem.code, problem.to_string());
        let (mut record, done) = record(self.pin, &job, Summary::default(), failure, false, took);
        record.input_hash = input_hash;
        self.replaced.extend(job.recorded.map(|_| name.clone()));
        let former = job.former.clone();
        self.ready.made.push(Made {
            job,
            record,
            done,
            stands: false,
            few: Vec::new(),
        });
        self.ready.items.push(Item {
            name,
            result: Product::Report(report),
            rejects,
            former,
        });
    }
}
