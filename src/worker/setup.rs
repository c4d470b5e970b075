//! What the worker and the threads that score share until the configuration is read again.

use super::job::Job;
use super::owner::claim_folders;
use super::pin::Pin;
use crate::config::Config;
use crate::engine::{Engine, Scoring};
use crate::error::Result;
use crate::ledger::Ledger;
use crate::registry::{Current, Registry};
use crate::spool::Dir;
use crate::spool::publish::Publisher;
use crate::transform::{Failure, Run, Sink, Summary, pool, transform_beside};
use std::fs::File;
use std::io::Write;

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

    /// Is it scored by other machines?
    pub fn scores_elsewhere(&self, job: &Job) -> bool {
        let engine = self.engine.as_ref();
        engine.is_some_and(|engine| job.is_large() && engine.takes(job.fingerprint.size))
    }

    /// Scores an input, here or elsewhere: its output and its rejects.
    ///
    /// # Errors
    /// The outer ones: of an engine, which tell nothing of the input.
    pub fn transform<W: Write + Send>(
        &self,
        job: &Job,
        file: &File,
        pin: &Pin,
        [output, rejects]: [&mut W; 2],
        sinks: Vec<Sink>,
        run: &Run,
    ) -> Result<Result<Summary, Failure>> {
        let Setup { config, engine, .. } = self;
        let scorer = &pin.scorer;
        match (engine, &pin.members) {
            (Some(engine), Some(members)) if self.scores_elsewhere(job) => {
                let path = config.input.path.join(job.name.path());
                let scoring = Scoring {
                    path: &path,
                    file,
                    scorer,
                    members,
                    run,
                };
                engine.transform(&scoring, [output, rejects], sinks)
            }
            _ => Ok(transform_beside(file, scorer, output, rejects, sinks, run)),
        }
    }
}
