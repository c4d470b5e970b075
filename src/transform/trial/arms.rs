//! Rows that two versions answer: each by its key's arm. Either scores its own rows as a batch of their own, as it would alone.

use super::value::Value;
use super::{DELIMITER, TrialPart, Tried};
use crate::format::{Cause, RowWriting, Rows, Said, Writing, quote};
use crate::model::{Model, Signature};
use crate::monitor::counts::{Observed, Scratch};
use crate::monitor::{Counter, Counts};
use crate::problem::Problem;
use crate::score::batch::{Flaw, Reason};
use crate::score::{Arm, Batch, Challenger, Lineup, Phase, Split, predict};
use crate::transform::open::Opened;
use crate::transform::part::Part;
use crate::transform::scorer::Scorer;
use memchr::memchr_iter;
use std::sync::Arc;
use std::time::Instant;

/// Who answers which rows of an input: the champion, or the challenger in its place.
pub struct Arms {
    /// Among the lineup's challengers.
    pub place: usize,
    split: Split,
    /// The key's place among the observed columns.
    pub key: Option<usize>,
    /// How the challenger's rows come about: its place among the second models. None: it can't be used.
    second: Option<usize>,
    /// How the challenger's rows are written: as it writes them, in the champion's columns.
    writing: RowWriting,
    sides: [ArmSide; 2],
}

/// What is noted of one's rows.
struct ArmSide {
    /// What of its predictions is counted.
    value: Option<Value>,
    /// Its outputs in the order of the champion's, and how they are kept.
    kept: Vec<(usize, Writing)>,
    /// By which its rows are counted, and its observed columns among the input's.
    counter: Option<(Arc<Counter>, Vec<usize>)>,
}

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

impl Arms {
    /// Of an input of that phase. None: it is none of this lineup, and the champion answers alone.
    ///
    /// # Errors
    /// The input lacks a column that the challenger takes.
    pub fn of(opened: &Opened, scorer: &Scorer, phase: &str) -> Result<Option<Arms>, Problem> {
        let lineup = &opened.lineup;
        let Some((challenger, Phase { split, .. })) = lineup.phase(phase) else {
            return Ok(None);
        };
        let is_it = |of: &Challenger| of.experiment == challenger.experiment;
        let place = lineup.challengers.iter().position(is_it).expect("it is one of them");
        let champion = lineup.signature();
        let version = challenger.model.as_ref().map_or(champion, |model| model.signature());
        let second = scorer.second_of(place);
        if let Some(second) = second {
            opened.input.derivation(second).map_err(|problem| Problem {
                message: format!("{}, for the challenger {}", problem.message, challenger.identity),
                ..problem.clone()
            })?;
        }
        let places = champion.places_in(version).unwrap_or_default();
        let outputs = places.iter().map(|&place| (place, &version.outputs[place]));
        let written = outputs.clone().take(champion.written(scorer.shape.probabilities).len());
        let number = scorer.shape.model_version.then_some(challenger.identity.version);
        let kept = |(place, output)| (place, Writing::of(output, DELIMITER));
        let side = |signature, kept, counter| ArmSide {
            value: Value::of(champion, signature),
            kept,
            counter: scorer.observing(counter),
        };
        Ok(Some(Arms {
            place,
            split: split.clone(),
            key: scorer.observed.iter().position(|observed| *observed == challenger.key),
            second,
            writing: RowWriting::new(written, number, opened.input.delimiter()),
            sides: [
                side(
                    champion,
                    champion.outputs.iter().enumerate().map(kept).collect(),
                    scorer.counter.as_ref(),
                ),
                side(version, outputs.map(kept).collect(), scorer.counter_of(place)),
            ],
        }))
    }

    fn challenger<'a>(&self, lineup: &'a Lineup) -> &'a Challenger {
        &lineup.challengers[self.place]
    }

    /// Why the challenger's rows aren't answered, if they aren't.
    pub fn unanswered<'a>(&self, lineup: &'a Lineup) -> Option<&'a str> {
        self.challenger(lineup).model.as_ref().err().map(String::as_str)
    }

    /// Has the input the key's column?
    pub fn has_key(&self, opened: &Opened) -> bool {
        self.key.is_some_and(|key| opened.input.observes(key))
    }

    /// The challenger's rows in a range, before any was read.
    fn part(&self, lineup: &Lineup) -> ArmsPart {
        let model = self.challenger(lineup).model.as_ref();
        let counter = self.sides[1].counter.as_ref();
        ArmsPart {
            counts: counter.map(|(counter, _)| counter.zero()).unwrap_or_default(),
            unknown: vec![0; model.map_or(0, |model| model.signature().inputs.len())],
            ..ArmsPart::default()
        }
    }

    /// The signature of the challenger.
    pub fn signature<'a>(&self, lineup: &'a Lineup) -> &'a Signature {
        let model = self.challenger(lineup).model.as_ref();
        model.map_or(lineup.signature(), |model| model.signature())
    }
}

impl ArmsPart {
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
    counted: usize,
    line: u32,
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
            part: arms.part(&opened.lineup),
            kept: keeps.then(TrialPart::default),
            counted: 0,
            line: 0,
        }
    }

    /// Scores the batch of `rows`, and writes it into `part`. `source`: the range. False: a row is the challenger's, which can't be used.
    pub fn score(&mut self, rows: &mut Rows, source: &[u8], part: &mut Part) -> bool {
        self.assign(rows);
        if self.answering[1].model.is_none() && !self.answering[1].rows.is_empty() {
            self.part.is_unanswered = true;
            return false;
        }
        self.predict(rows);
        self.write(rows, part);
        self.count(rows, part);
        self.reject(rows, part);
        if self.kept.is_some() {
            self.keep(rows, source);
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
            let derivation = self
                .opened
                .input
                .derivation(self.arms.second.expect("it can be used"))
                .expect("seen when it was opened");
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

    fn write(&mut self, rows: &Rows, part: &mut Part) {
        let writings = [self.opened.input.writing(), &self.arms.writing];
        let said = [0, 1].map(|who| Said {
            writing: writings[who],
            batch: self.answering[who].batch.as_ref().unwrap_or(rows.read()),
            predictions: &self.answering[who].predictions,
        });
        part.not_finite += rows.write_arms(said, |row| self.of[row], &mut part.out);
    }

    fn count(&mut self, rows: &Rows, part: &mut Part) {
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
                0 => (&mut part.unknown, &mut part.counts),
                _ => (&mut self.part.unknown, &mut self.part.counts),
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
            // What stands twice is looked for in the file, whoever answers it.
            part.add_keys(&mut own.scratch.keys, &self.opened.keys);
        }
    }

    /// Bad rows, in their order.
    fn reject(&mut self, rows: &mut Rows, part: &mut Part) {
        let mut bad: Vec<(u32, usize, Flaw)> = Vec::new();
        for (who, own) in self.answering.iter().enumerate() {
            let Some(batch) = own.batch.as_ref().filter(|_| !own.rows.is_empty()) else {
                continue;
            };
            bad.extend(batch.bad().map(|flaw| (own.rows[flaw.row as usize], who, flaw)));
        }
        bad.sort_unstable_by_key(|(row, ..)| *row);
        for (row, who, flaw) in bad {
            let flaw = Flaw { row, ..flaw };
            let batch = self.answering[who].batch.as_ref().expect("it has a row");
            let cause = match who {
                0 => rows.cause(flaw),
                _ => {
                    let derivation = self
                        .opened
                        .input
                        .derivation(self.arms.second.expect("it scored"))
                        .expect("its rows were derived");
                    rows.cause_of_second(flaw, derivation)
                }
            };
            let refusal = match cause {
                Cause::Refused(why) => Some(batch.refusal(why)),
                _ => None,
            };
            if !part.reject(rows, row, cause, refusal) {
                return;
            }
        }
    }

    /// A line of each row: `key,arm,OUTPUTS`.
    fn keep(&mut self, rows: &Rows, source: &[u8]) {
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
            let begin = rows.begin(row);
            self.line += memchr_iter(b'\n', &source[self.counted..begin]).count() as u32;
            self.counted = begin;
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
            kept.rows.push((self.line, kept.text.len()));
        }
    }

    pub fn end(self) -> (ArmsPart, Option<TrialPart>) {
        let tally = self.part.tried.clone();
        (self.part, self.kept.map(|kept| TrialPart { tally, ..kept }))
    }
}
