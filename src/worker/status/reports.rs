//! What the reporter's thread writes: when, and from what.

use super::files::{Fault, at, hinted};
use super::news::{Last, Live, Shared, Surveyed};
use super::process::{Mode, Process, State};
use super::snapshot::Status;
use super::survey::{self, absolute};
use super::{inventory, line, textfile, written};
use crate::config::Config;
use crate::error::Error;
use crate::registry::{Intact, Registry};
use crate::release::{COMMIT, VERSION};
use crate::service::{self, Heartbeat, ServiceManager};
use crate::spool::Name;
use crate::worker::lock::Lock;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// At most one report in this time,
const LEAST: Duration = Duration::from_secs(1);
/// and at least one in this.
const MOST: Duration = Duration::from_secs(10);
/// Files that each list names at most: it is written again and again.
const NAMED: usize = 1000;
/// A survey of the inputs may take this share of the time: where they are many, their counts are of some time ago.
const SHARE: u32 = 50;
/// The same where nothing is known to have changed.
const SHARE_IDLE: u32 = 200;
/// What the thread knows.
pub struct Reports {
    config: Config,
    shared: Arc<Shared>,
    heartbeat: Arc<Heartbeat>,
    manager: ServiceManager,
    process: Process,
    live: Live,
    /// By the last survey.
    status: Status,
    damage: Option<(String, String)>,
    intact: Arc<Mutex<Intact>>,
    /// A survey that is under way.
    survey: Option<JoinHandle<()>>,
    /// When the next one may be, if something is known to have changed, and if nothing is.
    next_survey: Instant,
    next_survey_idle: Instant,
    /// Something changed since the last survey, and since the last report.
    unsurveyed: bool,
    unreported: bool,
    reported: Instant,
    warned: bool,
    /// Why status.json couldn't be written last. Where it can be, it doesn't say that.
    status_error: Option<String>,
}

impl Reports {
    pub fn new(config: Config, mode: Mode, heartbeat: Arc<Heartbeat>, shared: Arc<Shared>) -> Reports {
        let (now, start) = (Timestamp::now(), Instant::now());
        Reports {
            status: Status::new(now, absolute(&config.input.path), NAMED),
            config,
            shared,
            heartbeat,
            manager: ServiceManager::default(),
            process: Process {
                state: State::Running,
                pid: Some(std::process::id()),
                mode: Some(mode),
                unit: service::unit(),
                version: Some(VERSION.into()),
                commit: COMMIT.map(String::from),
                started: Some(now),
                ..Process::default()
            },
            live: Live::default(),
            damage: None,
            intact: Arc::default(),
            survey: None,
            next_survey: start,
            next_survey_idle: start,
            unsurveyed: false,
            unreported: false,
            reported: start,
            warned: false,
            status_error: None,
        }
    }

    pub fn run(mut self) {
        // Before anything is known: that it runs.
        self.report();
        loop {
            if let Some(last) = self.wait() {
                return self.finish(last);
            }
            let now = Instant::now();
            if self.survey_due().is_some_and(|due| now >= due) {
                self.begin_survey();
            }
            if now >= self.report_due() {
                self.report();
            }
        }
    }

    fn report_due(&self) -> Instant {
        self.reported + if self.unreported { LEAST } else { MOST }
    }

    /// `None`: one is under way, or the one-shot looks at its inputs itself.
    fn survey_due(&self) -> Option<Instant> {
        let under_way = self.survey.as_ref().is_some_and(|thread| !thread.is_finished());
        match self.unsurveyed {
            _ if under_way || self.process.mode == Some(Mode::Once) => None,
            true => Some(self.next_survey),
            false => Some(self.next_survey_idle),
        }
    }

    /// Takes what comes, until something is to be done. Returns what the last report is made from, if that is it.
    fn wait(&mut self) -> Option<Last> {
        let shared = self.shared.clone();
        let mut news = shared.lock();
        loop {
            self.unsurveyed |= news.changed;
            self.unreported |= news.changed;
            let due = self.report_due();
            let due = self.survey_due().map_or(due, |survey| survey.min(due));
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || news.surveyed.is_some() || news.last.is_some() {
                break;
            }
            let waited = shared.arrived.wait_timeout(news, left);
            news = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        news.changed = false;
        self.live = news.live.take().unwrap_or_else(|| std::mem::take(&mut self.live));
        if let Some(config) = news.config.take() {
            self.config = config;
            self.warned = false;
        }
        if let Some(Surveyed { status, damage, took }) = news.surveyed.take() {
            (self.status, self.damage) = (status, damage);
            let now = Instant::now();
            self.next_survey = now + (took * SHARE).max(LEAST);
            self.next_survey_idle = now + (took * SHARE_IDLE).max(MOST);
            self.unreported = true;
        }
        news.last.take()
    }

    /// Has the folders looked at, on a thread of their own: a mount that hangs keeps nobody from seeing that.
    fn begin_survey(&mut self) {
        self.unsurveyed = false;
        let (config, shared, intact) = (self.config.clone(), self.shared.clone(), self.intact.clone());
        let work = move || {
            let start = Instant::now();
            let status = survey(&config);
            let registry = Registry::new(&config.models.path, &config.models.group);
            let mut intact = intact.lock().unwrap_or_else(PoisonError::into_inner);
            let damage = intact.look(&registry).map(|e| (e.code().to_string(), e.to_string()));
            shared.lock().surveyed = Some(Surveyed {
                status,
                damage,
                took: start.elapsed(),
            });
            shared.arrived.notify_all();
        };
        // If there is no thread, or it ends without a word, it is tried again.
        self.survey = thread::Builder::new().name("survey".into()).spawn(work).ok();
        let now = Instant::now();
        (self.next_survey, self.next_survey_idle) = (now + LEAST, now + MOST);
    }

    fn finish(mut self, last: Last) {
        match last {
            Last::Known => {}
            Last::Survey => self.status = survey(&self.config),
            Last::Converged(inventory) => {
                self.status = Status::new(Timestamp::now(), absolute(&self.config.input.path), NAMED);
                if let Err(error) = inventory::add(&mut self.status, &inventory, &self.config) {
                    tracing::warn!(code = error.code(), %error, "can't tell all of how things stand");
                }
            }
        }
        self.process.state = State::Stopped;
        self.process.stopped = Some(Timestamp::now());
        self.report();
    }

    /// Writes down how things stand.
    fn report(&mut self) {
        (self.reported, self.unreported) = (Instant::now(), false);
        let heartbeat = self.heartbeat.last();
        let status = self.compose();
        if self.process.state == State::Running {
            self.manager
                .status(line::line(&said(&status, self.status_error.clone())));
        }
        let written = written::write(&status, &self.config);
        // Who asks reads the lock first: by a report that is on its way, one that stands would be taken for the last.
        Lock::touch(&self.config.state.path, heartbeat);
        let status_error = written.as_ref().err().map(shown);
        // On another disk than the status, it may be all that is seen.
        let textfile = textfile::write(&said(&status, status_error.clone()), &self.config);
        let textfile_error = textfile.as_ref().err().map(shown);
        let error = written.and(textfile).err();
        if let Some(error) = error.as_ref().filter(|_| !self.warned) {
            tracing::warn!(code = error.code(), %error, "can't write down how things stand; work goes on");
        }
        self.warned = error.is_some();
        // The other reports soon say so, too.
        self.unreported |= status_error != self.status_error || textfile_error != self.process.report_error;
        (self.status_error, self.process.report_error) = (status_error, textfile_error);
    }

    fn compose(&self) -> Status {
        let now = Timestamp::now();
        let mut status = self.status.clone();
        let Live {
            model,
            model_error,
            outage,
            counts,
            open,
        } = &self.live;
        let open: HashSet<String> = open.iter().map(Name::to_string).collect();
        status.set_open(|file| open.contains(file));
        if status.counted.is_none() && status.input_error.is_none() {
            (status.done, status.pending, status.failed) = (counts.done, counts.pending, counts.failed);
        }
        let mut process = Process {
            model: model.clone(),
            heartbeat: Some(at(self.heartbeat.last())),
            ..self.process.clone()
        };
        process.update(now);
        status.worker = process;
        status.model = model.clone();
        status.model_proven = model.as_ref().map(|_| true);
        if let Some((code, message)) = model_error.as_ref().or(self.damage.as_ref()) {
            status.set_model_error(code, message.clone());
        }
        if let Err(error) = survey::add_state(&mut status, &self.config, None) {
            status.state_error_code = Some(error.code().into());
            status.state_error = Some(error.to_string());
        }
        if let Some(outage) = outage {
            status.set_outage(Fault::of(outage, now));
        }
        survey::end(&mut status);
        status
    }
}

fn survey(config: &Config) -> Status {
    let mut status = Status::new(Timestamp::now(), absolute(&config.input.path), NAMED);
    survey::look(config, &mut status);
    status
}

/// What is told elsewhere than in status.json, where that may not be written.
fn said(status: &Status, status_error: Option<String>) -> Status {
    let mut status = status.clone();
    status.worker.report_error = status_error.or(status.worker.report_error);
    status
}

/// An error, and the way out.
fn shown(error: &Error) -> String {
    hinted(&error.to_string(), Some(error.code()))
}
