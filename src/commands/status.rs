//! `transform status`. It works while a worker runs, and when none does.

use super::{count, say, say_json, say_table};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Fault, Ledger, Recipe};
use crate::registry::Registry;
use crate::spool::scan::Listing;
use crate::worker::lock::Lock;
use crate::worker::{Look, look_at, recipe};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

#[derive(Serialize)]
struct Status {
    /// The pid of the worker that holds the state folder.
    worker: Option<String>,
    model: Option<String>,
    /// Why there is no model.
    model_error: Option<String>,
    input: PathBuf,
    /// Why the input folder can't be listed.
    input_error: Option<String>,
    done: u64,
    pending: u64,
    failed: u64,
    pending_files: Vec<String>,
    failed_files: Vec<FailedFile>,
    /// What failed for now, and is tried again.
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct FailedFile {
    file: String,
    code: String,
    message: String,
}

/// Files that are named for people; `--json` names all.
const NAMED: usize = 20;

/// The folders have so long for each answer. A mount that hangs never gives one.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the folders answer, in this order: a model, then inputs.
enum Answer {
    Model(Result<String>),
    Done,
    Pending(String),
    Failed(FailedFile),
    /// The input folder can't be listed, or not to its end.
    Unreadable(Error),
}

pub fn status(load: impl FnOnce() -> Result<Config> + Send + 'static, json: bool) -> Result<u8> {
    // On threads, for who asks a mount that hangs doesn't come back.
    let (sender, loaded) = mpsc::sync_channel(1);
    thread("configuration", move || drop(sender.send(load())))?;
    let config = match loaded.recv_timeout(PATIENCE) {
        Ok(config) => config?,
        Err(_) => return Err(Error::mount("a folder of the configuration", NO_ANSWER)),
    };
    let mut faults = match Ledger::read(&config.state.path)? {
        Some(ledger) => ledger.faults()?,
        None => Vec::new(),
    };
    let holder = Lock::holder(&config.state.path)?;
    if let Some(untold) = holder.as_ref().and_then(|h| h.fault.clone()) {
        faults.retain(|fault| fault.input != untold.input);
        faults.insert(0, untold);
    }
    let mut status = Status {
        worker: holder.map(|h| h.pid),
        model: None,
        model_error: None,
        input: config.input.path.clone(),
        input_error: None,
        done: 0,
        pending: 0,
        failed: 0,
        pending_files: Vec::new(),
        failed_files: Vec::new(),
        faults,
    };
    let (sender, answers) = mpsc::sync_channel(1024);
    let asked = config.clone();
    thread("folders", move || ask(&asked, &sender))?;
    loop {
        match answers.recv_timeout(PATIENCE) {
            Ok(Answer::Model(Ok(model))) => status.model = Some(model),
            Ok(Answer::Model(Err(error))) => status.model_error = Some(error.to_string()),
            Ok(Answer::Done) => status.done += 1,
            Ok(Answer::Pending(file)) => status.pending_files.push(file),
            Ok(Answer::Failed(file)) => status.failed_files.push(file),
            Ok(Answer::Unreadable(error)) => status.input_error = Some(error.to_string()),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let asked_for_model = status.model.is_none() && status.model_error.is_none();
                let (path, error) = match asked_for_model {
                    true => (&config.models.path, &mut status.model_error),
                    false => (&config.input.path, &mut status.input_error),
                };
                *error = Some(Error::mount(path, NO_ANSWER).to_string());
                break;
            }
        }
    }
    status.pending = status.pending_files.len() as u64;
    status.failed = status.failed_files.len() as u64;
    status.pending_files.sort();
    status.failed_files.sort_by(|a, b| a.file.cmp(&b.file));
    match json {
        true => say_json(&status),
        false => print(&status, &config),
    }
    Ok(exit::CONVERGED)
}

const NO_ANSWER: &str = "no answer within 10 s: does its mount hang?";

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).map_err(Error::io("start a thread for", name))
}

/// Looks at the models and at each input. That nobody waits for an answer any more is no error.
fn ask(config: &Config, answers: &SyncSender<Answer>) {
    let approved = Registry::new(&config.models.path, &config.models.group).latest_approved();
    let recipe = approved.as_ref().ok().map(|identity| recipe(identity, &config.shape));
    let _ = answers.send(Answer::Model(approved.map(|identity| identity.to_string())));
    let listed = ask_inputs(config, recipe.as_ref(), answers);
    if let Err(error) = listed {
        let _ = answers.send(Answer::Unreadable(error));
    }
}

fn ask_inputs(config: &Config, recipe: Option<&Recipe>, answers: &SyncSender<Answer>) -> Result<()> {
    let ledger = Ledger::read(&config.state.path)?;
    let mut listing = Listing::new(&config.input.path, &config.input.rules)?;
    loop {
        let names = listing.next(1024)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            let answer = match look_at(config, ledger.as_ref(), recipe, listing.root(), &name)? {
                None => continue,
                Some(Look::Done) => Answer::Done,
                Some(Look::Pending) => Answer::Pending(name.to_string()),
                Some(Look::Failed) => {
                    let last = ledger.as_ref().map(|l| l.last_problem(&name)).transpose()?.flatten();
                    Answer::Failed(FailedFile {
                        file: name.to_string(),
                        code: last.as_ref().and_then(|l| l.problem.clone()).unwrap_or_default(),
                        message: last.and_then(|l| l.message).unwrap_or_default(),
                    })
                }
            };
            let _ = answers.send(answer);
        }
    }
}

fn print(status: &Status, config: &Config) {
    let worker = match &status.worker {
        Some(pid) => format!("running (pid {pid})"),
        None => "not running".into(),
    };
    let model = status.model.clone().or(status.model_error.clone()).unwrap_or_default();
    let input = status.input_error.clone().unwrap_or(status.input.display().to_string());
    say_table(&[
        vec!["worker".into(), worker],
        vec!["model".into(), model],
        vec!["input".into(), input],
        vec!["done".into(), status.done.to_string()],
        vec!["pending".into(), status.pending.to_string()],
        vec!["failed".into(), status.failed.to_string()],
    ]);
    for fault in &status.faults {
        let who = if fault.input.bytes().is_empty() {
            "the worker".into()
        } else {
            fault.input.to_string()
        };
        say(format!(
            "\ntrying again: {who}: {} ({}, {})",
            fault.message,
            fault.code,
            count(fault.tries.into(), "attempt")
        ));
    }
    if !status.pending_files.is_empty() {
        say("\npending:");
        status
            .pending_files
            .iter()
            .take(NAMED)
            .for_each(|file| say(format!("  {file}")));
        more(status.pending_files.len());
    }
    if !status.failed_files.is_empty() {
        say(format!(
            "\nfailed (reports in {}; 'transform retry' tries again):",
            config.failed.display()
        ));
        for failed in status.failed_files.iter().take(NAMED) {
            say(format!("  {}  {}: {}", failed.file, failed.code, failed.message));
        }
        more(status.failed_files.len());
    }
}

fn more(files: usize) {
    if files > NAMED {
        say(format!("  and {} more: transform status --json", files - NAMED));
    }
}
