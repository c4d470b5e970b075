//! Intervals that hold however often one looks: asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
//! "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024, theorem 2.2).
//!
//! Beside them those that hold once, for whoever looks at the end of a test whose size was fixed beforehand.

use super::student;
use serde::Serialize;

/// An interval misses the true value in 5 % of experiments at most, over all looks at it.
pub const LEVEL: f64 = 0.05;

/// A sequence is narrowest, beside the interval that holds once, at about so many units.
const TUNED: f64 = 5_000.0;

/// How many values there were, their mean and their spread (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    pub n: u64,
    pub mean: f64,
    /// The sum of squared distances to the mean.
    squares: f64,
}

impl Moments {
    pub fn push(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// Of the values, not of their mean; 0 of fewer than two.
    pub fn variance(&self) -> f64 {
        match self.n {
            0 | 1 => 0.0,
            n => self.squares / (n - 1) as f64,
        }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Moments {
        let mut moments = Moments::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }
}

/// A difference that is estimated of `n` units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub n: u64,
    pub difference: f64,
    /// n times the square of the difference's standard error.
    pub variance: f64,
}

/// From, to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    fn around(middle: f64, half: f64) -> Interval {
        Interval {
            low: middle - half,
            high: middle + half,
        }
    }

    pub fn is_within(self, margin: f64) -> bool {
        -margin < self.low && self.high < margin
    }
}

impl Estimate {
    /// Of the differences of pairs.
    pub fn paired(differences: &Moments) -> Estimate {
        Estimate {
            n: differences.n,
            difference: differences.mean,
            variance: differences.variance(),
        }
    }

    /// Of the means of two groups, the second minus the first. Its variance means nothing unless both have two values at least.
    ///
    /// The spread is that of each group by itself, or that of both together where this is greater: a small group of values that are
    /// mostly alike has seldom seen those that aren't, and says then that it hardly varies, and that its mean is another one. Of 0/1
    /// with 1 % of ones, and a tenth in the small group, the first alone finds a difference where there is none in 8 % of tests.
    pub fn between(first: &Moments, second: &Moments) -> Estimate {
        let (n, ns) = (first.n + second.n, [first.n as f64, second.n as f64]);
        let apart = first.variance() / ns[0] + second.variance() / ns[1];
        let together = (first.squares + second.squares) / (n as f64 - 2.0) * (1.0 / ns[0] + 1.0 / ns[1]);
        Estimate {
            n,
            difference: second.mean - first.mean,
            variance: n as f64 * apart.max(together),
        }
    }

    /// Holds at all times: with probability 1 - `level` every one of them, as more units come.
    pub fn interval(&self, level: f64) -> Interval {
        Interval::around(self.difference, half_width(self.n as f64, self.variance, level))
    }

    /// The level at which the interval would just touch 0. It may be looked at as often as one likes.
    pub fn p(&self) -> f64 {
        let (n, square) = (self.n as f64, rho_square(LEVEL));
        if self.difference == 0.0 {
            return 1.0;
        }
        let t2 = n * n * self.difference * self.difference / self.variance;
        let k = n * square + 1.0;
        (k.sqrt() * (-square * t2 / (2.0 * k)).exp()).min(1.0)
    }

    /// Holds once: when it is looked at for the first time, after a number of units that was fixed beforehand.
    pub fn fixed(&self, level: f64) -> Interval {
        let error = (self.variance / self.n as f64).sqrt();
        Interval::around(self.difference, student::normal(level) * error)
    }
}

/// Of the means of two groups, the second minus the first, holding once: Welch's interval (1947), with Satterthwaite's degrees of
/// freedom. Both groups have two values at least.
pub fn welch(first: &Moments, second: &Moments, level: f64) -> Interval {
    let squares = [first, second].map(|group| group.variance() / group.n as f64);
    let square = squares[0] + squares[1];
    if square == 0.0 {
        return Interval::around(second.mean - first.mean, 0.0);
    }
    let freedom = |i: usize, group: &Moments| squares[i] * squares[i] / (group.n - 1) as f64;
    let degrees = square * square / (freedom(0, first) + freedom(1, second));
    Interval::around(
        second.mean - first.mean,
        student::quantile(degrees, level) * square.sqrt(),
    )
}

/// Units per group of a test that is looked at once, to tell a difference with probability `power`, which is 0.5 at least:
/// 2 s2 (z_{1 - level/2} + z_power)^2 / d^2 (Cohen 1988). `variance`: of a unit's value.
pub fn per_group(variance: f64, difference: f64, level: f64, power: f64) -> u64 {
    let z = student::normal(level) + student::normal(2.0 * (1.0 - power));
    (2.0 * variance * z * z / (difference * difference)).ceil() as u64
}

/// Units until an interval of [`Estimate::interval`] reaches less than `half` to either side; none if that takes more than 10^15.
pub fn units(half: f64, variance: f64, level: f64) -> Option<u64> {
    const MOST: u64 = 1_000_000_000_000_000;
    let reached = |n: u64| half_width(n as f64, variance, level) < half;
    if !reached(MOST) {
        return None;
    }
    // It never grows with n.
    let (mut low, mut high) = (0, MOST);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        *if reached(middle) { &mut high } else { &mut low } = middle;
    }
    Some(high)
}

/// sqrt(variance) sqrt(2k ln(sqrt(k) / level)) / (n rho), k = n rho^2 + 1.
fn half_width(n: f64, variance: f64, level: f64) -> f64 {
    let square = rho_square(level);
    let k = n * square + 1.0;
    (variance * 2.0 * k * (k.sqrt() / level).ln()).sqrt() / (n * square.sqrt())
}

/// With which the sequence is about narrowest at [`TUNED`] units: (-2 ln a + ln(1 - 2 ln a)) / N.
fn rho_square(level: f64) -> f64 {
    let twice = -2.0 * level.ln();
    (twice + (1.0 + twice).ln()) / TUNED
}

#[cfg(test)]
mod tests;
