//! One input -> one output's bytes. Straight through: blocks -> table -> model -> encode.
//!
//! Blocks are scored in parallel and put together in order, so the bytes don't depend on who computed them.

pub mod blocks;
mod encode;
mod layout;
pub mod problem;
mod table;

pub use encode::OUTPUT_FORMAT;

use crate::model::{Model, Signature};
use blocks::{BLOCK, Blocks, CutError, RECORD_MAX};
use layout::Layout;
use memchr::{memchr, memchr_iter};
use problem::{Code, Problem};
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use table::Table;

/// What shapes an output, beside its input and the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub header: Header,
    pub delimiter: u8,
    pub bad_rows: BadRows,
    pub max_bad_rows: Limit,
    pub columns: Columns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Auto,
    Present,
    Absent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRows {
    /// An empty prediction, and a line in the rejects file.
    Blank,
    /// The first bad row fails the file.
    Fail,
}

/// How many bad rows a file may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    Count(u64),
    /// Between 0 and 1.
    Share(f64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    Prediction,
    All,
    Named(Vec<String>),
}

impl Settings {
    /// Tells two settings apart that may give different outputs.
    pub fn hash(&self) -> String {
        let all = format!("{self:?}");
        blake3::hash(all.as_bytes()).to_hex()[..16].to_string()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Count(n) => write!(f, "{n}"),
            Limit::Share(s) => write!(f, "{}%", s * 100.0),
        }
    }
}

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
    Write(io::Error),
    Cancelled,
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
    settings: &Settings,
    out: &mut impl Write,
    rejects: &mut impl Write,
    run: &Run,
) -> Result<Summary, Failure> {
    let mut blocks = Blocks::new(input, settings.delimiter);
    let mut assembly = Assembly::new(settings, out, rejects, run);
    let mut first = match blocks.next_block() {
        Ok(first) => first.unwrap_or_default(),
        Err(e) => return Err(assembly.cut_error(e)),
    };
    if let Some(problem) = encoding(&first) {
        return Err(problem.into());
    }
    if first.starts_with(b"\xEF\xBB\xBF") {
        first.drain(..3);
    }
    let signature = model.signature();
    let layout = Layout::of(&first, &signature, settings).map_err(|problem| nul_byte(&first).unwrap_or(problem))?;
    let head = Head::take(&mut first, &layout, &signature);
    assembly.begin(&head)?;
    let scorer = Arc::new(Scorer {
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
    let in_flight = (most as usize).clamp(1, 2 * pool.current_num_threads());
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
    fn take(first: &mut Vec<u8>, layout: &Layout, signature: &Signature) -> Head {
        let mut out = Vec::new();
        if !layout.header {
            return Head { out, lines: 0 };
        }
        let (line, record) = layout::first_record(first, layout.delimiter).expect("the layout was read from it");
        encode::header(layout, record, signature, &mut out);
        let start = record.as_ptr() as usize - first.as_ptr() as usize;
        let end = start + layout::record(&first[start..], layout.delimiter).len();
        let lines = line - 1 + memchr_iter(b'\n', &first[start..end]).count() as u64;
        first.drain(..end);
        Head { out, lines }
    }
}

/// Scores blocks; shared by the threads that do.
struct Scorer {
    layout: Layout,
    model: Arc<Model>,
}

/// What came of one block.
struct Scored {
    block: Vec<u8>,
    out: Vec<u8>,
    rows: u64,
    lines: u64,
    not_finite: u64,
    rejects: Vec<Reject>,
    problem: Option<Problem>,
}

struct Reject {
    /// Counted from 0 at the beginning of the block.
    line: u64,
    column: String,
    reason: String,
    text: Vec<u8>,
}

impl Scorer {
    fn score(&self, block: Vec<u8>) -> Scored {
        let mut scored = Scored {
            out: Vec::with_capacity(block.len() / 4),
            block,
            rows: 0,
            lines: 0,
            not_finite: 0,
            rejects: Vec::new(),
            problem: None,
        };
        if catch_unwind(AssertUnwindSafe(|| self.score_into(&mut scored))).is_err() {
            scored.problem = Some(internal());
        }
        scored
    }

    fn score_into(&self, scored: &mut Scored) {
        let Scored { block, out, .. } = scored;
        scored.problem = nul_byte(block);
        if scored.problem.is_some() {
            return;
        }
        let mut table = Table::new(&self.layout);
        let mut predictions = [0.0; table::BATCH];
        let mut at = 0;
        while at < block.len() {
            at = table.fill(block, at, &mut scored.lines);
            let predictions = &mut predictions[..table.rows];
            self.model.predict(&table.columns(), predictions);
            scored.not_finite += encode::rows(&self.layout, block, &table, predictions, out);
            scored.rows += table.rows as u64;
            for flaw in &table.flaws {
                let (start, end) = table.record(flaw.row);
                let column = flaw.reason.field().and_then(|f| self.layout.names.get(f));
                scored.rejects.push(Reject {
                    line: flaw.line,
                    column: column.cloned().unwrap_or_default(),
                    reason: flaw.reason.text(self.layout.roles.len()),
                    text: block[start..end].to_vec(),
                });
            }
        }
    }
}

/// Puts scored blocks together, in order.
struct Assembly<'a, O, J> {
    settings: &'a Settings,
    out: &'a mut O,
    rejects: &'a mut J,
    run: &'a Run<'a>,
    summary: Summary,
    lines: u64,
    first_reject: Option<Reject>,
    hasher: blake3::Hasher,
}

impl<'a, O: Write, J: Write> Assembly<'a, O, J> {
    fn new(settings: &'a Settings, out: &'a mut O, rejects: &'a mut J, run: &'a Run<'a>) -> Self {
        Assembly {
            settings,
            out,
            rejects,
            run,
            summary: Summary::default(),
            lines: 0,
            first_reject: None,
            hasher: blake3::Hasher::new(),
        }
    }

    fn begin(&mut self, head: &Head) -> Result<(), Failure> {
        self.lines = head.lines;
        self.write(&head.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        self.out.write_all(bytes).map_err(Failure::Write)
    }

    /// Takes the next block's result and gives its memory back.
    fn add(&mut self, scored: Scored) -> Result<Vec<u8>, Failure> {
        if self.run.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(Failure::Cancelled);
        }
        if let Some(problem) = scored.problem {
            let line = problem.line.map(|line| line + self.lines);
            return Err(Problem { line, ..problem }.into());
        }
        self.summary.rows += scored.rows;
        self.summary.not_finite += scored.not_finite;
        self.add_rejects(scored.rejects)?;
        self.write(&scored.out)?;
        self.lines += scored.lines;
        if let Some(progress) = self.run.progress {
            progress.fetch_add(scored.block.len() as u64, Ordering::Relaxed);
        }
        Ok(scored.block)
    }

    fn add_rejects(&mut self, rejects: Vec<Reject>) -> Result<(), Failure> {
        if rejects.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        if self.first_reject.is_none() {
            text.extend_from_slice(encode::REJECTS_HEADER);
        }
        for mut reject in rejects {
            reject.line += self.lines + 1;
            encode::reject(reject.line, &reject.column, &reject.reason, &reject.text, &mut text);
            self.first_reject.get_or_insert(reject);
            self.summary.bad_rows += 1;
            if self.settings.bad_rows == BadRows::Fail {
                return Err(self.bad_row().into());
            }
            if matches!(self.settings.max_bad_rows, Limit::Count(most) if self.summary.bad_rows > most) {
                break;
            }
        }
        self.rejects.write_all(&text).map_err(Failure::Write)?;
        match self.settings.max_bad_rows {
            Limit::Count(most) if self.summary.bad_rows > most => {
                Err(self.too_many(format!("more than {most} rows")).into())
            }
            _ => Ok(()),
        }
    }

    fn finish<R: Read>(mut self, blocks: &Blocks<R>) -> Result<Summary, Failure> {
        if let Limit::Share(share) = self.settings.max_bad_rows
            && self.summary.bad_rows as f64 > share * self.summary.rows as f64
        {
            let Summary { rows, bad_rows, .. } = self.summary;
            return Err(self.too_many(format!("{bad_rows} of {rows} rows")).into());
        }
        self.summary.bytes = blocks.bytes();
        self.summary.input_hash = blocks.hash().to_hex().to_string();
        self.summary.output_hash = self.hasher.finalize().to_hex().to_string();
        self.out.flush().map_err(Failure::Write)?;
        Ok(std::mem::take(&mut self.summary))
    }

    fn cut_error(&self, error: CutError) -> Failure {
        match error {
            CutError::Read(e) => Failure::Read(e),
            CutError::UnclosedQuote { lines } => Problem::new(
                Code::UnclosedQuote,
                "a quote opens on this line and never closes, so where the records end can't be told",
                "close the quote, or double it (\"\") if it is part of the text",
            )
            .line(self.lines + lines + 1)
            .into(),
            CutError::RecordTooLong => Problem::new(
                Code::RecordTooLong,
                format!("a record is longer than {} MiB", RECORD_MAX >> 20),
                "is this a CSV, with a line end behind every record?",
            )
            .line(self.lines + 1)
            .into(),
        }
    }

    fn bad_row(&self) -> Problem {
        let reject = self.first_reject.as_ref().expect("a row was bad");
        let problem = Problem::new(
            Code::BadRow,
            format!("{}: {}", reject.reason, problem::excerpt(&reject.text, 120)),
            "mend the row, or set input.bad_rows = \"blank\" to score the others",
        );
        reject.locate(problem)
    }

    fn too_many(&self, how_many: String) -> Problem {
        let reject = self.first_reject.as_ref().expect("rows were bad");
        let problem = Problem::new(
            Code::TooManyBadRows,
            format!(
                "{how_many} can't be scored, and max_bad_rows is {}; the first: {}: {}",
                self.settings.max_bad_rows,
                reject.reason,
                problem::excerpt(&reject.text, 120)
            ),
            "the rejects file beside this report has every such row; mend them, or raise input.max_bad_rows",
        );
        reject.locate(problem)
    }
}

impl Reject {
    fn locate(&self, problem: Problem) -> Problem {
        let problem = problem.line(self.line);
        match self.column.is_empty() {
            true => problem,
            false => problem.column(&self.column),
        }
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

fn nul_byte(block: &[u8]) -> Option<Problem> {
    let nul = memchr(0, block)?;
    let problem = Problem::new(
        Code::NulByte,
        "the file has a NUL byte: it is no text, or was damaged on its way (an interrupted upload leaves zeros)",
        "write the file again from its source",
    );
    Some(problem.line(1 + memchr_iter(b'\n', &block[..nul]).count() as u64))
}

pub fn internal() -> Problem {
    Problem::new(
        Code::Internal,
        "the program failed while it scored this file; this is a bug in it, not in the file",
        "please report it with the file; the log has the details. The other files are not affected",
    )
}
