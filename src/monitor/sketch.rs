//! How a model's predictions are spread, without a baseline: counts of numbers that begin with the same bits. Integers, so that they
//! depend neither on threads nor on where an input was cut.

use super::check::distance::Bins;
use super::leb128::{push, take};
use std::collections::HashMap;

/// Of the encoding.
const FORMAT: u8 = 1;
/// Bits of the mantissa that are kept: 64 cells to each power of two, 1.6 % wide at most.
const MANTISSA: u32 = 6;

/// Counts of predictions of good rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// By [`cell`]. A tree takes four times as long for each value; whoever needs them in order sorts them.
    counts: HashMap<u32, u64>,
    /// `NaN`.
    undecided: u64,
}

/// Its first bits, so that cells ascend as their numbers do; -0 is 0.
fn cell(x: f64) -> u32 {
    let bits = (x + 0.0).to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    (ascending >> (52 - MANTISSA)) as u32
}

/// The number of a cell that is nearest to 0.
fn smallest(cell: u32) -> f64 {
    let ascending = u64::from(cell) << (52 - MANTISSA);
    match ascending >> 63 {
        1 => f64::from_bits(ascending & !(1 << 63)),
        _ => f64::from_bits(!(ascending | ((1 << (52 - MANTISSA)) - 1))),
    }
}

impl Sketch {
    pub fn push(&mut self, x: f64) {
        match x.is_nan() {
            true => self.undecided += 1,
            false => *self.counts.entry(cell(x)).or_default() += 1,
        }
    }

    pub fn add(&mut self, other: &Sketch) {
        for (cell, count) in &other.counts {
            *self.counts.entry(*cell).or_default() += count;
        }
        self.undecided += other.undecided;
    }

    /// Values, `NaN` among them.
    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.undecided
    }

    fn ascending(&self) -> Vec<(u32, u64)> {
        let mut cells: Vec<(u32, u64)> = self.counts.iter().map(|(&cell, &count)| (cell, count)).collect();
        cells.sort_unstable();
        cells
    }

    /// Its deciles, from 10 % to 90 %, each as the end of its cell that is nearer to 0: up to 1.6 % of itself too small. None: there is
    /// no value.
    pub fn deciles(&self) -> Option<[f64; 9]> {
        let cells = self.ascending();
        let all: u64 = cells.iter().map(|(_, count)| count).sum();
        let mut deciles = [0.0; 9];
        let (mut below, mut tenths) = (0, 0);
        for (cell, count) in cells {
            below += count;
            while tenths < 9 && u128::from(below) * 10 >= u128::from(all) * (tenths as u128 + 1) {
                deciles[tenths] = smallest(cell);
                tenths += 1;
            }
        }
        (all > 0).then_some(deciles)
    }

    /// Both in bins whose edges are this one's deciles, at the next borders of cells; what is undecided is a bin of its own. None:
    /// they can't be compared, for one of them is empty, or they are of too few values.
    pub fn bins(&self, other: &Sketch) -> Option<Bins> {
        let (ours, theirs) = (self.ascending(), other.ascending());
        let all: u64 = ours.iter().map(|(_, count)| count).sum();
        // The last cell of each bin but for the last one, which has no end.
        let mut edges = Vec::new();
        let (mut below, mut tenths) = (0, 1);
        for &(cell, count) in &ours {
            below += count;
            let reached = u128::from(below) * 10 / u128::from(all);
            if (tenths..10).contains(&reached) {
                edges.push(cell);
                tenths = reached + 1;
            }
        }
        let counts = |cells: &[(u32, u64)]| {
            let mut counts = vec![0; edges.len() + 1];
            for &(cell, count) in cells {
                counts[edges.partition_point(|&edge| edge < cell)] += count;
            }
            counts
        };
        let apart = (self.undecided, other.undecided);
        let bins = Bins::of_numbers(&counts(&ours), &counts(&theirs), apart);
        if bins.bins() > 1 {
            return bins.is_comparable().then_some(bins);
        }
        // Nearly all of ours are in one cell: it against all others.
        let (most, count) = ours.iter().max_by_key(|(_, count)| count).copied()?;
        let same = other.counts.get(&most).copied().unwrap_or_default();
        let bins = Bins::of_numbers(&[count], &[same], (self.total() - count, other.total() - same));
        bins.is_comparable().then_some(bins)
    }

    /// The population stability index of the other one, in [`Sketch::bins`].
    pub fn psi(&self, other: &Sketch) -> Option<f64> {
        self.bins(other).map(|bins| bins.psi())
    }

    /// What is kept: a few bytes for each cell, the same ones of the same counts.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        push(self.undecided, &mut out);
        push(self.counts.len() as u64, &mut out);
        let mut next = 0;
        for (cell, count) in self.ascending() {
            push(u64::from(cell - next), &mut out);
            push(count, &mut out);
            next = cell + 1;
        }
        out
    }

    /// None if these bytes are no sketch.
    pub fn of(bytes: &[u8]) -> Option<Sketch> {
        let (&FORMAT, mut rest) = bytes.split_first()? else {
            return None;
        };
        let rest = &mut rest;
        let undecided = take(rest)?;
        let mut total = undecided;
        let mut counts = HashMap::new();
        let mut next = 0u64;
        for _ in 0..take(rest)? {
            let place = next.checked_add(take(rest)?)?;
            let place = u32::try_from(place)
                .ok()
                .filter(|place| *place <= cell(f64::INFINITY))?;
            let count = take(rest)?;
            total = total.checked_add(count)?;
            counts.insert(place, count);
            next = u64::from(place) + 1;
        }
        let is_whole = rest.is_empty() && counts.values().all(|&count| count > 0);
        is_whole.then_some(Sketch { counts, undecided })
    }
}

impl FromIterator<f64> for Sketch {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Sketch {
        let mut sketch = Sketch::default();
        values.into_iter().for_each(|x| sketch.push(x));
        sketch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::fixtures::{near, published};
    use proptest::prelude::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Sketch {
        values.into_iter().collect()
    }

    fn sum(a: &Sketch, b: &Sketch) -> Sketch {
        let mut sum = a.clone();
        sum.add(b);
        sum
    }

    #[test]
    fn cells_ascend_and_are_narrow() {
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -2.0,
            -1.9,
            -1.0,
            -1e-300,
            0.0,
            5e-324,
            1e-300,
            0.5,
            0.51,
            1.0,
            127.0,
            128.0,
            f64::MAX,
            f64::INFINITY,
        ];
        assert!(ascending.is_sorted_by(|a, b| cell(*a) <= cell(*b)));
        assert!(cell(0.5) < cell(0.51) && cell(127.0) < cell(128.0) && cell(f64::MAX) < cell(f64::INFINITY));
        assert_eq!(cell(-0.0), cell(0.0));
    }

    #[test]
    fn deciles_are_those_of_whole_numbers() {
        let whole = of((1..=100).map(f64::from));
        assert_eq!(
            whole.deciles().unwrap(),
            [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
        );
        let below = of((-100..=-1).map(f64::from)).deciles().unwrap();
        assert_eq!((below[0], below[8]), (-91.0, -11.0));
        assert_eq!(of([0.0; 5]).deciles(), Some([0.0; 9]));
        assert_eq!(of([f64::NAN]).deciles(), None);
        assert_eq!(of([f64::INFINITY, -0.0]).deciles().unwrap()[8], f64::INFINITY);
    }

    /// (a - e) ln(a / e): a tenth in each bin, and then none in the first and twice as many in the last, where none counts as half a row.
    #[test]
    fn the_index_is_as_by_hand() {
        let ours = of((0..1_000).map(|i| f64::from(i % 100)));
        assert!(ours.psi(&ours).unwrap().abs() < 1e-12);
        let moved = of((0..1_000).map(|i| f64::from(if i % 100 < 10 { 500 } else { i % 100 })));
        let psi = (0.0005f64 - 0.1) * (0.0005f64 / 0.1).ln() + 0.1 * 2f64.ln();
        assert!((ours.psi(&moved).unwrap() - psi).abs() < 1e-12);
        // A fifth is undecided, and taken from all.
        let undecided = sum(&ours, &of([f64::NAN; 250]));
        let psi = (0.08f64 - 0.1) * 0.8f64.ln() * 10.0 + (0.2f64 - 0.0005) * (0.2f64 / 0.0005).ln();
        assert!((ours.psi(&undecided).unwrap() - psi).abs() < 1e-12);
        assert_eq!(undecided.total(), 1_250);
    }

    #[test]
    fn the_index_is_as_numpy_has_it() {
        for (ours, theirs, psi) in published::<(Vec<f64>, Vec<f64>, f64)>("psi") {
            near(of(ours).psi(&of(theirs)).unwrap(), psi, 1e-12);
        }
    }

    #[test]
    fn what_says_one_thing_alone_is_told_from_what_says_another() {
        let no = of([0.0; 1_000]);
        let yes = of([1.0; 1_000]);
        assert!(no.psi(&yes).unwrap() > 5.0);
        // 0.1 % yes is too few for a bin.
        let seldom = sum(&of([0.0; 999]), &of([1.0]));
        assert!(seldom.psi(&sum(&of([0.0; 500]), &of([1.0; 500]))).unwrap() > 1.0);
        assert_eq!(
            (no.psi(&no), Sketch::default().psi(&no), no.psi(&Sketch::default())),
            (None, None, None)
        );
    }

    #[test]
    fn nothing_else_is_a_sketch() {
        let bytes = of((0..300).map(|i| f64::from(i).ln()).chain([f64::NAN; 3])).bytes();
        assert!((0..bytes.len()).all(|end| Sketch::of(&bytes[..end]).is_none()));
        for wrong in [
            &[2, 0, 0][..],
            &[1, 0, 0, 0],
            &[1, 0, 1, 5, 0],
            &[1, 0, 1, 0xff, 0xff, 0xff, 0x7f, 1],
        ] {
            assert_eq!(Sketch::of(wrong), None);
        }
        // Two or three bytes a cell.
        let wide = of((0..100_000).map(f64::from));
        assert!(wide.bytes().len() < 3 * wide.counts.len(), "{}", wide.bytes().len());
    }

    prop_compose! {
        fn sketches()(values in prop::collection::vec(prop_oneof![any::<f64>(), 0.0..1.0, Just(f64::NAN)], 0..60)) -> Sketch {
            of(values)
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order(a in sketches(), b in sketches(), c in sketches()) {
            prop_assert_eq!(sum(&a, &b), sum(&b, &a));
            prop_assert_eq!(sum(&sum(&a, &b), &c).bytes(), sum(&a, &sum(&b, &c)).bytes());
            prop_assert_eq!(sum(&a, &b).total(), a.total() + b.total());
        }

        #[test]
        fn a_sketch_is_read_as_it_was_written(a in sketches()) {
            prop_assert_eq!(Sketch::of(&a.bytes()), Some(a));
        }

        #[test]
        fn bytes_of_anybody_are_a_sketch_or_none(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(sketch) = Sketch::of(&bytes) {
                prop_assert_eq!(Sketch::of(&sketch.bytes()), Some(sketch));
            }
        }
    }
}
