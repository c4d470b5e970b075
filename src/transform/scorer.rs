//! A lineup and the settings that it scores by.

use super::Shape;
use crate::format::Input;
use crate::model::Model;
use crate::monitor::Counter;
use crate::score::binding::features;
use crate::score::cell::Feature;
use crate::score::{Challenger, Lineup, Second};
use std::sync::{Arc, Mutex, PoisonError};

/// What makes outputs of inputs, with all that is the same for every input: of a model with many categories, it takes longer
/// than a small file.
pub struct Scorer {
    pub lineup: Arc<Lineup>,
    pub shape: Shape,
    /// Of the columns that the lineup takes.
    pub features: Arc<[Feature]>,
    /// The models on trial: of each shadow, then of each challenger that can be used. Empty where none is to score.
    pub(super) seconds: Vec<SecondModel>,
    /// The columns whose cells are looked at, each once: those that are counted, and the keys of trials.
    pub(super) observed: Vec<String>,
    /// Counts what it scores; without one, nothing is counted.
    pub counter: Option<Arc<Counter>>,
    /// The same of each challenger's rows.
    challenger_counters: Vec<Option<Arc<Counter>>>,
    /// The input that was opened last: the next one most often has the same header.
    last: Mutex<Option<Arc<Input>>>,
}

/// A model that scores rows beside the champion.
pub(super) struct SecondModel {
    pub model: Arc<Model>,
    /// Of the columns that it takes.
    pub features: Arc<[Feature]>,
    /// Its place among the lineup's challengers, if it is one.
    challenger: Option<usize>,
}

impl SecondModel {
    pub fn second(&self) -> Second<'_> {
        Second {
            signature: self.model.signature(),
            features: &self.features,
        }
    }
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
            seconds: Vec::new(),
            observed: Vec::new(),
            lineup,
            shape,
            counter: None,
            challenger_counters: Vec::new(),
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

    /// The same, and those on trial in the lineup may score, too.
    pub fn with_trials(mut self) -> Scorer {
        let second = |model: &Arc<Model>, challenger| SecondModel {
            features: features(model.signature().inputs.iter(), &self.shape.spelling).into(),
            model: model.clone(),
            challenger,
        };
        let Lineup {
            shadows, challengers, ..
        } = &*self.lineup;
        let of_shadows = shadows.iter().map(|shadow| second(&shadow.member.model, None));
        let usable =
            |(place, challenger): (usize, &Challenger)| Some(second(challenger.model.as_ref().ok()?, Some(place)));
        let seconds = of_shadows
            .chain(challengers.iter().enumerate().filter_map(usable))
            .collect();
        let keys = shadows.iter().filter_map(|shadow| shadow.key.clone());
        let keys: Vec<String> = keys
            .chain(challengers.iter().map(|challenger| challenger.key.clone()))
            .collect();
        self.seconds = seconds;
        self.observe(&keys);
        self
    }

    /// The same, and it counts challengers' rows: by these, in the lineup's order.
    pub fn counting_challengers(mut self, counters: Vec<Option<Arc<Counter>>>) -> Scorer {
        for counter in counters.iter().flatten() {
            self.observe(counter.observed());
        }
        Scorer {
            challenger_counters: counters,
            ..self
        }
    }

    /// The place among the second models of a challenger that can be used.
    pub(super) fn second_of(&self, challenger: usize) -> Option<usize> {
        self.seconds
            .iter()
            .position(|second| second.challenger == Some(challenger))
    }

    pub(super) fn counter_of(&self, challenger: usize) -> Option<&Arc<Counter>> {
        self.challenger_counters.get(challenger)?.as_ref()
    }

    /// A counter, and where the columns that it observes are among those that are.
    pub(super) fn observing(&self, counter: Option<&Arc<Counter>>) -> Option<(Arc<Counter>, Vec<usize>)> {
        let place = |name: &String| self.observed.iter().position(|observed| observed == name);
        let counter = counter?;
        let places = counter.observed().iter().map(place);
        Some((
            counter.clone(),
            places.collect::<Option<_>>().expect("it is counted by"),
        ))
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
