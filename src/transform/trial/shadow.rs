//! What a shadow makes of an input: `line,key`, then what the champion says of the row, and what the shadow says.

use super::TrialPart;
use crate::format::{Rows, Writing, quote};
use crate::model::Column;
use crate::score::batch::{Flaw, Reason};
use crate::score::{Batch, Shadow, predict};
use crate::transform::arms::DELIMITER;
use crate::transform::open::Opened;
use crate::transform::scorer::Beside;
use crate::transform::value::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Scores the rows of a range for a shadow.
pub struct ShadowScoring<'a> {
    shadow: &'a Shadow,
    opened: &'a Opened,
    beside: Beside,
    champion: Vec<Writing>,
    outputs: Vec<Writing>,
    batch: Option<Batch>,
    predictions: Vec<f64>,
    /// Of the champion and the shadow, where predictions are counted.
    values: Option<[Value; 2]>,
    /// The line of the last row, and where it begins.
    seen: (u32, usize),
    part: TrialPart,
}

fn writings(columns: &[Column]) -> Vec<Writing> {
    columns.iter().map(|column| Writing::of(column, DELIMITER)).collect()
}

/// Nobody looks at how predictions are spread but a guard.
fn values(opened: &Opened, shadow: &Shadow) -> Option<[Value; 2]> {
    let (champion, signature) = (opened.lineup.signature(), shadow.member.model.signature());
    if shadow.guards.is_empty() {
        return None;
    }
    Some([Value::of(champion, champion)?, Value::of(champion, signature)?])
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
            values: values(opened, shadow),
            seen: (0, 0),
            part: TrialPart::default(),
        }
    }

    /// Scores the batch of `rows`, whose `predictions` by the champion, `[output][row]`, took so long. A defect is the shadow's alone.
    pub fn score(&mut self, rows: &Rows, predictions: &[f64], took: Duration) {
        if self.part.is_lost {
            return;
        }
        let scored = catch_unwind(AssertUnwindSafe(|| self.score_batch(rows, predictions, took)));
        self.part.is_lost = scored.is_err();
    }

    fn score_batch(&mut self, rows: &Rows, predictions: &[f64], took: Duration) {
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
        tally.sides[0].took += took;
        tally.sides[1].took += start.elapsed();
        let mut bad_first = first.bad().peekable();
        let mut bad_second = batch.bad().peekable();
        let mut number = zmij::Buffer::new();
        let text = &mut self.part.text;
        for row in 0..count {
            let line = rows.line(row, &mut self.seen);
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
            tally.both += u64::from(!first && !second);
            for (side, is_bad) in tally.sides.iter_mut().zip([first, second]) {
                side.rows += 1;
                side.bad_rows += u64::from(is_bad);
            }
            if let Some([of_first, of_second]) = &self.values {
                let [champion, shadow] = &mut tally.sides;
                if !first {
                    of_first.count(predictions, count, row, &mut champion.predictions);
                }
                if !second {
                    of_second.count(&self.predictions, count, row, &mut shadow.predictions);
                }
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
            self.part.rows.push((line, text.len()));
        }
    }

    pub fn end(self) -> TrialPart {
        self.part
    }
}
