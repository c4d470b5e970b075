//! Figures of several classes: what was called what, and each class held against the rest.
//!
//! A class that came true but was never called has no precision, one that was called but never came true no recall; a mean
//! over classes of which one has no value has none. A class that neither came true nor was called is in no mean.

use super::metrics::{Confusion, Examples, Metric, Ranking};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What was called what, and how well each class was told from the rest; in the order of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByClass {
    /// `[came true][called]`
    pub confusion_matrix: Vec<Vec<u64>>,
    pub per_class: Vec<OneClass>,
}

/// A class against the rest; none where a figure is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneClass {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub roc_auc: Option<f64>,
    /// How often it came true.
    pub support: u64,
}

/// Rows made ready, so that their figures can be had quickly for any weights.
pub struct Multiclass {
    classes: usize,
    rows: Vec<Row>,
    /// Of each class the rows by ascending probability of it; none without probabilities.
    orders: Vec<Order>,
}

struct Order {
    class: u32,
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Row {
    actual: u32,
    called: u32,
    /// -ln of the probability that was given to what came true; NaN without probabilities.
    loss: f64,
}

#[derive(Clone, Copy)]
struct Place {
    row: u32,
    /// Has it the same probability as the place before?
    tied: bool,
}

impl Multiclass {
    /// # Panics
    /// If a place is not one of the classes, or a class has not as many probabilities as there are rows.
    pub fn new(classes: usize, examples: &Examples) -> Multiclass {
        let Examples {
            actual,
            predicted,
            probabilities,
        } = *examples;
        assert!(probabilities.is_empty() || probabilities.len() == classes);
        let place = |x: f64| {
            assert!(x >= 0.0 && x < classes as f64, "{x} is the place of a class");
            x as u32
        };
        let rows = actual.iter().zip(predicted).enumerate();
        let rows = rows.map(|(row, (&actual, &called))| Row {
            actual: place(actual),
            called: place(called),
            loss: match probabilities.get(actual as usize) {
                Some(given) => -given[row].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln(),
                None => f64::NAN,
            },
        });
        Multiclass {
            classes,
            rows: rows.collect(),
            orders: (probabilities.par_iter().enumerate())
                .map(|(class, given)| Order::of(class, given))
                .collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Those rows that are wanted, asked for in order.
    pub fn choose(&self, mut wanted: impl FnMut() -> bool) -> Multiclass {
        let mut kept = Vec::new();
        let places: Vec<Option<u32>> = (self.rows.iter())
            .map(|row| {
                wanted().then(|| {
                    kept.push(*row);
                    kept.len() as u32 - 1
                })
            })
            .collect();
        Multiclass {
            classes: self.classes,
            orders: self.orders.iter().map(|order| order.choose(&places)).collect(),
            rows: kept,
        }
    }

    /// In the order of [`Metric::MULTICLASS`]; NaN where one is undefined. `weight` tells how often a row counts.
    pub fn figures(&self, weight: impl Fn(usize) -> u32) -> [f64; 10] {
        let counts = self.counts(&weight);
        let aucs: Vec<f64> = self.orders.iter().map(|order| self.roc_auc(order, &weight)).collect();
        let losses = self.rows.iter().enumerate();
        let loss: f64 = losses.map(|(row, of)| f64::from(weight(row)) * of.loss).sum();
        Metric::MULTICLASS.map(|metric| match metric {
            Metric::F1Macro => counts.mean(Metric::F1),
            Metric::F1Weighted => counts.weighted(Metric::F1),
            Metric::PrecisionMacro => counts.mean(Metric::Precision),
            Metric::PrecisionWeighted => counts.weighted(Metric::Precision),
            Metric::RecallMacro => counts.mean(Metric::Recall),
            Metric::RecallWeighted => counts.weighted(Metric::Recall),
            Metric::RocAucOvr => mean(aucs.iter().map(|&auc| (1.0, auc))),
            Metric::RocAucOvrWeighted => mean(counts.support.iter().map(|&n| n as f64).zip(aucs.iter().copied())),
            Metric::LogLoss => loss / counts.rows as f64,
            Metric::Accuracy => counts.right.iter().sum::<u64>() as f64 / counts.rows as f64,
            _ => f64::NAN,
        })
    }

    pub fn by_class(&self) -> ByClass {
        let mut confusion_matrix = vec![vec![0; self.classes]; self.classes];
        for row in &self.rows {
            confusion_matrix[row.actual as usize][row.called as usize] += 1;
        }
        let counts = self.counts(&|_| 1);
        let defined = |x: f64| x.is_finite().then_some(x);
        let one = |class: usize| {
            let confusion = counts.confusion(class);
            let auc = self.orders.get(class).map(|order| self.roc_auc(order, &|_| 1));
            OneClass {
                precision: defined(confusion.share(Metric::Precision)),
                recall: defined(confusion.share(Metric::Recall)),
                f1: defined(confusion.share(Metric::F1)),
                roc_auc: auc.and_then(defined),
                support: counts.support[class],
            }
        };
        ByClass {
            confusion_matrix,
            per_class: (0..self.classes).map(one).collect(),
        }
    }

    fn counts(&self, weight: &impl Fn(usize) -> u32) -> Counts {
        let nothing = vec![0; self.classes];
        let mut counts = Counts {
            support: nothing.clone(),
            called: nothing.clone(),
            right: nothing,
            rows: 0,
        };
        for (row, of) in self.rows.iter().enumerate() {
            let times = u64::from(weight(row));
            counts.support[of.actual as usize] += times;
            counts.called[of.called as usize] += times;
            if of.actual == of.called {
                counts.right[of.actual as usize] += times;
            }
            counts.rows += times;
        }
        counts
    }

    /// Of the class whose order it is.
    fn roc_auc(&self, order: &Order, weight: &impl Fn(usize) -> u32) -> f64 {
        let mut ranking = Ranking::default();
        for tied in order.places.chunk_by(|_, next| next.tied) {
            let (mut yes, mut no) = (0, 0);
            for place in tied {
                let row = place.row as usize;
                let is = self.rows[row].actual == order.class;
                *if is { &mut yes } else { &mut no } += u64::from(weight(row));
            }
            ranking.tied(yes as f64, no as f64);
        }
        ranking.roc_auc()
    }
}

impl Order {
    fn of(class: usize, probabilities: &[f64]) -> Order {
        let mut rows: Vec<u32> = (0..probabilities.len() as u32).collect();
        let given = |row: u32| probabilities[row as usize];
        rows.sort_unstable_by(|&a, &b| given(a).total_cmp(&given(b)).then(a.cmp(&b)));
        let before = std::iter::once(None).chain(rows.iter().copied().map(Some));
        let places = rows.iter().zip(before);
        Order {
            class: class as u32,
            places: places
                .map(|(&row, before)| Place {
                    row,
                    tied: before.is_some_and(|before| given(before) == given(row)),
                })
                .collect(),
        }
    }

    /// Without the rows that have no new place.
    fn choose(&self, new: &[Option<u32>]) -> Order {
        let mut places = Vec::new();
        // A row is tied with the one that was chosen before it if no other probability began between.
        let mut tied = false;
        for place in &self.places {
            tied &= place.tied;
            if let Some(row) = new[place.row as usize] {
                places.push(Place { row, tied });
                tied = true;
            }
        }
        Order {
            class: self.class,
            places,
        }
    }
}

/// By class.
struct Counts {
    support: Vec<u64>,
    called: Vec<u64>,
    right: Vec<u64>,
    rows: u64,
}

impl Counts {
    /// A class against the rest.
    fn confusion(&self, class: usize) -> Confusion<f64> {
        let (support, called, right) = (self.support[class], self.called[class], self.right[class]);
        Confusion::from(Confusion {
            true_yes: right,
            false_yes: called - right,
            false_no: support - right,
            true_no: self.rows + right - called - support,
        })
    }

    fn mean(&self, metric: Metric) -> f64 {
        let seen = |&class: &usize| self.support[class] + self.called[class] > 0;
        let classes = (0..self.support.len()).filter(seen);
        mean(classes.map(|class| (1.0, self.confusion(class).share(metric))))
    }

    fn weighted(&self, metric: Metric) -> f64 {
        let classes = 0..self.support.len();
        mean(classes.map(|class| (self.support[class] as f64, self.confusion(class).share(metric))))
    }
}

/// Of weights and values; what has no weight needs no value. NaN of nothing.
fn mean(of: impl Iterator<Item = (f64, f64)>) -> f64 {
    let weighted = of.filter(|(weight, _)| *weight > 0.0);
    let (weights, sum) = weighted.fold((0.0, 0.0), |(weights, sum), (weight, value)| {
        (weights + weight, sum + weight * value)
    });
    sum / weights
}

#[cfg(test)]
mod tests;
