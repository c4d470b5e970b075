//! How things stand: what is done, pending, held and failed, by which model, and what is tried again. It finds out while a worker
//! runs, and when none does, and changes nothing.

use super::lock::Lock;
use super::look::{Look, Published, look_at, recipe};
use super::plan::{self, Charge};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Dismissal, Fault, Finding, Ledger, Recipe};
use crate::registry::{Current, Registry};
use crate::spool::Name;
use crate::spool::scan::Listing;
use crate::transform::UnknownCounts;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

#[derive(Debug, Default, Serialize)]
pub struct Status {
    /// The pid of the worker that holds the state folder.
    pub worker: Option<String>,
    /// The latest approved version. None if it can't be used.
    pub model: Option<String>,
    /// Why there is no model.
    pub model_error: Option<String>,
    /// Whether it scores as it did when it was registered. None if to prove it takes longer than [`PATIENCE`].
    pub model_proven: Option<bool>,
    pub input: PathBuf,
    /// Why the input folder can't be listed.
    pub input_error: Option<String>,
    pub done: u64,
    pub pending: u64,
    /// Without those that somebody dismissed.
    pub failed: u64,
    pub dismissed: u64,
    /// Outputs that wait for a person.
    pub held: u64,
    /// Outputs that went, and are not made again.
    pub left: u64,
    /// Files of the input folder that are no inputs: no glob of input.include has their names.
    pub ignored: u64,
    /// A few of them.
    pub ignored_files: Vec<String>,
    pub pending_files: Vec<String>,
    /// Those of them that somebody has open for writing.
    pub open_files: Vec<String>,
    /// Those of them that can't be looked at, and subfolders, unless they are among the faults.
    pub unseen_files: Vec<Reason>,
    /// What is done, but for bad rows.
    pub bad_files: Vec<BadFile>,
    pub held_files: Vec<String>,
    pub left_files: Vec<String>,
    pub failed_files: Vec<Reason>,
    pub dismissed_files: Vec<DismissedFile>,
    /// Done, with categories that the model doesn't know.
    pub unknown_files: Vec<UnknownFile>,
    /// What failed for now, and is tried again.
    pub faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
pub struct BadFile {
    pub file: String,
    pub rows: u64,
    pub bad_rows: u64,
    /// They aren't in the failed folder any more.
    pub rejects_gone: bool,
}

/// Why a file has no result.
#[derive(Debug, Serialize)]
pub struct Reason {
    pub file: String,
    pub code: String,
    pub message: String,
}

/// A failure that somebody acknowledged.
#[derive(Debug, Serialize)]
pub struct DismissedFile {
    #[serde(flatten)]
    pub failure: Reason,
    /// RFC 3339, UTC.
    pub at: String,
    pub by: String,
    pub reason: String,
}

#[derive(Debug, Serialize)]
pub struct UnknownFile {
    pub file: String,
    /// By column, how many cells.
    pub unknown: UnknownCounts,
}

/// The folders have so long for each answer. A mount that hangs never gives one.
pub const PATIENCE: Duration = Duration::from_secs(10);

const NO_ANSWER: &str = "no answer within 10 s: does its mount hang?";

enum Answer {
    /// The latest approved version, as the decisions have it.
    Approved(Result<String>),
    /// Whether it can be used.
    Proven(Result<()>),
    Input(Look, String),
    /// Of one that is done. `rejects_gone`: its bad rows aren't where they were written any more.
    Found {
        finding: Finding,
        rejects_gone: bool,
    },
    /// How many files of the folder are no inputs, and a few of their names.
    Ignored(u64, Vec<Name>),
    Failed(Reason),
    Dismissed(DismissedFile),
    /// It can't be looked at now. `pending`: it is an input, and no folder of them.
    Unseen {
        pending: bool,
        reason: Reason,
    },
    /// All inputs, or why they can't be listed to their end.
    Listed(Result<()>),
}

impl Reason {
    fn of(name: &Name, error: &Error) -> Reason {
        Reason {
            file: name.to_string(),
            code: error.code().into(),
            message: error.to_string(),
        }
    }
}

/// Loads the configuration on a thread of its own: one of its folders may be on a mount that hangs.
pub fn load(load: impl FnOnce() -> Result<Config> + Send + 'static) -> Result<Config> {
    let (sender, loaded) = mpsc::sync_channel(1);
    thread("configuration", move || drop(sender.send(load())))?;
    match loaded.recv_timeout(PATIENCE) {
        Ok(config) => config,
        Err(_) => Err(Error::mount("a folder of the configuration", NO_ANSWER)),
    }
}

impl Status {
    /// Asks the ledger, the lock, the models and the inputs.
    ///
    /// # Errors
    /// If the state folder can't be read. What is wrong with the model or the input folder is part of the status.
    pub fn find(config: &Config) -> Result<Status> {
        let mut status = Status::of_state(config)?;
        let (sender, answers) = mpsc::sync_channel(1024);
        // On threads, for who asks a mount that hangs doesn't come back. To prove a large model takes long: the inputs
        // don't wait for that.
        let (asked, answer) = (config.clone(), sender.clone());
        thread("folders", move || ask_folders(&asked, &answer))?;
        let registry = Registry::new(&config.models.path, &config.models.group);
        thread("model", move || drop(sender.send(Answer::Proven(prove(registry)))))?;
        let (mut approved, mut listed) = (false, false);
        loop {
            match answers.recv_timeout(PATIENCE) {
                Ok(answer) => {
                    approved |= matches!(answer, Answer::Approved(_));
                    listed |= matches!(answer, Answer::Listed(_));
                    status.add(answer);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let hangs = |path| Some(Error::mount(path, NO_ANSWER).to_string());
                    match (approved, listed) {
                        (false, _) => status.model_error = hangs(&config.models.path),
                        (true, false) => status.input_error = hangs(&config.input.path),
                        // Whoever proves a large model may be at it.
                        (true, true) => {}
                    }
                    break;
                }
            }
        }
        if status.model_error.is_some() {
            (status.model, status.model_proven) = (None, Some(false));
        }
        status.pending = status.pending_files.len() as u64;
        status.failed = status.failed_files.len() as u64;
        status.dismissed = status.dismissed_files.len() as u64;
        status.held = status.held_files.len() as u64;
        status.left = status.left_files.len() as u64;
        status.pending_files.sort();
        status.open_files.sort();
        status.unseen_files.sort_by(|a, b| a.file.cmp(&b.file));
        status.bad_files.sort_by(|a, b| a.file.cmp(&b.file));
        status.held_files.sort();
        status.left_files.sort();
        status.failed_files.sort_by(|a, b| a.file.cmp(&b.file));
        status
            .dismissed_files
            .sort_by(|a, b| a.failure.file.cmp(&b.failure.file));
        status.unknown_files.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(status)
    }

    /// What the state folder says.
    fn of_state(config: &Config) -> Result<Status> {
        let mut faults = match Ledger::read(&config.state.path)? {
            Some(ledger) => ledger.faults()?,
            None => Vec::new(),
        };
        let holder = Lock::holder(&config.state.path)?;
        if let Some(unrecorded) = holder.as_ref().and_then(|h| h.fault.clone()) {
            faults.retain(|fault| fault.input != unrecorded.input);
            faults.insert(0, unrecorded);
        }
        Ok(Status {
            worker: holder.map(|h| h.pid),
            input: config.input.path.clone(),
            faults,
            ..Status::default()
        })
    }

    fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Approved(Ok(model)) => self.model = Some(model),
            Answer::Proven(Ok(())) => self.model_proven = Some(true),
            Answer::Approved(Err(error)) | Answer::Proven(Err(error)) => self.model_error = Some(error.to_string()),
            Answer::Input(Look::Done, _) => self.done += 1,
            Answer::Found { finding, rejects_gone } => {
                let Finding {
                    input,
                    rows,
                    bad_rows,
                    unknown,
                } = finding;
                let file = input.to_string();
                if bad_rows > 0 {
                    self.bad_files.push(BadFile {
                        file: file.clone(),
                        rows,
                        bad_rows,
                        rejects_gone,
                    });
                }
                if !unknown.is_empty() {
                    self.unknown_files.push(UnknownFile { file, unknown });
                }
            }
            Answer::Ignored(files, named) => {
                self.ignored = files;
                self.ignored_files = named.iter().map(Name::to_string).collect();
            }
            Answer::Input(Look::Held, file) => self.held_files.push(file),
            Answer::Input(Look::Left, file) => self.left_files.push(file),
            Answer::Input(Look::Open, file) => {
                self.open_files.push(file.clone());
                self.pending_files.push(file);
            }
            Answer::Input(_, file) => self.pending_files.push(file),
            Answer::Unseen { pending, reason } => {
                if pending {
                    self.pending_files.push(reason.file.clone());
                }
                if !self.faults.iter().any(|fault| fault.input.to_string() == reason.file) {
                    self.unseen_files.push(reason);
                }
            }
            Answer::Failed(file) => self.failed_files.push(file),
            Answer::Dismissed(file) => self.dismissed_files.push(file),
            Answer::Listed(Ok(())) => {}
            Answer::Listed(Err(error)) => self.input_error = Some(error.to_string()),
        }
    }
}

/// Of microseconds since 1970.
fn to_rfc3339(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.strftime("%FT%TZ").to_string())
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(Error::io("start a thread for", name))
}

/// Whether the lineup can be used.
fn prove(registry: Registry) -> Result<()> {
    let mut current = Current::new(registry);
    current.look();
    current.take_error().map_or(Ok(()), Err)
}

/// Looks at the decisions and at each input. That nobody waits for an answer any more is no error.
fn ask_folders(config: &Config, answers: &SyncSender<Answer>) {
    let approved = Registry::new(&config.models.path, &config.models.group).latest_approved();
    let recipe = approved.as_ref().ok().map(|identity| recipe(identity, &config.shape));
    let _ = answers.send(Answer::Approved(approved.map(|identity| identity.to_string())));
    let listed = ask_inputs(config, recipe.as_ref(), answers);
    let _ = answers.send(Answer::Listed(listed));
}

fn ask_inputs(config: &Config, recipe: Option<&Recipe>, answers: &SyncSender<Answer>) -> Result<()> {
    let ledger = Ledger::read(&config.state.path)?;
    let findings = ledger.as_ref().map_or(Ok(Vec::new()), Ledger::findings)?;
    let mut findings: HashMap<Name, Finding> = findings.into_iter().map(|f| (f.input.clone(), f)).collect();
    let mut listing = Listing::new(&config.input.path, &config.input.rules)?;
    loop {
        let names = listing.next(1024)?;
        for (folder, error) in listing.take_unreadable() {
            let reason = Reason::of(&folder, &error);
            let _ = answers.send(Answer::Unseen { pending: false, reason });
        }
        if names.is_empty() {
            let (ignored, named) = listing.ignored();
            let _ = answers.send(Answer::Ignored(ignored, named.to_vec()));
            return Ok(());
        }
        for name in names {
            let answer = match look_at(config, ledger.as_ref(), recipe, listing.inputs(), &name) {
                Err(error) if plan::charge(error.code(), 0) == Charge::All => return Err(error),
                // A link whose target is away keeps nobody else's result from being seen.
                Err(error) => Answer::Unseen {
                    pending: true,
                    reason: Reason::of(&name, &error),
                },
                Ok(None) => continue,
                Ok(Some(Look::Failed)) => {
                    let last = ledger.as_ref().map(|l| l.last_problem(&name)).transpose()?.flatten();
                    let failure = Reason {
                        file: name.to_string(),
                        code: last.as_ref().and_then(|l| l.problem.clone()).unwrap_or_default(),
                        message: last.and_then(|l| l.message).unwrap_or_default(),
                    };
                    let stands = ledger.as_ref().map(|l| l.failure(&name)).transpose()?.flatten();
                    match stands.and_then(|stands| stands.dismissal) {
                        Some(Dismissal { at, by, reason }) => Answer::Dismissed(DismissedFile {
                            failure,
                            at: to_rfc3339(at),
                            by,
                            reason,
                        }),
                        None => Answer::Failed(failure),
                    }
                }
                Ok(Some(look)) => {
                    if let (Look::Done, Some(finding)) = (look, findings.remove(&name)) {
                        let there = || Published::open(config)?.has_rejects(&name);
                        let rejects_gone = finding.bad_rows > 0 && matches!(there(), Ok(false));
                        let _ = answers.send(Answer::Found { finding, rejects_gone });
                    }
                    Answer::Input(look, name.to_string())
                }
            };
            let _ = answers.send(answer);
        }
    }
}
