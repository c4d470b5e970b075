//! Are there as many keys in each arm as the split says? If not, keys were lost or joined wrongly, more in one arm than in the other,
//! and no difference between the arms means anything (Fabijan et al., "Diagnosing sample ratio mismatch", KDD 2019).

use crate::monitor::check::chance::chi_square_above;
use libm::lgamma;
use serde::Serialize;

/// Below it there is a mismatch.
pub const ALARM: f64 = 0.001;

/// How many rows the belief in the split is worth before any has come.
const PRIOR: f64 = 10_000.0;

/// Keys of an arm, and what the split says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Arm {
    pub keys: u64,
    pub expected: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    /// The champion's, the challenger's.
    pub arms: [Arm; 2],
    /// Pearson's chi-square test with one degree of freedom: of one look.
    pub p: f64,
    /// Of as many looks as one likes (Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022): the
    /// reverse of the Bayes factor of any split, a Dirichlet distribution about this one, and this one.
    pub sequential_p: f64,
    /// `p` is below 0.001: no winner is to be shown.
    pub found: bool,
}

impl Mismatch {
    /// `keys`: the champion's, the challenger's. `share`: the challenger's share, above 0 and below 1.
    pub fn of(keys: [u64; 2], share: f64) -> Mismatch {
        let n = (keys[0] + keys[1]) as f64;
        let shares = [1.0 - share, share];
        let arms = [0, 1].map(|arm| Arm {
            keys: keys[arm],
            expected: n * shares[arm],
        });
        let distance = |arm: &Arm| (arm.keys as f64 - arm.expected).powi(2) / arm.expected;
        let p = match n {
            0.0 => 1.0,
            _ => chi_square_above(1.0, arms.iter().map(distance).sum()),
        };
        let of_arm = |arm: usize| {
            let (prior, keys) = (PRIOR * shares[arm], keys[arm] as f64);
            lgamma(prior + keys) - lgamma(prior) - keys * shares[arm].ln()
        };
        let factor = lgamma(PRIOR) - lgamma(PRIOR + n) + of_arm(0) + of_arm(1);
        Mismatch {
            arms,
            p,
            sequential_p: (-factor).exp().min(1.0),
            found: p < ALARM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::fixtures::{near, published};

    #[test]
    fn tails_of_chi_square_are_scipys() {
        for [degrees, x, expected] in published::<[f64; 3]>("chi_square_above") {
            near(chi_square_above(degrees, x), expected, 1e-9);
        }
    }

    /// Among them that of Fabijan et al., 821,588 users against 815,482.
    #[test]
    fn mismatches_are_scipys() {
        for (keys, [_, share], [_, p, sequential]) in published::<([u64; 2], [f64; 2], [f64; 3])>("mismatch") {
            let mismatch = Mismatch::of(keys, share);
            near(mismatch.p, p, 1e-9);
            near(mismatch.sequential_p, sequential, 1e-6);
            assert_eq!(mismatch.found, p < 0.001, "{keys:?}");
        }
        let nobody = Mismatch::of([0, 0], 0.1);
        assert_eq!((nobody.p, nobody.sequential_p, nobody.found), (1.0, 1.0, false));
    }
}
