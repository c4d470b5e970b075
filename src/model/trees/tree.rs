//! A decision tree, whatever library it comes from.

use crate::model::Defect;
use std::sync::Arc;

/// Where a row goes next: the index of a node, or `!index` of a leaf.
pub type Next = i32;

/// A test of one feature, and the ways that lead on from it. The root is node 0; every other node is named once, by a
/// node before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pub leaves: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub test: Test,
    /// Where a row goes that passes the test, and one that fails it.
    pub pass: Next,
    pub fail: Next,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub feature: usize,
    pub reading: Reading,
    pub condition: Condition,
    /// Does a row pass whose value is missing?
    pub missing_passes: bool,
}

/// What a test makes of a value before it compares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// NaN is missing.
    Number,
    /// NaN is zero: the model has seen no missing values (LightGBM's missing type "none").
    NanIsZero,
    /// NaN, and zero to within 1e-35, are missing (LightGBM's missing type "zero").
    ZeroIsMissing,
    /// A category's code, cut to an integer; negative numbers are none (XGBoost).
    Category,
    /// A category's code, cut to an integer and then looked at; NaN is none (LightGBM).
    CutCategory,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Passes below the threshold.
    Below(f64),
    /// Passes if the category is a member.
    Among(Arc<Categories>),
}

/// A set of category codes, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories(Vec<u32>);

impl Categories {
    pub fn of(mut codes: Vec<u32>) -> Categories {
        codes.sort_unstable();
        codes.dedup();
        Categories(codes)
    }

    pub fn has(&self, code: u32) -> bool {
        self.0.binary_search(&code).is_ok()
    }

    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }
}

/// A value as a test sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    Missing,
    Number(f64),
    Code(u32),
    /// Not a category of any set.
    NoCode,
}

impl Reading {
    pub fn see(self, x: f64) -> Seen {
        match self {
            Reading::Number if x.is_nan() => Seen::Missing,
            Reading::Number => Seen::Number(x),
            Reading::NanIsZero if x.is_nan() => Seen::Number(0.0),
            Reading::NanIsZero => Seen::Number(x),
            Reading::ZeroIsMissing if x.is_nan() || x.abs() <= ZERO => Seen::Missing,
            Reading::ZeroIsMissing => Seen::Number(x),
            Reading::Category if x.is_nan() => Seen::Missing,
            Reading::Category if (0.0..CODES).contains(&x) => Seen::Code(x as u32),
            Reading::CutCategory if x > -1.0 && x < CODES => Seen::Code(x as u32),
            Reading::Category | Reading::CutCategory => Seen::NoCode,
        }
    }
}

/// LightGBM's `kZeroThreshold`, a float there.
const ZERO: f64 = 1e-35_f32 as f64;
/// Codes are below this, by XGBoost's rule; no set of LightGBM's has larger ones either.
const CODES: f64 = (1 << 24) as f64;

impl Test {
    pub fn passes(&self, x: f64) -> bool {
        match (self.reading.see(x), &self.condition) {
            (Seen::Missing, _) => self.missing_passes,
            (Seen::Number(x), Condition::Below(threshold)) => x < *threshold,
            (Seen::Code(code), Condition::Among(set)) => set.has(code),
            _ => false,
        }
    }
}

/// One part of a tree as its file has it.
pub enum Part {
    Leaf(f64),
    /// The numbers of the parts that follow, in their file.
    Split {
        test: Test,
        pass: usize,
        fail: usize,
    },
}

impl Tree {
    /// Follows a tree's parts from part `root`; `size` bounds their numbers. An error if they are no tree.
    pub fn grow(root: usize, size: usize, part: impl Fn(usize) -> Result<Part, Defect>) -> Result<Tree, Defect> {
        let mut tree = Tree {
            nodes: Vec::new(),
            leaves: Vec::new(),
        };
        let mut seen = vec![false; size];
        let mut waiting = vec![(root, None)];
        while let Some((number, parent)) = waiting.pop() {
            match seen.get_mut(number) {
                None => return Err(Defect(format!("a split leads to node {number} of {size}"))),
                Some(true) => return Err(Defect(format!("two splits lead to node {number}"))),
                Some(seen) => *seen = true,
            }
            let place = match part(number)? {
                Part::Leaf(value) if !value.is_finite() => {
                    return Err(Defect(format!("the leaf of node {number} is {value}")));
                }
                Part::Leaf(value) => {
                    tree.leaves.push(value);
                    !(tree.leaves.len() as Next - 1)
                }
                Part::Split { test, pass, fail } => {
                    if matches!(test.condition, Condition::Below(t) if t.is_nan()) {
                        return Err(Defect(format!("the threshold of node {number} is no number")));
                    }
                    let place = tree.nodes.len();
                    tree.nodes.push(Node { test, pass: 0, fail: 0 });
                    waiting.push((fail, Some((place, false))));
                    waiting.push((pass, Some((place, true))));
                    place as Next
                }
            };
            match parent {
                Some((parent, true)) => tree.nodes[parent].pass = place,
                Some((parent, false)) => tree.nodes[parent].fail = place,
                None => {}
            }
        }
        Ok(tree)
    }

    /// The leaf of a row, by the meaning of the tests. `value`: of a feature.
    pub fn leaf(&self, value: impl Fn(usize) -> f64) -> usize {
        let mut at: Next = if self.nodes.is_empty() { !0 } else { 0 };
        while at >= 0 {
            let node = &self.nodes[at as usize];
            at = match node.test.passes(value(node.test.feature)) {
                true => node.pass,
                false => node.fail,
            };
        }
        !at as usize
    }
}
