//! The BLAKE3 hash of an input from those of its pieces, which may be made by several threads, in any order.
//!
//! BLAKE3 is a tree: pieces of a power of two of bytes are subtrees of it (J. O'Connor et al., "BLAKE3", 2020, section 2.1).

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{Hash, Hasher};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// The hash of a piece.
#[derive(Clone, Copy, Debug)]
pub struct PieceHash {
    index: u64,
    value: ChainingValue,
    /// If there is no other piece.
    root: Hash,
}

impl PieceHash {
    /// `piece`: `size` bytes, a power of two of at least 1024; the last one has fewer. `index`: how many stand in front of it.
    pub fn of(piece: &[u8], index: u64, size: usize) -> PieceHash {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(index * size as u64).update(piece);
        PieceHash {
            index,
            value: hasher.finalize_non_root(),
            root: match index {
                0 => hasher.finalize(),
                _ => Hash::from_bytes([0; 32]),
            },
        }
    }
}

/// Counts and hashes what is read, from the beginning to the end.
pub struct Hashed<R> {
    reader: R,
    hasher: Hasher,
}

impl<R> Hashed<R> {
    pub fn new(reader: R) -> Hashed<R> {
        let hasher = Hasher::new();
        Hashed { reader, hasher }
    }

    pub fn bytes(&self) -> u64 {
        self.hasher.count()
    }

    pub fn hash(&self) -> Hash {
        self.hasher.finalize()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.hasher.update(&into[..read]);
        Ok(read)
    }
}

/// Takes the hashes of pieces.
#[derive(Debug, Default)]
pub struct Digest {
    /// Of subtrees, from left to right; each has more pieces than the one behind it.
    subtrees: Vec<ChainingValue>,
    count: u64,
    first: Option<Hash>,
    /// Those that came before one in front of them.
    early: BTreeMap<u64, PieceHash>,
}

impl Digest {
    pub fn add(&mut self, hash: PieceHash) {
        self.early.insert(hash.index, hash);
        while let Some(next) = self.early.remove(&self.count) {
            // Not before there is one behind them: the last two are the root.
            while self.subtrees.len() > self.count.count_ones() as usize {
                let right = self.subtrees.pop().expect("there are two");
                let left = self.subtrees.pop().expect("there are two");
                self.subtrees.push(merge_subtrees_non_root(&left, &right, Mode::Hash));
            }
            self.first.get_or_insert(next.root);
            self.subtrees.push(next.value);
            self.count += 1;
        }
    }

    /// Of all pieces.
    pub fn hash(&self) -> Hash {
        debug_assert!(self.early.is_empty(), "a piece is missing");
        let mut subtrees = self.subtrees.iter().rev();
        let Some(mut right) = subtrees.next().copied() else {
            return blake3::hash(b"");
        };
        let mut left = subtrees.next();
        while let Some(value) = left {
            left = subtrees.next();
            match left {
                Some(_) => right = merge_subtrees_non_root(value, &right, Mode::Hash),
                None => return merge_subtrees_root(value, &right, Mode::Hash),
            }
        }
        self.first.expect("it has a piece")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_hash_of_pieces_in_any_order_is_that_of_the_whole(
            length in 0usize..40_000, size in prop::sample::select(vec![1024usize, 2048, 4096]), seed: u64,
        ) {
            let bytes: Vec<u8> = (0..length).map(|i| (i as u64 ^ seed).to_le_bytes()[i % 3]).collect();
            let mut pieces: Vec<PieceHash> =
                bytes.chunks(size).enumerate().map(|(i, piece)| PieceHash::of(piece, i as u64, size)).collect();
            pieces.sort_by_key(|piece| piece.index.wrapping_add(1).wrapping_mul(seed | 1));
            let mut digest = Digest::default();
            pieces.into_iter().for_each(|piece| digest.add(piece));
            prop_assert_eq!(digest.hash(), blake3::hash(&bytes));
        }
    }
}
