//! Categories that a model doesn't know: it takes them for another or for missing.

use crate::model::Signature;
use crate::problem::excerpt;
use std::collections::BTreeMap;

/// A count of cells of good rows for each column that has any.
pub type UnknownCounts = BTreeMap<String, u64>;

/// Adds counts, one for each input of the signature.
pub fn add(unknown: &mut UnknownCounts, signature: &Signature, counts: &[u64]) {
    for (column, count) in signature.inputs.iter().zip(counts).filter(|(_, count)| **count > 0) {
        *unknown.entry(column.name.clone()).or_default() += count;
    }
}

/// In words, `city 3, size 1`.
pub fn shown(unknown: &UnknownCounts) -> String {
    let column = |(name, count): (&String, &u64)| format!("{} {count}", excerpt(name.as_bytes(), 40));
    unknown.iter().map(column).collect::<Vec<_>>().join(", ")
}
