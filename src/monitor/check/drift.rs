//! Is a column distributed as in the baseline?

use super::distance::{Bins, chebyshev, kolmogorov_smirnov, robust, robust_noise, wasserstein};
use super::{Area, Bars, Check, ColumnBars, Pair};
use crate::monitor::ColumnCounts;
use crate::monitor::baseline::Values;

/// `psi` and `distance`, which have bars; beside them `ks` and `wasserstein` (in standard deviations of the baseline) of numbers, or
/// `linf` of categories, which are only shown.
pub(super) fn of_column(pair: &Pair, bars: &Bars, own: &ColumnBars, tail: f64) -> Vec<Check> {
    let &Pair {
        column,
        ref known,
        later: counts,
        ..
    } = pair;
    let n = counts.cells();
    let check = |check| Check::new(Area::Drift, check, &column.name, n);
    let numbers = column.is_numbers();
    let all = |counts: &ColumnCounts| match &column.values {
        Values::Numbers { .. } => {
            let inner = counts.bins.iter().copied();
            std::iter::once(counts.below)
                .chain(inner)
                .chain([counts.above])
                .collect()
        }
        // What the baseline has once only is as good as new: it stands with what it doesn't list. (Frequent ones come first.)
        Values::Categories { categories, .. } => {
            let categories = categories.iter();
            let often = categories.take_while(|category| category.count > 1).count();
            let (often, once) = counts.bins.split_at(often.min(counts.bins.len()));
            let rest = once.iter().sum::<u64>() + counts.other;
            often.iter().copied().chain([rest]).collect::<Vec<u64>>()
        }
    };
    let (known_bins, later_bins) = (all(known), all(counts));
    let pair = if numbers {
        let apart = |counts: &ColumnCounts| counts.missing + counts.infinite;
        Bins::of_numbers(&known_bins, &later_bins, (apart(known), apart(counts)))
    } else {
        let missing = (known.missing, counts.missing);
        Bins::of_categories(&known.bins, &counts.bins, missing, (known.other, counts.other))
    };
    let mut checks = vec![match why_not(&pair, n, known) {
        Some(why) => check("psi").without(why),
        None => {
            let bar = own.psi.unwrap_or(bars.psi).max(pair.psi_by_chance(tail));
            check("psi").held(pair.psi(), bar, pair.psi_noise())
        }
    }];
    let (of, rows) = (known.present(), counts.present());
    let distances: &[&str] = if numbers { &["ks", "wasserstein"] } else { &["linf"] };
    if of == 0 || rows == 0 {
        let why = if of == 0 {
            "the baseline has no value of it"
        } else {
            "no cell has a value"
        };
        let names = std::iter::once(&"distance").chain(distances);
        checks.extend(names.map(|name| check(name).without(why)));
        return checks;
    }
    let distance = if numbers {
        kolmogorov_smirnov(&known_bins, &later_bins)
    } else {
        chebyshev(&known_bins, &later_bins)
    };
    let present = |name| Check::new(Area::Drift, name, &column.name, rows);
    let bar = own.distance.unwrap_or(bars.distance);
    checks.push(present("distance").held(robust(distance, of, rows), bar, robust_noise(of, rows)));
    checks.push(present(distances[0]).shown(distance, None));
    if let Values::Numbers {
        summary: Some(summary), ..
    } = &column.values
    {
        let check = present("wasserstein");
        checks.push(if summary.sd > 0.0 {
            let means = [known.sum / of as f64, counts.sum / rows as f64];
            let distance = wasserstein(&summary.histogram.edges, &known_bins, &later_bins, counts.range, means);
            check.shown(distance / summary.sd, None)
        } else {
            check.without("the baseline has one value only")
        });
    }
    checks
}

fn why_not(pair: &Bins, n: u64, known: &ColumnCounts) -> Option<String> {
    if pair.is_comparable() {
        return None;
    }
    Some(match n {
        0 => "no rows".into(),
        _ if known.present() == 0 => "the baseline has no value of it".into(),
        _ if known.bins.iter().filter(|&&count| count > 0).count() < 2 && known.missing == 0 => {
            "the baseline has one value only".into()
        }
        n => format!("{n} rows are too few: there must be two bins that expect 5"),
    })
}
