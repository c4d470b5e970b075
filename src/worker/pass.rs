//! One pass: list, look, plan, and transform what is stale.

use super::agenda::{Note, Shortage};
use super::faults::as_fault;
use super::inbox::News;
use super::job::{Context, Done, Job, Task};
use super::look::{self, Found, Published, want};
use super::r#loop::{Until, Worker};
use super::plan::{self, Before, Charge, Decision, Sighting, Want, Word};
use crate::error::{Error, Result};
use crate::ledger::Record;
use crate::spool::scan::{self, Listing};
use crate::spool::{Dir, Home, Name, Seen};
use crate::transform::Destination;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread::JoinHandle;

/// Names that are looked at in one go.
const CHUNK: usize = 4096;
/// The same on a mount, where each look is a request of its own that may take a second: the loop must come around before
/// the service manager loses patience.
const CHUNK_ON_MOUNT: usize = 64;

/// The large input that is being scored.
pub struct Large {
    name: Name,
    done: mpsc::Receiver<Done>,
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// What events said of it meanwhile.
    word: Option<Word>,
}

impl Worker {
    pub(super) fn begin_listing(&mut self) -> Result<()> {
        let listing = Listing::new(&self.setup.config.input.path, &self.setup.config.input.rules)?;
        match &self.home {
            Some(home) => home.check(listing.root())?,
            None => {
                let home = Home::of(listing.root())?;
                self.ledger.remember_place(listing.root().path(), home.mount)?;
                self.home = Some(home);
            }
        }
        if let Some(pin) = &self.pin {
            let identity = &pin.lineup.champion.identity;
            self.ledger.stamp(identity, &self.setup.config.shape)?;
        }
        self.unreadable_before = std::mem::take(&mut self.unreadable);
        for folder in &self.unreadable_before {
            self.faults.clear(&mut self.ledger, folder)?;
        }
        self.tally.recount();
        self.listing = Some(listing);
        Ok(())
    }

    /// One step: first what events told, then what is due, then the listing, then one group.
    pub(super) fn work(&mut self, mut looks: Vec<(Name, Word)>) -> Result<()> {
        let Some(home) = self.home else {
            return Ok(());
        };
        let now = self.now().monotonic;
        let chunk = if self.on_mount() { CHUNK_ON_MOUNT } else { CHUNK };
        let due = self.agenda.take_due(now, chunk);
        looks.extend(due.into_iter().map(|name| (name, Word::Nothing)));
        if self.agenda.take_relist(now) {
            self.relist();
        }
        if !looks.is_empty() || self.listing.is_some() {
            self.commit_scored()?; // what is looked at now must find its record
        }
        if !looks.is_empty() {
            let root = self.open_input(home)?;
            self.look(&root, looks, false)?;
        }
        if self.queue.has_room()
            && let Some(mut listing) = self.listing.take()
        {
            let names = listing.next(chunk)?;
            for (folder, error) in listing.take_unreadable() {
                self.set_unreadable(folder, &error)?;
            }
            let done = names.is_empty();
            let looks = names.into_iter().map(|name| (name, Word::Nothing)).collect();
            self.look(listing.root(), looks, true)?;
            match done {
                true => {
                    self.forget_the_gone(&listing)?;
                    self.ledger.release_memory()?;
                    self.pruner.begin(&mut self.ledger)?;
                }
                false => self.listing = Some(listing),
            }
        }
        self.finish_publishing(false)?;
        self.finish_large()?;
        self.start_large()?;
        self.run_group()?;
        match self.pruner.busy() && self.listing.is_none() && !self.queue.has_small() {
            true => self.prune(home),
            false => Ok(()),
        }
    }

    fn prune(&mut self, home: Home) -> Result<()> {
        let root = self.open_input(home)?;
        self.pruner.step(&mut self.ledger, &self.setup, &root, !home.mount)
    }

    /// The input folder, if its mount is still there.
    fn open_input(&self, home: Home) -> Result<Dir> {
        let root = Dir::open(&self.setup.config.input.path)?;
        home.check(&root)?;
        Ok(root)
    }

    /// Sorts out what events said. Returns what to look at.
    pub(super) fn hear(&mut self, news: News) -> Vec<(Name, Word)> {
        if news.lost {
            self.writing.clear();
        }
        let mut looks = Vec::new();
        for (name, word) in news.names {
            if let Some(large) = self.large.as_mut().filter(|l| l.name == name) {
                large.word = Some(word);
            }
            if let Some(publishing) = self.publishing.as_mut().filter(|p| p.name == name) {
                publishing.word = Some(word);
            }
            match word {
                Word::Writing => drop(self.writing.insert(name)),
                Word::Closed => {
                    self.writing.remove(&name);
                    looks.push((name, word));
                }
                Word::Nothing => looks.push((name, word)),
            }
        }
        looks
    }

    /// Looks at inputs and decides on each.
    fn look(&mut self, root: &Dir, looks: Vec<(Name, Word)>, listed: bool) -> Result<()> {
        let Some(pin) = &self.pin else {
            return Ok(());
        };
        let want = Want {
            changes_max: (self.until == Until::Converged).then_some(1),
            ..want(&self.setup.config, pin.recipe.clone(), self.local())
        };
        let local = self.local();
        let (names, words): (Vec<Name>, Vec<Word>) = looks.into_iter().unzip();
        let published = Published::open(&self.setup.config)?;
        let looked = look::at_each(root, &names, local, &self.ledger, &published, &self.setup.pool)?;
        for ((name, word), Found { seen, record, size }) in names.into_iter().zip(words).zip(looked) {
            if self.large.as_ref().is_some_and(|l| l.name == name)
                || self.publishing.as_ref().is_some_and(|p| p.name == name)
            {
                continue;
            }
            let seen = match seen {
                Ok(Some(seen)) => seen,
                Ok(None) => {
                    self.forget(&name, record.as_ref())?;
                    continue;
                }
                Err(error) => {
                    self.fault(&name, error)?;
                    continue;
                }
            };
            let word = if self.writing.contains(&name) {
                Word::Writing
            } else {
                word
            };
            let size = match size {
                Ok(size) => size,
                Err(error) => {
                    self.fault(&name, error)?;
                    continue;
                }
            };
            let note = self.changed(&name, seen);
            let stands = size.is_some() && size == record.as_ref().map(|r| r.published);
            let sighting = Sighting {
                seen,
                word,
                before: note.before,
                record: record.as_ref(),
                published: size,
                retry_at: note.retry_at,
                changes: note.changes,
                no_room: note.short.is_some_and(|short| self.is_short(&name, short)),
            };
            let now = self.now();
            match plan::decide(&sighting, &want, now) {
                Decision::Current { failed } => {
                    self.agenda.forget(&name);
                    self.faults.clear(&mut self.ledger, &name)?;
                    match failed {
                        _ if !listed => {}
                        true => self.tally.count_failed(&name),
                        false => self.tally.unchanged += 1,
                    }
                }
                decision @ (Decision::Transform | Decision::Refuse(_) | Decision::Verify) => {
                    let task = match (decision, record.as_ref().and_then(|r| r.input_hash)) {
                        (Decision::Refuse(code), _) => Task::Refuse(code),
                        (Decision::Verify, Some(hash)) => Task::Verify(hash),
                        _ => Task::Score,
                    };
                    self.enqueue(Job {
                        name,
                        fingerprint: seen.fingerprint,
                        recorded: record.is_some(),
                        stands,
                        task,
                    });
                }
                decision @ (Decision::Wait(until) | Decision::Outwait(until)) => {
                    let same = note.before.filter(|b| b.fingerprint == seen.fingerprint);
                    let mut before = same.unwrap_or(Before {
                        fingerprint: seen.fingerprint,
                        since: now.monotonic,
                        settled: false,
                    });
                    before.settled |= matches!(decision, Decision::Outwait(_));
                    let note = Note {
                        before: Some(before),
                        unsettled: note.unsettled + u32::from(same.is_none()),
                        ..note
                    };
                    self.agenda.set(&name, note, until);
                }
                Decision::Await => self.agenda.forget(&name),
            }
        }
        Ok(())
    }

    /// What is remembered of an input; with one change more, if it is another one than when it was looked at last.
    fn changed(&mut self, name: &Name, seen: Seen) -> Note {
        let note = self.agenda.note(name);
        if note.before.is_none_or(|before| before.fingerprint == seen.fingerprint) {
            return note;
        }
        let note = Note {
            changes: note.changes + 1,
            short: None,
            ..note
        };
        if self.until == Until::Converged {
            self.agenda.keep(name, note);
        }
        note
    }

    /// Has the disk still no more room than what an input's results didn't fit into?
    fn is_short(&self, name: &Name, short: Shortage) -> bool {
        let publisher = &self.setup.publisher;
        let draft = match short.place {
            Destination::Output => publisher.draft_output(name),
            Destination::Rejects => publisher.draft_failed(name),
        };
        draft
            .and_then(|draft| draft.disk().free())
            .is_ok_and(|free| !short.is_over(free))
    }

    fn enqueue(&mut self, job: Job) {
        let size = job.fingerprint.size;
        if self.queue.push(job) {
            self.progress.plan(size);
        }
    }

    /// The input is gone. Its output stays: nobody asked to take results away. A report about nothing goes.
    fn forget(&mut self, name: &Name, record: Option<&Record>) -> Result<()> {
        self.agenda.forget(name);
        self.writing.remove(name);
        self.faults.clear(&mut self.ledger, name)?;
        if record.is_some_and(|r| r.problem.is_some()) {
            self.setup.publisher.withdraw_reports(name)?;
            self.ledger.forget(name)?;
            tracing::info!(input = %name, "the input is gone, and so is the report on it");
        }
        Ok(())
    }

    /// After a whole listing: reports on inputs that are no longer there.
    fn forget_the_gone(&mut self, listing: &Listing) -> Result<()> {
        for name in self.ledger.failed()? {
            self.manager.heartbeat(); // there may be many, and each look may take long
            let gone = self.is_gone(listing.root(), &name)?;
            if gone {
                let record = self.ledger.record(&name)?;
                if let Err(error) = self.forget(&name, record.as_ref()) {
                    self.fault(&name, error)?;
                }
            }
        }
        // A worker that was killed can have left a report that its ledger knows nothing of.
        if !self.recovered {
            for name in self.setup.publisher.reported()? {
                self.manager.heartbeat();
                if self.is_gone(listing.root(), &name)? {
                    self.setup.publisher.withdraw_reports(&name)?;
                }
            }
            self.recovered = true;
        }
        Ok(())
    }

    /// What can't be looked at may be there: a subfolder that is closed keeps back what is in it, and nothing else.
    fn is_gone(&self, root: &Dir, name: &Name) -> Result<bool> {
        match scan::look(root, name, self.local()) {
            Ok(seen) => Ok(seen.is_none()),
            Err(error) if plan::charge(error.code(), 0) == Charge::All => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// A subfolder that can't be listed keeps back what is in it, and nothing else.
    fn set_unreadable(&mut self, folder: Name, error: &Error) -> Result<()> {
        if !self.unreadable_before.contains(&folder) {
            tracing::warn!(input = %folder, code = error.code(), %error, "can't list a subfolder; trying again");
        }
        self.faults.set(&mut self.ledger, &as_fault(folder.clone(), error, 1))?;
        self.unreadable.push(folder);
        Ok(())
    }

    /// Does looking or publishing mean to ask a mount?
    fn on_mount(&self) -> bool {
        !self.local() || self.setup.publisher.on_mount()
    }

    /// Scores a group of small inputs, while the group before is published and committed.
    fn run_group(&mut self) -> Result<()> {
        let (Some(pin), Some(home)) = (&self.pin, self.home) else {
            return Ok(());
        };
        let pin = pin.clone();
        let jobs = self.queue.next_group(self.together, self.on_mount());
        if jobs.is_empty() {
            return self.commit_scored();
        }
        self.setup.publisher.release();
        let root = self.open_input(home)?;
        let (setup, stop, bytes) = (self.setup.clone(), self.inbox.stop.clone(), self.progress.bytes.clone());
        let context = Context {
            setup: &setup,
            pin: &pin,
            root: &root,
            local: !home.mount,
            in_parallel: false,
            cancel: stop.flag(),
            progress: &bytes,
        };
        let mut done = Vec::new();
        if jobs.len() == 1 {
            self.commit_scored()?;
            done.extend(jobs.into_iter().map(|job| context.run(job)));
        } else {
            setup.pool.in_place_scope(|scope| {
                scope.spawn(|_| done = jobs.into_par_iter().map(|job| context.run(job)).collect());
                self.commit_scored()
            })?;
        }
        // The model may have been found to be another one meanwhile; then all is planned again.
        if self.pin.as_ref().is_some_and(|now| now.recipe == pin.recipe) {
            self.scored = done;
        }
        match self.queue.has_small() {
            true => Ok(()),
            false => self.commit_scored(),
        }
    }

    fn commit_scored(&mut self) -> Result<()> {
        let scored = std::mem::take(&mut self.scored);
        match scored.is_empty() {
            true => Ok(()),
            false => self.commit(scored),
        }
    }

    fn start_large(&mut self) -> Result<()> {
        let (Some(pin), Some(home), None, None) = (&self.pin, self.home, &self.large, &self.publishing) else {
            return Ok(());
        };
        let Some(job) = self.queue.next_large() else {
            return Ok(());
        };
        let name = job.name.clone();
        self.setup.publisher.release();
        let root = self.open_input(home)?;
        let cancel = Arc::new(AtomicBool::new(false));
        let (sender, done) = mpsc::sync_channel(1);
        let (setup, pin, inbox) = (self.setup.clone(), pin.clone(), self.inbox.clone());
        let (stop, bytes) = (cancel.clone(), self.progress.bytes.clone());
        let work = move || {
            let context = Context {
                setup: &setup,
                pin: &pin,
                root: &root,
                local: !home.mount,
                in_parallel: true,
                cancel: &stop,
                progress: &bytes,
            };
            let _ = sender.send(context.run(job));
            inbox.add(|news| news.finished = true);
        };
        let thread = std::thread::Builder::new().name("large input".into()).spawn(work);
        self.large = Some(Large {
            thread: thread.map_err(Error::io("start a thread for", name.path()))?,
            name,
            done,
            cancel,
            word: None,
        });
        Ok(())
    }

    fn finish_large(&mut self) -> Result<()> {
        let Some(large) = &self.large else {
            return Ok(());
        };
        let done = match large.done.try_recv() {
            Ok(done) => done,
            Err(TryRecvError::Empty) => {
                self.progress.draw();
                return Ok(());
            }
            // Its thread ended without a word. That must not hold up the others.
            Err(TryRecvError::Disconnected) => {
                self.large = None;
                self.relist();
                return Ok(());
            }
        };
        let word = self.large.take().and_then(|large| large.word);
        self.commit_large(done, word)
    }

    /// Gives up the large input that is being scored, without waiting for its thread to notice.
    pub(super) fn drop_large(&mut self) {
        if let Some(large) = self.large.take() {
            large.cancel.store(true, Ordering::Relaxed);
            self.ending.push(large.thread);
        }
        self.ending.retain(|thread| !thread.is_finished());
    }

    /// Gives up the large input, and waits until its thread has put everything away.
    pub(super) fn end_large(&mut self) {
        self.drop_large();
        for thread in self.ending.drain(..) {
            let _ = thread.join();
        }
    }

    /// Is there more to do at once?
    pub(super) fn busy(&self) -> bool {
        let large = self.large.is_none() && self.publishing.is_none() && self.queue.has_large();
        let listing = self.listing.is_some() && self.queue.has_room();
        listing || self.queue.has_small() || !self.scored.is_empty() || large || self.pruner.busy()
    }

    /// Inputs that are known to lack a result.
    pub(super) fn pending(&self) -> usize {
        let large = usize::from(self.large.is_some()) + usize::from(self.publishing.is_some());
        self.queue.len() + self.scored.len() + large + self.agenda.iter().count()
    }

    /// The one-shot waits for a file to settle once; one that goes on changing is left to the next run.
    pub(super) fn converged(&self) -> bool {
        self.large.is_none()
            && self.publishing.is_none()
            && self
                .agenda
                .iter()
                .all(|(_, note)| note.unsettled > 1 || note.changes > 1 || note.faults > 0)
    }

    pub(super) fn count_unfinished(&mut self) {
        let faults = self.agenda.iter().filter(|(_, note)| note.faults > 0).count();
        self.tally.faults = (faults + self.unreadable.len()) as u64;
        self.tally.unsettled = (self.agenda.iter().count() - faults) as u64;
    }
}
