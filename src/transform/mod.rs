//! One input -> one output's bytes: [`open`] its beginning, make a [`part`] of each run of records, [`join`] the parts.
//!
//! A part is one block. Blocks are scored in parallel and joined in order, so the bytes don't depend on who computed them; nor do
//! they on where the input was cut. Those of a range of an input may be scored on another machine ([`score_range`]) and sent as
//! files ([`wire`]): it has the same blocks, so that counts and rows of columns are the same, too.

mod arms;
mod crew;
mod join;
mod open;
mod part;
mod pool;
mod ranges;
mod report;
mod scan;
mod scorer;
pub mod shape;
#[cfg(test)]
mod tests;
mod trial;
mod value;
mod verdict;
pub mod wire;

pub use crate::format::{Encoding, OUTPUT_FORMAT};
pub use crate::problem::{self, internal};
pub use crate::score::unknown::{UnknownCounts, shown};
pub use join::Join;
pub use open::{Opened, open};
pub use part::{Part, Place, Reject};
pub use pool::pool;
pub use ranges::{FirstBlock, Next, Prepared, RangeFailure, Scored, score_range};
pub use report::Report;
pub use scan::{Scanned, scan};
pub use scorer::Scorer;

pub use shape::{BadRows, Columns, Dialect, Header, Limit, Shape, Share};
pub use trial::{ArmsPart, Side, Sink, Trial, Tried};
pub use verdict::Verdict;

use crate::checksum::Sha256Sum;
use crate::format::{Block, Blocks, CutError, Cutting, FileFormat};
use crate::monitor::Counts;
use crate::problem::Problem;
use crew::Crew;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What came of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub rows: u64,
    pub bad_rows: u64,
    /// Predictions of good rows that are `NaN` or infinite.
    pub not_finite: u64,
    /// Categories that the model doesn't know.
    pub unknown: UnknownCounts,
    /// Rows without a key that the model takes, by its name: their values are missing, or the rows bad.
    pub lacking: UnknownCounts,
    /// By the baseline's bins; nothing, where there is none.
    pub counts: Counts,
    pub bytes: u64,
    /// BLAKE3; none if it failed.
    pub input_hash: Option<blake3::Hash>,
    pub output_hash: Option<blake3::Hash>,
    /// None, too, of an output that was too large for it.
    pub output_sha256: Option<Sha256Sum>,
    /// Who answered which rows, where that isn't the champion alone.
    pub arms: Option<ArmsPart>,
    /// What came of each trial.
    pub trials: Vec<(Trial, Tried)>,
}

/// Why an input gave no output.
#[derive(Debug)]
pub enum Failure {
    /// The input can't be scored as it is.
    Problem(Box<Problem>),
    Read(io::Error),
    Write(Destination, io::Error),
    /// A row is the challenger's, which can't be used: why.
    Unanswered(String),
    Cancelled,
}

/// What couldn't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Output,
    Rejects,
}

impl From<CutError> for Failure {
    fn from(error: CutError) -> Failure {
        match error {
            CutError::Read(e) => Failure::Read(e),
            error => error.problem(0).into(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Read(e)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(Box::new(problem))
    }
}

/// What a run shares with the rest of the program.
#[derive(Default)]
pub struct Run<'a> {
    /// Where blocks are scored; without one, in the calling thread.
    pub pool: Option<&'a rayon::ThreadPool>,
    /// The input's size in bytes, if it is known.
    pub size: Option<u64>,
    /// Bound on the bytes of blocks in flight with all that belongs to them.
    pub memory: u64,
    pub cancel: Option<&'a AtomicBool>,
    /// Input bytes that are done, for progress bars.
    pub progress: Option<&'a AtomicU64>,
    /// The output's SHA-256 is made if that is at most so many bytes.
    pub sha256_most: u64,
    /// What lists the bad rows, for hints: a file's name.
    pub rejects: Option<&'a str>,
    /// How the input's rows stand in it.
    pub format: FileFormat,
    /// The input, where it can be read at any place: a table else is taken into memory as a whole.
    pub file: Option<&'a File>,
    /// The phase of an experiment that the input is of: a challenger answers for a share of its keys.
    pub phase: Option<&'a str>,
    /// What came of the arms so far is added there, also of an input that fails.
    pub tried: Option<&'a Mutex<Tried>>,
}

impl<'a> Run<'a> {
    fn cutting(&self, shape: &Shape) -> Cutting<'a> {
        Cutting {
            format: self.format,
            encoding: shape.encoding,
            dialect: shape.dialect,
            size: self.size,
            limits: shape.limits(self.memory),
            file: self.file,
            bound: table_bound(self.memory),
        }
    }
}

/// Scores `input` into `out`, and its bad rows into `rejects` (nothing is written there if there are none).
pub fn transform(
    input: impl Read + Send,
    scorer: &Scorer,
    out: &mut (impl Write + Send),
    rejects: &mut (impl Write + Send),
    run: &Run,
) -> Result<Summary, Failure> {
    transform_beside(input, scorer, out, rejects, Vec::new(), run)
}

/// The same in one pass with trials: what is kept of each goes into its sink, the challenger's first. The output is the same without.
pub fn transform_beside(
    input: impl Read + Send,
    scorer: &Scorer,
    out: &mut (impl Write + Send),
    rejects: &mut (impl Write + Send),
    sinks: Vec<Sink>,
    run: &Run,
) -> Result<Summary, Failure> {
    let shape = &scorer.shape;
    let cutting = run.cutting(shape);
    let run = &Run {
        size: cutting.text_size(),
        ..*run
    };
    let mut blocks = Blocks::new(input, &cutting)?;
    let first = blocks.next_block()?.unwrap_or_default();
    let opened = open(first.beginning(), run.format, scorer)?
        .in_phase(scorer, run.phase)?
        .with_trials(scorer, sinks.iter().map(|sink| sink.trial));
    blocks.open(&opened.input);
    let join = Join::new(&opened, shape, out, rejects, run)?.with_trials(sinks);
    match run.pool {
        Some(pool) if !blocks.ended() => {
            Crew::new(first.behind(opened.input.end()), blocks, &opened, join, run.memory).work(pool)
        }
        _ => in_line(first, blocks, &opened, join),
    }
}

/// Bytes for what is in memory of one row group: two may be in flight. Without a bound on memory, as much as the shipped one gives.
fn table_bound(memory: u64) -> u64 {
    const USUAL: u64 = 256 << 20;
    if memory == 0 { USUAL } else { memory / 2 }
}

fn in_line<R: Read, O: Write, J: Write>(
    first: Block,
    mut blocks: Blocks<R>,
    opened: &Opened,
    mut join: Join<O, J>,
) -> Result<Summary, Failure> {
    let mut part = opened.first_part(first);
    loop {
        let (source, out) = join.add(part)?;
        blocks.recycle(source);
        match blocks.next_block() {
            Ok(Some(block)) => part = opened.part(block, out),
            Ok(None) => return join.finish(blocks.bytes(), blocks.hash()?),
            Err(e) => return Err(join.cut_error(e)),
        }
    }
}
