//! Inputs that a whole listing didn't find: where no event told that they went, and at the start.

use crate::error::Result;
use crate::ledger::{Ledger, Taken};
use crate::spool::Name;
use crate::spool::scan::Inputs;
use std::hash::{BuildHasher, RandomState};

/// What a listing found, as far as it is recorded.
pub struct Absent {
    /// Inputs that were recorded when it began.
    recorded: u64,
    found: u64,
    /// A bit for each name that was found: bounded, and so it may hold a few others for found, which another listing tells.
    names: Vec<u64>,
    hasher: RandomState,
}

/// 1 MiB, of which a small folder touches little.
const WORDS: usize = 1 << 17;
/// Rows of the ledger that are looked through in one go.
const ROWS: u32 = 4096;

impl Absent {
    pub fn begin(ledger: &Ledger) -> Result<Absent> {
        let recorded = ledger.count()?;
        Ok(Absent {
            recorded,
            found: 0,
            names: vec![0; if recorded > 0 { WORDS } else { 0 }],
            hasher: RandomState::new(),
        })
    }

    /// The listing found an input that is recorded.
    pub fn found(&mut self, name: &Name) {
        self.found += 1;
        if let Some((word, bit)) = self.bit(name) {
            self.names[word] |= bit;
        }
    }

    /// After a whole listing: what comes under the names of inputs that are gone is new. An empty folder tells nothing: it may be
    /// one below a disk that isn't mounted yet.
    pub fn end(self, ledger: &mut Ledger, inputs: &Inputs, mut heartbeat: impl FnMut()) -> Result<()> {
        let emptied = self.found == 0 && self.recorded > 1;
        if self.found >= self.recorded || emptied {
            return Ok(());
        }
        let mut after = Name::new(*b"");
        loop {
            let names = ledger.present_after(&after, ROWS)?;
            let Some(last) = names.last() else {
                return Ok(());
            };
            after = last.clone();
            let mut gone = Vec::new();
            for name in names {
                let found = self.bit(&name).is_some_and(|(word, bit)| self.names[word] & bit != 0);
                if found || !inputs.accept(&name) {
                    continue;
                }
                heartbeat();
                // What can't be looked at may be there.
                if matches!(inputs.look(&name), Ok(None)) {
                    gone.push((name, Taken::DUE));
                }
            }
            heartbeat();
            ledger.set_taken(&gone)?;
        }
    }

    fn bit(&self, name: &Name) -> Option<(usize, u64)> {
        let bits = 64 * self.names.len() as u64;
        let at = self.hasher.hash_one(name).checked_rem(bits)?;
        Some(((at / 64) as usize, 1 << (at % 64)))
    }
}
