//! Trees -> sums of their leaves, a sum for each row and target.

use super::ranks::{Axes, LANE, LANES, ROWS, Ranks};
use super::select::{LEAVES, Selection};
use super::tree::Tree;
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
    Selected(Selection<T>),
    /// Too large: node after node, each row by itself.
    Walked(Tree),
}

impl<T: Leaf> Forest<T> {
    /// `trees`: each with the target whose sum it is a part of.
    pub fn of(trees: Vec<(usize, Tree)>) -> Forest<T> {
        let mut groups = Vec::new();
        let mut axes = Axes::default();
        let mut waiting: Vec<(usize, Tree, bool)> = Vec::new();
        for (target, tree) in trees {
            let small = tree.leaves.len() <= LEAVES;
            let tests = || tree.nodes.iter().map(|n| &n.test);
            let mut admitted = small && axes.admit(tests());
            if small && !admitted && !waiting.is_empty() {
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
        let most = self.groups.iter().map(|g| g.axes.columns).max().unwrap_or(0);
        let mut ranks: Vec<Ranks> = vec![[[0; LANE]; LANES]; most];
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
                        Way::Selected(selection) => selection.add(&ranks, length.div_ceil(LANE), sums),
                        Way::Walked(tree) => walk(tree, columns, start, &mut sums[..length]),
                    }
                }
            }
            for (to, from) in sums.iter_mut().zip(&chunk) {
                to[start..start + length].copy_from_slice(&from[..length]);
            }
        }
    }
}

fn walk<T: Leaf>(tree: &Tree, columns: &[&[f64]], start: usize, sums: &mut [T]) {
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
        let member = |(target, tree, admitted)| Member {
            target,
            way: match admitted {
                true => Way::Selected(Selection::of(&tree, T::of, &mut axes)),
                false => Way::Walked(tree),
            },
        };
        let members = trees.into_iter().map(member).collect();
        Group { axes, members }
    }
}
