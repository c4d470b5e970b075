//! Bytes that can be read at any place.

use crate::format::CutError;
use crate::problem::{Code, Problem};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What holds a table: a file, which is read and never mapped (its producer may cut it off meanwhile, and a read says so where a
/// map ends the process), or bytes in memory.
#[derive(Debug)]
pub enum Source {
    File { file: File, size: u64 },
    Bytes(Vec<u8>),
}

impl Source {
    /// As long as the file is now.
    ///
    /// # Errors
    /// It can't be asked.
    pub fn of(file: &File) -> io::Result<Source> {
        let size = file.metadata()?.len();
        let file = file.try_clone()?;
        Ok(Source::File { file, size })
    }

    /// All of an input.
    ///
    /// # Errors
    /// It can't be read, or is larger than `bound` bytes.
    pub fn whole(input: impl Read, bound: u64) -> Result<Source, CutError> {
        let mut bytes = Vec::new();
        input.take(bound + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > bound {
            true => Err(too_large(bound).into()),
            false => Ok(Source::Bytes(bytes)),
        }
    }

    pub fn size(&self) -> u64 {
        match self {
            Source::File { size, .. } => *size,
            Source::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes of a range.
    ///
    /// # Errors
    /// It can't be read; [`ErrorKind::UnexpectedEof`] where it reaches behind the end.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        // Before anything is allocated for it.
        if range.start > range.end || range.end > self.size() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match self {
            Source::File { file, .. } => {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(bytes)
            }
            Source::Bytes(bytes) => Ok(bytes[range.start as usize..range.end as usize].into()),
        }
    }

    /// A reader of its own.
    pub fn reader(&self) -> Reader<'_> {
        Reader { source: self, at: 0 }
    }
}

fn too_large(bound: u64) -> Problem {
    Problem::new(
        Code::RowGroupTooLarge,
        format!(
            "the table comes as a stream, which is taken into memory as a whole, and is larger than {} MiB",
            bound >> 20
        ),
        "give it as a file (transform score < FILE), or raise worker.memory",
    )
}

/// Reads on from any place.
pub struct Reader<'a> {
    source: &'a Source,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.source.size().saturating_sub(self.at);
        let wanted = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = match self.source {
            Source::File { file, .. } => file.read_at(&mut into[..wanted], self.at)?,
            Source::Bytes(bytes) => {
                let from = &bytes[bytes.len() - left as usize..];
                into[..wanted].copy_from_slice(&from[..wanted]);
                wanted
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_was_cut_off_meanwhile_says_so() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let source = Source::of(&file).unwrap();
        assert_eq!(source.read(2..5).unwrap(), b"234");
        assert_eq!(source.read(5..11).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        file.set_len(4).unwrap();
        assert_eq!(source.read(2..5).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let mut rest = Vec::new();
        source.reader().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"0123");
    }

    #[test]
    fn bytes_are_read_from_any_place() {
        let source = Source::Bytes(b"0123456789".to_vec());
        let mut reader = source.reader();
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 7);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"789");
        reader.seek(SeekFrom::Start(20)).unwrap();
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        assert!(reader.seek(SeekFrom::Current(-40)).is_err());
    }
}
