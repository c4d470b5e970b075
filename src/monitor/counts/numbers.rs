//! A column of numbers -> its counts by bins, several numbers at once.
//!
//! For each edge, how many numbers are not below it: comparisons without a branch, whose results are added up. What a bin holds is the
//! difference of its edges' counts. Twenty such passes over a batch in the nearest cache take less time than a search for the bin
//! of each number by itself; [`super::vector`] searches for eight at once, in a third of the time.

use super::ColumnCounts;
use super::lanes::{Facts, LANES, Lanes};
#[cfg(target_arch = "x86_64")]
use super::vector;

/// The edges of a column's bins: ascending, one more than bins, or none.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    edges: Vec<f64>,
    #[cfg(target_arch = "x86_64")]
    tree: Option<Box<vector::Tree>>,
}

impl PartialEq for Edges {
    fn eq(&self, other: &Edges) -> bool {
        self.edges == other.edges
    }
}

impl Edges {
    pub fn of(edges: Vec<f64>) -> Edges {
        Edges {
            #[cfg(target_arch = "x86_64")]
            tree: vector::Tree::of(&edges).filter(|_| vector::has_avx512()).map(Box::new),
            edges,
        }
    }

    pub fn bins(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    #[allow(
        unsafe_code,
        reason = "calls code that needs instructions of newer processors, after asking for them"
    )]
    fn dispatch(&self, cells: &[f64], at_least: &mut [u64], places: &mut Vec<u8>) -> Facts {
        #[cfg(target_arch = "x86_64")]
        if let Some(tree) = &self.tree {
            // SAFETY: there is one where the processor has what it needs.
            return unsafe { tree.count(cells, at_least, places) };
        }
        places.clear();
        dispatch(cells, &self.edges, at_least)
    }
}

/// Memory for one thread.
#[derive(Debug, Default)]
pub struct Room {
    at_least: Vec<u64>,
    places: Vec<u8>,
}

/// Adds the counts of `cells` to those of a column. Without edges finite numbers are counted as `other`.
pub fn count(cells: &[f64], edges: &Edges, room: &mut Room, column: &mut ColumnCounts) {
    match cells.len() < LANES {
        true => count_few(cells, &edges.edges, column),
        false => count_many(cells, edges, room, column),
    }
}

fn count_many(cells: &[f64], edges: &Edges, room: &mut Room, column: &mut ColumnCounts) {
    let Room { at_least, places } = room;
    at_least.clear();
    at_least.resize(edges.edges.len() + 1, 0);
    let facts = edges.dispatch(cells, at_least, places);
    let edges = &edges.edges;
    let Facts {
        missing,
        upward,
        downward,
        ..
    } = facts;
    let rows = cells.len() as u64;
    column.missing += missing;
    column.infinite += upward + downward;
    column.negative += facts.negative;
    column.sum += facts.sum;
    if facts.min <= facts.max {
        let (low, high) = column.range.unwrap_or((facts.min, facts.max));
        column.range = Some((low.min(facts.min), high.max(facts.max)));
    }
    let finite = rows - missing - upward - downward;
    let Some((&beyond, from)) = at_least.split_last() else {
        return;
    };
    let Some(&first) = from.first() else {
        column.other += finite;
        return;
    };
    // Infinite ones above are at least every edge.
    column.below += rows - missing - downward - first;
    column.above += beyond - upward;
    column.bins.resize(edges.len() - 1, 0);
    for (bin, count) in column.bins.iter_mut().enumerate() {
        let last = bin + 2 == edges.len();
        *count += from[bin] - if last { beyond } else { from[bin + 1] };
    }
}

/// The same, one number after the other: of a single row, what is made ready for many takes most of the time.
fn count_few(cells: &[f64], edges: &[f64], column: &mut ColumnCounts) {
    column.bins.resize(edges.len().saturating_sub(1), 0);
    let mut sum = 0.0;
    for &x in cells {
        if x.is_nan() {
            column.missing += 1;
            continue;
        }
        if x.is_infinite() {
            column.infinite += 1;
            continue;
        }
        sum += x;
        column.negative += u64::from(x < 0.0);
        let (low, high) = column.range.unwrap_or((x, x));
        column.range = Some((low.min(x), high.max(x)));
        let (Some(&first), Some(&last)) = (edges.first(), edges.last()) else {
            column.other += 1;
            continue;
        };
        if x < first {
            column.below += 1;
        } else if x > last {
            column.above += 1;
        } else {
            // The last bin holds its upper edge, too.
            let bin = edges.partition_point(|edge| *edge <= x) - 1;
            let last = column.bins.len().saturating_sub(1);
            if let Some(count) = column.bins.get_mut(bin.min(last)) {
                *count += 1;
            }
        }
    }
    column.sum += sum;
}

/// How many are finite and not whole.
pub fn fractional(cells: &[f64]) -> u64 {
    /// From here on all are whole. Adding it and taking it away rounds to a whole number, by the same few instructions on every
    /// machine.
    const WHOLE: f64 = (1u64 << 52) as f64;
    let is = |x: f64| {
        let x = x.abs();
        x < WHOLE && (x + WHOLE) - WHOLE != x
    };
    cells.iter().map(|&x| u64::from(is(x))).sum()
}

/// `at_least`: for each edge, how many numbers are not below it; behind them, how many are above the last one.
#[allow(
    unsafe_code,
    reason = "calls code that needs instructions of newer processors, after asking for them"
)]
fn dispatch(cells: &[f64], edges: &[f64], at_least: &mut [u64]) -> Facts {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what it needs.
            return unsafe { by_avx2(cells, edges, at_least) };
        }
    }
    by_lanes(cells, edges, at_least)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn by_avx2(cells: &[f64], edges: &[f64], at_least: &mut [u64]) -> Facts {
    by_lanes(cells, edges, at_least)
}

#[inline(always)]
fn by_lanes(cells: &[f64], edges: &[f64], at_least: &mut [u64]) -> Facts {
    for (&edge, count) in edges.iter().zip(at_least.iter_mut()) {
        *count = cells.iter().map(|&x| u64::from(x >= edge)).sum();
    }
    if let (Some(&last), Some(count)) = (edges.last(), at_least.last_mut()) {
        *count = cells.iter().map(|&x| u64::from(x > last)).sum();
    }
    let (whole, rest) = cells.as_chunks::<LANES>();
    let mut lanes = Lanes::default();
    whole.iter().for_each(|cells| lanes.take(cells));
    if !rest.is_empty() {
        let mut last = [f64::NAN; LANES];
        last[..rest.len()].copy_from_slice(rest);
        lanes.take(&last);
    }
    let added = LANES - rest.len();
    let facts = lanes.facts();
    Facts {
        missing: facts.missing - if rest.is_empty() { 0 } else { added as u64 },
        ..facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One number after the other.
    fn plainly(cells: &[f64], edges: &[f64]) -> ColumnCounts {
        let mut column = ColumnCounts {
            bins: vec![0; edges.len().saturating_sub(1)],
            ..ColumnCounts::default()
        };
        for &x in cells {
            if x.is_nan() {
                column.missing += 1;
                continue;
            } else if x.is_infinite() {
                column.infinite += 1;
                continue;
            }
            column.negative += u64::from(x < 0.0);
            let (low, high) = column.range.unwrap_or((x, x));
            column.range = Some((low.min(x), high.max(x)));
            match edges {
                [] => column.other += 1,
                [first, ..] if x < *first => column.below += 1,
                [.., last] if x > *last => column.above += 1,
                [.., last] if x == *last => *column.bins.last_mut().unwrap() += 1,
                _ => column.bins[edges.partition_point(|edge| *edge <= x) - 1] += 1,
            }
        }
        column
    }

    fn counted(cells: &[f64], edges: &[f64]) -> ColumnCounts {
        let mut column = ColumnCounts::default();
        count(cells, &Edges::of(edges.to_vec()), &mut Room::default(), &mut column);
        column
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (-40..40i32).prop_map(|x| f64::from(x) / 4.0),
            2 => -10.0..10.0,
            1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX, f64::MIN]),
        ]
    }

    #[test]
    fn numbers_that_are_not_whole_are_counted() {
        let big = (1u64 << 52) as f64;
        let whole = [
            0.0,
            -0.0,
            3.0,
            -7.0,
            big,
            big - 1.0,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        assert_eq!(fractional(&whole), 0);
        let not = [
            0.5,
            -0.5,
            1e-300,
            2.0000000000000004,
            big / 2.0 - 0.5,
            f64::MIN_POSITIVE,
        ];
        assert_eq!(fractional(&not), not.len() as u64);
    }

    proptest! {
        #[test]
        fn each_number_is_counted_once(
            cells in prop::collection::vec(number(), 0..70),
            mut edges in prop::collection::vec((-24..24i32).prop_map(|x| f64::from(x) / 3.0), 0..22),
        ) {
            edges.sort_unstable_by(f64::total_cmp);
            edges.dedup();
            if edges.len() == 1 {
                edges.push(edges[0]);
            }
            let mut found = counted(&cells, &edges);
            let exact = found.sum;
            found.sum = 0.0;
            prop_assert_eq!(&found, &plainly(&cells, &edges));
            prop_assert_eq!(found.cells(), cells.len() as u64);
            let finite = || cells.iter().filter(|x| x.is_finite());
            let (sum, size): (f64, f64) = (finite().sum(), finite().map(|x| x.abs()).sum());
            prop_assert!((exact - sum).abs() <= size * 1e-12 || size.is_infinite());
        }

        #[test]
        fn few_numbers_are_counted_as_many_are(cells in prop::collection::vec(number(), 0..LANES)) {
            for edges in [&[][..], &[0.5], &[0.5, 0.5], &[-3.0, -1.0, 0.0, 0.5, 7.25]] {
                let (mut few, mut many) = (ColumnCounts::default(), ColumnCounts::default());
                count_few(&cells, edges, &mut few);
                count_many(&cells, &Edges::of(edges.to_vec()), &mut Room::default(), &mut many);
                prop_assert_eq!(few.sum.to_bits(), many.sum.to_bits());
                prop_assert_eq!(few, many);
            }
        }

        #[test]
        fn every_processor_counts_the_same(
            cells in prop::collection::vec(number(), 0..300),
            edges in prop::sample::select(vec![
                vec![-3.0, -1.0, 0.0, 0.5, 7.25],
                vec![2.0, 2.0],
                vec![-0.0, 1.0],
                (0..29).map(f64::from).collect(),
                (-30..30).map(f64::from).collect(),
            ]),
        ) {
            let edges = &edges[..];
            let mut plain = vec![0; edges.len() + 1];
            let facts = by_lanes(&cells, edges, &mut plain);
            let mut fast = vec![0; edges.len() + 1];
            let same = dispatch(&cells, edges, &mut fast);
            prop_assert_eq!(&plain, &fast);
            prop_assert_eq!(facts.sum.to_bits(), same.sum.to_bits());
            // Sums of the largest numbers may be none.
            let but_sum = |facts: Facts| Facts { sum: 0.0, ..facts };
            prop_assert_eq!(but_sum(facts), but_sum(same));
            let mut fast = vec![0; edges.len() + 1];
            let same = Edges::of(edges.to_vec()).dispatch(&cells, &mut fast, &mut Vec::new());
            prop_assert_eq!(&plain, &fast);
            prop_assert_eq!((but_sum(facts), facts.sum.to_bits()), (but_sum(same), same.sum.to_bits()));
        }
    }
}
