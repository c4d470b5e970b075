//! Results on their way into their folders.

use super::alerts::Judgements;
use super::shadows::{self, ShadowResult};
use crate::error::{Error, Result};
use crate::ledger::{Record, Transformation};
use crate::spool::Name;
use crate::spool::publish::{Item, Publisher};
use crate::worker::inbox::Inbox;
use crate::worker::job::{Job, Setup};
use crate::worker::plan::Word;
use std::collections::HashSet;
use std::mem::take;
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
    pub shadows: Vec<ShadowResult>,
}

/// What became of what was ready.
pub struct Published {
    /// Of each item, its size.
    pub(super) results: Result<Vec<Result<u64>>>,
    pub(super) shadows: Vec<ShadowResult>,
}

impl Ready {
    /// Is there nothing to publish?
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.shadows.is_empty()
    }

    /// Publishes what is to be.
    pub fn publish(&mut self, publisher: &Publisher) -> Published {
        let (items, made) = (take(&mut self.items), take(&mut self.shadows));
        Published {
            results: publisher.publish(items),
            shadows: shadows::publish(made, publisher),
        }
    }
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
    pub(super) fn start(name: Name, mut ready: Ready, setup: &Arc<Setup>, inbox: &Arc<Inbox>) -> Result<Publishing> {
        let (sender, published) = mpsc::sync_channel(1);
        let (setup, inbox) = (setup.clone(), inbox.clone());
        let mut results = Ready {
            items: take(&mut ready.items),
            shadows: take(&mut ready.shadows),
            ..Ready::default()
        };
        let publish = move || {
            let _ = sender.send(results.publish(&setup.publisher));
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
            results => Some(results.map_err(|_| RecvError)),
        }
    }
}
