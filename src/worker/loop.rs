//! The loop: wake, find the approved model, make a pass, wait. The only place that puts the parts together. The same loop
//! serves the daemon and the one-shot; they differ in when it ends.

use super::agenda::Agenda;
use super::commit::Publishing;
use super::descriptors;
use super::faults::{Faults, as_fault};
use super::inbox::Inbox;
use super::job::{Done, Pin, Setup};
use super::lock::Lock;
use super::look::recipe;
use super::pass::Large;
use super::plan::Now;
use super::prune::Pruner;
use super::queue::Queue;
use super::tally::Tally;
use super::watch::Watches;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Fault, Ledger};
use crate::registry::{Current, Registry};
use crate::service::clock::{monotonic, wall_clock};
use crate::service::{Progress, ServiceManager};
use crate::spool::publish::Publisher;
use crate::spool::scan::Listing;
use crate::spool::{Dir, Home, Name};
use crate::transform::pool;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
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
    pub(super) setup: Arc<Setup>,
    pub(super) ledger: Ledger,
    lock: Lock,
    pub(super) inbox: Arc<Inbox>,
    pub(super) progress: Progress,

    current: Current,
    /// The lineup at work, and what it makes.
    pub(super) pin: Option<Pin>,
    /// Where the input folder was when it was first seen.
    pub(super) home: Option<Home>,
    watches: Option<Watches>,
    pub(super) listing: Option<Listing>,
    pub(super) queue: Queue,
    /// How many small inputs may be worked on together.
    pub(super) together: usize,
    /// Small inputs that were scored, to be published while the next are.
    pub(super) scored: Vec<Done>,
    pub(super) large: Option<Large>,
    /// A large input's result that is being published.
    pub(super) publishing: Option<Publishing>,
    /// Threads of large inputs that were given up.
    pub(super) ending: Vec<JoinHandle<()>>,
    pub(super) agenda: Agenda,
    pub(super) faults: Faults,
    pub(super) until: Until,
    /// Inputs that somebody writes to, by the word of events.
    pub(super) writing: HashSet<Name>,
    /// Subfolders that this listing couldn't read, and those that the one before couldn't.
    pub(super) unreadable: Vec<Name>,
    pub(super) unreadable_before: Vec<Name>,
    /// Were the reports looked through that a killed worker may have left?
    pub(super) recovered: bool,
    pub(super) pruner: Pruner,
    trouble: Option<Trouble>,
    pub(super) tally: Tally,
    due: Due,
    pub(super) manager: ServiceManager,
}

/// What keeps the worker as a whole from working, for now.
struct Trouble {
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
        let setup = Setup::open(config, &ledger)?;
        let leftovers = setup.publisher.remove_leftovers()?;
        if leftovers > 0 {
            tracing::info!(leftovers, "removed unfinished results of a worker that was killed");
        }
        setup.publisher.release();
        Ok(Worker {
            current: setup.current(),
            pin: None,
            setup: setup.into(),
            ledger,
            lock,
            inbox,
            progress,
            home: None,
            watches: None,
            listing: None,
            queue: Queue::default(),
            together,
            scored: Vec::new(),
            large: None,
            publishing: None,
            faults: Faults::default(),
            until: Until::Stopped,
            ending: Vec::new(),
            agenda: Agenda::default(),
            writing: HashSet::new(),
            unreadable: Vec::new(),
            unreadable_before: Vec::new(),
            recovered: false,
            pruner: Pruner::default(),
            trouble: None,
            tally: Tally::default(),
            due: Due::everything(),
            manager: ServiceManager::default(),
        })
    }

    /// Makes every output stale.
    pub fn make_stale(&mut self) -> Result<()> {
        self.ledger.make_stale()
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Works until `until`. `read` gives the configuration anew on SIGHUP.
    pub fn run(&mut self, until: Until, read: impl Fn() -> Result<Config>) -> Result<End> {
        self.until = until;
        let end = self.run_until(until, read);
        self.end_large();
        // What is published already should be known to be.
        let recorded = self.finish_publishing(true);
        end.and_then(|end| recorded.map(|()| end))
    }

    fn run_until(&mut self, until: Until, read: impl Fn() -> Result<Config>) -> Result<End> {
        let daemon = until == Until::Stopped;
        if daemon {
            self.watches = Watches::new(&self.setup.config, self.inbox.clone());
        }
        let mut ready = false;
        loop {
            if daemon {
                self.manager.heartbeat();
            }
            let news = self.inbox.take();
            if news.stop {
                self.manager.stopping();
                return Ok(End::Stopped);
            }
            if news.reload && daemon {
                self.reload(&read);
            }
            self.due.relist |= news.relist || news.subfolder;
            if news.subfolder {
                self.due.next_relist = self.due.next_relist.min(self.now().monotonic + WATCHED_WITHIN);
            }
            self.due.models |= news.models;
            self.due.folders |= news.folders;
            let looks = self.hear(news);
            self.prepare(daemon);
            if !daemon && let Some(trouble) = self.trouble.take() {
                return Err(trouble.error);
            }
            if !daemon
                && self.pin.is_none()
                && let Some(error) = self.current.take_error()
            {
                return Err(error);
            }
            if self.able() {
                self.attempt(|worker| worker.work(looks));
            }
            if daemon && !ready && self.listing.is_none() {
                ready = true;
                self.manager.ready();
                tracing::info!(input = %self.setup.config.input.path.display(), "ready");
            }
            if self.able() && (self.busy() || self.due.relist && self.listing.is_none()) {
                continue;
            }
            if !daemon && !self.able() {
                continue; // to say why
            }
            self.out_of_trouble();
            if daemon {
                self.report_status();
            } else if self.converged() {
                self.count_unfinished();
                return Ok(End::Converged);
            }
            self.setup.publisher.release();
            self.inbox.wait(self.sleep());
        }
    }

    /// What must be known before a pass: the folders under watch, the approved model, a listing to work on.
    fn prepare(&mut self, daemon: bool) {
        let now = self.now().monotonic;
        let input = &self.setup.config.input;
        if now >= self.due.next_folders {
            self.due.next_folders = now + input.poll_interval;
            self.due.folders = true;
            self.due.models = true;
        }
        if now >= self.due.next_relist {
            self.due.next_relist = now + input.rescan_interval;
            self.due.relist = true;
        }
        if let Some(trouble) = &mut self.trouble
            && trouble.until.is_some_and(|at| at <= now)
        {
            trouble.until = None;
            self.due.folders = true;
            self.due.relist = true;
        }
        // Watch first, then list: what comes in between is seen by both.
        if std::mem::take(&mut self.due.folders) && daemon {
            self.watch();
        }
        if std::mem::take(&mut self.due.models) && self.resolve() {
            self.due.relist = true;
        }
        if self.due.relist && self.listing.is_none() && self.able() {
            self.due.relist = false;
            self.attempt(|worker| worker.begin_listing());
        }
    }

    /// Watches the folders that are there now.
    fn watch(&mut self) {
        let Some(watches) = &mut self.watches else {
            self.due.relist = true;
            return;
        };
        let anew = watches.refresh();
        self.due.relist |= anew || !watches.hears_inputs();
        if let Some(trouble) = self.trouble.as_mut().filter(|_| anew) {
            trouble.until = None; // a folder came back
        }
    }

    /// Reads the configuration again. A bad one is refused, and the old one stays.
    fn reload(&mut self, read: impl Fn() -> Result<Config>) {
        self.manager.reloading();
        let setup = read().and_then(|config| {
            if config.state.path != self.setup.config.state.path {
                return Err(Error::config(
                    &config.state.path,
                    "state.path can't change while the worker runs; restart it",
                ));
            }
            Setup::open(config, &self.ledger)
        });
        match setup {
            Ok(setup) => {
                self.setup = setup.into();
                self.current = self.setup.current();
                self.watches = Watches::new(&self.setup.config, self.inbox.clone());
                self.home = None;
                self.pin = None;
                self.agenda.clear();
                let _ = self.faults.clear_all(&mut self.ledger);
                self.writing.clear();
                if self.trouble.is_some() {
                    self.attempt(Worker::forget_trouble);
                }
                self.start_over();
                self.due = Due::everything();
                tracing::info!("configuration read again");
            }
            Err(error) => tracing::error!(%error, "the new configuration is refused; the old one stays"),
        }
        self.manager.ready();
    }

    /// Finds the approved model. True if it is another one than before.
    pub(super) fn resolve(&mut self) -> bool {
        if !self.current.look() {
            return false;
        }
        let pin = self.current.lineup().ok().map(|lineup| Pin {
            recipe: recipe(&lineup.champion.identity, &self.setup.config.shape),
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
            Some(fault) => self.show_trouble(&fault),
            None if self.trouble.is_none() => drop(self.forget_trouble()),
            None => {}
        }
        self.tally.model = pin.as_ref().map(|pin| pin.lineup.to_string());
        self.pin = pin;
        self.agenda.lift_shortages();
        self.start_over();
        true
    }

    /// What was planned, or is being scored, was for another model or configuration: it is planned again.
    fn start_over(&mut self) {
        self.drop_large();
        self.queue = Queue::default();
        self.scored.clear();
        self.listing = None;
        self.tally.recount();
    }

    /// Runs a step; what keeps it from working keeps the whole worker waiting.
    fn attempt(&mut self, step: impl FnOnce(&mut Worker) -> Result<()>) {
        let Err(error) = step(self) else {
            return;
        };
        let (tries, same) = match &self.trouble {
            Some(old) => (old.tries + 1, old.error.to_string() == error.to_string()),
            None => (1, false),
        };
        if !same {
            tracing::warn!(code = error.code(), %error, hint = error.hint(), "can't work for now; trying again");
        }
        self.show_trouble(&as_fault(Name::new(*b""), &error, tries));
        self.start_over();
        let until = Some(self.now().monotonic + self.backoff(tries));
        self.trouble = Some(Trouble { error, tries, until });
    }

    /// Tells `status` what keeps the worker from working.
    fn show_trouble(&mut self, fault: &Fault) {
        let untold = self.ledger.set_fault(fault).is_err(); // its disk may be full
        let _ = self.lock.tell(untold.then_some(fault));
    }

    /// All was tried again, and went well.
    fn out_of_trouble(&mut self) {
        let tried = self.trouble.as_ref().is_some_and(|t| t.until.is_none());
        if tried && self.pin.is_some() && self.forget_trouble().is_ok() {
            tracing::info!("working again");
        }
    }

    /// `status` shows no trouble any more. While that can't be told, there is trouble.
    fn forget_trouble(&mut self) -> Result<()> {
        self.ledger.clear_fault(&Name::new(*b""))?;
        let _ = self.lock.tell(None);
        self.trouble = None;
        Ok(())
    }

    /// The input folder is to be listed again.
    pub(super) fn relist(&mut self) {
        self.due.relist = true;
    }

    /// Can a pass be made at all?
    fn able(&self) -> bool {
        self.pin.is_some() && self.trouble.as_ref().is_none_or(|t| t.until.is_none())
    }

    /// How long nothing is to be done unless somebody wakes the worker.
    fn sleep(&self) -> Duration {
        let least = if self.progress.visible() {
            DRAW
        } else {
            self.manager.heartbeat_interval().unwrap_or(LONGEST_SLEEP)
        };
        let trouble = self.trouble.as_ref().and_then(|t| t.until);
        let due = [self.due.next_relist, self.due.next_folders];
        let next = self.agenda.next().into_iter().chain(trouble).chain(due).min();
        next.map_or(least, |at| at.saturating_sub(self.now().monotonic).min(least))
    }

    pub(super) fn now(&self) -> Now {
        Now {
            wall: wall_clock(),
            monotonic: monotonic(),
        }
    }

    /// Is the input folder on a local disk?
    pub(super) fn local(&self) -> bool {
        self.home.is_none_or(|home| !home.mount)
    }

    /// Tells the service manager how things stand.
    fn report_status(&mut self) {
        let Tally { scored, failed, .. } = self.tally;
        let model = match (self.current.lineup(), &self.trouble) {
            (_, Some(trouble)) => format!("waiting: {}", trouble.error),
            (Ok(lineup), None) => format!("model {lineup}"),
            (Err(error), None) => format!("waiting: {error}"),
        };
        let status = format!(
            "{model}; scored {scored} since start, failed {failed}, pending {}",
            self.pending()
        );
        self.manager.status(status);
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
