//! Trees of any kind, each by the way that suits it, on any processor.

use super::leaf::Leaf;
use super::ranks::{Axes, LANE, LANES, ROWS, Ranks};
use super::select::{LEAVES, Selection};
use super::tree::Tree;
use super::walk::{COMPANY, Walk, leaves};

/// So many rows are walked through all trees: 2.4 µs each for 200 trees of depth 6, and a vector of 64 takes 60.
pub const FEW: usize = 24;

#[derive(Clone, Debug)]
pub struct Mixed<T> {
    pub groups: Vec<Group<T>>,
}

/// Trees that read the same ranks.
#[derive(Clone, Debug)]
pub struct Group<T> {
    axes: Axes,
    pub members: Vec<Member<T>>,
}

#[derive(Clone, Debug)]
pub struct Member<T> {
    target: usize,
    pub way: Way<T>,
}

#[derive(Clone, Debug)]
pub enum Way<T> {
    /// All nodes are asked; but a few rows are walked.
    Selected(Selection<T>, Walk<T>),
    /// Too large to ask all nodes.
    Walked(Walk<T>),
    /// It needs more kinds of value than a byte can tell: by the meaning of its tests, each row by itself.
    Read(Tree),
}

impl<T: Leaf> Mixed<T> {
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
    pub fn add_by(&self, columns: &[&[f64]], sums: &mut [Vec<T>]) {
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
    pub fn of(mut axes: Axes, trees: Vec<(usize, Tree, bool)>) -> Group<T> {
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
