//! What scores large inputs on a cluster, one input by one [`Drive`].

use super::cluster::Cluster;
use super::drive::{Drive, Scoring};
use super::source::Source;
use crate::config;
use crate::error::{EngineFault, Error, Result};
use crate::spool::parts::Parts;
use crate::transform::{Failure, Prepared, Sink, Summary, Trial};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Scores large inputs on other machines. Shared by the threads that have one each.
pub struct Engine {
    settings: config::Engine,
    /// Tells the worker from all others that have the same folder of parts.
    worker: String,
    /// None: its folder wasn't there, or couldn't be written.
    parts: Mutex<Option<Arc<Parts>>>,
    /// Of inputs that are done, for the next ones: an input under way has one of its own.
    idle: Mutex<Vec<Cluster>>,
    /// Why no cluster answered last.
    outage: Mutex<Option<Outage>>,
}

/// Inputs that come soon behind one to which no cluster answered needn't wait as long for that.
struct Outage {
    since: Instant,
    fault: EngineFault,
    path: PathBuf,
    message: String,
}

impl Engine {
    /// `worker`: tells it from all others that have the same folder of parts. What the engine lacks, large inputs lack alone.
    pub fn new(settings: &config::Engine, worker: String) -> Engine {
        let engine = Engine {
            settings: settings.clone(),
            worker,
            parts: Mutex::default(),
            idle: Mutex::default(),
            outage: Mutex::default(),
        };
        // Parts that a killed worker left go.
        if let Err(error) = engine.parts() {
            tracing::error!(%error, "large inputs can't be scored on the cluster");
        }
        engine
    }

    fn parts(&self) -> Result<Arc<Parts>> {
        let mut parts = lock(&self.parts);
        if let Some(parts) = &*parts {
            return Ok(parts.clone());
        }
        let opened = Arc::new(Parts::open(&self.settings.parts, &self.worker)?);
        Ok(parts.insert(opened).clone())
    }

    /// Is an input of so many bytes worth it? One below a part is done before a task has started.
    pub fn takes(&self, size: u64) -> bool {
        size >= self.settings.part_size
    }

    /// As [`transform_beside`](crate::transform::transform_beside), and to the same bytes. `out`: the output and the rejects.
    ///
    /// # Errors
    /// The outer ones: the engine couldn't do it, which tells nothing of the input.
    pub fn transform(
        &self,
        scoring: &Scoring,
        [out, rejects]: [&mut impl Write; 2],
        sinks: Vec<Sink>,
    ) -> Result<Result<Summary, Failure>> {
        let trials: Vec<Trial> = sinks.iter().map(|sink| sink.trial).collect();
        let run = scoring.run;
        let prepared = match Prepared::new(scoring.file, scoring.scorer, run, &trials) {
            Ok(prepared) => prepared,
            Err(failure) => return Ok(Err(failure)),
        };
        let never = AtomicBool::new(false);
        let cluster = self.cluster(scoring, run.cancel.unwrap_or(&never))?;
        let Some(cluster) = cluster else {
            return Ok(Err(Failure::Cancelled));
        };
        let parts = self.parts()?.begin()?;
        let mut drive = Drive::new(scoring, &prepared, cluster, parts, &self.settings, &trials)?;
        let result = prepared.join(|memory| drive.next(memory), out, rejects, sinks, run);
        let (input, ranges) = (scoring.path.display(), drive.ranges());
        let cluster = drive.end()?;
        tracing::info!(%input, ranges, "its parts were scored on the cluster");
        if cluster.may_stay() {
            lock(&self.idle).push(cluster);
        }
        Ok(result)
    }

    /// None: it was cancelled.
    fn cluster(&self, scoring: &Scoring, cancel: &AtomicBool) -> Result<Option<Cluster>> {
        let idle = lock(&self.idle).pop();
        if let Some(mut cluster) = idle.filter(|cluster| cluster.has_proven(scoring.members))
            && cluster.next(Duration::ZERO).is_ok()
        {
            return Ok(Some(cluster));
        }
        if let Some(error) = self.outage() {
            return Err(error);
        }
        let input = Source::of(scoring.path, scoring.file)?;
        let cluster = Cluster::connect(&self.settings, self.parts()?.path(), input, scoring.members, cancel);
        *lock(&self.outage) = match &cluster {
            Err(Error::Engine { fault, path, message }) => Some(Outage {
                since: Instant::now(),
                fault: *fault,
                path: path.clone(),
                message: message.clone(),
            }),
            _ => None,
        };
        cluster
    }

    /// Why no cluster answered a moment ago.
    fn outage(&self) -> Option<Error> {
        const RECENT: Duration = Duration::from_secs(30);
        let outage = lock(&self.outage);
        let outage = outage.as_ref().filter(|outage| outage.since.elapsed() < RECENT)?;
        Some(Error::engine(outage.fault, &outage.path, &outage.message))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
