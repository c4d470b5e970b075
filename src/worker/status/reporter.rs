//! Writes down how things stand while the worker works, on a thread of its own: the folder of the status may be on a disk
//! that is full, or on a mount that hangs.

use super::files::{Fault, at};
use super::process::{Mode, Process, State};
use super::release::{COMMIT, VERSION};
use super::snapshot::Status;
use super::survey::{self, FILE, PATIENCE, absolute};
use super::{inventory, line, textfile};
use crate::config::Config;
use crate::error::Result;
use crate::ledger;
use crate::registry::{Intact, Registry};
use crate::service::{Heartbeat, ServiceManager};
use crate::spool::durable;
use crate::worker::inventory::Inventory;
use crate::worker::lock::Lock;
use jiff::Timestamp;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
/// A stopped worker waits so long for its last report.
const LAST: Duration = Duration::from_secs(1);

/// What only the loop knows.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// What it scores by,
    pub model: Option<String>,
    /// or the code of why it doesn't, and that in words.
    pub model_error: Option<(String, String)>,
    /// What keeps it from working.
    pub outage: Option<ledger::Fault>,
    pub counts: Counts,
}

/// What a one-shot knows of its inputs while it looks at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub done: u64,
    pub pending: u64,
    pub failed: u64,
}

/// What the last report is made from.
pub enum Last {
    /// What is known already.
    Known,
    /// What a one-shot found, which has just looked at each input.
    Converged(Inventory),
    /// One more survey.
    Survey,
}

/// The thread that writes reports.
pub struct Reporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<()>,
}

/// What the thread gets of the loop, and of a survey.
#[derive(Default)]
struct Shared {
    news: Mutex<News>,
    arrived: Condvar,
}

#[derive(Default)]
struct News {
    config: Option<Config>,
    live: Option<Live>,
    /// Something was done, or came.
    changed: bool,
    surveyed: Option<Surveyed>,
    last: Option<Last>,
}

/// What a survey came to.
struct Surveyed {
    status: Status,
    damage: Option<(String, String)>,
    took: Duration,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// What the thread knows.
struct Reports {
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
}

impl Reports {
    fn new(config: Config, mode: Mode, heartbeat: Arc<Heartbeat>, shared: Arc<Shared>) -> Reports {
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
        }
    }

    fn run(mut self) {
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
        let status = self.compose();
        Lock::touch(&self.config.state.path, self.heartbeat.last());
        if self.process.state == State::Running {
            self.manager.status(line::line(&status));
        }
        match write(&status, &self.config) {
            Ok(()) => self.warned = false,
            Err(error) if !std::mem::replace(&mut self.warned, true) => {
                tracing::warn!(code = error.code(), %error, "can't write down how things stand; work goes on");
            }
            Err(_) => {}
        }
    }

    fn compose(&self) -> Status {
        let now = Timestamp::now();
        let mut status = self.status.clone();
        let Live {
            model,
            model_error,
            outage,
            counts,
        } = &self.live;
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

fn write(status: &Status, config: &Config) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(status).expect("a status is JSON");
    json.push(b'\n');
    let written = durable::make_folder(&config.status, 0o750)
        .and_then(|()| durable::refresh(&config.status.join(FILE), &json, 0o640));
    // On another disk than the status, it may be all that is seen.
    let textfile = config.textfile.as_ref().map_or(Ok(()), |path| {
        let text = textfile::text(status, &config.models.group);
        // Whose collector it is, the folder's rights decide.
        durable::refresh(path, text.as_bytes(), 0o644)
    });
    written.and(textfile)
}

/// Could the worker write its reports? Leaves nothing behind.
pub fn rehearse(config: &Config) -> Result<()> {
    durable::make_folder(&config.status, 0o750)?;
    durable::rehearse(&config.status)?;
    let folder = |path: &Path| path.parent().map(Path::to_path_buf);
    match config.textfile.as_deref().and_then(folder) {
        Some(folder) if folder.as_os_str().is_empty() => durable::rehearse(Path::new(".")),
        Some(folder) => durable::rehearse(&folder),
        None => Ok(()),
    }
}
