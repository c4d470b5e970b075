//! What shadows make of an input: a file of its own for each, with a line a row.

use super::open::Opened;
use super::scorer::Beside;
use crate::format::{Rows, Writing, quote};
use crate::model::Column;
use crate::problem::internal;
use crate::score::batch::{Flaw, Reason};
use crate::score::{Batch, Lineup, Shadow, predict};
use memchr::memchr_iter;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Where what a shadow makes of an input is written.
pub struct Sink<'a> {
    /// Its place in the lineup.
    pub shadow: usize,
    pub out: &'a mut (dyn Write + Send + 'static),
}

/// What came of a shadow's pass over an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadowed {
    /// Its place in the lineup.
    pub shadow: usize,
    /// Rows that both can score, that only the champion can, that only the shadow can.
    pub both: u64,
    pub champion_only: u64,
    pub shadow_only: u64,
    /// What predicting took, on all threads together.
    pub champion_took: Duration,
    pub shadow_took: Duration,
    pub bytes: u64,
    /// Has the input the key's column?
    pub has_key: bool,
    /// Why there can be no file: the input lacks a column.
    pub problem: Option<String>,
    /// Why it can't be written for now.
    pub fault: Option<String>,
}

/// What a shadow makes of a range.
#[derive(Default)]
pub struct ShadowPart {
    /// Lines without their numbers, one behind the other.
    text: Vec<u8>,
    /// Of each row, the line on which it begins, counted from 0 at the beginning of the range; and where its text ends.
    rows: Vec<(u32, usize)>,
    tally: Shadowed,
    /// A defect of this program kept it from being made.
    is_lost: bool,
}

/// Scores the rows of a range for a shadow.
pub struct ShadowScoring<'a> {
    shadow: &'a Shadow,
    opened: &'a Opened,
    beside: Beside,
    champion: Vec<Writing>,
    outputs: Vec<Writing>,
    batch: Option<Batch>,
    predictions: Vec<f64>,
    /// Lines are counted up to the last row.
    counted: usize,
    line: u32,
    part: ShadowPart,
}

const DELIMITER: u8 = b',';

fn writings(columns: &[Column]) -> Vec<Writing> {
    columns.iter().map(|column| Writing::of(column, DELIMITER)).collect()
}

/// The first line of a shadow's file.
pub fn header(lineup: &Lineup, shadow: &Shadow) -> Vec<u8> {
    let mut line = b"line,key".to_vec();
    let columns = |of: &str, outputs: &[Column], line: &mut Vec<u8>| {
        for output in outputs {
            line.push(DELIMITER);
            quote(format!("{of}.{}", output.name).as_bytes(), DELIMITER, line);
        }
    };
    columns("champion", &lineup.signature().outputs, &mut line);
    columns("shadow", &shadow.member.model.signature().outputs, &mut line);
    line.push(b'\n');
    line
}

impl<'a> ShadowScoring<'a> {
    pub fn new(opened: &'a Opened, beside: Beside) -> ShadowScoring<'a> {
        let shadow = &opened.lineup.shadows[beside.place];
        ShadowScoring {
            shadow,
            opened,
            beside,
            champion: writings(&opened.lineup.signature().outputs),
            outputs: writings(&shadow.member.model.signature().outputs),
            batch: None,
            predictions: Vec::new(),
            counted: 0,
            line: 0,
            part: ShadowPart::default(),
        }
    }

    /// Scores the batch of `rows`, whose `predictions` by the champion, `[output][row]`, took so long. `source`: the range. A defect is
    /// the shadow's alone.
    pub fn score(&mut self, rows: &Rows, source: &[u8], predictions: &[f64], took: Duration) {
        if self.part.is_lost {
            return;
        }
        let scored = catch_unwind(AssertUnwindSafe(|| self.score_batch(rows, source, predictions, took)));
        self.part.is_lost = scored.is_err();
    }

    fn score_batch(&mut self, rows: &Rows, source: &[u8], predictions: &[f64], took: Duration) {
        let Ok(derivation) = self.opened.input.derivation(self.beside.place) else {
            return;
        };
        let first = rows.read();
        let batch = self.batch.get_or_insert_with(|| derivation.batch(first));
        rows.derive(derivation, batch);
        let count = batch.rows();
        self.predictions.resize(self.outputs.len() * count, 0.0);
        let start = Instant::now();
        predict(&self.shadow.member.model, batch, &mut self.predictions);
        let tally = &mut self.part.tally;
        tally.shadow_took += start.elapsed();
        tally.champion_took += took;
        let mut bad_first = first.bad().peekable();
        let mut bad_second = batch.bad().peekable();
        let mut number = zmij::Buffer::new();
        let text = &mut self.part.text;
        for row in 0..count {
            let begin = rows.begin(row);
            self.line += memchr_iter(b'\n', &source[self.counted..begin]).count() as u32;
            self.counted = begin;
            let of_row = |flaw: &Flaw| flaw.row as usize == row;
            let (first, second) = (bad_first.next_if(of_row), bad_second.next_if(of_row));
            // Where its fields are can't be told.
            let hidden = first.is_some_and(|flaw| flaw.reason == Reason::Malformed);
            if let Some(key) = self
                .beside
                .key
                .filter(|_| !hidden)
                .and_then(|key| rows.observed(key, row))
            {
                quote(&key, DELIMITER, text);
            }
            let (first, second) = (first.is_some(), second.is_some());
            match (first, second) {
                (false, false) => tally.both += 1,
                (false, true) => tally.champion_only += 1,
                (true, false) => tally.shadow_only += 1,
                (true, true) => {}
            }
            let mut write = |outputs: &[Writing], predictions: &[f64], is_bad: bool| {
                for (i, output) in outputs.iter().enumerate() {
                    text.push(DELIMITER);
                    if !is_bad {
                        output.write(predictions[i * count + row], &mut number, text);
                    }
                }
            };
            write(&self.champion, predictions, first);
            write(&self.outputs, &self.predictions, second);
            text.push(b'\n');
            self.part.rows.push((self.line, text.len()));
        }
    }

    pub fn end(self) -> ShadowPart {
        self.part
    }
}

impl ShadowPart {
    /// Takes the part of the range behind its own, `lines` of which stand in front of it.
    pub fn append(&mut self, next: ShadowPart, lines: u32) {
        let text = self.text.len();
        self.text.extend(next.text);
        self.rows
            .extend(next.rows.into_iter().map(|(line, end)| (line + lines, end + text)));
        self.tally.add(&next.tally);
        self.is_lost |= next.is_lost;
    }

    /// The memory that it holds.
    pub fn memory(&self) -> usize {
        self.text.capacity() + self.rows.capacity() * size_of::<(u32, usize)>()
    }
}

impl Shadowed {
    fn add(&mut self, other: &Shadowed) {
        self.both += other.both;
        self.champion_only += other.champion_only;
        self.shadow_only += other.shadow_only;
        self.champion_took += other.champion_took;
        self.shadow_took += other.shadow_took;
    }
}

/// Puts the parts of a shadow together, in order. What goes wrong is its own fault, and nobody else's.
pub struct ShadowJoin<'a> {
    sink: Sink<'a>,
    buffer: Vec<u8>,
    sum: Shadowed,
}

impl<'a> ShadowJoin<'a> {
    pub fn new(sink: Sink<'a>, opened: &Opened) -> ShadowJoin<'a> {
        let shadow = sink.shadow;
        let problem = opened.input.derivation(shadow).err();
        let key = opened
            .shadows
            .iter()
            .find(|beside| beside.place == shadow)
            .and_then(|beside| beside.key);
        ShadowJoin {
            buffer: header(&opened.lineup, &opened.lineup.shadows[shadow]),
            sum: Shadowed {
                shadow,
                problem: problem.map(|problem| problem.to_string()),
                has_key: key.is_some_and(|key| opened.input.observes(key)),
                ..Shadowed::default()
            },
            sink,
        }
    }

    /// `lines`: those in front of the part.
    pub fn add(&mut self, part: &ShadowPart, lines: u64) {
        if !self.is_whole() {
            return;
        }
        if part.is_lost {
            self.sum.problem = Some(internal().to_string());
            return;
        }
        self.sum.add(&part.tally);
        let mut number = itoa::Buffer::new();
        let mut begin = 0;
        for &(line, end) in &part.rows {
            self.buffer
                .extend_from_slice(number.format(lines + u64::from(line) + 1).as_bytes());
            self.buffer.push(DELIMITER);
            self.buffer.extend_from_slice(&part.text[begin..end]);
            begin = end;
        }
        self.write();
    }

    fn write(&mut self) {
        self.sum.bytes += self.buffer.len() as u64;
        if let Err(error) = self.sink.out.write_all(&self.buffer) {
            self.sum.fault = Some(error.to_string());
        }
        self.buffer.clear();
    }

    fn is_whole(&self) -> bool {
        self.sum.problem.is_none() && self.sum.fault.is_none()
    }

    pub fn finish(mut self) -> Shadowed {
        if self.is_whole() {
            self.write();
        }
        self.sum
    }
}
