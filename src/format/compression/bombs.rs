//! Files that ask for more than they are worth.

use super::{Limits, Reader, Writer};
use crate::format::{Compression, CutError};
use crate::problem::{Code, Problem};
use std::io::{Read, Write};

const LIMITS: Limits = Limits {
    max_expansion: 1000,
    max_window: 8 << 20,
};

/// What is wrong with a file, and how much was unpacked of it until that was known.
fn stopped(file: impl Read, compression: Compression, limits: Limits) -> (Option<Problem>, u64) {
    let mut reader = Reader::new(file, compression, limits);
    let (mut part, mut length) = (vec![0; 64 << 10], 0);
    loop {
        match reader.read(&mut part) {
            Ok(0) => return (None, length),
            Ok(n) => length += n as u64,
            Err(e) => match CutError::from(e) {
                CutError::Problem(problem) => return (Some(*problem), length),
                CutError::Read(e) => panic!("{e}"),
            },
        }
    }
}

/// Over and over.
struct Endless(Vec<u8>, usize);

impl Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let n = bytes.len().min(self.0.len() - self.1);
        bytes[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
        self.1 = (self.1 + n) % self.0.len();
        Ok(n)
    }
}

fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(compression).unwrap(), Vec::new());
    writer.write(text, &mut out);
    writer.finish(&mut out);
    out
}

/// Members and frames of 4 MiB of zeros, without end: only the guard ends the reading, soon.
#[test]
fn a_bomb_is_stopped_by_what_went_in() {
    for (compression, max_expansion) in [
        (Compression::Gzip, 1000),
        (Compression::Zstd, 1000),
        (Compression::Gzip, 10),
    ] {
        let bomb = Endless(packed(&vec![0; 4 << 20], compression), 0);
        let limits = Limits {
            max_expansion,
            ..LIMITS
        };
        let (problem, length) = stopped(bomb, compression, limits);
        assert_eq!(problem.unwrap().code, Code::ExpandsTooFar);
        assert!(length <= 8 << 20, "{length}");
    }
}

#[test]
fn a_small_file_of_equal_rows_is_no_bomb() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let file = packed(&vec![b'\n'; 1 << 20], compression);
        let limits = Limits {
            max_expansion: 2,
            ..LIMITS
        };
        assert_eq!(stopped(&file[..], compression, limits), (None, 1 << 20));
    }
}

/// Members that hold nothing make no text, and no end: they are bytes of a file, as others.
#[test]
fn empty_members_are_nothing() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let file = packed(b"", compression).repeat(10_000);
        assert_eq!(stopped(&file[..], compression, LIMITS), (None, 0));
    }
}

fn with_window(log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(b"id\n1\n").unwrap();
    encoder.finish().unwrap()
}

/// Memory for it is not even asked for.
#[test]
fn a_window_beyond_the_bound_is_refused() {
    let header = b"\x28\xB5\x2F\xFD\0\xA8\x01\0\0";
    let (problem, length) = stopped(&header[..], Compression::Zstd, LIMITS);
    assert_eq!((problem.unwrap().code, length), (Code::WindowTooLarge, 0));
    for (log, max_window, fits) in [
        (23, 8 << 20, true),
        (24, 8 << 20, false),
        (24, (32 << 20) - 1, true),
        (25, (32 << 20) - 1, false),
        (10, 0, true),
    ] {
        let limits = Limits { max_window, ..LIMITS };
        let (problem, _) = stopped(&with_window(log)[..], Compression::Zstd, limits);
        let code = problem.map(|problem| problem.code);
        assert_eq!(code, (!fits).then_some(Code::WindowTooLarge), "{log} {max_window}");
    }
}
