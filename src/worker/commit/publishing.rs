//! Results on their way into their folders, and their records into the ledger.

use super::Commit;
use super::found::Judgements;
use super::monitor::Small;
use super::monitors::{Few, Judge, basis};
use super::record::log;
use super::trials::{self, TrialResult};
use crate::error::{Error, Result};
use crate::ledger::{Alerting, Record, Transformation};
use crate::spool::Name;
use crate::spool::publish::Item;
use crate::transform::Verdict;
use crate::worker::agenda::Note;
use crate::worker::inbox::Inbox;
use crate::worker::job::{Done, Job};
use crate::worker::look::now;
use crate::worker::pin::Pin;
use crate::worker::plan::Word;
use crate::worker::setup::Setup;
use std::collections::{HashSet, VecDeque};
use std::mem::take;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvError, TryRecvError};

/// Results that are to be published and recorded together.
#[derive(Default)]
pub(super) struct Ready {
    pub items: Vec<Item>,
    /// What is recorded of them, and of others, in the order in which they were judged.
    pub made: Vec<Made>,
    /// Who judged them.
    pub judges: Vec<Judge>,
    /// What was found of them.
    pub judged: Judgements,
    /// Those that were not published before with the same rows.
    pub new: HashSet<Name>,
    /// To be read again once no change can hide.
    pub racy: Vec<Job>,
    pub trials: Vec<TrialResult>,
}

/// What was published beside the loop.
pub enum Published {
    /// Of each item, its size.
    Results(Result<Vec<Result<u64>>>),
    Trials(Vec<TrialResult>),
}

impl Commit {
    /// Publishes and records what was scored by `pin`'s lineup, which is still the one at work.
    pub fn publish(&mut self, group: Vec<Done>, pin: &Pin, setup: &Setup) -> Result<()> {
        let mut group = VecDeque::from(group);
        while !group.is_empty() {
            let mut ready = self.sort_out(&mut group, pin, setup)?;
            let (items, made) = (take(&mut ready.items), take(&mut ready.trials));
            let results = setup.publisher.publish(items)?;
            self.record_all(ready, results, setup)?;
            self.record_trials(trials::publish(made, &setup.publisher), setup)?;
        }
        Ok(())
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
        let mut ready = self.sort_out(&mut VecDeque::from([done]), pin, setup)?;
        let items = take(&mut ready.items);
        match items.is_empty() {
            true => self.record_large(name, ready, Vec::new(), setup, inbox),
            false => {
                let publish = |setup: &Setup| Published::Results(setup.publisher.publish(items));
                Publishing::start(name, ready, publish, setup, inbox).map(Some)
            }
        }
    }

    /// Records what was published beside the loop. Returns what is to be published next: what is kept of trials waits for the result, and
    /// never the other way round.
    pub fn record_published(
        &mut self,
        publishing: Publishing,
        published: Published,
        setup: &Arc<Setup>,
        inbox: &Arc<Inbox>,
    ) -> Result<Option<Publishing>> {
        let Publishing { name, ready, .. } = publishing;
        match published {
            Published::Results(results) => self.record_large(name, ready, results?, setup, inbox),
            Published::Trials(made) => self.record_trials(made, setup).map(|()| None),
        }
    }

    fn record_large(
        &mut self,
        name: Name,
        mut ready: Ready,
        results: Vec<Result<u64>>,
        setup: &Arc<Setup>,
        inbox: &Arc<Inbox>,
    ) -> Result<Option<Publishing>> {
        let made = take(&mut ready.trials);
        self.record_all(ready, results, setup)?;
        if made.is_empty() {
            return Ok(None);
        }
        let publish = |setup: &Setup| Published::Trials(trials::publish(made, &setup.publisher));
        Publishing::start(name, Ready::default(), publish, setup, inbox).map(Some)
    }

    /// `results`: of the items that were published.
    fn record_all(&mut self, mut ready: Ready, results: Vec<Result<u64>>, setup: &Setup) -> Result<()> {
        let mut results = results.into_iter();
        let judges = ready.judges.iter().enumerate();
        let mut as_judged: Vec<bool> = judges
            .map(|(who, judge)| self.monitors.is_as_judged(who, judge))
            .collect();
        let (mut committed, mut small, mut had_failed) = (Vec::new(), Vec::new(), false);
        for Made {
            job,
            mut record,
            done,
            stands,
            few,
        } in ready.made
        {
            had_failed |= job.recorded == Some(Verdict::Fail);
            let result = match stands {
                true => Some(Ok(record.published)),
                false => results.next(),
            };
            match result {
                Some(Ok(size)) => {
                    record.published = size;
                    had_failed |= record.verdict == Verdict::Fail;
                    for mut few in few {
                        if few.completes && !as_judged[few.who] {
                            few.completes = false;
                            let found = ready.judged.get_mut(&done.input).into_iter();
                            let judged = found.flat_map(|found| &mut found.judged);
                            (judged.filter(|judged| judged.who == few.who)).for_each(|judged| judged.relevant = None);
                        }
                        small.push((few, basis(&job), record.first_seen, done.verdict));
                    }
                    committed.push((record, done));
                }
                Some(Err(error)) => {
                    few.iter().for_each(|few| as_judged[few.who] = false);
                    self.job_fault(&job, error, None, setup)?;
                }
                None => {}
            }
        }
        let same = ready.judges.iter().enumerate();
        let same: Vec<usize> = same
            .filter(|(who, judge)| self.monitors.is_same(*who, judge))
            .map(|(who, _)| who)
            .collect();
        let (mut windows, mut open, mut alerting) = (Vec::new(), Vec::new(), Vec::new());
        for &who in &same {
            let own = small.iter().filter(|(few, ..)| few.who == who);
            let own = own.map(|(few, basis, first_seen, verdict)| Small {
                first_seen: *first_seen,
                counts: &few.counts,
                basis: *basis,
                completes: few.completes,
                verdict: *verdict,
            });
            let counted = self.monitors.get(who).count(own);
            counted.into_iter().for_each(|(closed, then)| {
                windows.push(closed);
                open.push((who, then));
            });
            let changes = self.alerting(who, &committed, &ready.judged, &setup.config.monitor)?;
            alerting.extend(changes.map(|changes| (who, changes)));
        }
        let (whose, alerting): (Vec<usize>, Vec<Alerting>) = alerting.into_iter().unzip();
        self.ledger.commit_counted(&committed, &windows, &alerting)?;
        for (who, open) in open {
            self.monitors.get_mut(who).open = open;
        }
        for (who, alerting) in whose.into_iter().zip(alerting) {
            self.monitors.get_mut(who).alerts = alerting.alerts;
            self.outbox.flush(&mut self.ledger, &setup.config, now())?;
        }
        if had_failed {
            self.failed = None;
        }
        for (_, done) in &committed {
            if ready.new.contains(&done.input) {
                self.monitors.published(&done.input, done.summary.rows);
            }
            self.recorded(done, setup.once)?;
        }
        ready.racy.iter().for_each(|job| self.look_again(job));
        Ok(())
    }

    /// What was noted of an input is over.
    fn recorded(&mut self, done: &Transformation, once: bool) -> Result<()> {
        let Note { changes, .. } = self.agenda.note(&done.input);
        self.agenda.forget(&done.input);
        // The one-shot scores what changes again no second time.
        if once && changes > 0 {
            let note = Note {
                changes,
                ..Note::default()
            };
            self.agenda.keep(&done.input, note);
        }
        self.faults.clear(&mut self.ledger, &done.input)?;
        self.scored += u64::from(done.verdict != Verdict::Fail);
        for (column, rows) in &done.summary.lacking {
            *self.lacking.entry(column.clone()).or_default() += rows;
        }
        log(done);
        Ok(())
    }
}

/// What became of a job.
pub(super) struct Made {
    pub job: Job,
    pub record: Record,
    pub done: Transformation,
    /// It is recorded alone: the bytes that stand are those that were made.
    pub stands: bool,
    /// What was counted of it with others.
    pub few: Vec<Few>,
}

/// A result of a large input on its way into its folder, which may take long on a mount.
pub struct Publishing {
    pub name: Name,
    pub(super) ready: Ready,
    published: mpsc::Receiver<Published>,
    /// What events said of the input meanwhile.
    pub word: Option<Word>,
}

impl Publishing {
    pub(super) fn start(
        name: Name,
        ready: Ready,
        publish: impl FnOnce(&Setup) -> Published + Send + 'static,
        setup: &Arc<Setup>,
        inbox: &Arc<Inbox>,
    ) -> Result<Publishing> {
        let (sender, published) = mpsc::sync_channel(1);
        let (setup, inbox) = (setup.clone(), inbox.clone());
        let publish = move || {
            let _ = sender.send(publish(&setup));
            inbox.add(|news| news.finished = true);
        };
        let thread = std::thread::Builder::new().name("publish".into()).spawn(publish);
        thread.map_err(Error::io("start a thread for", name.path()))?;
        Ok(Publishing {
            name,
            ready,
            published,
            word: None,
        })
    }

    /// What became of it, once it is done. `wait`: until it is. An error: its thread ended without a word.
    pub fn published(&self, wait: bool) -> Option<std::result::Result<Published, RecvError>> {
        match self.published.try_recv() {
            Err(TryRecvError::Empty) if !wait => None,
            Err(TryRecvError::Empty) => Some(self.published.recv()),
            published => Some(published.map_err(|_| RecvError)),
        }
    }
}
