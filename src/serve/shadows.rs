//! Versions on trial: once a request is answered and captured, shadows score it, too, in a thread beside. What they make of it is
//! captured under the same event id. No answer waits for them, and none is another one for them.
//!
//! Requests wait in a queue that is bounded in bytes; what doesn't fit is skipped, and counted by each [`Shadow`].

use super::answer::Answer;
use super::body::{Hold, Memory};
use super::capture::{Capture, Stamp};
use super::protocol::{self, Ask, By};
use super::queue::{Item, Queue};
use super::refusal::{Cause, Refusal};
use super::request::{INFERENCE_ID, Request};
use super::route::Route;
use super::scoring::Predictions;
use super::shadow::{Answered, Shadow, Shadows};
use crate::config::BadRows;
use crate::error::{Error, Result as Outcome};
use crate::service::lock;
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Bytes of the requests that wait. A larger one is skipped.
const QUEUE: usize = 32 << 20;
/// Bytes that the predictions of one may take, with their text: more couldn't be captured.
const ROOM: u64 = 64 << 20;
/// Of a task beside its texts: what its headers take, and its place in the queue.
const TASK: usize = 1 << 10;

pub struct ShadowThread {
    queue: Arc<Queue<Task>>,
    /// Of the last request.
    headers: Mutex<Arc<HeaderMap>>,
    /// Nothing ever comes; it is closed when all are scored.
    scoring: Mutex<Receiver<Infallible>>,
}

/// A request that was answered and captured, and those who are to score it.
struct Task {
    route: Route,
    query: String,
    headers: Arc<HeaderMap>,
    /// The caller's own name of it, which is kept, too.
    inference_id: Option<HeaderValue>,
    body: Bytes,
    stamp: Stamp,
    shadows: Shadows,
    answered: Answered,
}

impl Item for Task {
    fn size(&self) -> usize {
        let headers = self.headers.values().chain(&self.inference_id).map(HeaderValue::len);
        let predictions = self.answered.predictions.as_ref().map_or(0, Predictions::bytes);
        TASK + headers.sum::<usize>() + self.query.len() + self.body.len() + predictions
    }
}

impl ShadowThread {
    /// # Errors
    /// The thread can't be started.
    pub fn start(capture: Arc<Capture>) -> Outcome<ShadowThread> {
        let queue = Arc::new(Queue::new(QUEUE));
        let (ends, scoring) = channel();
        let started = std::thread::Builder::new().name("shadows".into()).spawn({
            let queue = queue.clone();
            move || {
                run(&queue, &capture);
                drop(ends);
            }
        });
        started.map_err(Error::io("start", "the thread in which shadows score"))?;
        Ok(ShadowThread {
            queue,
            headers: Mutex::default(),
            scoring: Mutex::new(scoring),
        })
    }

    /// Has a request scored by those on trial beside the version that answered it, unless that was asked for by its number. Never
    /// waits. The request's body is of no connection's buffer.
    pub fn offer(&self, request: Request, shadows: Shadows, stamp: Stamp, answered: Answered) {
        if !matches!(request.target(), Ok((_, None))) {
            return;
        }
        let inference_id = request.headers.get(&INFERENCE_ID);
        let compares = shadows.iter().any(|shadow| shadow.compares());
        let task = Task {
            headers: request.kept_headers(&mut lock(&self.headers)),
            // Not as a part of its connection's buffer.
            inference_id: inference_id.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok()),
            route: request.route,
            query: request.query,
            body: request.body,
            stamp,
            shadows: shadows.clone(),
            answered: Answered {
                predictions: answered.predictions.filter(|_| compares),
                ..answered
            },
        };
        if !self.queue.push(task) {
            shadows.iter().for_each(|shadow| shadow.skip());
        }
    }

    /// Scores what waits, and no more, for as long as `within`.
    pub fn finish(&self, within: Duration) {
        self.queue.close();
        if let Err(RecvTimeoutError::Timeout) = lock(&self.scoring).recv_timeout(within) {
            tracing::warn!("shadows are too slow: they didn't score the last requests");
        }
    }
}

/// Until the queue is closed and empty.
fn run(queue: &Queue<Task>, capture: &Capture) {
    let memory = Memory::new(ROOM);
    let mut tasks = Vec::new();
    while queue.take(&mut tasks) {
        for task in tasks.drain(..) {
            let size = task.size();
            let mut headers = HeaderMap::clone(&task.headers);
            if let Some(id) = task.inference_id {
                headers.insert(INFERENCE_ID.clone(), id);
            }
            let request = Request {
                route: task.route,
                query: task.query,
                headers,
                body: task.body,
            };
            for shadow in task.shadows.iter() {
                score(shadow, &request, &memory.hold(), |answer| {
                    if let Some(scored) = &answer.scored {
                        shadow.compare(&task.answered, scored);
                    }
                    capture.offer_shadow(&request, answer, task.stamp, shadow.experiment())
                });
            }
            queue.release(size);
        }
    }
}

/// Scores a request, and hands over what it would have answered. Rows that it can't score have no prediction, whatever
/// `serve.bad_rows` says. `room`: for its predictions. `keep`: false if it isn't kept. What fails, even by a panic, is counted.
fn score(shadow: &Shadow, request: &Request, room: &Hold, keep: impl FnOnce(&Answer) -> bool) {
    let scored = catch_unwind(AssertUnwindSafe(|| -> Result<bool, Refusal> {
        let start = Instant::now();
        let by = By::Version(shadow.served());
        let answer = protocol::answer(&Ask::new(request, by, BadRows::Null, room, ROOM))?;
        shadow.time(start.elapsed());
        Ok(keep(&answer))
    }));
    match scored {
        Ok(Ok(true)) => shadow.count(),
        Ok(Ok(false)) => shadow.skip(),
        Ok(Err(refusal)) => match refusal.cause {
            Cause::Busy | Cause::TooLarge => shadow.skip(),
            _ => shadow.fail(&refusal.message),
        },
        Err(_) => shadow.fail("a defect of this program"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::fuzzing::MODELS;

    fn request(body: &str) -> Request {
        Request {
            route: Route::Batch,
            headers: HeaderMap::new(),
            query: String::new(),
            body: body.to_owned().into(),
        }
    }

    const STAMP: Stamp = Stamp { id: 1, at: 0 };

    /// Nobody takes anything from its queue.
    fn thread(bytes: usize) -> ShadowThread {
        ShadowThread {
            queue: Arc::new(Queue::new(bytes)),
            headers: Mutex::default(),
            scoring: Mutex::new(channel().1),
        }
    }

    fn answered() -> Answered {
        Answered {
            rows: 1,
            bad_rows: 0,
            predictions: None,
        }
    }

    #[test]
    fn what_a_full_queue_doesnt_take_is_skipped_and_counted() {
        let served = MODELS.ready().unwrap();
        let shadow = Arc::new(Shadow::new("trial", served, None));
        let thread = thread(2 * TASK + 1);
        let shadows: Shadows = [shadow.clone()].into();
        let skipped = || shadow.standing().skipped;
        thread.offer(request("{}"), shadows.clone(), STAMP, answered());
        assert_eq!(skipped(), 0);
        thread.offer(request("{}"), shadows.clone(), STAMP, answered());
        assert_eq!(skipped(), 1);
    }

    #[test]
    fn what_comes_of_a_request_is_counted() {
        let served = MODELS.ready().unwrap();
        let shadow = Shadow::new("trial", served.clone(), None);
        let memory = Memory::new(ROOM);
        let score = |body: &str, memory: &Arc<Memory>, keeps: bool| {
            let mut said = None;
            super::score(&shadow, &request(body), &memory.hold(), |answer| {
                said = Some(String::from_utf8_lossy(&answer.body).into_owned());
                keeps
            });
            let standing = shadow.standing();
            (said, [standing.scored, standing.skipped, standing.failed])
        };
        let rows = r#"{"x": [[1, 2], ["?", 1]]}"#;
        // As the version would answer where bad rows refuse nothing.
        let (asked, room) = (request(rows), memory.hold());
        let ask = Ask::new(&asked, By::Asked(&MODELS), BadRows::Null, &room, 1 << 20);
        let answer = protocol::answer(&ask).unwrap();
        let said = Some(String::from_utf8_lossy(&answer.body).into_owned());
        assert_eq!(score(rows, &memory, true), (said.clone(), [1, 0, 0]));
        assert_eq!(score(rows, &memory, false), (said, [1, 1, 0]));
        assert_eq!(score("[", &memory, true), (None, [1, 1, 1]));
        let many = format!(r#"{{"x": [{}[1, 2]]}}"#, "[1, 2],".repeat(1000));
        assert_eq!(score(&many, &Memory::new(10), true), (None, [1, 2, 1]));
        let broken = Shadow::new("trial", served, None);
        super::score(&broken, &request(rows), &memory.hold(), |_| panic!("a defect"));
        assert_eq!(broken.standing().failed, 1);
    }
}
