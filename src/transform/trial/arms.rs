//! Rows that two versions answer: each by its key's arm. Either scores its own rows as a batch of their own, as it would alone.

use super::{TrialPart, Tried};
use crate::format::{Cause, Out, Rows, Said, quote};
use crate::model::Model;
use crate::monitor::Counts;
use crate::monitor::counts::{Observed, Scratch};
use crate::score::batch::{Flaw, Reason};
use crate::score::{Arm, Batch, Derivation, Lineup, predict};
use crate::transform::arms::{Arms, DELIMITER};
use crate::transform::open::Opened;
use std::time::Instant;

/// What came of the arms in a range.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmsPart {
    pub tried: Tried,
    /// The challenger's rows, by its own baseline.
    pub counts: Counts,
    /// For each of its features, how many cells of its good rows have a category that it doesn't know.
    pub unknown: Vec<u64>,
    /// A row is the challenger's, which can't be used.
    pub is_unanswered: bool,
}

impl ArmsPart {
    /// Of a range of which nothing was read.
    pub fn of(arms: &Arms, lineup: &Lineup) -> ArmsPart {
        let model = arms.challenger(lineup).model.as_ref();
        let counter = arms.sides[1].counter.as_ref();
        ArmsPart {
            counts: counter.map(|(counter, _)| counter.zero()).unwrap_or_default(),
            unknown: vec![0; model.map_or(0, |model| model.signature().inputs.len())],
            ..ArmsPart::default()
        }
    }

    /// Takes the part of the range behind its own.
    pub fn append(&mut self, next: &ArmsPart) {
        self.tried.add(&next.tried);
        self.counts.add(&next.counts);
        let unknown = self.unknown.iter_mut().zip(&next.unknown);
        unknown.for_each(|(sum, count)| *sum += count);
        self.is_unanswered |= next.is_unanswered;
    }
}

/// One version, and its rows of the batch at hand.
struct Answering<'a> {
    model: Option<&'a Model>,
    batch: Option<Batch>,
    /// Their places among all rows of the batch.
    rows: Vec<u32>,
    predictions: Vec<f64>,
    scratch: Scratch,
}

/// Scores the rows of a range by arms.
pub struct ArmsScoring<'a> {
    opened: &'a Opened,
    arms: &'a Arms,
    answering: [Answering<'a>; 2],
    derived: Option<Batch>,
    /// Of each row of the batch, who answers, and its place among the rows of that one.
    of: Vec<(usize, usize)>,
    arm: Vec<Arm>,
    part: ArmsPart,
    /// What is kept of it, if it is.
    kept: Option<TrialPart>,
    /// The line of the last row, and where it begins.
    seen: (u32, usize),
}

impl<'a> ArmsScoring<'a> {
    /// `keeps`: is a line kept of each row?
    pub fn new(opened: &'a Opened, arms: &'a Arms, keeps: bool) -> ArmsScoring<'a> {
        let answering = |model| Answering {
            model,
            batch: None,
            rows: Vec::new(),
            predictions: Vec::new(),
            scratch: Scratch::default(),
        };
        let challenger = arms.challenger(&opened.lineup).model.as_deref().ok();
        ArmsScoring {
            opened,
            arms,
            answering: [answering(Some(&opened.lineup.champion.model)), answering(challenger)],
            derived: None,
            of: Vec::new(),
            arm: Vec::new(),
            part: ArmsPart::of(arms, &opened.lineup),
            kept: keeps.then(TrialPart::default),
            seen: (0, 0),
        }
    }

    /// Scores the batch of `rows`. False: a row is the challenger's, which can't be used.
    pub fn score(&mut self, rows: &Rows) -> bool {
        self.assign(rows);
        if self.answering[1].model.is_none() && !self.answering[1].rows.is_empty() {
            self.part.is_unanswered = true;
            return false;
        }
        self.predict(rows);
        if self.kept.is_some() {
            self.keep(rows);
        }
        true
    }

    fn assign(&mut self, rows: &Rows) {
        let batch = rows.read();
        self.of.clear();
        self.arm.clear();
        self.answering.iter_mut().for_each(|own| own.rows.clear());
        // Where their fields are can't be told, and so neither can the key.
        let mut malformed = batch
            .flaws()
            .iter()
            .filter(|flaw| flaw.reason == Reason::Malformed)
            .map(|flaw| flaw.row as usize)
            .peekable();
        for row in 0..batch.rows() {
            let hidden = malformed.next_if_eq(&row).is_some();
            let key = self
                .arms
                .key
                .filter(|_| !hidden)
                .and_then(|key| rows.observed(key, row));
            let arm = key.map_or(Arm::Unassigned, |key| self.arms.split.arm(&key));
            let who = usize::from(arm == Arm::Challenger);
            self.of.push((who, self.answering[who].rows.len()));
            self.answering[who].rows.push(row as u32);
            self.arm.push(arm);
            self.part.tried.unassigned += u64::from(arm == Arm::Unassigned);
        }
    }

    fn predict(&mut self, rows: &Rows) {
        let all = rows.read();
        if !self.answering[1].rows.is_empty() {
            let derivation = self.derivation();
            let derived = self.derived.get_or_insert_with(|| derivation.batch(all));
            rows.derive(derivation, derived);
        }
        for (who, own) in self.answering.iter_mut().enumerate() {
            let Answering {
                model: Some(model),
                batch,
                rows,
                predictions,
                ..
            } = own
            else {
                continue;
            };
            predictions.clear();
            let Some(from) = [Some(all), self.derived.as_ref()][who].filter(|_| !rows.is_empty()) else {
                continue;
            };
            let batch = batch.get_or_insert_with(|| from.clone());
            from.select(rows, batch);
            predictions.resize(model.signature().outputs.len() * rows.len(), 0.0);
            let start = Instant::now();
            predict(model, batch, predictions);
            self.part.tried.sides[who].took += start.elapsed();
        }
    }

    /// Writes the batch. Returns how many good rows have a prediction that is not finite.
    pub fn write(&self, rows: &Rows, out: &mut Out) -> u64 {
        let writings = [self.opened.input.writing(), &self.arms.writing];
        let said = [0, 1].map(|who| Said {
            writing: writings[who],
            batch: self.answering[who].batch.as_ref().unwrap_or(rows.read()),
            predictions: &self.answering[who].predictions,
        });
        rows.write_said(said, |row| self.of[row], out)
    }

    /// Counts the batch: the champion's rows there, the challenger's among its own. Returns the fingerprints of keys, whoever answers
    /// them: what stands twice is looked for in the file.
    pub fn count(&mut self, rows: &Rows, unknown: &mut [u64], counts: &mut Counts) -> Vec<u64> {
        let mut keys = Vec::new();
        for (who, (own, noted)) in self.answering.iter_mut().zip(&self.arms.sides).enumerate() {
            let (Some(model), Some(batch), false) = (own.model, &own.batch, own.rows.is_empty()) else {
                continue;
            };
            let side = &mut self.part.tried.sides[who];
            let mut bad = batch.bad().map(|flaw| flaw.row as usize).peekable();
            for (place, row) in own.rows.iter().enumerate() {
                let is_bad = bad.next_if_eq(&place).is_some();
                if self.arm[*row as usize] == Arm::Unassigned {
                    continue;
                }
                side.rows += 1;
                side.bad_rows += u64::from(is_bad);
                if let (Some(value), false) = (&noted.value, is_bad) {
                    value.count(&own.predictions, own.rows.len(), place, &mut side.predictions);
                }
            }
            let (unknown, counts) = match who {
                0 => (&mut *unknown, &mut *counts),
                _ => (&mut self.part.unknown[..], &mut self.part.counts),
            };
            batch.count_unknown(model, unknown);
            let Some((counter, places)) = &noted.counter else {
                continue;
            };
            let observed = Observed {
                spelling: &self.opened.spelling,
                cell: &|column, row| rows.observed(places[column], own.rows[row] as usize),
            };
            counter.count_observed(batch, &own.predictions, &observed, &mut own.scratch, counts);
            keys.append(&mut own.scratch.keys);
        }
        keys
    }

    /// The bad rows, in their order: why, and what a model says that refuses one.
    pub fn bad(&self, rows: &Rows) -> Vec<(u32, Cause, Option<&str>)> {
        let mut bad = Vec::new();
        for (who, own) in self.answering.iter().enumerate() {
            let Some(batch) = own.batch.as_ref().filter(|_| !own.rows.is_empty()) else {
                continue;
            };
            for flaw in batch.bad() {
                let row = own.rows[flaw.row as usize];
                let flaw = Flaw { row, ..flaw };
                let cause = match who {
                    0 => rows.cause(flaw),
                    _ => rows.cause_of_second(flaw, self.derivation()),
                };
                let refusal = match cause {
                    Cause::Refused(why) => Some(batch.refusal(why)),
                    _ => None,
                };
                bad.push((row, cause, refusal));
            }
        }
        bad.sort_unstable_by_key(|(row, ..)| *row);
        bad
    }

    /// How the rows of a challenger that can be used come about.
    fn derivation(&self) -> &'a Derivation {
        let second = self.arms.second.expect("it can be used");
        self.opened.input.derivation(second).expect("seen when it was opened")
    }

    /// A line of each row: `key,arm,OUTPUTS`.
    fn keep(&mut self, rows: &Rows) {
        let Some(kept) = &mut self.kept else { return };
        let mut bad = [0, 1].map(|who| {
            let batch = self.answering[who]
                .batch
                .as_ref()
                .filter(|_| !self.answering[who].rows.is_empty());
            batch
                .map(|batch| batch.bad().map(|flaw| flaw.row as usize).collect::<Vec<_>>())
                .unwrap_or_default()
                .into_iter()
                .peekable()
        });
        let mut number = zmij::Buffer::new();
        for (row, &(who, place)) in self.of.iter().enumerate() {
            let line = rows.line(row, &mut self.seen);
            let arm: &[u8] = match self.arm[row] {
                Arm::Champion => b"champion",
                Arm::Challenger => b"challenger",
                Arm::Unassigned => b"",
            };
            if !arm.is_empty()
                && let Some(key) = self.arms.key.and_then(|key| rows.observed(key, row))
            {
                quote(&key, DELIMITER, &mut kept.text);
            }
            kept.text.push(DELIMITER);
            kept.text.extend_from_slice(arm);
            let is_bad = bad[who].next_if_eq(&place).is_some();
            let own = &self.answering[who];
            for (output, writing) in &self.arms.sides[who].kept {
                kept.text.push(DELIMITER);
                if !is_bad {
                    writing.write(
                        own.predictions[output * own.rows.len() + place],
                        &mut number,
                        &mut kept.text,
                    );
                }
            }
            kept.text.push(b'\n');
            kept.rows.push((line, kept.text.len()));
        }
    }

    pub fn end(self) -> (ArmsPart, Option<TrialPart>) {
        let tally = self.part.tried.clone();
        (self.part, self.kept.map(|kept| TrialPart { tally, ..kept }))
    }
}
