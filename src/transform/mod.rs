//! One input -> one output's bytes. Straight through: blocks -> table -> model -> encode.
//!
//! Blocks are scored in parallel and put together in order, so the bytes don't depend on who computed them.

mod assembly;
pub mod blocks;
pub mod columns;
mod dictionary;
mod encode;
mod layout;
mod plain;
pub mod problem;
pub mod records;
pub mod sample;
mod scorer;
pub mod shape;
mod table;
#[cfg(target_arch = "x86_64")]
mod vector;
mod verdict;

pub use encode::OUTPUT_FORMAT;
pub use scorer::internal;
pub use shape::{BadRows, Columns, Header, Limit, Shape, Share};
#[cfg(fuzzing)]
pub use table::fuzzing;
pub use verdict::Verdict;

use crate::model::{Column, Model};
use assembly::Assembly;
use blocks::{BLOCK, Blocks, RECORD_MAX};
use encode::Writing;
use layout::Layout;
use memchr::memchr_iter;
use problem::{Code, Problem};
use scorer::{Scored, Scorer, nul_byte};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, mpsc};

/// What came of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub rows: u64,
    pub bad_rows: u64,
    /// Predictions of good rows that are `NaN` or infinite.
    pub not_finite: u64,
    pub bytes: u64,
    /// BLAKE3, hexadecimal.
    pub input_hash: String,
    pub output_hash: String,
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
}

/// Scores `input` into `out`, and its bad rows into `rejects` (nothing is written there if there are none).
pub fn transform(
    input: impl Read,
    model: &Arc<Model>,
    shape: &Shape,
    out: &mut impl Write,
    rejects: &mut impl Write,
    run: &Run,
) -> Result<Summary, Failure> {
    let mut blocks = Blocks::new(input, shape.delimiter, run.size);
    let mut assembly = Assembly::new(shape, out, rejects, run);
    let mut first = match blocks.next_block() {
        Ok(first) => first.unwrap_or_default(),
        Err(e) => return Err(assembly.cut_error(e)),
    };
    if let Some(problem) = encoding(&first) {
        return Err(problem.into());
    }
    let signature = model.signature();
    let outputs = signature.written(shape.probabilities);
    let layout = Layout::of(&first, signature, shape).map_err(|problem| nul_byte(&first).unwrap_or(problem))?;
    let head = Head::take(&mut first, &layout, outputs);
    assembly.begin(&head)?;
    let scorer = Arc::new(Scorer {
        outputs: outputs.iter().map(|o| Writing::of(o, layout.delimiter)).collect(),
        layout,
        model: model.clone(),
    });

    match run.pool {
        Some(pool) if !blocks.ended() => in_parallel(first, blocks, scorer, pool, assembly),
        _ => in_line(first, blocks, scorer, assembly),
    }
}

fn in_line<R: Read, O: Write, J: Write>(
    first: Vec<u8>,
    mut blocks: Blocks<R>,
    scorer: Arc<Scorer>,
    mut assembly: Assembly<O, J>,
) -> Result<Summary, Failure> {
    let mut block = first;
    loop {
        let scored = scorer.score(block);
        blocks.recycle(assembly.add(scored)?);
        match blocks.next_block() {
            Ok(Some(next)) => block = next,
            Ok(None) => return assembly.finish(&blocks),
            Err(e) => return Err(assembly.cut_error(e)),
        }
    }
}

fn in_parallel<R: Read, O: Write, J: Write>(
    first: Vec<u8>,
    mut blocks: Blocks<R>,
    scorer: Arc<Scorer>,
    pool: &rayon::ThreadPool,
    mut assembly: Assembly<O, J>,
) -> Result<Summary, Failure> {
    // A block's output can be some ten times its size (short cells, long predictions).
    let most = assembly.run.memory / (12 * BLOCK as u64);
    // Enough that the threads that score don't run dry while this one reads, hashes and writes.
    let in_flight = (most as usize).clamp(1, 4 * pool.current_num_threads());
    let mut queue: VecDeque<mpsc::Receiver<Scored>> = VecDeque::with_capacity(in_flight);
    let mut long = 0; // bytes in flight of blocks that hold a record longer than a block
    let mut first = Some(first);
    let mut stop = None;
    loop {
        while queue.len() < in_flight && long < RECORD_MAX && stop.is_none() {
            let block = match first.take().map_or_else(|| blocks.next_block(), |b| Ok(Some(b))) {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(e) => {
                    stop = Some(e);
                    break;
                }
            };
            long += long_bytes(&block);
            let (sender, receiver) = mpsc::sync_channel(1);
            let scorer = scorer.clone();
            pool.spawn_fifo(move || {
                // The receiver is gone where the run was given up.
                let _ = sender.send(scorer.score(block));
            });
            queue.push_back(receiver);
        }
        let Some(oldest) = queue.pop_front() else {
            return match stop {
                Some(e) => Err(assembly.cut_error(e)),
                None => assembly.finish(&blocks),
            };
        };
        let block = assembly.add(oldest.recv().expect("every task sends"))?;
        long -= long_bytes(&block);
        blocks.recycle(block);
    }
}

fn long_bytes(block: &[u8]) -> usize {
    if block.len() > 2 * BLOCK { block.len() } else { 0 }
}

/// The lines in front of the first record of values, cut off the first block.
struct Head {
    out: Vec<u8>,
    lines: u64,
}

impl Head {
    fn take(first: &mut Vec<u8>, layout: &Layout, outputs: &[Column]) -> Head {
        let mut out = Vec::new();
        if !layout.header {
            return Head { out, lines: 0 };
        }
        let (line, record) = layout::first_record(first, layout.delimiter).expect("the layout was read from it");
        encode::header(layout, record, outputs, &mut out);
        let start = record.as_ptr() as usize - first.as_ptr() as usize;
        let end = start + layout::record(&first[start..], layout.delimiter).len();
        let lines = line - 1 + memchr_iter(b'\n', &first[start..end]).count() as u64;
        first.drain(..end);
        Head { out, lines }
    }
}

/// Text that is not UTF-8 at all, told by its first bytes.
fn encoding(first: &[u8]) -> Option<Problem> {
    let start = &first[..first.len().min(64)];
    let alternate =
        |zero: usize| start.len() >= 4 && start.iter().enumerate().all(|(i, &b)| (b == 0) == (i % 2 == zero));
    let marked = start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF");
    let utf16 = marked || alternate(0) || alternate(1);
    utf16.then(|| {
        Problem::new(
            Code::Utf16,
            "the file is UTF-16 (Excel's \"Unicode Text\"), not UTF-8",
            "save it as \"CSV UTF-8\", or: iconv -f UTF-16 -t UTF-8 old.csv > new.csv",
        )
        .line(1)
    })
}
