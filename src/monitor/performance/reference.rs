//! What is kept of held-out rows with labels, so that later ones can do without.

use super::calibration::{Calibration, Outcome, ranking};
use super::{Figures, Outcomes, Tally};
use crate::evaluate::{Confusion, Metric};
use serde::{Deserialize, Serialize};

/// Parts of the reference, in their order; how far they are apart tells what is usual.
const CHUNKS: usize = 10;
/// A spread over ten parts of fewer than ten rows says nothing.
const ROWS_MIN: usize = 100;
/// Quantile bins of the score. A coarser count than one by row: the estimates differ by a few ten thousandths.
const BINS: usize = 200;
/// The standard errors of the classes' AUC aren't independent, as their mean's formula takes them: NannyML found theirs a fifth
/// too small.
const AUC_OF_CLASSES: f64 = 1.2;
/// How many standard deviations are usual.
const USUAL: f64 = 3.0;

/// Of held-out rows. In `baseline.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub rows: u64,
    /// Of yes and no that of yes alone; of more classes each against the rest, in the order of their scores.
    pub classes: Vec<Class>,
    /// The standard deviation of each metric's contribution of a row: that of n rows has a sampling error of this / sqrt n. None
    /// where the metric is undefined.
    pub deviations: Figures<Option<f64>>,
    /// The metrics, as they came true, of ten parts of the rows in their order.
    pub chunks: Vec<Figures<Option<f64>>>,
}

/// Of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// None: a score is taken for a probability as it is.
    pub calibration: Option<Calibration>,
    /// Ascending, at most 199. Bin i of the raw score holds what is at least `cuts[i - 1]` and below `cuts[i]`; the first and
    /// the last one are open. Scores of few different values have a bin each.
    pub cuts: Vec<f64>,
    /// By bin: the mean probability that the class came true in rows that were called it, and in the others.
    pub called: Vec<f64>,
    pub other: Vec<f64>,
}

impl Reference {
    /// Of held-out rows, in their order (of time, where they have one). `scores`: by class, then by row; of yes and no that of yes
    /// alone. `predicted`, `labels`: the number of a class; of yes and no 1 and 0. Rows with a score that isn't finite are left out.
    ///
    /// None of fewer than 100 rows.
    ///
    /// # Panics
    /// If there aren't as many scores, predictions and labels.
    pub fn of(scores: &[&[f64]], predicted: &[usize], labels: &[usize]) -> Option<Reference> {
        assert_eq!(predicted.len(), labels.len(), "a label for each prediction");
        for scores in scores {
            assert_eq!(scores.len(), labels.len(), "a score for each label");
        }
        let finite = |&row: &usize| scores.iter().all(|scores| scores[row].is_finite());
        let kept: Vec<usize> = (0..labels.len()).filter(finite).collect();
        let n = kept.len();
        if n < ROWS_MIN || scores.is_empty() {
            return None;
        }
        let pick = |of: &[usize]| -> Vec<usize> { kept.iter().map(|&row| of[row]).collect() };
        let scores: Vec<Vec<f64>> = scores
            .iter()
            .map(|scores| kept.iter().map(|&row| scores[row]).collect())
            .collect();
        let scores: Vec<&[f64]> = scores.iter().map(Vec::as_slice).collect();
        let (predicted, labels) = (pick(predicted), pick(labels));

        let calibrations = (0..scores.len()).map(|class| {
            let name = class_name(scores.len(), class);
            let outcomes: Vec<Outcome> = scores[class]
                .iter()
                .copied()
                .zip(labels.iter().map(|&l| l == name))
                .collect();
            Calibration::if_it_helps(&outcomes)
        });
        let classes = calibrations.zip(&scores).map(|(calibration, scores)| Class {
            calibration,
            cuts: cuts(scores),
            called: vec![],
            other: vec![],
        });
        let mut reference = Reference {
            rows: n as u64,
            classes: classes.collect(),
            deviations: deviations(&scores, &predicted, &labels),
            chunks: (0..CHUNKS)
                .map(|chunk| {
                    let rows = chunk * n / CHUNKS..(chunk + 1) * n / CHUNKS;
                    let scores: Vec<&[f64]> = scores.iter().map(|scores| &scores[rows.clone()]).collect();
                    realised(&scores, &predicted[rows.clone()], &labels[rows])
                })
                .collect(),
        };
        reference.take_means(&scores, &predicted);
        Some(reference)
    }

    fn take_means(&mut self, scores: &[&[f64]], predicted: &[usize]) {
        let empty = |class: &Class| vec![[(0.0, 0.0); 2]; class.bins()];
        let mut sums: Vec<Vec<[(f64, f64); 2]>> = self.classes.iter().map(empty).collect();
        let mut row = vec![0.0; scores.len()];
        for (i, &predicted) in predicted.iter().enumerate() {
            row.iter_mut()
                .zip(scores)
                .for_each(|(score, scores)| *score = scores[i]);
            for (class, share) in self.shares(&row).into_iter().enumerate() {
                let called = predicted == class_name(scores.len(), class);
                let sum = &mut sums[class][self.classes[class].bin(row[class])][usize::from(called)];
                *sum = (sum.0 + share, sum.1 + 1.0);
            }
        }
        for (class, sums) in self.classes.iter_mut().zip(sums) {
            // A bin without rows of the one kind takes the mean of the other: each has some, for it is a quantile's.
            let mean = |sum: (f64, f64), instead: (f64, f64)| {
                if sum.1 > 0.0 {
                    sum.0 / sum.1
                } else {
                    instead.0 / instead.1
                }
            };
            class.other = sums.iter().map(|&[other, called]| mean(other, called)).collect();
            class.called = sums.iter().map(|&[other, called]| mean(called, other)).collect();
        }
    }

    /// The probability of each class, by a row's scores; of more than two classes they add up to 1.
    pub(super) fn shares(&self, scores: &[f64]) -> Vec<f64> {
        let calibrated = self
            .classes
            .iter()
            .zip(scores)
            .map(|(class, &score)| class.share(score));
        let mut shares: Vec<f64> = calibrated.collect();
        if shares.len() > 1 {
            let sum: f64 = shares.iter().sum();
            let alike = 1.0 / shares.len() as f64;
            shares
                .iter_mut()
                .for_each(|share| *share = if sum > 0.0 { *share / sum } else { alike });
        }
        shares
    }

    /// Where a metric of n rows usually lies: the mean of the ten parts' values +- 3 of their standard deviations (divided by
    /// ten), within 0 and 1. Fewer rows than a part has wander farther, by the square root law. None where it is undefined in a part.
    pub fn bounds(&self, metric: Metric, n: u64) -> Option<(f64, f64)> {
        let values: Option<Vec<f64>> = self.chunks.iter().map(|chunk| chunk.value(metric)).collect();
        let values = values.filter(|values| !values.is_empty() && n > 0)?;
        let parts = values.len() as f64;
        let mean = values.iter().sum::<f64>() / parts;
        let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / parts).sqrt();
        let wider = (self.rows as f64 / parts / n as f64).max(1.0).sqrt();
        let half = USUAL * sd * wider;
        Some(((mean - half).max(0.0), (mean + half).min(1.0)))
    }

    /// Are these of its classes and bins?
    pub fn fits(&self, tallies: &[Tally]) -> bool {
        let fits =
            |(class, tally): (&Class, &Tally)| [&tally.called, &tally.other].iter().all(|c| c.len() == class.bins());
        tallies.len() == self.classes.len() && self.classes.iter().zip(tallies).all(fits)
    }

    /// What was read from a file can be used.
    pub fn is_sound(&self) -> bool {
        let sound = |class: &Class| {
            class.calibration.as_ref().is_none_or(Calibration::is_sound)
                && class.cuts.is_sorted_by(|a, b| a < b)
                && [&class.called, &class.other]
                    .iter()
                    .all(|shares| shares.len() == class.bins())
        };
        self.rows > 0 && !self.classes.is_empty() && self.classes.iter().all(sound)
    }
}

impl Class {
    /// A row's bin, by its raw score.
    pub fn bin(&self, score: f64) -> usize {
        self.cuts.partition_point(|&cut| cut <= score)
    }

    pub fn bins(&self) -> usize {
        self.cuts.len() + 1
    }

    /// The probability that the class comes true, within 0 and 1.
    pub fn share(&self, score: f64) -> f64 {
        match &self.calibration {
            Some(calibration) => calibration.share(score),
            None => score.clamp(0.0, 1.0),
        }
    }
}

/// The number by which predictions and labels name a class, by the place of its scores.
pub fn class_name(classes: usize, place: usize) -> usize {
    if classes == 1 { 1 } else { place }
}

fn cuts(scores: &[f64]) -> Vec<f64> {
    let mut ascending = scores.to_vec();
    ascending.sort_by(f64::total_cmp);
    let least = ascending[0];
    let mut different = ascending.clone();
    different.dedup();
    if different.len() > BINS {
        different = (1..BINS).map(|i| ascending[i * ascending.len() / BINS]).collect();
        different.dedup();
    }
    different.retain(|&cut| cut > least);
    different
}

/// The metrics of rows with labels; shapes as [`Reference::of`]. None where one is undefined.
pub fn realised(scores: &[&[f64]], predicted: &[usize], labels: &[usize]) -> Figures<Option<f64>> {
    let classes: Vec<Outcomes> = (0..scores.len())
        .map(|class| outcomes(scores, class, predicted, labels))
        .collect();
    Outcomes::figures(&classes)
}

/// The scores of a class, with whether the row was of it.
fn ascending(scores: &[&[f64]], class: usize, labels: &[usize]) -> Vec<Outcome> {
    let name = class_name(scores.len(), class);
    let truths = labels.iter().map(|&label| label == name);
    let mut ascending: Vec<Outcome> = scores[class].iter().copied().zip(truths).collect();
    ascending.sort_by(|a, b| a.0.total_cmp(&b.0));
    ascending
}

fn outcomes(scores: &[&[f64]], class: usize, predicted: &[usize], labels: &[usize]) -> Outcomes {
    let name = class_name(scores.len(), class);
    let ascending = ascending(scores, class, labels);
    let mut confusion = Confusion::<u64>::default();
    for (&predicted, &label) in predicted.iter().zip(labels) {
        *match (predicted == name, label == name) {
            (true, true) => &mut confusion.true_yes,
            (true, false) => &mut confusion.false_yes,
            (false, true) => &mut confusion.false_no,
            (false, false) => &mut confusion.true_no,
        } += 1;
    }
    Outcomes {
        confusion: confusion.into(),
        ranking: ranking(&ascending),
    }
}

/// sd / sqrt(share of rows that a metric is of), as NannyML derives sampling errors from the reference: of what each such row
/// adds to the metric. The classes' variances add up, as of independent ones, to that of their mean.
fn deviations(scores: &[&[f64]], predicted: &[usize], labels: &[usize]) -> Figures<Option<f64>> {
    let n = labels.len() as f64;
    let classes: Vec<(Confusion<f64>, f64)> = (0..scores.len())
        .map(|class| {
            let auc = placement_deviation(scores, class, labels);
            (outcomes(scores, class, predicted, labels).confusion, auc)
        })
        .collect();
    Figures::of(|metric| {
        let several = classes.len() > 1;
        let variances = classes.iter().map(|(confusion, auc)| {
            let Confusion {
                true_yes,
                false_yes,
                true_no,
                false_no,
            } = *confusion;
            // Of a share of right ones among `whole` rows.
            let of_share = |right: f64, whole: f64| right / whole * (1.0 - right / whole) / (whole / n);
            match metric {
                Metric::Precision => of_share(true_yes, true_yes + false_yes),
                Metric::Recall => of_share(true_yes, true_yes + false_no),
                Metric::Specificity => of_share(true_no, true_no + false_yes),
                // Each row that isn't a true no adds 1 or 0, times what makes their mean F1.
                Metric::F1 => {
                    let whole = true_yes + false_yes + false_no;
                    of_share(true_yes, whole) * (whole / (true_yes + (false_yes + false_no) / 2.0)).powi(2)
                }
                Metric::RocAuc => auc.powi(2),
                _ => of_share(true_yes + true_no, n),
            }
        });
        let variances: Vec<f64> = variances.collect();
        let deviation = if several && metric == Metric::Accuracy {
            let right = predicted.iter().zip(labels).filter(|(p, l)| p == l).count() as f64 / n;
            (right * (1.0 - right)).sqrt()
        } else {
            let cautious = if several && metric == Metric::RocAuc {
                AUC_OF_CLASSES
            } else {
                1.0
            };
            variances.iter().sum::<f64>().sqrt() / variances.len() as f64 * cautious
        };
        deviation.is_finite().then_some(deviation)
    })
}

/// Of a row of the rarer class: the share of the others that it ranks above, ties counting half (placement values, DeLong et al.
/// 1988); their standard deviation / sqrt(share of the rarer class). NaN where there is one class only.
fn placement_deviation(scores: &[&[f64]], class: usize, labels: &[usize]) -> f64 {
    let ascending = ascending(scores, class, labels);
    let n = ascending.len() as f64;
    let yes = ascending.iter().filter(|outcome| outcome.1).count() as f64;
    let rarer = yes <= n - yes;
    let rare = yes.min(n - yes);
    let (mut below, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for tied in ascending.chunk_by(|a, b| a.0 == b.0) {
        let count = tied.iter().filter(|outcome| outcome.1 == rarer).count() as f64;
        let others = tied.len() as f64 - count;
        let place = (below + others / 2.0) / (n - rare);
        sum += count * place;
        squares += count * place * place;
        below += others;
    }
    let mean = sum / rare;
    ((squares / rare - mean * mean).max(0.0) / (rare / n)).sqrt()
}
