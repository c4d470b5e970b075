//! When to look at which input again.

use super::plan::Before;
use crate::error::Error;
use crate::spool::{Fingerprint, Name};
use crate::transform::Destination;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// More inputs than this are not remembered one by one: a listing at the right time finds them.
const MOST: usize = 50_000;

/// Times are on the worker's monotonic clock.
#[derive(Default)]
pub struct Agenda {
    notes: HashMap<Name, Note>,
    due: BTreeSet<(Duration, Name)>,
    /// For those that were too many.
    relist_at: Option<Duration>,
}

/// A disk that was too small for an input's results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub place: Destination,
    /// Bytes that were written there before it was full.
    pub own: u64,
    /// Bytes that were free there, and not enough; `None`: the disk doesn't tell, as under a quota.
    pub room: Option<u64>,
}

impl Shortage {
    /// `own`: bytes that were written; `free`: what the disk has without them.
    pub fn of(error: &Error, place: Destination, own: u64, free: u64) -> Option<Shortage> {
        (error.code() == "disk_full").then_some(Shortage {
            place,
            own,
            room: (free / 2 <= own).then_some(free.max(own)),
        })
    }

    /// Is it worth another try with so many bytes free? A little more would only be filled again, to everybody's harm.
    pub fn is_over(self, free: u64) -> bool {
        self.room.is_none_or(|room| free > room.saturating_add(room / 8))
    }
}

/// What is remembered of an input until it is looked at again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Note {
    pub before: Option<Before>,
    /// How often it was seen unsettled.
    pub unsettled: u32,
    /// Somebody had it open for writing.
    pub open: bool,
    /// How often it was found to be another one than before.
    pub changes: u32,
    /// How often it failed for now.
    pub faults: u32,
    /// Bytes of room that its results didn't fit into, and where.
    pub short: Option<Shortage>,
    pub retry_at: Option<Duration>,
    pub due: Option<Duration>,
}

impl Note {
    /// Does the one-shot wait for the input? It waits for it to settle once; one that is open, goes on changing, or failed for
    /// now is left to the next run.
    pub fn is_awaited(&self) -> bool {
        !self.open && self.unsettled <= 1 && self.changes <= 1 && self.faults == 0
    }
}

impl Agenda {
    pub fn note(&self, name: &Name) -> Note {
        self.notes.get(name).copied().unwrap_or_default()
    }

    /// Remembers `note`, and to look again at `due`.
    pub fn set(&mut self, name: &Name, note: Note, due: Duration) {
        if self.notes.len() >= MOST && !self.notes.contains_key(name) {
            self.relist_at = Some(self.relist_at.map_or(due, |at| at.max(due)));
            return;
        }
        self.forget(name);
        self.due.insert((due, name.clone()));
        self.notes.insert(name.clone(), Note { due: Some(due), ..note });
    }

    /// An input that has not settled, or not for long enough, is looked at again at `until`.
    pub fn wait(
        &mut self,
        name: &Name,
        note: Note,
        fingerprint: Fingerprint,
        settled: bool,
        now: Duration,
        until: Duration,
    ) {
        let same = note.before.filter(|b| b.fingerprint == fingerprint);
        let mut before = same.unwrap_or(Before {
            fingerprint,
            since: now,
            settled: false,
        });
        before.settled |= settled;
        let note = Note {
            before: Some(before),
            unsettled: note.unsettled + u32::from(same.is_none()),
            ..note
        };
        self.set(name, note, until);
    }

    /// What is remembered of an input; with one change more, if it is another one than when it was looked at last. `keep`:
    /// remember that.
    pub fn seen(&mut self, name: &Name, fingerprint: Fingerprint, keep: bool) -> Note {
        let note = self.note(name);
        if note.before.is_none_or(|before| before.fingerprint == fingerprint) {
            return note;
        }
        let note = Note {
            changes: note.changes + 1,
            short: None,
            ..note
        };
        if keep {
            self.keep(name, note);
        }
        note
    }

    /// Remembers `note` until the input is looked at by another reason.
    pub fn keep(&mut self, name: &Name, note: Note) {
        self.forget(name);
        if self.notes.len() < MOST {
            self.notes.insert(name.clone(), Note { due: None, ..note });
        }
    }

    /// Another model or other settings may need less room.
    pub fn lift_shortages(&mut self) {
        self.notes.values_mut().for_each(|note| note.short = None);
    }

    pub fn forget(&mut self, name: &Name) {
        if let Some(Note { due: Some(due), .. }) = self.notes.remove(name) {
            self.due.remove(&(due, name.clone()));
        }
    }

    /// At most `most` of the inputs whose time has come. Their notes stay until they are forgotten or set anew.
    pub fn take_due(&mut self, now: Duration, most: usize) -> Vec<Name> {
        let mut names = Vec::new();
        while names.len() < most && self.due.first().is_some_and(|(due, _)| *due <= now) {
            let (_, name) = self.due.pop_first().expect("there is a first");
            self.notes.entry(name.clone()).and_modify(|n| n.due = None);
            names.push(name);
        }
        names
    }

    /// Has the time come to list again for those that were too many?
    pub fn take_relist(&mut self, now: Duration) -> bool {
        let due = self.relist_at.is_some_and(|at| at <= now);
        if due {
            self.relist_at = None;
        }
        due
    }

    /// Is each input remembered that is looked at again?
    pub fn is_whole(&self) -> bool {
        self.relist_at.is_none()
    }

    /// When something is next due.
    pub fn next(&self) -> Option<Duration> {
        let first = self.due.first().map(|(due, _)| *due);
        first.into_iter().chain(self.relist_at).min()
    }

    /// The notes of all inputs that are looked at again.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Note)> {
        self.notes.iter().filter(|(_, note)| note.due.is_some())
    }

    pub fn clear(&mut self) {
        *self = Agenda::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_one_shot_waits_for() {
        for (unsettled, open, changes, faults, awaited) in [
            (0, false, 0, 0, true),
            (1, false, 0, 0, true),
            (1, false, 1, 0, true),
            (0, true, 0, 0, false),
            (2, false, 0, 0, false),
            (0, false, 2, 0, false),
            (1, false, 0, 1, false),
        ] {
            let note = Note {
                unsettled,
                open,
                changes,
                faults,
                ..Note::default()
            };
            assert_eq!(note.is_awaited(), awaited, "{note:?}");
        }
    }
}
