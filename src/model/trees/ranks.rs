//! Values -> ranks: all that the tests of a group of trees can tell of a value, in one byte.
//!
//! A test `x < t` needs no more of `x` than how many of the group's thresholds are at most `x`; a test of categories, no
//! more than which of the group's sets have it as a member. With at most 254 kinds of value, a rank and a limit say the
//! same as the value and the threshold, exactly.

use super::tree::{Categories, Condition, Reading, Seen, Test};
use std::collections::HashMap;

/// Kinds of value that an axis can tell apart, beside missing ones.
const KINDS: usize = 254;

/// Rows that are one step for the widest vectors.
pub const LANE: usize = 64;
/// Lanes that go through all trees of a group together: enough to pay for looking at each node, few enough to stay in a
/// core's nearest caches. Four lanes are 40% slower.
pub const LANES: usize = 16;
pub const ROWS: usize = LANE * LANES;

/// A byte for each row, and a lane that nobody uses: without it all columns would compete for the same few places of the nearest
/// cache.
pub type Ranks = [[u8; LANE]; LANES + 1];

/// A feature, as some tests read it.
#[derive(Clone, Debug)]
pub struct Axis {
    pub feature: usize,
    reading: Reading,
    scale: Scale,
    /// The columns of ranks in which missing values pass and fail, where a test needs them.
    passing: Option<usize>,
    failing: Option<usize>,
}

#[derive(Clone, Debug)]
enum Scale {
    /// Ascending. The rank of `x`: one more than the number of thresholds that are at most `x`.
    Thresholds(Vec<f64>),
    /// Categories that no set tells apart have the same rank; those in no set have rank 0.
    Kinds(HashMap<u32, u8>),
}

/// How a test reads in ranks.
#[derive(Clone, Debug)]
pub enum RankTest {
    /// Passes at or below the limit.
    AtMost { column: usize, limit: u8 },
    /// Passes where the table says so; only the first `kinds` ranks are there.
    In {
        column: usize,
        passes: Box<[bool; 256]>,
        kinds: usize,
    },
}

/// The axes of a group of trees.
#[derive(Clone, Debug, Default)]
pub struct Axes {
    axes: Vec<Axis>,
    by_key: HashMap<(usize, Reading), usize>,
    pub columns: usize,
}

impl Axes {
    /// Makes room for `tests`, all or none of them. False if there is none: they need more kinds of value than a byte
    /// can tell.
    pub fn admit<'a>(&mut self, tests: impl Iterator<Item = &'a Test>) -> bool {
        let mut changed: HashMap<(usize, Reading), Scale> = HashMap::new();
        for test in tests {
            let key = (test.feature, test.reading);
            let scale = changed.entry(key).or_insert_with(|| match self.by_key.get(&key) {
                Some(&axis) => self.axes[axis].scale.clone(),
                None => Scale::of(&test.condition),
            });
            if !scale.admit(&test.condition) {
                return false;
            }
        }
        for (key, scale) in changed {
            match self.by_key.get(&key) {
                Some(&axis) => self.axes[axis].scale = scale,
                None => {
                    self.by_key.insert(key, self.axes.len());
                    self.axes.push(Axis {
                        feature: key.0,
                        reading: key.1,
                        scale,
                        passing: None,
                        failing: None,
                    });
                }
            }
        }
        true
    }

    /// An admitted test in ranks. All tests have to be admitted before.
    pub fn test(&mut self, test: &Test) -> RankTest {
        let axis = &mut self.axes[self.by_key[&(test.feature, test.reading)]];
        let column = match test.missing_passes {
            true => &mut axis.passing,
            false => &mut axis.failing,
        };
        let column = *column.get_or_insert_with(|| {
            self.columns += 1;
            self.columns - 1
        });
        match (&test.condition, &axis.scale) {
            (Condition::Below(threshold), Scale::Thresholds(all)) => RankTest::AtMost {
                column,
                limit: 1 + all.partition_point(|t| t < threshold) as u8,
            },
            (Condition::Among(set), Scale::Kinds(ranks)) => {
                let mut passes = Box::new([false; 256]);
                for (&code, &rank) in ranks {
                    passes[rank as usize] = set.has(code);
                }
                let missing = missing_category(ranks);
                passes[missing as usize] = test.missing_passes;
                RankTest::In {
                    column,
                    passes,
                    kinds: 1 + missing as usize,
                }
            }
            _ => unreachable!("a reading has one kind of condition"),
        }
    }

    /// Writes the ranks of `rows` rows from `start` on, `[column][row]`. `columns`: `[feature][row]`; `single`: cut to
    /// single precision first.
    #[inline(always)]
    pub fn rank(&self, columns: &[&[f64]], start: usize, rows: usize, single: bool, ranks: &mut [Ranks]) {
        let mut values = [0.0; ROWS];
        for axis in &self.axes {
            let column = &columns[axis.feature][start..start + rows];
            for (to, &x) in values.iter_mut().zip(column) {
                *to = if single { x as f32 as f64 } else { x };
            }
            axis.rank(&mut values[..rows], ranks);
        }
    }
}

impl Axes {
    /// The same of a few rows, which are the first.
    pub fn rank_few(&self, columns: &[&[f64]], rows: usize, single: bool, ranks: &mut [Ranks]) {
        for axis in &self.axes {
            let [passing, failing] = axis.missing_ranks();
            for (row, &x) in columns[axis.feature][..rows].iter().enumerate() {
                let found = axis.find(if single { x as f32 as f64 } else { x });
                for (column, missing) in [passing, failing] {
                    if let Some(column) = column {
                        ranks[column].as_flattened_mut()[row] = found.unwrap_or(missing);
                    }
                }
            }
        }
    }
}

impl Axes {
    /// The axes of numbers: feature, reading, ascending thresholds, and the columns in which missing values pass and fail.
    #[cfg(target_arch = "x86_64")]
    pub fn numbers(&self) -> impl Iterator<Item = (usize, Reading, &[f64], [Option<usize>; 2])> {
        self.axes.iter().filter_map(|axis| match &axis.scale {
            Scale::Thresholds(all) => Some((axis.feature, axis.reading, &all[..], [axis.passing, axis.failing])),
            Scale::Kinds(_) => None,
        })
    }
}

/// The rank behind those of categories.
fn missing_category(ranks: &HashMap<u32, u8>) -> u8 {
    1 + ranks.values().copied().max().unwrap_or(0)
}

impl Axis {
    /// The columns in which missing values pass and fail, and their rank there.
    fn missing_ranks(&self) -> [(Option<usize>, u8); 2] {
        match &self.scale {
            Scale::Thresholds(_) => [(self.passing, 0), (self.failing, u8::MAX)],
            Scale::Kinds(kinds) => [self.passing, self.failing].map(|column| (column, missing_category(kinds))),
        }
    }

    /// The rank of a value; `None`: it is missing.
    fn find(&self, x: f64) -> Option<u8> {
        match (self.reading.see(x), &self.scale) {
            (Seen::Missing, _) => None,
            // NaN counts as more than any.
            (Seen::Number(x), Scale::Thresholds(all)) => Some(1 + all.partition_point(|t| *t <= x) as u8),
            (Seen::Code(code), Scale::Kinds(kinds)) => Some(kinds.get(&code).copied().unwrap_or(0)),
            _ => Some(0),
        }
    }

    #[inline(always)]
    fn rank(&self, values: &mut [f64], ranks: &mut [Ranks]) {
        let mut found = [0; ROWS];
        let mut missing = [false; ROWS];
        match &self.scale {
            Scale::Thresholds(thresholds) => {
                match self.reading {
                    Reading::NanIsZero => values.iter_mut().for_each(|x| *x = if x.is_nan() { 0.0 } else { *x }),
                    reading => {
                        for (m, &x) in missing.iter_mut().zip(values.iter()) {
                            *m = reading.see(x) == Seen::Missing;
                        }
                    }
                }
                let mut padded = [f64::NAN; 255];
                padded[..thresholds.len()].copy_from_slice(thresholds);
                for (rank, &x) in found.iter_mut().zip(values.iter()) {
                    *rank = 1 + count_at_most(&padded, x);
                }
            }
            Scale::Kinds(kinds) => {
                for ((rank, missing), &x) in found.iter_mut().zip(&mut missing).zip(values.iter()) {
                    match self.reading.see(x) {
                        Seen::Missing => *missing = true,
                        Seen::Code(code) => *rank = kinds.get(&code).copied().unwrap_or(0),
                        Seen::NoCode | Seen::Number(_) => {}
                    }
                }
            }
        }
        for (column, missing_rank) in self.missing_ranks() {
            let Some(column) = column else { continue };
            let out = ranks[column].as_flattened_mut();
            for i in 0..ROWS {
                out[i] = if missing[i] { missing_rank } else { found[i] };
            }
        }
    }
}

/// How many of `ascending` are at most `x`, by halving; NaN counts as more than any.
#[inline(always)]
fn count_at_most(ascending: &[f64; 255], x: f64) -> u8 {
    let mut count = 0;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        count += if ascending[count + step - 1] <= x { step } else { 0 };
    }
    count as u8
}

impl Scale {
    fn of(condition: &Condition) -> Scale {
        match condition {
            Condition::Below(_) => Scale::Thresholds(Vec::new()),
            Condition::Among(_) => Scale::Kinds(HashMap::new()),
        }
    }

    fn admit(&mut self, condition: &Condition) -> bool {
        match (self, condition) {
            (Scale::Thresholds(all), Condition::Below(threshold)) => {
                let place = all.partition_point(|t| t < threshold);
                if all.get(place) != Some(threshold) {
                    all.insert(place, *threshold);
                }
                all.len() <= KINDS
            }
            (Scale::Kinds(ranks), Condition::Among(set)) => {
                if !tells(ranks, set) {
                    *ranks = refine(ranks, set);
                }
                ranks.values().max().is_none_or(|&most| (most as usize) < KINDS)
            }
            _ => unreachable!("a reading has one kind of condition"),
        }
    }
}

/// Are the members of `set` told from others by their ranks?
fn tells(ranks: &HashMap<u32, u8>, set: &Categories) -> bool {
    let mut sides = [None; 256];
    sides[0] = Some(false);
    let mut agrees = |(&code, &rank): (&u32, &u8)| *sides[rank as usize].get_or_insert(set.has(code)) == set.has(code);
    ranks.iter().all(&mut agrees) && set.codes().all(|code| ranks.contains_key(&code))
}

/// Tells members of `set` from others that had the same rank. More than a byte can tell end at 255.
fn refine(ranks: &HashMap<u32, u8>, set: &Categories) -> HashMap<u32, u8> {
    let mut codes: Vec<u32> = set.codes().chain(ranks.keys().copied()).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut kinds = HashMap::from([((0, false), 0)]);
    let rank = |code: u32| {
        let next = kinds.len().min(255) as u8;
        let before = ranks.get(&code).copied().unwrap_or(0);
        (code, *kinds.entry((before, set.has(code))).or_insert(next))
    };
    codes.into_iter().map(rank).collect()
}
