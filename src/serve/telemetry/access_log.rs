//! A line a request, in the log. Answers don't wait for it: a line is put into a bounded queue, and one thread writes.
//!
//! The thread is woken by the first line, and lets others come together before it looks again: to wake a thread costs more than a
//! request of one row. Lines that the queue has no room for are counted, and so are those beyond what the journal would take.

use super::metrics::Metrics;
use crate::config::AccessLog as Which;
use crate::error::{Error, Result};
use crate::serve::served::Served;
use crate::service::lock;
use hyper::Method;
use std::mem::take;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Lines that wait.
const QUEUE: usize = 8192;
/// For so long the thread lets lines come together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Of errors, in the time in which lines come together: 300 a second. From 10,000 in 30 s on, journald drops what a service
/// says, whatever it is; a client gone wild shall not silence the server.
const ERRORS_TOGETHER: usize = 30;

/// What came of a request.
#[derive(Clone)]
pub struct Line {
    pub method: Method,
    pub route: &'static str,
    pub status: u16,
    /// Who predicted.
    pub by: Option<Arc<Served>>,
    pub rows: u64,
    pub bad_rows: u64,
    pub took: Duration,
    /// By its name.
    pub key: Option<String>,
    pub client: IpAddr,
    pub id: String,
    /// Why it was refused: code, and the beginning of what was said.
    pub refused: Option<(&'static str, String)>,
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Vec<Line>>,
    filled: Condvar,
}

pub struct AccessLog {
    which: Which,
    metrics: Arc<Metrics>,
    queue: Arc<Queue>,
}

impl AccessLog {
    /// # Errors
    /// The thread can't be started.
    pub fn start(which: Which, metrics: Arc<Metrics>) -> Result<AccessLog> {
        let log = AccessLog {
            which,
            metrics,
            queue: Arc::default(),
        };
        if which != Which::Off {
            let (queue, metrics) = (log.queue.clone(), log.metrics.clone());
            let most = match which {
                Which::Errors => ERRORS_TOGETHER,
                _ => QUEUE,
            };
            // It ends with the process.
            let started = std::thread::Builder::new().name("access log".into()).spawn(move || {
                loop {
                    let lines = queue.wait();
                    let lost = lines.len().saturating_sub(most);
                    lines.iter().take(most).for_each(write);
                    if lost > 0 {
                        metrics.log_lost.fetch_add(lost as u64, Ordering::Relaxed);
                        tracing::warn!(lines = lost, "too many requests to log; lines are left out");
                    }
                    std::thread::sleep(TOGETHER);
                }
            });
            started.map_err(Error::io("start", "the thread that writes the access log"))?;
        }
        Ok(log)
    }

    pub fn wants(&self, status: u16) -> bool {
        match self.which {
            Which::All => true,
            Which::Errors => status >= 400,
            Which::Off => false,
        }
    }

    pub fn add(&self, line: Line) {
        let mut lines = lock(&self.queue.lines);
        if lines.len() >= QUEUE {
            drop(lines);
            self.metrics.log_lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.push(line);
        if lines.len() == 1 {
            self.queue.filled.notify_one();
        }
    }

    /// Writes what waits: before the process ends.
    pub fn flush(&self) {
        self.queue.take().iter().for_each(write);
    }
}

impl Queue {
    fn take(&self) -> Vec<Line> {
        take(&mut *lock(&self.lines))
    }

    /// At least one.
    fn wait(&self) -> Vec<Line> {
        let lines = lock(&self.lines);
        let filled = self.filled.wait_while(lines, |lines| lines.is_empty());
        take(&mut *filled.unwrap_or_else(PoisonError::into_inner))
    }
}

fn write(line: &Line) {
    let refused = line.refused.as_ref();
    tracing::info!(
        method = %line.method,
        route = %line.route,
        status = line.status,
        microseconds = line.took.as_micros() as u64,
        model = line.by.as_ref().map(|by| tracing::field::display(&by.lineup)),
        rows = line.by.as_ref().map(|_| line.rows),
        bad_rows = line.by.as_ref().map(|_| line.bad_rows),
        key = line.key.as_deref(),
        client = %line.client,
        id = %line.id,
        code = refused.map(|(code, _)| tracing::field::display(code)),
        reason = refused.map(|(_, reason)| &**reason),
        "request"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: u16) -> Line {
        Line {
            method: Method::GET,
            route: "/ping",
            status,
            by: None,
            rows: 0,
            bad_rows: 0,
            took: Duration::ZERO,
            key: None,
            client: [127, 0, 0, 1].into(),
            id: String::new(),
            refused: None,
        }
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_counted() {
        let log = AccessLog {
            which: Which::All,
            metrics: Arc::new(Metrics::new()),
            queue: Arc::default(),
        };
        for _ in 0..QUEUE + 7 {
            log.add(line(200));
        }
        assert_eq!(log.metrics.log_lost.load(Ordering::Relaxed), 7);
        assert_eq!(log.queue.wait().len(), QUEUE);
        log.add(line(200));
        assert_eq!(log.queue.take().len(), 1);
    }

    #[test]
    fn errors_are_what_was_refused() {
        for (which, ok, refused) in [
            (Which::All, true, true),
            (Which::Errors, false, true),
            (Which::Off, false, false),
        ] {
            let log = AccessLog {
                which,
                metrics: Arc::default(),
                queue: Arc::default(),
            };
            assert_eq!((log.wants(200), log.wants(403)), (ok, refused));
        }
    }
}
