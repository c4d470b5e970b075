//! A small tree as a row of selections: every node is asked about all rows at once, and chooses between what its two
//! sides have chosen. No row branches, so a vector of bytes is one step for 32 or 64 rows.
//!
//! All nodes are asked, not just those on a row's way: for trees of up to 256 leaves that is less work than to look up
//! node after node. The compiler makes the vectors; the code is the same for every processor.

use super::ranks::{Axes, LANE, LANES, ROWS, RankTest, Ranks};
use super::tree::{Next, Tree};

/// Larger trees are walked.
pub const LEAVES: usize = 256;

/// Selections wait for each other on a stack. The longer side is done first, so its height is the logarithm of `LEAVES`.
const STACK: usize = 9;

/// What nodes have chosen, for each row. A slot is written before it is read, so all trees share one.
pub type Stack = [[Lane; LANES]; STACK];

#[derive(Clone, Debug)]
pub struct Selection<T> {
    steps: Vec<Step>,
    leaves: Box<[T; LEAVES]>,
}

#[derive(Clone, Debug)]
struct Step {
    test: RankTest,
    form: Form,
    /// Where on the stack the choice goes.
    slot: usize,
}

/// Between what a node chooses: leaves, what its slot has already, and what the slot above has.
#[derive(Clone, Copy, Debug)]
enum Form {
    Leaves { pass: u8, fail: u8 },
    LeafOrOwn { pass: u8 },
    OwnOrLeaf { fail: u8 },
    OwnOrAbove,
    AboveOrOwn,
}

impl<T: Copy + Default + From<f32> + std::ops::AddAssign> Selection<T> {
    /// `tree` has at most `LEAVES` leaves, and its tests are admitted to `axes`.
    pub fn of(tree: &Tree, value: impl Fn(f64) -> T, axes: &mut Axes) -> Selection<T> {
        let mut leaves = Box::new([T::default(); LEAVES]);
        for (to, &leaf) in leaves.iter_mut().zip(&tree.leaves) {
            *to = value(leaf);
        }
        let mut steps = Vec::with_capacity(tree.nodes.len());
        if !tree.nodes.is_empty() {
            append(tree, &heights(tree), 0, 0, axes, &mut steps);
        }
        Selection { steps, leaves }
    }

    /// A stack for [`Selection::add`]. To make one takes as long as a small tree does with few rows.
    pub fn stack() -> Box<Stack> {
        Box::new([[[0; LANE]; LANES]; STACK])
    }

    /// Adds the leaves of the rows of the first `lanes` lanes to their sums.
    #[inline(always)]
    pub fn add(&self, ranks: &[Ranks], lanes: usize, sums: &mut [T; ROWS], stack: &mut Stack) {
        if self.steps.is_empty() {
            // The one leaf.
            stack[0][..lanes].fill([0; LANE]);
        }
        for step in &self.steps {
            let (own, above) = stack.split_at_mut(step.slot + 1);
            let own = &mut own[step.slot][..lanes];
            let above = above.first().map_or(&[][..], |above| &above[..lanes]);
            match &step.test {
                RankTest::AtMost { column, limit } => step.form.choose(&ranks[*column][..lanes], *limit, own, above),
                RankTest::In { column, passes, .. } => {
                    let verdict = |rank: u8| u8::from(!passes[rank as usize]);
                    let verdicts = ranks[*column].map(|lane| lane.map(verdict));
                    step.form.choose(&verdicts[..lanes], 0, own, above);
                }
            }
        }
        for (sum, &leaf) in sums.iter_mut().zip(stack[0][..lanes].as_flattened()) {
            *sum += self.leaves[leaf as usize];
        }
    }
}

pub type Lane = [u8; LANE];

impl Form {
    #[inline(always)]
    fn choose(self, ranks: &[Lane], limit: u8, own: &mut [Lane], above: &[Lane]) {
        match self {
            Form::Leaves { pass, fail } => {
                for (own, ranks) in own.iter_mut().zip(ranks) {
                    for i in 0..LANE {
                        own[i] = if ranks[i] <= limit { pass } else { fail };
                    }
                }
            }
            Form::LeafOrOwn { pass } => {
                for (own, ranks) in own.iter_mut().zip(ranks) {
                    for i in 0..LANE {
                        own[i] = if ranks[i] <= limit { pass } else { own[i] };
                    }
                }
            }
            Form::OwnOrLeaf { fail } => {
                for (own, ranks) in own.iter_mut().zip(ranks) {
                    for i in 0..LANE {
                        own[i] = if ranks[i] <= limit { own[i] } else { fail };
                    }
                }
            }
            Form::OwnOrAbove => {
                for ((own, ranks), above) in own.iter_mut().zip(ranks).zip(above) {
                    for i in 0..LANE {
                        own[i] = blend(ranks[i] <= limit, own[i], above[i]);
                    }
                }
            }
            Form::AboveOrOwn => {
                for ((own, ranks), above) in own.iter_mut().zip(ranks).zip(above) {
                    for i in 0..LANE {
                        own[i] = blend(ranks[i] <= limit, above[i], own[i]);
                    }
                }
            }
        }
    }
}

/// `pass` or `fail`, without a branch: the compiler would make one of `if` here, row by row.
#[inline(always)]
fn blend(passes: bool, pass: u8, fail: u8) -> u8 {
    let mask = u8::from(passes).wrapping_neg();
    fail ^ ((pass ^ fail) & mask)
}

/// The slots that each node's choice takes. Children come after their parents.
fn heights(tree: &Tree) -> Vec<usize> {
    let mut heights = vec![0; tree.nodes.len()];
    for (i, node) in tree.nodes.iter().enumerate().rev() {
        let (a, b) = (height(&heights, node.pass), height(&heights, node.fail));
        heights[i] = if a == b { a + 1 } else { a.max(b) };
    }
    heights
}

fn height(heights: &[usize], at: Next) -> usize {
    match at {
        0.. => heights[at as usize],
        _ => 0,
    }
}

/// The steps that leave the choice of the node `at` in `slot`.
fn append(tree: &Tree, heights: &[usize], at: usize, slot: usize, axes: &mut Axes, steps: &mut Vec<Step>) {
    let node = &tree.nodes[at];
    let form = match (node.pass, node.fail) {
        (pass @ ..0, fail @ ..0) => Form::Leaves {
            pass: !pass as u8,
            fail: !fail as u8,
        },
        (pass @ ..0, fail) => {
            append(tree, heights, fail as usize, slot, axes, steps);
            Form::LeafOrOwn { pass: !pass as u8 }
        }
        (pass, fail @ ..0) => {
            append(tree, heights, pass as usize, slot, axes, steps);
            Form::OwnOrLeaf { fail: !fail as u8 }
        }
        (pass, fail) => {
            let pass_first = height(heights, pass) >= height(heights, fail);
            let (first, second) = if pass_first { (pass, fail) } else { (fail, pass) };
            append(tree, heights, first as usize, slot, axes, steps);
            append(tree, heights, second as usize, slot + 1, axes, steps);
            if pass_first { Form::OwnOrAbove } else { Form::AboveOrOwn }
        }
    };
    steps.push(Step {
        test: axes.test(&node.test),
        form,
        slot,
    });
}
