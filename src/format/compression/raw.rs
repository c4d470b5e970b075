//! A file's bytes as they stand in it: read in pieces, counted and hashed.

use std::io::{self, ErrorKind, Read};

/// Read at once.
const PIECE: usize = if cfg!(any(test, fuzzing)) { 64 } else { 64 << 10 };

pub(super) struct Raw<R> {
    input: R,
    hasher: Box<blake3::Hasher>,
    /// Read, and unpacked up to `at`.
    piece: Vec<u8>,
    at: usize,
    /// Of all pieces.
    bytes: u64,
    ended: bool,
}

impl<R: Read> Raw<R> {
    pub fn new(input: R) -> Raw<R> {
        Raw {
            input,
            hasher: Box::default(),
            piece: Vec::new(),
            at: 0,
            bytes: 0,
            ended: false,
        }
    }

    /// What is to be unpacked next: of the file's first bytes a whole piece, if there are so many. Empty at the end.
    pub fn rest(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.ended {
            self.at = 0;
            let read = fill(&mut self.input, &mut self.piece);
            // What an error came behind was read, and is not read again.
            self.hasher.update(&self.piece);
            self.bytes += self.piece.len() as u64;
            read?;
            self.ended = self.piece.len() < PIECE;
        }
        Ok(&self.piece[self.at..])
    }
}

impl<R> Raw<R> {
    pub fn take(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Bytes that were taken.
    pub fn taken(&self) -> u64 {
        self.bytes - (self.piece.len() - self.at) as u64
    }

    /// Bytes that were read, and their BLAKE3 hash.
    pub fn hashed(&self) -> (u64, blake3::Hash) {
        (self.bytes, self.hasher.finalize())
    }
}

/// Reads until there is a piece, or the input ends.
fn fill(input: &mut impl Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.resize(PIECE, 0);
    let mut end = 0;
    let read = loop {
        match input.read(&mut piece[end..]) {
            Ok(0) => break Ok(()),
            Ok(n) => end += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    piece.truncate(end);
    read
}
