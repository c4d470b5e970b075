//! The worker's reporter: a thread of its own writes down how things stand while the worker works, for the folder of the
//! status may be on a disk that is full, or on a mount that hangs.

use super::news::{Last, Live, Shared};
use super::process::Mode;
use super::reports::Reports;
use super::survey::PATIENCE;
use super::{textfile, written};
use crate::config::Config;
use crate::error::Result;
use crate::service::Heartbeat;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A stopped worker waits so long for its last report.
const LAST: Duration = Duration::from_secs(1);

/// The thread that writes reports.
pub struct Reporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<()>,
}

impl Reporter {
    /// Begins to report on a worker that holds its lock.
    pub fn start(config: &Config, mode: Mode, heartbeat: Arc<Heartbeat>) -> Reporter {
        let shared = Arc::new(Shared::default());
        let (sender, ended) = mpsc::sync_channel(1);
        let reports = Reports::new(config.clone(), mode, heartbeat, shared.clone());
        let work = move || {
            reports.run();
            let _ = sender.send(());
        };
        // That there is no thread stops nobody.
        let thread = thread::Builder::new().name("status".into()).spawn(work);
        Reporter {
            shared,
            thread: thread.ok(),
            ended,
        }
    }

    /// How the worker stands. `changed`: it did something, or has something to do.
    pub fn notice(&self, live: Live, changed: bool) {
        let mut news = self.shared.lock();
        news.live = Some(live);
        // The thread isn't woken a thousand times a second.
        if changed && !std::mem::replace(&mut news.changed, true) {
            self.shared.arrived.notify_all();
        }
    }

    /// The configuration was read again.
    pub fn configure(&self, config: &Config) {
        let mut news = self.shared.lock();
        news.config = Some(config.clone());
        news.changed = true;
        self.shared.arrived.notify_all();
    }

    /// Writes a last report, and waits for it, but not for ever.
    pub fn end(&mut self, last: Last) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        let patience = match last {
            Last::Known => LAST,
            Last::Converged(_) | Last::Survey => PATIENCE,
        };
        self.shared.lock().last = Some(last);
        self.shared.arrived.notify_all();
        if self.ended.recv_timeout(patience).is_ok() {
            let _ = thread.join();
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.end(Last::Known);
    }
}

/// Could the worker write its reports? Leaves nothing behind.
pub fn rehearse(config: &Config) -> Result<()> {
    written::rehearse(config)?;
    textfile::rehearse(config)
}
