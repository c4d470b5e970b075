//! What a model is worth, estimated without labels, or measured with them.
//!
//! Confidence-based performance estimation (CBPE; NannyML's documentation, "Estimation of Performance of the Monitored Model"):
//! a calibrated probability says how likely a row's yes is to come true, so the expected confusion of any rows is known without
//! their labels. It sees what a shift of the inputs does to the model within the region that it knows; not that the world
//! answers otherwise than it did (concept drift), nor regions that the reference never saw.
//!
//! [`Reference`] is what was learnt of held-out rows. [`Reference::estimate`] takes rows, [`Reference::estimate_tallies`] counts
//! per bin of the score, which is all that a pass has to keep. [`realised`] is of rows with labels. All by the formulas of
//! [`Metric`].

mod calibration;
mod estimate;
mod measured;
mod reference;

pub use calibration::Calibration;
pub use estimate::{Estimate, Row, Tally};
pub use measured::{Classes as MeasuredClasses, ErrorMoments, Measured, Measurement, Segment};
pub use reference::{Class, Reference, class_name, realised};

use crate::evaluate::{Confusion, Metric, Ranking};
use serde::{Deserialize, Serialize};

/// Shares of rows, none of which needs more than scores and labels. Of more than two classes each is the mean over the classes,
/// each against the rest; but the accuracy is the share of rows whose class is right.
pub const METRICS: [Metric; 6] = [
    Metric::Accuracy,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::F1,
    Metric::RocAuc,
];

/// One value for each of [`METRICS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures<T> {
    pub accuracy: T,
    pub precision: T,
    pub recall: T,
    pub specificity: T,
    pub f1: T,
    pub roc_auc: T,
}

impl<T> Figures<T> {
    pub fn of(mut figure: impl FnMut(Metric) -> T) -> Figures<T> {
        Figures {
            accuracy: figure(Metric::Accuracy),
            precision: figure(Metric::Precision),
            recall: figure(Metric::Recall),
            specificity: figure(Metric::Specificity),
            f1: figure(Metric::F1),
            roc_auc: figure(Metric::RocAuc),
        }
    }

    /// None of a metric that is none of [`METRICS`].
    pub fn get(&self, metric: Metric) -> Option<&T> {
        match metric {
            Metric::Accuracy => Some(&self.accuracy),
            Metric::Precision => Some(&self.precision),
            Metric::Recall => Some(&self.recall),
            Metric::Specificity => Some(&self.specificity),
            Metric::F1 => Some(&self.f1),
            Metric::RocAuc => Some(&self.roc_auc),
            _ => None,
        }
    }
}

impl Figures<Option<f64>> {
    /// None also where it is undefined.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.get(metric).copied().flatten()
    }
}

/// Of one class against the rest: counted, or expected.
#[derive(Clone, Copy, Debug, Default)]
struct Outcomes {
    confusion: Confusion<f64>,
    ranking: Ranking,
}

impl Outcomes {
    /// Of a single metric of the class; NaN where it is undefined.
    fn figure(&self, metric: Metric) -> f64 {
        match metric {
            Metric::RocAuc => self.ranking.roc_auc(),
            share => self.confusion.share(share),
        }
    }

    /// Of yes and no there is one class, yes; of more, one for each. What is undefined for one class has no mean.
    fn figures(classes: &[Outcomes]) -> Figures<Option<f64>> {
        Figures::of(|metric| {
            let value = if metric == Metric::Accuracy && classes.len() > 1 {
                // Each row is called one class.
                let right: f64 = classes.iter().map(|class| class.confusion.true_yes).sum();
                let wrong: f64 = classes.iter().map(|class| class.confusion.false_yes).sum();
                right / (right + wrong)
            } else {
                classes.iter().map(|class| class.figure(metric)).sum::<f64>() / classes.len() as f64
            };
            value.is_finite().then_some(value)
        })
    }
}

#[cfg(test)]
mod tests;
