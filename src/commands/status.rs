//! `transform status`. It works while a worker runs, and when none does.

use super::{count, few, print_json, print_line, print_table};
use crate::config::{Config, OnTaken};
use crate::error::{Result, exit};
use crate::transform::shown;
use crate::worker::status::{self, PATIENCE, Status, UnknownFile};

/// Files that are named for people; `--json` names all.
const NAMED: usize = 20;

pub fn status(load: impl FnOnce() -> Result<Config> + Send + 'static, json: bool) -> Result<u8> {
    let config = status::load(load)?;
    let status = Status::find(&config)?;
    match json {
        true => print_json(&status),
        false => print(&status, &config),
    }
    Ok(exit::CONVERGED)
}

fn model(status: &Status) -> String {
    match (&status.model, &status.model_error) {
        (Some(model), _) if status.model_proven.is_none() => format!(
            "{model}, not proven: that takes more than {} s, as for a large model",
            PATIENCE.as_secs()
        ),
        (Some(model), _) => model.clone(),
        (None, error) => error.clone().unwrap_or_default(),
    }
}

/// Files that no glob has.
fn other(status: &Status) -> String {
    match status.other {
        0 => "0".into(),
        n => format!("{n} (no glob of input.include has {})", few(n, &status.other_files)),
    }
}

fn print(status: &Status, config: &Config) {
    let worker = match &status.worker {
        Some(pid) => format!("running (pid {pid})"),
        None => "not running".into(),
    };
    let input = status.input_error.clone().unwrap_or(status.input.display().to_string());
    let mut rows = vec![
        vec!["worker".into(), worker],
        vec!["model".into(), model(status)],
        vec!["input".into(), input],
        vec!["done".into(), status.done.to_string()],
        vec!["pending".into(), status.pending.to_string()],
        vec!["failed".into(), status.failed.to_string()],
        vec!["held".into(), status.held.to_string()],
        vec!["other".into(), other(status)],
    ];
    if status.left > 0 {
        rows.push(vec!["left".into(), format!("{} (their outputs went)", status.left)]);
    }
    print_table(&rows);
    for fault in &status.faults {
        let who = if fault.input.bytes().is_empty() {
            "the worker".into()
        } else {
            fault.input.to_string()
        };
        print_line(format!(
            "\ntrying again: {who}: {} ({}, {})",
            fault.message,
            fault.code,
            count(fault.tries.into(), "attempt")
        ));
    }
    if !status.pending_files.is_empty() {
        print_line("\npending:");
        status
            .pending_files
            .iter()
            .take(NAMED)
            .for_each(|file| print_line(format!("  {file}")));
        more(status.pending_files.len());
    }
    // That they are left is as it should be where the configuration says so.
    if !status.left_files.is_empty() && config.output.taken == OnTaken::Remake {
        print_line(
            "\nleft (their outputs went again and again; if a consumer takes them away, set output.taken = \"leave\"; \
             'transform retry FILE' makes one again, '--once --all' all of them):",
        );
        status
            .left_files
            .iter()
            .take(NAMED)
            .for_each(|file| print_line(format!("  {file}")));
        more(status.left_files.len());
    }
    if !status.bad_files.is_empty() {
        print_line(format!(
            "\ndone, with bad rows (they are in {}):",
            config.failed.display()
        ));
        for bad in status.bad_files.iter().take(NAMED) {
            print_line(format!(
                "  {}  {} of {}",
                bad.file,
                bad.bad_rows,
                count(bad.rows, "row")
            ));
        }
        more(status.bad_files.len());
    }
    if !status.held_files.is_empty() {
        print_line(format!("\nheld (the reasons are in {}):", config.failed.display()));
        status
            .held_files
            .iter()
            .take(NAMED)
            .for_each(|file| print_line(format!("  {file}")));
        more(status.held_files.len());
    }
    if !status.unknown_files.is_empty() {
        print_line("\ndone, with categories that the model doesn't know (columns, and how many cells):");
        for UnknownFile { file, unknown } in status.unknown_files.iter().take(NAMED) {
            print_line(format!("  {file}  {}", shown(unknown)));
        }
        more(status.unknown_files.len());
    }
    if !status.failed_files.is_empty() {
        print_line(format!(
            "\nfailed (reports in {}; 'transform retry' tries again):",
            config.failed.display()
        ));
        for failed in status.failed_files.iter().take(NAMED) {
            print_line(format!("  {}  {}: {}", failed.file, failed.code, failed.message));
        }
        more(status.failed_files.len());
    }
}

fn more(files: usize) {
    if files > NAMED {
        print_line(format!("  and {} more: transform status --json", files - NAMED));
    }
}
