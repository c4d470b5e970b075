//! Multinomial logistic regression: the probabilities of three or more classes.

use super::design::{Design, Fit, Standardised};
use super::{least_squares, newton};
use crate::model::pipeline::softmax;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// A step is solved until this share of its residual is left: three digits a step are as good as all of them, for the next
/// one begins where it ends.
const SOLVED: f64 = 1e-3;
/// Of one step. Each is one pass over rows, terms and classes.
const INNER_MAX: usize = 500;
/// A class's curvature in one direction beside its largest: below, some coefficients are decided by rounding.
const FLAT: f64 = 1e-10;
/// Numbers in the curvatures of all classes, which are held at once: 512 MiB.
const CURVATURES_MAX: usize = 1 << 26;

/// Minimises `-Σ weight ln p(own class) + alpha/2 Σ coefficient²`, the probabilities being the softmax of a sum for each
/// class, as scikit-learn's `LogisticRegression(C=1/alpha)` does. Intercepts are not penalised. `target`: of each row the
/// place of its class; `weights`: above 0.
///
/// What is added to the sums of all classes changes nothing. Of all answers that are so the same, this gives the one whose
/// coefficients of each term, and whose intercepts, add up to 0: the smallest. With a penalty there is no other but for the
/// intercepts. Without one the terms must not be combinations of each other, nor separate a class from the others.
///
/// A Newton method whose steps are solved by conjugate gradients, preconditioned by the curvature of each class alone (J. Nocedal,
/// S. Wright, "Numerical Optimization", 7.1): a step is `rows · terms² · classes` for the curvatures, and `rows · terms · classes`
/// for each of its some ten passes, where the whole curvature would ask for `rows · (terms · classes)²`. The loss of an
/// iteration is the objective before it, divided by the number of rows.
pub fn fit(
    design: &Design,
    target: &[f64],
    weights: &[f64],
    classes: usize,
    alpha: f64,
    iterations: usize,
) -> Result<Fit, String> {
    let width = design.columns.len() + 1;
    if classes.saturating_mul(width * width) > CURVATURES_MAX {
        return Err(format!(
            "{classes} classes and {} terms are too many for each other: classes * terms² is to be at most {CURVATURES_MAX}; \
             take fewer terms, or fewer classes",
            width - 1
        ));
    }
    if alpha == 0.0 {
        least_squares::check_rank(design)?;
    }
    let standardised = Standardised::of(design);
    let problem = Objective::of(&standardised, target, weights, alpha);
    let n = target.len() as f64;
    let mut at = DMatrix::zeros(width, classes);
    let mut sums = problem.sums(&at);
    let mut value = problem.value(&at, &sums);
    let mut loss = vec![value / n];
    let mut converged = false;
    while loss.len() <= iterations {
        let slope = problem.slope(&at, &sums);
        let curvatures = slope.curvatures(alpha)?;
        let step = slope.step(&curvatures);
        let decrement = step.dot(&slope.gradient);
        if !decrement.is_finite() {
            return Err(singular(alpha));
        }
        ((at, sums), value) = newton::shortened(value, |share| {
            let next = &at - share * &step;
            let sums = problem.sums(&next);
            let lower = problem.value(&next, &sums);
            ((next, sums), lower)
        });
        loss.push(value / n);
        if alpha == 0.0 && problem.separates(&sums) {
            return Err(newton::SEPARATED.into());
        }
        if newton::has_converged(decrement, value) {
            converged = true;
            break;
        }
    }
    let mut warnings = Vec::new();
    match (converged, alpha == 0.0) {
        (true, true) if problem.slope(&at, &sums).is_flat(alpha)? => return Err(singular(alpha)),
        (true, _) => {}
        (false, true) => {
            return Err(format!(
                "logistic regression has not converged in {iterations} iterations: without a penalty it may have no answer; set \
                 train.alpha above 0, or give it more"
            ));
        }
        (false, false) => warnings.push(format!(
            "logistic regression has not converged in {iterations} iterations; give it more, or set train.alpha higher"
        )),
    }
    let mean = at.column_mean();
    let centred = at.column_iter().map(|class| class - &mean);
    Ok(Fit {
        coefficients: centred
            .map(|class| standardised.coefficients(class.as_slice()))
            .collect(),
        loss,
        warnings,
    })
}

fn singular(alpha: f64) -> String {
    match alpha == 0.0 {
        true => "some terms separate classes, or are too close to each other, so that their coefficients have no one answer; set \
                 train.alpha above 0"
            .into(),
        false => format!("logistic regression failed: the terms are too close to each other for alpha = {alpha}"),
    }
}

/// The objective over `[coefficient, class]` of standardised columns; the last one is the intercept.
struct Objective<'a> {
    /// `[row, coefficient]`, the last column of ones.
    columns: DMatrix<f64>,
    penalties: DVector<f64>,
    target: &'a [f64],
    weights: &'a [f64],
}

/// The objective's derivatives at one place.
struct Slope<'a> {
    problem: &'a Objective<'a>,
    /// `[row, class]`
    probabilities: DMatrix<f64>,
    /// `[coefficient, class]`
    gradient: DMatrix<f64>,
}

impl Objective<'_> {
    fn of<'a>(standardised: &Standardised, target: &'a [f64], weights: &'a [f64], alpha: f64) -> Objective<'a> {
        let terms = standardised.columns.len();
        let cell = |row: usize, term: usize| standardised.columns.get(term).map_or(1.0, |column| column[row]);
        let penalty = |term: usize, _| {
            standardised
                .scales
                .get(term)
                .map_or(0.0, |scale| alpha / (scale * scale))
        };
        Objective {
            columns: DMatrix::from_fn(target.len(), terms + 1, cell),
            penalties: DVector::from_fn(terms + 1, penalty),
            target,
            weights,
        }
    }

    /// `[row, class]`
    fn sums(&self, at: &DMatrix<f64>) -> DMatrix<f64> {
        &self.columns * at
    }

    fn value(&self, at: &DMatrix<f64>, sums: &DMatrix<f64>) -> f64 {
        let loss = |row: usize| {
            let sums = sums.row(row);
            let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = sums.iter().map(|sum| libm::exp(sum - most)).sum();
            self.weights[row] * (libm::log(total) + most - sums[self.target[row] as usize])
        };
        let losses: f64 = (0..self.target.len()).map(loss).sum();
        let penalty = |class: nalgebra::DVectorView<f64>| class.component_mul(&class).dot(&self.penalties) / 2.0;
        losses + at.column_iter().map(penalty).sum::<f64>()
    }

    /// Is each row's own class the most probable one?
    fn separates(&self, sums: &DMatrix<f64>) -> bool {
        (0..self.target.len()).all(|row| {
            let own = self.target[row] as usize;
            let others = (0..sums.ncols()).filter(|&class| class != own);
            others.into_iter().all(|class| sums[(row, class)] < sums[(row, own)])
        })
    }

    fn slope(&self, at: &DMatrix<f64>, sums: &DMatrix<f64>) -> Slope<'_> {
        let mut probabilities = sums.clone();
        let rows = self.target.len();
        softmax(probabilities.as_mut_slice(), rows);
        let residual = |row: usize, class: usize| {
            let own = f64::from(self.target[row] as usize == class);
            self.weights[row] * (probabilities[(row, class)] - own)
        };
        let residuals = DMatrix::from_fn(rows, sums.ncols(), residual);
        Slope {
            problem: self,
            gradient: self.columns.tr_mul(&residuals) + self.penalised(at),
            probabilities,
        }
    }

    fn penalised(&self, at: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(at.nrows(), at.ncols(), |term, class| {
            self.penalties[term] * at[(term, class)]
        })
    }
}

impl Slope<'_> {
    /// Of each class alone.
    fn curvatures(&self, alpha: f64) -> Result<Vec<Cholesky<f64, Dyn>>, String> {
        let Objective {
            columns,
            penalties,
            weights,
            ..
        } = self.problem;
        let curvature = |p: nalgebra::DVectorView<f64>| {
            let root = |row: usize| (weights[row] * (p[row] * (1.0 - p[row]))).sqrt();
            let roots = DVector::from_fn(p.len(), |row, _| root(row));
            let weighted = DMatrix::from_fn(columns.nrows(), columns.ncols(), |row, term| {
                roots[row] * columns[(row, term)]
            });
            let curvature = weighted.tr_mul(&weighted) + DMatrix::from_diagonal(penalties);
            curvature.cholesky().ok_or_else(|| singular(alpha))
        };
        self.probabilities.column_iter().map(curvature).collect()
    }

    fn is_flat(&self, alpha: f64) -> Result<bool, String> {
        let flat = |curvature: &Cholesky<f64, Dyn>| {
            let pivots = curvature.l_dirty().diagonal();
            let (least, most) = (pivots.min(), pivots.max());
            least * least < FLAT * most * most
        };
        Ok(self.curvatures(alpha)?.iter().any(flat))
    }

    /// The whole curvature times a direction.
    fn times(&self, direction: &DMatrix<f64>) -> DMatrix<f64> {
        let mut turned = self.problem.sums(direction);
        for row in 0..turned.nrows() {
            let p = self.probabilities.row(row);
            let mean = turned.row(row).dot(&p);
            for class in 0..turned.ncols() {
                turned[(row, class)] = self.problem.weights[row] * p[class] * (turned[(row, class)] - mean);
            }
        }
        self.problem.columns.tr_mul(&turned) + self.problem.penalised(direction)
    }

    /// What the curvature turns into the gradient, to a few digits.
    fn step(&self, curvatures: &[Cholesky<f64, Dyn>]) -> DMatrix<f64> {
        let precondition = |residual: &DMatrix<f64>| {
            let mut solved = residual.clone();
            for (mut class, curvature) in solved.column_iter_mut().zip(curvatures) {
                curvature.solve_mut(&mut class);
            }
            solved
        };
        let mut step = DMatrix::zeros(self.gradient.nrows(), self.gradient.ncols());
        let mut residual = self.gradient.clone();
        let mut direction = precondition(&residual);
        let mut size = residual.dot(&direction);
        let enough = SOLVED * SOLVED * size;
        for _ in 0..INNER_MAX {
            let turned = self.times(&direction);
            let along = direction.dot(&turned);
            // The curvature is 0 along what is added to all classes alone.
            if along <= 0.0 || !along.is_finite() {
                break;
            }
            let share = size / along;
            step += share * &direction;
            residual -= share * &turned;
            let solved = precondition(&residual);
            let next = residual.dot(&solved);
            if next <= enough {
                break;
            }
            direction = solved + (next / size) * &direction;
            size = next;
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::labels::CLASSES_MAX;
    use crate::train::logistic;

    fn design(columns: &[&[f64]]) -> Design {
        Design {
            names: (0..columns.len()).map(|i| format!("x{i}")).collect(),
            rows: columns[0].len(),
            columns: columns.iter().map(|c| c.to_vec()).collect(),
        }
    }

    fn several(design: &Design, target: &[f64], classes: usize, alpha: f64) -> Result<Fit, String> {
        fit(design, target, &vec![1.0; target.len()], classes, alpha, 100)
    }

    /// One yes/no column: the coefficients are the logarithms of the groups' shares.
    #[test]
    fn finds_the_shares_of_two_groups() {
        let x = [vec![0.0; 10], vec![1.0; 8]].concat();
        let y: Vec<f64> = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 1, 1, 1, 1, 2, 2, 2]
            .map(f64::from)
            .to_vec();
        let fit = several(&design(&[&x]), &y, 3, 0.0).unwrap();
        let of = |shares: [f64; 3]| {
            let mean = shares.iter().map(|s| s.ln()).sum::<f64>() / 3.0;
            shares.map(|s| s.ln() - mean)
        };
        let (low, high) = (of([5.0, 3.0, 2.0]), of([1.0, 4.0, 3.0]));
        for (class, found) in fit.coefficients.iter().enumerate() {
            assert!((found.intercept - low[class]).abs() < 1e-9, "{found:?}");
            assert!(
                (found.weights[0] - (high[class] - low[class])).abs() < 1e-9,
                "{found:?}"
            );
        }
        assert!(
            fit.loss.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-12)),
            "{:?}",
            fit.loss
        );
        assert!(fit.warnings.is_empty(), "{:?}", fit.warnings);
    }

    /// Without a penalty, two classes are the log-odds of one, halved on either side.
    #[test]
    fn two_classes_are_the_binary_ones() {
        let x = design(&[
            &[0.3, 2.0, 1.0, 4.0, 0.1, 1.5, 2.2],
            &[1.0, 0.0, 2.0, 1.0, 1.0, 0.5, 3.0],
        ]);
        let y = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let two = several(&x, &y, 2, 0.0).unwrap().coefficients;
        let one = logistic::fit(&x, &y, &[1.0; 7], 0.0, 100).unwrap().coefficients;
        for (halves, whole) in two[1].weights.iter().zip(&one[0].weights) {
            assert!((2.0 * halves - whole).abs() < 1e-8 * whole.abs(), "{two:?} {one:?}");
        }
        assert!((2.0 * two[1].intercept - one[0].intercept).abs() < 1e-8);
    }

    #[test]
    fn what_has_no_one_answer_is_refused_without_a_penalty() {
        let x = design(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]);
        let y = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let alone = design(&[&[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]]);
        // The second group has no rows of the third class.
        let lacking = [0.0, 1.0, 2.0, 2.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        for (x, y) in [(&x, &y[..]), (&alone, &lacking[..])] {
            let error = several(x, y, 3, 0.0).unwrap_err();
            assert!(error.contains("separate"), "{error}");
            assert!(several(x, y, 3, 0.1).unwrap().warnings.is_empty());
        }
        let twice = design(&[&[1.0, 2.0, 3.0, 1.0, 2.0, 2.5], &[2.0, 4.0, 6.0, 2.0, 4.0, 5.0]]);
        let error = several(&twice, &[0.0, 1.0, 2.0, 1.0, 0.0, 2.0], 3, 0.0).unwrap_err();
        assert!(error.contains("not unique"), "{error}");
    }

    /// As many as there may be.
    #[test]
    fn a_hundred_classes_are_told_apart() {
        let angle = |class: usize| class as f64 / 100.0 * std::f64::consts::TAU;
        let near = |row: usize| angle(row % 100) + (row / 100) as f64 * 0.002;
        let rows = 0..CLASSES_MAX * 4;
        let x: Vec<f64> = rows.clone().map(|row| libm::cos(near(row))).collect();
        let y: Vec<f64> = rows.clone().map(|row| libm::sin(near(row))).collect();
        let target: Vec<f64> = rows.map(|row| (row % 100) as f64).collect();
        let found = several(&design(&[&x, &y]), &target, CLASSES_MAX, 1e-6).unwrap();
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        let sum = |class: usize, row: usize| {
            let of = &found.coefficients[class];
            of.intercept + of.weights[0] * x[row] + of.weights[1] * y[row]
        };
        let hits = (0..400).filter(|&row| (0..CLASSES_MAX).all(|class| sum(class, row) <= sum(row % 100, row)));
        assert_eq!(hits.count(), 400);
        let total: f64 = found.coefficients.iter().map(|of| of.weights[0]).sum();
        assert!(total.abs() < 1e-6, "{total}");
    }

    #[test]
    fn work_beyond_the_bound_is_refused() {
        let wide = Design {
            names: (0..1000).map(|i| format!("x{i}")).collect(),
            rows: 4,
            columns: vec![vec![0.0; 4]; 1000],
        };
        let error = several(&wide, &[0.0, 1.0, 2.0, 0.0], 67, 1.0).unwrap_err();
        assert!(error.starts_with("67 classes and 1000 terms are too many"), "{error}");
    }
}
