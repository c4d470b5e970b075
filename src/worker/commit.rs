//! What was scored is published, then recorded; what failed for now is tried again.

use super::agenda::{Agenda, Note, Shortage};
use super::faults::{Faults, as_fault};
use super::inbox::Inbox;
use super::job::{Done, Job, Outcome, Pin, Setup, Task};
use super::look::{self, now};
use super::plan::{self, Before, Charge, Word, racy_until};
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, OutputHash, Record, Transformation};
use crate::service::clock::{monotonic, wall_clock};
use crate::spool::publish::{Item, Product};
use crate::spool::{Dir, Name};
use crate::transform::{Summary, Verdict};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvError, TryRecvError};
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

    /// The results, once it is done. `wait`: until it is. An error: its thread ended without a word.
    pub fn results(&self, wait: bool) -> Option<std::result::Result<Result<Vec<Result<u64>>>, RecvError>> {
        match self.results.try_recv() {
            Err(TryRecvError::Empty) if !wait => None,
            Err(TryRecvError::Empty) => Some(self.results.recv()),
            results => Some(results.map_err(|_| RecvError)),
        }
    }
}

/// What is known of the inputs: what was done with each, what it failed over for now, and when it is looked at again.
/// Nothing else publishes or records.
pub struct Commit {
    pub ledger: Ledger,
    pub agenda: Agenda,
    pub faults: Faults,
    pub tally: Tally,
    /// Remember how often an input changed after it was scored, too.
    pub count_changes: bool,
}

impl Commit {
    pub fn new(ledger: Ledger) -> Commit {
        Commit {
            ledger,
            agenda: Agenda::default(),
            faults: Faults::default(),
            tally: Tally::default(),
            count_changes: false,
        }
    }

    /// Publishes and records what was scored by `pin`'s lineup, which is still the one at work.
    pub fn publish(&mut self, group: Vec<Done>, pin: &Pin, setup: &Setup) -> Result<()> {
        let mut ready = self.sort_out(group, pin, setup)?;
        let items = std::mem::take(&mut ready.items);
        let results = setup.publisher.publish(items)?;
        self.record_all(ready, results, setup)
    }

    /// The same for a large input, which is published beside the loop: a mount may take longer than the service manager
    /// has patience. `None` if there was nothing to publish.
    pub fn publish_large(
        &mut self,
        done: Done,
        pin: &Pin,
        setup: &Arc<Setup>,
        inbox: &Arc<Inbox>,
    ) -> Result<Option<Publishing>> {
        let name = done.job.name.clone();
        let ready = self.sort_out(vec![done], pin, setup)?;
        match ready.items.is_empty() {
            true => self.record_all(ready, Vec::new(), setup).map(|()| None),
            false => Publishing::start(name, ready, setup, inbox).map(Some),
        }
    }

    /// Records what was published beside the loop. `results`: of its thread.
    pub fn record_published(
        &mut self,
        publishing: Publishing,
        results: Result<Vec<Result<u64>>>,
        setup: &Setup,
    ) -> Result<()> {
        self.record_all(publishing.ready, results?, setup)
    }

    /// Sorts out what came of a group, and doubts the records of what is to be replaced.
    fn sort_out(&mut self, group: Vec<Done>, pin: &Pin, setup: &Setup) -> Result<Ready> {
        let mut ready = Ready::default();
        let mut replaced = Vec::new();
        let mut verified = Vec::new();
        for Done { job, outcome, took } in group {
            let name = job.name.clone();
            match outcome {
                Outcome::Scored {
                    output,
                    rejects,
                    summary,
                    racy,
                } => {
                    ready.racy.extend(racy.then(|| job.clone()));
                    let stands = summary.bad_rows == 0 && self.stands(&job, &summary)?;
                    let mut record = record(pin, &job, summary, None, racy, took);
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
                        .push(record(pin, &job, Summary::default(), said, false, took));
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
                    let now = monotonic();
                    let before = Some(Before {
                        fingerprint: job.fingerprint,
                        since: now,
                        settled: false,
                    });
                    let note = self.agenda.note(&name);
                    let due = now + setup.config.input.settle;
                    self.agenda.set(&name, Note { before, ..note }, due);
                }
                Outcome::Cancelled => {}
                Outcome::Fault { error, short } => {
                    if let Some(short) = short {
                        self.note_shortage(&job, short);
                    }
                    self.fault(&name, error, short, setup)?;
                }
            }
        }
        self.ledger.confirm(&verified)?;
        if !replaced.is_empty() {
            self.ledger.doubt(&replaced)?;
        }
        Ok(ready)
    }

    /// Are the bytes that were made those that stand already?
    fn stands(&self, job: &Job, summary: &Summary) -> Result<bool> {
        let made = OutputHash::of(&summary.output_hash);
        Ok(job.stands && made.is_some() && self.ledger.output_hash(&job.name)? == made)
    }

    /// `results`: of the items that were published.
    fn record_all(&mut self, ready: Ready, results: Vec<Result<u64>>, setup: &Setup) -> Result<()> {
        let mut committed = ready.standing;
        for ((mut record, done), result) in ready.records.into_iter().zip(results) {
            match result {
                Ok(size) => {
                    record.published = size;
                    committed.push((record, done));
                }
                Err(error) => self.fault(&done.input, error, None, setup)?,
            }
        }
        self.ledger.commit(&committed)?;
        for (_, done) in &committed {
            let Note { changes, .. } = self.agenda.note(&done.input);
            self.agenda.forget(&done.input);
            if self.count_changes && changes > 0 {
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

    fn count(&mut self, done: &Transformation) {
        self.tally.count(&done.input, done.verdict, &done.summary);
        match done.verdict {
            Verdict::Publish => {
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
            Verdict::Hold => tracing::warn!(input = %done.input, "held; the failed folder says why, and what to do"),
            Verdict::Fail => {
                let code = done.problem.as_deref().unwrap_or_default();
                let problem = done.message.as_deref().unwrap_or_default();
                tracing::error!(input = %done.input, code, problem, "failed; the report is in the failed folder");
            }
        }
    }

    /// An input failed for now: tried again, later and later. What would fail every other input too stops all of them.
    pub fn fault(&mut self, name: &Name, error: Error, short: Option<Shortage>, setup: &Setup) -> Result<()> {
        if plan::charge(error.code(), short.map_or(0, |short| short.own)) == Charge::All {
            return Err(error);
        }
        let note = self.agenda.note(name);
        let faults = note.faults + 1;
        let retry_at = monotonic() + plan::backoff(faults, setup.config.worker.retry_max_backoff);
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
                since: monotonic(),
                settled: true,
            }),
            short: Some(short),
            ..self.agenda.note(&job.name)
        };
        self.agenda.keep(&job.name, note);
    }

    /// The input is gone. Its output stays: nobody asked to take results away. A report about nothing goes.
    pub fn forget(&mut self, name: &Name, record: Option<&Record>, setup: &Setup) -> Result<()> {
        self.agenda.forget(name);
        self.faults.clear(&mut self.ledger, name)?;
        if record.is_some_and(|r| r.verdict != Verdict::Publish) {
            setup.publisher.withdraw_reports(name)?;
            self.ledger.forget(name)?;
            tracing::info!(input = %name, "the input is gone, and so is the report on it");
        }
        Ok(())
    }

    /// After a whole listing: reports on inputs that are no longer there go. `recover`: those too that the ledger knows
    /// nothing of, which a worker that was killed can have left.
    pub fn forget_gone(
        &mut self,
        root: &Dir,
        local: bool,
        recover: bool,
        setup: &Setup,
        mut heartbeat: impl FnMut(),
    ) -> Result<()> {
        for name in self.ledger.reported()? {
            heartbeat();
            if look::is_gone(root, &name, local)? {
                let record = self.ledger.record(&name)?;
                if let Err(error) = self.forget(&name, record.as_ref(), setup) {
                    self.fault(&name, error, None, setup)?;
                }
            }
        }
        if recover {
            for name in setup.publisher.reported()? {
                heartbeat();
                if look::is_gone(root, &name, local)? {
                    setup.publisher.withdraw_reports(&name)?;
                }
            }
        }
        Ok(())
    }

    /// Counts what is left for another time.
    pub fn count_unfinished(&mut self) {
        let faults = self.agenda.iter().filter(|(_, note)| note.faults > 0).count();
        self.tally.faults = (faults + self.faults.unreadable()) as u64;
        self.tally.unsettled = (self.agenda.iter().count() - faults) as u64;
    }

    /// Looks at a settled input again as soon as no change can hide behind its fingerprint.
    fn look_again(&mut self, job: &Job) {
        let now = now();
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

/// What the ledger will have on a job that was done.
fn record(
    pin: &Pin,
    job: &Job,
    summary: Summary,
    problem: Option<(&str, String)>,
    racy: bool,
    took: Duration,
) -> (Record, Transformation) {
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
