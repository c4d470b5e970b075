//! What was asked and answered, kept for monitoring, as SageMaker's data capture keeps it: a line of JSON a prediction, in files by
//! version and hour.
//!
//! An answer never waits for it: an [`event`] is put into a [`queue`] that is bounded in bytes, if the [`sample`] wants it, and one
//! thread writes ([`writer`]) into a [`folder`] that keeps to its size and leaves a disk alone that is nearly full. What can't be
//! kept is counted ([`counters`]). [`layout`] says where what lies.

mod counters;
mod event;
mod folder;
mod ids;
mod layout;
mod queue;
mod sample;
mod writer;

pub use counters::Captured;

use super::answer::Answer;
use super::request::Request;
use super::route::Stage;
use crate::config;
use crate::error::{Error, Result};
use crate::service::{clock, lock};
use crate::spool::durable;
use counters::{Counters, Loss};
use event::{Event, Payload};
use folder::Folder;
use hyper::header::{CONTENT_TYPE, HeaderName};
use queue::Queue;
use sample::Sampler;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use writer::Writer;

/// Bytes of what waits to be written. A request and its answer that are larger together aren't captured.
const QUEUE: usize = 32 << 20;
/// How long a process that is to stop waits for its disk.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

static INFERENCE_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");

pub struct Capture {
    sampler: Sampler,
    shared: Arc<Shared>,
    max_size: u64,
    /// Nothing ever comes; it is closed when all is written.
    writing: Mutex<Receiver<Infallible>>,
}

struct Shared {
    queue: Queue,
    counters: Counters,
}

impl Capture {
    /// # Errors
    /// The thread can't be started. A folder that can't be written to is no error: answers count more.
    pub fn start(settings: &config::Capture, stage: Stage) -> Result<Capture> {
        let shared = Arc::new(Shared {
            queue: Queue::new(QUEUE),
            counters: Counters::default(),
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
                Writer::new(folder, &shared.queue, &shared.counters).run();
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

    /// Keeps a prediction, if the sample wants it. Never waits.
    pub fn offer(&self, request: &Request, answer: &Answer) {
        let Some(scored) = &answer.scored else { return };
        if !self.sampler.takes() {
            return;
        }
        let identity = &scored.by.lineup.champion.identity;
        let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let event = Event {
            group: identity.group.clone(),
            version: identity.version,
            at: clock::wall_clock(),
            inference_id: request.header(&INFERENCE_ID).map(Into::into),
            input: Payload::new(content_type.unwrap_or_default(), &request.body),
            output: Payload::new(answer.content_type, &answer.body),
        };
        if !self.shared.queue.push(event) {
            self.shared.counters.lose(Loss::Queue, 1);
        }
    }

    /// Writes what waits, and no more.
    pub fn finish(&self) {
        self.shared.queue.close();
        let writing = lock(&self.writing);
        if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = writing.recv_timeout(FINISH_WITHIN) {
            tracing::warn!("the disk is too slow: the last predictions weren't captured");
        }
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
