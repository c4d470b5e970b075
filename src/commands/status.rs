//! `transform status`. It works while a worker runs, and when none does.

use super::{count, few, missing_globs, print_json, print_line, print_table, time};
use crate::config::{Config, OnTaken};
use crate::error::{Error, Result, exit};
use crate::transform::shown;
use crate::worker::status::check::{self, Limits};
use crate::worker::status::{
    self, DismissedFile, Fault, PATIENCE, Pending, Process, Reason, State, Status, Trial, UnknownFile,
};
use jiff::Timestamp;

/// Files that are named for people; `--json` names all.
const NAMED: usize = 20;

/// How the answer is wished.
pub enum Wish {
    Text,
    Json,
    /// One line and an exit code for a monitor.
    Check(Limits),
}

pub fn status(load: impl FnOnce() -> Result<Config> + Send + 'static, wish: Wish) -> Result<u8> {
    let found = || {
        let config = status::load(load)?;
        Ok((status::find(&config)?, config))
    };
    match wish {
        Wish::Text => found().map(|(status, config)| print(&status, &config))?,
        Wish::Json => found().map(|(status, _)| print_json(&status))?,
        Wish::Check(limits) => {
            let (level, line) = match found() {
                Ok((status, _)) => check::judge(&status, limits),
                Err(error) => check::unknown(&error),
            };
            print_line(line);
            return Ok(level as u8);
        }
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
        (None, error) => {
            let error = error.clone().unwrap_or_default();
            match status.worker.model.as_ref().filter(|_| status.worker.runs()) {
                Some(model) => format!("NOT OK: {error} (the worker goes on by {model} until it ends)"),
                None => format!("NOT OK: {error}"),
            }
        }
    }
}

fn worker(worker: &Process) -> String {
    let pid = worker.pid.map_or(String::new(), |pid| format!("pid {pid}"));
    let version = match (&worker.version, &worker.commit) {
        (Some(version), Some(commit)) => format!(", version {version} ({})", commit.get(..12).unwrap_or(commit)),
        (Some(version), None) => format!(", version {version}"),
        (None, _) => String::new(),
    };
    let at = |time: Option<Timestamp>| time.map_or("an unknown time".into(), moment);
    match worker.state {
        State::Running => {
            let up = worker
                .uptime_seconds
                .map_or(String::new(), |s| format!(", for {}", span(s)));
            format!("running ({pid}{version}{up})")
        }
        State::NotResponding if worker.report_error.is_some() => format!(
            "SAYS NOTHING of itself since {} ({pid}{version}), but holds the lock",
            at(worker.heartbeat)
        ),
        State::NotResponding => format!(
            "NOT RESPONDING since {} ({pid}{version}): it is stopped, or a disk or mount doesn't answer",
            at(worker.heartbeat)
        ),
        State::Stopped if worker.stopped.is_none() => {
            format!(
                "not running (the last one, {pid}, ended without a word after {})",
                at(worker.heartbeat)
            )
        }
        State::Stopped => format!("not running (the last one ended at {})", at(worker.stopped)),
        State::None => "not running".into(),
    }
}

/// In UTC, as the history shows it.
fn moment(at: Timestamp) -> String {
    time(at.as_microsecond())
}

/// In the two largest units.
fn span(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, ..) => format!("{d} d {h} h"),
    }
}

/// Files that no glob has.
fn ignored(status: &Status) -> String {
    match status.ignored {
        _ if status.counted.is_none() => "unknown".into(),
        0 => "0".into(),
        n => {
            let files = &status.ignored_files;
            let (named, globs) = (few(n, files), missing_globs(files));
            format!("{n} (no glob of input.include has {named}{globs})")
        }
    }
}

fn print(status: &Status, config: &Config) {
    // What is not known is not zero.
    let counted = |files: u64| match status.counted {
        Some(_) => files.to_string(),
        None => "unknown".into(),
    };
    let oldest = status.oldest_pending_age_seconds.filter(|_| status.pending > 0);
    let oldest = oldest.map_or(String::new(), |age| format!(" (the oldest for {})", span(age)));
    let hint = |hint: Option<&str>| hint.map(|hint| vec![String::new(), format!("hint: {hint}")]);
    let mut rows = vec![vec!["worker".into(), worker(&status.worker)]];
    rows.extend(hint(status.worker.hint().as_deref()));
    if let Some(error) = status.worker.report_error.as_ref().filter(|_| status.worker.runs()) {
        rows.push(vec![String::new(), format!("NOT OK: {error}")]);
    }
    rows.push(vec!["model".into(), model(status)]);
    rows.extend(hint(status.model_error_code.as_deref().and_then(Error::hint_of)));
    if status.model.is_some() {
        let watched = match &status.baseline {
            Some(sha256) => format!("held against its baseline {}", &sha256[..12]),
            None => "unwatched: it has no baseline, or [monitor] is off".into(),
        };
        rows.push(vec!["results".into(), watched]);
    }
    for Trial {
        name,
        kind,
        version,
        since,
        share,
        phase,
        halted,
    } in &status.experiments
    {
        let since = since.parse().map_or_else(|_| since.clone(), moment);
        let share = share.map_or(String::new(), |share| {
            format!(" for {share} of the keys, phase {phase}")
        });
        rows.push(vec![
            "experiment".into(),
            format!("{name}: version {version} as a {kind}{share}, since {since}"),
        ]);
        if let Some(why) = halted {
            rows.push(vec![String::new(), format!("HALTED: {why}")]);
            let hint = format!(
                "look into that, then 'transform experiment resume {name} --reason TEXT' or 'transform experiment stop {name}'"
            );
            rows.push(vec![String::new(), format!("hint: {hint}")]);
        }
    }
    if let Some(error) = &status.experiments_error {
        rows.push(vec!["experiments".into(), format!("NOT OK: {error}")]);
    }
    rows.push(vec!["input".into(), status.input.display().to_string()]);
    if let Some(error) = &status.input_error {
        rows.push(vec![String::new(), format!("NOT OK: {error}")]);
        rows.extend(hint(status.input_error_code.as_deref().and_then(Error::hint_of)));
    }
    rows.extend([
        vec!["done".into(), counted(status.done)],
        vec!["pending".into(), format!("{}{oldest}", counted(status.pending))],
        vec!["failed".into(), counted(status.failed)],
        vec!["held".into(), counted(status.held)],
        vec!["ignored".into(), ignored(status)],
    ]);
    if status.dismissed > 0 {
        rows.push(vec!["dismissed".into(), status.dismissed.to_string()]);
    }
    if status.left > 0 {
        rows.push(vec![
            "left".into(),
            format!("{} (their outputs went or were changed)", status.left),
        ]);
    }
    if let Some(last) = status.last_success {
        rows.push(vec!["last done".into(), moment(last)]);
    }
    print_table(&rows);
    if let Some(running) = status.worker.version.as_ref().filter(|_| status.worker.runs())
        && (running.as_str(), status.worker.commit.as_deref()) != (status.version, status.commit)
    {
        print_line(format!(
            "\nthe worker that runs is another program than this one, version {}: restart it after an upgrade",
            status.version
        ));
    }
    for Fault {
        input,
        code,
        message,
        tries,
        since,
        last,
        retry_at,
        ..
    } in &status.faults
    {
        let who = if input.is_empty() { "the worker" } else { input };
        // Where no worker runs, nobody does.
        let retry_at = retry_at.filter(|_| status.worker.runs());
        let what = match status.worker.runs() {
            true => "trying again",
            false => "failed for now (the next worker tries again)",
        };
        let again = retry_at.map_or(String::new(), |at| format!(", again at {}", moment(at)));
        print_line(format!(
            "\n{what}: {who}: {message} ({code}, {} since {}, last at {}{again})",
            count((*tries).into(), "attempt"),
            moment(*since),
            moment(*last)
        ));
        if let Some(hint) = Error::hint_of(code) {
            print_line(format!("  hint: {hint}"));
        }
    }
    let failed = config.failed.display();
    let reason = |file: &Reason| format!("{}  {}: {}", file.file, file.code, file.message);
    list("can't be looked at:", &status.unseen_files, reason);
    list(
        "pending (since when, and what for):",
        &status.pending_files,
        |file: &Pending| {
            let since = file.since.map_or(String::new(), |at| format!("since {}, ", moment(at)));
            let again = file.retry_at.map_or(String::new(), |at| format!(" at {}", moment(at)));
            format!("{}  {since}{}{again}", file.file, file.reason.text())
        },
    );
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
