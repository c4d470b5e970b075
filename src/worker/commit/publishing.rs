//! Results on their way into their folders.

use super::alerts::Judgements;
use crate::error::{Error, Result};
use crate::ledger::{Record, Transformation};
use crate::spool::Name;
use crate::spool::publish::Item;
use crate::worker::inbox::Inbox;
use crate::worker::job::{Job, Setup};
use crate::worker::plan::Word;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvError, TryRecvError};

/// Results that are to be published and recorded together.
#[derive(Default)]
pub(super) struct Ready {
    pub items: Vec<Item>,
    /// What made each, and what the ledger will say of it, in the same order.
    pub jobs: Vec<Job>,
    pub records: Vec<(Record, Transformation)>,
    /// What is recorded alone: the bytes that stand are those that were made.
    pub standing: Vec<(Record, Transformation)>,
    /// What was found of them.
    pub judged: Judgements,
    /// Those that were not published before with the same rows.
    pub new: HashSet<Name>,
    /// To be read again once no change can hide.
    pub racy: Vec<Job>,
}

/// A result of a large input on its way into its folder, which may take long on a mount.
pub struct Publishing {
    pub name: Name,
    pub(super) ready: Ready,
    results: mpsc::Receiver<Result<Vec<Result<u64>>>>,
    /// What events said of the input meanwhile.
    pub word: Option<Word>,
}

impl Publishing {
    pub(super) fn start(name: Name, mut ready: Ready, setup: &Arc<Setup>, inbox: &Arc<Inbox>) -> Result<Publishing> {
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
