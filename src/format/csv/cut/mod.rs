//! Cuts an input's text into blocks: runs of whole records, a quarter of a mebibyte or so each.
//!
//! The cut follows the same grammar as the readers: a quote opens a quoted field only where a field begins. So a block
//! can be read without knowing what came before it, and the records of an input don't depend on where it was cut.
//! Padding at the end of an input stands in no block; so a run of empty lines is held back until it is known what follows.

use crate::format::csv::dialect::{Dialect, ESCAPE_HINT, closing_quote};
use crate::format::csv::padding::{Held, without_padding};
use crate::format::csv::record::{BYTE_ORDER_MARK, field, separator};
use crate::format::csv::source::{Piece, Source};
use crate::format::csv::structure::{Extent, extent};
use crate::format::digest::PieceHash;
use crate::format::foreign::foreign;
use crate::format::{BLOCK, CutError, Encoding, RECORD_MAX, json};
use crate::problem::{Code, Problem};
use memchr::{memchr, memchr_iter, memrchr};
use std::io::Read;

mod range;
pub use range::{Bounds, Sizes, TextRules, line_begin};

/// The blocks of one input, in order, without a byte order mark in front, and without the padding at the end. Every block
/// ends with a line feed, also where the input's last line has none.
pub struct Blocks<R> {
    source: Source<R>,
    grammar: Grammar,
    dialect: Dialect,
    block: usize,
    record_max: usize,
    /// Read, but not given out: the beginning of a record.
    tail: Vec<u8>,
    /// Read in front of it: lines that are padding if nothing else follows.
    held: Held,
    /// Given out next: such lines, and the records behind them.
    ready: Option<(Held, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    ended: bool,
    /// What was read last, if it isn't hashed yet.
    piece: Option<Piece>,
    pieces: u64,
    /// Nothing behind it is read.
    until: u64,
    /// Of what stands in front of what is read.
    head: blake3::Hasher,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grammar {
    /// By the dialect: one with quotes may have several lines.
    Records,
    /// A line, whatever it holds.
    Lines,
}

/// A block, and what was read with it.
pub struct Unhashed {
    bytes: Vec<u8>,
    /// Of the block.
    length: usize,
    piece: Option<Piece>,
    size: usize,
}

impl Unhashed {
    /// What was read with it is hashed.
    pub fn hashed(block: Vec<u8>) -> Unhashed {
        Unhashed {
            length: block.len(),
            bytes: block,
            piece: None,
            size: 0,
        }
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// Hashes what was read; it is to be given back by [`Blocks::add`].
    pub fn hash(&self) -> Option<PieceHash> {
        let piece = self.piece.as_ref()?;
        Some(PieceHash::of(&self.bytes[piece.range.clone()], piece.index, self.size))
    }

    pub fn block(mut self) -> Vec<u8> {
        self.bytes.truncate(self.length);
        self.bytes
    }
}

impl<R: Read> Blocks<R> {
    /// `size`: of the input, if it is known. It only saves memory and calls.
    pub fn new(input: R, encoding: Encoding, dialect: Dialect, size: Option<u64>) -> Blocks<R> {
        let block = size.map_or(BLOCK, |size| BLOCK.min(size as usize + 1));
        let source = Source::new(input, encoding).of_size(size);
        let source = if block == BLOCK && !cfg!(fuzzing) {
            source.in_pieces()
        } else {
            source
        };
        Blocks::with_sizes(source, dialect, block, RECORD_MAX)
    }

    pub(in crate::format) fn with_sizes(
        source: Source<R>,
        dialect: Dialect,
        block: usize,
        record_max: usize,
    ) -> Blocks<R> {
        Blocks {
            source,
            grammar: Grammar::Records,
            dialect,
            block,
            record_max,
            tail: Vec::new(),
            held: Held::default(),
            ready: None,
            spare: Vec::new(),
            ended: false,
            piece: None,
            pieces: 0,
            until: u64::MAX,
            head: blake3::Hasher::new(),
        }
    }

    /// Each line is a record, as in JSON Lines.
    pub fn of_lines(self) -> Blocks<R> {
        Blocks {
            grammar: Grammar::Lines,
            // None of what a blank line can hold parts fields.
            dialect: Dialect::plain(b','),
            ..self
        }
    }

    /// Next run of whole records, or `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        let next = self.next_unhashed()?;
        Ok(next.map(|next| {
            self.add(next.hash());
            next.block()
        }))
    }

    /// The same; but whoever gets it must [`Unhashed::hash`] it.
    pub fn next_unhashed(&mut self) -> Result<Option<Unhashed>, CutError> {
        if let Some((held, records)) = self.ready.take() {
            return Ok(Some(self.give(held, records)));
        }
        if self.ended || self.is_read() {
            return Ok(None);
        }
        // The memory that was given back last is the likeliest to be in this core's cache. What it holds is written over.
        let mut bytes = self.spare.pop().unwrap_or_default();
        let mut before = self.tail.len();
        match bytes.get_mut(..before) {
            Some(front) => front.copy_from_slice(&self.tail),
            None => bytes.clone_from(&self.tail),
        }
        self.tail.clear();
        self.tail.shrink_to(self.block);
        loop {
            let start = self.source.bytes() == 0;
            let block = self.block.max(if start { BYTE_ORDER_MARK.len() } else { 0 });
            let left = usize::try_from(self.until - self.source.bytes()).unwrap_or(usize::MAX);
            let target = before + block.min(left);
            self.hash_piece(&bytes);
            let filled = self.source.fill(&mut bytes, before, target);
            self.ended = filled.map_err(|e| e.behind(self.held.lines()))?;
            if self.source.has_pieces() && bytes.len() > before {
                self.piece = Some(Piece {
                    index: self.pieces,
                    range: before..bytes.len(),
                });
                self.pieces += 1;
            }
            if start && let Some(problem) = self.foreign(&bytes) {
                return Err(problem.into());
            }
            if start && bytes.starts_with(BYTE_ORDER_MARK) {
                self.hash_piece(&bytes);
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if start
                && self.grammar == Grammar::Records
                && let Some((delimiter, _)) = separator(&bytes)
            {
                self.dialect.delimiter = delimiter;
            }
            if self.ended && bytes.last().is_some_and(|last| *last != b'\n') {
                bytes.push(b'\n');
            }
            let cut = match self.grammar {
                Grammar::Records => cut(&bytes, self.dialect),
                Grammar::Lines => cut_lines(&bytes),
            };
            if let Some(quote) = cut.open_quote.filter(|_| self.ended) {
                return Err(self.unclosed(&bytes, quote));
            }
            let end = cut.end.unwrap_or(0);
            if self.ended && end < bytes.len() {
                return Err(self.open_escape(&bytes));
            }
            let records = without_padding(&bytes[..end], self.dialect).len();
            if records > 0 {
                let held = std::mem::take(&mut self.held);
                self.held.add(&bytes[records..end]);
                self.tail.extend_from_slice(&bytes[end..]);
                if held.is_empty() {
                    return Ok(Some(self.unhashed(bytes, records)));
                }
                self.hash_piece(&bytes);
                bytes.truncate(records);
                return Ok(Some(self.give(held, bytes)));
            }
            self.hash_piece(&bytes);
            self.held.add(&bytes[..end]);
            bytes.drain(..end);
            before = bytes.len();
            if self.ended {
                return Ok(None);
            }
            if bytes.len() + self.held.size() >= self.record_max {
                return Err(match cut.open_quote {
                    Some(quote) => self.unclosed(&bytes, quote - end),
                    None => self.too_long(&bytes),
                });
            }
            if self.is_read() {
                self.tail = bytes;
                return Ok(None);
            }
        }
    }

    /// Is what stands behind it for others?
    fn is_read(&self) -> bool {
        self.source.bytes() >= self.until
    }

    /// What the input is instead, by what it begins with.
    fn foreign(&self, first: &[u8]) -> Option<Problem> {
        match self.grammar {
            Grammar::Records => foreign(first, self.source.unpacks()),
            Grammar::Lines => json::foreign(first, self.ended),
        }
    }

    /// Held lines and the records behind them, not more than a block at once of the lines.
    fn give(&mut self, mut held: Held, records: Vec<u8>) -> Unhashed {
        let mut block = held.take(self.block);
        match held.is_empty() {
            true => {
                block.extend_from_slice(&records);
                self.recycle(records);
            }
            false => self.ready = Some((held, records)),
        }
        let length = block.len();
        self.unhashed(block, length)
    }

    fn unhashed(&mut self, bytes: Vec<u8>, length: usize) -> Unhashed {
        Unhashed {
            bytes,
            length,
            piece: self.piece.take(),
            size: self.block,
        }
    }

    /// Hashes what was read last, before it is moved.
    fn hash_piece(&mut self, bytes: &[u8]) {
        if let Some(Piece { index, range }) = self.piece.take() {
            self.source.add(PieceHash::of(&bytes[range], index, self.block));
        }
    }

    /// Takes the hash of what was read with a block. They may come in any order.
    pub fn add(&mut self, piece: Option<PieceHash>) {
        if let Some(piece) = piece {
            self.source.add(piece);
        }
    }

    /// Where a quote stands in `bytes` that never closes.
    fn unclosed(&self, bytes: &[u8], quote: usize) -> CutError {
        let line = 1 + self.held.lines() + memchr_iter(b'\n', &bytes[..quote]).count() as u64;
        let problem = Problem::new(
            Code::UnclosedQuote,
            "a quote opens on this line and never closes, so where the records end can't be told",
            self.hint(bytes, "close the quote, or double it (\"\") if it is part of the text"),
        );
        problem.line(line).into()
    }

    fn too_long(&self, bytes: &[u8]) -> CutError {
        let problem = Problem::new(
            Code::RecordTooLong,
            format!("a record is longer than {} MiB", RECORD_MAX >> 20),
            match self.grammar {
                Grammar::Records => self.hint(bytes, "is this a CSV, with a line end behind every record?"),
                Grammar::Lines => "is this JSON Lines, with a line end behind every object?".into(),
            },
        );
        problem.line(1 + self.held.lines()).into()
    }

    fn hint(&self, bytes: &[u8], hint: &str) -> String {
        match self.dialect.lacks_escape(bytes) {
            true => format!("{ESCAPE_HINT}; or {hint}"),
            false => hint.into(),
        }
    }

    /// `bytes`: the rest of the input. Its last record has no end.
    fn open_escape(&self, bytes: &[u8]) -> CutError {
        let last = bytes.trim_ascii_end();
        let problem = Problem::new(
            Code::OpenEscape,
            "the file ends behind an escape, so what stands there can't be told",
            "write the file again if it was cut off; if the escape is part of the text, double it, and end the line",
        );
        let line = 1 + self.held.lines() + memchr_iter(b'\n', last).count() as u64;
        problem.line(line).into()
    }

    /// Gives back a block's memory for the next one.
    pub fn recycle(&mut self, block: Vec<u8>) {
        if block.capacity() <= 2 * self.block {
            self.spare.push(block);
        }
    }

    /// True once the last block has been given out.
    pub fn ended(&self) -> bool {
        (self.ended || self.is_read()) && self.ready.is_none()
    }

    /// Bytes of the input read so far, and their BLAKE3 hash: as they stand there, whatever their encoding. Once all blocks are
    /// hashed.
    pub fn bytes(&self) -> u64 {
        self.source.bytes()
    }

    pub fn hash(&self) -> blake3::Hash {
        self.source.hash()
    }
}

struct Cut {
    /// Just behind the last line feed that ends a record.
    end: Option<usize>,
    /// Where the quote stands that is still open at the end.
    open_quote: Option<usize>,
}

fn cut_lines(bytes: &[u8]) -> Cut {
    Cut {
        end: memrchr(b'\n', bytes).map(|feed| feed + 1),
        open_quote: None,
    }
}

fn cut(bytes: &[u8], dialect: Dialect) -> Cut {
    match dialect.escape {
        None => cut_plain(bytes, dialect.delimiter),
        Some(_) => cut_fields(bytes, dialect),
    }
}

/// Field by field: an escape may stand in front of anything.
fn cut_fields(bytes: &[u8], dialect: Dialect) -> Cut {
    let (mut at, mut end) = (0, None);
    while let Some(stop) = field(bytes, at, dialect) {
        at = stop + 1;
        end = if bytes[stop] == b'\n' { Some(at) } else { end };
    }
    let open = bytes.get(at) == Some(&b'"') && dialect.closing_quote(bytes, at + 1).is_none();
    Cut {
        end,
        open_quote: open.then_some(at),
    }
}

fn cut_plain(bytes: &[u8], delimiter: u8) -> Cut {
    let Extent { end, unclear } = extent(bytes, delimiter);
    match unclear {
        false => Cut {
            end: (end > 0).then_some(end),
            open_quote: None,
        },
        true => cut_quotes(bytes, end, delimiter),
    }
}

/// Quote by quote, from the beginning of a record.
fn cut_quotes(bytes: &[u8], mut at: usize, delimiter: u8) -> Cut {
    let mut end = (at > 0).then_some(at);
    loop {
        let quote = memchr(b'"', &bytes[at..]).map(|n| at + n);
        let plain = at..quote.unwrap_or(bytes.len());
        end = memrchr(b'\n', &bytes[plain]).map(|n| at + n + 1).or(end);
        let Some(quote) = quote else {
            return Cut { end, open_quote: None };
        };
        let opens = quote == 0 || bytes[quote - 1] == delimiter || bytes[quote - 1] == b'\n';
        at = match opens.then(|| closing_quote(bytes, quote + 1)) {
            None => quote + 1,
            Some(Some(closing)) => closing + 1,
            Some(None) => {
                return Cut {
                    end,
                    open_quote: Some(quote),
                };
            }
        };
    }
}

#[cfg(test)]
mod tests;
