//! Rows -> predictions, by a served version. The same for all protocols; pure.

use super::bounds::bounded;
use super::cut::Body;
use super::division::Keys;
use super::refusal::{BadRow, NAMED, Refusal};
use super::served::Served;
use crate::config::BadRows;
use crate::format::{self, Input, Wanted};
use crate::problem::internal;
use crate::score::arm::Arm;
use crate::score::batch::{Flaw, Reason};
use crate::score::binding::features;
use crate::score::{Batch, predict};
use crate::transform::{Shape, open};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A version, and which rows of a request are its.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub served: &'a Served,
    /// `None`: all.
    pub own: Option<Own<'a>>,
}

/// The rows of a version, where those of a request are two versions'.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    pub arms: &'a [Arm],
    pub is_challenger: bool,
}

impl<'a> Side<'a> {
    pub fn alone(served: &'a Served) -> Side<'a> {
        Side { served, own: None }
    }
}

impl Deref for Side<'_> {
    type Target = Served;

    fn deref(&self) -> &Served {
        self.served
    }
}

impl Own<'_> {
    /// Whatever has no arm is the champion's.
    fn has(&self, row: usize) -> bool {
        (self.arms.get(row) == Some(&Arm::Challenger)) == self.is_challenger
    }
}

/// What came of a request's rows, in their order.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    pub rows: usize,
    /// `[row][output]`; what stands there for bad rows means nothing, nor for rows of another version.
    values: Vec<f64>,
    outputs: usize,
    /// Counted from 0, ascending.
    bad: Vec<u32>,
    /// The first of them, in words.
    pub named: Vec<BadRow>,
    /// Good rows with a prediction that is not finite.
    pub not_finite: u64,
    /// For each feature, how many cells of good rows have a category that the model doesn't know.
    pub unknown: Vec<u64>,
}

impl Predictions {
    /// Of all outputs of the model.
    pub fn of(served: &Served) -> Predictions {
        let signature = served.lineup.signature();
        Predictions {
            outputs: signature.outputs.len(),
            unknown: vec![0; signature.inputs.len()],
            ..Predictions::default()
        }
    }

    /// A row's outputs, in the model's order; `None`: it can't be scored.
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        let good = self.bad.binary_search(&(row as u32)).is_err();
        good.then(|| &self.values[row * self.outputs..][..self.outputs])
    }

    /// All rows, with [`Predictions::row`].
    pub fn iter(&self) -> impl Iterator<Item = Option<&[f64]>> {
        let mut bad = self.bad.iter().peekable();
        self.values
            .chunks_exact(self.outputs)
            .enumerate()
            .map(move |(row, values)| bad.next_if(|bad| **bad as usize == row).is_none().then_some(values))
    }

    /// That they take.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + size_of_val(&self.bad[..])
    }

    pub fn bad(&self) -> usize {
        self.bad.len()
    }

    /// Scores all rows that are the version's.
    fn add_all(&mut self, side: Side, rows: &mut impl Rows) -> Result<(), Refusal> {
        let scored = catch_unwind(AssertUnwindSafe(|| {
            let mut chosen: Option<Batch> = None;
            while rows.fill() {
                match side.own {
                    None => self.add(side.served, rows),
                    Some(own) => {
                        let chosen = chosen.get_or_insert_with(|| rows.batch().clone());
                        self.add_own(side.served, own, rows, chosen);
                    }
                }
                bounded(self.rows, self.outputs)?;
            }
            Ok(())
        }));
        scored.unwrap_or_else(|_| Err(internal().into()))
    }

    /// Scores a batch.
    fn add(&mut self, served: &Served, rows: &mut impl Rows) {
        let count = rows.batch().rows();
        let begin = self.values.len();
        self.values.resize(begin + self.outputs * count, 0.0);
        predict_counted(served, rows.batch(), &mut self.values[begin..]);
        by_row(&mut self.values[begin..], self.outputs);
        rows.batch()
            .count_unknown(&served.lineup.champion.model, &mut self.unknown);
        let flaws: Vec<Flaw> = rows.batch().bad().collect();
        self.note(flaws.into_iter().map(|flaw| (flaw.row, flaw)), |flaw| rows.reason(flaw));
        self.end(count);
    }

    /// Scores those rows of a batch that are the version's. `chosen`: a batch of the same binding, for these alone.
    fn add_own(&mut self, served: &Served, own: Own, rows: &mut impl Rows, chosen: &mut Batch) {
        let (start, count) = (self.rows, rows.batch().rows());
        let places: Vec<u32> = (0..count as u32).filter(|row| own.has(start + *row as usize)).collect();
        let begin = self.values.len();
        self.values.resize(begin + self.outputs * count, 0.0);
        if !places.is_empty() {
            rows.batch().select(&places, chosen);
            let mut values = vec![0.0; self.outputs * places.len()];
            predict_counted(served, chosen, &mut values);
            by_row(&mut values, self.outputs);
            for (place, values) in places.iter().zip(values.chunks_exact(self.outputs)) {
                self.values[begin + *place as usize * self.outputs..][..self.outputs].copy_from_slice(values);
            }
            chosen.count_unknown(&served.lineup.champion.model, &mut self.unknown);
            let flaws = chosen.bad().map(|flaw| (places[flaw.row as usize], flaw));
            self.note(flaws, |flaw| match flaw.reason {
                // What the model says of a row, the batch of its own knows.
                Reason::Refused(_) => (None, chosen.reason(flaw, |_| "")),
                _ => rows.reason(Flaw {
                    row: places[flaw.row as usize],
                    ..flaw
                }),
            });
        }
        self.end(count);
    }

    /// Notes the bad rows of a batch, by their places among the rows that were read at once.
    fn note(
        &mut self,
        flaws: impl Iterator<Item = (u32, Flaw)>,
        mut reason: impl FnMut(Flaw) -> (Option<String>, String),
    ) {
        for (place, flaw) in flaws {
            let row = self.rows + place as usize;
            self.bad.push(row as u32);
            if self.named.len() < NAMED {
                let (column, reason) = reason(flaw);
                self.named.push(BadRow::new(row as u64 + 1, None, column, reason));
            }
        }
    }

    /// Ends `count` rows, whose values and flaws are noted.
    fn end(&mut self, count: usize) {
        let start = self.rows;
        let bad = &self.bad[self.bad.partition_point(|row| (*row as usize) < start)..];
        let rows = self.values[start * self.outputs..]
            .chunks_exact(self.outputs)
            .enumerate();
        let not_finite = rows.filter(|(row, values)| {
            !values.iter().all(|x| x.is_finite()) && bad.binary_search(&((start + row) as u32)).is_err()
        });
        self.not_finite += not_finite.count() as u64;
        self.rows += count;
    }

    /// With the rows of another version in their places. `outputs`: that a row has from now on; `translate`: from a version's own
    /// outputs to these, the other one's or not.
    pub fn merged(
        self,
        other: Predictions,
        arms: &[Arm],
        outputs: usize,
        translate: impl Fn(bool, &[f64], &mut Vec<f64>),
    ) -> Predictions {
        let mut values = Vec::with_capacity(self.rows * outputs);
        for row in 0..self.rows {
            let is_other = arms.get(row) == Some(&Arm::Challenger);
            let of = if is_other { &other } else { &self };
            match of.row(row) {
                Some(own) => translate(is_other, own, &mut values),
                None => values.resize(values.len() + outputs, 0.0),
            }
        }
        let mut bad = [self.bad, other.bad].concat();
        bad.sort_unstable();
        let mut named = [self.named, other.named].concat();
        named.sort_by_key(|bad| bad.row);
        named.truncate(NAMED);
        Predictions {
            rows: self.rows,
            values,
            outputs,
            bad,
            named,
            not_finite: self.not_finite + other.not_finite,
            unknown: self.unknown,
        }
    }

    /// # Errors
    /// Rows are bad, and that refuses the request.
    pub fn checked(self, bad_rows: BadRows) -> Result<Predictions, Refusal> {
        match bad_rows {
            BadRows::Refuse if !self.bad.is_empty() => Err(Refusal::of_rows(self.bad.len(), self.rows, self.named)),
            _ => Ok(self),
        }
    }
}

/// Predicts `[output][row]`, and counts rows and predictions by the version's baseline.
fn predict_counted(served: &Served, batch: &mut Batch, values: &mut [f64]) {
    predict(&served.lineup.champion.model, batch, values);
    if let Some(live) = &served.live {
        live.count(batch, values);
    }
}

/// `[output][row]` -> `[row][output]`.
fn by_row(values: &mut [f64], outputs: usize) {
    if outputs == 1 {
        return;
    }
    let by_output = values.to_vec();
    let rows = by_output.len() / outputs;
    for (row, values) in values.chunks_exact_mut(outputs).enumerate() {
        for (output, value) in values.iter_mut().enumerate() {
            *value = by_output[output * rows + row];
        }
    }
}

/// What is read of a request: batches, and why rows of them are bad.
pub trait Rows {
    /// Fills the batch with the next rows; false: there are no more.
    fn fill(&mut self) -> bool;
    fn batch(&mut self) -> &mut Batch;
    /// The column, and why.
    fn reason(&self, flaw: Flaw) -> (Option<String>, String);
}

/// Why a row of a batch is bad, where the columns are the model's own: the column, and why. `malformed`: of a row whose values can't be
/// told.
pub fn reason(
    served: &Served,
    batch: &Batch,
    flaw: Flaw,
    malformed: impl FnOnce() -> String,
) -> (Option<String>, String) {
    match flaw.reason {
        Reason::Cell { feature, error } => {
            let column = &served.lineup.signature().inputs[feature as usize];
            (Some(column.name.clone()), error.text().into())
        }
        Reason::Malformed => (None, malformed()),
        Reason::Refused(_) => (None, batch.reason(flaw, |_| "")),
    }
}

/// Scores all rows that are the version's.
///
/// # Errors
/// A defect of this program: it isn't the client's fault, and the next request is answered.
pub fn score(side: Side, rows: &mut impl Rows) -> Result<Predictions, Refusal> {
    let mut predictions = Predictions::of(side.served);
    predictions.add_all(side, rows)?;
    Ok(predictions)
}

/// What a CSV of rows came to, and how it was read.
pub struct Csv {
    pub predictions: Predictions,
    pub has_header: bool,
    pub delimiter: u8,
}

/// A CSV as the spool reads it. `said`: its shape, where the request says it.
///
/// # Errors
/// Why it can't be read.
pub fn csv(side: Side, said: Option<&Shape>, body: Body) -> Result<Csv, Refusal> {
    let served = side.served;
    let other = said.map(|shape| served.scorer.with(shape.clone()));
    let scorer = other.as_ref().unwrap_or(&served.scorer);
    let mut blocks = body.cut(served, &scorer.shape)?;
    let mut block = blocks.first(served, &scorer.shape)?;
    let opened = open(block.beginning(), body.format, scorer)?;
    let (mut front, mut lines) = (opened.input.end(), opened.input.lines());
    let mut predictions = Predictions::of(served);
    loop {
        let mut rows = opened.input.rows(&block, front);
        predictions.add_all(side, &mut rows)?;
        if let Some(problem) = rows.problem() {
            return Err(problem.behind(lines).into());
        }
        lines += rows.lines();
        blocks.recycle(block.into_memory());
        front = 0;
        block = match blocks.next(lines)? {
            Some(block) => block,
            None => break,
        };
    }
    Ok(Csv {
        predictions,
        has_header: opened.input.has_header(),
        delimiter: opened.input.delimiter(),
    })
}

/// The keys of a body's rows, if it has their column; what else is wrong with it, scoring it says. The same arguments, of the version
/// that answers by itself.
///
/// # Errors
/// It has the column twice, or can't be read.
pub fn keys(served: &Served, said: Option<&Shape>, body: Body, keys: &mut Keys) -> Result<(), Refusal> {
    let shape = said.unwrap_or(&served.scorer.shape);
    let signature = served.lineup.signature();
    let features = features(signature.inputs.iter(), &shape.spelling).into();
    let observed = [keys.column().to_string()];
    let dialect = shape.dialect.of(body.format.rows);
    let wanted = Wanted {
        format: body.format,
        header: shape.header,
        known: served.lineup.champion.model.known_texts(),
        observed: &observed,
        ..Wanted::unwritten(signature, &features, dialect, &shape.spelling)
    };
    let mut blocks = body.cut(served, shape)?;
    let mut block = blocks.first(served, shape)?;
    let input = Input::open(block.beginning(), &wanted)?;
    blocks.open(&input);
    if input.names().iter().filter(|name| keys.is_column(name)).count() > 1 {
        return Err(keys.twice());
    }
    if !input.observes(0) {
        return Ok(());
    }
    let mut front = input.end();
    loop {
        let mut rows = input.rows(&block, front);
        while rows.fill() {
            let hidden = rows.read().bad().filter(|flaw| flaw.reason == Reason::Malformed);
            let mut hidden = hidden.map(|flaw| flaw.row as usize).peekable();
            for row in 0..rows.read().rows() {
                // Where its fields are can't be told.
                let key = match hidden.next_if(|hidden| *hidden == row) {
                    Some(_) => None,
                    None => rows.observed(0, row),
                };
                keys.push(key.as_deref());
            }
        }
        blocks.recycle(block.into_memory());
        front = 0;
        block = match blocks.next(0) {
            Ok(Some(block)) => block,
            _ => return Ok(()),
        };
    }
}

impl Rows for format::Rows<'_> {
    fn fill(&mut self) -> bool {
        format::Rows::fill(self)
    }

    fn batch(&mut self) -> &mut Batch {
        format::Rows::batch(self)
    }

    fn reason(&self, flaw: Flaw) -> (Option<String>, String) {
        let (column, reason) = format::Rows::reason(self, flaw);
        (column.map(String::from), reason.into_owned())
    }
}
