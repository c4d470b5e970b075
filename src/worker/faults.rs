//! What failed for now, as `status` shows it: remembered here, kept in the ledger.

use crate::error::{Error, Result};
use crate::ledger::{Fault, Ledger};
use crate::service::clock::wall_clock;
use crate::spool::Name;
use std::collections::HashSet;
use std::time::Duration;

/// More names than this are not remembered; the ledger is asked then.
const MOST: usize = 50_000;

/// Inputs, and subfolders of the input folder, that failed for now.
#[derive(Default)]
pub struct Faults {
    names: HashSet<Name>,
    /// There were too many.
    more: bool,
    /// Subfolders that this listing couldn't read, and those that the one before couldn't.
    unreadable: Vec<Name>,
    unreadable_before: Vec<Name>,
}

impl Faults {
    pub fn set(&mut self, ledger: &mut Ledger, fault: &Fault) -> Result<()> {
        match self.names.len() < MOST {
            true => drop(self.names.insert(fault.input.clone())),
            false => self.more = true,
        }
        ledger.set_fault(fault)
    }

    /// It is over, if there was one.
    pub fn clear(&mut self, ledger: &mut Ledger, name: &Name) -> Result<()> {
        match self.names.remove(name) || self.more {
            true => ledger.clear_fault(name),
            false => Ok(()),
        }
    }

    /// A listing finds anew which subfolders can't be read.
    pub fn begin_listing(&mut self) {
        for folder in std::mem::take(&mut self.unreadable) {
            if !self.unreadable_before.contains(&folder) {
                self.unreadable_before.push(folder);
            }
        }
    }

    /// Those that it found no more can be read again.
    pub fn end_listing(&mut self, ledger: &mut Ledger) -> Result<()> {
        for folder in std::mem::take(&mut self.unreadable_before) {
            if !self.unreadable.contains(&folder) {
                self.clear(ledger, &folder)?;
            }
        }
        Ok(())
    }

    /// A subfolder that can't be listed keeps back what is in it, and nothing else.
    pub fn set_unreadable(&mut self, ledger: &mut Ledger, folder: Name, error: &Error) -> Result<()> {
        if !self.unreadable_before.contains(&folder) {
            tracing::warn!(input = %folder, code = error.code(), %error, "can't list a subfolder; trying again");
        }
        self.set(ledger, &as_fault(folder.clone(), error, 1, None))?;
        self.unreadable.push(folder);
        Ok(())
    }

    /// Subfolders that couldn't be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// All will be looked at anew.
    pub fn clear_all(&mut self, ledger: &mut Ledger) -> Result<()> {
        self.names.clear();
        self.more = false;
        ledger.clear_faults()
    }
}

/// As `status` shows it; it failed now, and is tried again after `wait`.
pub fn as_fault(input: Name, error: &Error, tries: u32, wait: Option<Duration>) -> Fault {
    let now = wall_clock() / 1000;
    Fault {
        input,
        code: error.code().into(),
        message: error.to_string(),
        tries,
        since: now,
        last: now,
        retry_at: wait.map(|wait| now.saturating_add(wait.as_micros() as i64)),
    }
}
