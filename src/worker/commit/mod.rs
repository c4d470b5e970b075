//! All that is known of inputs, with one owner: [`inputs`] decides on each and notes when to look again; what was scored is
//! published ([`publishing`]), then recorded; what failed for now is tried again.

mod absent;
mod alerts;
mod clashes;
mod inputs;
mod losses;
mod monitor;
mod publishing;
mod record;
mod shadows;
mod usual;

pub use publishing::Publishing;
pub use usual::{Usual, counted_on};

use super::agenda::{Agenda, Note};
use super::alerts::Outbox;
use super::export::Exporter;
use super::faults::Faults;
use super::inbox::Inbox;
use super::inventory::Inventory;
use super::job::{Done, Job, Outcome, Pin, Setup};
use super::look::{self, now};
use super::prune::Pruner;
use super::stamp::stamp;
use super::tally::{Census, Tally};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Fault, HalfHash, Ledger, Watch};
use crate::registry::baseline::InForce;
use crate::score::Lineup;
use crate::service::clock::wall_clock;
use crate::spool::Name;
use crate::spool::publish::{Item, Product};
use crate::spool::scan::Inputs;
use crate::transform::{Summary, Verdict};
use absent::Absent;
use clashes::Clashes;
use losses::Losses;
use monitor::Monitor;
use publishing::{Published, Ready};
use record::{Finding, is_counted_with_others, log, record};
use shadows::Shadows;
use std::collections::HashSet;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the inputs: what was done with each, what it failed over for now, and when it is looked at again.
/// Nothing else publishes or records.
pub struct Commit {
    ledger: Ledger,
    agenda: Agenda,
    faults: Faults,
    census: Census,
    /// Inputs that were scored since the start.
    scored: u64,
    /// Inputs that failed and weren't dismissed; `None`: to be counted anew.
    failed: Option<u64>,
    model: Option<String>,
    /// What results are held against, if the version has a baseline.
    monitor: Option<Monitor>,
    shadows: Shadows,
    pruner: Pruner,
    exporter: Exporter,
    outbox: Outbox,
    losses: Losses,
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
            failed: None,
            model: None,
            monitor: None,
            shadows: Shadows::default(),
            pruner: Pruner::default(),
            exporter: Exporter::default(),
            outbox: Outbox::default(),
            losses: Losses::default(),
            clashes: Clashes::default(),
            absent: None,
            recovered: false,
        })
    }

    /// What this run came to, and what stands.
    pub fn tally(&self) -> Result<Tally> {
        let mut tally = Tally::of(&self.census, self.model.clone(), self.ledger.last_transformation()?);
        let waiting: HashSet<&Name> = self.agenda.iter().map(|(name, _)| name).collect();
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

    /// What is done from now on is by this lineup, if there is one, and held against its baseline, if it has one.
    pub fn take_lineup(&mut self, lineup: Option<&Lineup>, watched: Option<InForce>) -> Result<()> {
        self.model = lineup.map(Lineup::to_string);
        self.shadows = Shadows::of(lineup);
        self.agenda.lift_shortages();
        let watched = watched.zip(lineup.map(|lineup| lineup.champion.identity.made_by()));
        if let Some(lineup) = lineup {
            let at_work = watched.as_ref().map(|(watched, made_by)| Watch {
                made_by: made_by.clone(),
                baseline: watched.sha256,
            });
            self.end_alerts_of_others(at_work.as_ref(), &lineup.to_string(), wall_clock() / 1000)?;
        }
        let begin = |(watched, made_by)| Monitor::begin(&self.ledger, watched, made_by);
        self.monitor = watched.map(begin).transpose()?;
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
        self.losses.begin_listing(&mut self.ledger, config)?;
        self.absent = Some(Absent::begin(&self.ledger)?);
        self.clashes
            .begin_listing(look::Published::open(config)?.folds_names()?);
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
        self.outbox
            .flush(&mut self.ledger, &setup.config, wall_clock() / 1000)?;
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
        self.pruner.busy() || self.exporter.busy() || self.outbox.busy()
    }

    pub fn prune(&mut self, inputs: &Inputs, setup: &Setup) -> Result<()> {
        if self.outbox.busy() {
            return self.outbox.flush(&mut self.ledger, &setup.config, wall_clock() / 1000);
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
        self.agenda.next()
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

    /// Publishes and records what was scored by `pin`'s lineup, which is still the one at work.
    pub fn publish(&mut self, group: Vec<Done>, pin: &Pin, setup: &Setup) -> Result<()> {
        let mut ready = self.sort_out(group, pin, setup)?;
        let published = ready.publish(&setup.publisher);
        self.record_all(ready, published, setup)
    }

    /// The same for a large input, which is published beside the loop: a mount may take longer than the service manager
    /// has patience. `None` if there was nothing to publish.
    pub fn publish_large(
        &mut self,
        done: Done,
        pin: &Pin,
        setup: &Arc<Setup>,
        inbox: &Arc<Inbox>,
    ) -> Result<Option<Publishing>> {
        let name = done.job.name.clone();
        let mut ready = self.sort_out(vec![done], pin, setup)?;
        match ready.is_empty() {
            true => {
                let published = ready.publish(&setup.publisher);
                self.record_all(ready, published, setup).map(|()| None)
            }
            false => Publishing::start(name, ready, setup, inbox).map(Some),
        }
    }

    /// Records what was published beside the loop. `results`: of its thread.
    pub fn record_published(&mut self, publishing: Publishing, published: Published, setup: &Setup) -> Result<()> {
        self.record_all(publishing.ready, published, setup)
    }

    /// Sorts out what came of a group, and doubts the records of what is to be replaced.
    fn sort_out(&mut self, group: Vec<Done>, pin: &Pin, setup: &Setup) -> Result<Ready> {
        let mut ready = Ready::default();
        let mut replaced = Vec::new();
        let mut verified = Vec::new();
        let mut judging = self.monitor.as_ref().map(Monitor::judging).unwrap_or_default();
        for Done { job, outcome, took } in group {
            let name = job.name.clone();
            match outcome {
                Outcome::Scored {
                    output,
                    rejects,
                    mut summary,
                    racy,
                    stands,
                    shadows,
                } => {
                    let input_hash = summary.input_hash.map(HalfHash::from);
                    let shadowed = take(&mut summary.shadows);
                    ready
                        .shadows
                        .extend(self.shadows.results(&job, input_hash, shadowed, shadows));
                    let known = self.known(&job, &summary, pin, setup)?;
                    let judged = self.judge(&job, &summary, known, &mut judging, pin, setup)?;
                    let baseline = self.is_counted(known.is_some(), &mut summary.counts, setup);
                    let (result, finding) = match &judged {
                        // The same rows are out already, with the same result.
                        Some(judged) if judged.is_kept_back() && (job.touched || !stands) => {
                            match self.withhold(&job, &summary, judged, pin, setup) {
                                Ok(withheld) => withheld,
                                Err(error) => {
                                    drop((output, rejects));
                                    self.job_fault(&job, error, None, setup)?;
                                    continue;
                                }
                            }
                        }
                        _ => (Product::Output(output), Finding::Fine),
                    };
                    let is_new = job.touched || job.recorded != Some(Verdict::Publish);
                    if let (true, Finding::Fine) = (is_new, &finding) {
                        judging.sizes.push((name.clone(), summary.rows));
                    }
                    ready.judged.extend(judged.map(|judged| (name.clone(), judged)));
                    ready.racy.extend(racy.then(|| job.clone()));
                    let mut record = record(pin, &job, *summary, finding, racy, took);
                    record.1.baseline = baseline;
                    if let (true, Product::Output(output)) = (stands, &result) {
                        record.0.published = output.bytes();
                        ready.standing.push(record);
                        continue;
                    }
                    replaced.extend(job.recorded.map(|_| name.clone()));
                    ready.jobs.push(job);
                    ready.records.push(record);
                    ready.items.push(Item { name, result, rejects });
                }
                Outcome::Failed {
                    report,
                    rejects,
                    problem,
                    input_hash,
                } => {
                    let failure = Finding::Failed(problem.code, problem.to_string());
                    let mut record = record(pin, &job, Summary::default(), failure, false, took);
                    record.0.input_hash = input_hash;
                    ready.records.push(record);
                    replaced.extend(job.recorded.map(|_| name.clone()));
                    ready.jobs.push(job);
                    ready.items.push(Item {
                        name,
                        result: Product::Report(report),
                        rejects,
                    });
                }
                Outcome::Verified { racy } => {
                    self.agenda.forget(&name);
                    self.faults.clear(&mut self.ledger, &name)?;
                    let went = job.recorded == Some(Verdict::Publish) && !job.stands;
                    if job.touched && !went {
                        tracing::debug!(input = %name, "only its times changed; its result is left as it is");
                    }
                    // One that is racy is read once more, and counted then.
                    let is_done = job.recorded == Some(Verdict::Publish) && !went && !racy;
                    if is_done && self.counts(&name, setup, false)? {
                        self.census.count_unchanged(&name);
                    }
                    // What becomes of an output that went is decided on now, and what its shadows lack.
                    let again = racy || went || !job.shadows.is_empty();
                    ready.racy.extend(again.then(|| job.clone()));
                    verified.push((name, job.fingerprint, racy));
                }
                Outcome::Shadowed {
                    input_hash,
                    shadowed,
                    drafts,
                } => ready
                    .shadows
                    .extend(self.shadows.results(&job, input_hash, shadowed, drafts)),
                Outcome::Unfinished => self.wait_until_closed(&job, setup.config.input.settle),
                Outcome::TooSoon => self.look_again(&job),
                Outcome::Changed => self.wait_until_settled(&job, setup.config.input.settle),
                Outcome::Cancelled => {}
                Outcome::Fault { error, short } => self.job_fault(&job, error, short, setup)?,
            }
        }
        self.ledger.confirm(&verified)?;
        if !replaced.is_empty() {
            self.ledger.doubt(&replaced)?;
        }
        ready.new = judging.sizes.into_iter().map(|(name, _)| name).collect();
        Ok(ready)
    }

    /// `published`: of what was ready.
    fn record_all(&mut self, ready: Ready, published: Published, setup: &Setup) -> Result<()> {
        let Published { results, shadows } = published;
        let results = results?;
        let mut committed = ready.standing;
        for ((job, (mut record, done)), result) in ready.jobs.iter().zip(ready.records).zip(results) {
            match result {
                Ok(size) => {
                    record.published = size;
                    committed.push((record, done));
                }
                Err(error) => self.job_fault(job, error, None, setup)?,
            }
        }
        let min_rows = setup.config.monitor.min_rows;
        let small = committed.iter().filter(|(_, done)| is_counted_with_others(done));
        let small = small.map(|(record, done)| (record.first_seen, &done.summary.counts, done.verdict));
        let windows = self.monitor.as_mut().and_then(|monitor| monitor.count(small, min_rows));
        let alerting = self.alerting(&committed, &ready.judged, &setup.config.monitor)?;
        self.ledger
            .commit_counted(&committed, windows.as_ref(), alerting.as_ref())?;
        if let (Some(monitor), Some(alerting)) = (&mut self.monitor, alerting) {
            monitor.alerts = alerting.alerts;
            self.outbox
                .flush(&mut self.ledger, &setup.config, wall_clock() / 1000)?;
        }
        let had_failed = |job: &Job| job.recorded == Some(Verdict::Fail);
        if ready.jobs.iter().any(had_failed) || committed.iter().any(|(record, _)| record.verdict == Verdict::Fail) {
            self.failed = None;
        }
        for (_, done) in &committed {
            if let Some(monitor) = self.monitor.as_mut().filter(|_| ready.new.contains(&done.input)) {
                monitor.published(&done.input, done.summary.rows);
            }
            let Note { changes, .. } = self.agenda.note(&done.input);
            self.agenda.forget(&done.input);
            // The one-shot scores what changes again no second time.
            if setup.once && changes > 0 {
                let note = Note {
                    changes,
                    ..Note::default()
                };
                self.agenda.keep(&done.input, note);
            }
            self.faults.clear(&mut self.ledger, &done.input)?;
            self.scored += u64::from(done.verdict != Verdict::Fail);
            log(done);
        }
        ready.racy.iter().for_each(|job| self.look_again(job));
        self.record_shadows(shadows, setup)
    }
}
