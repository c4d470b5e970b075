//! What was scored is published, then recorded; what failed for now is tried again.

use super::agenda::{Note, Shortage};
use super::faults::as_fault;
use super::inbox::Inbox;
use super::job::{Done, Job, Outcome, Setup, Task};
use super::r#loop::{Until, Worker};
use super::plan::{self, Before, Charge, Word, racy_until};
use crate::error::{Error, Result};
use crate::ledger::{OutputHash, Record, Transformation};
use crate::service::clock::wall_clock;
use crate::spool::Name;
use crate::spool::publish::{Item, Product};
use crate::transform::{Summary, Verdict};
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

/// Results that are to be published and recorded together.
#[derive(Default)]
struct Ready {
    items: Vec<Item>,
    /// What the ledger will say of each, in the same order.
    records: Vec<(Record, Transformation)>,
    /// What is recorded alone: the bytes that stand are those that were made.
    standing: Vec<(Record, Transformation)>,
    /// To be read again once no change can hide.
    racy: Vec<Job>,
}

/// A result of a large input on its way into its folder, which may take long on a mount.
pub struct Publishing {
    pub name: Name,
    ready: Ready,
    results: mpsc::Receiver<Result<Vec<Result<u64>>>>,
    /// What events said of the input meanwhile.
    pub word: Option<Word>,
}

impl Publishing {
    fn start(name: Name, mut ready: Ready, setup: &Arc<Setup>, inbox: &Arc<Inbox>) -> Result<Publishing> {
        let (sender, results) = mpsc::sync_channel(1);
        let (setup, inbox, items) = (setup.clone(), inbox.clone(), std::mem::take(&mut ready.items));
        let publish = move || {
            let _ = sender.send(setup.publisher.publish(items));
            inbox.add(|news| news.finished = true);
        };
        let thread = std::thread::Builder::new().name("publish".into()).spawn(publish);
        thread.map_err(Error::io("start a thread for", name.path()))?;
        Ok(Publishing {
            name,
            ready,
            results,
            word: None,
        })
    }
}

impl Worker {
    /// Publishes and records what was scored.
    pub(super) fn commit(&mut self, group: Vec<Done>) -> Result<()> {
        let Some(mut ready) = self.sort_out(group)? else {
            return Ok(());
        };
        let items = std::mem::take(&mut ready.items);
        let results = self.setup.publisher.publish(items)?;
        self.record_all(ready, results)
    }

    /// Publishes what was made of a large input beside the loop, which records it when that is done: a mount may take
    /// longer than the service manager has patience.
    pub(super) fn commit_large(&mut self, done: Done, word: Option<Word>) -> Result<()> {
        let name = done.job.name.clone();
        match self.sort_out(vec![done])? {
            Some(ready) if !ready.items.is_empty() => {
                let publishing = Publishing::start(name, ready, &self.setup, &self.inbox)?;
                self.publishing = Some(Publishing { word, ..publishing });
                return Ok(());
            }
            Some(ready) => self.record_all(ready, Vec::new())?,
            None => {}
        }
        if let Some(word) = word {
            self.inbox.add(|news| news.note(name, word));
        }
        Ok(())
    }

    /// Records what was published beside the loop, if that is done. `wait`: until it is.
    pub(super) fn finish_publishing(&mut self, wait: bool) -> Result<()> {
        let Some(publishing) = &self.publishing else {
            return Ok(());
        };
        let results = match publishing.results.try_recv() {
            Err(TryRecvError::Empty) if !wait => {
                self.progress.draw();
                return Ok(());
            }
            Err(TryRecvError::Empty) => publishing.results.recv().ok(),
            results => results.ok(),
        };
        let Publishing { name, ready, word, .. } = self.publishing.take().expect("just seen");
        if let Some(word) = word {
            self.inbox.add(|news| news.note(name, word));
        }
        match results {
            Some(results) => self.record_all(ready, results?),
            // Its thread ended without a word; what it published is in doubt, and made again.
            None => {
                self.relist();
                Ok(())
            }
        }
    }

    /// Sorts out what came of a group. `None`: nothing of it may be published, for the lineup is another one now.
    fn sort_out(&mut self, group: Vec<Done>) -> Result<Option<Ready>> {
        // An approval that was revoked meanwhile publishes nothing more.
        if self.resolve() || self.pin.is_none() {
            self.relist();
            return Ok(None);
        }
        let mut ready = Ready::default();
        let mut replaced = Vec::new();
        let mut verified = Vec::new();
        for Done { job, outcome, took } in group {
            let name = job.name.clone();
            self.progress.file_done();
            match outcome {
                Outcome::Scored {
                    output,
                    rejects,
                    summary,
                    racy,
                } => {
                    ready.racy.extend(racy.then(|| job.clone()));
                    let stands = summary.bad_rows == 0 && self.stands(&job, &summary)?;
                    let mut record = self.record(&job, summary, None, racy, took);
                    if stands {
                        record.0.published = output.bytes();
                        ready.standing.push(record);
                        continue;
                    }
                    replaced.extend(job.recorded.then(|| name.clone()));
                    ready.records.push(record);
                    ready.items.push(Item {
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
                    ready
                        .records
                        .push(self.record(&job, Summary::default(), said, false, took));
                    replaced.extend(job.recorded.then(|| name.clone()));
                    ready.items.push(Item {
                        name,
                        result: Product::Report(report),
                        rejects,
                    });
                }
                Outcome::Verified => {
                    self.agenda.forget(&name);
                    self.faults.clear(&mut self.ledger, &name)?;
                    verified.push(name);
                }
                Outcome::Changed if matches!(job.task, Task::Verify(_)) => {
                    self.ledger.doubt([&name])?;
                    self.look_again(&job);
                }
                Outcome::TooSoon => self.look_again(&job),
                Outcome::Changed => {
                    let now = self.now().monotonic;
                    let before = Some(Before {
                        fingerprint: job.fingerprint,
                        since: now,
                        settled: false,
                    });
                    let note = self.agenda.note(&name);
                    let due = now + self.setup.config.input.settle;
                    self.agenda.set(&name, Note { before, ..note }, due);
                }
                Outcome::Cancelled => {}
                Outcome::Fault { error, short } => {
                    if let Some(short) = short {
                        self.note_shortage(&job, short);
                    }
                    self.fault_of(&name, error, short)?;
                }
            }
        }
        self.ledger.confirm(&verified)?;
        if !replaced.is_empty() {
            self.ledger.doubt(&replaced)?;
        }
        Ok(Some(ready))
    }

    /// Are the bytes that were made those that stand already?
    fn stands(&self, job: &Job, summary: &Summary) -> Result<bool> {
        let made = OutputHash::of(&summary.output_hash);
        Ok(job.stands && made.is_some() && self.ledger.output_hash(&job.name)? == made)
    }

    /// `results`: of the items that were published.
    fn record_all(&mut self, ready: Ready, results: Vec<Result<u64>>) -> Result<()> {
        let mut committed = ready.standing;
        for ((mut record, done), result) in ready.records.into_iter().zip(results) {
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
            let Note { changes, .. } = self.agenda.note(&done.input);
            self.agenda.forget(&done.input);
            if self.until == Until::Converged && changes > 0 {
                let note = Note {
                    changes,
                    ..Note::default()
                };
                self.agenda.keep(&done.input, note);
            }
            self.faults.clear(&mut self.ledger, &done.input)?;
            self.count(done);
        }
        ready.racy.iter().for_each(|job| self.look_again(job));
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
        self.fault_of(name, error, None)
    }

    fn fault_of(&mut self, name: &Name, error: Error, short: Option<Shortage>) -> Result<()> {
        if plan::charge(error.code(), short.map_or(0, |short| short.own)) == Charge::All {
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
                short: short.or(note.short),
                retry_at: Some(retry_at),
                ..note
            },
            retry_at,
        );
        self.faults
            .set(&mut self.ledger, &as_fault(name.clone(), &error, faults))
    }

    /// Of this input as it is: another one may need less room.
    fn note_shortage(&mut self, job: &Job, short: Shortage) {
        let note = Note {
            before: Some(Before {
                fingerprint: job.fingerprint,
                since: self.now().monotonic,
                settled: true,
            }),
            short: Some(short),
            ..self.agenda.note(&job.name)
        };
        self.agenda.keep(&job.name, note);
    }

    pub(super) fn backoff(&self, tries: u32) -> Duration {
        plan::backoff(tries, self.setup.config.worker.retry_max_backoff)
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
        let note = Note {
            before,
            changes: note.changes,
            ..Note::default()
        };
        self.agenda.set(&job.name, note, due);
    }
}
