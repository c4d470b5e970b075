//! Numbers that were predicted, beside those that came true: moments, which add up.

use crate::evaluate::{Evaluation, Interval, Metric, Score, Task};

/// Half of a 95 % interval, in standard errors.
const Z: f64 = 1.959_963_984_540_054;

/// Sums over rows of what came true, y, of e = y - prediction, and of z = y - mean y.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ErrorMoments {
    pub rows: u64,
    /// Of y.
    pub mean: f64,
    /// Sums of z^2, z^3, z^4.
    pub z: [f64; 3],
    /// Sums of e, |e|, e^2, e^4.
    pub e: [f64; 4],
    /// Sums of e^2 z, e^2 z^2.
    pub ez: [f64; 2],
}

impl ErrorMoments {
    pub fn count(&mut self, predicted: f64, actual: f64) {
        let e = actual - predicted;
        self.add(&ErrorMoments {
            rows: 1,
            mean: actual,
            z: [0.0; 3],
            e: [e, e.abs(), e * e, e * e * e * e],
            ez: [0.0; 2],
        });
    }

    pub fn add(&mut self, next: &ErrorMoments) {
        if self.rows == 0 {
            *self = *next;
            return;
        }
        if next.rows == 0 {
            return;
        }
        let rows = self.rows + next.rows;
        let mean = self.mean + (next.mean - self.mean) * (next.rows as f64 / rows as f64);
        let (a, b) = (self.around(mean), next.around(mean));
        *self = ErrorMoments {
            rows,
            mean,
            z: [0, 1, 2].map(|i| a.z[i] + b.z[i]),
            e: [0, 1, 2, 3].map(|i| a.e[i] + b.e[i]),
            ez: [0, 1].map(|i| a.ez[i] + b.ez[i]),
        };
    }

    /// The same sums with another mean.
    fn around(&self, mean: f64) -> ErrorMoments {
        let (n, d) = (self.rows as f64, self.mean - mean);
        let [z2, z3, z4] = self.z;
        let [ez, ez2] = self.ez;
        ErrorMoments {
            mean,
            z: [
                z2 + n * d * d,
                z3 + 3.0 * d * z2 + n * d.powi(3),
                z4 + 4.0 * d * z3 + 6.0 * d * d * z2 + n * d.powi(4),
            ],
            ez: [ez + d * self.e[2], ez2 + 2.0 * d * ez + d * d * self.e[2]],
            ..*self
        }
    }

    /// With intervals by the delta method: of so many rows as labels are of, next to those of resampled rows.
    pub fn evaluation(&self) -> Evaluation {
        let n = self.rows as f64;
        let [_, absolute, squared, fourth] = self.e.map(|sum| sum / n);
        let [z2, _, z4] = self.z.map(|sum| sum / n);
        let ez2 = self.ez[1] / n;
        let half = |variance: f64| Z * (variance.max(0.0) / n).sqrt();
        let ratio = squared / z2;
        // The influence of a row on 1 - mean e^2 / mean z^2.
        let of_r2 = (fourth - squared.powi(2) - 2.0 * ratio * (ez2 - squared * z2) + ratio.powi(2) * (z4 - z2 * z2))
            / (z2 * z2);
        let of_mse = half(fourth - squared.powi(2));
        let ends = |value: f64, half: f64, least: f64| ((value - half).max(least), value + half);
        let mse = ends(squared, of_mse, 0.0);
        let scores = Metric::REGRESSION.map(|metric| {
            let (value, (lower, upper)) = match metric {
                Metric::R2 => (1.0 - ratio, ends(1.0 - ratio, half(of_r2), f64::NEG_INFINITY)),
                Metric::Mse => (squared, mse),
                Metric::Rmse => (squared.sqrt(), (mse.0.sqrt(), mse.1.sqrt())),
                _ => (absolute, ends(absolute, half(squared - absolute * absolute), 0.0)),
            };
            let finite = value.is_finite() && lower.is_finite() && upper.is_finite();
            Score {
                metric,
                value: value.is_finite().then_some(value),
                interval: (finite && self.rows > 1).then_some(Interval { lower, upper }),
            }
        });
        Evaluation {
            task: Task::Regression,
            rows: self.rows as usize,
            scores: scores.to_vec(),
            confusion: None,
            by_class: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Examples;

    fn rows(n: usize) -> (Vec<f64>, Vec<f64>) {
        let noise = |i: usize| ((i * 2_654_435_761) % 1_000) as f64 / 1_000.0 - 0.5;
        let actual: Vec<f64> = (0..n).map(|i| 1e6 + 3.0 * noise(i) + (i % 17) as f64).collect();
        let predicted = (0..n).map(|i| actual[i] + 2.0 * noise(7 * i + 3) * noise(i + 5) + 0.1);
        let predicted = predicted.collect();
        (actual, predicted)
    }

    fn moments(actual: &[f64], predicted: &[f64]) -> ErrorMoments {
        let mut sums = ErrorMoments::default();
        actual.iter().zip(predicted).for_each(|(&y, &p)| sums.count(p, y));
        sums
    }

    fn close(a: f64, b: f64, most: f64) {
        assert!((a - b).abs() <= most * a.abs().max(b.abs()), "{a} {b}");
    }

    /// However the rows are cut; far from 0, where squares lose their digits.
    #[test]
    fn moments_of_parts_add_up_to_the_metrics_of_all_rows() {
        let (actual, predicted) = rows(3_000);
        let examples = Examples::plain(&actual, &predicted);
        let direct = Evaluation::of(Task::Regression, &examples, 0);
        let whole = moments(&actual, &predicted);
        for cut in [0, 1, 7, 1_500, 2_999, 3_000] {
            let mut sums = moments(&actual[..cut], &predicted[..cut]);
            sums.add(&moments(&actual[cut..], &predicted[cut..]));
            assert_eq!(sums.rows, 3_000);
            for (ours, theirs) in sums.evaluation().scores.iter().zip(&direct.scores) {
                close(ours.value.unwrap(), theirs.value.unwrap(), 1e-9);
            }
            close(sums.z[2], whole.z[2], 1e-9);
            close(sums.ez[1], whole.ez[1], 1e-9);
        }
        // Resampled rows say the same of how sure that is, but for their own chance.
        for (ours, theirs) in whole.evaluation().scores.iter().zip(&direct.scores) {
            let width = |score: &Score| score.interval.map(|i| i.upper - i.lower).unwrap();
            close(width(ours), width(theirs), 0.15);
        }
    }

    #[test]
    fn what_is_undefined_has_no_value() {
        assert!(
            ErrorMoments::default()
                .evaluation()
                .scores
                .iter()
                .all(|s| s.value.is_none())
        );
        let same = moments(&[0.1; 7], &[0.2; 7]).evaluation();
        assert_eq!((same.metric("r2"), same.rows), (None, 7));
        close(same.metric("mae").unwrap(), 0.1, 1e-9);
        let one = moments(&[3.0], &[1.0]).evaluation();
        assert_eq!((one.metric("mse"), one.scores[1].interval), (Some(4.0), None));
        let wild = moments(&[1e308, -1e308, 0.0], &[0.0; 3]).evaluation();
        assert_eq!(wild.metric("mse"), None);
    }
}
