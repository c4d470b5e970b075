//! Names that no other event has.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hashes of numbers, by a key that the system gives: nobody else knows which comes next.
#[derive(Default)]
pub struct Ids {
    key: RandomState,
    given: AtomicU64,
}

impl Ids {
    pub fn next(&self) -> u128 {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        let half = |half: u8| u128::from(self.key.hash_one((given, half)));
        half(0) << 64 | half(1)
    }

    /// For the name of a file.
    pub fn tag(&self) -> u32 {
        self.next() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (Ids::default(), Ids::default());
        let all: HashSet<u128> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(all.len(), 2000);
    }
}
