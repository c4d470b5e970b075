//! A run of whole records -> its part of the output, its bad rows, its counts; or what is wrong with it.

use super::open::Opened;
use super::trial::{ArmsPart, ArmsScoring, ShadowScoring, TrialPart};
use crate::format::{BLOCK, Block, Cause, CutError, Out, Rows, rejects};
use crate::monitor::Counts;
use crate::monitor::counts::{Observed, Scratch};
use crate::problem::internal;
use crate::score::batch::Flaw;
use crate::score::predict;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What came of a range of an input.
pub struct Part {
    /// What its bad rows stand in: of text the range itself, whole records; in front of it, what stands in front of the rows. Of a
    /// range that was scored elsewhere, the records of its bad rows alone, one behind the other.
    pub source: Vec<u8>,
    pub(super) front: usize,
    /// The bytes of a range that was scored elsewhere.
    pub(super) elsewhere: Option<u64>,
    pub out: Out,
    pub rows: u64,
    /// The line feeds in the range.
    pub lines: u64,
    pub not_finite: u64,
    /// For each feature, how many cells of good rows have a category that the model doesn't know.
    pub unknown: Vec<u64>,
    /// For each feature, how many rows have no such key; nothing where rows have columns.
    pub lacking: Vec<u64>,
    /// What was counted by the baseline; nothing, if there is none.
    pub counts: Counts,
    /// Fingerprints of the keys of its good rows, where there is a key.
    pub keys: Vec<u64>,
    /// How many of its good rows have a key, also one whose fingerprint needn't be looked at.
    pub keyed: u64,
    /// Who answered which rows, where that isn't the champion alone.
    pub arms: Option<ArmsPart>,
    /// What is kept of trials, in the order of their sinks.
    pub trials: Vec<TrialPart>,
    pub rejects: Vec<Reject>,
    /// Why the model refuses rows.
    pub refusals: Vec<String>,
    /// Why nothing behind it was scored. Its line is counted from 1 at the beginning of the range.
    pub problem: Option<CutError>,
    /// Bytes of memory that its block took.
    pub length: usize,
    /// Of a table, the number of its row group, from 0.
    pub row_group: Option<u32>,
}

/// A bad row: places in the range, in words only once it is joined. A bad row can be two bytes long, and a file of them must
/// not take many times its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Counted from 0 at the beginning of the range.
    pub row: u32,
    /// The same of the line on which it begins. `None`: its format has no lines.
    pub line: Option<u32>,
    /// Where the record stands in the range, without its line end.
    pub start: u32,
    pub end: u32,
    pub cause: Cause,
}

/// Where a row stands in an input, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Line(u64),
    /// Of a format without lines.
    Row(u64),
}

impl Place {
    pub fn number(self) -> u64 {
        match self {
            Place::Line(number) | Place::Row(number) => number,
        }
    }
}

impl Reject {
    /// The same, as it is listed.
    pub fn listed(&self, row_group: Option<u32>, lines: u64, rows: u64) -> rejects::Place {
        let in_front = if row_group.is_none() { rows } else { 0 };
        rejects::Place {
            line: self.line.map(|line| lines + u64::from(line) + 1),
            row_group: row_group.map(|group| u64::from(group) + 1),
            row: Some(in_front + u64::from(self.row) + 1),
        }
    }

    /// `lines` and `rows`: those in front of the range.
    pub fn place(&self, lines: u64, rows: u64) -> Place {
        match self.line {
            Some(line) => Place::Line(lines + u64::from(line) + 1),
            None => Place::Row(rows + u64::from(self.row) + 1),
        }
    }
}

impl Opened {
    /// Scores a range of whole records; the first one without what stands in front of the rows. `out`: memory for its output,
    /// which is asked of the system again and again else.
    pub fn part(&self, block: Block, out: Out) -> Part {
        self.part_behind(0, block, out)
    }

    /// The same of a block that may be unreadable.
    pub fn part_of(&self, block: Result<Block, CutError>, out: Out) -> Part {
        match block {
            Ok(block) => self.part(block, out),
            Err(e) => Part {
                problem: Some(e),
                ..self.part(Block::default(), out)
            },
        }
    }

    /// The same of an input's first block as it was opened.
    pub fn first_part(&self, first: Block) -> Part {
        self.part_behind(self.input.end(), first, Out::new(&self.input))
    }

    fn part_behind(&self, front: usize, block: Block, mut out: Out) -> Part {
        out.clear(block.length().min(BLOCK) / 4);
        let mut part = Part {
            out,
            source: Vec::new(),
            front,
            elsewhere: None,
            rows: 0,
            lines: 0,
            not_finite: 0,
            unknown: vec![0; self.lineup.signature().inputs.len()],
            lacking: Vec::new(),
            counts: self.counter.as_ref().map(|counter| counter.zero()).unwrap_or_default(),
            keys: Vec::new(),
            keyed: 0,
            arms: None,
            trials: Vec::new(),
            rejects: Vec::new(),
            refusals: Vec::new(),
            problem: None,
            length: block.length(),
            row_group: block.row_group(),
        };
        if catch_unwind(AssertUnwindSafe(|| self.score(block, &mut part))).is_err() {
            // The range went with it.
            part.front = 0;
            part.rejects.clear();
            part.problem = Some(internal().into());
        }
        part
    }

    fn score(&self, block: Block, part: &mut Part) {
        let model = &self.lineup.champion.model;
        let mut rows = self.input.rows(&block, part.front);
        let width = model.signature().outputs.len();
        let mut predictions = Vec::new();
        let mut scratch = Scratch::default();
        let arms = self.arms.as_ref();
        let mut arms = arms.map(|arms| ArmsScoring::new(self, arms, self.keeps_arms));
        let shadows = self.shadows.iter().map(|&beside| ShadowScoring::new(self, beside));
        let mut shadows: Vec<ShadowScoring> = shadows.collect();
        while rows.fill() {
            let count = rows.batch().rows();
            let mut own = |rows: &mut Rows| {
                predictions.resize(width * count, 0.0);
                let start = (!shadows.is_empty()).then(Instant::now);
                predict(model, rows.batch(), &mut predictions);
                let took = start.map(|start| start.elapsed()).unwrap_or_default();
                for shadow in &mut shadows {
                    shadow.score(rows, &predictions, took);
                }
            };
            match &mut arms {
                None => {
                    own(&mut rows);
                    self.take_batch(&mut rows, &predictions, &mut scratch, part);
                }
                Some(arms) => {
                    if !arms.score(&rows) {
                        break;
                    }
                    part.not_finite += arms.write(&rows, &mut part.out);
                    let mut keys = arms.count(&rows, &mut part.unknown, &mut part.counts);
                    part.add_keys(&mut keys, &self.keys);
                    for (row, cause, refusal) in arms.bad(&rows) {
                        if !part.reject(&mut rows, row, cause, refusal) {
                            break;
                        }
                    }
                    // Shadows are held against the champion in all rows.
                    if !self.shadows.is_empty() {
                        own(&mut rows);
                    }
                }
            }
            part.rows += count as u64;
        }
        part.lines = rows.lines();
        part.lacking = rows.lacking().to_vec();
        part.problem = rows.problem().map(CutError::from);
        let (arms, kept) = arms.map(ArmsScoring::end).unzip();
        let shadows = shadows.into_iter().map(ShadowScoring::end);
        part.trials = kept.flatten().into_iter().chain(shadows).collect();
        part.arms = arms;
        let records = rows.into_records();
        part.source = records.unwrap_or_else(|| block.into_memory());
    }

    /// Writes and counts a batch that the champion answers alone.
    fn take_batch(&self, rows: &mut Rows, predictions: &[f64], scratch: &mut Scratch, part: &mut Part) {
        part.not_finite += rows.write(predictions, &mut part.out);
        rows.read()
            .count_unknown(&self.lineup.champion.model, &mut part.unknown);
        if let Some(counter) = &self.counter {
            let observed = Observed {
                spelling: &self.spelling,
                cell: &|column, row| rows.observed(column, row),
            };
            counter.count_observed(rows.read(), predictions, &observed, scratch, &mut part.counts);
            part.add_keys(&mut scratch.keys, &self.keys);
        }
        let bad: Vec<Flaw> = rows.read().bad().collect();
        for flaw in bad {
            let cause = rows.cause(flaw);
            let refusal = match cause {
                Cause::Refused(why) => Some(rows.read().refusal(why).to_owned()),
                _ => None,
            };
            if !part.reject(rows, flaw.row, cause, refusal.as_deref()) {
                break;
            }
        }
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, reject: &Reject) -> &str {
        self.input.column(reject.cause)
    }

    /// `record`: the row, as [`Part::bad_rows`] has it.
    pub fn reason(&self, part: &Part, reject: &Reject, record: &[u8]) -> Cow<'static, str> {
        let refusal = |why| &part.refusals[why as usize][..];
        self.input.reason(reject.cause, record, refusal)
    }
}

impl Part {
    /// Takes fingerprints of keys, up to a limit.
    pub(super) fn add_keys(&mut self, keys: &mut Vec<u64>, limit: &AtomicU64) {
        self.keyed += keys.len() as u64;
        let limit = limit.load(Ordering::Relaxed);
        self.keys.extend(keys.drain(..).filter(|key| *key <= limit));
    }

    /// Takes a bad row of the batch at hand. `refusal`: what its model says. False: a problem stands in front of its end.
    pub(super) fn reject(&mut self, rows: &mut Rows, row: u32, cause: Cause, refusal: Option<&str>) -> bool {
        let Some(record) = rows.record(row) else {
            return false;
        };
        let cause = match refusal {
            Some(why) => {
                if self.refusals.last().is_none_or(|last| last != why) {
                    self.refusals.push(why.into());
                }
                Cause::Refused(self.refusals.len() as u32 - 1)
            }
            None => cause,
        };
        self.rejects.push(Reject {
            row: self.rows as u32 + row,
            line: record.line,
            start: record.start,
            end: record.end,
            cause,
        });
        true
    }

    /// Each with its record.
    pub fn bad_rows(&self) -> impl Iterator<Item = (&Reject, &[u8])> {
        let mut before = 0;
        self.rejects.iter().map(move |reject| {
            let start = match self.elsewhere {
                None => self.front + reject.start as usize,
                Some(_) => before,
            };
            let length = (reject.end - reject.start) as usize;
            before += length;
            (reject, &self.source[start..start + length])
        })
    }

    /// Can what is behind it be joined, too?
    pub fn is_whole(&self) -> bool {
        let is_unanswered = self.arms.as_ref().is_some_and(|arms| arms.is_unanswered);
        self.problem.is_none() && !is_unanswered
    }

    /// Bytes of the range; of a table, of what its bad rows stand in.
    pub fn bytes(&self) -> u64 {
        self.elsewhere.unwrap_or((self.source.len() - self.front) as u64)
    }

    /// The memory that it holds.
    pub fn memory(&self) -> usize {
        let refusals: usize = self
            .refusals
            .iter()
            .map(|why| size_of::<String>() + why.capacity())
            .sum();
        let keys = self.keys.capacity() * size_of::<u64>();
        let trials: usize = self.trials.iter().map(TrialPart::memory).sum();
        let rejects = self.rejects.capacity() * size_of::<Reject>();
        self.source.capacity() + self.out.memory() + rejects + refusals + keys + trials
    }
}

const _: () = assert!(size_of::<Reject>() <= 32, "a reject is a few bytes");
