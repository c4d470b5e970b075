//! Predictions with probabilities -> tallies, by which the model's worth is estimated without labels.

use crate::model;
use crate::monitor::Baseline;
use crate::monitor::performance::{Class, Tally, class_name};
use std::ops::Range;

/// Where the scores of each class are cut into bins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worth {
    classes: Vec<Class>,
    /// Which outputs are their scores: of yes and no that of yes alone.
    scores: Range<usize>,
}

impl Worth {
    /// None where the baseline doesn't know what probabilities are worth, or the model gives others.
    pub fn of(baseline: &Baseline, outputs: &[model::Column]) -> Option<Worth> {
        let reference = baseline.outcomes.as_ref()?.performance.as_ref()?;
        let classes = outputs.first()?.categories.len();
        let first = if classes == 2 { 2 } else { 1 };
        let fits = outputs.len() == classes + 1 && reference.classes.len() == outputs.len() - first;
        fits.then(|| Worth {
            classes: reference.classes.clone(),
            scores: first..outputs.len(),
        })
    }

    /// Nothing was counted yet.
    pub fn zero(&self) -> Vec<Tally> {
        let classes = self.classes.iter();
        classes.map(|class| Tally::with_bins(class.bins())).collect()
    }

    /// Adds rows of which all is known. `predictions`: `[output][row]`.
    pub fn count(&self, predictions: &[f64], rows: usize, is_bad: impl Fn(usize) -> bool, tallies: &mut [Tally]) {
        let labels = &predictions[..rows];
        let scores: Vec<&[f64]> = self
            .scores
            .clone()
            .map(|output| &predictions[output * rows..][..rows])
            .collect();
        let known =
            |row: &usize| labels[*row] >= 0.0 && scores.iter().all(|scores| scores[*row].is_finite()) && !is_bad(*row);
        for row in (0..rows).filter(known) {
            let label = labels[row] as usize;
            for (place, (class, tally)) in self.classes.iter().zip(&mut *tallies).enumerate() {
                let called = label == class_name(self.classes.len(), place);
                let counts = if called { &mut tally.called } else { &mut tally.other };
                counts[class.bin(scores[place][row])] += 1;
            }
        }
    }
}
