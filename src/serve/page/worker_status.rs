//! The worker beside the server, by the `status.json` that it writes.

use crate::service::lock;
use jiff::Timestamp;
use serde::Deserialize;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Of a file that lists files; a longer one isn't read.
const LONGEST: u64 = 16 << 20;
/// After so many seconds without a word from a worker that should run, a person shall look.
pub const SILENT: i64 = 60;

/// What of `config/schemas/status.schema.json` a person wants to see beside requests.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Worker {
    pub at: Timestamp,
    pub worker: Process,
    pub model: Option<String>,
    pub model_error: Option<String>,
    pub input_error: Option<String>,
    pub state_error: Option<String>,
    /// `None`: the counts say nothing.
    pub counted: Option<Timestamp>,
    pub done: u64,
    pub pending: u64,
    pub failed: u64,
    pub held: u64,
    pub retrying: u64,
    pub oldest_pending: Option<Timestamp>,
    #[serde(default)]
    pub faults: Vec<Fault>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Process {
    /// running, not_responding, stopped, none
    pub state: String,
    /// daemon, once
    pub mode: Option<String>,
    /// What it scores by.
    pub model: Option<String>,
    pub heartbeat: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Fault {
    /// Empty: the worker as a whole.
    pub input: String,
    pub message: String,
}

impl Worker {
    /// What keeps it as a whole from working.
    pub fn fault(&self) -> Option<&str> {
        let outage = self.faults.iter().find(|fault| fault.input.is_empty());
        let errors = [&self.state_error, &self.model_error, &self.input_error];
        let error = errors.into_iter().flatten().next().map(String::as_str);
        outage.map(|outage| outage.message.as_str()).or(error)
    }

    /// Seconds since it was heard of, where that is too long.
    pub fn silence(&self, now: Timestamp) -> Option<i64> {
        let heard = self.worker.heartbeat.unwrap_or(self.at).max(self.at);
        let seconds = now.as_second() - heard.as_second();
        let should_run = self.worker.state != "stopped" && self.worker.mode.as_deref() != Some("once");
        (should_run && seconds > SILENT).then_some(seconds)
    }
}

/// As it was found last; `None`: there is none. Or why that can't be known.
pub type Found = Result<Option<Worker>, String>;

pub struct WorkerStatus {
    path: PathBuf,
    found: Mutex<Arc<Found>>,
}

impl WorkerStatus {
    /// `folder`: where the worker writes how things stand.
    pub fn new(folder: &Path) -> WorkerStatus {
        WorkerStatus {
            path: folder.join("status.json"),
            found: Mutex::new(Arc::new(Ok(None))),
        }
    }

    /// Looks at it now: it may be on a mount that doesn't answer, for which no request waits.
    pub fn look(&self) {
        let found = Arc::new(read(&self.path));
        *lock(&self.found) = found;
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn found(&self) -> Arc<Found> {
        lock(&self.found).clone()
    }
}

fn read(path: &Path) -> Found {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = Vec::new();
    let read = file.take(LONGEST).read_to_end(&mut text);
    read.map_err(|error| error.to_string())?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{"schema": 1, "at": "2026-11-26T12:00:00Z", "worker": {"state": "running", "mode": "daemon",
        "model": "lines/2", "heartbeat": "2026-11-26T12:00:05Z", "new": 1}, "model": "lines/2", "model_error": null,
        "input_error": null, "state_error": null, "counted": "2026-11-26T12:00:00Z", "done": 7, "pending": 2, "failed": 1,
        "held": 0, "retrying": 1, "oldest_pending": null, "faults": [{"input": "a.csv", "message": "b"},
        {"input": "", "message": "disk full"}]}"#;

    #[test]
    fn a_workers_status_is_read_and_silence_noticed() {
        let worker: Worker = serde_json::from_str(STATUS).unwrap();
        assert_eq!((worker.done, worker.fault()), (7, Some("disk full")));
        let at = |text: &str| worker.silence(text.parse().unwrap());
        assert_eq!(at("2026-11-26T12:01:05Z"), None);
        assert_eq!(at("2026-11-26T12:01:06Z"), Some(61));
    }

    #[test]
    fn none_is_not_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(&folder.path().join("status.json")), Ok(None)));
        assert!(read(folder.path()).is_err());
        assert!(serde_json::from_str::<Worker>("{\"at\": 1}").is_err());
    }
}
