//! An input, scored elsewhere: its tasks go out, and its parts are joined here as they come, in order.

use super::attempts::Node;
use super::cluster::Cluster;
use super::lineup::Members;
use super::plan::{Plan, Step};
use super::reading::{NodePart, Reading};
use super::session::Event;
use super::source::Source;
use super::task::{Answer, Report, ScoreRange, SurveyPieces, Work};
use crate::config::{self, Survey};
use crate::error::{EngineFault, Error, Result};
use crate::format::Out;
use crate::format::ranges::{Division, InputRange, Survey as Surveyed, TABLE_PIECE, hash_pieces, overlapping, survey};
use crate::problem::internal;
use crate::spool::parts::PartsOfInput;
use crate::transform::{Failure, Next, Prepared, Run, Scorer, Trial};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long an event is waited for before it is looked whether the input is given up.
const WAIT: Duration = Duration::from_millis(100);

/// An input, and who scores it.
pub struct Scoring<'a> {
    pub path: &'a Path,
    pub file: &'a File,
    pub scorer: &'a Scorer,
    /// The scorer's lineup, as nodes are told of it.
    pub members: &'a Members,
    pub run: &'a Run<'a>,
}

/// What a task's report is to tell of. Another one would be waited for without end, or be of no piece.
enum Asked {
    Survey(Range<u64>),
    Part(u64),
}

/// One input under way.
pub struct Drive<'a> {
    scoring: &'a Scoring<'a>,
    input: Source,
    prepared: &'a Prepared<'a>,
    cluster: Cluster,
    plan: Plan<Result<NodePart, Stop>>,
    parts: PartsOfInput,
    trials: &'a [Trial],
    /// Tasks that came to nothing yet.
    tasks: HashMap<u64, Asked>,
    /// Of each piece, the node that looked at it. None: this machine does.
    surveyors: Option<HashMap<u64, String>>,
    reading: Option<Reading<'a>>,
    /// Why the engine can't do it.
    error: Option<Error>,
}

impl<'a> Drive<'a> {
    pub fn new(
        scoring: &'a Scoring<'a>,
        prepared: &'a Prepared<'a>,
        cluster: Cluster,
        parts: PartsOfInput,
        settings: &config::Engine,
        trials: &'a [Trial],
    ) -> Result<Drive<'a>> {
        let by_nodes = settings.survey == Survey::Nodes;
        Ok(Drive {
            plan: plan(prepared, settings.part_size, cluster.cpus() as u64),
            input: Source::of(scoring.path, scoring.file)?,
            scoring,
            prepared,
            cluster,
            parts,
            trials,
            tasks: HashMap::new(),
            surveyors: by_nodes.then(HashMap::new),
            reading: None,
            error: None,
        })
    }

    /// How many ranges were scored, or are.
    pub fn ranges(&self) -> u64 {
        self.plan.ranges()
    }

    /// The next part to be joined, as soon as it is there.
    pub fn next(&mut self, memory: Out) -> Result<Next, Failure> {
        // The join ends; [`Drive::end`] has the error.
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
            self.submit()?;
            if let Some(reading) = &mut self.reading {
                let memory = memory.take().unwrap_or_else(|| self.prepared.memory());
                if let Some(part) = reading.next(memory)? {
                    return Ok(Next::Part(part));
                }
                self.reading = None;
            }
            if let Some(made) = self.plan.next_part() {
                self.reading = Some(Reading::open(made?, &self.parts, self.prepared)?);
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

    fn submit(&mut self) -> Result<(), Stop> {
        while self.tasks.len() < self.plan.window() && !self.is_cancelled() {
            match self.plan.next() {
                None => break,
                Some(Step::Hash(pieces)) => {
                    let hashes = self.look(pieces, |file, size, piece, index| {
                        hash_pieces(file, size, piece, [index])
                    })?;
                    self.plan.take_hashes(hashes.concat());
                }
                Some(Step::Survey(pieces)) if self.surveyors.is_some() => {
                    let work = Work::Survey(SurveyPieces {
                        input: self.input.clone(),
                        piece: self.plan.piece(),
                        indices: pieces.clone(),
                        rules: self.prepared.rules(),
                    });
                    let task = self.cluster.submit(work, Vec::new());
                    self.tasks.insert(task, Asked::Survey(pieces));
                }
                Some(Step::Survey(pieces)) => {
                    let rules = self.prepared.rules();
                    let surveys = self.look(pieces, |file, size, piece, index| {
                        survey(file, size, piece, index, &rules)
                    })?;
                    self.plan.take_surveys(surveys);
                }
                Some(Step::Score(number, range)) => {
                    let never = self.surveyors_of(&range)?;
                    let work = self.score(number, range);
                    let task = self.cluster.submit(work, never);
                    self.tasks.insert(task, Asked::Part(number));
                }
            }
        }
        Ok(())
    }

    /// Looks at pieces here: what nodes read is held against what this machine saw.
    fn look<T: Send>(
        &self,
        pieces: Range<u64>,
        look: impl Fn(&File, u64, u64, u64) -> io::Result<T> + Sync,
    ) -> Result<Vec<T>, Stop> {
        let Scoring { file, run, .. } = self.scoring;
        let (size, piece) = (self.prepared.size(), self.plan.piece());
        let look = |index| look(file, size, piece, index);
        let found: io::Result<Vec<T>> = match run.pool {
            Some(pool) => pool.install(|| pieces.into_par_iter().map(look).collect()),
            None => pieces.map(look).collect(),
        };
        found.map_err(|e| Failure::Read(e).into())
    }

    /// The nodes that looked at a range, and so mustn't check it. Where no other is left, this machine looks, and any may.
    ///
    /// # Errors
    /// A node saw other bytes than this machine.
    fn surveyors_of(&self, range: &InputRange) -> Result<Vec<String>, Stop> {
        let (Some(surveyors), InputRange::Text(range)) = (&self.surveyors, range) else {
            return Ok(Vec::new());
        };
        let pieces = range.from / range.piece..range.to.div_ceil(range.piece);
        let nodes: BTreeSet<&String> = pieces.clone().filter_map(|piece| surveyors.get(&piece)).collect();
        if self.cluster.has_others(&nodes) {
            return Ok(nodes.into_iter().cloned().collect());
        }
        let seen = self.look(pieces, |file, size, piece, index| {
            hash_pieces(file, size, piece, [index])
        })?;
        match seen.concat() == range.pieces {
            true => Ok(Vec::new()),
            false => {
                let nodes: Vec<&str> = nodes.into_iter().map(String::as_str).collect();
                let message = format!(
                    "bytes {} to {} are others on node {}",
                    range.from,
                    range.to,
                    nodes.join(" or ")
                );
                Err(Error::engine(EngineFault::Input, &self.input.path, message).into())
            }
        }
    }

    fn score(&self, number: u64, range: InputRange) -> Work {
        let Scoring { members, run, .. } = self.scoring;
        Work::Score(Box::new(ScoreRange {
            input: self.input.clone(),
            first: self.prepared.first(),
            range,
            members: (*members).clone(),
            shape: self.scoring.scorer.shape.text(),
            phase: run.phase.map(String::from),
            trials: self.trials.iter().map(|trial| (*trial).into()).collect(),
            memory: run.memory,
            part: self.parts.part(number),
        }))
    }

    /// What happened, or happens within this time.
    fn take_events(&mut self, mut wait: Duration) -> Result<(), Stop> {
        while let Some(event) = self.cluster.next(wait)? {
            wait = Duration::ZERO;
            let Some(asked) = self.tasks.remove(&event.id()) else {
                continue;
            };
            let failed = match event {
                Event::Done { report, node } => {
                    self.take(report, asked, &node)?;
                    continue;
                }
                Event::Failed { error, .. } => error.into(),
                Event::Panicked { message, .. } => {
                    tracing::error!(message, "a part ended by a defect of this program");
                    Failure::Problem(internal().into()).into()
                }
            };
            match asked {
                // What stands in front of it may end the input otherwise.
                Asked::Part(number) => self.plan.take_part(number, Err(failed)),
                Asked::Survey(_) => return Err(failed),
            }
        }
        Ok(())
    }

    fn take(&mut self, report: Report, asked: Asked, node: &Node) -> Result<(), Stop> {
        match (report.answer, asked) {
            (Answer::Survey(surveys), Asked::Survey(pieces))
                if surveys.iter().map(Surveyed::index).eq(pieces.clone()) =>
            {
                let by = pieces.map(|piece| (piece, node.id.clone()));
                self.surveyors.get_or_insert_default().extend(by);
                self.plan.take_surveys(surveys);
            }
            (Answer::Score(file), Asked::Part(number)) => {
                let node = node.to_string();
                self.plan.take_part(number, Ok(NodePart { number, file, node }));
            }
            _ => {
                let message = "its report is of another task than it was given";
                return Err(Error::engine(EngineFault::Node, format!("node {node}"), message).into());
            }
        }
        Ok(())
    }

    /// What still goes on is given up.
    ///
    /// # Errors
    /// The engine couldn't do it: what the join came to says nothing of the input.
    pub fn end(mut self) -> Result<Cluster> {
        self.tasks.keys().for_each(|task| self.cluster.cancel(*task));
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.cluster),
        }
    }
}

fn plan<P>(prepared: &Prepared, part_size: u64, cpus: u64) -> Plan<P> {
    let size = prepared.size();
    match (prepared.division(), prepared.table()) {
        (Division::Text, _) => Plan::of_text(size, part_size, cpus),
        (Division::RowGroups, Some(table)) => {
            let pieces = |groups: &Range<usize>| overlapping(&table.extents(groups.clone()), TABLE_PIECE);
            let runs = table.runs(part_size).into_iter();
            let runs = runs.map(|groups| (groups.clone(), pieces(&groups)));
            Plan::of_table(runs.collect(), size, TABLE_PIECE, cpus)
        }
        _ => Plan::of_whole(size, part_size, cpus),
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
