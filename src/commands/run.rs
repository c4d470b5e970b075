//! The worker as a daemon, and as a one-shot.

use super::invocation::Invocation;
use super::{count, print_error};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::registry::Registry;
use crate::release::BUILD;
use crate::service::{Progress, signals};
use crate::transform::shown;
use crate::worker::{End, Inbox, Tally, Until, Worker};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

pub fn daemon(load: impl Fn() -> Result<Config> + Send) -> Result<u8> {
    let inbox = Inbox::new();
    signals::run("worker", inbox.handlers(exit::CONVERGED), || {
        let config = load()?;
        announce("worker", &config);
        let mut worker = Worker::open(config, Until::Stopped, inbox, Progress::hidden())?;
        worker.run(load)
    })??;
    tracing::info!("stopped");
    Ok(exit::CONVERGED)
}

/// The first line of a log: what runs, by which configuration, in which folders, by which model.
pub fn announce(what: &str, config: &Config) {
    let model = match Registry::new(&config.models.path, &config.models.group).latest_approved() {
        Ok(identity) => identity.to_string(),
        Err(Error::NoModel { .. }) => "none is approved".into(),
        Err(error) => error.to_string(),
    };
    let file = config.file.as_deref().map_or("none: defaults".into(), absolute);
    tracing::info!(
        version = BUILD,
        config = file,
        input = absolute(&config.input.path),
        output = absolute(&config.output.path),
        failed = absolute(&config.failed),
        models = absolute(&config.models.path),
        state = absolute(&config.state.path),
        model,
        "{what} starts"
    );
}

/// From wherever the log is read.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or(path.into()).display().to_string()
}

/// Of what `--json` prints: config/schemas/once.schema.json. Within a number, members come to be added, and none goes or changes.
const SCHEMA: u32 = 1;

/// How the one-shot is wished.
pub struct Wishes {
    /// Make every output again.
    pub all: bool,
    /// Old failures count, too.
    pub strict: bool,
    pub json: bool,
    /// Say only what needs a person.
    pub quiet: bool,
}

pub fn once(
    load: impl Fn() -> Result<Config> + Send,
    Wishes {
        all,
        strict,
        json,
        quiet,
    }: Wishes,
    progress: Progress,
    invocation: &Invocation,
) -> Result<u8> {
    let start = Instant::now();
    let result = pass(load, all, progress.clone());
    progress.end();
    let took = start.elapsed();
    let (code, line) = match &result {
        Ok(Pass { tally, end, .. }) => (exit_code(tally, *end, strict), describe(tally, *end, took)),
        Err(error) => (error.exit_code(), String::new()),
    };
    if json {
        let mut object = match &result {
            Ok(Pass { tally, .. }) => serde_json::to_value(tally).expect("a tally is JSON"),
            Err(error) => {
                json!({"error": {"code": error.code(), "message": error.to_string(), "hint": invocation.hint(error)}})
            }
        };
        object["schema"] = SCHEMA.into();
        object["exit_code"] = code.into();
        object["seconds"] = took.as_secs_f64().into();
        super::print_line(object.to_string());
    }
    match &result {
        Ok(Pass { tally, .. }) if quiet && !needs_person(tally, strict) => {}
        Ok(Pass { tally, .. }) => {
            let mut text = format!("transform: {line}\n");
            let failed = tally.failed_files.iter().filter(|f| strict || f.anew);
            let failed = failed.map(|f| ("failed", &f.file));
            let unnamed = |all: u64, named: usize| all > named as u64;
            let more = unnamed(
                if strict { tally.failed } else { tally.failed_anew },
                failed.clone().count(),
            ) || unnamed(tally.held, tally.held_files.len());
            let held = tally.held_files.iter().map(|file| ("held", file));
            let bad = tally.bad_files.iter().map(|file| ("bad rows", file));
            let unknown = "a column of categories that the model doesn't know";
            let unknown = tally.unknown_files.iter().map(|file| (unknown, file));
            let left = tally.left_files.iter().map(|file| ("left", file));
            let open = tally.open_files.iter().map(|file| ("open for writing", file));
            for (what, file) in failed.chain(held).chain(bad).chain(unknown).chain(left).chain(open) {
                text += &format!("  {what}: {file}\n");
            }
            if more {
                text += "  and more: transform status lists them\n";
            }
            let near_misses = tally.ignored_files.iter().filter_map(|file| super::near_miss(file));
            let near_misses: Vec<String> = near_misses.collect();
            for near_miss in &near_misses {
                text += &format!("  ignored: {near_miss}\n");
            }
            // Where no file is a near miss, nobody may wait for one.
            match tally.ignored - near_misses.len() as u64 {
                more @ 1.. if !near_misses.is_empty() => text += &format!("  ignored: and {more} more\n"),
                _ => {}
            }
            for halted in &tally.halted {
                text +=
                    &format!("  halted: experiment {halted}; 'transform experiment resume' or 'stop' decides on it\n");
            }
            if tally.faults > 0 {
                text += "  failed for now: transform status lists them, and says why\n";
            }
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        Err(error) => print_error(error, invocation),
    }
    if let Ok(mut pass) = result {
        pass.set_told();
    }
    Ok(code)
}

/// What a pass came to, with the worker that made it.
struct Pass {
    worker: Worker,
    tally: Tally,
    end: End,
}

impl Pass {
    /// Told are failures by the exit code of a whole pass, and not before they were printed: who is killed meanwhile tells of
    /// them once more.
    fn set_told(&mut self) {
        if self.end != End::Converged {
            return;
        }
        if let Err(error) = self.worker.set_told(&self.tally) {
            tracing::warn!(%error, "can't note down what was told; the next run tells of the same failures");
        }
    }
}

fn pass(load: impl Fn() -> Result<Config> + Send, all: bool, progress: Progress) -> Result<Pass> {
    let inbox = Inbox::new();
    signals::run("worker", inbox.handlers(exit::TRY_AGAIN), || {
        let mut worker = Worker::open(load()?, Until::Converged, inbox, progress)?;
        if all {
            worker.make_stale()?;
        }
        let end = worker.run(load)?;
        let tally = worker.tally()?;
        Ok(Pass { worker, tally, end })
    })?
}

/// Not that a file is still being written, or a run was stopped: the next one goes on. But who has a file open may do so for
/// ever.
fn needs_person(tally: &Tally, strict: bool) -> bool {
    let named = [&tally.unknown_files, &tally.left_files, &tally.open_files];
    let failed = if strict { tally.failed } else { tally.failed_anew };
    tally.bad_rows + failed + tally.held + tally.faults > 0
        || !tally.halted.is_empty()
        || named.iter().any(|files| !files.is_empty())
}

/// `strict`: a failure counts until it is over, or somebody dismisses it.
fn exit_code(tally: &Tally, end: End, strict: bool) -> u8 {
    match tally {
        _ if end == End::Stopped => exit::TRY_AGAIN,
        Tally { failed: 1.., .. } if strict => exit::SOME_FAILED,
        Tally { failed_anew: 1.., .. } | Tally { held: 1.., .. } => exit::SOME_FAILED,
        Tally { halted, .. } if !halted.is_empty() => exit::SOME_FAILED,
        Tally { faults: 1.., .. } | Tally { unsettled: 1.., .. } => exit::TRY_AGAIN,
        _ => exit::CONVERGED,
    }
}

/// One line for people.
fn describe(tally: &Tally, end: End, took: Duration) -> String {
    let model = match (&tally.model, &tally.challenger) {
        (Some(model), Some(challenger)) => &format!("{model} and {challenger}"),
        (Some(model), None) => model,
        (None, _) => "no model",
    };
    let mut parts = Vec::new();
    if tally.scored > 0 {
        let mut rows = count(tally.rows, "row");
        if tally.bad_rows > 0 {
            rows += &format!(", {} bad", tally.bad_rows);
        }
        if tally.not_finite > 0 {
            rows += &format!(", {} not finite", tally.not_finite);
        }
        if !tally.unknown.is_empty() {
            rows += &format!(", unknown categories: {}", shown(&tally.unknown));
        }
        if !tally.lacking.is_empty() {
            rows += &format!(", rows without a key: {}", shown(&tally.lacking));
        }
        let ms = took.as_millis();
        parts.push(format!(
            "scored {} ({rows}) by {model} in {ms} ms",
            count(tally.scored, "file")
        ));
    } else if end == End::Converged && tally.failed + tally.held + tally.faults + tally.unsettled == 0 {
        let what = match tally.unchanged {
            0 if tally.left + tally.dismissed > 0 => "no output is out of date".into(),
            0 => match tally.ignored {
                0 => "there are no inputs".into(),
                1 => "there are no inputs (1 file is ignored: no glob of input.include has its name)".into(),
                n => format!("there are no inputs ({n} files are ignored: no glob of input.include has their names)"),
            },
            1 => "1 output is up to date".into(),
            n => format!("{n} outputs are up to date"),
        };
        parts.push(format!("nothing to do: {what} (model {model})"));
    } else {
        parts.push("scored 0 files".into());
    }
    if parts[0].starts_with("scored") && tally.unchanged > 0 {
        parts.push(format!("{} up to date", tally.unchanged));
    }
    for (n, what) in [
        (tally.failed_anew, "failed anew"),
        (tally.failed_before, "failed before"),
        (tally.dismissed, "failed and dismissed"),
        (tally.held, "held"),
        (tally.left, "left, for their outputs went or were changed"),
        (tally.faults, "failed for now: try again"),
        (tally.unsettled, "still being written: try again"),
        (tally.shadowed, "scored for experiments"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    if end == End::Stopped {
        parts.push("stopped by a signal before the end".into());
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_pass_ends() {
        let tally = |anew, before, held, faults, unsettled| Tally {
            failed: anew + before,
            failed_anew: anew,
            failed_before: before,
            held,
            faults,
            unsettled,
            dismissed: 1,
            ..Tally::default()
        };
        for (tally, code, strict) in [
            (tally(0, 0, 0, 0, 0), 0, 0),
            (tally(1, 0, 0, 0, 0), 1, 1),
            (tally(0, 1, 0, 0, 0), 0, 1),
            (tally(1, 1, 0, 1, 1), 1, 1),
            // A hold waits for a person for as long as it stands.
            (tally(0, 0, 1, 0, 0), 1, 1),
            (tally(0, 1, 0, 1, 0), 75, 1),
            (tally(0, 0, 0, 0, 1), 75, 75),
        ] {
            assert_eq!(exit_code(&tally, End::Converged, false), code, "{tally:?}");
            assert_eq!(exit_code(&tally, End::Converged, true), strict, "{tally:?}");
            assert_eq!(exit_code(&tally, End::Stopped, true), exit::TRY_AGAIN);
        }
    }
}
