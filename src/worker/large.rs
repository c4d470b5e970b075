//! A large input that is scored beside the loop, on a thread of its own and on the pool's.

use super::inbox::Inbox;
use super::job::{Context, Done, Job, Setup};
use super::pin::Pin;
use super::plan::Word;
use crate::error::{Error, Result};
use crate::spool::Name;
use crate::spool::scan::Inputs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread::JoinHandle;

pub struct Large {
    pub name: Name,
    done: mpsc::Receiver<Done>,
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// What events said of it meanwhile.
    pub word: Option<Word>,
}

/// How it stands with it.
pub enum State {
    Scoring,
    Done(Box<Done>),
    /// Its thread ended without a result.
    Lost,
}

/// Where the input is, and who counts its bytes.
pub struct Source {
    pub inputs: Inputs,
    pub bytes: Arc<AtomicU64>,
}

impl Large {
    pub fn start(job: Job, setup: Arc<Setup>, pin: Pin, inbox: Arc<Inbox>, source: Source) -> Result<Large> {
        let name = job.name.clone();
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
            done,
            cancel,
            word: None,
        })
    }

    pub fn state(&self) -> State {
        match self.done.try_recv() {
            Ok(done) => State::Done(done.into()),
            Err(TryRecvError::Empty) => State::Scoring,
            Err(TryRecvError::Disconnected) => State::Lost,
        }
    }

    /// Gives it up. Its thread takes a while to notice.
    pub fn cancel(self) -> JoinHandle<()> {
        self.cancel.store(true, Ordering::Relaxed);
        self.thread
    }
}
