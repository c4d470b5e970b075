//! Compressed files: gzip (RFC 1952) and Zstandard (RFC 8878), in and out, as streams in bounded memory.
//!
//! [`Reader`] unpacks whatever the writers of the world leave: members and frames in a row, padding; and refuses what is cut off,
//! damaged, or a bomb. [`Writer`] makes one member or frame, of which the bytes depend on the text alone.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod bombs;
mod gzip;
mod raw;
mod reader;
mod step;
mod writer;
mod zstandard;

pub use reader::{Limits, Reader};
pub use writer::Writer;

use crate::format::Compression;
use std::io::{self, Read};

/// An input's bytes as they stand in it, or as they are once they are unpacked.
pub enum Unpacked<R> {
    Plain(R),
    Packed(Box<Reader<R>>),
}

impl<R: Read> Unpacked<R> {
    pub fn new(input: R, compression: Compression, limits: Limits) -> Unpacked<R> {
        match compression {
            Compression::None => Unpacked::Plain(input),
            _ => Unpacked::Packed(Box::new(Reader::new(input, compression, limits))),
        }
    }
}

impl<R> Unpacked<R> {
    /// As [`Reader::hashed`].
    ///
    /// # Panics
    /// On what is not compressed: whoever reads it has its bytes.
    pub fn hashed(&self) -> (u64, blake3::Hash) {
        match self {
            Unpacked::Plain(_) => unreachable!("its text is hashed"),
            Unpacked::Packed(reader) => reader.hashed(),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Plain(input) => input.read(bytes),
            Unpacked::Packed(reader) => reader.read(bytes),
        }
    }
}

impl Compression {
    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "not compressed",
            Compression::Gzip => "gzip",
            Compression::Zstd => "Zstandard",
        }
    }

    /// What a file's name ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}
