//! A batch and its predictions -> counts by the bins of a baseline.

use super::bins::Bins;
use super::groups::Groups;
use super::keys::fingerprint;
use super::numbers::Room;
use super::worth::Worth;
use super::{ColumnCounts, Counts, GroupCounts, SegmentCounts};
use crate::checksum::Sha256Sum;
use crate::model::{self, Signature, unicode};
use crate::monitor::baseline::Column;
use crate::monitor::{Baseline, Watch};
use crate::score::batch::{Batch, Reason};
use crate::score::spelling::Number;
use crate::score::{Spelling, label};
use std::borrow::Cow;
use std::collections::HashSet;
use std::iter;
use std::str::from_utf8;

/// Counts by one baseline. Shared by all that score.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// SHA-256 of the baseline's file: counts by another one don't add up with these.
    pub baseline: Sha256Sum,
    inputs: Vec<Bins>,
    outputs: Vec<Bins>,
    /// The baseline's other columns, and which observed ones they are; none of those that aren't watched.
    others: Vec<(Bins, Option<usize>)>,
    /// The names of columns whose texts are looked at.
    observed: Vec<String>,
    /// Which of those rows are grouped by.
    segments: Vec<usize>,
    key: Option<usize>,
    /// The code of the label that is good for a person.
    favourable: Option<f64>,
    worth: Option<Worth>,
    /// The columns of the baseline's rows; empty where nobody knows.
    header: HashSet<String>,
}

/// The texts of observed columns in the rows of a batch.
pub struct Observed<'a> {
    pub spelling: &'a Spelling,
    /// By the column's place in [`Counter::observed`] and the row, which is a good one: the text without spaces around it; none of a
    /// column that isn't there.
    pub cell: &'a dyn Fn(usize, usize) -> Option<Cow<'a, [u8]>>,
}

/// Memory for one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Fingerprints of the keys of the rows that were counted, for [`super::Keys`].
    pub keys: Vec<u64>,
    room: Room,
    cells: Vec<f64>,
    bad: Vec<u32>,
    good: Vec<u32>,
    groups: Groups,
}

impl Counter {
    /// By a baseline that fits the signature; `sha256`: of its file. What it doesn't have is counted without bins.
    pub fn new(baseline: &Baseline, sha256: Sha256Sum, signature: &Signature) -> Counter {
        let bins = |columns: &[model::Column], known: &[Column]| {
            let known = known.iter().map(Some).chain(iter::repeat(None));
            columns
                .iter()
                .zip(known)
                .map(|(column, known)| Bins::of(column, known))
                .collect()
        };
        let others = baseline.others.iter().map(|known| (Bins::of_other(known), None));
        Counter {
            baseline: sha256,
            inputs: bins(&signature.inputs, &baseline.features),
            outputs: bins(&signature.outputs, baseline.outputs()),
            others: others.collect(),
            observed: Vec::new(),
            segments: Vec::new(),
            key: None,
            favourable: None,
            worth: Worth::of(baseline, &signature.outputs),
            header: baseline.header.iter().map(|name| unicode::name(name).into()).collect(),
        }
    }

    /// The same, and it counts what is watched beside the model's columns. `baseline`, `signature`: as before. A column that neither
    /// the model nor the baseline has is not counted.
    pub fn watching(mut self, watch: &Watch, baseline: &Baseline, signature: &Signature) -> Counter {
        self.favourable = watch.favourable.as_ref().and_then(|favourable| {
            let classes = signature.outputs.first()?.categories.iter();
            let classes: Vec<String> = classes.map(ToString::to_string).collect();
            label::class(favourable, &classes, &Spelling::USUAL).map(|class| class as f64)
        });
        for name in &watch.columns {
            let known = baseline.others.iter();
            let known = known
                .map(|known| unicode::name(&known.name))
                .position(|known| known == unicode::name(name));
            if let Some(known) = known {
                self.others[known].1 = Some(self.observe(name));
            }
        }
        self.segments = watch.segments.iter().map(|name| self.observe(name)).collect();
        self.key = watch.key.as_ref().map(|name| self.observe(name));
        self
    }

    fn observe(&mut self, name: &str) -> usize {
        let name = unicode::name(name);
        self.observed
            .iter()
            .position(|observed| *observed == name)
            .unwrap_or_else(|| {
                self.observed.push(name.into());
                self.observed.len() - 1
            })
    }

    /// Columns of an input whose texts are looked at, also some that the model takes; each once.
    pub fn observed(&self) -> &[String] {
        &self.observed
    }

    /// The one by which rows are told apart.
    pub fn key(&self) -> Option<usize> {
        self.key
    }

    /// Which of an input's columns the baseline's rows didn't have; none where nobody knows.
    pub fn added(&self, names: &[String]) -> Vec<String> {
        /// What is shown of them is a line.
        const MOST: usize = 20;
        let is_new = |name: &&String| !self.header.is_empty() && !self.header.contains(*name);
        names.iter().filter(is_new).take(MOST).cloned().collect()
    }

    /// Nothing was counted yet.
    pub fn zero(&self) -> Counts {
        let others = self.others.iter().map(|(bins, _)| bins);
        let columns = self.inputs.iter().chain(&self.outputs).chain(others);
        let segment = |observed: &usize| SegmentCounts {
            column: self.observed[*observed].clone(),
            ..SegmentCounts::default()
        };
        Counts {
            columns: columns.map(Bins::zero).collect(),
            segments: self.segments.iter().map(segment).collect(),
            tallies: self.worth.as_ref().map(Worth::zero).unwrap_or_default(),
            ..Counts::default()
        }
    }

    /// Adds the rows of a batch, and what was predicted for them: `[output][row]`. Of bad rows only the cells that made them bad. What
    /// is [`Counter::observed`] is not counted.
    pub fn count(&self, batch: &Batch, predictions: &[f64], scratch: &mut Scratch, counts: &mut Counts) {
        let rows = batch.rows();
        scratch.bad.clear();
        scratch.bad.extend(batch.bad().map(|flaw| flaw.row));
        counts.rows += rows as u64;
        counts.bad_rows += scratch.bad.len() as u64;
        let (inputs, outputs) = counts.columns.split_at_mut(self.inputs.len());
        for flaw in batch.flaws() {
            if let Reason::Cell { feature, .. } = flaw.reason {
                inputs[feature as usize].bad += 1;
            }
        }
        for (feature, (bins, column)) in self.inputs.iter().zip(inputs).enumerate() {
            match (bins, batch.text(feature)) {
                (Bins::Texts(_), Some((texts, of))) => {
                    let cells = texts.iter().enumerate().filter(|(row, _)| !scratch.is_bad(*row));
                    cells.for_each(|(_, text)| bins.count_text(text, || of.is_missing(text), column));
                }
                (Bins::Texts(_), None) => {}
                _ => scratch.column(bins, batch.column(feature), column),
            }
        }
        if rows > 0 {
            for (bins, (cells, column)) in self.outputs.iter().zip(predictions.chunks(rows).zip(outputs)) {
                scratch.column(bins, cells, column);
            }
            if let Some(worth) = &self.worth {
                worth.count(predictions, rows, |row| scratch.is_bad(row), &mut counts.tallies);
            }
        }
    }

    /// The same, with what is observed.
    pub fn count_observed(
        &self,
        batch: &Batch,
        predictions: &[f64],
        observed: &Observed,
        scratch: &mut Scratch,
        counts: &mut Counts,
    ) {
        self.count(batch, predictions, scratch, counts);
        let rows = batch.rows();
        if self.observed.is_empty() || rows == 0 {
            return;
        }
        let mut good = std::mem::take(&mut scratch.good);
        good.clear();
        good.extend((0..rows).filter(|row| !scratch.is_bad(*row)).map(|row| row as u32));
        if !good.is_empty() {
            self.count_others(&good, observed, scratch, counts);
            self.count_segments(&good, predictions, rows, observed, scratch, counts);
            if let Some(key) = self.key {
                let cells = good.iter().filter_map(|row| (observed.cell)(key, *row as usize));
                let keys = cells.filter(|cell| !observed.spelling.is_missing_cell(cell));
                scratch.keys.extend(keys.map(|cell| fingerprint(&cell)));
            }
        }
        scratch.good = good;
    }

    fn count_others(&self, good: &[u32], observed: &Observed, scratch: &mut Scratch, counts: &mut Counts) {
        let Observed { spelling, cell } = observed;
        let columns = counts.columns[self.inputs.len() + self.outputs.len()..].iter_mut();
        for (column, (bins, place)) in columns.zip(&self.others) {
            let Some(place) = *place else { continue };
            let cells = good.iter().filter_map(|row| cell(place, *row as usize));
            match bins {
                Bins::Texts(_) => {
                    for cell in cells {
                        match from_utf8(&cell) {
                            Ok(text) => bins.count_text(text, || spelling.is_missing_cell(&cell), column),
                            Err(_) => column.bad += 1,
                        }
                    }
                }
                _ => {
                    scratch.cells.clear();
                    let is_plain = spelling.has_plain_numbers();
                    let plain = |cell: &[u8]| fast_float2::parse(cell).ok().filter(|x: &f64| is_plain && !x.is_nan());
                    for cell in cells {
                        match plain(&cell).map_or_else(|| spelling.number(&cell), Number::Value) {
                            Number::Value(x) => scratch.cells.push(x),
                            Number::Missing => scratch.cells.push(f64::NAN),
                            Number::Invalid => column.bad += 1,
                        }
                    }
                    bins.count(&scratch.cells, &mut scratch.room, column);
                }
            }
        }
    }

    fn count_segments(
        &self,
        good: &[u32],
        predictions: &[f64],
        rows: usize,
        observed: &Observed,
        scratch: &mut Scratch,
        counts: &mut Counts,
    ) {
        let Scratch {
            groups, cells, room, ..
        } = scratch;
        for (segment, place) in counts.segments.iter_mut().zip(&self.segments) {
            if (observed.cell)(*place, good[0] as usize).is_none() {
                continue;
            }
            let cell = |row: u32| (observed.cell)(*place, row as usize);
            groups.each(good, observed.spelling, cell, |value, rows_of| {
                let group = match value {
                    Some(value) => segment.group(value),
                    None => &mut segment.other,
                };
                self.count_group(rows_of, predictions, rows, group, cells, room);
            });
        }
    }

    fn count_group(
        &self,
        of: &[u32],
        predictions: &[f64],
        rows: usize,
        group: &mut GroupCounts,
        cells: &mut Vec<f64>,
        room: &mut Room,
    ) {
        group.rows += of.len() as u64;
        if group.outputs.is_empty() {
            group.outputs = self.outputs.iter().map(Bins::zero).collect();
        }
        let outputs = self.outputs.iter().zip(predictions.chunks(rows));
        for (place, ((bins, said), column)) in outputs.zip(&mut group.outputs).enumerate() {
            cells.clear();
            cells.extend(of.iter().map(|row| said[*row as usize]));
            bins.count(cells, room, column);
            if let (0, Some(favourable)) = (place, self.favourable) {
                group.favourable += cells.iter().filter(|code| **code == favourable).count() as u64;
            }
        }
    }
}

impl Scratch {
    fn is_bad(&self, row: usize) -> bool {
        !self.bad.is_empty() && self.bad.binary_search(&(row as u32)).is_ok()
    }

    fn column(&mut self, bins: &Bins, cells: &[f64], column: &mut ColumnCounts) {
        let cells = match self.bad.is_empty() {
            true => cells,
            false => {
                let mut good = std::mem::take(&mut self.cells);
                good.clear();
                let kept = cells.iter().enumerate().filter(|(row, _)| !self.is_bad(*row));
                good.extend(kept.map(|(_, x)| x));
                self.cells = good;
                &self.cells
            }
        };
        bins.count(cells, &mut self.room, column);
    }
}

#[cfg(test)]
mod tests;
