//! What is kept of a trial beside an output: a file of its own for each experiment, with a line a row, and sums.

mod arms;
mod shadow;

pub use arms::{ArmsPart, ArmsScoring};
pub use shadow::ShadowScoring;

use super::arms::DELIMITER;
use super::open::Opened;
use crate::format::quote;
use crate::model::Column;
use crate::monitor::sketch::Sketch;
use crate::problem::internal;
use crate::score::Lineup;
use std::io::Write;
use std::time::Duration;

/// A version on trial, by its place among the lineup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trial {
    Challenger(usize),
    Shadow(usize),
}

impl Trial {
    /// The name of its experiment.
    pub fn experiment(self, lineup: &Lineup) -> &str {
        match self {
            Trial::Challenger(place) => &lineup.challengers[place].experiment,
            Trial::Shadow(place) => &lineup.shadows[place].experiment,
        }
    }
}

/// Where what is kept of a trial is written.
pub struct Sink<'a> {
    pub trial: Trial,
    pub out: &'a mut (dyn Write + Send + 'static),
}

/// What came of a trial in an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// The champion's, and that of the version on trial: of a shadow both have all rows, in an A/B test each has its arm's.
    pub sides: [Side; 2],
    /// Rows that both can score.
    pub both: u64,
    /// Rows of no arm, for they have no key: the champion answers.
    pub unassigned: u64,
    /// Of the file.
    pub bytes: u64,
    /// BLAKE3 of the file, once it is whole.
    pub hash: Option<blake3::Hash>,
    /// Has the input the key's column?
    pub has_key: bool,
    /// Why there can be no file: the input lacks a column.
    pub problem: Option<String>,
    /// Why it can't be written for now.
    pub fault: Option<String>,
}

/// What one version made of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    pub rows: u64,
    pub bad_rows: u64,
    /// What predicting took, on all threads together.
    pub took: Duration,
    /// Of good rows: the number, the probability of the last of two classes, or the label's place among the champion's.
    pub predictions: Sketch,
}

impl Side {
    pub fn good_rows(&self) -> u64 {
        self.rows - self.bad_rows
    }

    pub fn add(&mut self, other: &Side) {
        self.rows += other.rows;
        self.bad_rows += other.bad_rows;
        self.took += other.took;
        self.predictions.add(&other.predictions);
    }
}

impl Tried {
    /// Takes what came of the rows behind its own.
    pub fn add(&mut self, next: &Tried) {
        for (side, next) in self.sides.iter_mut().zip(&next.sides) {
            side.add(next);
        }
        self.both += next.both;
        self.unassigned += next.unassigned;
    }
}

/// What is kept of a trial in a range.
#[derive(Default)]
pub struct TrialPart {
    /// Lines without their numbers, one behind the other.
    pub(super) text: Vec<u8>,
    /// Of each row, the line on which it begins, counted from 0 at the beginning of the range; and where its text ends.
    pub(super) rows: Vec<(u32, usize)>,
    pub(super) tally: Tried,
    /// A defect of this program kept it from being made.
    pub(super) is_lost: bool,
}

impl TrialPart {
    /// The memory that it holds.
    pub fn memory(&self) -> usize {
        self.text.capacity() + self.rows.capacity() * size_of::<(u32, usize)>()
    }
}

/// The first line of a trial's file.
pub fn header(lineup: &Lineup, trial: Trial) -> Vec<u8> {
    let mut line = b"line,key".to_vec();
    let mut columns = |prefix: &str, outputs: &[Column]| {
        for output in outputs {
            line.push(DELIMITER);
            quote(format!("{prefix}{}", output.name).as_bytes(), DELIMITER, &mut line);
        }
    };
    let champion = &lineup.signature().outputs;
    match trial {
        Trial::Shadow(place) => {
            columns("champion.", champion);
            columns("shadow.", &lineup.shadows[place].member.model.signature().outputs);
        }
        Trial::Challenger(_) => {
            columns("", &[Column::plain("arm".into(), crate::model::Type::String)]);
            columns("", champion);
        }
    }
    line.push(b'\n');
    line
}

/// Puts the parts of a trial together, in order. What goes wrong is its own fault, and nobody else's.
pub struct TrialJoin<'a> {
    sink: Sink<'a>,
    buffer: Vec<u8>,
    hasher: blake3::Hasher,
    sum: Tried,
}

impl<'a> TrialJoin<'a> {
    pub fn new(sink: Sink<'a>, opened: &Opened) -> TrialJoin<'a> {
        let (problem, has_key) = match sink.trial {
            Trial::Shadow(place) => {
                let beside = opened.shadows.iter().find(|beside| beside.place == place);
                let key = beside.and_then(|beside| beside.key);
                (
                    opened.input.derivation(place).err(),
                    key.is_some_and(|key| opened.input.observes(key)),
                )
            }
            Trial::Challenger(_) => (
                None,
                opened.arms.as_ref().is_some_and(|arms| arms.has_key(&opened.input)),
            ),
        };
        TrialJoin {
            buffer: header(&opened.lineup, sink.trial),
            hasher: blake3::Hasher::new(),
            sum: Tried {
                problem: problem.map(|problem| problem.to_string()),
                has_key,
                ..Tried::default()
            },
            sink,
        }
    }

    /// `lines`: those in front of the part.
    pub fn add(&mut self, part: &TrialPart, lines: u64) {
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
        self.hasher.update(&self.buffer);
        if let Err(error) = self.sink.out.write_all(&self.buffer) {
            self.sum.fault = Some(error.to_string());
        }
        self.buffer.clear();
    }

    fn is_whole(&self) -> bool {
        self.sum.problem.is_none() && self.sum.fault.is_none()
    }

    pub fn finish(mut self) -> (Trial, Tried) {
        if self.is_whole() {
            self.write();
            self.sum.hash = Some(self.hasher.finalize());
        }
        (self.sink.trial, self.sum)
    }
}
