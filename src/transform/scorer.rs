//! A lineup and the settings that it scores by.

use super::Shape;
use crate::format::Input;
use crate::model::Signature;
use crate::monitor::Counter;
use crate::score::Lineup;
use crate::score::binding::features;
use crate::score::cell::Feature;
use std::sync::{Arc, Mutex, PoisonError};

/// What makes outputs of inputs, with all that is the same for every input: of a model with many categories, it takes longer
/// than a small file.
pub struct Scorer {
    pub lineup: Arc<Lineup>,
    pub shape: Shape,
    /// Of the columns that the lineup takes.
    pub features: Arc<[Feature]>,
    /// Of each shadow, of the columns that it takes.
    pub of_shadows: Vec<Arc<[Feature]>>,
    /// Counts what it scores; without one, nothing is counted.
    pub counter: Option<Arc<Counter>>,
    /// The input that was opened last: the next one most often has the same header.
    last: Mutex<Option<Arc<Input>>>,
}

impl Scorer {
    pub fn new(lineup: Arc<Lineup>, shape: Shape) -> Scorer {
        let of = |signature: &Signature| features(signature.inputs.iter(), &shape.spelling).into();
        Scorer {
            features: of(lineup.signature()),
            of_shadows: lineup
                .shadows
                .iter()
                .map(|shadow| of(shadow.member.model.signature()))
                .collect(),
            lineup,
            shape,
            counter: None,
            last: Mutex::default(),
        }
    }

    /// The same lineup, of another shape.
    pub fn with(&self, shape: Shape) -> Scorer {
        Scorer::new(self.lineup.clone(), shape).counting(self.counter.clone())
    }

    /// The same, and it counts.
    pub fn counting(self, counter: Option<Arc<Counter>>) -> Scorer {
        Scorer {
            counter,
            last: Mutex::default(),
            ..self
        }
    }

    /// The columns whose cells are looked at, each once: those that are counted, and the keys of shadows.
    pub(super) fn observed(&self) -> Vec<String> {
        let mut observed = self
            .counter
            .as_ref()
            .map_or_else(Vec::new, |counter| counter.observed().to_vec());
        for key in self.lineup.shadows.iter().filter_map(|shadow| shadow.key.as_ref()) {
            if !observed.contains(key) {
                observed.push(key.clone());
            }
        }
        observed
    }

    pub(super) fn last(&self) -> Option<Arc<Input>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn remember(&self, input: &Arc<Input>) {
        /// What stands in front of the rows is kept, too.
        const MOST: usize = 64 << 10;
        if input.end() <= MOST {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(input.clone());
        }
    }
}
