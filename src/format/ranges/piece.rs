//! Pieces of a file: bytes at multiples of their size.

use super::Span;
use crate::format::BLOCK;
use crate::format::digest::{PieceHash, PieceHasher};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

/// `size`: of the file. `piece`: bytes of a piece, a power of two. `indices`: which ones.
///
/// # Errors
/// They can't be read.
pub fn hash_pieces(
    file: &File,
    size: u64,
    piece: u64,
    indices: impl IntoIterator<Item = u64>,
) -> io::Result<Vec<PieceHash>> {
    let mut hashes = Vec::new();
    for index in indices {
        let mut hasher = PieceHasher::new(index, piece);
        let begin = index * piece;
        read_through(file, begin..size.min(begin + piece), |read| hasher.update(read))?;
        hashes.extend(hasher.pieces());
    }
    Ok(hashes)
}

/// The pieces that some bytes stand in, ascending.
pub fn overlapping(extents: &[Range<u64>], piece: u64) -> Vec<u64> {
    let extents = extents.iter().filter(|extent| !extent.is_empty());
    let mut indices: Vec<u64> = extents
        .flat_map(|extent| extent.start / piece..extent.end.div_ceil(piece))
        .collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// Reads a range of a file, bit by bit.
///
/// # Errors
/// It can't be read, or ends within the range.
pub fn read_through(file: &File, range: Range<u64>, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut span = Span::new(file, range);
    let mut read = vec![0; BLOCK];
    loop {
        match span.read(&mut read) {
            Ok(0) => return Ok(()),
            Ok(count) => each(&read[..count]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
