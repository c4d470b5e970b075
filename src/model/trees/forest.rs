//! Trees -> sums of their leaves, a sum for each row and target.

use super::ranks::{Axes, LANE, LANES, ROWS, Ranks};
use super::select::{LEAVES, Selection};
use super::tree::Tree;
use super::walk::{COMPANY, Walk, leaves};
use std::ops::AddAssign;

/// The type in which a library adds up leaves.
pub trait Leaf: Copy + Default + AddAssign + From<f32> + Into<f64> {
    /// Are features cut to single precision before they are compared?
    const SINGLE: bool;
    fn of(value: f64) -> Self;
}

impl Leaf for f32 {
    const SINGLE: bool = true;

    fn of(value: f64) -> f32 {
        value as f32
    }
}

impl Leaf for f64 {
    const SINGLE: bool = false;

    fn of(value: f64) -> f64 {
        value
    }
}

/// So many rows are walked through all trees: 2.4 µs each for 200 trees of depth 6, and a vector of 64 takes 60.
const FEW: usize = 24;

/// Trees in the order in which their leaves are added up.
#[derive(Clone, Debug)]
pub struct Forest<T> {
    groups: Vec<Group<T>>,
}

/// Trees that read the same ranks.
#[derive(Clone, Debug)]
struct Group<T> {
    axes: Axes,
    members: Vec<Member<T>>,
}

#[derive(Clone, Debug)]
struct Member<T> {
    target: usize,
    way: Way<T>,
}

#[derive(Clone, Debug)]
enum Way<T> {
    /// All nodes are asked; but a few rows are walked.
    Selected(Selection<T>, Walk<T>),
    /// Too large to ask all nodes.
    Walked(Walk<T>),
    /// It needs more kinds of value than a byte can tell: by the meaning of its tests, each row by itself.
    Read(Tree),
}

impl<T: Leaf> Forest<T> {
    /// `trees`: each with the target whose sum it is a part of.
    pub fn of(trees: Vec<(usize, Tree)>) -> Forest<T> {
        let mut groups = Vec::new();
        let mut axes = Axes::default();
        let mut waiting: Vec<(usize, Tree, bool)> = Vec::new();
        for (target, tree) in trees {
            let tests = || tree.nodes.iter().map(|n| &n.test);
            let mut admitted = axes.admit(tests());
            if !admitted && !waiting.is_empty() {
                groups.push(Group::of(std::mem::take(&mut axes), std::mem::take(&mut waiting)));
                admitted = axes.admit(tests());
            }
            waiting.push((target, tree, admitted));
        }
        groups.push(Group::of(axes, waiting));
        Forest { groups }
    }

    /// Adds the leaves of all trees to `sums`, `[target][row]`. `columns`: `[feature][row]`.
    pub fn add(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        if sums.first().is_some_and(|sums| sums.len() <= FEW) {
            return self.add_few(columns, sums);
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                // SAFETY: all the function wants is the features that have just been found.
                #[expect(unsafe_code)]
                return unsafe { self.add_by_avx512(columns, sums) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: all the function wants is the feature that has just been found.
                #[expect(unsafe_code)]
                return unsafe { self.add_by_avx2(columns, sums) };
            }
        }
        self.add_by(columns, sums)
    }

    /// The same of a few rows: from node to node, for a vector would be mostly empty.
    #[expect(clippy::needless_range_loop, reason = "a row is a place in each of several sums")]
    fn add_few(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        let rows = sums[0].len();
        let mut ranks = self.ranks();
        for group in &self.groups {
            group.axes.rank_few(columns, rows, T::SINGLE, &mut ranks);
            for members in group.members.chunks(COMPANY) {
                let walks: Vec<&Walk<T>> = members.iter().filter_map(Member::walk).collect();
                let company: Result<[&Walk<T>; COMPANY], _> = walks.try_into();
                for row in 0..rows {
                    match company {
                        Ok(ref trees) => {
                            let leaves = leaves(trees, &ranks, row);
                            for (member, leaf) in members.iter().zip(leaves) {
                                sums[member.target][row] += leaf;
                            }
                        }
                        Err(_) => {
                            for member in members {
                                member.add_to(&mut sums[member.target][row], &ranks, columns, row);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Room for the ranks of any group.
    fn ranks(&self) -> Vec<Ranks> {
        let most = self.groups.iter().map(|g| g.axes.columns).max().unwrap_or(0);
        vec![[[0; LANE]; LANES + 1]; most]
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512bw,avx512vl")]
    fn add_by_avx512(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        self.add_by(columns, sums)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_by_avx2(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        self.add_by(columns, sums)
    }

    #[inline(always)]
    fn add_by(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        let rows = sums.first().map_or(0, Vec::len);
        let mut ranks = self.ranks();
        let mut stack = Selection::<T>::stack();
        let mut chunk = vec![[T::default(); ROWS]; sums.len()];
        for start in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - start);
            for (from, to) in sums.iter().zip(&mut chunk) {
                to[..length].copy_from_slice(&from[start..start + length]);
            }
            for group in &self.groups {
                group.axes.rank(columns, start, length, T::SINGLE, &mut ranks);
                for member in &group.members {
                    let sums = &mut chunk[member.target];
                    match &member.way {
                        Way::Selected(selection, _) => {
                            selection.add(&ranks, length.div_ceil(LANE), sums, &mut stack);
                        }
                        Way::Walked(walk) => walk.add(&ranks, length, sums),
                        Way::Read(tree) => read(tree, columns, start, &mut sums[..length]),
                    }
                }
            }
            for (to, from) in sums.iter_mut().zip(&chunk) {
                to[start..start + length].copy_from_slice(&from[..length]);
            }
        }
    }
}

impl<T: Leaf> Member<T> {
    /// None: it is no walk.
    fn walk(&self) -> Option<&Walk<T>> {
        match &self.way {
            Way::Selected(_, walk) | Way::Walked(walk) => Some(walk),
            Way::Read(_) => None,
        }
    }

    /// Adds the leaf of one row.
    fn add_to(&self, sum: &mut T, ranks: &[Ranks], columns: &[&[f64]], row: usize) {
        match &self.way {
            Way::Selected(_, walk) | Way::Walked(walk) => *sum += walk.leaf(ranks, row),
            Way::Read(tree) => read(tree, columns, row, std::slice::from_mut(sum)),
        }
    }
}

fn read<T: Leaf>(tree: &Tree, columns: &[&[f64]], start: usize, sums: &mut [T]) {
    for (i, sum) in sums.iter_mut().enumerate() {
        let leaf = tree.leaf(|feature| {
            let x = columns[feature][start + i];
            if T::SINGLE { x as f32 as f64 } else { x }
        });
        *sum += T::of(tree.leaves[leaf]);
    }
}

impl<T: Leaf> Group<T> {
    /// `trees`: target, tree, and whether its tests are admitted to `axes`.
    fn of(mut axes: Axes, trees: Vec<(usize, Tree, bool)>) -> Group<T> {
        let member = |(target, tree, admitted): (usize, Tree, bool)| Member {
            target,
            way: match admitted {
                true => {
                    let walk = Walk::of(&tree, T::of, &mut axes);
                    match tree.leaves.len() <= LEAVES {
                        true => Way::Selected(Selection::of(&tree, T::of, &mut axes), walk),
                        false => Way::Walked(walk),
                    }
                }
                false => Way::Read(tree),
            },
        };
        let members = trees.into_iter().map(member).collect();
        Group { axes, members }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Categories, Condition, Part, Reading, Test};
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const FEATURES: usize = 3;

    /// Feature 0 holds numbers, 1 categories; 2 is read in every way that goes with a threshold.
    fn test() -> impl Strategy<Value = Test> {
        let number = prop_oneof![-3.0..3.0f64, Just(0.0), Just(1e-36), Just(f64::INFINITY)];
        let codes = proptest::collection::vec(0u32..40, 0..6);
        (0..FEATURES, any::<bool>(), number, codes, 0..3usize).prop_map(
            |(feature, missing_passes, number, codes, kind)| {
                let readings = [Reading::Number, Reading::NanIsZero, Reading::ZeroIsMissing];
                let (reading, condition) = match feature {
                    0 => (Reading::Number, Condition::Below(number)),
                    1 if kind == 0 => (Reading::CutCategory, Condition::Among(Arc::new(Categories::of(codes)))),
                    1 => (Reading::Category, Condition::Among(Arc::new(Categories::of(codes)))),
                    _ => (readings[kind], Condition::Below(number)),
                };
                Test {
                    feature,
                    reading,
                    condition,
                    missing_passes,
                }
            },
        )
    }

    /// A tree of `tests`, each hung where the bits say.
    fn tree(tests: Vec<(Test, u64)>) -> Tree {
        // Children of each node; leaves are numbered behind the nodes.
        let size = tests.len();
        let mut children = vec![[usize::MAX; 2]; size];
        for (new, &(_, mut bits)) in tests.iter().enumerate().skip(1) {
            let mut at = 0;
            loop {
                let side = (bits & 1) as usize;
                bits = bits.rotate_right(1);
                match children[at][side] {
                    usize::MAX => break children[at][side] = new,
                    next => at = next,
                }
            }
        }
        let free = children.iter_mut().flatten().filter(|c| **c == usize::MAX);
        free.zip(size..).for_each(|(child, leaf)| *child = leaf);
        Tree::grow(0, 2 * size + 1, |number| {
            Ok(match tests.get(number) {
                Some((test, _)) => Part::Split {
                    test: test.clone(),
                    pass: children[number][0],
                    fail: children[number][1],
                },
                None => Part::Leaf((number as f64).sqrt()),
            })
        })
        .unwrap()
    }

    fn sums<T: Leaf>(forest: &Forest<T>, columns: &[Vec<f64>], targets: usize) -> Vec<Vec<T>> {
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut sums = vec![vec![T::of(0.1); columns[0].len()]; targets];
        forest.add(&columns, &mut sums);
        sums
    }

    fn agrees<T: Leaf + PartialEq + std::fmt::Debug>(trees: &[Tree], columns: &[Vec<f64>]) {
        let forest = Forest::<T>::of(
            trees
                .iter()
                .cloned()
                .enumerate()
                .map(|(i, tree)| (i % 2, tree))
                .collect(),
        );
        let mut wanted = vec![vec![T::of(0.1); columns[0].len()]; 2];
        for (i, tree) in trees.iter().enumerate() {
            for (row, sum) in wanted[i % 2].iter_mut().enumerate() {
                let cut = |x: f64| if T::SINGLE { x as f32 as f64 } else { x };
                *sum += T::of(tree.leaves[tree.leaf(|feature| cut(columns[feature][row]))]);
            }
        }
        assert_eq!(sums(&forest, columns, 2), wanted);
        let mut portable = vec![vec![T::of(0.1); columns[0].len()]; 2];
        let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        forest.add_by(&slices, &mut portable);
        assert_eq!(portable, wanted);
    }

    /// Its leaf was the one that the tree before had chosen.
    #[test]
    fn a_tree_of_one_leaf_adds_it_behind_any_other() {
        let below = |threshold: f64| Test {
            feature: 0,
            reading: Reading::Number,
            condition: Condition::Below(threshold),
            missing_passes: false,
        };
        let leaf = Tree {
            nodes: Vec::new(),
            leaves: vec![0.5],
        };
        let trees = [tree(vec![(below(1.0), 0)]), leaf.clone(), leaf];
        let columns = vec![(0..100).map(f64::from).collect::<Vec<f64>>()];
        agrees::<f32>(&trees, &columns);
        agrees::<f64>(&trees, &columns);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_ways_find_the_leaves_that_the_tests_mean(
            trees in proptest::collection::vec(proptest::collection::vec((test(), any::<u64>()), 0..400), 1..6),
            values in proptest::collection::vec(
                prop_oneof![-4.0..45.0f64, Just(f64::NAN), Just(0.0), Just(-0.5), Just(1e-35), Just(f64::INFINITY)],
                FEATURES..400,
            ),
        ) {
            let trees: Vec<Tree> = trees.into_iter().filter(|t| !t.is_empty()).map(tree).collect();
            prop_assume!(!trees.is_empty());
            let rows = values.len() / FEATURES;
            let few: Vec<Vec<f64>> = values.chunks(rows).take(FEATURES).map(|c| c[..rows.min(FEW)].to_vec()).collect();
            agrees::<f32>(&trees, &few);
            agrees::<f64>(&trees, &few);
            let columns: Vec<Vec<f64>> = values.chunks(rows).take(FEATURES).map(<[f64]>::to_vec).collect();
            agrees::<f32>(&trees, &columns);
            agrees::<f64>(&trees, &columns);
        }
    }

    /// Trees that together need more kinds of value than a byte can tell go in several groups.
    #[test]
    fn many_thresholds_take_several_groups() {
        let below = |t: f64| Test {
            feature: 0,
            reading: Reading::Number,
            condition: Condition::Below(t),
            missing_passes: false,
        };
        let trees: Vec<Tree> = (0..10)
            .map(|i| tree((0..100).map(|k| (below((i * 100 + k) as f64), k * 7919 + i)).collect()))
            .collect();
        let columns = vec![(0..2500).map(|i| i as f64 * 0.5 - 100.0).collect::<Vec<f64>>()];
        let forest = Forest::<f64>::of(trees.iter().cloned().map(|t| (0, t)).collect());
        assert_eq!(forest.groups.len(), 5);
        agrees::<f64>(&trees, &columns);
    }

    /// Large trees go by ranks, too, unless one alone needs more kinds of value than a byte can tell.
    #[test]
    fn large_trees_are_walked_by_ranks_where_a_byte_can_tell_their_values() {
        let codes = |i: u64| {
            Arc::new(Categories::of(
                (0..60).filter(|code| i >> (code % 10) & 1 == 1).collect(),
            ))
        };
        let large = |thresholds: u64| {
            let test = |i: u64| match i % 3 {
                0 => Test {
                    feature: 1,
                    reading: Reading::CutCategory,
                    condition: Condition::Among(codes(i)),
                    missing_passes: i.is_multiple_of(2),
                },
                _ => Test {
                    feature: 0,
                    reading: Reading::Number,
                    condition: Condition::Below((i * 7919 % thresholds) as f64),
                    missing_passes: i.is_multiple_of(2),
                },
            };
            tree(
                (0..900)
                    .map(|i| (test(i), i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                    .collect(),
            )
        };
        let values = |scale: f64| {
            (0..3000).map(move |i| {
                if i % 7 == 0 {
                    f64::NAN
                } else {
                    (i * 31 % 1000) as f64 * scale
                }
            })
        };
        let columns = [values(0.9).collect(), values(0.07).collect()];
        for (thresholds, is_walked) in [(200, true), (500, false)] {
            let trees = [large(thresholds), large(100)];
            let forest = Forest::<f32>::of(trees.iter().cloned().map(|t| (0, t)).collect());
            let ways = forest.groups.iter().flat_map(|group| &group.members);
            let walked: Vec<bool> = ways.map(|m| matches!(m.way, Way::Walked(_))).collect();
            assert_eq!(walked, [is_walked, true]);
            agrees::<f32>(&trees, &columns);
            agrees::<f64>(&trees, &columns);
        }
    }
}
