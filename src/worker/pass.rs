//! One pass: list, look, plan, and transform what is stale.

use super::commit::{Commit, Publishing};
use super::inbox::{Inbox, News};
use super::job::{Context, Done};
use super::large::{Large, Larges, Source};
use super::lineup::fits;
use super::look::{asked, want};
use super::owner::claim_folders;
use super::pin::Pin;
use super::plan::{Want, Word};
use super::queue::Queue;
use super::setup::Setup;
use crate::config::Config;
use crate::error::Result;
use crate::format::{FileFormat, foreign};
use crate::registry::{Baselines, Current};
use crate::score::Lineup;
use crate::service::{Progress, ServiceManager};
use crate::spool::scan::{Inputs, Listing};
use crate::spool::{Home, Name};
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;

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
    setup: Arc<Setup>,
    commit: Commit,
    inbox: Arc<Inbox>,
    progress: Progress,
    /// The lineup at work, and what it makes.
    pin: Option<Pin>,
    /// Where the input folder was when it was first seen.
    home: Option<Home>,
    listing: Option<Listing>,
    /// Of those that the last listing found to be no inputs.
    ignored: Vec<Name>,
    queue: Queue,
    /// How many small inputs may be worked on together.
    together: usize,
    /// Small inputs that were scored, to be published while the next are.
    scored: Vec<Done>,
    large: Larges,
    /// A large input's result that is being published.
    publishing: Option<Publishing>,
    /// Inputs that somebody writes to, by the word of events.
    writing: HashSet<Name>,
}

impl Pass {
    /// `together`: how many small inputs may be worked on together.
    pub fn new(setup: Setup, commit: Commit, inbox: Arc<Inbox>, progress: Progress, together: usize) -> Pass {
        let queue = Queue::new(setup.part_size());
        Pass {
            setup: setup.into(),
            commit,
            inbox,
            progress,
            pin: None,
            home: None,
            listing: None,
            ignored: Vec::new(),
            queue,
            together,
            scored: Vec::new(),
            large: Larges::default(),
            publishing: None,
            writing: HashSet::new(),
        }
    }

    pub fn config(&self) -> &Config {
        &self.setup.config
    }

    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// To show on it what keeps the worker from working.
    pub fn commit_mut(&mut self) -> &mut Commit {
        &mut self.commit
    }

    pub fn has_lineup(&self) -> bool {
        self.pin.is_some()
    }

    /// Works by this lineup from now on, or waits for one. `baselines`: its own, to be held against them.
    pub fn take_lineup(&mut self, lineup: Option<&Arc<Lineup>>, baselines: Baselines) -> Result<()> {
        let baselines = match self.setup.config.monitor.is_on() {
            true => baselines,
            false => Baselines::default(),
        };
        if let Some(lineup) = lineup
            && let Err(error) = fits(&self.setup.config, lineup, baselines.champion.is_some())
        {
            self.pin = None;
            self.start_over();
            return Err(error);
        }
        self.pin = lineup.map(|lineup| Pin::of(lineup, &self.setup.config, &baselines));
        self.start_over();
        self.commit.take_lineup(lineup, baselines)?;
        self.commit.halt(&self.setup)
    }

    /// Lets go of the folders of results.
    pub fn release_folders(&self) {
        self.setup.publisher.release();
    }

    pub fn replace_setup(&mut self, setup: Setup) {
        self.setup = setup.into();
        self.home = None;
        self.pin = None;
        self.commit.forget_all();
        self.writing.clear();
        self.start_over();
    }

    /// What was planned, or is being scored, was for another model or configuration: it is planned again.
    pub fn start_over(&mut self) {
        self.large.drop_all();
        self.queue = Queue::new(self.setup.part_size());
        self.scored.clear();
        self.listing = None;
        self.commit.start_over();
    }

    pub fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    pub fn begin_listing(&mut self, heartbeat: impl FnMut()) -> Result<()> {
        let listing = Listing::new(&self.setup.config.input.path, &self.setup.config.input.rules)?;
        match &self.home {
            Some(home) => home.check(listing.inputs().dir())?,
            None => {
                let dir = listing.inputs().dir();
                let home = Home::of(dir)?;
                self.commit.ledger().remember_place(dir.path(), home.mount)?;
                self.home = Some(home);
            }
        }
        let Setup { config, publisher, .. } = &*self.setup;
        claim_folders(config, self.commit.ledger(), publisher, true, heartbeat)?;
        self.commit.begin_listing(config, self.setup.once)?;
        self.listing = Some(listing);
        Ok(())
    }

    /// One step: first what events told, then what is due, then the listing, then one group.
    pub fn work(
        &mut self,
        mut looks: Vec<(Name, Word)>,
        current: &mut Current,
        manager: &mut ServiceManager,
    ) -> Result<Step> {
        let Some(home) = self.home else {
            return Ok(Step::Done);
        };
        let chunk = if self.on_mount() { CHUNK_ON_MOUNT } else { CHUNK };
        let (due, mut relist) = self.commit.take_due(chunk);
        looks.extend(due.into_iter().map(|name| (name, Word::Nothing)));
        if (!looks.is_empty() || self.listing.is_some()) && self.commit_scored(current)? == Step::NewLineup
        // what is looked at now must find its record
        {
            self.inbox
                .add(|news| looks.into_iter().for_each(|(name, word)| news.note(name, word)));
            return Ok(Step::NewLineup);
        }
        if !looks.is_empty() {
            let inputs = self.open_input(home)?;
            self.look(&inputs, looks, false)?;
        }
        self.go_on_listing(chunk, manager)?;
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
        if self.commit.is_pruning() && self.listing.is_none() && !self.queue.has_small() {
            let inputs = self.open_input(home)?;
            self.commit.prune(&inputs, &self.setup)?;
        }
        Ok(if relist { Step::Relist } else { Step::Done })
    }

    /// Says once of a file, that somebody may wait for, why nothing comes of it.
    fn log_ignored(&mut self, ignored: &[Name]) {
        let told = std::mem::replace(&mut self.ignored, ignored.to_vec());
        // The one-shot says so at its end.
        for input in ignored.iter().filter(|name| !self.setup.once && !told.contains(name)) {
            if let Some(glob) = FileFormat::glob(input.bytes()) {
                tracing::warn!(%input, glob, "a file is ignored: input.include lacks the glob that has its name");
            } else if let Some((what, hint)) = foreign::by_name(input.bytes()) {
                tracing::warn!(%input, what, hint, "a file is ignored: its rows can't be read as it is");
            }
        }
    }

    /// Looks at the next names of the listing.
    fn go_on_listing(&mut self, chunk: usize, manager: &mut ServiceManager) -> Result<()> {
        if !self.queue.has_room() {
            return Ok(());
        }
        let Some(mut listing) = self.listing.take() else {
            return Ok(());
        };
        let mut names = listing.next(chunk)?;
        // What was found together is judged in the order of the names, which most often is that of time.
        names.sort_unstable();
        for (folder, error) in listing.take_unreadable() {
            self.commit.set_unreadable(folder, &error)?;
        }
        let done = names.is_empty();
        if done {
            let (ignored, named) = listing.ignored();
            self.commit.count_ignored(ignored, named);
            self.log_ignored(named);
        }
        let looks = names.into_iter().map(|name| (name, Word::Nothing)).collect();
        self.look(listing.inputs(), looks, true)?;
        if done {
            // There may be many reports, and each look may take long.
            let heartbeat = || manager.heartbeat();
            self.commit.end_listing(listing.inputs(), &self.setup, heartbeat)
        } else {
            self.listing = Some(listing);
            Ok(())
        }
    }

    /// The input folder, if its mount is still there.
    fn open_input(&self, home: Home) -> Result<Inputs> {
        let input = &self.setup.config.input;
        let inputs = Inputs::open(&input.path, &input.rules)?;
        home.check(inputs.dir())?;
        Ok(inputs)
    }

    /// Sorts out what events said. Returns what to look at.
    pub fn sort_news(&mut self, news: News) -> Vec<(Name, Word)> {
        for (name, word) in &news.names {
            if let Some(large) = self.large.get_mut(name) {
                large.word = Some(*word);
            }
            if let Some(publishing) = self.publishing.as_mut().filter(|p| p.name == *name) {
                publishing.word = Some(*word);
            }
        }
        news.into_looks(&mut self.writing)
    }

    /// Looks at inputs, and queues what is to be done.
    fn look(&mut self, inputs: &Inputs, mut looks: Vec<(Name, Word)>, listed: bool) -> Result<()> {
        let Some(pin) = &self.pin else {
            return Ok(());
        };
        let (large, publishing) = (&self.large, &self.publishing);
        looks.retain(|(name, _)| !large.has(name) && publishing.as_ref().is_none_or(|p| p.name != *name));
        for (name, word) in &mut looks {
            if self.writing.contains(name) {
                *word = Word::Writing;
            }
        }
        let challengers = pin.scorer.lineup.challengers.iter();
        let phases = challengers.flat_map(|of| of.phases.iter().map(|phase| (phase, of.is_open)));
        let want = Want {
            once: self.setup.once,
            ..want(&self.setup.config, pin.recipe.clone(), asked(phases), self.local())
        };
        let planned = self.commit.plan(looks, inputs, listed, &want, &self.setup)?;
        for name in &planned.gone {
            self.writing.remove(name);
        }
        if planned.subfolder {
            self.inbox.add(|news| news.subfolder = true);
        }
        for job in planned.jobs {
            self.writing.remove(&job.name);
            let size = job.fingerprint.size;
            if self.queue.push(job) {
                self.progress.plan(size);
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
        let inputs = self.open_input(home)?;
        let (setup, stop, bytes) = (self.setup.clone(), self.inbox.stop.clone(), self.progress.bytes.clone());
        let context = Context {
            setup: &setup,
            pin: &pin,
            inputs: &inputs,
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

    /// Where a large input may begin that waits, if there is one: elsewhere?
    fn next_large(&self) -> Option<bool> {
        let may_begin = |elsewhere: &bool| self.large.has_room(*elsewhere) && self.queue.has_large(*elsewhere);
        [false, true].into_iter().find(may_begin)
    }

    fn start_large(&mut self) -> Result<()> {
        let (Some(pin), Some(home), None) = (&self.pin, self.home, &self.publishing) else {
            return Ok(());
        };
        let Some(elsewhere) = self.next_large() else {
            return Ok(());
        };
        let Some(job) = self.queue.next_large(elsewhere) else {
            return Ok(());
        };
        let setup = &self.setup;
        setup.publisher.release();
        let inputs = self.open_input(home)?;
        let bytes = self.progress.bytes.clone();
        let context = Source { inputs, bytes };
        let large = Large::start(job, setup.clone(), pin.clone(), self.inbox.clone(), context)?;
        self.large.push(large);
        Ok(())
    }

    fn finish_large(&mut self, current: &mut Current) -> Result<Step> {
        let (Some(pin), None) = (&self.pin, &self.publishing) else {
            return Ok(Step::Done);
        };
        let Some((Large { name, word, .. }, done)) = self.large.take_done() else {
            if !self.large.is_empty() {
                self.progress.draw();
            }
            return Ok(Step::Done);
        };
        // That must not hold up the others.
        let Some(done) = done else {
            return Ok(Step::Relist);
        };
        let step = match current.look() {
            true => Step::NewLineup,
            false => {
                self.progress.file_done();
                self.publishing = self.commit.publish_large(done, pin, &self.setup, &self.inbox)?;
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
        let Some(published) = self.publishing.as_ref().and_then(|p| p.published(wait)) else {
            self.progress.draw();
            return Ok(Step::Done);
        };
        let publishing = self.publishing.take().expect("just seen");
        if let Some(word) = publishing.word {
            self.inbox.add(|news| news.note(publishing.name.clone(), word));
        }
        match published {
            Ok(published) => {
                self.publishing = self
                    .commit
                    .record_published(publishing, published, &self.setup, &self.inbox)?;
                Ok(Step::Done)
            }
            // Its thread ended without a word; what it published is in doubt, and made again.
            Err(_) => Ok(Step::Relist),
        }
    }

    /// Gives up the large inputs, and waits until their threads have put everything away.
    pub fn end_large(&mut self) {
        self.large.end();
    }

    /// Is there more to do at once?
    pub fn busy(&self) -> bool {
        let large = self.publishing.is_none() && (self.large.has_ended() || self.next_large().is_some());
        let listing = self.listing.is_some() && self.queue.has_room();
        listing || self.queue.has_small() || !self.scored.is_empty() || large || self.commit.is_pruning()
    }

    /// Is nothing under way that was found to do?
    pub fn is_idle(&self) -> bool {
        let large = !self.large.is_empty() || self.publishing.is_some();
        self.queue.len() == 0 && self.scored.is_empty() && !large
    }

    /// Inputs that are known to lack a result.
    pub fn pending(&self) -> usize {
        let large = self.large.len() + usize::from(self.publishing.is_some());
        self.queue.len() + self.scored.len() + large + self.commit.waiting()
    }

    /// Inputs that somebody has open for writing, by the word of events or of the kernel; at most `most`.
    pub fn open(&self, most: usize) -> HashSet<Name> {
        let open = self.writing.iter().chain(self.commit.open());
        open.take(most).cloned().collect()
    }

    /// Is there nothing that the one-shot waits for?
    pub fn converged(&self) -> bool {
        self.large.is_empty() && self.publishing.is_none() && self.commit.converged()
    }
}
