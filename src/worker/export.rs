//! What was done, a day in a file, for who may not read the ledger: `history-YYYY-MM-DD.jsonl` in the status folder, of days by UTC.
//! A day's file is written once, when it has ended, and goes when the ledger forgets what was done on it.

#![allow(
    clippy::disallowed_methods,
    reason = "the status folder holds no results, and another program's report on them"
)]

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Entry, Exported, Ledger};
use crate::spool::durable;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Transformations of a step: some milliseconds of work.
const ROWS: u32 = 1024;
/// Group members read it.
const MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

/// Writes the files, a little at a time, while nothing else is to be done.
#[derive(Default)]
pub struct Exporter {
    round: Option<Round>,
}

struct Round {
    /// Whose file is being written.
    day: Date,
    /// What earlier days' files have.
    before: Option<Exported>,
    /// Looked through up to the transformation of this number.
    after: i64,
    /// All up to this one are written down; none behind it is known that isn't.
    whole: Option<i64>,
    draft: Option<Draft>,
}

struct Draft {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Exporter {
    /// Begins with the days that ended since the last round. `now`: microseconds since 1970.
    pub fn begin(&mut self, ledger: &mut Ledger, now: i64) -> Result<()> {
        let today = day_of(now);
        if self.round.is_some() {
            return Ok(());
        }
        let before = ledger.exported()?;
        let (day, after) = match before {
            Some(Exported { day, whole, .. }) => (day.tomorrow().unwrap_or(today), whole),
            None => (ledger.first_at()?.map_or(today, day_of), 0),
        };
        if day < today {
            self.round = Some(Round {
                day,
                before,
                after,
                whole: None,
                draft: None,
            });
        }
        Ok(())
    }

    pub fn busy(&self) -> bool {
        self.round.is_some()
    }

    /// One step. What the status folder refuses is said, and tried again after the next listing: it is no result.
    pub fn step(&mut self, ledger: &mut Ledger, config: &Config, now: i64) -> Result<()> {
        let Some(round) = &mut self.round else {
            return Ok(());
        };
        let ended = match round.step(ledger, &config.status)? {
            Ok(ended) => ended,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "can't write down what was done on {}", round.day);
                self.round = None;
                return Ok(());
            }
        };
        if ended {
            let kept = i64::try_from(config.state.history.as_micros()).unwrap_or(i64::MAX);
            remove_before(&config.status, day_of(now.saturating_sub(kept)));
            self.round = None;
            self.begin(ledger, now)?;
        }
        Ok(())
    }
}

impl Round {
    /// Is the day written down? The inner error is the folder's, the outer one the ledger's.
    fn step(&mut self, ledger: &mut Ledger, folder: &Path) -> Result<Result<bool>> {
        let rows = ledger.history_after(self.after, ROWS)?;
        let mut text = Vec::new();
        for (number, done) in &rows {
            if self.is_of_the_day(*number, day_of(done.at)) {
                let entry = Entry::of(done, ledger.arms(done)?);
                serde_json::to_writer(&mut text, &entry).expect("a transformation is JSON");
                text.push(b'\n');
            } else if day_of(done.at) > self.day && self.whole.is_none() {
                self.whole = Some(number - 1);
            }
            self.after = *number;
        }
        // Of a later day a page, not all, is looked through for what is of this one.
        let more = rows.len() == ROWS as usize && !text.is_empty();
        let written = self.write(folder, &text).and_then(|()| match more {
            true => Ok(()),
            false => self.draft.take().map_or(Ok(()), Draft::publish),
        });
        if let Err(error) = written {
            return Ok(Err(error));
        }
        if !more {
            ledger.set_exported(Exported {
                day: self.day,
                whole: self.whole.unwrap_or(self.after),
                seen: self.after.max(self.seen()),
            })?;
        }
        Ok(Ok(!more))
    }

    fn seen(&self) -> i64 {
        self.before.map_or(0, |before| before.seen)
    }

    /// What came after the file of its day was written is in the next day's.
    fn is_of_the_day(&self, number: i64, day: Date) -> bool {
        day == self.day || (day < self.day && number > self.seen())
    }

    /// A day on which nothing was done has no file.
    fn write(&mut self, folder: &Path, text: &[u8]) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if self.draft.is_none() {
            durable::make_folder(folder, FOLDER_MODE)?;
            self.draft = Some(Draft::new(file_of(folder, self.day))?);
        }
        let Draft { path, out } = self.draft.as_mut().expect("just made");
        out.write_all(text).map_err(Error::io("write", &*path))
    }
}

impl Draft {
    fn new(path: PathBuf) -> Result<Draft> {
        let draft = draft_of(&path);
        let _ = fs::remove_file(&draft); // of a worker that was killed
        let mut new = OpenOptions::new();
        let file = new.write(true).create_new(true).mode(MODE).open(&draft);
        let file = file.map_err(Error::io("create", &draft))?;
        // Whatever the umask. Some mounts keep no modes.
        let _ = file.set_permissions(Permissions::from_mode(MODE));
        let out = BufWriter::new(file);
        Ok(Draft { path, out })
    }

    fn publish(self) -> Result<()> {
        let Draft { path, out } = self;
        let synced = out
            .into_inner()
            .map_err(|e| e.into_error())
            .and_then(|file| file.sync_all());
        synced.map_err(Error::io("write", &path))?;
        fs::rename(draft_of(&path), &path).map_err(Error::io("create", &path))
    }
}

fn file_of(folder: &Path, day: Date) -> PathBuf {
    folder.join(format!("history-{day}.jsonl"))
}

fn draft_of(path: &Path) -> PathBuf {
    path.with_extension("jsonl.tmp")
}

/// The day that the name of a file says it is of.
fn day_in(name: &str) -> Option<Date> {
    name.strip_prefix("history-")?.strip_suffix(".jsonl")?.parse().ok()
}

/// Removes the files of days before that one. What can't be is tried again after another day.
fn remove_before(folder: &Path, day: Date) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let old = entry.file_name().to_str().and_then(day_in).is_some_and(|of| of < day);
        if old && let Err(e) = fs::remove_file(entry.path()) {
            let error = Error::io("remove", entry.path())(e);
            tracing::warn!(%error, "an old file of the history stays");
        }
    }
}

fn day_of(micros: i64) -> Date {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    TimeZone::UTC.to_datetime(at).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_of_utc_and_their_files_are_told_from_others() {
        let midnight = 1_795_651_200_000_000;
        let day = day_of(midnight);
        assert_eq!(day.to_string(), "2026-11-26");
        assert_eq!(day_of(midnight - 1), day.yesterday().unwrap());
        assert_eq!(day_in("history-2026-11-26.jsonl"), Some(day));
        for other in [
            "history-2026-11-26.jsonl.tmp",
            "history-2026-11-31.jsonl",
            "history.jsonl",
            "status.json",
        ] {
            assert_eq!(day_in(other), None, "{other}");
        }
    }
}
