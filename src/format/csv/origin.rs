//! What the text of a CSV was made of, and what its lines are there.

use crate::problem::Problem;

/// What the text was made of: by its places, rows are told to people.
#[derive(Clone, Copy, Debug, Default)]
pub enum Origin<'a> {
    /// It is the file itself.
    #[default]
    Csv,
    /// Each record was a line.
    JsonLines(&'a Feeds),
    /// Rows without lines.
    Table(&'a Feeds),
}

impl Origin<'_> {
    /// What a line of the text is in the file: a line, or a row. None: what stands there is nothing of the file's.
    pub fn number(self, line: u64) -> Option<u64> {
        match self {
            Origin::Csv => Some(line),
            Origin::JsonLines(feeds) | Origin::Table(feeds) => feeds.record(line),
        }
    }

    /// What such a number counts.
    pub fn unit(self) -> &'static str {
        match self {
            Origin::Csv | Origin::JsonLines(_) => "line",
            Origin::Table(_) => "row",
        }
    }

    /// A problem with a line of the text, as one with its place in the file.
    pub fn told(self, problem: Problem) -> Problem {
        let number = problem.line.and_then(|line| self.number(line));
        match (self, number) {
            (Origin::Csv, _) => problem,
            (Origin::Table(_), Some(row)) => Problem {
                line: None,
                message: format!("row {row}: {}", problem.message),
                ..problem
            },
            (_, line) => Problem { line, ..problem },
        }
    }
}

/// Line feeds in the texts of a CSV that was made of records: each shifts the records behind it by a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feeds {
    /// Lines of the header.
    pub header: u64,
    /// The line on which a record begins, and the line feeds in all texts in front of it; only where there are more of them.
    pub shifts: Vec<(u64, u64)>,
}

impl Feeds {
    /// The record, counted from 1, that begins on a line of the CSV. None: the line is the header's.
    pub fn record(&self, line: u64) -> Option<u64> {
        let behind = self.shifts.partition_point(|(begins, _)| *begins <= line);
        let shift = behind.checked_sub(1).map_or(0, |last| self.shifts[last].1);
        line.checked_sub(self.header + shift).filter(|record| *record > 0)
    }
}
