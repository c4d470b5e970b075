//! What was done since the start, or in one run.

use crate::spool::Name;
use crate::transform::{Summary, UnknownCounts, Verdict};
use serde::Serialize;

/// Files of each kind that the one-shot names; the ledger has them all.
const NAMED: usize = 100;

/// What was done, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    pub scored: u64,
    pub rows: u64,
    pub bad_rows: u64,
    /// Some of the inputs that were scored with bad rows.
    pub bad_files: Vec<String>,
    pub not_finite: u64,
    /// By column, the cells with a category that the model doesn't know.
    pub unknown: UnknownCounts,
    /// Some of the inputs with a column in which the model knows no category: its producer seems to spell them otherwise.
    pub unknown_files: Vec<String>,
    /// Inputs that have their output already.
    pub unchanged: u64,
    /// Files of the input folder that are no inputs: no glob has their names.
    pub ignored: u64,
    /// Inputs that have a report instead of an output.
    pub failed: u64,
    /// Some of them.
    pub failed_files: Vec<String>,
    /// Inputs whose outputs wait for a person.
    pub held: u64,
    /// Some of them.
    pub held_files: Vec<String>,
    /// Inputs whose outputs went, and are left.
    pub left: u64,
    /// Some of them, where the configuration doesn't ask for that.
    pub left_files: Vec<String>,
    /// Inputs whose writers had not finished.
    pub unsettled: u64,
    /// Some of them: somebody has them open for writing.
    pub open_files: Vec<String>,
    /// Inputs that failed for now.
    pub faults: u64,
    pub model: Option<String>,
}

impl Tally {
    /// A new listing counts again what it finds.
    pub fn recount(&mut self) {
        (self.unchanged, self.ignored) = (0, 0);
        (self.failed, self.held, self.left) = (0, 0, 0);
        self.failed_files.clear();
        self.held_files.clear();
        self.left_files.clear();
    }

    /// An input was scored, or can't be.
    pub fn count(&mut self, name: &Name, verdict: Verdict, summary: &Summary) {
        self.scored += u64::from(verdict != Verdict::Fail);
        self.rows += summary.rows;
        self.bad_rows += summary.bad_rows;
        self.not_finite += summary.not_finite;
        for (column, count) in &summary.unknown {
            *self.unknown.entry(column.clone()).or_default() += count;
        }
        if verdict == Verdict::Publish && summary.bad_rows > 0 {
            add(&mut self.bad_files, name);
        }
        if verdict == Verdict::Publish && knows_nothing(summary) {
            add(&mut self.unknown_files, name);
        }
        self.count_reported(name, verdict);
    }

    /// An input was found to have what it should.
    pub fn count_unchanged(&mut self, name: &Name, verdict: Verdict) {
        self.unchanged += u64::from(verdict == Verdict::Publish);
        self.count_reported(name, verdict);
    }

    /// An input's output went, and is left. `wanted`: the configuration says so.
    pub fn count_left(&mut self, name: &Name, wanted: bool) {
        self.left += 1;
        if !wanted {
            add(&mut self.left_files, name);
        }
    }

    /// Inputs that are left to the next run: `unsettled` of them for their writers, of which `open` are known to be open.
    pub fn count_unfinished<'a>(&mut self, faults: u64, unsettled: u64, open: impl Iterator<Item = &'a Name>) {
        (self.faults, self.unsettled) = (faults, unsettled);
        self.open_files.clear();
        open.for_each(|name| add(&mut self.open_files, name));
        self.open_files.sort();
    }

    fn count_reported(&mut self, name: &Name, verdict: Verdict) {
        let (files, named) = match verdict {
            Verdict::Publish => return,
            Verdict::Hold => (&mut self.held, &mut self.held_files),
            Verdict::Fail => (&mut self.failed, &mut self.failed_files),
        };
        *files += 1;
        add(named, name);
    }
}

fn add(named: &mut Vec<String>, name: &Name) {
    if named.len() < NAMED {
        named.push(name.to_string());
    }
}

/// Is there a column of which the model knows no cell? In bad rows, no category is counted.
fn knows_nothing(summary: &Summary) -> bool {
    let rows = summary.rows - summary.bad_rows;
    rows > 0 && summary.unknown.values().any(|cells| *cells >= rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_counted_where_people_look() {
        let (mut tally, name) = (Tally::default(), Name::new(*b"a.csv"));
        let summary = Summary {
            rows: 3,
            ..Summary::default()
        };
        tally.count(&name, Verdict::Publish, &summary);
        tally.count(&name, Verdict::Hold, &summary);
        tally.count(&name, Verdict::Fail, &Summary::default());
        for verdict in [Verdict::Publish, Verdict::Hold, Verdict::Fail] {
            tally.count_unchanged(&name, verdict);
        }
        let counts = |t: &Tally| (t.scored, t.rows, t.unchanged, t.held, t.failed);
        assert_eq!(counts(&tally), (2, 6, 1, 2, 2));
        assert_eq!(tally.held_files, ["a.csv", "a.csv"]);
        tally.recount();
        assert_eq!(counts(&tally), (2, 6, 0, 0, 0));
        assert!(tally.held_files.is_empty() && tally.failed_files.is_empty());
    }
}
