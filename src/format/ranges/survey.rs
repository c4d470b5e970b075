//! What a piece of a text tells about where records end, whatever stands in front of it.
//!
//! Behind a line feed that no escape can be in front of, either a record begins, or the text stands in a quoted field: there is no third
//! case. From there the cutter goes on by either; that the text is quoted is the same as a quote in front of it.

use super::TextRules;
use crate::format::csv::cut::{self, Blocks, Bounds, Sizes};
use crate::format::digest::{HexHash, PieceHash, PieceHasher};
use crate::format::{BLOCK, Encoding, RECORD_MAX, RowFormat};
use memchr::memchr;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Of one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    pub piece: PieceHash,
    /// Does a line begin in it?
    pub has_line: bool,
    /// If a record begins with the first line that begins in it. `None`: then it can't be told what follows.
    pub unquoted: Option<Found>,
    /// If that line stands in a quoted field.
    pub quoted: Option<Found>,
}

/// What follows from what is known of the first line that begins in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Where the last record of the piece ends, padding aside, and the hash of what stands behind it in the piece.
    pub cut: Option<(u64, HexHash)>,
    /// Does the first line that begins behind the piece stand in a quoted field?
    pub in_quotes: bool,
}

impl Survey {
    /// The piece's.
    pub fn index(&self) -> u64 {
        self.piece.index()
    }
}

/// `size`: of the file. `piece`: bytes of a piece, a power of two and a multiple of a block. `index`: which one.
///
/// # Errors
/// It can't be read.
pub fn survey(file: &File, size: u64, piece: u64, index: u64, rules: &TextRules) -> io::Result<Survey> {
    let sizes = Sizes {
        block: BLOCK,
        record_max: RECORD_MAX,
    };
    survey_by(file, (size, piece, index), rules, sizes)
}

pub(super) fn survey_by(
    file: &File,
    (size, piece, index): (u64, u64, u64),
    rules: &TextRules,
    sizes: Sizes,
) -> io::Result<Survey> {
    let (begin, end) = (index * piece, size.min((index + 1) * piece));
    let mut hasher = PieceHasher::new(index, piece);
    let chunk = RefCell::new(Chunk::default());
    let mut cases = Cases {
        rules,
        sizes,
        chunk: &chunk,
        unquoted: Case::Unbegun,
        quoted: match rules.rows {
            RowFormat::JsonLines => Case::Lost,
            _ => Case::Unbegun,
        },
    };
    // Nothing follows from what no range is behind.
    let is_last = end == size;
    let mut line = (index == 0).then_some(0);
    let mut at = begin;
    while at < end {
        let next = end.min(at + sizes.block as u64);
        chunk.borrow_mut().read(file, at..next)?;
        hasher.update(chunk.borrow().behind(at));
        if !is_last {
            line = line.or_else(|| chunk.borrow().line_begin(at, rules).filter(|line| *line < end));
            if let Some(line) = line {
                cases.go_on(line.max(at), next, line >= at);
            }
        }
        at = next;
    }
    let [piece] = hasher.pieces()[..] else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if is_last || line.is_none() {
        return Ok(Survey {
            piece,
            has_line: false,
            unquoted: None,
            quoted: None,
        });
    }
    let cuts = cases.cuts();
    cases.read_on(file, end, size)?;
    let [unquoted, quoted] = cases.found(cuts);
    Ok(Survey {
        piece,
        has_line: true,
        unquoted,
        quoted,
    })
}

/// What was read last, with some bytes in front of it.
#[derive(Default)]
struct Chunk {
    from: u64,
    bytes: Vec<u8>,
}

/// By which it is told whether an escape stands in front of a line feed that is the last byte in front of a chunk.
const IN_FRONT: u64 = 3;

impl Chunk {
    fn read(&mut self, file: &File, range: Range<u64>) -> io::Result<()> {
        self.from = range.start.saturating_sub(IN_FRONT);
        self.bytes.resize((range.end - self.from) as usize, 0);
        file.read_exact_at(&mut self.bytes, self.from)
    }

    fn behind(&self, at: u64) -> &[u8] {
        &self.bytes[(at - self.from) as usize..]
    }

    /// Where the first line begins at or behind `at`.
    fn line_begin(&self, at: u64, rules: &TextRules) -> Option<u64> {
        let from = (at - self.from).checked_sub(1)?;
        cut::line_begin(&self.bytes, from as usize, rules.dialect).map(|line| self.from + line as u64)
    }
}

/// Gives a cutter what was read last.
struct Feed<'a> {
    chunk: &'a RefCell<Chunk>,
    at: u64,
}

impl Read for Feed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let chunk = self.chunk.borrow();
        let behind = chunk.behind(self.at);
        let count = into.len().min(behind.len());
        into[..count].copy_from_slice(&behind[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

/// What the text is cut by if it begins in one way or the other.
struct Cases<'a> {
    rules: &'a TextRules,
    sizes: Sizes,
    chunk: &'a RefCell<Chunk>,
    unquoted: Case<'a>,
    quoted: Case<'a>,
}

#[expect(clippy::large_enum_variant, reason = "there are two")]
enum Case<'a> {
    /// No record has ended, if it is the quoted one: there was no quote.
    Unbegun,
    Cutting(Cutter<'a>),
    /// A record begins where one does in the other case: from there on they are the same.
    SameAsOther,
    Lost,
}

struct Cutter<'a> {
    blocks: Blocks<Feed<'a>>,
    /// Where the last record ends, padding aside.
    end: Option<u64>,
}

impl<'a> Cases<'a> {
    /// Cuts what was read last. `is_first`: the line begins at `from`.
    fn go_on(&mut self, from: u64, until: u64, is_first: bool) {
        if is_first {
            self.unquoted = Case::Cutting(self.cutter(from));
        }
        self.unquoted.go_on(until);
        if let Case::Unbegun = self.quoted {
            self.quoted = self.quoted_from(from, is_first);
        }
        self.quoted.go_on(until);
        if let (Case::Cutting(unquoted), Case::Cutting(quoted)) = (&self.unquoted, &self.quoted)
            && quoted.end.is_some()
            && quoted.end == unquoted.end
        {
            self.quoted = Case::SameAsOther;
        }
    }

    /// Nothing ends before there is a quote; so what stands in front of it needn't be looked at.
    fn quoted_from(&self, from: u64, is_first: bool) -> Case<'a> {
        let chunk = self.chunk.borrow();
        if memchr(b'"', chunk.behind(from)).is_none() {
            return Case::Unbegun;
        }
        let in_front = (from - chunk.from).checked_sub(1).map(|at| chunk.bytes[at as usize]);
        match !is_first && in_front.is_some_and(|b| Some(b) == self.rules.dialect.escape) {
            // It may have been escaped itself.
            true => Case::Lost,
            false => {
                let cutter = self.cutter(from);
                Case::Cutting(Cutter {
                    blocks: cutter.blocks.in_quotes(),
                    ..cutter
                })
            }
        }
    }

    fn cutter(&self, from: u64) -> Cutter<'a> {
        let text = TextRules {
            // What matters to the cutter is ASCII, and ASCII is itself in all encodings that can be cut.
            encoding: Encoding::UTF_8,
            ..*self.rules
        };
        let bounds = Bounds {
            from,
            until: Some(from),
            piece: None,
        };
        let feed = Feed {
            chunk: self.chunk,
            at: from,
        };
        Cutter {
            blocks: Blocks::bounded(feed, text, bounds, self.sizes),
            end: None,
        }
    }

    /// To where the first line begins behind the piece, which ends at `at`.
    fn read_on(&mut self, file: &File, mut at: u64, size: u64) -> io::Result<()> {
        /// A line is short, mostly.
        const BYTES: u64 = 16 << 10;
        let bytes = BYTES.min(self.sizes.block as u64);
        let limit = size.min(at.saturating_add(self.sizes.record_max as u64));
        loop {
            let next = limit.min(at + bytes);
            self.chunk.borrow_mut().read(file, at..next)?;
            let line = self.chunk.borrow().line_begin(at, self.rules);
            let until = line.unwrap_or(next);
            if until > at {
                self.go_on(at, until, false);
            }
            if line.is_some() || next == size {
                return Ok(());
            }
            if next == limit {
                (self.unquoted, self.quoted) = (Case::Lost, Case::Lost);
                return Ok(());
            }
            at = next;
        }
    }
}

impl Cases<'_> {
    /// Where the last record ends in either case, padding aside, and the hash of what was read behind it.
    fn cuts(&self) -> [Option<(u64, HexHash)>; 2] {
        let unquoted = self.unquoted.cut();
        let quoted = match self.quoted {
            Case::SameAsOther => unquoted,
            _ => self.quoted.cut(),
        };
        [unquoted, quoted]
    }

    /// Once the first line was read up to that begins behind the piece.
    fn found(&self, [unquoted, quoted]: [Option<(u64, HexHash)>; 2]) -> [Option<Found>; 2] {
        let found = |cut, in_quotes: Option<bool>| in_quotes.map(|in_quotes| Found { cut, in_quotes });
        let of_unquoted = self.unquoted.in_quotes();
        let of_quoted = match self.quoted {
            Case::SameAsOther => of_unquoted,
            _ => self.quoted.in_quotes(),
        };
        [found(unquoted, of_unquoted), found(quoted, of_quoted)]
    }
}

impl Case<'_> {
    fn go_on(&mut self, until: u64) {
        let Case::Cutting(Cutter { blocks, end }) = self else {
            return;
        };
        blocks.read_until(until);
        let mut has_ended = false;
        loop {
            match blocks.next_block() {
                Ok(Some(block)) => {
                    has_ended = true;
                    blocks.recycle(block);
                }
                Ok(None) => break,
                // Whoever has the range will find it, too.
                Err(_) => return *self = Case::Lost,
            }
        }
        if has_ended {
            *end = Some(until - blocks.rest_bytes());
        }
    }

    fn cut(&self) -> Option<(u64, HexHash)> {
        let Case::Cutting(Cutter { blocks, end }) = self else {
            return None;
        };
        end.map(|end| {
            let mut hasher = blake3::Hasher::new();
            blocks.rest(|bytes| {
                hasher.update(bytes);
            });
            (end, HexHash(hasher.finalize()))
        })
    }

    /// Is the end of what was read, where a line begins, in a quoted field? `None`: that isn't known.
    fn in_quotes(&self) -> Option<bool> {
        match self {
            Case::Unbegun => Some(true),
            Case::Cutting(cutter) => Some(!cutter.blocks.is_at_end()),
            Case::SameAsOther | Case::Lost => None,
        }
    }
}
