//! The blocks of a range of an input: those that are cut there of the whole.

use super::{Blocks, Grammar, cut, cut_lines};
use crate::format::csv::dialect::Dialect;
use crate::format::csv::source::Source;
use crate::format::{CutError, Encoding, PieceHash, RowFormat};
use memchr::memchr_iter;
use serde::{Deserialize, Serialize};
use std::io::Read;

/// Where blocks begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The first byte that is read: a multiple of a block.
    pub from: u64,
    /// Nothing behind it is read, and what ends behind it is cut by whoever reads on. `None`: the input ends with them.
    pub until: Option<u64>,
    /// Bytes of the pieces that are hashed. `None`: none are.
    pub piece: Option<u64>,
}

/// How they are cut.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes that are read at once.
    pub block: usize,
    pub record_max: usize,
}

/// What a text's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRules {
    pub rows: RowFormat,
    pub encoding: Encoding,
    /// The input's own, also where it names its delimiter itself.
    pub dialect: Dialect,
}

impl<R: Read> Blocks<R> {
    /// `input`: from there on.
    pub fn bounded(input: R, text: TextRules, bounds: Bounds, sizes: Sizes) -> Blocks<R> {
        let lines = text.rows == RowFormat::JsonLines;
        let encoding = if lines { Encoding::UTF_8 } else { text.encoding };
        let source = Source::new(input, encoding).behind(bounds.from);
        let block = sizes.block as u64;
        // What is smaller is no subtree of BLAKE3's.
        let small = Some(block).filter(|block| *block >= 1024);
        let source = match bounds.piece {
            Some(piece) => source.in_large_pieces(piece, small),
            None => source.unhashed(),
        };
        let blocks = Blocks {
            until: bounds.until.unwrap_or(u64::MAX),
            pieces: bounds.from / block,
            ..Blocks::with_sizes(source, text.dialect, sizes.block, sizes.record_max)
        };
        if lines { blocks.of_lines() } else { blocks }
    }

    /// Takes what stands in front of what is read, from where the last record ends there that is no padding; bit by bit.
    ///
    /// # Errors
    /// It is none of the encoding's.
    pub fn take_head(&mut self, head: &[u8]) -> Result<(), CutError> {
        self.head.update(head);
        let taken = self.source.decode(head, &mut self.tail);
        taken.map_err(|e| e.behind(self.held.lines()))?;
        let end = match self.grammar {
            Grammar::Records => cut(&self.tail, self.dialect).end,
            Grammar::Lines => cut_lines(&self.tail).end,
        };
        let behind = self.tail.split_off(end.unwrap_or(0));
        self.held.add(&self.tail);
        self.tail = behind;
        Ok(())
    }

    /// Of what was taken so.
    pub fn head(&self) -> blake3::Hash {
        self.head.finalize()
    }

    /// Begins in a quoted field.
    pub fn in_quotes(mut self) -> Blocks<R> {
        self.tail.push(b'"');
        self
    }

    /// Reads no further than there; what is read is cut all the same.
    pub fn read_until(&mut self, until: u64) {
        self.until = until;
    }

    /// Does a record end where the reading does?
    pub fn is_at_end(&self) -> bool {
        self.tail.is_empty()
    }

    /// How many bytes of the input were read and not given out.
    pub fn rest_bytes(&self) -> u64 {
        let bytes = |text| self.source.bytes_of(text);
        let held = self.held.runs().map(|(line, times)| bytes(line) * times);
        held.sum::<u64>() + bytes(&self.tail)
    }

    /// That, bit by bit: lines that are padding if nothing else follows, and the beginning of a record.
    /// Nothing is to be given out.
    pub fn rest(&self, mut each: impl FnMut(&[u8])) {
        for (line, mut times) in self.held.runs() {
            let at_once = (self.block / line.len()).clamp(1, usize::try_from(times).unwrap_or(usize::MAX));
            let lines = line.repeat(at_once);
            while times > 0 {
                let count = times.min(at_once as u64);
                each(&lines[..count as usize * line.len()]);
                times -= count;
            }
        }
        each(&self.tail);
    }

    /// The hashes of [`Bounds::piece`], once all blocks are hashed.
    pub fn large_pieces(&self) -> Vec<PieceHash> {
        self.source.large_pieces()
    }
}

/// Where a line begins behind a byte at or behind `from`, whatever stands in front of it: behind a line feed that no escape can be
/// in front of. Two bytes in front of `from` must be known, but at the text's beginning.
pub fn line_begin(bytes: &[u8], from: usize, dialect: Dialect) -> Option<usize> {
    let mut feeds = memchr_iter(b'\n', &bytes[from..]).map(|at| from + at);
    let is_escaped = |feed: usize| {
        let line = &bytes[..feed];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        dialect.escape.is_some_and(|escape| line.last() == Some(&escape))
    };
    feeds.find(|feed| !is_escaped(*feed)).map(|feed| feed + 1)
}
