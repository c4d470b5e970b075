//! `transform status`. It works while a worker runs, and when none does.

use super::{count, few, print_json, print_line, print_table};
use crate::config::{Config, OnTaken};
use crate::error::{Result, exit};
use crate::transform::shown;
use crate::worker::status::{self, DismissedFile, PATIENCE, Reason, Status, UnknownFile};

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
fn ignored(status: &Status) -> String {
    match status.ignored {
        0 => "0".into(),
        n => format!("{n} (no glob of input.include has {})", few(n, &status.ignored_files)),
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
        vec!["ignored".into(), ignored(status)],
    ];
    if status.dismissed > 0 {
        rows.push(vec!["dismissed".into(), status.dismissed.to_string()]);
    }
    if status.left > 0 {
        rows.push(vec![
            "left".into(),
            format!("{} (their outputs went or were changed)", status.left),
        ]);
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
    let failed = config.failed.display();
    let reason = |file: &Reason| format!("{}  {}: {}", file.file, file.code, file.message);
    list("can't be looked at:", &status.unseen_files, reason);
    list("pending:", &status.pending_files, String::clone);
    let title = "open for writing (each is scored once its writer has closed it):";
    list(title, &status.open_files, String::clone);
    // That they are left is as it should be where the configuration says so.
    if config.output.taken == OnTaken::Remake {
        let title = "left (their outputs went or were changed again and again; if a consumer takes them away, set output.taken = \"leave\"; \
                     'transform retry FILE' makes one again, '--once --all' all of them):";
        list(title, &status.left_files, String::clone);
    }
    let title = format!("done, with bad rows (they are in {failed}):");
    list(&title, &status.bad_files, |bad| {
        let gone = match bad.rejects_gone {
            true => "; they went: 'transform retry FILE' writes them again",
            false => "",
        };
        let rows = count(bad.rows, "row");
        format!("{}  {} of {rows}{gone}", bad.file, bad.bad_rows)
    });
    let title = format!("held (the reasons are in {failed}):");
    list(&title, &status.held_files, String::clone);
    let title = "done, with categories that the model doesn't know (columns, and how many cells):";
    list(title, &status.unknown_files, |UnknownFile { file, unknown }| {
        format!("{file}  {}", shown(unknown))
    });
    let title = format!("failed (reports in {failed}; 'transform retry' tries again):");
    list(&title, &status.failed_files, reason);
    let title = "dismissed (they failed, and that is known):";
    list(title, &status.dismissed_files, |file| {
        let DismissedFile {
            failure,
            at,
            by,
            reason,
        } = file;
        format!("{}  {}; by {by} at {at}: {reason}", failure.file, failure.code)
    });
}

/// The first of some files, a line each; nothing where there are none.
fn list<T>(title: &str, files: &[T], line: impl Fn(&T) -> String) {
    if files.is_empty() {
        return;
    }
    print_line(format!("\n{title}"));
    files
        .iter()
        .take(NAMED)
        .for_each(|file| print_line(format!("  {}", line(file))));
    if files.len() > NAMED {
        print_line(format!("  and {} more: transform status --json", files.len() - NAMED));
    }
}
