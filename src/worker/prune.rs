//! What is old in the ledger goes, a little at a time, while nothing else is to be done.

use super::look::Published;
use super::setup::Setup;
use crate::error::Result;
use crate::ledger::{Ledger, Pruning};
use crate::service::clock::wall_clock;
use crate::spool::scan::Inputs;

/// Rows of a step: some milliseconds of work on a local disk.
const ROWS: u32 = 512;
/// The same on a mount, where each look is a request of its own that may take a second.
const ROWS_ON_MOUNT: u32 = 16;

#[derive(Default)]
pub struct Pruner {
    round: Option<Pruning>,
}

impl Pruner {
    /// Begins a round, if one is due.
    pub fn begin(&mut self, ledger: &mut Ledger) -> Result<()> {
        if self.round.is_none() {
            self.round = Pruning::begin(ledger, wall_clock() / 1000)?;
        }
        Ok(())
    }

    pub fn busy(&self) -> bool {
        self.round.is_some()
    }

    /// One step. `inputs`: the input folder, which is where it was. Nothing goes while the mount of another folder is away: that
    /// is an error.
    pub fn step(&mut self, ledger: &mut Ledger, setup: &Setup, inputs: &Inputs) -> Result<()> {
        let Some(round) = &mut self.round else {
            return Ok(());
        };
        setup.publisher.release();
        setup.publisher.check()?;
        let published = Published::open(&setup.config)?;
        let on_mount = !inputs.is_local() || setup.publisher.on_mount();
        let kept = i64::try_from(setup.config.state.history.as_micros()).unwrap_or(i64::MAX);
        let before = (wall_clock() / 1000).saturating_sub(kept);
        let more = round.step(
            ledger,
            before,
            if on_mount { ROWS_ON_MOUNT } else { ROWS },
            |name, record| {
                // What can't be looked at may be there.
                let input = inputs.look(name);
                matches!(input, Ok(None)) && matches!(published.size(name, Some(record)), Ok(None))
            },
        );
        match more? {
            true => {}
            false => self.round = None,
        }
        Ok(())
    }
}
