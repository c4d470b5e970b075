//! An input, scored elsewhere: its tasks go out, and its parts are joined here as they come, in order.

use super::lineup::Members;
use super::plan::{Division, Plan, Step};
use super::question::Question;
use super::reading::{Made, Reading};
use super::session::{Event, Place, Session};
use super::source::Source;
use super::task::{Answer, HashPieces, Report, ScoreRange, SurveyPieces, Task, Work};
use crate::config;
use crate::error::{EngineFault, Error, Result};
use crate::format::Out;
use crate::format::ranges::{self, TABLE_PIECE, overlapping};
use crate::problem::internal;
use crate::spool::parts::{Parts, PartsOfInput};
use crate::transform::{Failure, Next, Prepared, Run, Scorer, Sink, Summary, Trial};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an event is waited for before it is looked whether the input is given up.
const WAIT: Duration = Duration::from_millis(100);

/// Scores large inputs on other machines. Shared by the threads that have one each.
pub struct Engine {
    settings: config::Engine,
    /// Tells the worker from all others that have the same folder of parts.
    worker: String,
    /// None: its folder wasn't there, or couldn't be written.
    parts: Mutex<Option<Arc<Parts>>>,
    /// Of inputs that are done, for the next ones: an input under way has one of its own.
    idle: Mutex<Vec<Session>>,
    /// Why no cluster answered last.
    down: Mutex<Option<Down>>,
}

/// Inputs that come soon behind one to which no cluster answered needn't wait as long for that.
struct Down {
    since: Instant,
    fault: EngineFault,
    path: PathBuf,
    message: String,
}

/// An input, and who scores it.
pub struct Scoring<'a> {
    pub path: &'a Path,
    pub file: &'a File,
    pub scorer: &'a Scorer,
    /// The scorer's lineup, as nodes are told of it.
    pub members: &'a Members,
    pub run: &'a Run<'a>,
}

impl Engine {
    /// `worker`: tells it from all others that have the same folder of parts. What the engine lacks, large inputs lack alone.
    pub fn new(settings: &config::Engine, worker: String) -> Engine {
        let engine = Engine {
            settings: settings.clone(),
            worker,
            parts: Mutex::default(),
            idle: Mutex::default(),
            down: Mutex::default(),
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
        let mut drive = Drive::new(self, scoring, &prepared, cluster, &trials)?;
        let result = prepared.join(|memory| drive.next(memory), out, rejects, sinks, run);
        match drive.error.take() {
            Some(error) => Err(error),
            None => {
                let (input, ranges) = (scoring.path.display(), drive.plan.ranges());
                tracing::debug!(%input, ranges, "scored on the cluster");
                self.give_back(drive.end());
                Ok(result)
            }
        }
    }

    /// None: it was cancelled.
    fn cluster(&self, scoring: &Scoring, cancel: &AtomicBool) -> Result<Option<Cluster>> {
        if let Some(mut session) = lock(&self.idle).pop()
            && session.next(Duration::ZERO).is_ok()
        {
            let unfit = Vec::new();
            return Ok(Some(Cluster { session, unfit }));
        }
        self.is_up()?;
        let cluster = self.connect(scoring, cancel);
        *lock(&self.down) = match &cluster {
            Err(Error::Engine { fault, path, message }) => Some(Down {
                since: Instant::now(),
                fault: *fault,
                path: path.clone(),
                message: message.clone(),
            }),
            _ => None,
        };
        cluster
    }

    fn is_up(&self) -> Result<()> {
        const REST: Duration = Duration::from_secs(30);
        match &*lock(&self.down) {
            Some(down) if down.since.elapsed() < REST => Err(Error::engine(down.fault, &down.path, &down.message)),
            _ => Ok(()),
        }
    }

    /// Asks each node whether it is fit to work, so that a person hears of those that aren't.
    fn connect(&self, scoring: &Scoring, cancel: &AtomicBool) -> Result<Option<Cluster>> {
        let mut session = Session::start(&self.settings)?;
        let folder = scoring.path.parent().unwrap_or(scoring.path);
        let sample = Source::of(scoring.path, scoring.file)?;
        let question = Question::new(
            &self.settings.parts,
            folder,
            Some(sample),
            Some(scoring.members.clone()),
        )?;
        session.connect(cancel)?;
        let answers = question.ask(&mut session, cancel)?;
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let is_any_fit = answers.iter().any(|(_, answer)| answer.is_ok());
        let mut unfit = Vec::new();
        for (node, answer) in answers {
            match answer {
                Ok(_) => {}
                Err(error) if !is_any_fit => return Err(error),
                Err(error) => {
                    tracing::error!(%node, %error, "a node of the cluster isn't fit to work, and gets nothing to do");
                    unfit.push(node.id);
                }
            }
        }
        Ok(Some(Cluster { session, unfit }))
    }

    /// Where a node wasn't fit, it is asked again.
    fn give_back(&self, Cluster { session, unfit }: Cluster) {
        if unfit.is_empty() {
            lock(&self.idle).push(session);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cluster that answers.
struct Cluster {
    session: Session,
    /// The nodes that can't work.
    unfit: Vec<String>,
}

/// One input under way.
struct Drive<'a> {
    scoring: &'a Scoring<'a>,
    input: Source,
    prepared: &'a Prepared<'a>,
    cluster: Cluster,
    plan: Plan<Made>,
    /// Bytes of a piece.
    piece: u64,
    parts: PartsOfInput,
    trials: &'a [Trial],
    /// Tasks that came to nothing yet: the part that they make, if they do.
    tasks: HashMap<u64, Option<u64>>,
    reading: Option<Reading<'a>>,
    /// Why the engine can't do it.
    error: Option<Error>,
}

impl<'a> Drive<'a> {
    fn new(
        engine: &Engine,
        scoring: &'a Scoring<'a>,
        prepared: &'a Prepared<'a>,
        cluster: Cluster,
        trials: &'a [Trial],
    ) -> Result<Drive<'a>> {
        let (division, piece) = division(prepared, engine.settings.part_size);
        Ok(Drive {
            plan: Plan::new(division, prepared.size(), piece, cluster.session.cpus() as u64),
            input: Source::of(scoring.path, scoring.file)?,
            scoring,
            prepared,
            cluster,
            piece,
            parts: engine.parts()?.begin()?,
            trials,
            tasks: HashMap::new(),
            reading: None,
            error: None,
        })
    }

    /// The next part to be joined, as soon as it is there.
    fn next(&mut self, memory: Out) -> Result<Next, Failure> {
        // The join ends, and says nothing of the input: the error does.
        self.advance(memory).map_err(|stop| match stop {
            Stop::Failure(failure) => failure,
            Stop::Engine(error) => {
                self.error = Some(error);
                Failure::Cancelled
            }
        })
    }

    fn advance(&mut self, memory: Out) -> Result<Next, Stop> {
        let mut memory = Some(memory);
        loop {
            // Nodes don't wait while parts are joined.
            self.take_events(Duration::ZERO)?;
            self.submit();
            if let Some(reading) = &mut self.reading {
                let memory = memory.take().unwrap_or_else(|| self.prepared.memory());
                if let Some(part) = reading.next(memory)? {
                    return Ok(Next::Part(part));
                }
                self.reading = None;
            }
            if let Some(made) = self.plan.next_part() {
                self.reading = Some(Reading::open(made, &self.parts, self.prepared)?);
                continue;
            }
            if self.plan.is_done() {
                let hash = self.plan.hash().ok_or(Failure::Problem(internal().into()))?;
                let bytes = self.prepared.size();
                return Ok(Next::End { bytes, hash });
            }
            if self.is_cancelled() {
                return Err(Failure::Cancelled.into());
            }
            self.take_events(WAIT)?;
        }
    }

    fn is_cancelled(&self) -> bool {
        let cancel = self.scoring.run.cancel;
        cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    fn submit(&mut self) {
        while self.tasks.len() < self.plan.window() {
            let Some(step) = self.plan.next() else { return };
            let part = match &step {
                Step::Score(number, _) => Some(*number),
                Step::Survey(_) | Step::Hash(_) => None,
            };
            let work = self.work(step);
            let Cluster { session, unfit } = &mut self.cluster;
            let (id, avoid) = (session.next_id(), unfit.clone());
            session.submit(Task::new(id, work), Place::Anywhere { avoid });
            self.tasks.insert(id, part);
        }
    }

    fn work(&self, step: Step) -> Work {
        let Scoring { members, run, .. } = self.scoring;
        let input = &self.input;
        match step {
            Step::Survey(indices) => Work::Survey(SurveyPieces {
                input: input.clone(),
                piece: self.piece,
                indices,
                rules: self.prepared.rules(),
            }),
            Step::Hash(indices) => Work::Hash(HashPieces {
                input: input.clone(),
                piece: self.piece,
                indices,
            }),
            Step::Score(number, range) => Work::Score(Box::new(ScoreRange {
                input: input.clone(),
                first: self.prepared.first(),
                range,
                members: (*members).clone(),
                shape: self.scoring.scorer.shape.text(),
                phase: run.phase.map(String::from),
                trials: self.trials.iter().map(|trial| (*trial).into()).collect(),
                memory: run.memory,
                part: self.parts.part(number),
            })),
        }
    }

    /// What happened, or happens within this time.
    fn take_events(&mut self, mut wait: Duration) -> Result<(), Stop> {
        while let Some(event) = self.cluster.session.next(wait)? {
            wait = Duration::ZERO;
            let part = self.tasks.remove(&event.id());
            match event {
                Event::Done { report, node, .. } => self.take(report, part.flatten(), &node.to_string())?,
                Event::Failed { error, .. } => return Err(error.into()),
                Event::Panicked { message, .. } => {
                    tracing::error!(message, "a part ended by a defect of this program");
                    return Err(Failure::Problem(internal().into()).into());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, report: Report, part: Option<u64>, node: &str) -> Result<(), Stop> {
        match (report.answer, part) {
            (Answer::Survey(surveys), None) => self.plan.take_surveys(surveys),
            (Answer::Hash(hashes), None) => self.plan.take_hashes(hashes),
            (Answer::Score(file), Some(number)) => self.plan.take_part(
                number,
                Made {
                    number,
                    file,
                    node: node.into(),
                },
            ),
            _ => {
                let message = "its report is of another kind of task";
                return Err(Error::engine(EngineFault::Node, format!("node {node}"), message).into());
            }
        }
        Ok(())
    }

    /// What still goes on is given up.
    fn end(mut self) -> Cluster {
        self.tasks.keys().for_each(|task| self.cluster.session.cancel(*task));
        self.cluster
    }
}

/// Into what an input is divided, and bytes of its pieces.
fn division(prepared: &Prepared, part_size: u64) -> (Division, u64) {
    match (prepared.division(), prepared.table()) {
        (ranges::Division::Text, _) => (Division::Text, part_size),
        (ranges::Division::RowGroups, Some(table)) => {
            let run = |groups: std::ops::Range<usize>| {
                let extents = table.extents(groups.clone());
                (groups, overlapping(&extents, TABLE_PIECE))
            };
            let runs = table.runs(part_size).into_iter().map(run);
            (Division::Table(runs.collect()), TABLE_PIECE)
        }
        _ => (Division::Whole, part_size),
    }
}

/// Why a join ends early.
enum Stop {
    Failure(Failure),
    Engine(Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failure(failure)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Engine(error)
    }
}
