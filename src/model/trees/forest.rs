//! Trees -> sums of their leaves, a sum for each row and target.

#[cfg(target_arch = "x86_64")]
use super::compare::{self, Compared};
use super::leaf::Leaf;
use super::mixed::{Group, Mixed};
use super::ranks::Axes;
use super::tree::Tree;

/// Trees in the order in which their leaves are added up.
#[derive(Clone, Debug)]
pub struct Forest<T> {
    /// If all are small, and the processor is able to.
    #[cfg(target_arch = "x86_64")]
    compared: Option<Compared<T>>,
    mixed: Mixed<T>,
}

impl<T: Leaf> Forest<T> {
    /// `trees`: each with the target whose sum it is a part of.
    pub fn of(trees: Vec<(usize, Tree)>) -> Forest<T> {
        Forest {
            #[cfg(target_arch = "x86_64")]
            compared: compared(&trees),
            mixed: mixed(trees),
        }
    }

    /// Adds the leaves of all trees to `sums`, `[target][row]`. `columns`: `[feature][row]`.
    pub fn add(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(compared) = &self.compared
            && sums.first().is_some_and(|sums| compared.suits(sums.len()))
        {
            return compared.add(columns, sums);
        }
        self.mixed.add(columns, sums);
    }
}

#[cfg(target_arch = "x86_64")]
fn compared<T: Leaf>(trees: &[(usize, Tree)]) -> Option<Compared<T>> {
    if !compare::is_possible() || !trees.iter().all(|(_, tree)| compare::is_small(tree)) {
        return None;
    }
    let group = |(axes, trees): Ranked| {
        let trees = trees.into_iter().map(|(target, tree, _)| (target, tree));
        compare::Group::of(axes, trees)
    };
    Some(Compared {
        groups: groups(trees.to_vec()).into_iter().map(group).collect(),
    })
}

fn mixed<T: Leaf>(trees: Vec<(usize, Tree)>) -> Mixed<T> {
    let groups = groups(trees).into_iter();
    Mixed {
        groups: groups.map(|(axes, trees)| Group::of(axes, trees)).collect(),
    }
}

/// Trees that read the same ranks: target, tree, and whether its tests are admitted to the axes.
type Ranked = (Axes, Vec<(usize, Tree, bool)>);

fn groups(trees: Vec<(usize, Tree)>) -> Vec<Ranked> {
    let mut groups = Vec::new();
    let mut axes = Axes::default();
    let mut waiting: Vec<(usize, Tree, bool)> = Vec::new();
    for (target, tree) in trees {
        let tests = || tree.nodes.iter().map(|n| &n.test);
        let mut admitted = axes.admit(tests());
        if !admitted && !waiting.is_empty() {
            groups.push((std::mem::take(&mut axes), std::mem::take(&mut waiting)));
            admitted = axes.admit(tests());
        }
        waiting.push((target, tree, admitted));
    }
    groups.push((axes, waiting));
    groups
}

#[cfg(test)]
mod tests {
    use super::super::mixed::{FEW, Way};
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

    /// All ways to add up leaves that this processor has give what the tests mean, to the bit.
    fn agrees<T: Leaf + PartialEq + std::fmt::Debug>(trees: &[Tree], columns: &[Vec<f64>], targets: usize) {
        let numbered: Vec<(usize, Tree)> = (0..).map(|i| i % targets).zip(trees.iter().cloned()).collect();
        let begin = vec![vec![T::of(0.1); columns[0].len()]; targets];
        let mut wanted = begin.clone();
        for (target, tree) in &numbered {
            for (row, sum) in wanted[*target].iter_mut().enumerate() {
                let cut = |x: f64| if T::SINGLE { x as f32 as f64 } else { x };
                *sum += T::of(tree.leaves[tree.leaf(|feature| cut(columns[feature][row]))]);
            }
        }
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let forest = Forest::of(numbered);
        let sums = |add: &dyn Fn(&mut [Vec<T>])| {
            let mut sums = begin.clone();
            add(&mut sums);
            sums
        };
        assert_eq!(sums(&|sums| forest.add(&columns, sums)), wanted);
        #[cfg(target_arch = "x86_64")]
        if let Some(compared) = &forest.compared {
            assert_eq!(sums(&|sums| compared.add(&columns, sums)), wanted);
        }
        assert_eq!(sums(&|sums| forest.mixed.add(&columns, sums)), wanted);
        assert_eq!(sums(&|sums| forest.mixed.add_by(&columns, sums)), wanted);
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
        agrees::<f32>(&trees, &columns, 2);
        agrees::<f64>(&trees, &columns, 2);
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
            agrees::<f32>(&trees, &few, 2);
            agrees::<f64>(&trees, &few, 2);
            let columns: Vec<Vec<f64>> = values.chunks(rows).take(FEATURES).map(<[f64]>::to_vec).collect();
            agrees::<f32>(&trees, &columns, 2);
            agrees::<f64>(&trees, &columns, 2);
        }
    }

    /// A test of numbers, read in every way there is, of one of many features: their ranks take several pages.
    fn comparison() -> impl Strategy<Value = Test> {
        let number = prop_oneof![8 => -3.0..3.0f64, 1 => Just(0.0), 1 => Just(1e-36), 1 => Just(f64::INFINITY)];
        (any::<usize>(), any::<bool>(), number).prop_map(|(feature, missing_passes, number)| Test {
            feature,
            reading: [Reading::Number, Reading::NanIsZero, Reading::ZeroIsMissing][feature % 3],
            condition: Condition::Below(number),
            missing_passes,
        })
    }

    /// Trees that can be compared: complete ones of up to six levels, their last one not always full; of any shape; lists.
    fn small_tree() -> impl Strategy<Value = Tree> {
        let tests = |most| proptest::collection::vec((comparison(), any::<u64>()), 1..=most);
        let complete = |mut tests: Vec<(Test, u64)>| {
            for (place, (_, way)) in (1u64..).zip(&mut tests) {
                *way = (0..place.ilog2()).fold(0, |way, i| way | (place >> i & 1) << (place.ilog2() - 1 - i));
            }
            tree(tests)
        };
        let list = |(mut tests, side): (Vec<(Test, u64)>, bool)| {
            tests
                .iter_mut()
                .for_each(|(_, way)| *way = if side { u64::MAX } else { 0 });
            tree(tests)
        };
        prop_oneof![
            4 => tests(63).prop_map(complete),
            4 => tests(31).prop_map(tree),
            1 => (tests(31), any::<bool>()).prop_map(list),
            1 => Just(Tree { nodes: Vec::new(), leaves: vec![0.7] }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn small_trees_are_compared_to_the_same_sums(
            mut trees in proptest::collection::vec(small_tree(), 1..20),
            features in prop_oneof![1..6usize, 60..140usize],
            targets in 1..4usize,
            rows in prop_oneof![1..200usize, Just(63), Just(64), Just(65), Just(127), Just(128), Just(129)],
            values in proptest::collection::vec(
                prop_oneof![8 => -4.0..4.0f64, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => Just(1e-35), 1 => Just(f64::INFINITY)],
                1000,
            ),
        ) {
            trees.iter_mut().flat_map(|tree| &mut tree.nodes).for_each(|node| node.test.feature %= features);
            let columns: Vec<Vec<f64>> = (0..features)
                .map(|feature| (0..rows).map(|row| values[(feature * 7919 + row * 31) % values.len()]).collect())
                .collect();
            #[cfg(target_arch = "x86_64")]
            prop_assert!(trees.iter().all(compare::is_small));
            agrees::<f32>(&trees, &columns, targets);
            agrees::<f64>(&trees, &columns, targets);
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
        let forest = mixed::<f64>(trees.iter().cloned().map(|t| (0, t)).collect());
        assert_eq!(forest.groups.len(), 5);
        agrees::<f64>(&trees, &columns, 2);
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
            let forest = mixed::<f32>(trees.iter().cloned().map(|t| (0, t)).collect());
            let ways = forest.groups.iter().flat_map(|group| &group.members);
            let walked: Vec<bool> = ways.map(|m| matches!(m.way, Way::Walked(_))).collect();
            assert_eq!(walked, [is_walked, true]);
            agrees::<f32>(&trees, &columns, 2);
            agrees::<f64>(&trees, &columns, 2);
        }
    }
}
