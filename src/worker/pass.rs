//! One pass: list, look, plan, and transform what is stale.

use super::agenda::Note;
use super::commit::{Commit, Publishing};
use super::inbox::{Inbox, News};
use super::job::{Context, Done, Job, Pin, Setup, Task};
use super::large::{self, Large, Source};
use super::look::{self, Found, Published, now, want};
use super::plan::{self, Decision, Sighting, Want, Word};
use super::prune::Pruner;
use super::queue::Queue;
use super::stamp::stamp;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::registry::Current;
use crate::service::{Progress, ServiceManager};
use crate::spool::scan::Listing;
use crate::spool::{Dir, Home, Name};
use crate::transform::Verdict;
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Names that are looked at in one go.
const CHUNK: usize = 4096;
/// The same on a mount, where each look is a request of its own that may take a second: the loop must come around before
/// the service manager loses patience.
const CHUNK_ON_MOUNT: usize = 64;

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Done,
    /// The input folder is to be listed again.
    Relist,
    /// Another lineup is the approved one: nothing more of what was scored may be published.
    NewLineup,
}

/// The state of a pass, and of the next: they overlap, for a large input goes on beside the small ones.
pub struct Pass {
    pub setup: Arc<Setup>,
    pub commit: Commit,
    pub inbox: Arc<Inbox>,
    pub progress: Progress,
    pub manager: ServiceManager,
    /// The lineup at work, and what it makes.
    pub pin: Option<Pin>,
    /// Where the input folder was when it was first seen.
    home: Option<Home>,
    listing: Option<Listing>,
    queue: Queue,
    /// How many small inputs may be worked on together.
    together: usize,
    /// Small inputs that were scored, to be published while the next are.
    scored: Vec<Done>,
    large: Option<Large>,
    /// A large input's result that is being published.
    publishing: Option<Publishing>,
    /// Threads of large inputs that were given up.
    ending: Vec<JoinHandle<()>>,
    /// Leave alone what changes again and again.
    pub once: bool,
    /// Inputs that somebody writes to, by the word of events.
    writing: HashSet<Name>,
    /// Were the reports looked through that a killed worker may have left?
    recovered: bool,
    pruner: Pruner,
}

impl Pass {
    pub fn new(setup: Setup, ledger: Ledger, inbox: Arc<Inbox>, progress: Progress, together: usize) -> Pass {
        Pass {
            setup: setup.into(),
            commit: Commit::new(ledger),
            inbox,
            progress,
            manager: ServiceManager::default(),
            pin: None,
            home: None,
            listing: None,
            queue: Queue::default(),
            together,
            scored: Vec::new(),
            large: None,
            publishing: None,
            ending: Vec::new(),
            once: false,
            writing: HashSet::new(),
            recovered: false,
            pruner: Pruner::default(),
        }
    }

    pub fn replace_setup(&mut self, setup: Setup) {
        self.setup = setup.into();
        self.home = None;
        self.pin = None;
        self.commit.agenda.clear();
        let _ = self.commit.faults.clear_all(&mut self.commit.ledger);
        self.writing.clear();
        self.start_over();
    }

    /// What was planned, or is being scored, was for another model or configuration: it is planned again.
    pub fn start_over(&mut self) {
        self.drop_large();
        self.queue = Queue::default();
        self.scored.clear();
        self.listing = None;
        self.commit.tally.recount();
    }

    pub fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    pub fn begin_listing(&mut self) -> Result<()> {
        let listing = Listing::new(&self.setup.config.input.path, &self.setup.config.input.rules)?;
        match &self.home {
            Some(home) => home.check(listing.root())?,
            None => {
                let home = Home::of(listing.root())?;
                self.commit.ledger.remember_place(listing.root().path(), home.mount)?;
                self.home = Some(home);
            }
        }
        stamp(&mut self.commit.ledger, &self.setup.config)?;
        self.commit.faults.begin_listing(&mut self.commit.ledger)?;
        self.commit.tally.recount();
        self.listing = Some(listing);
        Ok(())
    }

    /// One step: first what events told, then what is due, then the listing, then one group.
    pub fn work(&mut self, mut looks: Vec<(Name, Word)>, current: &mut Current) -> Result<Step> {
        let Some(home) = self.home else {
            return Ok(Step::Done);
        };
        let at = now().monotonic;
        let chunk = if self.on_mount() { CHUNK_ON_MOUNT } else { CHUNK };
        let due = self.commit.agenda.take_due(at, chunk);
        looks.extend(due.into_iter().map(|name| (name, Word::Nothing)));
        let mut relist = self.commit.agenda.take_relist(at);
        if (!looks.is_empty() || self.listing.is_some()) && self.commit_scored(current)? == Step::NewLineup
        // what is looked at now must find its record
        {
            self.inbox
                .add(|news| looks.into_iter().for_each(|(name, word)| news.note(name, word)));
            return Ok(Step::NewLineup);
        }
        if !looks.is_empty() {
            let root = self.open_input(home)?;
            self.look(&root, looks, false)?;
        }
        self.go_on_listing(chunk)?;
        relist |= self.finish_publishing(false)? == Step::Relist;
        match self.finish_large(current)? {
            Step::Done => {}
            Step::Relist => relist = true,
            Step::NewLineup => return Ok(Step::NewLineup),
        }
        self.start_large()?;
        if self.run_group(current)? == Step::NewLineup {
            return Ok(Step::NewLineup);
        }
        if self.pruner.busy() && self.listing.is_none() && !self.queue.has_small() {
            let root = self.open_input(home)?;
            self.pruner
                .step(&mut self.commit.ledger, &self.setup, &root, !home.mount)?;
        }
        Ok(if relist { Step::Relist } else { Step::Done })
    }

    /// Looks at the next names of the listing.
    fn go_on_listing(&mut self, chunk: usize) -> Result<()> {
        if !self.queue.has_room() {
            return Ok(());
        }
        let Some(mut listing) = self.listing.take() else {
            return Ok(());
        };
        let names = listing.next(chunk)?;
        for (folder, error) in listing.take_unreadable() {
            self.commit
                .faults
                .set_unreadable(&mut self.commit.ledger, folder, &error)?;
        }
        let done = names.is_empty();
        let looks = names.into_iter().map(|name| (name, Word::Nothing)).collect();
        self.look(listing.root(), looks, true)?;
        if done {
            // There may be many reports, and each look may take long.
            let (local, recover, manager) = (self.local(), !self.recovered, &mut self.manager);
            self.commit
                .forget_gone(listing.root(), local, recover, &self.setup, || manager.heartbeat())?;
            self.recovered = true;
            self.commit.ledger.release_memory()?;
            self.pruner.begin(&mut self.commit.ledger)
        } else {
            self.listing = Some(listing);
            Ok(())
        }
    }

    /// The input folder, if its mount is still there.
    fn open_input(&self, home: Home) -> Result<Dir> {
        let root = Dir::open(&self.setup.config.input.path)?;
        home.check(&root)?;
        Ok(root)
    }

    /// Sorts out what events said. Returns what to look at.
    pub fn sort_news(&mut self, news: News) -> Vec<(Name, Word)> {
        for (name, word) in &news.names {
            if let Some(large) = self.large.as_mut().filter(|l| l.name == *name) {
                large.word = Some(*word);
            }
            if let Some(publishing) = self.publishing.as_mut().filter(|p| p.name == *name) {
                publishing.word = Some(*word);
            }
        }
        news.into_looks(&mut self.writing)
    }

    /// Looks at inputs and decides on each.
    fn look(&mut self, root: &Dir, looks: Vec<(Name, Word)>, listed: bool) -> Result<()> {
        let Some(pin) = &self.pin else {
            return Ok(());
        };
        let want = Want {
            changes_max: (self.once).then_some(1),
            ..want(&self.setup.config, pin.recipe.clone(), self.local())
        };
        let local = self.local();
        let (names, words): (Vec<Name>, Vec<Word>) = looks.into_iter().unzip();
        let published = Published::open(&self.setup.config)?;
        let looked = look::at_each(root, &names, local, &self.commit.ledger, &published, &self.setup.pool)?;
        for ((name, word), Found { seen, record, size }) in names.into_iter().zip(words).zip(looked) {
            if self.large.as_ref().is_some_and(|l| l.name == name)
                || self.publishing.as_ref().is_some_and(|p| p.name == name)
            {
                continue;
            }
            let (seen, size) = match (seen, size) {
                (Ok(Some(seen)), Ok(size)) => (seen, size),
                (Ok(None), _) => {
                    self.writing.remove(&name);
                    self.commit.forget(&name, record.as_ref(), &self.setup)?;
                    continue;
                }
                (Err(error), _) | (_, Err(error)) => {
                    self.commit.fault(&name, error, None, &self.setup)?;
                    continue;
                }
            };
            let word = if self.writing.contains(&name) {
                Word::Writing
            } else {
                word
            };
            let note = self.commit.agenda.seen(&name, seen.fingerprint, self.once);
            let output = record.as_ref().filter(|r| r.verdict == Verdict::Publish);
            let stands = size.is_some() && size == output.map(|r| r.published);
            let sighting = Sighting {
                seen,
                word,
                before: note.before,
                record: record.as_ref(),
                published: size,
                retry_at: note.retry_at,
                changes: note.changes,
                no_room: note
                    .short
                    .is_some_and(|short| look::is_short(&self.setup.publisher, &name, short)),
            };
            let now = now();
            match plan::decide(&sighting, &want, now) {
                Decision::Current(verdict) => {
                    self.commit.agenda.forget(&name);
                    self.commit.faults.clear(&mut self.commit.ledger, &name)?;
                    if listed {
                        self.commit.tally.count_unchanged(&name, verdict);
                    }
                }
                decision @ (Decision::Transform | Decision::Refuse(_) | Decision::Verify) => {
                    let task = Task::of(decision, record.as_ref().and_then(|r| r.input_hash));
                    let job = Job {
                        name,
                        fingerprint: seen.fingerprint,
                        recorded: record.is_some(),
                        stands,
                        task,
                    };
                    if self.queue.push(job) {
                        self.progress.plan(seen.fingerprint.size);
                    }
                }
                decision @ (Decision::Wait(until) | Decision::Outwait(until)) => {
                    let settled = matches!(decision, Decision::Outwait(_));
                    self.commit
                        .agenda
                        .wait(&name, note, seen.fingerprint, settled, now.monotonic, until);
                }
                Decision::Await => self.commit.agenda.forget(&name),
            }
        }
        Ok(())
    }

    /// Is the input folder on a local disk?
    fn local(&self) -> bool {
        self.home.is_none_or(|home| !home.mount)
    }

    /// Does looking or publishing mean to ask a mount?
    fn on_mount(&self) -> bool {
        !self.local() || self.setup.publisher.on_mount()
    }

    /// Scores a group of small inputs, while the group before is published and committed.
    fn run_group(&mut self, current: &mut Current) -> Result<Step> {
        let (Some(pin), Some(home)) = (&self.pin, self.home) else {
            return Ok(Step::Done);
        };
        let pin = pin.clone();
        let jobs = self.queue.next_group(self.together, self.on_mount());
        if jobs.is_empty() {
            return self.commit_scored(current);
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
            if self.commit_scored(current)? == Step::NewLineup {
                return Ok(Step::NewLineup);
            }
            done.extend(jobs.into_iter().map(|job| context.run(job)));
        } else {
            let step = setup.pool.in_place_scope(|scope| {
                scope.spawn(|_| done = jobs.into_par_iter().map(|job| context.run(job)).collect());
                self.commit_scored(current)
            })?;
            if step == Step::NewLineup {
                return Ok(step); // all is planned again
            }
        }
        self.scored = done;
        match self.queue.has_small() {
            true => Ok(Step::Done),
            false => self.commit_scored(current),
        }
    }

    fn commit_scored(&mut self, current: &mut Current) -> Result<Step> {
        let scored = std::mem::take(&mut self.scored);
        let (Some(pin), false) = (&self.pin, scored.is_empty()) else {
            return Ok(Step::Done);
        };
        // An approval that was revoked meanwhile publishes nothing more.
        if current.look() {
            return Ok(Step::NewLineup);
        }
        scored.iter().for_each(|_| self.progress.file_done());
        self.commit.publish(scored, pin, &self.setup)?;
        Ok(Step::Done)
    }

    fn start_large(&mut self) -> Result<()> {
        let (Some(pin), Some(home), None, None) = (&self.pin, self.home, &self.large, &self.publishing) else {
            return Ok(());
        };
        let Some(job) = self.queue.next_large() else {
            return Ok(());
        };
        self.setup.publisher.release();
        let root = self.open_input(home)?;
        let bytes = self.progress.bytes.clone();
        let context = Source {
            root,
            local: !home.mount,
            bytes,
        };
        self.large = Some(Large::start(
            job,
            self.setup.clone(),
            pin.clone(),
            self.inbox.clone(),
            context,
        )?);
        Ok(())
    }

    fn finish_large(&mut self, current: &mut Current) -> Result<Step> {
        let (Some(large), Some(pin)) = (&self.large, &self.pin) else {
            return Ok(Step::Done);
        };
        let done = match large.state() {
            large::State::Done(done) => done,
            large::State::Scoring => {
                self.progress.draw();
                return Ok(Step::Done);
            }
            // That must not hold up the others.
            large::State::Lost => {
                self.large = None;
                return Ok(Step::Relist);
            }
        };
        let Large { name, word, .. } = self.large.take().expect("just seen");
        let step = match current.look() {
            true => Step::NewLineup,
            false => {
                self.progress.file_done();
                self.publishing = self.commit.publish_large(*done, pin, &self.setup, &self.inbox)?;
                Step::Done
            }
        };
        match (&mut self.publishing, word) {
            (Some(publishing), _) => publishing.word = word,
            (None, Some(word)) => self.inbox.add(|news| news.note(name, word)),
            (None, None) => {}
        }
        Ok(step)
    }

    /// Records what was published beside the loop, if that is done. `wait`: until it is.
    pub fn finish_publishing(&mut self, wait: bool) -> Result<Step> {
        let Some(results) = self.publishing.as_ref().and_then(|p| p.results(wait)) else {
            self.progress.draw();
            return Ok(Step::Done);
        };
        let publishing = self.publishing.take().expect("just seen");
        if let Some(word) = publishing.word {
            self.inbox.add(|news| news.note(publishing.name.clone(), word));
        }
        match results {
            Ok(results) => {
                self.commit.record_published(publishing, results, &self.setup)?;
                Ok(Step::Done)
            }
            // Its thread ended without a word; what it published is in doubt, and made again.
            Err(_) => Ok(Step::Relist),
        }
    }

    /// Gives up the large input that is being scored, without waiting for its thread to notice.
    pub fn drop_large(&mut self) {
        if let Some(large) = self.large.take() {
            self.ending.push(large.cancel());
        }
        self.ending.retain(|thread| !thread.is_finished());
    }

    /// Gives up the large input, and waits until its thread has put everything away.
    pub fn end_large(&mut self) {
        self.drop_large();
        for thread in self.ending.drain(..) {
            let _ = thread.join();
        }
    }

    /// Is there more to do at once?
    pub fn busy(&self) -> bool {
        let large = self.large.is_none() && self.publishing.is_none() && self.queue.has_large();
        let listing = self.listing.is_some() && self.queue.has_room();
        listing || self.queue.has_small() || !self.scored.is_empty() || large || self.pruner.busy()
    }

    /// Inputs that are known to lack a result.
    pub fn pending(&self) -> usize {
        let large = usize::from(self.large.is_some()) + usize::from(self.publishing.is_some());
        self.queue.len() + self.scored.len() + large + self.commit.agenda.iter().count()
    }

    /// Is there nothing that the one-shot waits for?
    pub fn converged(&self) -> bool {
        let open = |note: &Note| plan::is_awaited(note.unsettled, note.changes, note.faults);
        self.large.is_none() && self.publishing.is_none() && !self.commit.agenda.iter().any(|(_, note)| open(note))
    }
}
