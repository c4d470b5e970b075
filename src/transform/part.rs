//! A run of whole records -> its part of the output, its bad rows, its counts; or what is wrong with it.

use super::open::Opened;
use crate::format::csv::cut::BLOCK;
use crate::format::csv::head::nul_byte;
use crate::format::csv::reader::{Cause, Reader};
use crate::format::csv::writer;
use crate::problem::{Problem, internal};
use crate::score::batch::ROWS;
use crate::score::predict;
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a range of an input. Parts of neighbouring ranges make the part of both: [`Part::append`].
pub struct Part {
    /// The range itself: whole records.
    pub source: Vec<u8>,
    pub out: Vec<u8>,
    pub rows: u64,
    /// The line feeds in the range.
    pub lines: u64,
    pub not_finite: u64,
    pub rejects: Vec<Reject>,
    /// Why the model refuses rows.
    pub refusals: Vec<String>,
    /// Why nothing behind it was scored. Its line is counted from 1 at the beginning of the range.
    pub problem: Option<Problem>,
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
    /// `lines` and `rows`: those in front of the range.
    pub fn place(&self, lines: u64, rows: u64) -> Place {
        match self.line {
            Some(line) => Place::Line(lines + u64::from(line) + 1),
            None => Place::Row(rows + u64::from(self.row) + 1),
        }
    }
}

impl Opened {
    /// Scores a range of whole records; the first one without what stands in front of the rows.
    pub fn part(&self, source: Vec<u8>) -> Part {
        let mut part = Part {
            out: Vec::with_capacity(source.len().min(BLOCK) / 4),
            source,
            rows: 0,
            lines: 0,
            not_finite: 0,
            rejects: Vec::new(),
            refusals: Vec::new(),
            problem: None,
        };
        if catch_unwind(AssertUnwindSafe(|| self.score(&mut part))).is_err() {
            part.rejects.clear();
            part.problem = Some(internal());
        }
        part
    }

    fn score(&self, part: &mut Part) {
        let Part { source, out, .. } = part;
        let nul = memchr(0, source);
        let model = &self.lineup.champion.model;
        let mut reader = Reader::new(&self.layout);
        let width = model.signature().outputs.len();
        let mut predictions = vec![0.0; width * ROWS];
        let mut at = 0;
        let (mut counted, mut line) = (0, 0); // lines are counted up to the last bad row
        while at < source.len() && part.problem.is_none() {
            at = reader.fill(source, at, &mut part.lines);
            let rows = reader.batch.rows();
            let predictions = &mut predictions[..width * rows];
            predict(model, &mut reader.batch, predictions);
            part.not_finite += writer::rows(&self.layout, source, &reader, &self.outputs, predictions, out);
            for flaw in reader.batch.bad() {
                let (start, end) = reader.record(flaw.row as usize);
                // What stands in front of a NUL byte is told first, wherever the range begins.
                if nul.is_some_and(|nul| nul < end) {
                    break;
                }
                line += memchr_iter(b'\n', &source[counted..start]).count() as u32;
                counted = start;
                let mut cause = reader.cause(flaw);
                if let Cause::Refused(why) = cause {
                    let why = reader.batch.refusal(why);
                    if part.refusals.last().is_none_or(|last| last != why) {
                        part.refusals.push(why.into());
                    }
                    cause = Cause::Refused(part.refusals.len() as u32 - 1);
                }
                part.rejects.push(Reject {
                    row: part.rows as u32 + flaw.row,
                    line: Some(line),
                    start: start as u32,
                    end: end as u32,
                    cause,
                });
            }
            part.rows += rows as u64;
            if nul.is_some_and(|nul| nul < at) {
                part.problem = nul_byte(source);
            }
        }
    }

    /// The column that a row is bad for; empty where it is the row as a whole.
    pub fn column(&self, reject: &Reject) -> &str {
        self.layout.column(reject.cause).unwrap_or_default()
    }

    pub fn reason(&self, part: &Part, reject: &Reject) -> Cow<'static, str> {
        self.layout.reason(reject.cause, |why| &part.refusals[why as usize])
    }

    /// The fewest bytes of a good row, with its line feed.
    pub fn least(&self) -> u64 {
        use crate::score::cell::Kind;
        let features = self.layout.binding.features.iter();
        let filled = features.filter(|f| !f.optional && matches!(f.kind, Kind::Numbers | Kind::Integers));
        (self.layout.roles.len() + filled.count()).max(2) as u64
    }
}

impl Part {
    /// Takes the part of the range behind its own.
    pub fn append(&mut self, next: Part) {
        if self.problem.is_some() {
            return;
        }
        let shifted = |reject: Reject| Reject {
            row: reject.row + self.rows as u32,
            line: reject.line.map(|line| line + self.lines as u32),
            start: reject.start + self.source.len() as u32,
            end: reject.end + self.source.len() as u32,
            cause: match reject.cause {
                Cause::Refused(why) => Cause::Refused(why + self.refusals.len() as u32),
                cause => cause,
            },
        };
        self.rejects.extend(next.rejects.into_iter().map(shifted));
        self.problem = next.problem.map(|problem| Problem {
            line: problem.line.map(|line| line + self.lines),
            ..problem
        });
        self.refusals.extend(next.refusals);
        self.source.extend(next.source);
        self.out.extend(next.out);
        self.rows += next.rows;
        self.lines += next.lines;
        self.not_finite += next.not_finite;
    }

    /// BLAKE3 of its bytes of the output.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(&self.out)
    }

    /// The memory that it holds.
    pub fn held(&self) -> usize {
        let refusals: usize = self
            .refusals
            .iter()
            .map(|why| size_of::<String>() + why.capacity())
            .sum();
        self.source.capacity() + self.out.capacity() + self.rejects.capacity() * size_of::<Reject>() + refusals
    }
}

const _: () = assert!(size_of::<Reject>() <= 32, "a reject is a few bytes");
