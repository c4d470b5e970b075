//! Student's t distribution: its quantiles, by the incomplete beta function.

use crate::monitor::check::chance::chi_square;

/// Above so many degrees of freedom the normal distribution's quantile is right to 1e-7 of itself.
const NORMAL: f64 = 1e7;

/// What |T| exceeds with probability `tail`, in (0, 1), for a T of so many degrees of freedom, which may be broken.
pub fn quantile(degrees: f64, tail: f64) -> f64 {
    if degrees > NORMAL {
        return normal(tail);
    }
    let above = |t: f64| {
        let (square, whole) = (t * t, degrees + t * t);
        beta_below(degrees / 2.0, 0.5, degrees / whole, square / whole)
    };
    let (mut low, mut high) = (0.0, 1.0);
    while above(high) > tail {
        high *= 2.0;
    }
    while high - low > high * 1e-14 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        *if above(middle) > tail { &mut low } else { &mut high } = middle;
    }
    high
}

/// What |Z| exceeds with probability `tail`, for a Z of the standard normal distribution.
pub fn normal(tail: f64) -> f64 {
    chi_square(1.0, tail).sqrt()
}

/// ln B(a, b).
pub fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Numerical Recipes, 6.4, by Lentz's method).
/// `rest`: 1 - x, which is given because x may be close to 1.
fn beta_below(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, rest, x);
    }
    // Never exactly 0, which is divided by.
    let held = |number: f64| if number.abs() < 1e-300 { 1e-300 } else { number };
    let scale = (a * x.ln() + b * rest.ln() - ln_beta(a, b)).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / held(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for i in 1..10_000 {
        let i = f64::from(i);
        let even = i * (b - i) * x / ((a + 2.0 * i - 1.0) * (a + 2.0 * i));
        let odd = -(a + i) * (a + b + i) * x / ((a + 2.0 * i) * (a + 2.0 * i + 1.0));
        let before = fraction;
        for factor in [even, odd] {
            d = 1.0 / held(1.0 + factor * d);
            c = held(1.0 + factor / c);
            fraction *= d * c;
        }
        if (fraction / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    scale * fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::fixtures::{near, published};

    #[test]
    fn quantiles_are_scipys() {
        for [degrees, tail, expected] in published::<[f64; 3]>("student") {
            near(quantile(degrees, tail), expected, 1e-9);
        }
        for [tail, expected] in published::<[f64; 2]>("normal") {
            near(normal(tail), expected, 1e-11);
        }
    }

    #[test]
    fn the_beta_function_is_scipys() {
        for [a, b, expected] in published::<[f64; 3]>("ln_beta") {
            near(ln_beta(a, b), expected, 1e-11);
        }
        for [a, b, x, expected] in published::<[f64; 4]>("beta_below") {
            near(beta_below(a, b, x, 1.0 - x), expected, 1e-10);
        }
    }
}
