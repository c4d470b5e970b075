//! Predictions with probabilities -> tallies, by which the model's worth is estimated without labels.

use crate::model;
use crate::monitor::Baseline;
use crate::monitor::performance::{Class, Tally, class_name};
use std::ops::Range;

/// A reference has fewer cuts.
const CUTS: usize = 256;

/// Where one class's scores are cut: a table that is full of what no score reaches.
#[derive(Clone, Debug, PartialEq)]
struct Cuts {
    cuts: Box<[f64; CUTS]>,
    bins: usize,
}

impl Cuts {
    /// None of more than any program makes.
    fn of(class: &Class) -> Option<Cuts> {
        let mut cuts = Box::new([f64::NAN; CUTS]);
        cuts[..CUTS - 1]
            .get_mut(..class.cuts.len())?
            .copy_from_slice(&class.cuts);
        Some(Cuts {
            cuts,
            bins: class.bins(),
        })
    }

    /// As [`Class::bin`], without a branch: which way a search goes can't be guessed.
    fn bin(&self, score: f64) -> usize {
        let mut bin = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            bin += step * usize::from(self.cuts[(bin + step - 1) % CUTS] <= score);
        }
        bin
    }
}

/// Where the scores of each class are cut into bins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worth {
    classes: Vec<Cuts>,
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
        let classes = reference.classes.iter().map(Cuts::of).collect::<Option<_>>()?;
        fits.then_some(Worth {
            classes,
            scores: first..outputs.len(),
        })
    }

    /// Nothing was counted yet.
    pub fn zero(&self) -> Vec<Tally> {
        let classes = self.classes.iter();
        classes.map(|class| Tally::with_bins(class.bins)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_found_in_its_bin() {
        for cuts in [0usize, 1, 2, 63, 199, 255] {
            let class = Class {
                calibration: None,
                cuts: (0..cuts).map(|i| i as f64 / cuts as f64).collect(),
                called: vec![],
                other: vec![],
            };
            let quick = Cuts::of(&class).unwrap();
            assert_eq!(quick.bins, class.bins());
            for score in (-10..1_100).map(|i| f64::from(i) / 1_000.0).chain(class.cuts.clone()) {
                assert_eq!(quick.bin(score), class.bin(score), "{cuts} {score}");
            }
        }
    }
}
