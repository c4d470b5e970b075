//! The one thing that wakes the worker: a mark that something changed, and what is known of it.

use super::plan::Word;
use crate::spool::Name;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More names than this are not kept: a listing finds them.
const NAMES_MAX: usize = 10_000;

#[derive(Default)]
pub struct Inbox {
    news: Mutex<News>,
    bell: Condvar,
    /// Set by a signal to stop: what is in flight is dropped.
    pub cancel: Arc<AtomicBool>,
    /// Since when the worker is at one step; `None`: it waits.
    step: Mutex<Option<Instant>>,
}

/// What came in since it was last taken. It only says where to look; the look decides.
#[derive(Debug, Default)]
pub struct News {
    pub names: HashMap<Name, Word>,
    /// Events were lost, or told too little: what they said of writers no longer counts.
    pub lost: bool,
    /// List the input folder.
    pub relist: bool,
    /// A subfolder came. It is watched a moment after it came, so list now and once more a little later.
    pub subfolder: bool,
    /// Something changed below the models folder.
    pub models: bool,
    /// A watched folder may be another one than before.
    pub folders: bool,
    /// A large input is done.
    pub finished: bool,
    pub reload: bool,
    pub stop: bool,
}

impl Inbox {
    /// Adds to the news and wakes the worker.
    pub fn add(&self, add: impl FnOnce(&mut News)) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut news);
        if news.names.len() > NAMES_MAX {
            news.names.clear();
            news.lost = true;
            news.relist = true;
        }
        if news.any() {
            self.bell.notify_one();
        }
    }

    /// Takes the news at once. A step of the worker begins.
    pub fn take(&self) -> News {
        self.set_step(Some(Instant::now()));
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is news, or the time is over.
    pub fn wait(&self, timeout: Duration) {
        self.set_step(None);
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout_while(news, timeout, |news| !news.any()));
    }

    /// How long the worker is at its step.
    pub fn at_step(&self) -> Duration {
        let step = *self.step.lock().unwrap_or_else(PoisonError::into_inner);
        step.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set_step(&self, since: Option<Instant>) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl News {
    fn any(&self) -> bool {
        let News {
            names,
            lost,
            relist,
            subfolder,
            models,
            folders,
            finished,
            reload,
            stop,
        } = self;
        !names.is_empty() || *lost || *relist || *subfolder || *models || *folders || *finished || *reload || *stop
    }

    /// What an event says of an input. That something happened doesn't override what is known of its writer.
    pub fn note(&mut self, name: Name, word: Word) {
        match word {
            Word::Nothing => drop(self.names.entry(name).or_insert(word)),
            _ => drop(self.names.insert(name, word)),
        }
    }
}
