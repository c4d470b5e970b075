//! Large inputs, which are scored beside the loop: one on the pool's threads, a few by an engine on other machines.

use super::inbox::Inbox;
use super::job::{Context, Done, Job};
use super::pin::Pin;
use super::plan::Word;
use super::setup::Setup;
use crate::error::{Error, Result};
use crate::spool::Name;
use crate::spool::scan::Inputs;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread::JoinHandle;

/// So many at once are scored elsewhere: while one is joined, the machines work on the next.
const ELSEWHERE: usize = 4;

/// Those under way, in the order in which they began. Those elsewhere are judged and published in it, too: what comes of them doesn't
/// depend on who is done first. One here waits for none of them, nor for their cluster.
#[derive(Default)]
pub struct Larges {
    under_way: VecDeque<Large>,
    /// Threads of those that were given up.
    ending: Vec<JoinHandle<()>>,
}

pub struct Large {
    pub name: Name,
    /// An engine has it scored.
    elsewhere: bool,
    done: mpsc::Receiver<Done>,
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// What events said of it meanwhile.
    pub word: Option<Word>,
}

impl Larges {
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    pub fn get_mut(&mut self, name: &Name) -> Option<&mut Large> {
        self.under_way.iter_mut().find(|large| large.name == *name)
    }

    pub fn has(&self, name: &Name) -> bool {
        self.under_way.iter().any(|large| large.name == *name)
    }

    /// May one more begin?
    pub fn has_room(&self, elsewhere: bool) -> bool {
        let same = self.under_way.iter().filter(|large| large.elsewhere == elsewhere);
        same.count() < if elsewhere { ELSEWHERE } else { 1 }
    }

    pub fn push(&mut self, large: Large) {
        self.under_way.push_back(large);
    }

    /// The places of the first one here, and of the first elsewhere.
    fn firsts(&self) -> impl Iterator<Item = usize> {
        let first = |elsewhere| self.under_way.iter().position(|large| large.elsewhere == elsewhere);
        [false, true].into_iter().filter_map(first)
    }

    /// Takes one whose turn it is and that is done, with what came of it: nothing, if its thread ended without a result.
    pub fn take_done(&mut self) -> Option<(Large, Option<Done>)> {
        let done = self
            .firsts()
            .find_map(|place| match self.under_way[place].done.try_recv() {
                Err(TryRecvError::Empty) => None,
                done => Some((place, done.ok())),
            });
        let (place, done) = done?;
        Some((self.under_way.remove(place)?, done))
    }

    /// Has one whose turn it is ended? It may have done so before its turn came.
    pub fn has_ended(&self) -> bool {
        self.firsts().any(|place| self.under_way[place].thread.is_finished())
    }

    /// Gives them up, without waiting for their threads to notice.
    pub fn drop_all(&mut self) {
        self.ending.extend(self.under_way.drain(..).map(Large::cancel));
        self.ending.retain(|thread| !thread.is_finished());
    }

    /// Gives them up, and waits until their threads have put everything away.
    pub fn end(&mut self) {
        self.drop_all();
        for thread in self.ending.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Where the input is, and who counts its bytes.
pub struct Source {
    pub inputs: Inputs,
    pub bytes: Arc<AtomicU64>,
}

impl Large {
    pub fn start(job: Job, setup: Arc<Setup>, pin: Pin, inbox: Arc<Inbox>, source: Source) -> Result<Large> {
        let name = job.name.clone();
        let elsewhere = job.engine(&setup).is_some();
        let cancel = Arc::new(AtomicBool::new(false));
        let (sender, done) = mpsc::sync_channel(1);
        let stop = cancel.clone();
        let work = move || {
            let context = Context {
                setup: &setup,
                pin: &pin,
                inputs: &source.inputs,
                in_parallel: true,
                cancel: &stop,
                progress: &source.bytes,
            };
            let _ = sender.send(context.run(job));
            inbox.add(|news| news.finished = true);
        };
        let thread = std::thread::Builder::new().name("large input".into()).spawn(work);
        Ok(Large {
            thread: thread.map_err(Error::io("start a thread for", name.path()))?,
            name,
            elsewhere,
            done,
            cancel,
            word: None,
        })
    }

    /// Gives it up. Its thread takes a while to notice.
    fn cancel(self) -> JoinHandle<()> {
        self.cancel.store(true, Ordering::Relaxed);
        self.thread
    }
}
