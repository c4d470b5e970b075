//! How far apart two counts of the same bins are.

use super::chance::chi_square;

/// A bin is compared only where both counts expect so many in it; else it is merged with others.
const EXPECTED_MIN: f64 = 5.0;

/// Two counts of the same bins: those of the baseline, and those of a window. Missing cells, and those in no bin of the baseline,
/// are bins, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    known: Vec<f64>,
    later: Vec<f64>,
    /// Rows of the baseline and of the window.
    rows: [f64; 2],
}

impl Bins {
    /// Bins of numbers, in their order, `apart` (missing ones, infinite ones) each as (baseline, window). A bin that expects fewer
    /// than 5 is merged with the next one; what is apart, expects fewer and has fewer, with the smallest bin.
    pub fn of_numbers(known: &[u64], later: &[u64], apart: (u64, u64)) -> Bins {
        let mut pair = Bins::empty(known, later, apart);
        let mut open = (0.0, 0.0);
        for (&known, &later) in known.iter().zip(later) {
            open = (open.0 + known as f64, open.1 + later as f64);
            if pair.suffices(open.0) {
                pair.push(open);
                open = (0.0, 0.0);
            }
        }
        match pair.known.len() {
            0 => pair.push((open.0 + apart.0 as f64, open.1 + apart.1 as f64)),
            bins => {
                pair.add(bins - 1, open);
                return pair.push_apart(apart);
            }
        }
        pair
    }

    /// Categories in the baseline's order; `apart`: missing cells and categories that it doesn't list. Those that expect fewer than 5
    /// are one bin, with what is apart where it expects fewer; and where that has fewer than 5, too, it is merged with the smallest.
    pub fn of_categories(known: &[u64], later: &[u64], missing: (u64, u64), unlisted: (u64, u64)) -> Bins {
        let mut pair = Bins::empty(known, later, (missing.0 + unlisted.0, missing.1 + unlisted.1));
        let mut rest = (0, 0);
        let categories = known.iter().copied().zip(later.iter().copied());
        for (known, later) in categories.chain([missing, unlisted]) {
            if pair.suffices(known as f64) {
                pair.push((known as f64, later as f64));
            } else {
                rest = (rest.0 + known, rest.1 + later);
            }
        }
        pair.push_apart(rest)
    }

    fn empty(known: &[u64], later: &[u64], more: (u64, u64)) -> Bins {
        let rows = |counts: &[u64], more: u64| (counts.iter().sum::<u64>() + more) as f64;
        Bins {
            known: vec![],
            later: vec![],
            rows: [rows(known, more.0), rows(later, more.1)],
        }
    }

    fn suffices(&self, known: f64) -> bool {
        let [of, rows] = self.rows;
        known >= EXPECTED_MIN && known * rows >= EXPECTED_MIN * of
    }

    fn push(&mut self, (known, later): (f64, f64)) {
        self.known.push(known);
        self.later.push(later);
    }

    fn add(&mut self, bin: usize, (known, later): (f64, f64)) {
        self.known[bin] += known;
        self.later[bin] += later;
    }

    fn push_apart(mut self, (known, later): (u64, u64)) -> Bins {
        let apart = (known as f64, later as f64);
        // Many that the baseline hardly knows mustn't make up for what has gone from another bin.
        if self.suffices(apart.0) || apart.1 >= EXPECTED_MIN {
            self.push(apart);
        } else {
            let smallest = (0..self.known.len()).min_by(|&a, &b| self.known[a].total_cmp(&self.known[b]));
            match smallest {
                Some(bin) => self.add(bin, apart),
                None => self.push(apart),
            }
        }
        self
    }

    /// After merging.
    pub fn bins(&self) -> usize {
        self.known.len()
    }

    /// Two bins are the least that can be distributed otherwise, and there must be rows in both.
    pub fn is_comparable(&self) -> bool {
        self.bins() > 1 && self.rows.iter().all(|&rows| rows > 0.0)
    }

    /// The population stability index, sum (a - e) ln(a / e), where e and a are the shares of the baseline and of the window in a
    /// bin (Jeffreys' divergence, Kullback and Leibler 1951). No unit, from 0. An empty bin counts as half a row.
    pub fn psi(&self) -> f64 {
        let [of, rows] = self.rows;
        let bins = self.known.iter().zip(&self.later).map(|(&known, &later)| {
            let (e, a) = (known.max(0.5) / of, later.max(0.5) / rows);
            (a - e) * (a / e).ln()
        });
        bins.sum()
    }

    /// What the index is on average, if both are rows of one population: (B - 1)(1/n + 1/N) of B bins.
    pub fn psi_noise(&self) -> f64 {
        (self.bins() as f64 - 1.0) * self.chance()
    }

    /// What it exceeds by chance with probability `tail`: (1/n + 1/N) times the quantile of chi-square with B - 1 degrees of freedom
    /// (Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation 2020). The
    /// true tail is heavier where bins expect few: at a tail of 1e-5 and 50 rows some six times.
    pub fn psi_by_chance(&self, tail: f64) -> f64 {
        chi_square(self.bins() as f64 - 1.0, tail) * self.chance()
    }

    fn chance(&self) -> f64 {
        let [of, rows] = self.rows;
        1.0 / rows + 1.0 / of
    }
}

/// The greatest distance of the two distribution functions at the bins' edges (Kolmogorov and Smirnov): not above the exact one, for
/// within bins nothing is known. Counts are of all that has an order: below the first edge, the bins, above the last one.
pub fn kolmogorov_smirnov(known: &[u64], later: &[u64]) -> f64 {
    steps(known, later).fold(0.0, |greatest, step| step.abs().max(greatest))
}

/// The greatest difference of the shares of a category (L-infinity).
pub fn chebyshev(known: &[u64], later: &[u64]) -> f64 {
    let [of, rows] = [sum(known), sum(later)];
    let differences = known.iter().zip(later).map(|(&k, &l)| l as f64 / rows - k as f64 / of);
    differences.fold(0.0, |greatest, difference| difference.abs().max(greatest))
}

/// SageMaker's robust distance, max(0, D - 1.8 sqrt((n + m) / nm)) (Deequ, `Distance.scala`): what 1.8, the quantile of 99.7 %,
/// explains of a [`kolmogorov_smirnov`] or [`chebyshev`] distance is taken away.
pub fn robust(distance: f64, known: u64, later: u64) -> f64 {
    (distance - robust_noise(known, later)).max(0.0)
}

/// What [`robust`] takes away.
pub fn robust_noise(known: u64, later: u64) -> f64 {
    1.8 * (1.0 / known as f64 + 1.0 / later as f64).sqrt()
}

/// The earth mover's distance (Wasserstein's W1) in the column's own unit: how far a cell must move on average. Within a bin cells
/// stand evenly; those beyond the outer edges in the middle between the edge and the farthest. It is never less than the means are
/// apart. `range`: of the window; `means`: of the baseline and of the window.
///
/// Counts as of [`kolmogorov_smirnov`], two more than bins.
pub fn wasserstein(edges: &[f64], known: &[u64], later: &[u64], range: Option<(f64, f64)>, means: [f64; 2]) -> f64 {
    let (Some(&first), Some(&last)) = (edges.first(), edges.last()) else {
        return f64::NAN;
    };
    let differences: Vec<f64> = steps(known, later).collect();
    // Of the distribution functions at the edges; within a bin the difference is linear.
    let between = edges.windows(2).zip(differences.windows(2)).map(|(edges, d)| {
        let width = edges[1] - edges[0];
        match d[0] * d[1] < 0.0 {
            false => width * (d[0].abs() + d[1].abs()) / 2.0,
            true => width * (d[0] * d[0] + d[1] * d[1]) / (d[0].abs() + d[1].abs()) / 2.0,
        }
    });
    let rows = sum(later);
    let (least, most) = range.unwrap_or((first, last));
    let ends = [(later.first(), first - least), (later.last(), most - last)];
    let beyond = ends.map(|(count, far)| *count.unwrap_or(&0) as f64 / rows * (far / 2.0).max(0.0));
    (between.sum::<f64>() + beyond.iter().sum::<f64>()).max((means[1] - means[0]).abs())
}

/// The differences of the distribution functions behind each count.
fn steps(known: &[u64], later: &[u64]) -> impl Iterator<Item = f64> {
    let [of, rows] = [sum(known), sum(later)];
    let mut reached = (0, 0);
    known.iter().zip(later).map(move |(k, l)| {
        reached = (reached.0 + k, reached.1 + l);
        reached.1 as f64 / rows - reached.0 as f64 / of
    })
}

fn sum(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_that_expect_few_are_merged() {
        // Of 1,000 rows; 100 later: bins need a share of 0.05.
        let known = [10, 20, 30, 400, 500, 40, 0];
        let later = [1, 2, 3, 40, 50, 4, 0];
        let pair = Bins::of_numbers(&known, &later, (0, 0));
        assert_eq!(
            (pair.known.as_slice(), pair.later.as_slice()),
            (&[60.0, 400.0, 540.0][..], &[6.0, 40.0, 54.0][..])
        );
        assert!(pair.psi().abs() < 1e-12 && pair.is_comparable());
        assert!((pair.psi_noise() - 2.0 * (0.001 + 0.01)).abs() < 1e-12);
        // Few missing ones stand with the smallest bin, many alone.
        let bins = |apart| Bins::of_numbers(&known, &later, apart).bins();
        assert_eq!((bins((9, 1)), bins((90, 1)), bins((0, 9))), (3, 4, 4));
        let pair = Bins::of_categories(&[500, 400, 60, 20, 20], &[50, 40, 6, 2, 2], (0, 0), (20, 2));
        assert_eq!(pair.known, [500.0, 400.0, 60.0, 60.0]);
    }

    #[test]
    fn distances_of_a_few_counts() {
        assert!((kolmogorov_smirnov(&[50, 50, 0], &[0, 10, 10]) - 0.5).abs() < 1e-12);
        assert!((chebyshev(&[50, 50], &[20, 80]) - 0.3).abs() < 1e-12);
        // D = 0.28 of 50,000 and 100 rows is where SageMaker begins to say so, D = 0.127 of 5,000.
        assert!((robust(0.2802, 50_000, 100) - 0.1).abs() < 1e-3);
        assert!((robust(0.1267, 50_000, 5_000) - 0.1).abs() < 1e-3);
        assert_eq!(robust(0.1, 50_000, 100), 0.0);
        // Chi-square with 1 degree of freedom exceeds 10.83 in 0.1 %.
        let pair = Bins::of_numbers(&[500, 500], &[50, 50], (0, 0));
        assert!((pair.psi_by_chance(0.001) - 10.827_566_170_662_733 * 0.011).abs() < 1e-9);
    }
}
