//! Logistic regression: the log-odds of the second of two classes.

use super::design::{Design, Fit, Standardised};
use super::{least_squares, newton};
use crate::model::logistic;
use nalgebra::{DMatrix, DVector};

/// Minimises `Σ weight ln(1 + e^(-margin)) + alpha/2 Σ coefficient²`, the margin being the log-odds of a row's own class: as
/// scikit-learn's `LogisticRegression(C=1/alpha)` does. The intercept is not penalised. `target`: 0 or 1; `weights`: above 0.
///
/// Newton's method on standardised columns, its steps halved until the objective falls (S. Boyd, L. Vandenberghe, "Convex
/// Optimization", 9.5). Without a penalty, classes that a plane separates are an error: the coefficients have no bound.
/// The loss of an iteration is the objective before it, divided by the number of rows.
pub fn fit(design: &Design, target: &[f64], weights: &[f64], alpha: f64, iterations: usize) -> Result<Fit, String> {
    if alpha == 0.0 {
        least_squares::check_rank(design)?;
    }
    let standardised = Standardised::of(design);
    let problem = Objective::of(&standardised, target, weights, alpha);
    let n = target.len() as f64;
    let mut at = vec![0.0; problem.columns.len()];
    let mut margins = problem.odds(&at);
    let mut value = problem.value(&at, &margins);
    let mut loss = vec![value / n];
    let mut converged = false;
    while loss.len() <= iterations {
        let (gradient, curvature) = problem.derivatives(&at, &margins);
        let Some(cholesky) = curvature.cholesky() else {
            return Err(singular(alpha));
        };
        let step = cholesky.solve(&gradient);
        let decrement = step.dot(&gradient);
        if !decrement.is_finite() {
            return Err(singular(alpha));
        }
        ((at, margins), value) = newton::shortened(value, |share| {
            let next: Vec<f64> = at.iter().zip(step.iter()).map(|(x, s)| x - share * s).collect();
            let odds = problem.odds(&next);
            let lower = problem.value(&next, &odds);
            ((next, odds), lower)
        });
        loss.push(value / n);
        if alpha == 0.0 && problem.separates(&margins) {
            return Err(newton::SEPARATED.into());
        }
        if newton::has_converged(decrement, value) {
            converged = true;
            break;
        }
    }
    let mut warnings = Vec::new();
    if !converged {
        warnings.push(format!(
            "logistic regression has not converged in {iterations} iterations; give it more, or set train.alpha above 0"
        ));
    }
    let sure = margins.iter().filter(|m| m.abs() > 18.0).count();
    if alpha == 0.0 && sure > 0 {
        warnings.push(format!(
            "{sure} of {n} training rows have a probability of 0 or 1 to eight digits: some terms separate the classes \
             almost, and their coefficients mean little; set train.alpha above 0"
        ));
    }
    Ok(Fit {
        coefficients: vec![standardised.coefficients(&at)],
        loss,
        warnings,
    })
}

fn singular(alpha: f64) -> String {
    match alpha == 0.0 {
        true => "some terms separate the classes, so their coefficients have no bound; set train.alpha above 0".into(),
        false => format!("logistic regression failed: the terms are too close to each other for alpha = {alpha}"),
    }
}

/// The objective over the coefficients of standardised columns; the last column is the intercept's, of ones.
struct Objective<'a> {
    columns: Vec<Vec<f64>>,
    /// The penalty of each coefficient.
    penalties: Vec<f64>,
    target: &'a [f64],
    /// Of each row.
    weights: &'a [f64],
}

impl Objective<'_> {
    fn of<'a>(standardised: &Standardised, target: &'a [f64], weights: &'a [f64], alpha: f64) -> Objective<'a> {
        let penalties = standardised.scales.iter().map(|scale| alpha / (scale * scale));
        Objective {
            columns: [&standardised.columns[..], &[vec![1.0; target.len()]]].concat(),
            penalties: penalties.chain([0.0]).collect(),
            target,
            weights,
        }
    }

    /// The log-odds of each row.
    fn odds(&self, at: &[f64]) -> Vec<f64> {
        let mut odds = vec![0.0; self.target.len()];
        for (column, weight) in self.columns.iter().zip(at) {
            for (z, x) in odds.iter_mut().zip(column) {
                *z += weight * x;
            }
        }
        odds
    }

    fn value(&self, at: &[f64], odds: &[f64]) -> f64 {
        let losses = odds.iter().zip(self.target).zip(self.weights).map(|((z, y), weight)| {
            let margin = if *y == 1.0 { *z } else { -z };
            // ln(1 + e^-margin) without overflow
            weight * ((-margin).max(0.0) + libm::log1p(libm::exp(-margin.abs())))
        });
        let penalty: f64 = at.iter().zip(&self.penalties).map(|(w, a)| a * w * w / 2.0).sum();
        losses.sum::<f64>() + penalty
    }

    fn separates(&self, odds: &[f64]) -> bool {
        odds.iter()
            .zip(self.target)
            .all(|(z, y)| if *y == 1.0 { *z > 0.0 } else { *z < 0.0 })
    }

    fn derivatives(&self, at: &[f64], odds: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
        let p: Vec<f64> = odds.iter().map(|z| logistic(*z)).collect();
        let gradient = DVector::from_fn(at.len(), |j, _| {
            let residuals = p.iter().zip(self.target).zip(self.weights).zip(&self.columns[j]);
            residuals.map(|(((p, y), weight), x)| weight * (p - y) * x).sum::<f64>() + self.penalties[j] * at[j]
        });
        let roots = p
            .iter()
            .zip(self.weights)
            .map(|(p, weight)| (weight * (p * (1.0 - p))).sqrt());
        let roots: Vec<f64> = roots.collect();
        let weighted = DMatrix::from_fn(p.len(), at.len(), |i, j| roots[i] * self.columns[j][i]);
        let mut curvature = weighted.tr_mul(&weighted);
        for (j, penalty) in self.penalties.iter().enumerate() {
            curvature[(j, j)] += penalty;
        }
        (gradient, curvature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(design: &Design, target: &[f64], alpha: f64, iterations: usize) -> Result<Fit, String> {
        super::fit(design, target, &vec![1.0; target.len()], alpha, iterations)
    }

    fn design(columns: &[&[f64]]) -> Design {
        Design {
            names: (0..columns.len()).map(|i| format!("x{i}")).collect(),
            rows: columns[0].len(),
            columns: columns.iter().map(|c| c.to_vec()).collect(),
        }
    }

    /// One yes/no column: the coefficients are the log-odds of the two groups.
    #[test]
    fn finds_the_log_odds_of_two_groups() {
        let x = design(&[&[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]);
        let y = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let fit = fit(&x, &y, 0.0, 100).unwrap();
        let (low, high) = ((1.0f64 / 3.0).ln(), 2.0f64.ln());
        assert!((fit.coefficients[0].intercept - low).abs() < 1e-12);
        assert!((fit.coefficients[0].weights[0] - (high - low)).abs() < 1e-12);
        assert!(
            fit.loss.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)),
            "{:?}",
            fit.loss
        );
        assert!(fit.warnings.is_empty(), "{:?}", fit.warnings);
    }

    #[test]
    fn classes_that_a_plane_separates_are_an_error_without_a_penalty() {
        let x = design(&[&[1.0, 2.0, 3.0, 4.0, 5.0]]);
        let y = [0.0, 0.0, 1.0, 1.0, 1.0];
        let error = fit(&x, &y, 0.0, 100).unwrap_err();
        assert!(error.contains("separate the classes perfectly"), "{error}");
        assert!(fit(&x, &y, 0.1, 100).unwrap().warnings.is_empty());
        // One group is all yes, the other is mixed.
        let x = design(&[&[0.0, 0.0, 0.0, 1.0, 1.0]]);
        let error = fit(&x, &[0.0, 1.0, 0.0, 1.0, 1.0], 0.0, 100).unwrap_err();
        assert!(error.contains("some terms separate the classes"), "{error}");
    }

    #[test]
    fn a_row_of_weight_two_counts_as_two_rows() {
        let twice = design(&[&[0.3, 2.0, 1.0, 4.0, 0.1, 2.0, 4.0]]);
        let twice = fit(&twice, &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0], 0.5, 100).unwrap();
        let once = design(&[&[0.3, 2.0, 1.0, 4.0, 0.1]]);
        let once = super::fit(&once, &[0.0, 1.0, 1.0, 0.0, 0.0], &[1.0, 2.0, 1.0, 2.0, 1.0], 0.5, 100).unwrap();
        let (once, twice) = (&once.coefficients[0], &twice.coefficients[0]);
        assert!((once.weights[0] - twice.weights[0]).abs() < 1e-9, "{once:?} {twice:?}");
        assert!((once.intercept - twice.intercept).abs() < 1e-9, "{once:?} {twice:?}");
    }

    #[test]
    fn too_few_iterations_are_a_warning() {
        let x = design(&[&[0.3, 2.0, 1.0, 4.0, 0.1]]);
        let short = fit(&x, &[0.0, 1.0, 1.0, 0.0, 0.0], 0.01, 1).unwrap();
        assert!(
            short.warnings[0].contains("not converged in 1 iterations"),
            "{:?}",
            short.warnings
        );
    }
}
