//! Least squares by gradient descent.

use super::design::{Coefficients, Design, Fit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub learning_rate: f64,
    pub iterations: usize,
    pub initial: Initial,
    pub initial_intercept: f64,
    /// Stops when an iteration lowers the loss by less than this share of it; 0: never.
    pub tolerance: f64,
    /// Weight of the penalty on the squared coefficients, as ridge regression has it.
    pub alpha: f64,
}

/// Where the coefficients begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    All(f64),
    /// One for each term.
    Each(Vec<f64>),
    /// Uniform between -1 and 1.
    Random {
        seed: u64,
    },
}

impl Initial {
    fn weights(&self, terms: usize) -> Result<Vec<f64>, String> {
        match self {
            Initial::All(weight) => Ok(vec![*weight; terms]),
            Initial::Each(weights) if weights.len() == terms => Ok(weights.clone()),
            Initial::Each(weights) => Err(format!(
                "train.initial_weight has {} weights, and there are {terms} terms",
                weights.len()
            )),
            Initial::Random { seed } => {
                let mut random = ChaCha8Rng::seed_from_u64(*seed);
                Ok((0..terms).map(|_| random.random_range(-1.0..1.0)).collect())
            }
        }
    }
}

/// R2 that still grows by more in the last tenth of the iterations has not settled.
const SETTLED: f64 = 1e-4;

/// Minimises `1/n (Σ (intercept + Σ coefficient · x - y)² + alpha Σ coefficient²)` by steps of
/// `learning_rate` times its gradient, whose factor is so `2/n`. The loss of an iteration is the one before its step.
pub fn fit(design: &Design, target: &[f64], settings: &Settings) -> Result<Fit, String> {
    let n = target.len() as f64;
    let mut weights = settings.initial.weights(design.columns.len())?;
    let mut intercept = settings.initial_intercept;
    let mut residuals = vec![0.0; target.len()];
    let mut loss = Vec::with_capacity(settings.iterations);
    let mean = sum(target) / n;
    let variance = target.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / n;
    let mut lowest = f64::INFINITY;
    let mut stopped = false;
    for iteration in 0..settings.iterations {
        residuals.fill(intercept);
        for (column, weight) in design.columns.iter().zip(&weights) {
            for (r, x) in residuals.iter_mut().zip(column) {
                *r += weight * x;
            }
        }
        for (r, y) in residuals.iter_mut().zip(target) {
            *r -= y;
        }
        let penalty = settings.alpha * dot(&weights, &weights);
        let now = (dot(&residuals, &residuals) + penalty) / n;
        // On a quadratic, steps that are short enough never raise the loss; the second test leaves out rounding.
        if !now.is_finite() || now > 2.0 * lowest && now > 1e-9 * variance {
            return Err(diverges(design, settings, iteration, now));
        }
        lowest = lowest.min(now);
        let before = loss.last().copied().unwrap_or(f64::INFINITY);
        loss.push(now);
        if settings.tolerance > 0.0 && before - now < settings.tolerance * before {
            stopped = true;
            break;
        }
        let step = settings.learning_rate * 2.0 / n;
        for (column, weight) in design.columns.iter().zip(&mut weights) {
            *weight -= step * (dot(column, &residuals) + settings.alpha * *weight);
        }
        intercept -= step * sum(&residuals);
    }
    let mut warnings = Vec::new();
    let end = loss.last().copied().unwrap_or(f64::NAN);
    let tenth = loss[(loss.len() - 1) * 9 / 10];
    if !stopped && tenth - end > SETTLED * variance {
        warnings.push(format!(
            "gradient descent has not converged: in the last tenth of {} iterations the loss still fell from {tenth} to \
             {end}; give it more iterations, a higher learning rate, or standardise the features",
            loss.len()
        ));
    }
    Ok(Fit {
        coefficients: vec![Coefficients { weights, intercept }],
        loss,
        warnings,
    })
}

fn diverges(design: &Design, settings: &Settings, iteration: usize, loss: f64) -> String {
    let n = design.rows as f64;
    // The gradient's Lipschitz constant is twice the largest eigenvalue of XᵀX/n, which is at most the trace; steps of
    // its inverse never raise the loss.
    let trace: f64 = 1.0 + design.columns.iter().map(|c| dot(c, c) / n).sum::<f64>() + settings.alpha / n;
    let safe = 0.5 / trace;
    format!(
        "gradient descent diverges: after {iteration} iterations the loss is {loss}; take a learning rate of \
         {safe:.2e}, which is sure to converge, instead of {}, or standardise the features",
        settings.learning_rate
    )
}

/// Sums in eight lanes, so that the compiler can use vectors; always in the same order.
fn lanes(length: usize, at: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let whole = length - length % 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += at(start + lane);
        }
    }
    sums.iter().sum::<f64>() + (whole..length).map(at).sum::<f64>()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    lanes(length, |i| a[i] * b[i])
}

fn sum(a: &[f64]) -> f64 {
    lanes(a.len(), |i| a[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            learning_rate: 0.1,
            iterations: 1000,
            initial: Initial::All(0.0),
            initial_intercept: 0.0,
            tolerance: 0.0,
            alpha: 0.0,
        }
    }

    fn design(columns: &[&[f64]]) -> Design {
        Design {
            names: (0..columns.len()).map(|i| format!("x{i}")).collect(),
            rows: columns[0].len(),
            columns: columns.iter().map(|c| c.to_vec()).collect(),
        }
    }

    #[test]
    fn finds_the_line_that_made_the_data() {
        let x = design(&[&[0.0, 1.0, 2.0, 3.0], &[1.0, -1.0, 1.0, 0.0]]);
        let y: Vec<f64> = (0..4)
            .map(|i| 2.0 * x.columns[0][i] - 3.0 * x.columns[1][i] + 0.5)
            .collect();
        let fit = fit(&x, &y, &settings()).unwrap();
        let found = [
            fit.coefficients[0].weights[0],
            fit.coefficients[0].weights[1],
            fit.coefficients[0].intercept,
        ];
        for (found, wanted) in found.iter().zip([2.0, -3.0, 0.5]) {
            assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        }
        assert_eq!(fit.loss.len(), 1000);
        assert!(fit.warnings.is_empty(), "{:?}", fit.warnings);
    }

    #[test]
    fn too_long_steps_are_an_error_with_a_rate_that_converges() {
        let x = design(&[&[10.0, 20.0, 30.0, 45.0]]);
        let y = [1.0, 2.0, 3.0, 4.0];
        let error = fit(&x, &y, &settings()).unwrap_err();
        assert!(error.contains("diverges"), "{error}");
        let rate = error.split("rate of ").nth(1).unwrap().split(',').next().unwrap();
        let calm = Settings {
            learning_rate: rate.parse().unwrap(),
            ..settings()
        };
        let fit = fit(&x, &y, &calm).unwrap();
        assert!(fit.loss.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)));
    }

    #[test]
    fn too_few_iterations_are_a_warning_and_a_tolerance_stops_early() {
        let x = design(&[&[0.1, 0.2, 0.3, 0.4]]);
        let y = [1.0, 2.0, 3.0, 4.0];
        let short = fit(
            &x,
            &y,
            &Settings {
                iterations: 20,
                ..settings()
            },
        )
        .unwrap();
        assert!(short.warnings[0].contains("not converged"), "{:?}", short.warnings);
        let patient = Settings {
            iterations: 100_000,
            tolerance: 1e-3,
            ..settings()
        };
        let early = fit(&x, &y, &patient).unwrap();
        assert!(early.loss.len() < 50_000, "{}", early.loss.len());
        assert!(early.warnings.is_empty(), "{:?}", early.warnings);
    }

    #[test]
    fn initial_weights_are_one_for_each_term() {
        let x = design(&[&[0.0, 1.0]]);
        let two = Settings {
            initial: Initial::Each(vec![1.0, 2.0]),
            ..settings()
        };
        assert!(
            fit(&x, &[0.0, 1.0], &two)
                .unwrap_err()
                .contains("2 weights, and there are 1 terms")
        );
        let random = |seed| Initial::Random { seed }.weights(3).unwrap();
        assert_eq!(random(1), random(1));
        assert_ne!(random(1), random(2));
    }
}
