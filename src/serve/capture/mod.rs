//! What was asked and answered, kept for monitoring, as SageMaker's data capture keeps it: a line of JSON a prediction, in files by
//! version and hour.
//!
//! An answer never waits for it: an [`event`] is put into a queue that is bounded in bytes, if the [`sample`] wants it, and one
//! thread writes ([`writer`]) into a [`folder`] that keeps to its size and leaves a disk alone that is nearly full. What can't be
//! kept is counted ([`counters`]). [`layout`] says where what lies.

mod counters;
mod event;
mod folder;
mod ids;
mod layout;
mod sample;
mod writer;

pub use counters::Captured;
pub use event::Stamp;

use super::answer::{Answer, Scored};
use super::queue::Queue;
use super::request::{INFERENCE_ID, Request, detached};
use super::route::Stage;
use crate::config;
use crate::error::{Error, Result};
use crate::service::{clock, lock};
use crate::spool::durable;
use counters::{Counters, Loss};
use event::{Event, Payload};
use folder::Folder;
use hyper::header::CONTENT_TYPE;
use ids::Ids;
use sample::Sampler;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use writer::Writer;

/// Bytes of what waits to be written. A request and its answer that are larger together aren't captured.
const QUEUE: usize = 32 << 20;

pub struct Capture {
    sampler: Sampler,
    shared: Arc<Shared>,
    max_size: u64,
    /// Nothing ever comes; it is closed when all is written.
    writing: Mutex<Receiver<Infallible>>,
}

struct Shared {
    queue: Queue<Event>,
    counters: Counters,
    ids: Ids,
}

impl Capture {
    /// # Errors
    /// The thread can't be started. A folder that can't be written to is no error: answers count more.
    pub fn start(settings: &config::Capture, stage: Stage) -> Result<Capture> {
        let shared = Arc::new(Shared {
            queue: Queue::new(QUEUE),
            counters: Counters::default(),
            ids: Ids::default(),
        });
        let folder = Folder::new(settings, stage);
        tracing::info!(
            folder = %folder.path().display(),
            sample = format_args!("{}%", settings.sample * 100.0),
            "predictions are captured"
        );
        let (ends, writing) = channel();
        let started = std::thread::Builder::new().name("capture".into()).spawn({
            let shared = shared.clone();
            move || {
                Writer::new(folder, &shared.queue, &shared.counters, &shared.ids).run();
                drop(ends);
            }
        });
        started.map_err(Error::io("start", "the thread that captures"))?;
        Ok(Capture {
            sampler: Sampler::new(settings.sample),
            shared,
            max_size: settings.max_size,
            writing: Mutex::new(writing),
        })
    }

    /// How it stands, for metrics and people.
    pub fn captured(&self) -> Captured {
        self.shared.counters.read(self.max_size)
    }

    /// Keeps a prediction, if the sample wants it. Never waits. `None`: it isn't kept.
    pub fn offer(&self, request: &mut Request, answer: &Answer) -> Option<Stamp> {
        let scored = answer.scored.as_ref()?;
        if !self.sampler.takes() {
            return None;
        }
        request.body = detached(&request.body);
        let stamp = Stamp {
            id: self.shared.ids.next(),
            at: clock::wall_clock(),
        };
        if self.shared.queue.push(event(request, answer, scored, stamp, None)) {
            return Some(stamp);
        }
        self.shared.counters.lose(Loss::Queue, 1);
        None
    }

    /// Keeps what a shadow makes of a request whose answer is kept. False: there is no room; half of the queue is for answers alone.
    pub fn offer_shadow(&self, request: &Request, answer: &Answer, stamp: Stamp, experiment: &str) -> bool {
        let Some(scored) = &answer.scored else { return false };
        let event = event(request, answer, scored, stamp, Some(experiment));
        self.shared.queue.push_behind(event)
    }

    /// Writes what waits, and no more. `within`: how long it waits for the disk.
    pub fn finish(&self, within: Duration) {
        self.shared.queue.close();
        let writing = lock(&self.writing);
        if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = writing.recv_timeout(within) {
            tracing::warn!("the disk is too slow: the last predictions weren't captured");
        }
    }
}

/// The request's body is of no connection's buffer.
fn event(request: &Request, answer: &Answer, scored: &Scored, stamp: Stamp, experiment: Option<&str>) -> Event {
    let identity = &scored.by.served.lineup.champion.identity;
    let tested = scored.by.tested.as_ref();
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Event {
        group: identity.group.clone(),
        version: identity.version,
        stamp,
        inference_id: request.header(&INFERENCE_ID).map(Into::into),
        experiment: experiment.or(tested.map(|tested| &*tested.arms.phase)).map(Into::into),
        arm: tested.map(|tested| tested.rows.filled(scored.rows as usize)),
        input: Payload::new(content_type.unwrap_or_default(), request.body.clone()),
        output: Payload::new(answer.content_type, detached(&answer.body)),
    }
}

/// Could a server capture? For `transform check --serve`.
pub fn rehearse(settings: &config::Capture, stage: Stage) -> Result<String> {
    let mut folder = Folder::new(settings, stage);
    folder.prepare()?;
    durable::rehearse(folder.path())?;
    if folder.is_full()? {
        let message = "the disk is fuller than capture.max_disk: nothing would be captured";
        return Err(Error::config(folder.path(), message));
    }
    let (size, most) = (bytesize::ByteSize(folder.size()), bytesize::ByteSize(folder.max_size()));
    Ok(format!("{}: {size} of {most}", folder.path().display()))
}
