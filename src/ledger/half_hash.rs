//! Half of a BLAKE3 hash.

use rusqlite::Row;

/// What tells whether an input or an output has the same bytes as before: half of their BLAKE3, which is enough where nobody
/// gains by a collision. The history has the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HalfHash(pub(super) [u8; 16]);

impl From<blake3::Hash> for HalfHash {
    fn from(hash: blake3::Hash) -> HalfHash {
        HalfHash(*hash.as_bytes().first_chunk().expect("it has 32 bytes"))
    }
}

impl HalfHash {
    pub(super) fn read(row: &Row, index: usize) -> rusqlite::Result<HalfHash> {
        row.get(index).map(HalfHash)
    }
}
