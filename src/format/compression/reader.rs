//! Unpacks a stream, and refuses what is no whole one.

use super::gzip::{self, Members};
use super::raw::Raw;
use super::step::Fault;
use super::zstandard::{self, Frames};
use crate::format::Compression;
use crate::format::foreign::{is_text, kind};
use crate::problem::{Code, Problem};
use bytesize::ByteSize;
use std::io::{self, Read};

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many times as many bytes may come out as went in.
    pub max_expansion: u32,
    /// Bytes of a Zstandard frame's window.
    pub max_window: u64,
}

impl Limits {
    /// Of what most compress with, and RFC 8878 has every decoder take.
    pub const WINDOW: u64 = 8 << 20;

    /// Where nothing is said.
    pub const USUAL: Limits = Limits {
        max_expansion: 1000,
        max_window: Limits::WINDOW,
    };
}

/// So many bytes come out of any file: one of a few rows that are alike is no bomb.
const SMALL: u64 = 1 << 20;

/// Unpacked bytes. An error that is the file's own fault is a [`Problem`] inside of the [`io::Error`], and comes again with every
/// further read; [`CutError`](crate::format::CutError) takes it out. What was read in front of it is part of the text.
pub struct Reader<R> {
    raw: Raw<R>,
    compression: Compression,
    decoder: Decoder,
    limits: Limits,
    given: u64,
    failed: Option<Box<Problem>>,
}

enum Decoder {
    Gzip(Box<Members>),
    Zstd(Frames),
}

impl<R: Read> Reader<R> {
    /// # Panics
    /// Without a compression.
    pub fn new(input: R, compression: Compression, limits: Limits) -> Reader<R> {
        Reader {
            raw: Raw::new(input),
            compression,
            decoder: match compression {
                Compression::Gzip => Decoder::Gzip(Box::new(Members::new())),
                Compression::Zstd => Decoder::Zstd(Frames::new(limits.max_window)),
                Compression::None => panic!("there is nothing to unpack"),
            },
            limits,
            given: 0,
            failed: None,
        }
    }

    fn next(&mut self, text: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.raw.rest()?;
            let ended = rest.is_empty();
            let stepped = match &mut self.decoder {
                Decoder::Gzip(members) => members.step(rest, text),
                Decoder::Zstd(frames) => frames.step(rest, text),
            };
            let step = match stepped {
                Ok(step) => step,
                Err(Fault::Damaged(what)) => {
                    return self.fail(damaged(
                        self.compression,
                        &format!("damaged ({what})"),
                        self.raw.taken(),
                    ));
                }
                Err(Fault::Memory) => return Err(io::ErrorKind::OutOfMemory.into()),
                Err(Fault::Window) => return self.fail(window_too_large(self.limits.max_window)),
            };
            self.raw.take(step.taken);
            self.given += step.given as u64;
            let allowed = self.raw.taken().saturating_mul(self.limits.max_expansion.into());
            if self.given > allowed.max(SMALL) {
                return self.fail(expands_too_far(self.limits.max_expansion));
            }
            if step.given > 0 {
                return Ok(step.given);
            }
            if ended {
                return self.end();
            }
            if step.taken == 0 {
                return self.fail(damaged(self.compression, "damaged", self.raw.taken()));
            }
        }
    }

    fn end(&mut self) -> io::Result<usize> {
        let whole = match &self.decoder {
            Decoder::Gzip(members) => members.is_whole(),
            Decoder::Zstd(frames) => frames.is_whole(),
        };
        match whole {
            true => Ok(0),
            false => self.fail(damaged(self.compression, "cut off", self.raw.taken())),
        }
    }

    fn fail(&mut self, problem: Problem) -> io::Result<usize> {
        let error = io::Error::other(problem.clone());
        self.failed = Some(Box::new(problem));
        Err(error)
    }
}

impl<R> Reader<R> {
    /// Bytes of the file read so far, as they stand in it, and their BLAKE3 hash. Once the text has ended: all.
    pub fn hashed(&self) -> (u64, blake3::Hash) {
        self.raw.hashed()
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, text: &mut [u8]) -> io::Result<usize> {
        if let Some(problem) = &self.failed {
            return Err(io::Error::other((**problem).clone()));
        }
        if text.is_empty() {
            return Ok(0);
        }
        if self.raw.taken() == 0
            && let Some(problem) = refused(self.raw.rest()?, self.compression)
        {
            return self.fail(problem);
        }
        self.next(text)
    }
}

/// A file that begins with `first`, and is by its name what it isn't.
fn refused(first: &[u8], compression: Compression) -> Option<Problem> {
    let (name, extension) = (compression.name(), compression.extension());
    if first.is_empty() {
        let problem = Problem::new(
            Code::EmptyFile,
            format!("it is empty: {name} has a header, even of no rows"),
            "write the file again",
        );
        return Some(problem.line(1));
    }
    let (magic, begins) = match compression {
        Compression::Gzip => (gzip::MAGIC, first.starts_with(gzip::MAGIC)),
        _ => (zstandard::MAGIC, zstandard::is_frame(first)),
    };
    if begins || magic.starts_with(first) {
        return None;
    }
    let (is, hint) = match kind(first) {
        Some(kind) => (kind, "name the file by what it is, or write it again".into()),
        None if is_text(first) => (
            "text that is not compressed",
            format!("take {extension} off its name, or compress it"),
        ),
        None => (
            "something else",
            "write the file again, or name it by what it is".into(),
        ),
    };
    let problem = Problem::new(
        Code::FormatMismatch,
        format!("the name says {name}, the file is {is}"),
        hint,
    );
    Some(problem.line(1))
}

fn damaged(compression: Compression, how: &str, at: u64) -> Problem {
    let test = match compression {
        Compression::Zstd => "zstd -t",
        _ => "gzip -t",
    };
    Problem::new(
        Code::CompressedDamaged,
        format!("the {} data are {how} at byte {at}", compression.name()),
        format!("send the file again, whole; `{test} FILE` says whether it is"),
    )
}

fn window_too_large(max: u64) -> Problem {
    Problem::new(
        Code::WindowTooLarge,
        format!(
            "unpacking it takes more than {} of memory at once",
            ByteSize(max).display().iec()
        ),
        "compress it without --long and --ultra; or as gzip",
    )
}

fn expands_too_far(max: u32) -> Problem {
    Problem::new(
        Code::ExpandsTooFar,
        format!("it unpacks to more than {max} times its size, which input.max_expansion allows"),
        "if its rows are so much alike, raise input.max_expansion, or send it as it is; else it is a bomb",
    )
}
