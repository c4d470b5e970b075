//! Labels that were predicted, beside those that came true.

use super::super::{Figures, Outcomes, Reference, Tally};
use super::scores::{Scores, bin};
use crate::evaluate::{Confusion, Evaluation, Examples, Metric, SEED, Task};

/// Counts of rows by the class that was predicted and the one that came true, and by the scores of each class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// In the model's order.
    pub names: Vec<String>,
    /// `[predicted * names + actual]`
    pub counts: Vec<u64>,
    /// Of yes and no that of yes alone; of more classes one for each. Rows without probabilities are in none.
    pub scores: Vec<Scores>,
}

impl Classes {
    pub fn new(names: Vec<String>) -> Classes {
        let of = names.len();
        Classes {
            counts: vec![0; of * of],
            scores: vec![Scores::default(); if of == 2 { 1 } else { of }],
            names,
        }
    }

    /// A row. `probabilities`: of each class, if they are known.
    pub fn count(&mut self, predicted: usize, actual: usize, probabilities: Option<&[f64]>) {
        let classes = self.names.len();
        self.counts[predicted * classes + actual] += 1;
        let Some(probabilities) = probabilities else {
            return;
        };
        let first = classes - self.scores.len().min(classes);
        for (class, scores) in self.scores.iter_mut().enumerate() {
            // Of yes and no, yes.
            let class = class + first;
            scores.count(probabilities[class], predicted == class, actual == class);
        }
    }

    pub(super) fn add(&mut self, next: &Classes) {
        self.counts.iter_mut().zip(&next.counts).for_each(|(sum, n)| *sum += n);
        self.scores
            .iter_mut()
            .zip(&next.scores)
            .for_each(|(sum, next)| sum.add(next));
    }

    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Do all rows have probabilities?
    pub fn is_scored(&self) -> bool {
        let rows = self.rows();
        self.scores.iter().all(|scores| scores.rows() == rows)
    }

    /// One class against the rest.
    pub fn confusion(&self, class: usize) -> Confusion {
        let classes = self.names.len();
        let mut confusion = Confusion::default();
        for (place, &count) in self.counts.iter().enumerate() {
            *match (place / classes == class, place % classes == class) {
                (true, true) => &mut confusion.true_yes,
                (true, false) => &mut confusion.false_yes,
                (false, true) => &mut confusion.false_no,
                (false, false) => &mut confusion.true_no,
            } += count;
        }
        confusion
    }

    /// The metrics of an evaluation, with intervals; none of other than two classes. What was called yes or no in the output counts
    /// as that; `threshold` only says where the two are parted, unless it was elsewhere. Without probabilities, what needs them is undefined.
    pub fn evaluation(&self, threshold: f64) -> Option<Evaluation> {
        let [_, _] = &self.names[..] else {
            return None;
        };
        let scored = self.is_scored();
        let scores = match &self.scores[..] {
            [scores] if scored => scores.clone(),
            _ => Scores::of(&self.confusion(1)),
        };
        let threshold = parted_by(&scores, threshold);
        let (mut actual, mut predicted) = (Vec::new(), Vec::new());
        for (score, called, yes, count) in scores.cells() {
            // What was called yes is on that side of the threshold, however its score was rounded.
            let score = if called {
                score.max(threshold)
            } else {
                score.min(threshold.next_down())
            };
            actual.resize(actual.len() + count as usize, f64::from(u8::from(yes)));
            predicted.resize(predicted.len() + count as usize, score);
        }
        let examples = Examples::plain(&actual, &predicted);
        let mut evaluation = Evaluation::of(Task::Classification { threshold }, &examples, SEED);
        for score in &mut evaluation.scores {
            if !scored && score.metric.needs_probabilities() {
                (score.value, score.interval) = (None, None);
            }
        }
        Some(evaluation)
    }

    /// The metrics of an evaluation of several classes; with intervals, but for those that need probabilities: how these go together
    /// is not kept.
    pub fn evaluation_of_several(&self) -> Evaluation {
        let classes = self.names.len();
        let (mut actual, mut called) = (Vec::new(), Vec::new());
        for (place, &count) in self.counts.iter().enumerate() {
            called.resize(called.len() + count as usize, (place / classes) as f64);
            actual.resize(actual.len() + count as usize, (place % classes) as f64);
        }
        let task = Task::Multiclass { classes };
        let mut evaluation = Evaluation::of(task, &Examples::plain(&actual, &called), SEED);
        if self.rows() > 0 && self.is_scored() && self.scores.len() == classes {
            let rows = self.rows() as f64;
            let of: Vec<(f64, f64)> = (self.scores.iter())
                .map(|scores| (scores.ranking().yes / rows, scores.ranking().roc_auc()))
                .collect();
            for score in &mut evaluation.scores {
                let value = match score.metric {
                    Metric::RocAucOvr => of.iter().map(|(_, auc)| auc).sum::<f64>() / classes as f64,
                    Metric::RocAucOvrWeighted => {
                        let seen = of.iter().filter(|(share, _)| *share > 0.0);
                        seen.map(|(share, auc)| share * auc).sum()
                    }
                    Metric::LogLoss => self.scores.iter().map(Scores::loss).sum::<f64>() / rows,
                    _ => continue,
                };
                score.value = value.is_finite().then_some(value);
            }
        }
        evaluation
    }

    /// The metrics as [`super::super::realised`] has them; what needs probabilities is undefined without.
    pub fn figures(&self) -> Figures<Option<f64>> {
        let (classes, scored) = (self.names.len(), self.is_scored());
        let first = classes - self.scores.len().min(classes);
        let outcomes: Vec<Outcomes> = (self.scores.iter().enumerate())
            .map(|(class, scores)| Outcomes {
                confusion: self.confusion(class + first).into(),
                ranking: scores.ranking(),
            })
            .collect();
        let mut figures = Outcomes::figures(&outcomes);
        if !scored {
            figures.roc_auc = None;
        }
        figures
    }

    /// The same rows as [`Reference::estimate_tallies`] takes them; none without probabilities, or where the reference has other
    /// classes.
    pub fn tallies(&self, reference: &Reference) -> Option<Vec<Tally>> {
        if !self.is_scored() || reference.classes.len() != self.scores.len() {
            return None;
        }
        let of = reference.classes.iter().zip(&self.scores);
        let tallies = of.map(|(class, scores)| {
            let mut tally = Tally::with_bins(class.bins());
            // A cut is a score of the reference: rows that have it are in its bin, however it was rounded.
            let cuts: Vec<u32> = class.cuts.iter().map(|&cut| bin(cut)).collect();
            for (&score, [called_yes, called_no, other_yes, other_no]) in &scores.0 {
                let place = cuts.partition_point(|&cut| cut <= score);
                tally.called[place] += called_yes + called_no;
                tally.other[place] += other_yes + other_no;
            }
            tally
        });
        Some(tallies.collect())
    }
}

/// The threshold, if it parts what was called yes from the rest; else the least score that was called yes.
fn parted_by(scores: &Scores, threshold: f64) -> f64 {
    let fits = |(score, called, ..): (f64, bool, bool, u64)| called == (score >= threshold);
    if scores.cells().all(fits) {
        return threshold;
    }
    let least = scores.cells().find(|cell| cell.1).map(|cell| cell.0);
    least.unwrap_or(f64::MAX)
}
