//! `status.json`: what the worker wrote down last, for the members of its group and for who asks.

use super::files::{Why, hinted};
use super::process::Process;
use super::snapshot::Status;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::spool::durable;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// In the status folder.
const FILE: &str = "status.json";

/// What of it can't be found out without the worker.
#[derive(Debug, Deserialize)]
pub struct Written {
    at: Timestamp,
    worker: Process,
    pending_files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    file: String,
    reason: Why,
}

/// What was found where it should be.
pub struct Found {
    path: PathBuf,
    /// `None`: there is none.
    written: Result<Option<Written>>,
}

pub fn read(config: &Config) -> Found {
    let path = path(config);
    let written = match std::fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json)
            .map(Some)
            .map_err(|e| Error::config(&path, format!("not what this version of transform writes: {e}"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", &path)(e)),
    };
    Found { path, written }
}

impl Found {
    /// What the last worker wrote of itself. That there is nothing to be read says nothing of it.
    pub fn worker(&self) -> Option<Process> {
        let written = self.written.as_ref().ok()?;
        written.as_ref().map(|written| written.worker.clone())
    }

    /// Which files somebody has open for writing, by the word of a worker that runs: of other users' files only its events
    /// tell.
    pub fn open(&self, worker: &Process) -> HashSet<&str> {
        let own = self.written.as_ref().ok().and_then(Option::as_ref);
        let own = own.filter(|written| worker.runs() && written.worker.pid == worker.pid);
        let files = own.into_iter().flat_map(|written| &written.pending_files);
        let open = files.filter(|file| file.reason == Why::Open);
        open.map(|file| file.file.as_str()).collect()
    }

    /// Why a worker that runs says nothing new of itself here, if it doesn't.
    pub fn trouble(&self, worker: &Process) -> Option<String> {
        if !worker.runs() {
            return None;
        }
        let path = self.path.display();
        match &self.written {
            Err(error) => Some(hinted(&error.to_string(), Some(error.code()))),
            Ok(Some(written)) if written.worker.pid == worker.pid && written.worker.stopped.is_none() => {
                // With each report it touches its lock, too, with its heartbeat.
                let written_at = Timestamp::from_second(written.at.as_second()).unwrap_or(written.at);
                let heartbeat = worker.heartbeat.map_or(0, Timestamp::as_second);
                let before = written.worker.heartbeat.map_or(heartbeat, Timestamp::as_second);
                (heartbeat > before + 1).then(|| {
                    format!(
                        "{path} stands since {written_at} as it is: the worker can't write it, and its log says why (a full disk, \
                         or rights to that folder that it lost)"
                    )
                })
            }
            Ok(_) => Some(format!(
                "{path} is not by the worker that runs: it can't write it, and its log says why (a full disk, or rights to that \
                 folder); or it is another version of transform, which a restart replaces; or it has only just started"
            )),
        }
    }
}

pub fn write(status: &Status, config: &Config) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(status).expect("a status is JSON");
    json.push(b'\n');
    durable::make_folder(&config.status, 0o750)?;
    durable::refresh(&path(config), &json, 0o640)
}

/// Could it be written? Leaves nothing behind.
pub fn rehearse(config: &Config) -> Result<()> {
    durable::make_folder(&config.status, 0o750)?;
    durable::rehearse(&config.status)
}

fn path(config: &Config) -> PathBuf {
    std::path::absolute(&config.status)
        .unwrap_or_else(|_| config.status.clone())
        .join(FILE)
}

#[cfg(test)]
mod tests {
    use super::super::process::State;
    use super::*;

    fn process(pid: u32, state: State, heartbeat: i64) -> Process {
        Process {
            state,
            pid: Some(pid),
            heartbeat: Some(Timestamp::from_second(heartbeat).unwrap()),
            ..Process::default()
        }
    }

    fn found(pid: u32, heartbeat: i64) -> Found {
        let json = serde_json::json!({
            "at": Timestamp::from_second(heartbeat).unwrap(),
            "worker": process(pid, State::Running, heartbeat),
            "pending_files": [
                {"file": "a.csv", "reason": "open"},
                {"file": "b.csv", "reason": "queued", "since": null},
            ],
        });
        Found {
            path: "status.json".into(),
            written: Ok(serde_json::from_value(json).unwrap()),
        }
    }

    #[test]
    fn what_stands_there_is_judged_by_who_wrote_it_and_when() {
        let none = |written| Found {
            path: "status.json".into(),
            written,
        };
        let closed = || Error::io("read", "status.json")(io::Error::from(io::ErrorKind::PermissionDenied));
        for (found, worker, words) in [
            (found(7, 900), process(7, State::Running, 901), None),
            // By its lock, it came around since.
            (
                found(7, 900),
                process(7, State::Running, 902),
                Some("stands since 1970-01-01T00:15:00Z"),
            ),
            // It says itself that it doesn't respond.
            (found(7, 900), process(7, State::NotResponding, 900), None),
            (
                found(8, 990),
                process(7, State::Running, 990),
                Some("not by the worker that runs"),
            ),
            (
                none(Ok(None)),
                process(7, State::Running, 990),
                Some("not by the worker that runs"),
            ),
            (
                none(Ok(None)),
                process(7, State::NotResponding, 900),
                Some("another version"),
            ),
            (
                none(Err(closed())),
                process(7, State::Running, 990),
                Some("can't read status.json: permission denied (hint: "),
            ),
            (none(Ok(None)), process(7, State::Stopped, 900), None),
            (none(Ok(None)), Process::default(), None),
        ] {
            let trouble = found.trouble(&worker);
            assert_eq!(trouble.is_some(), words.is_some(), "{trouble:?} {worker:?}");
            let trouble = trouble.unwrap_or_default();
            assert!(trouble.contains(words.unwrap_or_default()), "{words:?} in {trouble}");
        }
    }

    #[test]
    fn only_the_worker_that_runs_knows_what_is_open_now() {
        for (worker, open) in [
            (process(7, State::Running, 990), &["a.csv"][..]),
            (process(8, State::Running, 990), &[]),
            (process(7, State::Stopped, 990), &[]),
        ] {
            let found = found(7, 990);
            assert_eq!(found.open(&worker), open.iter().copied().collect(), "{worker:?}");
        }
    }
}
