//! Who answers which rows of an input of a phase.

use super::scorer::Scorer;
use super::value::Value;
use crate::format::{Input, RowWriting, Writing};
use crate::model::{Signature, unicode};
use crate::monitor::Counter;
use crate::problem::{Code, Problem};
use crate::score::{Challenger, Lineup, Phase, Split};
use std::sync::Arc;

/// What parts the fields of what is kept.
pub(super) const DELIMITER: u8 = b',';

/// Who answers which rows of an input: the champion, or the challenger in its place.
pub struct Arms {
    /// Among the lineup's challengers.
    pub place: usize,
    pub(super) split: Split,
    /// The key's place among the observed columns.
    pub key: Option<usize>,
    /// How the challenger's rows come about: its place among the second models. None: it can't be used.
    pub(super) second: Option<usize>,
    /// How the challenger's rows are written: as it writes them, in the champion's columns.
    pub(super) writing: RowWriting,
    pub(super) sides: [ArmSide; 2],
}

/// What is noted of one's rows.
pub(super) struct ArmSide {
    /// What of its predictions is counted.
    pub value: Option<Value>,
    /// Its outputs in the order of the champion's, and how they are kept.
    pub kept: Vec<(usize, Writing)>,
    /// By which its rows are counted, and its observed columns among the input's.
    pub counter: Option<(Arc<Counter>, Vec<usize>)>,
}

impl Arms {
    /// Of an input of that phase. None: it is none of this lineup, and the champion answers alone.
    ///
    /// # Errors
    /// The input lacks a column that the challenger takes.
    pub fn of(input: &Input, scorer: &Scorer, phase: &str) -> Result<Option<Arms>, Problem> {
        let lineup = &scorer.lineup;
        let (Some(place), Some((challenger, Phase { split, .. }))) = (lineup.place(phase), lineup.phase(phase)) else {
            return Ok(None);
        };
        let champion = lineup.signature();
        let version = challenger.model.as_ref().map_or(champion, |model| model.signature());
        let second = scorer.second_of(place);
        if let Some(second) = second {
            input.derivation(second).map_err(|problem| Problem {
                message: format!("{}, for the challenger {}", problem.message, challenger.identity),
                ..problem.clone()
            })?;
        }
        let key = unicode::name(&challenger.key);
        if input.names().iter().filter(|name| **name == *key).nth(1).is_some() {
            let message = format!(
                "column {:?}, by whose keys versions answer, stands twice in the header",
                challenger.key
            );
            return Err(
                Problem::new(Code::DuplicateColumn, message, "rename or remove one of them").column(&challenger.key),
            );
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
            writing: RowWriting::new(written, number, input.writing().style()),
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

    pub fn challenger<'a>(&self, lineup: &'a Lineup) -> &'a Challenger {
        &lineup.challengers[self.place]
    }

    /// Why the challenger's rows aren't answered, if they aren't.
    pub fn unanswered<'a>(&self, lineup: &'a Lineup) -> Option<&'a str> {
        self.challenger(lineup).model.as_ref().err().map(String::as_str)
    }

    /// Has the input the key's column?
    pub fn has_key(&self, input: &Input) -> bool {
        self.key.is_some_and(|key| input.observes(key))
    }

    /// The signature of the challenger.
    pub fn signature<'a>(&self, lineup: &'a Lineup) -> &'a Signature {
        let model = self.challenger(lineup).model.as_ref();
        model.map_or(lineup.signature(), |model| model.signature())
    }
}
