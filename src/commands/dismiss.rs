//! `transform dismiss`: acknowledges what failed for good, with who and why.

use super::models::person;
use super::retry::{did_not_fail, inputs, not_failed};
use super::{count, print_json, print_line};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Failure, Ledger};
use crate::service::clock::wall_clock;
use crate::spool::Name;
use crate::transform::Verdict;
use serde_json::json;
use std::path::PathBuf;

pub fn dismiss(config: &Config, files: &[PathBuf], reason: &str, by: Option<String>, json: bool) -> Result<u8> {
    let by = by.unwrap_or_else(person);
    for (flag, text) in [("--reason", reason), ("--by", &by)] {
        if text.trim().is_empty() {
            return Err(Error::config(flag, "it is empty; say it for those who come after you"));
        }
    }
    let names = inputs(config, files)?;
    let Some(mut ledger) = Ledger::read(&config.state.path)? else {
        return Err(did_not_fail(config, &names[0]));
    };
    let failures: Vec<Failure> = names
        .iter()
        .map(|name| failure(config, &ledger, name))
        .collect::<Result<_>>()?;
    ledger.dismiss(&failures, &by, wall_clock() / 1000, reason)?;
    match json {
        true => {
            let names: Vec<String> = names.iter().map(Name::to_string).collect();
            print_json(&json!({"dismissed": names, "by": by, "reason": reason}));
        }
        false => print_line(format!("{} dismissed by {by}", count(names.len() as u64, "failure"))),
    }
    Ok(exit::CONVERGED)
}

/// The failure that stands.
fn failure(config: &Config, ledger: &Ledger, name: &Name) -> Result<Failure> {
    let message = match ledger.failure(name)? {
        Some(failure) if failure.verdict == Verdict::Fail => return Ok(failure),
        Some(_) => format!("{name} is held, and waits for a person; it did not fail"),
        None if ledger.failed()?.binary_search(name).is_ok() => {
            format!("{name} is tried again; see 'transform status'")
        }
        None => return Err(not_failed(config, ledger, name)?),
    };
    Err(Error::config(&config.input.path, message))
}
