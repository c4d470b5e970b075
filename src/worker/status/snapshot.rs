//! The answer to how things stand.

use super::files::{BadFile, DismissedFile, Fault, Pending, Reason, UnknownFile, Why, age, hinted};
use super::monitored::Monitored;
use super::process::Process;
use super::trial::Trial;
use crate::ledger::Finding;
use crate::release::{COMMIT, VERSION};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

/// As `config/schemas/status.schema.json` has it, which OPERATIONS.md explains. What is added keeps the number; what changes
/// its meaning, or goes, raises it.
const SCHEMA: u32 = 1;

/// How things stand. Times are UTC. Lists are sorted by file; `most` of each are kept, the counts are of all.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub schema: u32,
    /// When this was found out.
    pub at: Timestamp,
    /// Of the program that found it out.
    pub version: &'static str,
    pub commit: Option<&'static str>,
    pub worker: Process,
    /// The latest approved version. None if it can't be used.
    pub model: Option<String>,
    /// Why there is no model, or why the next start will find none.
    pub model_error: Option<String>,
    pub model_error_code: Option<String>,
    /// Whether it scores as it did when it was registered. None if to prove it takes longer than [`PATIENCE`](super::PATIENCE).
    pub model_proven: Option<bool>,
    /// SHA-256 of the baseline that its results are held against. None: they are published unwatched.
    pub baseline: Option<String>,
    /// Which versions are on trial beside it.
    pub experiments: Vec<Trial>,
    /// Why that can't be told.
    pub experiments_error: Option<String>,
    pub input: PathBuf,
    /// Why the inputs can't be listed and compared with what is published.
    pub input_error: Option<String>,
    pub input_error_code: Option<String>,
    /// Why the state folder can't be read. The counts say nothing then.
    pub state_error: Option<String>,
    pub state_error_code: Option<String>,
    /// When the folders were looked at: a worker with many inputs does that less often than it writes this.
    pub counted: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub done: u64,
    pub pending: u64,
    /// Without those that somebody dismissed.
    pub failed: u64,
    pub dismissed: u64,
    /// Outputs that wait for a person.
    pub held: u64,
    /// Outputs that went, and are not made again.
    pub left: u64,
    /// Files of the input folder that are no inputs: no glob of input.include has their names.
    pub ignored: u64,
    /// Of those that are pending: they failed for now, and are tried again.
    pub retrying: u64,
    /// Of those that are done: with bad rows.
    pub bad: u64,
    /// Of those that are done: with categories that the model doesn't know.
    pub unknown: u64,
    /// Since when the oldest pending file waits, of which that is known.
    pub oldest_pending: Option<Timestamp>,
    pub oldest_pending_age_seconds: Option<u64>,
    /// A few of them.
    pub ignored_files: Vec<String>,
    pub pending_files: Vec<Pending>,
    /// Files that can't be looked at, and subfolders, unless they are among the faults.
    pub unseen_files: Vec<Reason>,
    /// What is done, but for bad rows.
    pub bad_files: Vec<BadFile>,
    pub held_files: Vec<String>,
    pub left_files: Vec<String>,
    pub failed_files: Vec<Reason>,
    pub dismissed_files: Vec<DismissedFile>,
    /// Done, with categories that the model doesn't know.
    pub unknown_files: Vec<UnknownFile>,
    /// What failed for now, and is tried again.
    pub faults: Vec<Fault>,
    /// For the textfile, where one is wished.
    #[serde(skip)]
    pub(super) monitored: Option<Monitored>,
    #[serde(skip)]
    pub(super) most: usize,
}

impl Status {
    /// Nothing is known yet. `most`: of each list.
    pub fn new(now: Timestamp, input: PathBuf, most: usize) -> Status {
        Status {
            schema: SCHEMA,
            at: now,
            version: VERSION,
            commit: COMMIT,
            worker: Process::default(),
            model: None,
            model_error: None,
            model_error_code: None,
            model_proven: None,
            baseline: None,
            experiments: Vec::new(),
            experiments_error: None,
            monitored: None,
            input,
            input_error: None,
            input_error_code: None,
            state_error: None,
            state_error_code: None,
            counted: None,
            last_success: None,
            done: 0,
            pending: 0,
            failed: 0,
            dismissed: 0,
            held: 0,
            left: 0,
            ignored: 0,
            retrying: 0,
            bad: 0,
            unknown: 0,
            oldest_pending: None,
            oldest_pending_age_seconds: None,
            ignored_files: Vec::new(),
            pending_files: Vec::new(),
            unseen_files: Vec::new(),
            bad_files: Vec::new(),
            held_files: Vec::new(),
            left_files: Vec::new(),
            failed_files: Vec::new(),
            dismissed_files: Vec::new(),
            unknown_files: Vec::new(),
            faults: Vec::new(),
            most,
        }
    }

    pub(super) fn add_pending(&mut self, file: Pending) {
        self.pending += 1;
        self.oldest_pending = match (self.oldest_pending, file.since) {
            (Some(oldest), Some(since)) => Some(oldest.min(since)),
            (oldest, since) => oldest.or(since),
        };
        keep(&mut self.pending_files, file, self.most);
    }

    pub(super) fn add_held(&mut self, file: String) {
        self.held += 1;
        keep(&mut self.held_files, file, self.most);
    }

    pub(super) fn add_left(&mut self, file: String) {
        self.left += 1;
        keep(&mut self.left_files, file, self.most);
    }

    pub(super) fn add_failed(&mut self, file: Reason) {
        self.failed += 1;
        keep(&mut self.failed_files, file, self.most);
    }

    pub(super) fn add_dismissed(&mut self, file: DismissedFile) {
        self.dismissed += 1;
        keep(&mut self.dismissed_files, file, self.most);
    }

    pub(super) fn add_unseen(&mut self, file: Reason) {
        if !self.faults.iter().any(|fault| fault.input == file.file) {
            keep(&mut self.unseen_files, file, self.most);
        }
    }

    /// Of an input that is done. `rejects_gone`: its bad rows aren't where they were written any more.
    pub(super) fn add_finding(&mut self, finding: Finding, rejects_gone: bool) {
        let file = finding.input.to_string();
        if finding.bad_rows > 0 {
            let bad = BadFile {
                file: file.clone(),
                rows: finding.rows,
                bad_rows: finding.bad_rows,
                rejects_gone,
            };
            self.bad += 1;
            keep(&mut self.bad_files, bad, self.most);
        }
        if !finding.unknown.is_empty() {
            let unknown = finding.unknown;
            self.unknown += 1;
            keep(&mut self.unknown_files, UnknownFile { file, unknown }, self.most);
        }
    }

    /// That of all comes first.
    pub(super) fn set_faults(&mut self, faults: impl Iterator<Item = Fault>) {
        (self.retrying, self.faults) = (0, Vec::new());
        for fault in faults {
            self.retrying += u64::from(!fault.is_of_all());
            keep(&mut self.faults, fault, self.most);
        }
    }

    /// That the worker as a whole can't work.
    pub(super) fn set_outage(&mut self, outage: Fault) {
        self.faults.retain(|fault| !fault.is_of_all());
        self.faults.insert(0, outage);
    }

    /// What nobody else knows: that somebody has files open for writing.
    pub(super) fn set_open(&mut self, is_open: impl Fn(&str) -> bool) {
        for file in &mut self.pending_files {
            if matches!(file.reason, Why::Queued | Why::Settling) && is_open(&file.file) {
                file.reason = Why::Open;
            }
        }
    }

    /// That there is no model that can be used.
    pub(super) fn set_model_error(&mut self, code: &str, message: String) {
        (self.model, self.model_proven) = (None, Some(false));
        (self.model_error_code, self.model_error) = (Some(code.into()), Some(message));
    }

    /// Sorts the lists.
    pub(super) fn sort(&mut self) {
        self.pending_files.sort_by(|a, b| a.file.cmp(&b.file));
        self.unseen_files.sort_by(|a, b| a.file.cmp(&b.file));
        self.bad_files.sort_by(|a, b| a.file.cmp(&b.file));
        self.held_files.sort();
        self.left_files.sort();
        self.failed_files.sort_by(|a, b| a.file.cmp(&b.file));
        self.dismissed_files.sort_by(|a, b| a.failure.file.cmp(&b.failure.file));
        self.unknown_files.sort_by(|a, b| a.file.cmp(&b.file));
    }

    /// As it is at `now`: with its ages.
    pub(super) fn age(&mut self, now: Timestamp) {
        self.at = now;
        let since = |then: Option<Timestamp>| then.map(|then| age(then, now));
        self.oldest_pending_age_seconds = since(self.oldest_pending);
        for file in &mut self.pending_files {
            file.age_seconds = since(file.since);
        }
        for fault in &mut self.faults {
            fault.age_seconds = age(fault.since, now);
        }
    }

    /// What keeps the worker as a whole from working.
    pub fn outage(&self) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.is_of_all())
    }

    /// Why there is no model that can be used, and the way out; `None` also where that is what the worker as a whole waits for.
    pub fn model_trouble(&self) -> Option<String> {
        let error = self.model_error.as_ref()?;
        let told = self.outage().is_some_and(|outage| outage.message == *error);
        (!told).then(|| hinted(error, self.model_error_code.as_deref()))
    }

    /// Why the state folder can't be read, and the way out.
    pub fn state_trouble(&self) -> Option<String> {
        let error = self.state_error.as_ref()?;
        Some(hinted(error, self.state_error_code.as_deref()))
    }

    /// Why the inputs can't be listed, and the way out; `None` also where the worker as a whole waits, or the state folder is
    /// why.
    pub fn input_trouble(&self) -> Option<String> {
        let error = self.input_error.as_ref().filter(|_| self.outage().is_none())?;
        if self.state_error.as_ref() == Some(error) {
            return None;
        }
        Some(hinted(error, self.input_error_code.as_deref()))
    }

    /// Can files be scored by a model now? A worker that proved it before goes on by it, whatever becomes of its files.
    pub fn scores(&self) -> bool {
        self.model.is_some() || self.worker.runs() && self.worker.model.is_some()
    }
}

fn keep<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() < most {
        list.push(item);
    }
}
