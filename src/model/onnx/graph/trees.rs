//! The shape of the trees of an ONNX operator. ONNX Runtime follows their nodes without looking: where they lead in a circle,
//! it never comes back.

use crate::model::{Category, Defect};
use std::collections::HashMap;

/// The attributes of `TreeEnsembleRegressor` and `TreeEnsembleClassifier`, and those of `TreeEnsemble`
/// (<https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html>), that say where nodes lead.
#[derive(Debug, Default)]
pub struct Trees {
    lists: HashMap<Vec<u8>, Vec<Category>>,
}

impl Trees {
    pub fn add(&mut self, name: &[u8], values: Vec<Category>) {
        if name.starts_with(b"nodes_") || name == b"tree_roots" {
            self.lists.insert(name.into(), values);
        }
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        let values = self.lists.get(name.as_bytes()).map_or(&[][..], Vec::as_slice);
        values.iter().filter_map(Category::integer).collect()
    }

    /// Does a missing value go its own way at any node?
    pub fn tracks_missing(&self) -> bool {
        let flags = self.integers("nodes_missing_value_tracks_true");
        flags.iter().any(|&flag| flag != 0)
    }

    /// No node is led to twice, and all are reached from those that aren't: so every way ends.
    pub fn check(&self) -> Result<(), Defect> {
        let children = match self.lists.contains_key(&b"tree_roots"[..]) {
            true => self.children_by_place()?,
            false => self.children_by_number()?,
        };
        let mut led_to = vec![false; children.len()];
        for &child in children.iter().flatten() {
            if std::mem::replace(&mut led_to[child], true) {
                return Err(Defect("two ways of a tree lead to one node".into()));
            }
        }
        let mut waiting: Vec<usize> = (0..children.len()).filter(|&node| !led_to[node]).collect();
        let mut reached = 0;
        while let Some(node) = waiting.pop() {
            reached += 1;
            waiting.extend(&children[node]);
        }
        match reached == children.len() {
            true => Ok(()),
            false => Err(Defect("the nodes of a tree lead in a circle".into())),
        }
    }

    /// Of `TreeEnsemble`: nodes lead to places in its lists, of nodes or of leaves.
    fn children_by_place(&self) -> Result<Vec<Vec<usize>>, Defect> {
        let mut children: Vec<Vec<usize>> = Vec::new();
        for (nodes, leaves) in [
            ("nodes_truenodeids", "nodes_trueleafs"),
            ("nodes_falsenodeids", "nodes_falseleafs"),
        ] {
            let (nodes, leaves) = (self.integers(nodes), self.integers(leaves));
            let size = nodes.len();
            children.resize(children.len().max(size), Vec::new());
            if leaves.len() != size || children.len() != size {
                return Err(lengths());
            }
            for (place, (node, _)) in nodes
                .into_iter()
                .zip(leaves)
                .enumerate()
                .filter(|(_, (_, leaf))| *leaf == 0)
            {
                let child = usize::try_from(node).ok().filter(|&child| child < size);
                children[place].push(child.ok_or_else(|| nowhere(node))?);
            }
        }
        let size = children.len();
        let outside = |root: &i64| usize::try_from(*root).ok().is_none_or(|root| root >= size);
        match self.integers("tree_roots").into_iter().find(outside) {
            // A tree can be a leaf alone, which then is written as a node too.
            Some(root) => Err(nowhere(root)),
            None => Ok(children),
        }
    }

    /// Of the older two: nodes have numbers in their trees, and leaves are nodes.
    fn children_by_number(&self) -> Result<Vec<Vec<usize>>, Defect> {
        let (trees, numbers) = (self.integers("nodes_treeids"), self.integers("nodes_nodeids"));
        let (yes, no) = (self.integers("nodes_truenodeids"), self.integers("nodes_falsenodeids"));
        let modes = self.lists.get(&b"nodes_modes"[..]).map_or(&[][..], Vec::as_slice);
        let size = numbers.len();
        if [trees.len(), yes.len(), no.len(), modes.len()]
            .iter()
            .any(|&length| length != size)
        {
            return Err(lengths());
        }
        let ids = trees.iter().copied().zip(numbers);
        let places: HashMap<(i64, i64), usize> = ids.zip(0..).collect();
        if places.len() != size {
            return Err(Defect("two nodes of a tree have the same number".into()));
        }
        let children = |place: usize| -> Result<Vec<usize>, Defect> {
            if modes[place] == Category::Text("LEAF".into()) {
                return Ok(Vec::new());
            }
            let find = |node: i64| places.get(&(trees[place], node)).copied().ok_or_else(|| nowhere(node));
            Ok(vec![find(yes[place])?, find(no[place])?])
        };
        (0..size).map(children).collect()
    }
}

fn lengths() -> Defect {
    Defect("the lists of its trees are of different lengths".into())
}

fn nowhere(node: i64) -> Defect {
    Defect(format!("a tree leads to node {node}, which isn't there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yes: &[i64], no: &[i64], modes: &str) -> Result<(), String> {
        let mut trees = Trees::default();
        let integers = |list: &[i64]| list.iter().map(|&i| Category::Integer(i)).collect();
        let size = yes.len() as i64;
        trees.add(b"nodes_treeids", integers(&vec![7; yes.len()]));
        trees.add(b"nodes_nodeids", integers(&(0..size).collect::<Vec<_>>()));
        trees.add(b"nodes_truenodeids", integers(yes));
        trees.add(b"nodes_falsenodeids", integers(no));
        let mode = |c| Category::Text(if c == 'l' { "LEAF" } else { "BRANCH_LEQ" }.into());
        trees.add(b"nodes_modes", modes.chars().map(mode).collect());
        trees.check().map_err(|defect| defect.to_string())
    }

    #[test]
    fn ways_that_never_end_are_found() {
        assert_eq!(check(&[1, 0, 0], &[2, 0, 0], "bll"), Ok(()));
        assert_eq!(check(&[1, 3, 0, 0, 0], &[2, 4, 0, 0, 0], "bblll"), Ok(()));
        for (yes, no, modes, words) in [
            // To itself, back to the root, and in a circle aside from it.
            (&[0, 0, 0][..], &[2, 0, 0][..], "bll", "circle"),
            (&[1, 0, 0, 0], &[2, 3, 0, 0], "bbll", "circle"),
            (&[0, 2, 1, 0, 0], &[0, 3, 4, 0, 0], "lbbll", "circle"),
            (&[1, 0, 0], &[1, 0, 0], "bll", "two ways"),
            (&[1, 0, 0], &[9, 0, 0], "bll", "isn't there"),
            (&[1, 0, 0], &[2, 0], "bll", "lengths"),
        ] {
            let defect = check(yes, no, modes).unwrap_err();
            assert!(defect.contains(words), "{yes:?} {no:?}: {defect}");
        }
    }
}
