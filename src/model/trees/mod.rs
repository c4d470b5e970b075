//! Boosted and bagged decision trees: sums of leaves, and what the objective makes of them.

#[cfg(target_arch = "x86_64")]
mod compare;
mod forest;
mod leaf;
mod mixed;
#[cfg(target_arch = "x86_64")]
mod pages;
mod ranks;
mod select;
mod tree;
mod walk;

pub use forest::Forest;
pub use leaf::Leaf;
pub use tree::{Categories, Condition, Part, Reading, Test, Tree};

use super::logistic;

/// Trees of one model, ready to score.
#[derive(Clone, Debug)]
pub struct Trees {
    pub sums: Sums,
    /// Where the sum of each target begins.
    pub base: Vec<f64>,
    /// What the sums are divided by: the number of iterations where leaves are averages.
    pub divisor: f64,
    pub objective: Objective,
}

/// The forest, by the precision in which its library reads features and adds up leaves.
#[derive(Clone, Debug)]
pub enum Sums {
    Single(Forest<f32>),
    Double(Forest<f64>),
}

/// What becomes of the sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// A number for each target.
    Regression(Link),
    /// One sum; the label, and the probabilities of "no" and "yes".
    Binary(Link),
    /// One sum; the label is its sign, and there are no probabilities.
    Hinge,
    /// A sum for each class; the label is the greatest one's, the probabilities are their softmax.
    Softmax,
    /// The same, each class against all others: the probabilities don't add up to one.
    OneVersusAll(Link),
}

/// Turns a sum into a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    Identity,
    /// `1 / (1 + e^(-slope · sum))`
    Logistic {
        slope: f64,
    },
    /// `e^sum`
    Exponential,
    /// `sum · |sum|`: the model was trained on square roots.
    SignedSquare,
    /// `ln(1 + e^sum)`
    Softplus,
}

impl Link {
    fn of(self, sum: f64) -> f64 {
        match self {
            Link::Identity => sum,
            Link::Logistic { slope } => logistic(slope * sum),
            Link::Exponential => libm::exp(sum),
            Link::SignedSquare => sum * sum.abs(),
            Link::Softplus => libm::log1p(libm::exp(sum)),
        }
    }
}

impl Trees {
    /// As `Model::predict`.
    pub fn predict(&self, columns: &[&[f64]], rows: usize, out: &mut [f64]) {
        let mut sums = match &self.sums {
            Sums::Single(forest) => self.sums(forest, columns, rows),
            Sums::Double(forest) => self.sums(forest, columns, rows),
        };
        let outputs: &mut Vec<&mut [f64]> = &mut out.chunks_mut(rows).collect();
        match self.objective {
            Objective::Regression(link) => {
                for (out, sums) in outputs.iter_mut().zip(&sums) {
                    out.iter_mut().zip(sums).for_each(|(y, &sum)| *y = link.of(sum));
                }
            }
            Objective::Binary(link) => {
                for (row, &sum) in sums[0].iter().enumerate() {
                    let yes = self.round(link.of(sum));
                    outputs[0][row] = label_or_nan(yes, yes > 0.5);
                    outputs[1][row] = 1.0 - yes;
                    outputs[2][row] = yes;
                }
            }
            Objective::Hinge => {
                for (y, &sum) in outputs[0].iter_mut().zip(&sums[0]) {
                    *y = label_or_nan(sum, sum > 0.0);
                }
            }
            Objective::Softmax => {
                let infinite = softmax(&mut sums);
                label(&sums, outputs);
                infinite.iter().for_each(|&(row, class)| outputs[0][row] = class as f64);
            }
            Objective::OneVersusAll(link) => {
                sums.iter_mut().flatten().for_each(|sum| *sum = link.of(*sum));
                label(&sums, outputs);
            }
        }
    }

    fn sums<T: Leaf>(&self, forest: &Forest<T>, columns: &[&[f64]], rows: usize) -> Vec<Vec<f64>> {
        let mut sums: Vec<Vec<T>> = self.base.iter().map(|&base| vec![T::of(base); rows]).collect();
        forest.add(columns, &mut sums);
        let mean = |sums: Vec<T>| sums.into_iter().map(|sum| sum.into() / self.divisor).collect();
        sums.into_iter().map(mean).collect()
    }

    /// To the precision of the model's library.
    fn round(&self, x: f64) -> f64 {
        match self.sums {
            Sums::Single(_) => x as f32 as f64,
            Sums::Double(_) => x,
        }
    }
}

/// The label of one of two classes, or NaN where what it was decided by is.
///
/// XGBoost and LightGBM have no such label: a comparison with NaN is false, and `argmax` takes the first NaN for the
/// greatest, so both give the first class, as if the model had chosen it.
fn label_or_nan(decided_by: f64, yes: bool) -> f64 {
    if decided_by.is_nan() { f64::NAN } else { f64::from(yes) }
}

/// Each row's sums -> probabilities. Returns the rows whose probabilities are NaN because one sum is infinite, with that
/// sum's class: it is the greatest all the same, and what XGBoost's `multi:softmax`, which compares sums, gives.
fn softmax(sums: &mut [Vec<f64>]) -> Vec<(usize, usize)> {
    let mut infinite = Vec::new();
    for row in 0..sums.first().map_or(0, Vec::len) {
        let most = sums.iter().map(|s| s[row]).fold(f64::NEG_INFINITY, f64::max);
        if most == f64::INFINITY && sums.iter().all(|s| !s[row].is_nan()) {
            let mut greatest = (0..sums.len()).filter(|&class| sums[class][row] == most);
            if let (Some(class), None) = (greatest.next(), greatest.next()) {
                infinite.push((row, class));
            }
        }
        let mut total = 0.0;
        for sums in sums.iter_mut() {
            sums[row] = libm::exp(sums[row] - most);
            total += sums[row];
        }
        sums.iter_mut().for_each(|sums| sums[row] /= total);
    }
    infinite
}

/// The first class of the greatest probability, NaN where one is; and all probabilities.
fn label(probabilities: &[Vec<f64>], outputs: &mut [&mut [f64]]) {
    let Some((labels, others)) = outputs.split_first_mut() else {
        return;
    };
    for (row, label) in labels.iter_mut().enumerate() {
        let mut best = 0;
        for class in 1..probabilities.len() {
            if probabilities[class][row] > probabilities[best][row] {
                best = class;
            }
        }
        let unknown = probabilities.iter().any(|p| p[row].is_nan());
        *label = if unknown { f64::NAN } else { best as f64 };
    }
    for (out, probabilities) in others.iter_mut().zip(probabilities) {
        out.copy_from_slice(probabilities);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a model of no trees makes of one row's sums.
    fn of_sums(objective: Objective, sums: &[f64], outputs: usize) -> Vec<f64> {
        let model = Trees {
            sums: Sums::Double(Forest::of(Vec::new())),
            base: sums.to_vec(),
            divisor: 1.0,
            objective,
        };
        let mut out = vec![0.0; outputs];
        model.predict(&[], 1, &mut out);
        out
    }

    #[test]
    fn a_label_that_can_not_be_told_is_no_class() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let logistic = Link::Logistic { slope: 1.0 };
        for (objective, sums, expected) in [
            (Objective::Binary(logistic), &[nan][..], None),
            (Objective::Binary(logistic), &[inf], Some(1.0)),
            (Objective::Binary(logistic), &[-inf], Some(0.0)),
            (Objective::Hinge, &[nan], None),
            (Objective::Hinge, &[-inf], Some(0.0)),
            (Objective::Softmax, &[0.0, 1.0, 0.5], Some(1.0)),
            (Objective::Softmax, &[0.0, nan, 0.5], None),
            (Objective::Softmax, &[0.0, -inf, 0.5], Some(2.0)),
            (Objective::Softmax, &[0.0, 1.0, inf], Some(2.0)),
            (Objective::Softmax, &[inf, 1.0, inf], None),
            (Objective::Softmax, &[-inf, -inf, -inf], None),
            (Objective::Softmax, &[nan, 1.0, inf], None),
            (Objective::OneVersusAll(logistic), &[0.0, 1.0, inf], Some(2.0)),
            (Objective::OneVersusAll(logistic), &[0.0, nan, 1.0], None),
        ] {
            let outputs = match objective {
                Objective::Hinge => 1,
                Objective::Binary(_) => 3,
                _ => 1 + sums.len(),
            };
            let label = of_sums(objective, sums, outputs)[0];
            assert_eq!((!label.is_nan()).then_some(label), expected, "{objective:?} {sums:?}");
        }
    }
}
