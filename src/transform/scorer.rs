//! A lineup and the settings that it scores by.

use super::Shape;
use crate::format::Input;
use crate::monitor::Counter;
use crate::score::binding::features;
use crate::score::cell::Feature;
use crate::score::{Lineup, Shadow};
use std::sync::{Arc, Mutex, PoisonError};

/// What makes outputs of inputs, with all that is the same for every input: of a model with many categories, it takes longer
/// than a small file.
pub struct Scorer {
    pub lineup: Arc<Lineup>,
    pub shape: Shape,
    /// Of the columns that the lineup takes.
    pub features: Arc<[Feature]>,
    /// Of each shadow, of the columns that it takes; empty where none is to score.
    pub(super) of_shadows: Vec<Arc<[Feature]>>,
    /// The columns whose cells are looked at, each once: those that are counted, and the keys of shadows.
    pub(super) observed: Vec<String>,
    /// Counts what it scores; without one, nothing is counted.
    pub counter: Option<Arc<Counter>>,
    /// The input that was opened last: the next one most often has the same header.
    last: Mutex<Option<Arc<Input>>>,
}

/// A shadow that scores an input.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// Its place in the lineup.
    pub place: usize,
    /// Its key's among the observed columns.
    pub key: Option<usize>,
}

impl Scorer {
    pub fn new(lineup: Arc<Lineup>, shape: Shape) -> Scorer {
        Scorer {
            features: features(lineup.signature().inputs.iter(), &shape.spelling).into(),
            of_shadows: Vec::new(),
            observed: Vec::new(),
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
    pub fn counting(mut self, counter: Option<Arc<Counter>>) -> Scorer {
        // What is counted stands first: a counter knows its columns by their places.
        let keys = std::mem::take(&mut self.observed);
        self.observe(counter.as_ref().map_or(&[][..], |counter| counter.observed()));
        self.observe(&keys);
        Scorer { counter, ..self }
    }

    /// The same, and the lineup's shadows may score, too.
    pub fn beside_shadows(mut self) -> Scorer {
        let spelling = &self.shape.spelling;
        let of = |shadow: &Shadow| features(shadow.member.model.signature().inputs.iter(), spelling).into();
        self.of_shadows = self.lineup.shadows.iter().map(of).collect();
        let keys: Vec<String> = self
            .lineup
            .shadows
            .iter()
            .filter_map(|shadow| shadow.key.clone())
            .collect();
        self.observe(&keys);
        self
    }

    fn observe(&mut self, columns: &[String]) {
        for column in columns {
            if !self.observed.contains(column) {
                self.observed.push(column.clone());
            }
        }
        self.last = Mutex::default();
    }

    /// A shadow that is to score an input, by its place in the lineup.
    pub(super) fn beside(&self, place: usize) -> Beside {
        let key = self.lineup.shadows[place].key.as_ref();
        let key = key.and_then(|key| self.observed.iter().position(|observed| observed == key));
        Beside { place, key }
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
