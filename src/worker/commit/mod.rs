//! All that is known of inputs, with one owner: [`inputs`] decides on each and notes when to look again; what was scored is
//! published ([`publishing`]), then recorded; what failed for now is tried again.

mod absent;
mod alerts;
mod clashes;
mod found;
mod guards;
mod held;
mod inputs;
mod losses;
mod monitor;
mod monitors;
mod open;
mod phases;
mod publishing;
mod record;
mod sorting;
mod trials;
mod usual;

pub use publishing::Publishing;
pub use usual::{Usual, counted_on};

use super::agenda::Agenda;
use super::alerts::Outbox;
use super::export::Exporter;
use super::faults::Faults;
use super::inventory::Inventory;
use super::look::{Published, now};
use super::prune::Pruner;
use super::setup::Setup;
use super::stamp::stamp;
use super::tally::{Census, Tally};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Fault, Formats, Ledger};
use crate::registry::Baselines;
use crate::score::Lineup;
use crate::score::unknown::UnknownCounts;
use crate::service::clock::wall_clock;
use crate::spool::Name;
use crate::spool::scan::Inputs;
use absent::Absent;
use clashes::Clashes;
use guards::Guards;
use losses::Losses;
use monitors::Monitors;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use trials::Trials;

/// What is known of the inputs: what was done with each, what it failed over for now, and when it is looked at again.
/// Nothing else publishes or records.
pub struct Commit {
    ledger: Ledger,
    agenda: Agenda,
    faults: Faults,
    census: Census,
    /// Inputs that were scored since the start.
    scored: u64,
    /// By column, the rows that have no such key, of all that was scored since the start. The ledger doesn't keep it.
    lacking: UnknownCounts,
    /// Inputs that failed and weren't dismissed; `None`: to be counted anew.
    failed: Option<u64>,
    model: Option<String>,
    /// What results are held against.
    monitors: Monitors,
    trials: Trials,
    guards: Guards,
    pruner: Pruner,
    exporter: Exporter,
    outbox: Outbox,
    losses: Losses,
    /// In which outputs were ever asked for.
    formats: Formats,
    clashes: Clashes,
    /// Of the listing under way.
    absent: Option<Absent>,
    /// Were the reports looked through that a killed worker may have left?
    recovered: bool,
}

impl Commit {
    pub fn new(ledger: Ledger) -> Result<Commit> {
        Ok(Commit {
            census: Census::new(ledger.last_transformation()?),
            ledger,
            agenda: Agenda::default(),
            faults: Faults::default(),
            scored: 0,
            lacking: UnknownCounts::new(),
            failed: None,
            model: None,
            monitors: Monitors::default(),
            trials: Trials::default(),
            guards: Guards::default(),
            pruner: Pruner::default(),
            exporter: Exporter::default(),
            outbox: Outbox::default(),
            losses: Losses::default(),
            formats: Formats::default(),
            clashes: Clashes::default(),
            absent: None,
            recovered: false,
        })
    }

    /// What this run came to, and what stands.
    pub fn tally(&self) -> Result<Tally> {
        let mut tally = Tally::of(&self.census, self.model.clone(), self.ledger.last_transformation()?);
        let waiting: HashSet<&Name> = self.agenda.iter().map(|(name, _)| name).collect();
        tally.shadowed = self.trials.made;
        tally.lacking = self.lacking.clone();
        self.ledger.work_since(self.census.start, |work| {
            tally.count_work(&work, !waiting.contains(&work.input));
        })?;
        let failures = self.ledger.failures()?;
        let standing = failures.iter().filter(|failure| !waiting.contains(&failure.input));
        tally.count_failures(standing, self.ledger.told()?);
        let (faults, unsettled): (Vec<_>, Vec<_>) = self.agenda.iter().partition(|(_, note)| note.faults > 0);
        let faults = faults.len() + self.faults.unreadable();
        let open = unsettled.iter().filter(|(_, note)| note.open).map(|(name, _)| *name);
        tally.count_unfinished(faults as u64, unsettled.len() as u64, open);
        Ok(tally)
    }

    /// What stands when a one-shot has converged; `None` if there were more pending inputs than are remembered.
    pub fn inventory(&self, tally: &Tally) -> Option<Inventory> {
        let pending = self.agenda.iter().map(|(name, note)| (name.clone(), *note)).collect();
        self.agenda.is_whole().then(|| self.census.end(tally.done, pending))
    }

    /// Inputs that are known to have their outputs, while a one-shot works.
    pub fn done(&self) -> u64 {
        self.census.unchanged() + self.scored
    }

    /// The exit code told of all that was counted.
    pub fn set_told(&mut self, tally: &Tally) -> Result<()> {
        self.ledger.set_told(tally.last)
    }

    /// Inputs that were scored since the start.
    pub fn scored(&self) -> u64 {
        self.scored
    }

    /// Inputs that failed and weren't dismissed; what others dismissed is known from the next listing on.
    pub fn failed(&mut self) -> Result<u64> {
        let failed = self.failed.map_or_else(|| self.ledger.count_failed(), Ok)?;
        self.failed = Some(failed);
        Ok(failed)
    }

    /// Is an input that was found as it should be to be counted? What this run made is counted by the ledger.
    fn counts(&self, name: &Name, setup: &Setup, listed: bool) -> Result<bool> {
        let again = !listed || self.census.is_again();
        Ok(setup.once && !(again && self.ledger.has_work_since(name, self.census.start)?))
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Makes every output stale.
    pub fn make_stale(&mut self) -> Result<()> {
        self.ledger.make_stale()
    }

    /// What is done from now on is by this lineup, if there is one, and held against its baselines.
    pub fn take_lineup(&mut self, lineup: Option<&Arc<Lineup>>, baselines: Baselines) -> Result<()> {
        self.model = lineup.map(ToString::to_string);
        self.trials = Trials::of(lineup);
        self.guards = match lineup {
            Some(lineup) => Guards::begin(&self.ledger, lineup)?,
            None => Guards::default(),
        };
        self.agenda.lift_shortages();
        let mut monitors = Monitors::begin(&self.ledger, lineup, baselines)?;
        if let Some(lineup) = lineup {
            self.end_alerts_of_others(&mut monitors, lineup, wall_clock() / 1000)?;
        }
        self.monitors = monitors;
        Ok(())
    }

    /// All inputs are looked at anew, as if nothing were known of them but what the ledger has.
    pub fn forget_all(&mut self) {
        self.agenda.clear();
        let _ = self.faults.clear_all(&mut self.ledger);
    }

    /// What the listing found is found again.
    pub fn start_over(&mut self) {
        self.losses.start_over();
        self.absent = None;
    }

    pub fn begin_listing(&mut self, config: &Config, once: bool) -> Result<()> {
        stamp(&mut self.ledger, config)?;
        self.faults.begin_listing();
        self.formats = self.ledger.note_output_format(config.shape.output)?;
        self.losses.begin_listing(&mut self.ledger, config)?;
        self.absent = Some(Absent::begin(&self.ledger)?);
        self.clashes.begin_listing(Published::open(config)?.folds_names()?);
        let findings = match once {
            true => self.ledger.findings()?,
            false => Vec::new(),
        };
        self.census
            .begin_listing(findings.into_iter().map(|f| f.input).collect());
        self.failed = None;
        Ok(())
    }

    /// The listing couldn't read a subfolder.
    pub fn set_unreadable(&mut self, folder: Name, error: &Error) -> Result<()> {
        self.faults.set_unreadable(&mut self.ledger, folder, error)
    }

    /// How many files are in the input folder that are no inputs, for no glob has their names.
    pub fn count_ignored(&mut self, ignored: u64, named: &[Name]) {
        self.census.count_ignored(ignored, named);
    }

    /// All inputs were listed.
    pub fn end_listing(&mut self, inputs: &Inputs, setup: &Setup, mut heartbeat: impl FnMut()) -> Result<()> {
        self.outbox.flush(&mut self.ledger, &setup.config, now())?;
        self.forget_gone(inputs, !self.recovered, setup, &mut heartbeat)?;
        if let Some(absent) = self.absent.take() {
            absent.end(&mut self.ledger, inputs, heartbeat)?;
        }
        self.recovered = true;
        self.faults.end_listing(&mut self.ledger)?;
        self.losses.end_listing(&mut self.ledger)?;
        self.ledger.release_memory()?;
        self.exporter.begin(&mut self.ledger, wall_clock() / 1000)?;
        self.pruner.begin(&mut self.ledger)
    }

    pub fn is_pruning(&self) -> bool {
        self.pruner.busy() || self.exporter.busy() || self.outbox.busy(now().monotonic)
    }

    pub fn prune(&mut self, inputs: &Inputs, setup: &Setup) -> Result<()> {
        if self.outbox.busy(now().monotonic) {
            return self.outbox.flush(&mut self.ledger, &setup.config, now());
        }
        // What goes is written down before.
        if self.exporter.busy() {
            return self.exporter.step(&mut self.ledger, &setup.config, wall_clock() / 1000);
        }
        self.pruner.step(&mut self.ledger, setup, inputs)
    }

    /// Inputs whose time to be looked at again has come, at most `most`; and whether the whole folder is to be listed for
    /// those that were too many to remember.
    pub fn take_due(&mut self, most: usize) -> (Vec<Name>, bool) {
        let now = now().monotonic;
        (self.agenda.take_due(now, most), self.agenda.take_relist(now))
    }

    /// When something is next due, on the monotonic clock.
    pub fn next_due(&self) -> Option<Duration> {
        [self.agenda.next(), self.outbox.next()].into_iter().flatten().min()
    }

    /// Inputs that are looked at again.
    pub fn waiting(&self) -> usize {
        self.agenda.iter().count()
    }

    /// Inputs that somebody had open for writing when they were looked at last.
    pub fn open(&self) -> impl Iterator<Item = &Name> {
        self.agenda.iter().filter(|(_, note)| note.open).map(|(name, _)| name)
    }

    /// Is there no input that the one-shot waits for?
    pub fn converged(&self) -> bool {
        !self.agenda.iter().any(|(_, note)| note.is_awaited())
    }

    /// What keeps the worker as a whole from working is shown, or nothing any more.
    pub fn show_outage(&mut self, fault: Option<&Fault>) -> Result<()> {
        match fault {
            Some(fault) => self.ledger.set_fault(fault),
            None => self.ledger.clear_fault(&Name::new(*b"")),
        }
    }
}
