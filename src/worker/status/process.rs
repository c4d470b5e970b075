//! What only the worker knows of itself, and what others make of that.

use super::files::age;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A worker that did nothing for this many seconds doesn't respond: it is stopped, or a disk or mount doesn't answer.
pub const SILENT: u64 = 30;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Running,
    NotResponding,
    /// It ended, or was killed.
    Stopped,
    /// None ran that is known of.
    #[default]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Daemon,
    Once,
}

/// The worker that runs, or the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    pub state: State,
    pub pid: Option<u32>,
    pub mode: Option<Mode>,
    /// The service that systemd has it as.
    pub unit: Option<String>,
    pub version: Option<String>,
    pub commit: Option<String>,
    /// What it scores by.
    pub model: Option<String>,
    pub started: Option<Timestamp>,
    /// While it runs.
    pub uptime_seconds: Option<u64>,
    /// When its loop came around last.
    pub heartbeat: Option<Timestamp>,
    pub heartbeat_age_seconds: Option<u64>,
    /// When it ended; `None` where it was killed.
    pub stopped: Option<Timestamp>,
    /// Why what it writes down of how things stand isn't of now, and the way out.
    pub report_error: Option<String>,
}

/// What the state folder's lock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub pid: Option<u32>,
    /// When its holder touched it last.
    pub touched: Option<Timestamp>,
}

impl Process {
    /// What is to be made of the lock and of what a worker wrote down last.
    pub fn seen(held: Option<Held>, written: Option<Process>, now: Timestamp) -> Process {
        let Some(Held { pid, touched }) = held else {
            let written = written.unwrap_or_default();
            let state = match written.pid {
                Some(_) => State::Stopped,
                None => State::None,
            };
            let mut process = Process { state, ..written };
            process.update(now);
            return process;
        };
        // What another one wrote says nothing of this one.
        let written = written.filter(|w| w.pid == pid && w.stopped.is_none());
        let mut process = written.unwrap_or(Process {
            pid,
            ..Process::default()
        });
        process.heartbeat = process.heartbeat.max(touched);
        process.state = State::Running;
        process.update(now);
        process
    }

    /// As it is at `now`.
    pub fn update(&mut self, now: Timestamp) {
        self.heartbeat_age_seconds = self.heartbeat.map(|heartbeat| age(heartbeat, now));
        let silent = self.heartbeat_age_seconds.is_some_and(|age| age > SILENT);
        if self.runs() {
            self.state = if silent { State::NotResponding } else { State::Running };
        }
        self.uptime_seconds = self.started.filter(|_| self.runs()).map(|started| age(started, now));
    }

    /// The way out, where it should run and doesn't.
    pub fn hint(&self) -> Option<String> {
        let unit = self.unit.as_deref();
        match (self.state, self.mode) {
            (State::NotResponding, _) => {
                let pid = self.pid.map_or("PID".into(), |pid| pid.to_string());
                let again = match unit {
                    Some(unit) => format!("'systemctl restart {unit}' starts another one"),
                    None => "or end it and start another one".into(),
                };
                Some(format!(
                    "'kill -CONT {pid}' lets a stopped one go on, {again}; if its disk or mount hangs, mend that first"
                ))
            }
            (State::Stopped, Some(Mode::Daemon)) => Some(match unit {
                Some(unit) => {
                    format!("'systemctl start {unit}' starts the service, 'systemctl status {unit}' says why it ended")
                }
                None => "start it again; its log says why it ended".into(),
            }),
            _ => None,
        }
    }

    pub fn runs(&self) -> bool {
        matches!(self.state, State::Running | State::NotResponding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_a_lock_and_of_what_was_written() {
        let time = |second| Timestamp::from_second(second).unwrap();
        let written = |pid, heartbeat, stopped: Option<i64>| {
            Some(Process {
                state: State::Running,
                pid: Some(pid),
                heartbeat: Some(time(heartbeat)),
                stopped: stopped.map(time),
                ..Process::default()
            })
        };
        let held = |pid, touched: i64| {
            Some(Held {
                pid: Some(pid),
                touched: Some(time(touched)),
            })
        };
        for (lock, file, state, age) in [
            (None, None, State::None, None),
            (None, written(7, 990, Some(995)), State::Stopped, Some(10)),
            // Killed.
            (None, written(7, 990, None), State::Stopped, Some(10)),
            (held(7, 990), written(7, 995, None), State::Running, Some(5)),
            (held(7, 960), written(7, 970, None), State::Running, Some(30)),
            (held(7, 960), written(7, 969, None), State::NotResponding, Some(31)),
            // The disk of its status folder is full.
            (held(7, 990), written(7, 100, None), State::Running, Some(10)),
            (held(7, 100), None, State::NotResponding, Some(900)),
            // The one before it.
            (held(8, 999), written(7, 100, None), State::Running, Some(1)),
            (held(7, 999), written(7, 100, Some(100)), State::Running, Some(1)),
        ] {
            let seen = Process::seen(lock, file.clone(), time(1000));
            let found = (seen.state, seen.heartbeat_age_seconds);
            assert_eq!(found, (state, age), "{lock:?} {file:?}");
        }
    }
}
