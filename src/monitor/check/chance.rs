//! How far chance alone goes: quantiles and tails, for bars that must hold over many checks at once.

/// Of a 95 % interval: the normal distribution's 97.5 % quantile.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The quantile of the chi-square distribution that is exceeded with probability `tail`: bisected on the incomplete gamma
/// function, so right to all digits that it has.
pub(crate) fn chi_square(degrees: f64, tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, degrees.max(1.0));
    while chi_square_above(degrees, high) > tail {
        high *= 2.0;
    }
    while high - low > high * 1e-12 {
        let middle = f64::midpoint(low, high);
        let above = chi_square_above(degrees, middle) > tail;
        *if above { &mut low } else { &mut high } = middle;
    }
    high
}

/// The probability that a value of the chi-square distribution exceeds `x`.
pub(crate) fn chi_square_above(degrees: f64, x: f64) -> f64 {
    gamma_above(degrees / 2.0, x / 2.0)
}

/// The regularised upper incomplete gamma function Q(a, x), by its series and its continued fraction (Numerical Recipes, 6.2).
fn gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - sum * scale;
    }
    let (mut b, mut c) = (x + 1.0 - a, f64::MAX);
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..10_000 {
        let i = f64::from(i);
        let factor = -i * (i - a);
        b += 2.0;
        d = 1.0 / (factor * d + b);
        c = b + factor / c;
        let step = c * d;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction * scale
}

/// The chance that of two samples of one population the later one has at least as many marked ones as it has: `marked` of
/// `later`, where the earlier sample has `known` of `earlier`. Exact, given how many both have (Fisher 1935).
pub(super) fn excess(marked: u64, later: u64, known: u64, earlier: u64) -> f64 {
    let (all_marked, all) = ((marked + known) as f64, (later + earlier) as f64);
    let (draws, mut x) = (later as f64, marked as f64);
    if x <= 0.0 || x <= draws * all_marked / all {
        // It isn't more than is to be expected; how likely exactly, nobody asks.
        return 1.0;
    }
    let mut term = (choose(all_marked, x) + choose(all - all_marked, draws - x) - choose(all, draws)).exp();
    let mut sum = term;
    let most = all_marked.min(draws);
    while x < most && term > sum * 1e-17 {
        term *= (all_marked - x) * (draws - x) / ((x + 1.0) * (all - all_marked - draws + x + 1.0));
        x += 1.0;
        sum += term;
    }
    sum.min(1.0)
}

/// ln of n over k.
fn choose(n: f64, k: f64) -> f64 {
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
}

/// The greatest count of marked ones that isn't yet less likely than `tail`. `chance` never grows with the count.
pub(super) fn most(later: u64, tail: f64, chance: impl Fn(u64) -> f64) -> u64 {
    let (mut low, mut high) = (0, later + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        *if chance(middle) > tail { &mut low } else { &mut high } = middle;
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= b.abs() * 1e-9, "{a} {b}");
    }

    /// `scipy.stats.chi2.isf(tail, degrees)` of SciPy 1.17.1.
    #[test]
    fn quantiles_of_chi_square() {
        for (degrees, tail, quantile) in CHI_SQUARE {
            close(chi_square(degrees, tail), quantile);
        }
    }

    /// `scipy.stats.hypergeom.sf(marked - 1, later + earlier, marked + known, later)` of SciPy 1.17.1.
    #[test]
    fn chances_of_an_excess() {
        for (marked, later, known, earlier, chance) in EXCESS {
            let ours = excess(marked, later, known, earlier);
            assert!((ours - chance).abs() <= chance * 1e-7, "{ours} {chance}");
        }
        // As many as are to be expected, or fewer, are never an excess.
        assert_eq!(excess(0, 50, 0, 1_000), 1.0);
        assert_eq!(excess(3, 50, 100, 1_000), 1.0);
        // The greatest numbers of rows.
        assert!(excess(400_000_000, 4_000_000_000, 300_000_000, 4_000_000_000) < 1e-300);
    }

    #[test]
    fn the_most_that_chance_explains() {
        let bar = most(50, 1e-5, |count| excess(count, 50, 0, 10_000));
        assert!(excess(bar, 50, 0, 10_000) > 1e-5 && excess(bar + 1, 50, 0, 10_000) <= 1e-5);
        assert_eq!(bar, 2);
        // Nothing of nothing; and where all of them are still likely, all.
        assert_eq!(most(0, 1e-5, |_| 1.0), 0);
        assert_eq!(most(7, 1e-5, |_| 1.0), 7);
    }

    const CHI_SQUARE: [(f64, f64, f64); 8] = [
        (1.0, 1.000000e-3, 10.827566170662733),
        (1.0, 1.000000e-7, 28.373987361779154),
        (2.0, 5.000000e-2, 5.991464547107983),
        (9.0, 1.000000e-3, 27.877164871256575),
        (9.0, 1.400000e-5, 38.52995453213545),
        (21.0, 1.000000e-5, 60.70033311795149),
        (999.0, 1.000000e-3, 1142.8479838910355),
        (1000.0, 1.000000e-8, 1271.632287170434),
    ];

    const EXCESS: [(u64, u64, u64, u64, f64); 7] = [
        (1, 50, 0, 10000, 0.004975124378109453),
        (3, 100, 0, 1000, 0.0007309178239532213),
        (20, 500, 100, 10000, 8.538614024307014e-07),
        (60, 5000, 300, 50000, 3.49887732895106e-06),
        (5, 50, 2, 60, 0.15095099102094292),
        (145, 1000000, 0, 100000, 9.945999412912543e-07),
        (12000, 1000000, 1000, 100000, 6.125342716083887e-09),
    ];
}
