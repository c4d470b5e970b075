//! The folder of alerts: a JSON file for each thing that people are to be told of. The ledger keeps what happened with what it is about;
//! from there it is written, and once it is durable it goes from the ledger. So a crash loses none of them, and may write one twice,
//! under the same name.

#![allow(
    clippy::disallowed_methods,
    reason = "the folder of alerts holds no results, and nothing of it is read again"
)]

pub mod event;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, PendingEvent};
use crate::spool::durable;
use crate::worker::plan::{Now, backoff};
use jiff::Timestamp;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Events that are written in one go: each waits for the disk.
const BATCH: u32 = 64;
/// Group members read it.
const MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;
/// Files that are kept, in the folder and in the one of those that were sent; and all go after `state.history`.
const FILES_MAX: usize = 10_000;
/// After so many new files, and after a day, the folder is looked through.
const TIDY_FILES: usize = 100;
const TIDY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;
/// Where whoever hands them on keeps what was handed on.
const SENT: &str = "sent";

/// Writes events down.
#[derive(Default)]
pub struct Outbox {
    more: bool,
    /// How often the folder refused them since it took the last one, and when they are tried again, on the monotonic clock.
    refused: u32,
    retry_at: Option<Duration>,
    /// When the folder was looked through last, in microseconds since 1970, and what was written since.
    tidied: Option<i64>,
    written: usize,
}

impl Outbox {
    /// Is there something to write now: more events than were written in one go, or those whose time to be tried again has come?
    pub fn busy(&self, now: Duration) -> bool {
        self.more || self.retry_at.is_some_and(|at| at <= now)
    }

    /// When events that were refused are tried again.
    pub fn next(&self) -> Option<Duration> {
        self.retry_at
    }

    /// Writes down what wasn't yet. What the folder refuses is said once, and tried again later and later, and with the next event
    /// or listing: scoring goes on.
    pub fn flush(&mut self, ledger: &mut Ledger, config: &Config, now: Now) -> Result<()> {
        (self.more, self.retry_at) = (false, None);
        let micros = now.wall / 1000;
        let events = ledger.pending_events(BATCH)?;
        let Some(folder) = &config.alerts else {
            return match events.is_empty() {
                true => Ok(()),
                false => ledger.forget_events(i64::MAX),
            };
        };
        let (written, outcome) = write_all(folder, &events);
        if let Some(last) = written.checked_sub(1).and_then(|last| events.get(last)) {
            ledger.forget_events(last.number)?;
            self.written += written;
        }
        match outcome {
            Ok(()) => {
                self.more = events.len() == BATCH as usize;
                self.refused = 0;
            }
            Err(error) => {
                match self.refused {
                    0 => {
                        tracing::warn!(code = error.code(), %error, "can't write alerts; they are kept and tried again, and scoring goes on");
                    }
                    _ => tracing::debug!(code = error.code(), %error, "alerts still can't be written"),
                }
                self.refused = self.refused.saturating_add(1);
                self.retry_at = Some(now.monotonic + backoff(self.refused, config.worker.retry_max_backoff));
            }
        }
        let due = self.tidied.is_none_or(|at| at.abs_diff(micros) >= TIDY_MICROS) || self.written >= TIDY_FILES;
        if due {
            (self.tidied, self.written) = (Some(micros), 0);
            let kept = i64::try_from(config.state.history.as_micros()).unwrap_or(i64::MAX);
            let before = stamp(micros.saturating_sub(kept));
            tidy(folder, &before);
            tidy(&folder.join(SENT), &before);
        }
        Ok(())
    }
}

/// How many of them are durable, and what kept the next one from it.
fn write_all(folder: &Path, events: &[PendingEvent]) -> (usize, Result<()>) {
    if events.is_empty() {
        return (0, Ok(()));
    }
    let mut written = 0;
    let mut write = || {
        durable::make_folder(folder, FOLDER_MODE)?;
        for event in events {
            write(folder, event)?;
            written += 1;
        }
        Ok(())
    };
    let outcome = write();
    match durable::sync_folder(folder) {
        Err(error) if outcome.is_ok() => (0, Err(error)),
        Err(_) => (0, outcome),
        Ok(()) => (written, outcome),
    }
}

fn write(folder: &Path, event: &PendingEvent) -> Result<()> {
    let name = name(event);
    let (path, draft) = (folder.join(&name), folder.join(format!(".{name}.tmp")));
    let _ = fs::remove_file(&draft); // of a worker that was killed
    let make = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&draft)?;
        // Whatever the umask. Some mounts keep no modes.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
        file.write_all(event.body.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    };
    make().map_err(|e| {
        let _ = fs::remove_file(&draft);
        Error::io("write", &path)(e)
    })
}

/// Sorted by time, names sort by time.
fn name(event: &PendingEvent) -> String {
    let PendingEvent {
        number,
        at,
        kind,
        about,
        ..
    } = event;
    format!("{}-{kind}-{about}-{number}.json", stamp(*at))
}

/// `20261127T010203.123456Z`
fn stamp(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    at.strftime("%Y%m%dT%H%M%S.%6fZ").to_string()
}

/// Is it the name of an event's file?
fn is_event(name: &str) -> bool {
    let time = name.split('-').next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = (
        time.get(..8),
        time.get(8..9),
        time.get(9..15),
        time.get(15..16),
        time.get(16..22),
    );
    let timed = matches!(parts, (Some(day), Some("T"), Some(time), Some("."), Some(micros))
        if digits(day) && digits(time) && digits(micros));
    timed && time.ends_with('Z') && name.ends_with(".json")
}

/// Removes what is old, and the oldest of too many. What can't be is tried again another day.
fn tidy(folder: &Path, before: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_event(name)).collect();
    names.sort_unstable();
    let too_many = names.len().saturating_sub(FILES_MAX);
    let old = names.partition_point(|name| name.as_str() < before);
    for name in &names[..too_many.max(old)] {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            // Somebody else was faster.
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                let error = Error::io("remove", path)(e);
                tracing::warn!(%error, "an old alert stays");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: i64, about: &str) -> PendingEvent {
        PendingEvent {
            number,
            at: 1_795_741_323_123_456,
            kind: "opened".into(),
            about: about.into(),
            body: format!("{{\"n\": {number}}}\n"),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_sorts_by_time_and_says_what() {
        let name = name(&event(7, "psi-x"));
        assert_eq!(name, "20261127T010203.123456Z-opened-psi-x-7.json");
        assert!(is_event(&name));
        for other in [
            "20261127T010203.123456Z-opened-psi-x-7.json.tmp",
            ".20261127T010203.123456Z-opened-psi-x-7.json",
            "notes.json",
            "",
        ] {
            assert!(!is_event(other), "{other}");
        }
    }

    #[test]
    fn what_a_killed_worker_wrote_before_it_could_mark_it_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts");
        let events = [event(1, "psi-x"), event(2, "psi-y")];
        let (written, outcome) = write_all(&path, &events);
        assert_eq!((written, outcome.is_ok()), (2, true));
        let before = names(&path);
        // Killed in between, it does it again; half a draft is in its way.
        fs::write(path.join(format!(".{}.tmp", name(&events[0]))), "{").unwrap();
        assert_eq!(write_all(&path, &events).0, 2);
        assert_eq!(names(&path), before);
        let mode = fs::metadata(path.join(&before[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn what_could_be_written_is_not_written_again_when_the_rest_can() {
        let folder = tempfile::tempdir().unwrap();
        // Nothing of that name can be made.
        let events = [event(1, "psi-x"), event(2, &"y".repeat(300))];
        let (written, outcome) = write_all(folder.path(), &events);
        assert_eq!((written, outcome.is_err()), (1, true));
        assert_eq!(names(folder.path()).len(), 1, "no draft is left over");
    }

    #[test]
    fn old_ones_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "20261127T010203.123456Z-opened-psi-x-1.json",
            "20261127T010204.123456Z-closed-psi-x-2.json",
            "notes.json",
        ] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        tidy(folder.path(), "20261127T010204");
        assert_eq!(names(folder.path()).len(), 2);
        assert!(folder.path().join("notes.json").exists());
    }
}
