//! How a shadow's predictions differ from the champion's, of which no label is needed.
//!
//! [`Pairing`] says which outputs are compared; a [`Tally`] takes the records of shadows' files, in any order of files, in bounded
//! memory; [`Difference`] is what came of it. Counts and means are of all rows. What needs the rows themselves (ranks, percentiles,
//! the index, pictures) is of all up to a million of values, and beyond of a sample that depends on the rows alone.

mod column;
mod exact;
mod pairing;
mod ranks;
mod sample;

pub use column::Column;
pub use pairing::{Classes, Compared, Pairing};

use column::Sums;
use sample::Sample;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Pairs of values that are held: 16 bytes each.
const VALUES: usize = 1_000_000;
/// Rows that are named.
const MOST_DIFFERENT: usize = 20;

/// One record of a shadow's file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The input.
    pub file: &'a str,
    /// On which it begins, from 1.
    pub line: u64,
    /// Empty where no key is known.
    pub key: &'a str,
    /// The champion's outputs, the shadow's, as they are written, in the order of their signatures. All of one that couldn't score the
    /// row are empty.
    pub outputs: [&'a [&'a str]; 2],
}

impl Record<'_> {
    /// Could the champion score it, and the shadow?
    pub fn scored(&self) -> [bool; 2] {
        self.outputs.map(|cells| cells.iter().any(|cell| !cell.is_empty()))
    }
}

/// What came of both versions in the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub rows: u64,
    pub both: u64,
    /// Rows that only one of them could score.
    pub champion_only: u64,
    pub shadow_only: u64,
    pub neither: u64,
    /// Of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    pub columns: Vec<Column>,
    /// Outputs that aren't compared, for there are too many.
    pub columns_left_out: usize,
    /// Of so many rows are what needs the rows themselves; none: of all.
    pub sample: Option<u64>,
    /// The most different first; those with the same difference by input and line.
    pub most_different: Vec<Different>,
}

/// Labels of rows that both scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Labels {
    /// The champion's in its order, then those that only the shadow knows.
    pub classes: Vec<String>,
    /// Rows with two different labels.
    pub flips: u64,
    /// Rows in which one of them couldn't decide on a label (`NaN`).
    pub undecided: u64,
    /// The most frequent first.
    pub pairs: Vec<LabelPair>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelPair {
    pub champion: String,
    pub shadow: String,
    pub rows: u64,
}

/// A row in which the two differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Different {
    pub file: String,
    pub line: u64,
    pub key: String,
    /// The output that differs most; none: labels without probabilities.
    pub column: Option<String>,
    pub champion: Said,
    pub shadow: Said,
    /// The shadow's minus the champion's; 1 of labels without probabilities.
    pub difference: f64,
}

/// What a version says of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The number or probability that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// Adds up records.
#[derive(Clone, Debug)]
pub struct Tally {
    pairing: Pairing,
    /// Rows that neither scored, the champion alone, the shadow alone, both.
    scored: [u64; 4],
    /// By the places of the champion's label and of the shadow's.
    labels: BTreeMap<(usize, usize), u64>,
    undecided: u64,
    sums: Vec<Sums>,
    sample: Sample,
    most_different: Vec<Different>,
    /// Of the row at hand.
    values: Vec<[f64; 2]>,
}

impl Tally {
    pub fn new(pairing: Pairing) -> Tally {
        Tally::of_at_most(VALUES, pairing)
    }

    fn of_at_most(values: usize, pairing: Pairing) -> Tally {
        let columns = pairing.columns.len();
        Tally {
            scored: [0; 4],
            labels: BTreeMap::new(),
            undecided: 0,
            sums: vec![Sums::default(); columns],
            sample: Sample::new(values / columns.max(1), columns),
            most_different: Vec::new(),
            values: Vec::new(),
            pairing,
        }
    }

    /// # Errors
    /// Why the record isn't of these versions. It doesn't count.
    pub fn check(&mut self, record: &Record) -> Result<(), String> {
        self.read(record).map(|_| ())
    }

    /// # Errors
    /// Why the record isn't of these versions. It doesn't count.
    pub fn add(&mut self, record: &Record) -> Result<(), String> {
        let labels = self.read(record)?;
        let [champion, shadow] = record.scored();
        self.scored[usize::from(champion) + 2 * usize::from(shadow)] += 1;
        if champion && shadow {
            self.compare(record, labels);
        }
        Ok(())
    }

    /// Its values, and the places of its labels, where both scored it.
    fn read(&mut self, record: &Record) -> Result<Option<(usize, usize)>, String> {
        let fault = |why| format!("{} line {}: {why}", record.file, record.line);
        for (outputs, (cells, who)) in self.pairing.outputs.iter().zip(record.outputs.iter().zip(WHO)) {
            if cells.len() != *outputs {
                let cells = cells.len();
                return Err(fault(format!("{cells} outputs of the {who} instead of {outputs}")));
            }
        }
        self.values.clear();
        if record.scored() != [true, true] {
            return Ok(None);
        }
        for column in &self.pairing.columns {
            let mut values = [0.0; 2];
            for (side, value) in values.iter_mut().enumerate() {
                let cell = record.outputs[side][column.cells[side]];
                let number = cell.parse();
                *value = number.map_err(|_| fault(format!("{cell:?} of the {} is no number", WHO[side])))?;
            }
            self.values.push(values);
        }
        match &self.pairing.classes {
            Some(classes) => places(classes, record).map_err(fault),
            None => Ok(None),
        }
    }

    fn compare(&mut self, record: &Record, labels: Option<(usize, usize)>) {
        let mut most: Option<(Option<usize>, f64)> = None;
        for (column, (sums, &values)) in self.sums.iter_mut().zip(&self.values).enumerate() {
            let difference = sums.add(values).filter(|difference| *difference != 0.0);
            if let Some(difference) = difference
                && most.is_none_or(|(_, before)| before.abs() < difference.abs())
            {
                most = Some((Some(column), difference));
            }
        }
        match (&self.pairing.classes, labels) {
            (None, _) => {}
            (Some(_), None) => self.undecided += 1,
            (Some(_), Some(places)) => *self.labels.entry(places).or_default() += 1,
        }
        if self.values.is_empty() && record.outputs[0][0] != record.outputs[1][0] {
            most = Some((None, 1.0));
        }
        self.sample.push(record.file, record.line, &self.values);
        if let Some((column, difference)) = most {
            self.keep(record, column, difference);
        }
    }

    /// Among the most different ones, if it is one.
    fn keep(&mut self, record: &Record, column: Option<usize>, difference: f64) {
        let order = |other: &Different| {
            let (size, place) = (other.difference.abs(), (other.file.as_str(), other.line));
            difference
                .abs()
                .total_cmp(&size)
                .reverse()
                .then_with(|| (record.file, record.line).cmp(&place))
        };
        let place = self
            .most_different
            .partition_point(|other| order(other) == Ordering::Greater);
        if place == MOST_DIFFERENT {
            return;
        }
        let is_label = self.pairing.classes.is_some();
        let said = |side: usize| Said {
            label: is_label.then(|| record.outputs[side][0].into()),
            value: column.map(|column| self.values[column][side]),
        };
        let different = Different {
            file: record.file.into(),
            line: record.line,
            key: record.key.into(),
            column: column.map(|column| self.pairing.columns[column].name.clone()),
            champion: said(0),
            shadow: said(1),
            difference,
        };
        self.most_different.insert(place, different);
        self.most_different.truncate(MOST_DIFFERENT);
    }

    pub fn finish(self) -> Difference {
        let [neither, champion_only, shadow_only, both] = self.scored;
        let (values, seen) = self.sample.finish();
        let sampled = values.first().map_or(seen, |column| column.len() as u64);
        let columns = self.pairing.columns.into_iter().zip(self.sums).zip(values);
        Difference {
            rows: self.scored.iter().sum(),
            both,
            champion_only,
            shadow_only,
            neither,
            labels: self
                .pairing
                .classes
                .map(|classes| of_labels(classes, &self.labels, self.undecided)),
            columns: columns
                .map(|((column, sums), values)| sums.finish(column.name, values))
                .collect(),
            columns_left_out: self.pairing.left_out,
            sample: (sampled < seen).then_some(sampled),
            most_different: self.most_different,
        }
    }
}

/// The label of a row for which a model couldn't decide on one.
const UNDECIDED: &str = "NaN";

/// As errors call them.
const WHO: [&str; 2] = ["champion", "shadow"];

/// Of both labels; none where one of them couldn't be decided.
fn places(classes: &Classes, record: &Record) -> Result<Option<(usize, usize)>, String> {
    let place = |side: usize| {
        let label = record.outputs[side][0];
        match classes.place(label) {
            None if label != UNDECIDED => Err(format!("{label:?} of the {} is none of the classes", WHO[side])),
            place => Ok(place),
        }
    };
    Ok(place(0)?.zip(place(1)?))
}

fn of_labels(classes: Classes, counts: &BTreeMap<(usize, usize), u64>, undecided: u64) -> Labels {
    let pairs = counts.iter().map(|(&(champion, shadow), &rows)| LabelPair {
        champion: classes.names[champion].clone(),
        shadow: classes.names[shadow].clone(),
        rows,
    });
    let mut pairs: Vec<LabelPair> = pairs.collect();
    // Stable: those of the same number stay in the order of the classes.
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.rows));
    Labels {
        flips: pairs
            .iter()
            .filter(|pair| pair.champion != pair.shadow)
            .map(|pair| pair.rows)
            .sum(),
        undecided,
        pairs,
        classes: classes.names,
    }
}

#[cfg(test)]
mod tests;
