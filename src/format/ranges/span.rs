//! A part of a file, read at its place.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Reads a range of a file by a descriptor that others may use, too.
#[derive(Debug)]
pub struct Span<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Span<'_> {
    /// `range`: of bytes, all within the file.
    pub fn new(file: &File, range: Range<u64>) -> Span<'_> {
        Span {
            file,
            at: range.start,
            end: range.end,
        }
    }
}

impl Read for Span<'_> {
    /// # Errors
    /// Also where the file ends within the range: it was longer.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut into[..wanted], self.at)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.at += read as u64;
                Ok(read)
            }
        }
    }
}
