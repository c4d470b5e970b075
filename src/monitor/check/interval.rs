//! 95 % intervals of shares, of their differences and of their ratios.

use super::chance::Z;

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub part: u64,
    pub whole: u64,
}

impl Share {
    /// NaN of none.
    pub fn value(self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// Wilson's score interval (1927).
    pub fn interval(self) -> (f64, f64) {
        let (p, n) = (self.value(), self.whole as f64);
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        (middle - half, middle + half)
    }

    /// Of this one minus another: Newcombe's hybrid score interval (1998, method 10), of Wilson's two.
    pub fn minus(self, other: Share) -> (f64, (f64, f64)) {
        let (p, q) = (self.value(), other.value());
        let ((p_low, p_high), (q_low, q_high)) = (self.interval(), other.interval());
        let below = (p - p_low).hypot(q_high - q);
        let above = (p_high - p).hypot(q - q_low);
        (p - q, (p - q - below, p - q + above))
    }

    /// This one by another: Katz's interval of the logarithm (Katz et al. 1978). Neither may be 0.
    pub fn by(self, other: Share) -> (f64, (f64, f64)) {
        let ratio = self.value() / other.value();
        let variance = |share: Share| 1.0 / share.part as f64 - 1.0 / share.whole as f64;
        let half = Z * (variance(self) + variance(other)).sqrt();
        (ratio, (ratio * (-half).exp(), ratio * half.exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: (f64, f64), theirs: (f64, f64)) {
        assert!(
            (ours.0 - theirs.0).abs() < 1e-9 && (ours.1 - theirs.1).abs() < 1e-9,
            "{ours:?} {theirs:?}"
        );
    }

    fn share(part: u64, whole: u64) -> Share {
        Share { part, whole }
    }

    /// Newcombe's own example, 56/70 - 48/80: 0.0524 to 0.3339 (Statistics in Medicine 17, 1998, table II, (a), method 10).
    #[test]
    fn newcombes_own_example() {
        let (difference, interval) = share(56, 70).minus(share(48, 80));
        assert!((difference - 0.2).abs() < 1e-12);
        assert_eq!(format!("{:.4} {:.4}", interval.0, interval.1), "0.0524 0.3339");
    }

    /// statsmodels 0.15.0: `proportion_confint(method="wilson")`, `confint_proportions_2indep(method="newcomb")`, the same with
    /// `compare="ratio", method="log"`.
    #[test]
    fn intervals_of_statsmodels() {
        close(share(1, 4).interval(), (0.0455872608097006, 0.6993581574175982));
        close(share(0, 20).interval(), (0.0, 0.1611251580528194));
        close(share(31, 120).interval(), (0.18837396318660649, 0.3432853005824337));
        close(share(900, 1000).interval(), (0.8798480368046516, 0.9170905564069044));
        close(
            share(31, 120).minus(share(402, 900)).1,
            (-0.26553150225506505, -0.0974889983213425),
        );
        close(
            share(31, 120).by(share(402, 900)).1,
            (0.42344971704003126, 0.7899360996249581),
        );
        close(
            share(5, 20).minus(share(6, 9)).1,
            (-0.6703289335648455, -0.03526903025792871),
        );
        close(share(5, 20).by(share(6, 9)).1, (0.154209635803291, 0.9119079963289748));
        close(
            share(9, 10).minus(share(3, 10)).1,
            (0.1705227239345029, 0.809017973535488),
        );
        close(share(9, 10).by(share(3, 10)).1, (1.1383503574476699, 7.906177514784793));
    }
}
