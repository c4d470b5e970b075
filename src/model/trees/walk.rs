//! A large tree as a table of nodes. Rows go from node to node by their ranks, some of them together: while one waits for
//! memory, the others go on. No row branches: a verdict is added to where those go that pass.

use super::ranks::{Axes, ROWS, RankTest, Ranks};
use super::tree::{Next, Tree};

/// Rows that go together through a tree, or trees that a row goes through together.
pub const COMPANY: usize = 8;

#[derive(Clone, Debug)]
pub struct Walk<T> {
    /// Level after level; the root is the first.
    nodes: Vec<Node>,
    /// The values of leaves, by node.
    values: Vec<T>,
    /// By a test's place and a rank: 0 passes, 1 fails.
    verdicts: Vec<u8>,
    /// Of its deepest leaf; after so many steps, every row stands on its leaf.
    depth: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Where the test's column of ranks begins, in bytes, and where its verdicts do.
    ranks: u32,
    verdicts: u32,
    /// The node for rows that pass; the one for those that fail stands behind it. A leaf is passed to itself, forever.
    pass: u32,
}

/// The verdicts of comparisons: from place `255 - limit` on, ranks up to the limit pass. From place 0 on, all do.
const COMPARISONS: usize = 511;

impl<T: Copy + Default + std::ops::AddAssign> Walk<T> {
    /// The tests of `tree` are admitted to `axes`.
    pub fn of(tree: &Tree, value: impl Fn(f64) -> T, axes: &mut Axes) -> Walk<T> {
        let mut verdicts: Vec<u8> = (0..COMPARISONS).map(|place| u8::from(place > 255)).collect();
        let mut places: Vec<Next> = vec![if tree.nodes.is_empty() { !0 } else { 0 }];
        let mut nodes = Vec::with_capacity(2 * tree.leaves.len());
        let mut values = vec![T::default(); 2 * tree.leaves.len()];
        // Where the level ends that is being written.
        let (mut depth, mut level) = (0, 1);
        while let Some(&place) = places.get(nodes.len()) {
            if nodes.len() == level {
                (depth, level) = (depth + 1, places.len());
            }
            let (column, begin, pass) = match usize::try_from(place) {
                Err(_) => {
                    values[nodes.len()] = value(tree.leaves[!place as usize]);
                    (0, 0, nodes.len())
                }
                Ok(place) => {
                    let node = &tree.nodes[place];
                    let (column, begin) = match axes.test(&node.test) {
                        RankTest::AtMost { column, limit } => (column, 255 - limit as usize),
                        RankTest::In { column, passes, kinds } => {
                            verdicts.extend(passes[..kinds].iter().map(|&passes| u8::from(!passes)));
                            (column, verdicts.len() - kinds)
                        }
                    };
                    places.extend([node.pass, node.fail]);
                    (column, begin, places.len() - 2)
                }
            };
            nodes.push(Node {
                ranks: (column * size_of::<Ranks>()) as u32,
                verdicts: begin as u32,
                pass: pass as u32,
            });
        }
        Walk {
            nodes,
            values,
            verdicts,
            depth,
        }
    }

    /// The leaf of a row.
    pub fn leaf(&self, ranks: &[Ranks], row: usize) -> T {
        leaves(&[self; COMPANY], ranks, row)[0]
    }

    /// Adds the leaves of the first `rows` rows to their sums.
    #[inline(always)]
    pub fn add(&self, ranks: &[Ranks], rows: usize, sums: &mut [T; ROWS]) {
        let ranks = ranks.as_flattened().as_flattened();
        for (i, sums) in sums[..rows.next_multiple_of(COMPANY)]
            .chunks_exact_mut(COMPANY)
            .enumerate()
        {
            let mut at = [0; COMPANY];
            loop {
                let mut moved = 0;
                for (row, at) in (i * COMPANY..).zip(&mut at) {
                    let node = self.nodes[*at as usize];
                    let rank = ranks[node.ranks as usize + row];
                    let next = node.pass + self.verdicts[node.verdicts as usize + rank as usize] as u32;
                    moved |= next ^ *at;
                    *at = next;
                }
                if moved == 0 {
                    break;
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.values[at as usize];
            }
        }
    }
}

/// The leaves that one row reaches in trees that it goes through together: while it waits for memory in one, it goes on in the
/// others.
#[inline(always)]
pub fn leaves<T: Copy + Default>(trees: &[&Walk<T>; COMPANY], ranks: &[Ranks], row: usize) -> [T; COMPANY] {
    let ranks = ranks.as_flattened().as_flattened();
    let mut at = [0; COMPANY];
    let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
    for _ in 0..depth {
        for (tree, at) in trees.iter().zip(&mut at) {
            let node = tree.nodes[*at as usize];
            let rank = ranks[node.ranks as usize + row];
            *at = node.pass + u32::from(tree.verdicts[node.verdicts as usize + rank as usize]);
        }
    }
    let mut found = [T::default(); COMPANY];
    for (found, (tree, at)) in found.iter_mut().zip(trees.iter().zip(at)) {
        *found = tree.values[at as usize];
    }
    found
}
