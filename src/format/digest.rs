//! The BLAKE3 hash of an input from those of its pieces, which may be made by several threads, in any order.
//!
//! BLAKE3 is a tree: pieces of a power of two of bytes are subtrees of it (J. O'Connor et al., "BLAKE3", 2020, section 2.1).

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{Hash, Hasher};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// A BLAKE3 hash; its hexadecimal digits, where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HexHash(pub Hash);

impl From<HexHash> for String {
    fn from(hash: HexHash) -> String {
        hash.0.to_hex().to_string()
    }
}

impl TryFrom<String> for HexHash {
    type Error = blake3::HexError;

    fn try_from(digits: String) -> Result<HexHash, blake3::HexError> {
        Hash::from_hex(digits).map(HexHash)
    }
}

/// The hash of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceHash {
    index: u64,
    /// Its chaining value.
    value: HexHash,
    /// Of the first: its hash, if there is no other piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<HexHash>,
}

impl PieceHash {
    /// `piece`: `size` bytes, a power of two of at least 1024; the last one has fewer. `index`: how many stand in front of it.
    pub fn of(piece: &[u8], index: u64, size: usize) -> PieceHash {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(index * size as u64).update(piece);
        PieceHash::hashed(&hasher, index)
    }

    fn hashed(hasher: &Hasher, index: u64) -> PieceHash {
        PieceHash {
            index,
            value: HexHash(hasher.finalize_non_root().into()),
            root: (index == 0).then(|| HexHash(hasher.finalize())),
        }
    }

    /// How many pieces stand in front of it.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// Hashes pieces that are read one behind the other.
#[derive(Debug)]
pub struct PieceHasher {
    size: u64,
    hashed: Vec<PieceHash>,
    /// The next one, of which so many bytes were read.
    index: u64,
    hasher: Hasher,
    bytes: u64,
}

impl PieceHasher {
    /// `index`: of the first. `size`: bytes of each, as of [`PieceHash::of`].
    pub fn new(index: u64, size: u64) -> PieceHasher {
        PieceHasher {
            size,
            hashed: Vec::new(),
            index,
            hasher: PieceHasher::at(index * size),
            bytes: 0,
        }
    }

    fn at(offset: u64) -> Hasher {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(offset);
        hasher
    }

    pub fn update(&mut self, mut read: &[u8]) {
        while !read.is_empty() {
            let left = usize::try_from(self.size - self.bytes).unwrap_or(usize::MAX);
            let (front, behind) = read.split_at(read.len().min(left));
            self.hasher.update(front);
            self.bytes += front.len() as u64;
            read = behind;
            if self.bytes == self.size {
                self.hashed.push(PieceHash::hashed(&self.hasher, self.index));
                self.index += 1;
                self.hasher = PieceHasher::at(self.index * self.size);
                self.bytes = 0;
            }
        }
    }

    /// Of what was read; the last piece may have fewer bytes.
    pub fn pieces(&self) -> Vec<PieceHash> {
        let last = (self.bytes > 0).then(|| PieceHash::hashed(&self.hasher, self.index));
        self.hashed.iter().copied().chain(last).collect()
    }
}

/// The hashes of large pieces from those of small ones, which may come in any order.
#[derive(Debug)]
pub struct Grouped {
    /// Small ones of a large one, a power of two.
    per: u64,
    hashed: Vec<PieceHash>,
    /// The next small one.
    next: u64,
    subtrees: Subtrees,
    early: BTreeMap<u64, PieceHash>,
}

impl Grouped {
    /// `next`: the first of the small ones, with which a large one begins. `per`: how many a large one has, a power of two.
    pub fn new(next: u64, per: u64) -> Grouped {
        Grouped {
            per,
            hashed: Vec::new(),
            next,
            subtrees: Subtrees::default(),
            early: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, hash: PieceHash) {
        self.early.insert(hash.index, hash);
        while let Some(next) = self.early.remove(&self.next) {
            self.subtrees.push(next);
            self.next += 1;
            if self.next.is_multiple_of(self.per) {
                self.hashed.extend(self.large());
                self.subtrees = Subtrees::default();
            }
        }
    }

    /// Of all that came; the last piece may have fewer bytes.
    pub fn pieces(&self) -> Vec<PieceHash> {
        debug_assert!(self.early.is_empty(), "a piece is missing");
        self.hashed.iter().copied().chain(self.large()).collect()
    }

    fn large(&self) -> Option<PieceHash> {
        let index = self.next.checked_sub(1)? / self.per;
        Some(PieceHash {
            index,
            value: HexHash(self.subtrees.value()?.into()),
            root: (index == 0).then(|| self.subtrees.root()).flatten().map(HexHash),
        })
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
    subtrees: Subtrees,
    /// Those that came before one in front of them.
    early: BTreeMap<u64, PieceHash>,
}

impl Digest {
    pub fn add(&mut self, hash: PieceHash) {
        self.early.insert(hash.index, hash);
        while let Some(next) = self.early.remove(&self.subtrees.count) {
            self.subtrees.push(next);
        }
    }

    /// Of all pieces.
    pub fn hash(&self) -> Hash {
        debug_assert!(self.early.is_empty(), "a piece is missing");
        self.subtrees.root().unwrap_or_else(|| blake3::hash(b""))
    }
}

/// Of pieces, from left to right.
#[derive(Debug, Default)]
struct Subtrees {
    /// Each has more pieces than the one behind it.
    values: Vec<ChainingValue>,
    count: u64,
    /// Of the first piece.
    first: Option<HexHash>,
}

impl Subtrees {
    fn push(&mut self, piece: PieceHash) {
        // Not before there is one behind them: the last two are the root.
        while self.values.len() > self.count.count_ones() as usize {
            let right = self.values.pop().expect("there are two");
            let left = self.values.pop().expect("there are two");
            self.values.push(merge_subtrees_non_root(&left, &right, Mode::Hash));
        }
        self.first = self.first.or(piece.root);
        self.values.push(piece.value.0.into());
        self.count += 1;
    }

    /// The chaining value of all of them, which are a part of something. `None`: there are none.
    fn value(&self) -> Option<ChainingValue> {
        let merge = |right, left: ChainingValue| merge_subtrees_non_root(&left, &right, Mode::Hash);
        self.values.iter().rev().copied().reduce(merge)
    }

    /// The hash of all of them, which are the whole.
    fn root(&self) -> Option<Hash> {
        let Some((left, behind)) = self.values.split_first().filter(|(_, behind)| !behind.is_empty()) else {
            return self.first.map(|first| first.0);
        };
        let merge = |right, left: ChainingValue| merge_subtrees_non_root(&left, &right, Mode::Hash);
        let right = behind.iter().rev().copied().reduce(merge)?;
        Some(merge_subtrees_root(left, &right, Mode::Hash))
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

        #[test]
        fn large_pieces_are_hashed_from_small_ones_and_from_any_piece_on(
            length in 1usize..40_000, size in prop::sample::select(vec![1024u64, 2048]), per in prop::sample::select(vec![1u64, 2, 8]),
            first in 0u64..6, seed: u64,
        ) {
            let bytes: Vec<u8> = (0..length).map(|i| (i as u64 ^ seed).to_le_bytes()[i % 3]).collect();
            let large = size * per;
            let expected: Vec<PieceHash> =
                bytes.chunks(large as usize).enumerate().map(|(i, piece)| PieceHash::of(piece, i as u64, large as usize)).collect();
            let first = first.min(expected.len() as u64 - 1);
            let rest = &bytes[(first * large) as usize..];
            let mut hasher = PieceHasher::new(first, large);
            rest.chunks(1 + seed as usize % 5000).for_each(|read| hasher.update(read));
            prop_assert_eq!(&hasher.pieces()[..], &expected[first as usize..]);
            let mut small: Vec<PieceHash> =
                rest.chunks(size as usize).zip(first * per..).map(|(piece, i)| PieceHash::of(piece, i, size as usize)).collect();
            small.sort_by_key(|piece| piece.index.wrapping_add(1).wrapping_mul(seed | 1));
            let mut grouped = Grouped::new(first * per, per);
            small.into_iter().for_each(|piece| grouped.add(piece));
            prop_assert_eq!(&grouped.pieces()[..], &expected[first as usize..]);
            let mut digest = Digest::default();
            expected.iter().for_each(|piece| digest.add(*piece));
            prop_assert_eq!(digest.hash(), blake3::hash(&bytes));
            let written = serde_json::to_string(&expected).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<PieceHash>>(&written).unwrap(), expected);
        }
    }
}
