//! `transform retry`: tries again what failed for good, and makes outputs again that went.

use super::models::person;
use super::spool::require_spool;
use super::{count, input_name, print_json, print_line};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::service::clock::wall_clock;
use crate::spool::scan::Inputs;
use crate::spool::{Name, publish};
use crate::transform::Verdict;
use crate::worker::lock::Lock;
use crate::worker::{self, Published};
use serde_json::json;
use std::collections::HashSet;
use std::path::PathBuf;

pub fn retry(config: &Config, files: &[PathBuf], json: bool) -> Result<u8> {
    let (mut retried, mut went) = (Vec::new(), 0);
    if let Some(mut ledger) = Ledger::read(&config.state.path)? {
        (retried, went) = wanted(config, &ledger, files)?;
        ledger.retry(&retried, &person(), wall_clock() / 1000)?;
        for name in &retried {
            // An event for the worker that runs: a failed file without its report is tried again.
            publish::withdraw_report(&config.failed, name)?;
        }
    } else {
        require_spool(config)?;
        if let Some(file) = files.first() {
            return Err(did_not_fail(config, &input_name(config, file)));
        }
    }
    let running = Lock::holder(&config.state.path)?.is_some();
    if json {
        let retried: Vec<String> = retried.iter().map(Name::to_string).collect();
        print_json(&json!({"retried": retried, "worker_running": running}));
    } else {
        let when = match (running, went) {
            (true, 0) => "the worker tries them now",
            // No event tells it.
            (true, _) => "the worker tries them when it lists the folder next",
            (false, _) => "the next run tries them",
        };
        match retried.len() as u64 {
            0 => print_line("no file has failed"),
            n => print_line(format!("{} to try again; {when}", count(n, "file"))),
        }
    }
    Ok(exit::CONVERGED)
}

/// The inputs to try again, each once: those that were named, which must be there, and have failed, or lost their outputs or
/// rejects; or all that failed and that nobody dismissed. And how many of them lost what was made.
fn wanted(config: &Config, ledger: &Ledger, files: &[PathBuf]) -> Result<(Vec<Name>, usize)> {
    let mut failed = ledger.failed()?;
    if files.is_empty() {
        let failures = ledger.failures()?;
        let dismissed: HashSet<Name> = failures
            .into_iter()
            .filter(|f| f.dismissal.is_some())
            .map(|f| f.input)
            .collect();
        failed.retain(|name| !dismissed.contains(name));
        return Ok((failed, 0));
    }
    let wanted = inputs(config, files)?;
    let went = results_that_went(config, ledger, &wanted)?;
    let fine = |name: &&Name| failed.binary_search(name).is_err() && !went.contains(name);
    match wanted.iter().find(fine) {
        Some(other) => Err(not_failed(config, ledger, other)?),
        None => Ok((wanted, went.len())),
    }
}

/// The inputs that were named, each once, in order.
///
/// # Errors
/// One of them isn't there.
pub fn inputs(config: &Config, files: &[PathBuf]) -> Result<Vec<Name>> {
    let mut inputs: Vec<Name> = files.iter().map(|file| input_name(config, file)).collect();
    inputs.sort();
    inputs.dedup();
    match inputs.iter().find(|name| is_gone(config, name)) {
        Some(gone) => Err(Error::config(&config.input.path, format!("{gone}: no such input"))),
        None => Ok(inputs),
    }
}

/// Why nothing is to be done about an input that has not failed for good.
pub fn not_failed(config: &Config, ledger: &Ledger, name: &Name) -> Result<Error> {
    if !ledger.faults()?.iter().any(|fault| fault.input == *name) {
        return Ok(did_not_fail(config, name));
    }
    let message = format!("{name} failed only for now, and is tried again by itself; see 'transform status'");
    Ok(Error::config(&config.input.path, message))
}

/// Is there no input of that name? What can't be looked at may be there.
fn is_gone(config: &Config, name: &Name) -> bool {
    Inputs::open(&config.input.path, &config.input.rules)
        .and_then(|inputs| worker::is_gone(&inputs, name))
        .unwrap_or(false)
}

/// Those of the inputs that were scored, and whose outputs, or bad rows, aren't there as they were written any more.
fn results_that_went(config: &Config, ledger: &Ledger, names: &[Name]) -> Result<HashSet<Name>> {
    let published = Published::open(config)?;
    let findings = ledger.findings()?;
    let has_bad_rows = |name: &Name| findings.iter().any(|f| f.input == *name && f.bad_rows > 0);
    let mut went = HashSet::new();
    for (name, record) in names.iter().zip(ledger.records(names)?) {
        let record = record.filter(|r| r.verdict == Verdict::Publish);
        let output_went = || Ok(published.size(name, record.as_ref())? != record.as_ref().map(|r| r.published));
        let rejects_went = || Ok(has_bad_rows(name) && !published.has_rejects(name)?);
        if record.is_some() && (output_went()? || rejects_went()?) {
            went.insert(name.clone());
        }
    }
    Ok(went)
}

pub fn did_not_fail(config: &Config, name: &Name) -> Error {
    let message = format!("{name} did not fail; 'transform status' lists what did");
    Error::config(&config.input.path, message)
}
