//! The one thing that wakes the worker: a mark that something changed, and what is known of it.

use super::plan::Word;
use crate::service::signals::Handlers;
use crate::service::{StepTimer, Stop};
use crate::spool::Name;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// More names than this are not kept: a listing finds them.
const NAMES_MAX: usize = 10_000;

#[derive(Default)]
pub struct Inbox {
    news: Mutex<News>,
    bell: Condvar,
    /// What is in flight is dropped.
    pub stop: Stop,
    /// The worker's, from one take or wait to the next.
    step: Arc<StepTimer>,
}

/// What came in since it was last taken. It only says where to look; the look decides.
#[derive(Debug, Default)]
pub struct News {
    pub names: HashMap<Name, Word>,
    /// Events were lost, or told too little: what they said of writers no longer counts.
    lost: bool,
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
    /// Empty. The worker's first step begins now: to open the folders is one.
    pub fn new() -> Arc<Inbox> {
        let inbox = Inbox::default();
        inbox.step.begin();
        inbox.into()
    }

    /// Adds to the news and wakes the worker.
    pub fn add(&self, add: impl FnOnce(&mut News)) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut news);
        if news.names.len() > NAMES_MAX {
            news.names.clear();
            news.lose();
        }
        if news.any() {
            self.bell.notify_one();
        }
    }

    /// Takes the news at once. A step of the worker begins.
    pub fn take(&self) -> News {
        self.step.begin();
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is news, or the time is over.
    pub fn wait(&self, timeout: Duration) {
        self.step.end();
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout_while(news, timeout, |news| !news.any()));
    }

    /// What signals do to the worker. `exit_if_stuck`: the process's exit code if the worker hangs when it is to stop.
    pub fn handlers(self: &Arc<Self>, exit_if_stuck: u8) -> Handlers {
        let (stopped, reloaded) = (self.clone(), self.clone());
        Handlers {
            stop: self.stop.clone(),
            on_stop: Box::new(move || stopped.add(|news| news.stop = true)),
            on_reload: Box::new(move || reloaded.add(|news| news.reload = true)),
            step: self.step.clone(),
            if_stuck: Box::new(move || {
                tracing::warn!(
                    "stopped while a file was still being read or written; it is done again at the next start"
                );
                exit_if_stuck
            }),
        }
    }
}

impl News {
    pub fn any(&self) -> bool {
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

    /// Events were lost: a close may be among them, of what was written just before.
    pub fn lose(&mut self) {
        self.lost = true;
        self.relist = true;
        self.names.retain(|_, word| *word != Word::Writing);
    }

    /// What is to be looked at. `writing`: the inputs that somebody writes to.
    pub fn into_looks(self, writing: &mut HashSet<Name>) -> Vec<(Name, Word)> {
        if self.lost {
            writing.clear();
        }
        let mut looks = Vec::new();
        for (name, word) in self.names {
            match word {
                Word::Writing => drop(writing.insert(name)),
                Word::Closed => {
                    writing.remove(&name);
                    looks.push((name, word));
                }
                Word::Nothing => looks.push((name, word)),
            }
        }
        looks
    }

    /// What an event says of an input. That something happened doesn't override what is known of its writer.
    pub fn note(&mut self, name: Name, word: Word) {
        match word {
            Word::Nothing => drop(self.names.entry(name).or_insert(word)),
            _ => drop(self.names.insert(name, word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The close of what was written last may be among the events that are lost: such a file waited for the next listing but one.
    #[test]
    fn what_was_written_before_events_were_lost_is_looked_at() {
        let name = |name: &str| Name::new(name.as_bytes());
        let mut news = News::default();
        news.note(name("before"), Word::Writing);
        news.lose();
        news.note(name("behind"), Word::Writing);
        let mut writing = HashSet::from([name("earlier")]);
        assert!(news.relist);
        assert_eq!(news.into_looks(&mut writing), []);
        assert_eq!(writing, HashSet::from([name("behind")]));
    }
}
