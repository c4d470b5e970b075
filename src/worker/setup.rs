//! What the worker and the threads that score share until the configuration is read again.

use super::owner::claim_folders;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::registry::{Current, Registry};
use crate::spool::Dir;
use crate::spool::publish::Publisher;
use crate::transform::pool;

pub struct Setup {
    pub config: Config,
    pub publisher: Publisher,
    pub pool: rayon::ThreadPool,
    /// Scores large inputs on other machines, if there is one.
    pub engine: Option<Engine>,
    /// The one-shot, which comes back to nothing: it leaves what goes on changing to the next run.
    pub once: bool,
}

impl Setup {
    pub fn open(config: Config, ledger: &Ledger, once: bool, heartbeat: impl FnMut()) -> Result<Setup> {
        // Before anything is made: folders below a missing mount would be in its way.
        for path in [&config.output.path, &config.failed] {
            ledger.remember_place(path, Dir::nearest(path)?.is_mount()?)?;
        }
        let publisher = Publisher::open(&config.publishing(&ledger.instance()?))?;
        claim_folders(&config, ledger, &publisher, false, heartbeat)?;
        let pool = pool(config.worker.threads)?;
        let instance = ledger.instance()?;
        let engine = config.engine.as_ref().map(|engine| Engine::new(engine, instance));
        Ok(Setup {
            config,
            publisher,
            pool,
            engine,
            once,
        })
    }

    pub fn current(&self) -> Current {
        let registry = Registry::new(&self.config.models.path, &self.config.models.group);
        Current::new(registry)
            .watched(self.config.monitor.is_on())
            .with_experiments(&self.config.state.path)
    }

    /// Large inputs of so many bytes are scored by other machines; none, if there are none.
    pub fn part_size(&self) -> Option<u64> {
        self.config.engine.as_ref().map(|engine| engine.part_size)
    }
}
