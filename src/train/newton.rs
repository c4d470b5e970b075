//! What Newton's methods of two and of several classes share: when a step is too long, when they have ended, and when they can't.

/// Twice the fall of the objective that a further step could bring, as a share of the objective.
const CONVERGED: f64 = 1e-18;

/// Without a penalty, a plane between the classes.
pub const SEPARATED: &str =
    "the terms separate the classes perfectly, so the coefficients have no bound; set train.alpha above 0";

/// Halves a step until the objective falls (S. Boyd, L. Vandenberghe, "Convex Optimization", 9.5): where it leads, and the objective
/// there. `value`: the objective in front of it; `go`: does so much of the step.
pub fn shortened<T>(value: f64, go: impl Fn(f64) -> (T, f64)) -> (T, f64) {
    let mut share = 1.0;
    loop {
        let (there, lower) = go(share);
        // Close to the end the objective is flat to rounding.
        if lower <= value * (1.0 + 1e-14) || share < 1e-9 {
            return (there, lower);
        }
        share /= 2.0;
    }
}

/// `decrement`: the step's product with the gradient.
pub fn has_converged(decrement: f64, value: f64) -> bool {
    decrement <= CONVERGED * (1.0 + value)
}
