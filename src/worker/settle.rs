//! What was scored is published, then recorded; what failed for now is tried again.

use super::agenda::Note;
use super::job::{Done, Job, Outcome, Task, wall_clock};
use super::plan::{Before, racy_until};
use super::reconcile::Worker;
use crate::error::{Error, Result};
use crate::ledger::{Fault, Record, Transformation};
use crate::spool::Name;
use crate::spool::publish::{Item, Product};
use crate::transform::{Summary, Verdict};
use serde::Serialize;
use std::time::Duration;

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// Failed files that the one-shot names; the ledger has them all.
const NAMED: usize = 100;

/// What was done, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    pub scored: u64,
    pub rows: u64,
    pub bad_rows: u64,
    pub not_finite: u64,
    /// Inputs that have their output already.
    pub unchanged: u64,
    /// Inputs that have a report instead of an output.
    pub failed: u64,
    /// Some of them.
    pub failed_files: Vec<String>,
    /// Inputs whose writers had not finished.
    pub unsettled: u64,
    /// Inputs that failed for now.
    pub faults: u64,
    pub model: Option<String>,
}

impl Tally {
    /// A new listing counts again what it finds.
    pub fn recount(&mut self) {
        self.unchanged = 0;
        self.failed = 0;
        self.failed_files.clear();
    }

    pub fn count_failed(&mut self, name: &Name) {
        self.failed += 1;
        if self.failed_files.len() < NAMED {
            self.failed_files.push(name.to_string());
        }
    }
}

impl Worker {
    /// Publishes and records what was scored.
    pub(super) fn settle(&mut self, group: Vec<Done>) -> Result<()> {
        // An approval that was revoked meanwhile publishes nothing more.
        if self.resolve() || self.pin.is_none() {
            self.relist();
            return Ok(());
        }
        let mut items = Vec::new();
        let mut records = Vec::new();
        let mut replaced = Vec::new();
        let mut racy = Vec::new();
        let mut verified = Vec::new();
        for Done { job, outcome, took } in group {
            let name = job.name.clone();
            self.progress.file_done();
            if job.recorded && matches!(outcome, Outcome::Scored { .. } | Outcome::Failed { .. }) {
                replaced.push(name.clone());
            }
            match outcome {
                Outcome::Scored {
                    output,
                    rejects,
                    summary,
                    racy: is_racy,
                } => {
                    records.push(self.record(&job, summary, None, is_racy, took));
                    racy.extend(is_racy.then(|| job.clone()));
                    items.push(Item {
                        name,
                        result: Product::Output(output),
                        rejects,
                    });
                }
                Outcome::Failed {
                    report,
                    rejects,
                    problem,
                } => {
                    let said = Some((problem.code.name(), problem.to_string()));
                    records.push(self.record(&job, Summary::default(), said, false, took));
                    items.push(Item {
                        name,
                        result: Product::Report(report),
                        rejects,
                    });
                }
                Outcome::Verified => {
                    self.agenda.forget(&name);
                    verified.push(name);
                }
                Outcome::Changed if matches!(job.task, Task::Verify(_)) => {
                    self.ledger.doubt([&name])?;
                    self.look_again(&job);
                }
                Outcome::TooSoon => self.look_again(&job),
                Outcome::Changed => {
                    let due = self.now().monotonic + self.setup.config.input.settle;
                    self.agenda.set(&name, self.agenda.note(&name), due);
                }
                Outcome::Cancelled => {}
                Outcome::Fault(error) => self.fault(&name, error)?,
            }
        }
        self.ledger.confirm(&verified)?;
        if !replaced.is_empty() {
            self.ledger.doubt(&replaced)?;
        }
        let results = self.setup.publisher.publish(items)?;
        let mut committed = Vec::new();
        for ((mut record, done), result) in records.into_iter().zip(results) {
            match result {
                Ok(size) => {
                    record.published = size;
                    committed.push((record, done));
                }
                Err(error) => self.fault(&done.input, error)?,
            }
        }
        self.ledger.commit(&committed)?;
        for (_, done) in &committed {
            self.agenda.forget(&done.input);
            self.count(done);
        }
        racy.iter().for_each(|job| self.look_again(job));
        Ok(())
    }

    fn record(
        &self,
        job: &Job,
        summary: Summary,
        problem: Option<(&str, String)>,
        racy: bool,
        took: Duration,
    ) -> (Record, Transformation) {
        let pin = self.pin.as_ref().expect("scored by a model");
        let identity = &pin.lineup.champion.identity;
        let code = problem.as_ref().map(|(code, _)| code.to_string());
        let at = wall_clock() / 1000;
        let verdict = match code {
            Some(_) => Verdict::Fail,
            None => Verdict::Publish,
        };
        let record = Record {
            fingerprint: job.fingerprint,
            racy,
            input_hash: summary.input_hash.parse().ok(),
            recipe: pin.recipe.clone(),
            published: 0,
            problem: code.clone(),
            verdict,
            first_seen: at,
            phase: None,
        };
        let done = Transformation {
            input: job.name.clone(),
            at,
            micros: took.as_micros() as i64,
            recipe: pin.recipe.clone(),
            artifact: Some(identity.artifact.clone()),
            summary,
            verdict,
            phase: None,
            problem: code,
            message: problem.map(|(_, message)| message),
        };
        (record, done)
    }

    fn count(&mut self, done: &Transformation) {
        match &done.problem {
            None => {
                self.tally.scored += 1;
                self.tally.rows += done.summary.rows;
                self.tally.bad_rows += done.summary.bad_rows;
                self.tally.not_finite += done.summary.not_finite;
                let Summary { rows, bad_rows, .. } = done.summary;
                tracing::info!(
                    input = %done.input,
                    rows,
                    bad_rows,
                    model = %done.recipe.model(),
                    ms = done.micros as f64 / 1000.0,
                    "scored"
                );
            }
            Some(code) => {
                self.tally.count_failed(&done.input);
                let problem = done.message.as_deref().unwrap_or_default();
                tracing::error!(input = %done.input, code, problem, "failed; the report is in the failed folder");
            }
        }
    }

    /// An input failed for now: tried again, later and later. What would fail every other input too stops all of them.
    pub(super) fn fault(&mut self, name: &Name, error: Error) -> Result<()> {
        if matches!(error.code(), "disk_full" | "read_only" | "mount" | "ledger") {
            return Err(error);
        }
        let note = self.agenda.note(name);
        let faults = note.faults + 1;
        let retry_at = self.now().monotonic + self.backoff(faults);
        tracing::warn!(input = %name, code = error.code(), %error, tries = faults, "failed for now; it is tried again");
        self.agenda.set(
            name,
            Note {
                faults,
                retry_at: Some(retry_at),
                ..note
            },
            retry_at,
        );
        self.ledger.set_fault(&as_fault(name.clone(), &error, faults))
    }

    pub(super) fn backoff(&self, tries: u32) -> Duration {
        let doubled = FIRST_BACKOFF.saturating_mul(1 << (tries - 1).min(20));
        doubled.min(self.setup.config.worker.retry_max_backoff)
    }

    /// Looks at a settled input again as soon as no change can hide behind its fingerprint.
    fn look_again(&mut self, job: &Job) {
        let now = self.now();
        let before = Some(Before {
            fingerprint: job.fingerprint,
            since: now.monotonic,
            settled: true,
        });
        let note = self.agenda.note(&job.name);
        let due = now.monotonic + racy_until(job.fingerprint, now.wall).unwrap_or_default();
        self.agenda.set(&job.name, Note { before, ..note }, due);
    }
}

/// As `status` shows it.
pub fn as_fault(input: Name, error: &Error, tries: u32) -> Fault {
    Fault {
        input,
        code: error.code().into(),
        message: error.to_string(),
        tries,
        since: wall_clock() / 1000,
    }
}
