//! The loop: wake, find the approved model, make a pass, wait. The only place that puts the parts together. The same loop
//! serves the daemon and the one-shot; they differ in when it ends.

use super::commit::Commit;
use super::descriptors;
use super::inbox::Inbox;
use super::lock::Lock;
use super::look::now;
use super::noticed::Noticed;
use super::outage::Outage;
use super::pass::{Pass, Step};
use super::plan::Word;
use super::setup::Setup;
use super::stamp::stamp;
use super::status::{Counts, Last, Live, Mode, Reporter};
use super::tally::Tally;
use super::watch::Watches;
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::registry::{Current, Registry};
use crate::service::{Progress, ServiceManager};
use crate::spool::{Dir, Name};
use std::io;
use std::path::{self, Path};
use std::sync::Arc;
use std::time::Duration;

/// A subfolder is under watch this long after it came.
const WATCHED_WITHIN: Duration = Duration::from_millis(500);
/// The loop comes around that often, for `status` to tell it from one that hangs.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
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
    until: Until,
    inbox: Arc<Inbox>,
    progress: Progress,
    manager: ServiceManager,
    current: Current,
    watches: Option<Watches>,
    outage: Outage,
    due: Due,
    /// The input folder wasn't there when it was looked for last.
    input_missing: bool,
    reporter: Reporter,
    /// What the one-shot came to, once it has converged.
    tally: Option<Tally>,
    /// What was noticed last, and when.
    noticed: (Noticed, Duration),
    /// Something came since.
    news: bool,
}

/// While it works, the loop says how it stands that often.
const NOTICE: Duration = Duration::from_millis(500);

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
    pub fn open(config: Config, until: Until, inbox: Arc<Inbox>, progress: Progress) -> Result<Worker> {
        let together = descriptors::raise_limit();
        require_local(&config.state.path)?;
        let lock = Lock::take(&config.state.path)?;
        let mut ledger = Ledger::open(&config.state.path)?;
        ledger.clear_faults()?;
        // For `status`, which finds a ledger as it is. What can't be read yet is asked for again before the first pass.
        let _ = stamp(&mut ledger, &config);
        let setup = Setup::open(config, &ledger, until == Until::Converged, || {})?;
        let leftovers = setup.publisher.remove_leftovers()?;
        if leftovers > 0 {
            tracing::info!(leftovers, "removed unfinished results of a worker that was killed");
        }
        setup.publisher.release();
        let manager = ServiceManager::default();
        let mode = match until {
            Until::Stopped => Mode::Daemon,
            Until::Converged => Mode::Once,
        };
        let reporter = Reporter::start(&setup.config, mode, manager.last_heartbeat());
        Ok(Worker {
            reporter,
            tally: None,
            noticed: Default::default(),
            news: false,
            current: setup.current(),
            pass: Pass::new(setup, Commit::new(ledger)?, inbox.clone(), progress.clone(), together),
            until,
            inbox,
            progress,
            manager,
            watches: None,
            outage: Outage::none(lock),
            due: Due::everything(),
            input_missing: false,
        })
    }

    /// Makes every output stale.
    pub fn make_stale(&mut self) -> Result<()> {
        self.pass.commit_mut().make_stale()
    }

    /// What the run came to.
    pub fn tally(&mut self) -> Result<Tally> {
        let tally = self.tally.take().map_or_else(|| self.pass.commit().tally(), Ok)?;
        let challengers = self.current.lineup().ok().map(|lineup| lineup.challengers.iter());
        let open = challengers.and_then(|mut all| all.find(|challenger| challenger.is_open));
        let challenger = open.map(|challenger| challenger.identity.to_string());
        // One of them may be of what was recorded last.
        self.current.look();
        Ok(Tally {
            halted: self.current.trials().halted_tests().collect(),
            challenger,
            ..tally
        })
    }

    /// The exit code told of all that was counted: another run tells of none of it again.
    pub fn set_told(&mut self, tally: &Tally) -> Result<()> {
        self.pass.commit_mut().set_told(tally)
    }

    /// Works until it is done or stopped. `read` gives the configuration anew on SIGHUP.
    pub fn run(&mut self, read: impl Fn() -> Result<Config>) -> Result<End> {
        let end = self.run_until_end(read);
        self.pass.end_large();
        // What is published already should be known to be.
        let recorded = self.pass.finish_publishing(true);
        if end.is_ok() {
            self.notice(true);
        }
        let end = end.and_then(|end| recorded.map(|_| end));
        let last = match end {
            Ok(End::Converged) => self.converged()?,
            Err(_) if self.until == Until::Converged => Last::Survey,
            Ok(End::Stopped) | Err(_) => Last::Known,
        };
        self.reporter.end(last);
        end
    }

    /// What a one-shot can't work over; its last report says so, too.
    fn take_error(&mut self) -> Option<Error> {
        let no_model = !self.pass.has_lineup() && self.current.lineup().is_err();
        if self.outage.error().is_none() && !no_model {
            return None;
        }
        self.notice(true);
        self.outage.take_error().or_else(|| self.current.take_error())
    }

    /// A one-shot has looked at each input.
    fn converged(&mut self) -> Result<Last> {
        let tally = self.pass.commit().tally()?;
        let inventory = self.pass.commit().inventory(&tally);
        self.tally = Some(tally);
        Ok(inventory.map_or(Last::Survey, Last::Converged))
    }

    fn run_until_end(&mut self, read: impl Fn() -> Result<Config>) -> Result<End> {
        let daemon = self.until == Until::Stopped;
        if daemon {
            self.watches = Watches::new(self.pass.config(), self.inbox.clone());
        }
        let mut ready = false;
        loop {
            self.manager.heartbeat();
            let news = self.inbox.take();
            self.news |= news.any();
            if news.stop {
                self.manager.stopping();
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
            self.prepare(daemon)?;
            if !daemon && let Some(error) = self.take_error() {
                return Err(error);
            }
            self.news |= !looks.is_empty() || self.pass.busy();
            if self.able() {
                self.attempt(|worker| worker.work(looks));
            }
            if daemon && !ready && !self.pass.is_listing() {
                ready = true;
                self.manager.ready();
                tracing::info!(input = %self.pass.config().input.path.display(), "ready");
            }
            if now().monotonic >= self.noticed.1 + NOTICE {
                self.notice(false);
            }
            if self.able() && (self.pass.busy() || self.due.relist && self.may_list()) {
                continue;
            }
            if !daemon && !self.able() {
                continue; // to say why
            }
            self.end_outage_if_over();
            self.notice(false);
            if !daemon && self.pass.converged() {
                return Ok(End::Converged);
            }
            self.pass.release_folders();
            self.inbox.wait(self.sleep());
        }
    }

    /// What must be known before a pass: the folders under watch, the approved model, a listing to work on.
    ///
    /// # Errors
    /// The state folder was taken away.
    fn prepare(&mut self, daemon: bool) -> Result<()> {
        let now = now().monotonic;
        let input = &self.pass.config().input;
        if now >= self.due.next_folders {
            self.due.next_folders = now + input.poll_interval;
            self.due.folders = true;
            self.due.models = true;
        }
        if now >= self.due.next_relist {
            // One pass of the one-shot is one listing, however long it takes.
            self.due.next_relist = if daemon {
                now + input.rescan_interval
            } else {
                Duration::MAX
            };
            self.due.relist = true;
        }
        if self.outage.is_due(now) {
            self.due.folders = true;
            self.due.relist = true;
        }
        // Watch first, then list: what comes in between is seen by both.
        let folders = std::mem::take(&mut self.due.folders) && daemon;
        if folders {
            self.watch();
        }
        let models = std::mem::take(&mut self.due.models);
        if models && daemon {
            self.take_first_group();
        }
        if models && self.current.look() {
            self.attempt(Worker::take_lineup);
            self.due.relist = true;
        }
        if folders && !self.pass.has_lineup() {
            self.look_for_input();
        }
        if self.due.relist && self.may_list() && self.able() {
            self.due.relist = false;
            self.outage.check_lock()?;
            self.attempt(|worker| worker.pass.begin_listing(|| worker.manager.heartbeat()));
        }
        Ok(())
    }

    /// Watches the folders that are there now.
    fn watch(&mut self) {
        let Some(watches) = &mut self.watches else {
            self.due.relist = true;
            return;
        };
        let anew = watches.refresh();
        self.due.relist |= anew || !watches.covers_inputs();
        if anew {
            self.outage.try_now(); // a folder came back
        }
    }

    /// Without a model nothing is listed, which would tell.
    fn look_for_input(&mut self) {
        let input = &self.pass.config().input.path;
        let missing = matches!(input.metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound);
        if missing && !self.input_missing {
            let input = path::absolute(input).unwrap_or_else(|_| input.clone());
            tracing::warn!(input = %input.display(), "the input folder doesn't exist; waiting for it, too");
        }
        self.input_missing = missing;
    }

    /// Nobody named a group, and there was none: the first one that comes is meant from now on, whatever comes later.
    fn take_first_group(&mut self) {
        let models = &self.pass.config().models;
        if models.is_named {
            return;
        }
        let groups = Registry::groups(&models.path).unwrap_or_default();
        if let [group] = &groups[..] {
            tracing::info!(group, "the first model group is there");
            let mut config = self.pass.config().clone();
            config.models.name(group);
            self.reload(|| Ok(config.clone()));
        }
    }

    /// Reads the configuration again. A bad one is refused, and the old one stays.
    fn reload(&mut self, read: impl Fn() -> Result<Config>) {
        self.manager.reloading();
        let setup = read().and_then(|config| {
            if config.state.path != self.pass.config().state.path {
                return Err(Error::config(
                    &config.state.path,
                    "state.path can't change while the worker runs; restart it",
                ));
            }
            let once = self.until == Until::Converged;
            Setup::open(config, self.pass.commit().ledger(), once, || self.manager.heartbeat())
        });
        match setup {
            Ok(setup) => {
                self.current = setup.current();
                self.watches = Watches::new(&setup.config, self.inbox.clone());
                self.pass.replace_setup(setup);
                self.reporter.configure(self.pass.config());
                if self.outage.error().is_some() {
                    self.attempt(|worker| worker.outage.end(worker.pass.commit_mut()));
                }
                self.due = Due::everything();
                tracing::info!("configuration read again");
            }
            Err(error) => tracing::error!(%error, "the new configuration is refused; the old one stays"),
        }
        self.manager.ready();
    }

    /// One step of the pass; the only place where it starts over because the lineup is another one.
    fn work(&mut self, looks: Vec<(Name, Word)>) -> Result<()> {
        match self.pass.work(looks, &mut self.current, &mut self.manager)? {
            Step::Done => {}
            Step::Relist => self.due.relist = true,
            Step::NewLineup => {
                self.take_lineup()?;
                self.due.relist = true;
            }
        }
        Ok(())
    }

    /// Works by the lineup that is the approved one now.
    fn take_lineup(&mut self) -> Result<()> {
        let passing = self.current.lineup().err().filter(|e| e.exit_code() == exit::TRY_AGAIN);
        match passing {
            // That others can look at the models doesn't mean that the worker can.
            Some(error) => drop(self.outage.show(error, 1, None, self.pass.commit_mut())),
            None if self.outage.error().is_none() => drop(self.outage.end(self.pass.commit_mut())),
            None => {}
        }
        super::lineup::log(&self.current, self.pass.config().monitor.is_on());
        let baselines = self.current.baselines().clone();
        self.pass.take_lineup(self.current.lineup().ok(), baselines)
    }

    /// Runs a step; what keeps it from working keeps the whole worker waiting.
    fn attempt(&mut self, step: impl FnOnce(&mut Worker) -> Result<()>) {
        let Err(error) = step(self) else {
            return;
        };
        let most = self.pass.config().worker.retry_max_backoff;
        self.outage.begin(error, self.pass.commit_mut(), now().monotonic, most);
        self.pass.start_over();
    }

    /// All was tried again, and went well.
    fn end_outage_if_over(&mut self) {
        let scored = self.pass.commit().scored();
        let over = self.pass.has_lineup() && self.outage.is_over(scored, self.pass.converged());
        if over && self.outage.end(self.pass.commit_mut()).is_ok() {
            tracing::info!("working again");
        }
    }

    /// Can a pass be made at all?
    fn able(&self) -> bool {
        self.pass.has_lineup() && self.outage.until().is_none()
    }

    /// May a listing begin? The one-shot counts by listings what it finds, so it first ends what the last one found to do.
    fn may_list(&self) -> bool {
        !self.pass.is_listing() && (self.until == Until::Stopped || self.pass.is_idle())
    }

    /// How long nothing is to be done unless somebody wakes the worker.
    fn sleep(&self) -> Duration {
        let least = if self.progress.visible() {
            DRAW
        } else {
            self.manager.heartbeat_interval().unwrap_or(LONGEST_SLEEP)
        };
        let due = [self.due.next_relist, self.due.next_folders];
        let next = [self.pass.commit().next_due(), self.outage.until()];
        let next = next.into_iter().flatten().chain(due).min();
        next.map_or(least, |at| at.saturating_sub(now().monotonic).min(least))
    }

    /// Tells the reporter how the worker stands. `changed`: by something that can't be seen here.
    fn notice(&mut self, changed: bool) {
        let failed = self.pass.commit_mut().failed().unwrap_or_default();
        let lineup = self.current.lineup();
        let open = self.pass.open(Live::OPEN);
        let noticed = Noticed {
            scored: self.pass.commit().scored(),
            failed,
            pending: self.pass.pending(),
            open: open.len(),
            lineup: Some(lineup.err().map(Error::code)),
            outage: self.outage.error().is_some(),
        };
        let changed = changed || noticed != self.noticed.0 || std::mem::take(&mut self.news);
        let live = Live {
            model: lineup.ok().map(|lineup| lineup.to_string()),
            model_error: lineup.err().map(|e| (e.code().to_string(), e.to_string())),
            outage: self.outage.fault().cloned(),
            counts: Counts {
                done: self.pass.commit().done(),
                pending: self.pass.pending() as u64,
                failed,
            },
            open,
        };
        self.noticed = (noticed, now().monotonic);
        self.reporter.notice(live, changed);
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
