//! An input, scored elsewhere: its tasks go out, and its parts are joined here as they come, in order.

use super::cluster::Cluster;
use super::lineup::Members;
use super::plan::{Plan, Step};
use super::reading::{NodePart, Reading};
use super::session::Event;
use super::source::Source;
use super::task::{Answer, HashPieces, Report, ScoreRange, SurveyPieces, Work};
use crate::error::{EngineFault, Error, Result};
use crate::format::Out;
use crate::format::ranges::{Division, TABLE_PIECE, overlapping};
use crate::problem::internal;
use crate::spool::parts::PartsOfInput;
use crate::transform::{Failure, Next, Prepared, Run, Scorer, Trial};
use std::collections::HashMap;
use std::fs::File;
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

/// One input under way.
pub struct Drive<'a> {
    scoring: &'a Scoring<'a>,
    input: Source,
    prepared: &'a Prepared<'a>,
    cluster: Cluster,
    plan: Plan<NodePart>,
    parts: PartsOfInput,
    trials: &'a [Trial],
    /// Tasks that came to nothing yet: the part that they make, if they do.
    tasks: HashMap<u64, Option<u64>>,
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
        part_size: u64,
        trials: &'a [Trial],
    ) -> Result<Drive<'a>> {
        Ok(Drive {
            plan: plan(prepared, part_size, cluster.cpus() as u64),
            input: Source::of(scoring.path, scoring.file)?,
            scoring,
            prepared,
            cluster,
            parts,
            trials,
            tasks: HashMap::new(),
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
            let task = self.cluster.submit(self.work(step));
            self.tasks.insert(task, part);
        }
    }

    fn work(&self, step: Step) -> Work {
        let Scoring { members, run, .. } = self.scoring;
        let input = &self.input;
        match step {
            Step::Survey(indices) => Work::Survey(SurveyPieces {
                input: input.clone(),
                piece: self.plan.piece(),
                indices,
                rules: self.prepared.rules(),
            }),
            Step::Hash(indices) => Work::Hash(HashPieces {
                input: input.clone(),
                piece: self.plan.piece(),
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
        while let Some(event) = self.cluster.next(wait)? {
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
                NodePart {
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
