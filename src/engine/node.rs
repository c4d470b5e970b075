//! What a node does of a task.

use super::task::{Answer, PartFile, Report, ScoreRange, SurveyPieces, Task, Work};
use crate::error::{EngineFault, Error, Result};
use crate::format::ranges::{Survey, survey};
use crate::format::{FileFormat, HexHash};
use crate::spool::parts;
use crate::transform::{RangeFailure, Run, Scorer, Shape, Trial, score_range};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;

/// Does it, in the calling thread.
///
/// # Errors
/// Each may be this node's alone: another one may do better.
pub fn run(task: &Task) -> Result<Report> {
    let answer = match &task.work {
        Work::Probe(probe) => Answer::Probe(Box::new(probe.run()?)),
        Work::Survey(work) => Answer::Survey(work.run()?),
        Work::Score(work) => Answer::Score(work.run()?),
    };
    Ok(Report::new(task.id, answer))
}

impl SurveyPieces {
    fn run(&self) -> Result<Vec<Survey>> {
        let file = self.input.open()?;
        let look = |index| survey(&file, self.input.size, self.piece, index, &self.rules);
        let surveys = self.indices.clone().map(look).collect::<io::Result<_>>();
        let surveys = surveys.map_err(Error::io("read", &self.input.path))?;
        self.input.check(&file)?;
        Ok(surveys)
    }
}

impl ScoreRange {
    fn run(&self) -> Result<PartFile> {
        let wrong = |message: &str| Error::engine(EngineFault::Node, &self.input.path, message);
        let shape = Shape::parse(&self.shape).ok_or_else(|| wrong("the shape of its output can't be read here"))?;
        let file = self.input.open()?;
        let scorer = self.members.open(&shape)?;
        let part = parts::create(&self.part)?;
        let written = self.write(&file, &scorer, &part);
        // What is of no use to anybody isn't left to fill a disk.
        written.inspect_err(|_| parts::remove(&self.part))
    }

    fn write(&self, file: &File, scorer: &Scorer, part: &File) -> Result<PartFile> {
        let run = Run {
            size: Some(self.input.size),
            memory: self.memory,
            format: FileFormat::of(self.input.path.as_os_str().as_bytes()),
            phase: self.phase.as_deref(),
            ..Run::default()
        };
        let trials: Vec<Trial> = self.trials.iter().map(|trial| (*trial).into()).collect();
        let mut to = Hashing {
            to: BufWriter::with_capacity(BUFFER, part),
            hasher: blake3::Hasher::new(),
        };
        let scored = score_range(file, &self.range, scorer, &run, &trials, self.first.as_ref(), &mut to);
        let scored = scored.map_err(|failure| self.failed(failure))?;
        self.input.check(file)?;
        to.flush().map_err(Error::io("write", &self.part))?;
        parts::hand_over(&self.part, part)?;
        Ok(PartFile {
            path: self.part.clone(),
            size: to.hasher.count(),
            hash: HexHash(to.hasher.finalize()),
            scored,
        })
    }

    fn failed(&self, failure: RangeFailure) -> Error {
        let input = |fault, message| Error::engine(fault, &self.input.path, message);
        match failure {
            RangeFailure::Read(e) => Error::io("read", &self.input.path)(e),
            RangeFailure::Write(e) => Error::io("write", &self.part)(e),
            RangeFailure::Changed(what) => input(
                EngineFault::Input,
                format!("it has other contents than it had for the worker: {what}"),
            ),
            RangeFailure::Problem(problem) => input(
                EngineFault::Node,
                format!("it can't be opened here as the worker opened it: {problem}"),
            ),
            RangeFailure::Cancelled => input(EngineFault::Node, "it was given up".into()),
        }
    }
}

/// Bytes that are written at a time.
const BUFFER: usize = 1 << 20;

/// Hashes what is written.
struct Hashing<W> {
    to: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
