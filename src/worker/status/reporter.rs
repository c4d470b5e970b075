//! Writes down how things stand while the worker works, on a thread of its own: the folder of the status may be on a disk
//! that is full, or on a mount that hangs.

use super::files::{Fault, at};
use super::process::{Mode, Process, State};
use super::release::{COMMIT, VERSION};
use super::snapshot::Status;
use super::survey::{self, FILE, PATIENCE, absolute};
use super::{line, textfile};
use crate::config::Config;
use crate::error::Result;
use crate::ledger;
use crate::registry::{Intact, Registry};
use crate::service::{Heartbeat, ServiceManager};
use crate::spool::durable;
use crate::worker::lock::Lock;
use jiff::Timestamp;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// At most one report in this time,
const LEAST: Duration = Duration::from_secs(1);
/// and at least one in this.
const MOST: Duration = Duration::from_secs(10);
/// Files that each list names at most: it is written again and again.
const NAMED: usize = 1000;
/// To look at the inputs may take this share of the time: where they are many, their counts are of some time ago.
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
}

/// The thread that writes reports.
pub struct Reporter {
    post: Arc<Post>,
    thread: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<()>,
}

/// What the thread gets.
#[derive(Default)]
struct Post {
    letters: Mutex<Letters>,
    bell: Condvar,
}

#[derive(Default)]
struct Letters {
    config: Option<Config>,
    live: Option<Live>,
    /// Something was done, or came.
    changed: bool,
    /// The thread waits for such letters. (It is not woken a thousand times a second.)
    listening: bool,
    found: Option<Found>,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Looks at the inputs once more.
    Look,
    Now,
}

/// What a look came to.
struct Found {
    status: Option<Status>,
    damage: Option<(String, String)>,
    took: Duration,
}

impl Post {
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter {
    /// Begins to report on a worker that holds its lock.
    pub fn start(config: &Config, mode: Mode, heartbeat: Arc<Heartbeat>) -> Reporter {
        let post = Arc::new(Post::default());
        let (sender, ended) = mpsc::sync_channel(1);
        let desk = Desk::new(config.clone(), mode, heartbeat, post.clone());
        let work = move || {
            desk.run();
            let _ = sender.send(());
        };
        // That there is no thread stops nobody.
        let thread = std::thread::Builder::new().name("status".into()).spawn(work);
        Reporter {
            post,
            thread: thread.ok(),
            ended,
        }
    }

    /// How the worker stands. `changed`: it did something, or has something to do.
    pub fn notice(&self, live: Live, changed: bool) {
        let mut letters = self.post.lock();
        letters.live = Some(live);
        letters.changed |= changed;
        if letters.listening {
            self.post.bell.notify_all();
        }
    }

    /// The configuration was read again.
    pub fn configure(&self, config: &Config) {
        let mut letters = self.post.lock();
        letters.config = Some(config.clone());
        letters.changed = true;
    }

    /// Writes a last report. `look`: by a last look at the inputs.
    pub fn end(&mut self, look: bool) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.post.lock().end = Some(if look { End::Look } else { End::Now });
        self.post.bell.notify_all();
        let patience = if look { PATIENCE } else { LAST };
        if self.ended.recv_timeout(patience).is_ok() {
            let _ = thread.join();
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// What the thread has.
struct Desk {
    config: Config,
    post: Arc<Post>,
    heartbeat: Arc<Heartbeat>,
    manager: ServiceManager,
    process: Process,
    live: Live,
    /// By the last look at the folders.
    status: Status,
    damage: Option<(String, String)>,
    intact: Arc<Mutex<Intact>>,
    /// A look that is under way.
    looking: Option<JoinHandle<()>>,
    /// When the next one may be, if nothing is known to have changed, and if something is.
    next_look: Instant,
    next_look_changed: Instant,
    /// Something changed since the last look, and since the last report.
    unseen: bool,
    untold: bool,
    told: Option<Instant>,
    warned: bool,
}

impl Desk {
    fn new(config: Config, mode: Mode, heartbeat: Arc<Heartbeat>, post: Arc<Post>) -> Desk {
        let now = Timestamp::now();
        Desk {
            status: Status::new(now, absolute(&config.input.path), NAMED),
            config,
            post,
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
            looking: None,
            next_look: Instant::now(),
            next_look_changed: Instant::now(),
            unseen: false,
            untold: true,
            told: None,
            warned: false,
        }
    }

    fn run(mut self) {
        // Before anything is known: that it runs.
        let mut end = self.wait(Duration::ZERO);
        loop {
            let now = Instant::now();
            if let Some(end) = end {
                return self.finish(end);
            }
            let due = if self.unseen {
                self.next_look_changed
            } else {
                self.next_look
            };
            if self.looking.is_none() && now >= due && self.told.is_some() {
                self.begin_look();
            }
            let since = self.told.map(|told| now.saturating_duration_since(told));
            if since.is_none_or(|since| since >= MOST || self.untold && since >= LEAST) {
                self.report();
            }
            end = self.wait(self.idle());
        }
    }

    /// How long there is nothing to do.
    fn idle(&self) -> Duration {
        let now = Instant::now();
        let told = self.told.unwrap_or(now);
        let mut until = told + if self.untold { LEAST } else { MOST };
        if self.looking.is_none() && self.unseen {
            until = until.min(self.next_look_changed.max(told + LEAST));
        }
        until.saturating_duration_since(now)
    }

    /// Takes what came. In the second behind a report, only what can't wait.
    fn wait(&mut self, most: Duration) -> Option<End> {
        let deadline = Instant::now() + most;
        let deaf = self.told.map_or(deadline, |told| told + LEAST);
        let post = self.post.clone();
        let mut letters = post.lock();
        loop {
            let now = Instant::now();
            letters.listening = now >= deaf;
            let urgent = letters.end.is_some() || letters.found.is_some();
            if now >= deadline || urgent || letters.listening && letters.changed {
                break;
            }
            let until = if letters.listening {
                deadline
            } else {
                deaf.min(deadline)
            };
            let waited = post.bell.wait_timeout(letters, until.saturating_duration_since(now));
            letters = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        letters.listening = false;
        if let Some(live) = letters.live.take() {
            self.live = live;
        }
        if std::mem::take(&mut letters.changed) {
            (self.unseen, self.untold) = (true, true);
        }
        if let Some(config) = letters.config.take() {
            self.config = config;
            self.warned = false;
        }
        if let Some(found) = letters.found.take() {
            self.take_found(found);
        } else if self.looking.as_ref().is_some_and(JoinHandle::is_finished) {
            self.looking = None; // it ended without a word
        }
        letters.end.take()
    }

    /// Has the folders looked at, on a thread of their own: a mount that hangs keeps nobody from seeing that.
    fn begin_look(&mut self) {
        self.unseen = false;
        let (config, post, intact) = (self.config.clone(), self.post.clone(), self.intact.clone());
        let work = move || {
            let start = Instant::now();
            let mut status = Status::new(Timestamp::now(), absolute(&config.input.path), NAMED);
            survey::look(&config, &mut status);
            let registry = Registry::new(&config.models.path, &config.models.group);
            let mut intact = intact.lock().unwrap_or_else(PoisonError::into_inner);
            let damage = intact.look(&registry).map(|e| (e.code().to_string(), e.to_string()));
            post.lock().found = Some(Found {
                status: Some(status),
                damage,
                took: start.elapsed(),
            });
            post.bell.notify_all();
        };
        self.looking = std::thread::Builder::new().name("survey".into()).spawn(work).ok();
    }

    fn take_found(&mut self, found: Found) {
        if let Some(thread) = self.looking.take() {
            let _ = thread.join();
        }
        let now = Instant::now();
        self.next_look_changed = now + (found.took * SHARE).max(LEAST);
        self.next_look = now + (found.took * SHARE_IDLE).max(MOST);
        self.damage = found.damage;
        if let Some(status) = found.status {
            self.status = status;
        }
        self.untold = true;
    }

    fn finish(mut self, end: End) {
        if end == End::Look {
            let mut status = Status::new(Timestamp::now(), absolute(&self.config.input.path), NAMED);
            survey::look(&self.config, &mut status);
            self.status = status;
        }
        self.process.state = State::Stopped;
        self.process.stopped = Some(Timestamp::now());
        self.report();
    }

    /// Writes down how things stand.
    fn report(&mut self) {
        (self.told, self.untold) = (Some(Instant::now()), false);
        let status = self.compose();
        let heartbeat = self.heartbeat.last();
        Lock::touch(&self.config.state.path, heartbeat);
        if self.process.state == State::Running {
            self.manager.status(line::line(&status));
        }
        match self.write(&status) {
            Ok(()) => self.warned = false,
            Err(error) if !std::mem::replace(&mut self.warned, true) => {
                tracing::warn!(code = error.code(), %error, "can't write down how things stand; work goes on");
            }
            Err(_) => {}
        }
    }

    fn compose(&mut self) -> Status {
        let now = Timestamp::now();
        let mut status = self.status.clone();
        let Live {
            model,
            model_error,
            outage,
        } = &self.live;
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

    fn write(&self, status: &Status) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(status).expect("a status is JSON");
        json.push(b'\n');
        durable::make_folder(&self.config.status, 0o750)?;
        durable::refresh(&self.config.status.join(FILE), &json, 0o640)?;
        match &self.config.textfile {
            Some(path) => {
                let text = textfile::text(status, &self.config.models.group);
                // Whose collector it is, the folder's rights decide.
                durable::refresh(path, text.as_bytes(), 0o644)
            }
            None => Ok(()),
        }
    }
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
