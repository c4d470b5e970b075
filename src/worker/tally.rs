//! What a one-shot came to: each input is counted once, in what stands at the end. The ledger says what was made, and what
//! failed; a [`Census`] has the rest.

use super::agenda::Note;
use super::inventory::Inventory;
use crate::ledger::{Failure, Work};
use crate::spool::Name;
use crate::transform::{UnknownCounts, Verdict};
use serde::Serialize;
use std::collections::HashSet;

/// Files of each kind that the one-shot names; the ledger has them all.
const NAMED: usize = 100;
/// Files that were left of which a report names most.
const MOST: usize = 1000;

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
    /// By column, the rows of JSON Lines that have no such key.
    pub lacking: UnknownCounts,
    /// Some of the inputs with a column in which the model knows no category: its producer seems to spell them otherwise.
    pub unknown_files: Vec<String>,
    /// Inputs that have their output already.
    pub unchanged: u64,
    /// Files of the input folder that are no inputs: no glob has their names.
    pub ignored: u64,
    /// Some of them.
    pub ignored_files: Vec<String>,
    /// Inputs that have a report instead of an output, without those that somebody dismissed.
    pub failed: u64,
    /// Those of them that no one-shot told of before.
    pub failed_anew: u64,
    pub failed_before: u64,
    /// Some of them, those that failed anew first.
    pub failed_files: Vec<FailedFile>,
    /// Failures that somebody acknowledged.
    pub dismissed: u64,
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
    /// Files that versions on trial made.
    pub shadowed: u64,
    /// Why A/B tests are halted: a person is to resume or to stop each.
    pub halted: Vec<String>,
    pub model: Option<String>,
    /// Who answers beside it: GROUP/VERSION.
    #[serde(skip)]
    pub challenger: Option<String>,
    /// The number of the last transformation that is counted.
    #[serde(skip)]
    pub last: i64,
    /// Inputs that have their outputs now.
    #[serde(skip)]
    pub done: u64,
}

/// An input that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedFile {
    pub file: String,
    /// The number of the transformation that failed: another one, another failure.
    pub transformation: i64,
    pub anew: bool,
}

/// What a one-shot finds that the ledger doesn't know. Nothing may be under way when it begins a listing; then nothing is
/// counted twice in one.
#[derive(Debug, Default)]
pub struct Census {
    /// The last transformation before the run.
    pub start: i64,
    listings: u64,
    unchanged: u64,
    ignored: u64,
    ignored_files: Vec<Name>,
    left: u64,
    left_files: Vec<Name>,
    /// The configuration says so.
    left_wanted: bool,
    /// Inputs of which people should know something.
    findings: HashSet<Name>,
    /// Those of them that are unchanged.
    unchanged_findings: HashSet<Name>,
}

impl Census {
    pub fn new(start: i64) -> Census {
        Census {
            start,
            ..Census::default()
        }
    }

    /// A new listing counts again what it finds. `findings`: inputs of which people should know something.
    pub fn begin_listing(&mut self, findings: HashSet<Name>) {
        *self = Census {
            start: self.start,
            listings: self.listings + 1,
            findings,
            ..Census::default()
        };
    }

    /// Was more than one listing begun?
    pub fn is_again(&self) -> bool {
        self.listings > 1
    }

    /// `named`: a few of them.
    pub fn count_ignored(&mut self, ignored: u64, named: &[Name]) {
        (self.ignored, self.ignored_files) = (ignored, named.to_vec());
    }

    /// An input has its output, which this run didn't make.
    pub fn count_unchanged(&mut self, name: &Name) {
        self.unchanged += 1;
        self.unchanged_findings.extend(self.findings.take(name));
    }

    /// An input's output went, and is left. `wanted`: the configuration says so.
    pub fn count_left(&mut self, name: &Name, wanted: bool) {
        self.left += 1;
        self.left_wanted = wanted;
        if self.left_files.len() < MOST {
            self.left_files.push(name.clone());
        }
    }

    /// Inputs that have their outputs, which this run didn't make.
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// What stands when the one-shot ends. `done`: inputs that have their outputs; `pending`: those that have no result.
    pub fn end(&self, done: u64, pending: Vec<(Name, Note)>) -> Inventory {
        Inventory {
            start: self.start,
            done,
            ignored: self.ignored,
            ignored_files: self.ignored_files.clone(),
            left: self.left,
            left_files: self.left_files.clone(),
            pending,
            unchanged_findings: self.unchanged_findings.clone(),
        }
    }
}

impl Tally {
    pub fn of(census: &Census, model: Option<String>, last: i64) -> Tally {
        Tally {
            unchanged: census.unchanged,
            ignored: census.ignored,
            ignored_files: census.ignored_files.iter().map(Name::to_string).collect(),
            left: census.left,
            left_files: match census.left_wanted {
                true => Vec::new(),
                false => census.left_files.iter().take(NAMED).map(Name::to_string).collect(),
            },
            model,
            last,
            done: census.unchanged,
            ..Tally::default()
        }
    }

    /// What this run made of an input. `stands`: nothing more is to be done with it.
    pub fn count_work(&mut self, work: &Work, stands: bool) {
        self.done += u64::from(stands && work.verdict == Verdict::Publish);
        self.scored += u64::from(work.verdict != Verdict::Fail);
        self.rows += work.rows;
        self.bad_rows += work.bad_rows;
        self.not_finite += work.not_finite;
        for (column, count) in &work.unknown {
            *self.unknown.entry(column.clone()).or_default() += count;
        }
        if work.verdict == Verdict::Publish && work.bad_rows > 0 {
            add(&mut self.bad_files, &work.input);
        }
        if work.verdict == Verdict::Publish && knows_nothing(work) {
            add(&mut self.unknown_files, &work.input);
        }
    }

    /// What failed or is held. `told`: the last transformation that an earlier one-shot told of.
    pub fn count_failures<'a>(&mut self, failures: impl Iterator<Item = &'a Failure>, told: Option<i64>) {
        let (mut anew, mut before) = (Vec::new(), Vec::new());
        for failure in failures {
            let is_anew = told.is_none_or(|told| failure.transformation > told);
            let (files, named) = match failure.verdict {
                Verdict::Publish => continue,
                Verdict::Hold => {
                    self.held += 1;
                    add(&mut self.held_files, &failure.input);
                    continue;
                }
                Verdict::Fail if failure.dismissal.is_some() => {
                    self.dismissed += 1;
                    continue;
                }
                Verdict::Fail if is_anew => (&mut self.failed_anew, &mut anew),
                Verdict::Fail => (&mut self.failed_before, &mut before),
            };
            *files += 1;
            if named.len() < NAMED {
                named.push(FailedFile {
                    file: failure.input.to_string(),
                    transformation: failure.transformation,
                    anew: is_anew,
                });
            }
        }
        self.failed = self.failed_anew + self.failed_before;
        self.failed_files = anew;
        self.failed_files.extend(before);
        self.failed_files.truncate(NAMED);
    }

    /// Inputs that are left to the next run: `unsettled` of them for their writers, of which `open` are known to be open.
    pub fn count_unfinished<'a>(&mut self, faults: u64, unsettled: u64, open: impl Iterator<Item = &'a Name>) {
        (self.faults, self.unsettled) = (faults, unsettled);
        open.for_each(|name| add(&mut self.open_files, name));
        self.open_files.sort();
    }
}

fn add(named: &mut Vec<String>, name: &Name) {
    if named.len() < NAMED {
        named.push(name.to_string());
    }
}

/// Is there a column of which the model knows no cell? In bad rows, no category is counted.
fn knows_nothing(work: &Work) -> bool {
    let rows = work.rows - work.bad_rows;
    rows > 0 && work.unknown.values().any(|cells| *cells >= rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Dismissal;

    fn failure(name: &str, verdict: Verdict, transformation: i64) -> Failure {
        Failure {
            input: Name::new(name.as_bytes()),
            verdict,
            transformation,
            dismissal: None,
        }
    }

    #[test]
    fn each_failure_is_counted_where_people_look() {
        let mut dismissed = failure("d.csv", Verdict::Fail, 9);
        dismissed.dismissal = Some(Dismissal {
            at: 0,
            by: "me".into(),
            reason: "known".into(),
        });
        let failures = [
            failure("a.csv", Verdict::Fail, 5),
            failure("b.csv", Verdict::Fail, 6),
            failure("c.csv", Verdict::Hold, 7),
            dismissed,
        ];
        for (told, anew) in [
            (None, &["a.csv", "b.csv"][..]),
            (Some(4), &["a.csv", "b.csv"]),
            (Some(5), &["b.csv"]),
            (Some(6), &[]),
        ] {
            let mut tally = Tally::default();
            tally.count_failures(failures.iter(), told);
            let named: Vec<&str> = tally.failed_files.iter().filter(|f| f.anew).map(|f| &*f.file).collect();
            assert_eq!(named, anew);
            assert_eq!((tally.failed, tally.failed_anew), (2, anew.len() as u64));
            assert_eq!((tally.failed_before, tally.dismissed), (2 - tally.failed_anew, 1));
            assert_eq!((tally.held, &tally.held_files[..]), (1, &["c.csv".to_string()][..]));
        }
        // Those that failed anew are named first.
        let mut tally = Tally::default();
        let old = (0..200).map(|i| failure(&format!("a{i}.csv"), Verdict::Fail, 1));
        let all: Vec<Failure> = old.chain([failure("z.csv", Verdict::Fail, 2)]).collect();
        tally.count_failures(all.iter(), Some(1));
        assert_eq!((tally.failed, tally.failed_files.len()), (201, NAMED));
        assert_eq!(tally.failed_files[0].file, "z.csv");
    }

    #[test]
    fn a_new_listing_counts_anew_what_it_finds() {
        let mut census = Census::new(3);
        for again in [false, true] {
            let name = Name::new(*b"a.csv");
            census.begin_listing([name.clone(), Name::new(*b"gone.csv")].into());
            census.count_unchanged(&name);
            census.count_left(&name, false);
            census.count_ignored(2, &[]);
            let tally = Tally::of(&census, None, 3);
            assert_eq!((tally.unchanged, tally.left, tally.ignored), (1, 1, 2));
            let inventory = census.end(tally.done, Vec::new());
            assert_eq!((inventory.done, inventory.left), (1, 1));
            assert_eq!(inventory.unchanged_findings, [name].into());
            assert_eq!((census.is_again(), census.start), (again, 3));
        }
    }
}
