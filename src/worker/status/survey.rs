//! Looks at the ledger, the lock, the models and the inputs, and changes nothing.

use super::files::{DismissedFile, Fault, Pending, Reason, Why, at};
use super::monitored::Monitored;
use super::process::{Held, Process};
use super::snapshot::Status;
use super::trial::Trial;
use super::written;
use crate::config::{Config, PLACES};
use crate::error::{Error, Result};
use crate::ledger::{self, Finding, Ledger, Record};
use crate::registry::experiment::Trials;
use crate::registry::{Current, Experiment, Registry};
use crate::score::Phase;
use crate::spool::scan::Listing;
use crate::spool::{Fingerprint, Name};
use crate::worker::lock::Lock;
use crate::worker::look::{self, Look, Onlooker, Published};
use crate::worker::plan::{self, Asked, Charge};
use jiff::Timestamp;
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// The folders have so long for each answer. A mount that hangs never gives one.
pub const PATIENCE: Duration = Duration::from_secs(10);

const NO_ANSWER: &str = "no answer within 10 s: does its mount hang?";

/// Names that are looked at in one go.
const CHUNK: usize = 1024;

/// A part of the answer. They come from several threads.
pub enum Answer {
    /// The latest approved version, as the decisions have it.
    Approved(Result<String>),
    /// SHA-256 of what its results are held against.
    Watched(Option<String>),
    /// Which experiments go on beside it, or why that can't be told.
    Trials(Result<Trials>),
    /// Whether it can be used.
    Proven(Result<()>),
    Done,
    Held(String),
    Left(String),
    Failed(Reason),
    Dismissed(DismissedFile),
    Pending(Pending),
    /// Of one that is done. `rejects_gone`: its bad rows aren't where they were written any more.
    Found {
        finding: Finding,
        rejects_gone: bool,
    },
    /// How many files of the folder are no inputs, and a few of their names.
    Ignored(u64, Vec<Name>),
    /// It can't be looked at now. `pending`: it is an input, and no folder of them.
    Unseen {
        pending: bool,
        reason: Reason,
    },
    /// All inputs, or why they can't be listed to their end.
    Listed(Result<()>),
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

/// The model group of the worker that runs, by its own word: it stays with it when others come.
pub fn group(config: &Config) -> Option<String> {
    Lock::holder(&config.state.path).ok()??;
    let model = written::read(config).worker()?.model?;
    let (group, _) = model.rsplit_once('/')?;
    Some(group.into())
}

/// How things stand, for whoever asks.
///
/// # Errors
/// If the state folder can't be read, or there is no spool. What is wrong with the model or the input folder is part of the
/// status.
pub fn find(config: &Config) -> Result<Status> {
    let now = Timestamp::now();
    require_spool(config)?;
    let mut status = Status::new(now, absolute(&config.input.path), usize::MAX);
    let holder = Lock::holder(&config.state.path)?;
    let held = holder.as_ref().map(|holder| Held {
        pid: holder.pid.parse().ok(),
        touched: holder.touched.and_then(|at| Timestamp::try_from(at).ok()),
    });
    add_state(&mut status, config, holder.and_then(|holder| holder.fault))?;
    let written = written::read(config);
    status.worker = Process::seen(held, written.worker(), now);
    if let Some(trouble) = written.trouble(&status.worker) {
        status.worker.report_error = Some(trouble);
    }
    let (sender, answers) = mpsc::sync_channel(1024);
    // On threads, for who asks a mount that hangs doesn't come back. To prove a large model takes long: the inputs
    // don't wait for that.
    let (asked, answer) = (config.clone(), sender.clone());
    thread("folders", move || {
        ask_folders(&asked, &mut |part| drop(answer.send(part)));
    })?;
    let registry = Registry::new(&config.models.path, &config.models.group);
    let (watched, state) = (config.monitor.is_on(), config.state.path.clone());
    thread("model", move || {
        drop(sender.send(Answer::Proven(prove(registry, watched, &state))))
    })?;
    let (mut approved, mut listed) = (false, false);
    loop {
        match answers.recv_timeout(PATIENCE) {
            Ok(answer) => {
                approved |= matches!(answer, Answer::Approved(_));
                listed |= matches!(answer, Answer::Listed(_));
                add(&mut status, answer);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let hangs = |path: &Path| Error::mount(path, NO_ANSWER);
                match (approved, listed) {
                    (false, _) => set_model(&mut status, &hangs(&config.models.path)),
                    (true, false) => set_input(&mut status, &hangs(&config.input.path)),
                    // Whoever proves a large model may be at it.
                    (true, true) => {}
                }
                break;
            }
        }
    }
    let open = written.open(&status.worker);
    status.set_open(|file| open.contains(file));
    end(&mut status);
    Ok(status)
}

/// Looks at the inputs for the worker, which knows the rest.
pub fn look(config: &Config, status: &mut Status) {
    ask_folders(config, &mut |part| match part {
        Answer::Approved(_) => {}
        part => add(status, part),
    });
}

/// What can be said when all is known.
pub fn end(status: &mut Status) {
    let why = match (status.scores(), status.worker.runs()) {
        (false, _) => Some(Why::NoModel),
        (true, false) => Some(Why::NoWorker),
        (true, true) => None,
    };
    let outage = status.outage().cloned();
    for file in &mut status.pending_files {
        if let (Why::Queued, Some(why)) = (file.reason, why) {
            file.reason = why;
        }
        // What keeps the worker as a whole from working keeps each of them.
        if let (Why::Queued, Some(outage)) = (file.reason, &outage) {
            (file.reason, file.retry_at) = (Why::Retry, outage.retry_at);
        }
        if let Some(fault) = status.faults.iter().find(|fault| fault.input == file.file) {
            (file.reason, file.retry_at) = (Why::Retry, fault.retry_at);
        }
    }
    status.sort();
    status.age(Timestamp::now());
}

/// What the ledger says without the inputs. `unrecorded`: what keeps the worker from working, and that the ledger may not have.
pub fn add_state(status: &mut Status, config: &Config, unrecorded: Option<ledger::Fault>) -> Result<()> {
    let ledger = Ledger::read(&config.state.path)?;
    let mut faults: Vec<ledger::Fault> = Vec::new();
    if let Some(ledger) = &ledger {
        faults = ledger.faults()?;
        status.last_success = ledger.last_success()?.map(at);
        if config.textfile.is_some() && config.monitor.is_on() {
            status.monitored = Some(Monitored::find(ledger)?);
        }
    }
    if let Some(unrecorded) = unrecorded {
        faults.retain(|fault| fault.input != unrecorded.input);
        faults.insert(0, unrecorded);
    }
    let now = status.at;
    status.set_faults(faults.iter().map(|fault| Fault::of(fault, now)));
    Ok(())
}

fn add(status: &mut Status, answer: Answer) {
    match answer {
        Answer::Approved(Ok(model)) => status.model = status.model_error.is_none().then_some(model),
        Answer::Watched(baseline) => status.baseline = baseline,
        Answer::Trials(Ok(running)) => {
            status.experiments = Trial::all(&running);
            status.experiments_error = running.damaged.into_iter().next();
        }
        Answer::Trials(Err(error)) => status.experiments_error = Some(error.to_string()),
        Answer::Proven(Ok(())) => status.model_proven = Some(true),
        Answer::Approved(Err(error)) | Answer::Proven(Err(error)) => set_model(status, &error),
        Answer::Done => status.done += 1,
        Answer::Held(file) => status.add_held(file),
        Answer::Left(file) => status.add_left(file),
        Answer::Failed(file) => status.add_failed(file),
        Answer::Dismissed(file) => status.add_dismissed(file),
        Answer::Pending(file) => status.add_pending(file),
        Answer::Found { finding, rejects_gone } => status.add_finding(finding, rejects_gone),
        Answer::Ignored(files, named) => {
            status.ignored = files;
            status.ignored_files = named.iter().map(Name::to_string).collect();
        }
        Answer::Unseen { pending, reason } => {
            if pending {
                status.add_pending(Pending {
                    file: reason.file.clone(),
                    reason: Why::Unseen,
                    since: None,
                    age_seconds: None,
                    retry_at: None,
                });
            }
            status.add_unseen(reason);
        }
        Answer::Listed(Ok(())) => status.counted = Some(status.at),
        Answer::Listed(Err(error)) => set_input(status, &error),
    }
}

fn set_model(status: &mut Status, error: &Error) {
    status.set_model_error(error.code(), error.to_string());
}

fn set_input(status: &mut Status, error: &Error) {
    status.input_error_code = Some(error.code().into());
    status.input_error = Some(error.to_string());
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(Error::io("start a thread for", name))
}

/// Whether the version that answers can be used, and it can be told whose keys are a challenger's. `watched`: only with its baseline.
fn prove(registry: Registry, watched: bool, state: &Path) -> Result<()> {
    let mut current = Current::new(registry.clone()).watched(watched);
    current.look();
    if let Ok(lineup) = current.lineup() {
        registry.trials(&lineup.champion.identity, state)?;
    }
    current.take_error().map_or(Ok(()), Err)
}

/// Looks at the decisions and at each input. That nobody waits for an answer any more is no error.
fn ask_folders(config: &Config, answer: &mut impl FnMut(Answer)) {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let approved = registry.latest_approved();
    let version = approved.as_ref().ok().map(|identity| identity.version);
    let baseline = version
        .filter(|_| config.monitor.is_on())
        .map(|version| registry.baseline(version));
    // One that is damaged shows when the version is proven.
    let baseline = baseline.and_then(|found| found.ok().flatten());
    answer(Answer::Watched(baseline.map(|found| found.sha256.to_string())));
    let trials = approved
        .as_ref()
        .ok()
        .map(|champion| registry.trials(champion, &config.state.path));
    let wanted = approved.as_ref().ok().map(|champion| {
        let trials = trials.iter().flatten();
        let of = |(challenger, is_open): (&Experiment, bool)| {
            let phases = challenger.phases(registry.group()).into_iter();
            phases.map(move |phase| (phase, is_open))
        };
        let phases: Vec<(Phase, bool)> = trials.flat_map(Trials::challengers).flat_map(of).collect();
        (
            look::recipe(champion.made_by(), &config.shape),
            look::asked(phases.iter().map(|(phase, is_open)| (phase, *is_open))),
        )
    });
    trials.into_iter().for_each(|trials| answer(Answer::Trials(trials)));
    answer(Answer::Approved(approved.map(|identity| identity.to_string())));
    let listed = ask_inputs(config, wanted, stale(config, &registry), answer);
    answer(Answer::Listed(listed));
}

/// Since when results are out of date, if they are: those by another model since the last decision, those by other settings
/// since their file was changed.
pub fn stale(config: &Config, registry: &Registry) -> Option<Timestamp> {
    let decided = registry.last_decision().ok().flatten();
    let decided = decided.and_then(|at| at.parse::<Timestamp>().ok());
    let configured = config
        .file
        .as_ref()
        .and_then(|file| file.metadata().ok()?.modified().ok());
    let configured = configured.and_then(|at| Timestamp::try_from(at).ok());
    decided.max(configured)
}

fn ask_inputs(
    config: &Config,
    wanted: Option<(ledger::Recipe, Vec<Asked>)>,
    stale: Option<Timestamp>,
    answer: &mut impl FnMut(Answer),
) -> Result<()> {
    let ledger = Ledger::read(&config.state.path)?;
    let findings = ledger.as_ref().map_or(Ok(Vec::new()), Ledger::findings)?;
    let mut findings: HashMap<Name, Finding> = findings.into_iter().map(|f| (f.input.clone(), f)).collect();
    let mut listing = Listing::new(&config.input.path, &config.input.rules)?;
    let published = Published::open(config)?;
    let onlooker = Onlooker::new(config, wanted, listing.inputs().is_local());
    loop {
        let names = listing.next(CHUNK)?;
        for (folder, error) in listing.take_unreadable() {
            let reason = Reason::of(&folder, &error);
            answer(Answer::Unseen { pending: false, reason });
        }
        if names.is_empty() {
            let (ignored, named) = listing.ignored();
            answer(Answer::Ignored(ignored, named.to_vec()));
            return Ok(());
        }
        let records = match &ledger {
            Some(ledger) => ledger.records(&names)?,
            None => vec![None; names.len()],
        };
        for (name, record) in names.into_iter().zip(records) {
            let (look, seen) = match onlooker.look_at(listing.inputs(), &published, &name, record.as_ref()) {
                Err(error) if plan::charge(error.code(), 0) == Charge::All => return Err(error),
                // A link whose target is away keeps nobody else's result from being seen.
                Err(error) => {
                    let reason = Reason::of(&name, &error);
                    answer(Answer::Unseen { pending: true, reason });
                    continue;
                }
                Ok(None) => continue,
                Ok(Some(found)) => found,
            };
            let pending = |reason| {
                Answer::Pending(Pending {
                    file: name.to_string(),
                    reason,
                    since: since(seen.fingerprint, record.as_ref(), stale),
                    age_seconds: None,
                    retry_at: None,
                })
            };
            let part = match look {
                Look::Done => {
                    if let Some(finding) = findings.remove(&name) {
                        let rejects_gone = finding.bad_rows > 0 && matches!(published.has_rejects(&name), Ok(false));
                        answer(Answer::Found { finding, rejects_gone });
                    }
                    Answer::Done
                }
                Look::Held => Answer::Held(name.to_string()),
                Look::Left => Answer::Left(name.to_string()),
                Look::Failed => failed(&name, ledger.as_ref())?,
                Look::Open => pending(Why::Open),
                Look::Settling => pending(Why::Settling),
                Look::Queued => pending(Why::Queued),
            };
            answer(part);
        }
    }
}

fn failed(name: &Name, ledger: Option<&Ledger>) -> Result<Answer> {
    let failure = reason(name, ledger)?;
    let stands = ledger.map(|ledger| ledger.failure(name)).transpose()?.flatten();
    Ok(match stands.and_then(|stands| stands.dismissal) {
        Some(dismissal) => Answer::Dismissed(DismissedFile::of(failure, dismissal)),
        None => Answer::Failed(failure),
    })
}

/// Why an input failed for good.
pub fn reason(name: &Name, ledger: Option<&Ledger>) -> Result<Reason> {
    let last = ledger.map(|ledger| ledger.last_problem(name)).transpose()?.flatten();
    Ok(Reason {
        file: name.to_string(),
        code: last.as_ref().and_then(|l| l.problem.clone()).unwrap_or_default(),
        failed_at: last.as_ref().map(|l| at(l.at)),
        message: last.and_then(|l| l.message).unwrap_or_default(),
    })
}

/// Since when an input waits. `stale`: since when what was scored before is out of date, by the model or the settings.
pub fn since(fingerprint: Fingerprint, record: Option<&Record>, stale: Option<Timestamp>) -> Option<Timestamp> {
    let Fingerprint { mtime, ctime, .. } = fingerprint;
    match record {
        Some(record) if record.fingerprint == fingerprint => stale,
        // A time to come is somebody's wrong clock.
        _ => Some(at(ctime.unwrap_or(mtime) / 1000).min(Timestamp::now())),
    }
}

/// As people find it, wherever they are.
pub fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// An error where nothing is that could be asked: somebody is in the wrong folder.
fn require_spool(config: &Config) -> Result<()> {
    let folders = [&config.state.path, &config.input.path, &config.models.path];
    // What can't be looked at is there.
    if folders.iter().any(|path| path.try_exists().unwrap_or(true)) {
        return Ok(());
    }
    let shown = folders.map(|path| absolute(path).display().to_string());
    let whence = match &config.file {
        Some(file) => format!("as {} says", absolute(file).display()),
        None => format!(
            "as the built-in defaults say, for there is no {}",
            PLACES
                .map(|place| absolute(Path::new(place)).display().to_string())
                .join(" and no ")
        ),
    };
    let message = format!(
        "there is no spool here: looked for {} ({whence}); change to the folder that the spool is in, or name its configuration \
         with --config or TRANSFORM_CONFIG",
        shown.join(", ")
    );
    Err(Error::config(absolute(Path::new(".")), message))
}
