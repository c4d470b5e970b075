//! The loop: wake, find the approved model, make a pass, wait. The only place that puts the parts together. The same loop
//! serves the daemon and the one-shot; they differ in when it ends.

use super::descriptors;
use super::faults::as_fault;
use super::inbox::Inbox;
use super::job::{Pin, Setup};
use super::lock::Lock;
use super::look::{now, recipe};
use super::pass::{Pass, Step};
use super::plan::{self, Word};
use super::stamp::stamp;
use super::tally::Tally;
use super::watch::Watches;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Fault, Ledger};
use crate::registry::{Current, Registry};
use crate::service::Progress;
use crate::spool::publish::Publisher;
use crate::spool::{Dir, Name};
use crate::transform::pool;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A subfolder is under watch this long after it came.
const WATCHED_WITHIN: Duration = Duration::from_millis(500);
/// Where nobody waits for a heartbeat.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
const DRAW: Duration = Duration::from_millis(100);

/// When the loop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Every input has its output or its report, as far as that can be had now.
    Converged,
    Stopped,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Converged,
    Stopped,
}

pub struct Worker {
    pass: Pass,
    current: Current,
    watches: Option<Watches>,
    lock: Lock,
    outage: Option<Outage>,
    due: Due,
}

/// What keeps the worker as a whole from working, for now.
struct Outage {
    error: Error,
    tries: u32,
    /// When to try again; `None`: that is being done.
    until: Option<Duration>,
}

/// What the loop has to do, beside the work at hand.
struct Due {
    relist: bool,
    models: bool,
    folders: bool,
    /// When each is due without being told, on the monotonic clock.
    next_relist: Duration,
    next_folders: Duration,
}

impl Worker {
    /// Takes the state folder, opens everything, and clears away what an earlier worker was killed over.
    pub fn open(config: Config, inbox: Arc<Inbox>, progress: Progress) -> Result<Worker> {
        let together = descriptors::raise_limit();
        require_local(&config.state.path)?;
        let lock = Lock::take(&config.state.path)?;
        let mut ledger = Ledger::open(&config.state.path)?;
        ledger.clear_faults()?;
        // For `status`, which finds a ledger as it is. What can't be read yet is asked for again before the first pass.
        let _ = stamp(&mut ledger, &config);
        let setup = Setup::open(config, &ledger)?;
        let leftovers = setup.publisher.remove_leftovers()?;
        if leftovers > 0 {
            tracing::info!(leftovers, "removed unfinished results of a worker that was killed");
        }
        setup.publisher.release();
        Ok(Worker {
            current: setup.current(),
            pass: Pass::new(setup, ledger, inbox, progress, together),
            watches: None,
            lock,
            outage: None,
            due: Due::everything(),
        })
    }

    /// Makes every output stale.
    pub fn make_stale(&mut self) -> Result<()> {
        self.pass.commit.ledger.make_stale()
    }

    pub fn tally(&self) -> &Tally {
        &self.pass.commit.tally
    }

    /// Works until `until`. `read` gives the configuration anew on SIGHUP.
    pub fn run(&mut self, until: Until, read: impl Fn() -> Result<Config>) -> Result<End> {
        self.pass.once = until == Until::Converged;
        self.pass.commit.count_changes = self.pass.once;
        let end = self.run_until(until, read);
        self.pass.end_large();
        // What is published already should be known to be.
        let recorded = self.pass.finish_publishing(true);
        end.and_then(|end| recorded.map(|_| end))
    }

    fn run_until(&mut self, until: Until, read: impl Fn() -> Result<Config>) -> Result<End> {
        let daemon = until == Until::Stopped;
        if daemon {
            self.watches = Watches::new(&self.pass.setup.config, self.pass.inbox.clone());
        }
        let mut ready = false;
        loop {
            if daemon {
                self.pass.manager.heartbeat();
            }
            let news = self.pass.inbox.take();
            if news.stop {
                self.pass.manager.stopping();
                return Ok(End::Stopped);
            }
            if news.reload && daemon {
                self.reload(&read);
            }
            self.due.relist |= news.relist || news.subfolder;
            if news.subfolder {
                self.due.next_relist = self.due.next_relist.min(now().monotonic + WATCHED_WITHIN);
            }
            self.due.models |= news.models;
            self.due.folders |= news.folders;
            let looks = self.pass.sort_news(news);
            self.prepare(daemon);
            if !daemon && let Some(outage) = self.outage.take() {
                return Err(outage.error);
            }
            if !daemon
                && self.pass.pin.is_none()
                && let Some(error) = self.current.take_error()
            {
                return Err(error);
            }
            if self.able() {
                self.attempt(|worker| worker.work(looks));
            }
            if daemon && !ready && !self.pass.is_listing() {
                ready = true;
                self.pass.manager.ready();
                tracing::info!(input = %self.pass.setup.config.input.path.display(), "ready");
            }
            if self.able() && (self.pass.busy() || self.due.relist && !self.pass.is_listing()) {
                continue;
            }
            if !daemon && !self.able() {
                continue; // to say why
            }
            self.end_outage_if_over();
            if daemon {
                self.report_status();
            } else if self.pass.converged() {
                self.pass.commit.count_unfinished();
                return Ok(End::Converged);
            }
            self.pass.setup.publisher.release();
            self.pass.inbox.wait(self.sleep());
        }
    }

    /// What must be known before a pass: the folders under watch, the approved model, a listing to work on.
    fn prepare(&mut self, daemon: bool) {
        let now = now().monotonic;
        let input = &self.pass.setup.config.input;
        if now >= self.due.next_folders {
            self.due.next_folders = now + input.poll_interval;
            self.due.folders = true;
            self.due.models = true;
        }
        if now >= self.due.next_relist {
            self.due.next_relist = now + input.rescan_interval;
            self.due.relist = true;
        }
        if let Some(outage) = &mut self.outage
            && outage.until.is_some_and(|at| at <= now)
        {
            outage.until = None;
            self.due.folders = true;
            self.due.relist = true;
        }
        // Watch first, then list: what comes in between is seen by both.
        if std::mem::take(&mut self.due.folders) && daemon {
            self.watch();
        }
        if std::mem::take(&mut self.due.models) && self.current.look() {
            self.take_lineup();
            self.due.relist = true;
        }
        if self.due.relist && !self.pass.is_listing() && self.able() {
            self.due.relist = false;
            self.attempt(|worker| worker.pass.begin_listing());
        }
    }

    /// Watches the folders that are there now.
    fn watch(&mut self) {
        let Some(watches) = &mut self.watches else {
            self.due.relist = true;
            return;
        };
        let anew = watches.refresh();
        self.due.relist |= anew || !watches.covers_inputs();
        if let Some(outage) = self.outage.as_mut().filter(|_| anew) {
            outage.until = None; // a folder came back
        }
    }

    /// Reads the configuration again. A bad one is refused, and the old one stays.
    fn reload(&mut self, read: impl Fn() -> Result<Config>) {
        self.pass.manager.reloading();
        let setup = read().and_then(|config| {
            if config.state.path != self.pass.setup.config.state.path {
                return Err(Error::config(
                    &config.state.path,
                    "state.path can't change while the worker runs; restart it",
                ));
            }
            Setup::open(config, &self.pass.commit.ledger)
        });
        match setup {
            Ok(setup) => {
                self.current = setup.current();
                self.watches = Watches::new(&setup.config, self.pass.inbox.clone());
                self.pass.replace_setup(setup);
                if self.outage.is_some() {
                    self.attempt(Worker::end_outage);
                }
                self.due = Due::everything();
                tracing::info!("configuration read again");
            }
            Err(error) => tracing::error!(%error, "the new configuration is refused; the old one stays"),
        }
        self.pass.manager.ready();
    }

    /// One step of the pass; the only place where it starts over because the lineup is another one.
    fn work(&mut self, looks: Vec<(Name, Word)>) -> Result<()> {
        match self.pass.work(looks, &mut self.current)? {
            Step::Done => {}
            Step::Relist => self.due.relist = true,
            Step::NewLineup => {
                self.take_lineup();
                self.due.relist = true;
            }
        }
        Ok(())
    }

    /// Works by the lineup that is the approved one now.
    fn take_lineup(&mut self) {
        let pin = self.current.lineup().ok().map(|lineup| Pin {
            recipe: recipe(&lineup.champion.identity, &self.pass.setup.config.shape),
            lineup: lineup.clone(),
        });
        match self.current.lineup() {
            Ok(lineup) => {
                let sha256 = &lineup.champion.identity.artifact;
                tracing::info!(model = %lineup, sha256, "scoring by the approved model");
            }
            Err(error @ Error::NoModel { .. }) => tracing::warn!(%error, "waiting for an approved model"),
            Err(error) => {
                tracing::error!(%error, "the approved model can't be used; nothing is scored until it can");
            }
        }
        let passing = self.current.lineup().err().filter(|e| e.exit_code() == exit::TRY_AGAIN);
        match passing.map(|error| as_fault(Name::new(*b""), error, 1)) {
            // That others can look at the models doesn't mean that the worker can.
            Some(fault) => self.show_outage(&fault),
            None if self.outage.is_none() => drop(self.end_outage()),
            None => {}
        }
        self.pass.commit.tally.model = pin.as_ref().map(|pin| pin.lineup.to_string());
        self.pass.pin = pin;
        self.pass.commit.agenda.lift_shortages();
        self.pass.start_over();
    }

    /// Runs a step; what keeps it from working keeps the whole worker waiting.
    fn attempt(&mut self, step: impl FnOnce(&mut Worker) -> Result<()>) {
        let Err(error) = step(self) else {
            return;
        };
        let (tries, same) = match &self.outage {
            Some(old) => (old.tries + 1, old.error.to_string() == error.to_string()),
            None => (1, false),
        };
        if !same {
            tracing::warn!(code = error.code(), %error, hint = error.hint(), "can't work for now; trying again");
        }
        self.show_outage(&as_fault(Name::new(*b""), &error, tries));
        self.pass.start_over();
        let until = Some(now().monotonic + plan::backoff(tries, self.pass.setup.config.worker.retry_max_backoff));
        self.outage = Some(Outage { error, tries, until });
    }

    /// Tells `status` what keeps the worker from working.
    fn show_outage(&mut self, fault: &Fault) {
        let untold = self.pass.commit.ledger.set_fault(fault).is_err(); // its disk may be full
        let _ = self.lock.show(untold.then_some(fault));
    }

    /// All was tried again, and went well.
    fn end_outage_if_over(&mut self) {
        let tried = self.outage.as_ref().is_some_and(|t| t.until.is_none());
        if tried && self.pass.pin.is_some() && self.end_outage().is_ok() {
            tracing::info!("working again");
        }
    }

    /// `status` shows no outage any more. While that can't be recorded, it goes on.
    fn end_outage(&mut self) -> Result<()> {
        self.pass.commit.ledger.clear_fault(&Name::new(*b""))?;
        let _ = self.lock.show(None);
        self.outage = None;
        Ok(())
    }

    /// Can a pass be made at all?
    fn able(&self) -> bool {
        self.pass.pin.is_some() && self.outage.as_ref().is_none_or(|t| t.until.is_none())
    }

    /// How long nothing is to be done unless somebody wakes the worker.
    fn sleep(&self) -> Duration {
        let least = if self.pass.progress.visible() {
            DRAW
        } else {
            self.pass.manager.heartbeat_interval().unwrap_or(LONGEST_SLEEP)
        };
        let outage = self.outage.as_ref().and_then(|t| t.until);
        let due = [self.due.next_relist, self.due.next_folders];
        let next = self
            .pass
            .commit
            .agenda
            .next()
            .into_iter()
            .chain(outage)
            .chain(due)
            .min();
        next.map_or(least, |at| at.saturating_sub(now().monotonic).min(least))
    }

    /// Tells the service manager how things stand.
    fn report_status(&mut self) {
        let Tally { scored, failed, .. } = self.pass.commit.tally;
        let model = match (self.current.lineup(), &self.outage) {
            (_, Some(outage)) => format!("waiting: {}", outage.error),
            (Ok(lineup), None) => format!("model {lineup}"),
            (Err(error), None) => format!("waiting: {error}"),
        };
        let status = format!(
            "{model}; scored {scored} since start, failed {failed}, pending {}",
            self.pass.pending()
        );
        self.pass.manager.status(status);
    }
}

impl Due {
    fn everything() -> Due {
        Due {
            relist: true,
            models: true,
            folders: true,
            next_relist: Duration::ZERO,
            next_folders: Duration::ZERO,
        }
    }
}

impl Setup {
    fn open(config: Config, ledger: &Ledger) -> Result<Setup> {
        // Before anything is made: folders below a missing mount would be in its way.
        for path in [&config.output.path, &config.failed] {
            ledger.remember_place(path, Dir::nearest(path)?.is_mount()?)?;
        }
        let publisher = Publisher::open(&config.publishing(&ledger.instance()?))?;
        let pool = pool(config.worker.threads)?;
        Ok(Setup {
            config,
            publisher,
            pool,
        })
    }

    fn current(&self) -> Current {
        Current::new(Registry::new(&self.config.models.path, &self.config.models.group))
    }
}

/// The ledger and the lock need what only local disks promise.
pub fn require_local(state: &Path) -> Result<()> {
    match Dir::open_or_make(state)?.is_mount()? {
        true => Err(Error::config(
            state,
            "the state folder is on a FUSE or network mount; it must be on a local disk",
        )),
        false => Ok(()),
    }
}
