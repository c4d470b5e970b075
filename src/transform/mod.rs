//! One input -> one output's bytes: [`open`] its beginning, make a [`part`] of each run of records, [`join`] the parts.
//!
//! On one machine a part is one block. Blocks are scored in parallel and joined in order, so the bytes don't depend on who
//! computed them; nor on where the input was cut.

mod join;
mod open;
mod part;
mod pool;
mod report;
mod scorer;
pub mod shape;
#[cfg(test)]
mod tests;
mod verdict;

pub use crate::format::{Encoding, OUTPUT_FORMAT};
pub use crate::problem::{self, internal};
pub use crate::score::unknown::{UnknownCounts, shown};
pub use join::Join;
pub use open::{Opened, open};
pub use part::{Part, Place, Reject};
pub use pool::pool;
pub use report::Report;
pub use scorer::Scorer;
pub use shape::{BadRows, Columns, Dialect, Header, Limit, Shape, Share};
pub use verdict::Verdict;

use crate::checksum::Sha256Sum;
use crate::format::{BLOCK, Blocks, CutError, PieceHash, RECORD_MAX, Unhashed};
use crate::problem::Problem;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// What came of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub rows: u64,
    pub bad_rows: u64,
    /// Predictions of good rows that are `NaN` or infinite.
    pub not_finite: u64,
    /// Categories that the model doesn't know.
    pub unknown: UnknownCounts,
    pub bytes: u64,
    /// BLAKE3; none if it failed.
    pub input_hash: Option<blake3::Hash>,
    pub output_hash: Option<blake3::Hash>,
    /// None, too, of an output that was too large for it.
    pub output_sha256: Option<Sha256Sum>,
}

/// Why an input gave no output.
#[derive(Debug)]
pub enum Failure {
    /// The input can't be scored as it is.
    Problem(Box<Problem>),
    Read(io::Error),
    Write(Destination, io::Error),
    Cancelled,
}

/// What couldn't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    Output,
    Rejects,
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
}

/// Scores `input` into `out`, and its bad rows into `rejects` (nothing is written there if there are none).
pub fn transform(
    input: impl Read,
    scorer: &Scorer,
    out: &mut impl Write,
    rejects: &mut impl Write,
    run: &Run,
) -> Result<Summary, Failure> {
    let shape = &scorer.shape;
    let decoded = !shape.encoding.is_utf8();
    let run = &Run {
        // Of the input's bytes, which are not the text's where it is decoded: nothing is known of the rest then.
        size: run.size.filter(|_| !decoded),
        ..*run
    };
    let mut blocks = Blocks::new(input, shape.encoding, shape.dialect, run.size);
    let first = match blocks.next_block() {
        Ok(first) => first.unwrap_or_default(),
        Err(CutError::Read(e)) => return Err(Failure::Read(e)),
        Err(e) => return Err(e.problem(0).into()),
    };
    let opened = Arc::new(open(&first, scorer)?);
    let join = Join::new(&opened, shape, out, rejects, run);
    match run.pool {
        Some(pool) if !blocks.ended() => in_parallel(first, blocks, &opened, pool, run.memory, join),
        _ => in_line(first, blocks, &opened, join),
    }
}

fn in_line<R: Read, O: Write, J: Write>(
    first: Vec<u8>,
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
            Ok(None) => return join.finish(blocks.bytes(), blocks.hash()),
            Err(e) => return Err(join.cut_error(e)),
        }
    }
}

fn in_parallel<R: Read, O: Write, J: Write>(
    mut first: Vec<u8>,
    mut blocks: Blocks<R>,
    opened: &Arc<Opened>,
    pool: &rayon::ThreadPool,
    memory: u64,
    mut join: Join<O, J>,
) -> Result<Summary, Failure> {
    // A block's output can be some ten times its size (short cells, long predictions).
    let most = memory / (12 * BLOCK as u64);
    // Enough that the threads that score don't run dry while this one reads and writes.
    let in_flight = (most as usize).clamp(1, 4 * pool.current_num_threads());
    let mut queue = InFlight(VecDeque::with_capacity(in_flight));
    // Bytes of the largest part so far: bad rows can take more than their records, and the next block may be as bad.
    let largest = Arc::new(AtomicUsize::new(0));
    let mut spare = Vec::new();
    let mut long = 0; // bytes in flight of blocks that hold a record longer than a block
    first.drain(..opened.input.end());
    let mut first = Some(Unhashed::hashed(first));
    let mut stop = None;
    loop {
        loop {
            let taken = queue.0.len() * largest.load(Ordering::Relaxed);
            let full = !queue.0.is_empty() && taken as u64 >= memory;
            if queue.0.len() >= in_flight || long >= RECORD_MAX || full || stop.is_some() {
                break;
            }
            let block = match first.take().map_or_else(|| blocks.next_unhashed(), |b| Ok(Some(b))) {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(e) => {
                    stop = Some(e);
                    break;
                }
            };
            long += long_bytes(block.length());
            let (sender, receiver) = mpsc::sync_channel(1);
            let (opened, largest) = (opened.clone(), largest.clone());
            let out = spare.pop().unwrap_or_default();
            pool.spawn_fifo(move || {
                let hash = block.hash();
                let part = opened.part(block.block(), out);
                largest.fetch_max(part.memory(), Ordering::Relaxed);
                drop(opened);
                // The receiver is gone where the run was given up.
                let _ = sender.send((part, hash));
            });
            queue.0.push_back(receiver);
        }
        let Some(oldest) = queue.0.pop_front() else {
            return match stop {
                Some(e) => Err(join.cut_error(e)),
                None => join.finish(blocks.bytes(), blocks.hash()),
            };
        };
        let (part, hash) = oldest.recv().expect("every task sends");
        blocks.add(hash);
        let (block, out) = join.add(part)?;
        spare.push(out);
        long -= long_bytes(block.len());
        blocks.recycle(block);
    }
}

/// The parts that are being made, in order. Whoever returns early waits for them: a library must not score while the process
/// ends.
struct InFlight(VecDeque<mpsc::Receiver<(Part, Option<PieceHash>)>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|part| drop(part.recv()));
    }
}

fn long_bytes(block: usize) -> usize {
    if block > 2 * BLOCK { block } else { 0 }
}
