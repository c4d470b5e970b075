//! `transform retry`: tries again what failed for good.

use super::{count, input_name, say, say_json};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::spool::{Name, publish};
use crate::worker::lock::Lock;
use serde_json::json;
use std::path::PathBuf;

pub fn retry(config: &Config, files: &[PathBuf], json: bool) -> Result<u8> {
    let mut retried = Vec::new();
    let ledger = Ledger::read(&config.state.path)?;
    let failed = ledger.as_ref().map(Ledger::failed).transpose()?.unwrap_or_default();
    let wanted: Vec<Name> = match files {
        [] => failed.clone(),
        files => files.iter().map(|f| input_name(config, f)).collect(),
    };
    if let Some(unknown) = wanted.iter().find(|name| !failed.contains(name)) {
        let faults = ledger.as_ref().map(Ledger::faults).transpose()?.unwrap_or_default();
        let message = match faults.iter().any(|fault| fault.input == *unknown) {
            true => format!("{unknown} failed only for now, and is tried again by itself; see 'transform status'"),
            false => format!("{unknown} did not fail; 'transform status' lists what did"),
        };
        return Err(Error::config(&config.input.path, message));
    }
    if let Some(mut ledger) = ledger {
        for name in wanted {
            ledger.forget(&name)?;
            // An event for the worker that runs: a failed file without its report is tried again.
            publish::withdraw_report(&config.failed, &name)?;
            retried.push(name.to_string());
        }
    }
    let running = Lock::holder(&config.state.path)?.is_some();
    if json {
        say_json(&json!({"retried": retried, "worker_running": running}));
    } else {
        let when = if running {
            "the worker tries them now"
        } else {
            "the next run tries them"
        };
        match retried.len() as u64 {
            0 => say("no file has failed"),
            n => say(format!("{} to try again; {when}", count(n, "file"))),
        }
    }
    Ok(exit::CONVERGED)
}
