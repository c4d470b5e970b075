//! The bytes of an input as text in UTF-8, whatever its encoding. Its hash and size stay those of the input itself.

use crate::format::digest::{Digest, Grouped, PieceHash, PieceHasher};
use crate::format::foreign::foreign;
use crate::format::{CutError, Encoding};
use crate::problem::{Code, Problem};
use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};
use memchr::{memchr, memchr_iter};
use std::io::{self, Read};
use std::ops::Range;

/// Read at once of what is decoded.
const PIECE: usize = if cfg!(any(test, fuzzing)) { 128 } else { 64 << 10 };

/// Memory for more is asked for in multiples of it.
const ROUND: usize = 64 << 10;

pub struct Source<R> {
    input: R,
    /// None where the input is UTF-8: then its bytes are the text.
    decoding: Option<Decoding>,
    hashing: Hashing<R>,
    bytes: u64,
    /// Of the input, if it is known.
    size: Option<u64>,
}

enum Hashing<R> {
    /// As it is read.
    Whole(Box<blake3::Hasher>),
    /// By whoever has what was read.
    Pieces(Digest),
    /// The same, of a part of the input; what comes of it are larger pieces.
    Grouped(Grouped),
    /// As it is read, in such pieces.
    InOrder(Box<PieceHasher>),
    /// By nobody.
    None,
    /// By the input, which gives other bytes than it has: it unpacks them.
    Input(fn(&R) -> (u64, blake3::Hash)),
}

/// What was read at once, and is hashed by whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub index: u64,
    /// Where it stands in the text that it was read into.
    pub range: Range<usize>,
}

struct Decoding {
    encoding: Encoding,
    decoder: Decoder,
    /// Read, and decoded up to `at`.
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Source<R> {
    pub fn new(input: R, encoding: Encoding) -> Source<R> {
        let decoding = (!encoding.is_utf8()).then(|| Decoding {
            encoding,
            // A byte order mark says more than a setting.
            decoder: encoding.get().new_decoder(),
            piece: Vec::new(),
            at: 0,
            ended: false,
        });
        Source {
            input,
            decoding,
            hashing: Hashing::Whole(Box::default()),
            bytes: 0,
            size: None,
        }
    }

    /// Hashes nothing: the input says how many bytes it has read, and their hash.
    pub fn hashed_by(self, input: fn(&R) -> (u64, blake3::Hash)) -> Source<R> {
        Source {
            hashing: Hashing::Input(input),
            ..self
        }
    }

    /// Where so many bytes were read, and fewer than were asked for, no call looks for more: whoever knows the size sees whether
    /// it changed.
    pub fn of_size(self, size: Option<u64>) -> Source<R> {
        Source { size, ..self }
    }

    /// Hashes nothing of an input in UTF-8: whoever reads it does, piece by piece.
    pub fn in_pieces(self) -> Source<R> {
        Source {
            hashing: match (&self.decoding, self.hashing) {
                (None, Hashing::Whole(_)) => Hashing::Pieces(Digest::default()),
                (_, hashing) => hashing,
            },
            ..self
        }
    }

    /// Begins `bytes` behind the input's beginning.
    pub fn behind(mut self, bytes: u64) -> Source<R> {
        if bytes > 0
            && let Some(decoding) = &mut self.decoding
        {
            decoding.decoder = decoding.encoding.get().new_decoder_without_bom_handling();
        }
        self.bytes = bytes;
        self
    }

    /// Hashes pieces of `large` bytes, of the input from where it begins. `small`: whoever reads it hashes pieces of that many, where
    /// it is in UTF-8.
    pub fn in_large_pieces(self, large: u64, small: Option<u64>) -> Source<R> {
        Source {
            hashing: match small.filter(|_| self.decoding.is_none()) {
                Some(small) => Hashing::Grouped(Grouped::new(self.bytes / small, large / small)),
                None => Hashing::InOrder(Box::new(PieceHasher::new(self.bytes / large, large))),
            },
            ..self
        }
    }

    pub fn unhashed(self) -> Source<R> {
        Source {
            hashing: Hashing::None,
            ..self
        }
    }

    /// Reads until `text` has `target` bytes or some more; what stands behind `from` is written over. True once the input has ended.
    /// Where each character is a byte, as many bytes of the input are read as of a text in UTF-8: so it is known where, whatever they are.
    ///
    /// # Errors
    /// Its line is counted from 1 where `text` begins.
    pub fn fill(&mut self, text: &mut Vec<u8>, from: usize, target: usize) -> Result<bool, CutError> {
        let unpacks = self.unpacks();
        let Some(decoding) = &mut self.decoding else {
            let rest = self.size.and_then(|size| size.checked_sub(self.bytes));
            let filled = read(&mut self.input, text, from, target, rest);
            filled.map_err(|e| reached(e.into(), text))?;
            self.hashing.update(&text[from..]);
            self.bytes += (text.len() - from) as u64;
            return Ok(text.len() < target);
        };
        text.truncate(from);
        let until = self.bytes.saturating_add((target - from) as u64);
        loop {
            if decoding.at == decoding.piece.len() && !decoding.ended {
                let first = self.bytes == 0;
                let wanted = match decoding.is_single_byte() {
                    true => PIECE.min(usize::try_from(until - self.bytes).unwrap_or(PIECE)),
                    false => PIECE,
                };
                decoding.at = 0;
                read(&mut self.input, &mut decoding.piece, 0, wanted, None)?;
                self.hashing.update(&decoding.piece);
                self.bytes += decoding.piece.len() as u64;
                decoding.ended = decoding.piece.len() < wanted;
                if first && let Some(problem) = foreign(&decoding.piece, unpacks).or_else(|| decoding.narrow()) {
                    return Err(problem.into());
                }
            }
            if decoding.decode(text)? {
                return Ok(true);
            }
            let is_filled = match decoding.is_single_byte() {
                true => self.bytes >= until,
                false => text.len() >= target,
            };
            if is_filled {
                return Ok(false);
            }
        }
    }

    /// Adds to `text` what stands in front of where the input begins.
    ///
    /// # Errors
    /// It is none of the encoding's; its line is counted from 1 where `text` begins.
    pub fn decode(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), CutError> {
        let Some(decoding) = &mut self.decoding else {
            text.extend_from_slice(bytes);
            return Ok(());
        };
        (decoding.piece, decoding.at) = (bytes.into(), 0);
        decoding.decode(text).map(|_| ())
    }

    /// How many bytes of the input a text is, where each of its characters is a byte, or it is in UTF-8.
    pub fn bytes_of(&self, text: &[u8]) -> u64 {
        match self.decoding {
            None => text.len() as u64,
            Some(_) => text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64,
        }
    }

    /// Does the input hold other bytes than it gives?
    pub fn unpacks(&self) -> bool {
        matches!(self.hashing, Hashing::Input(_))
    }

    /// Bytes of the input read so far, and their BLAKE3 hash.
    pub fn bytes(&self) -> u64 {
        match &self.hashing {
            Hashing::Input(hashed) => hashed(&self.input).0,
            _ => self.bytes,
        }
    }

    pub fn hash(&self) -> blake3::Hash {
        match &self.hashing {
            Hashing::Whole(hasher) => hasher.finalize(),
            Hashing::Pieces(digest) => digest.hash(),
            Hashing::Input(hashed) => hashed(&self.input).1,
            Hashing::Grouped(_) | Hashing::InOrder(_) | Hashing::None => unreachable!("it isn't hashed as a whole"),
        }
    }

    /// Those of [`Source::in_large_pieces`].
    pub fn large_pieces(&self) -> Vec<PieceHash> {
        match &self.hashing {
            Hashing::Grouped(grouped) => grouped.pieces(),
            Hashing::InOrder(hasher) => hasher.pieces(),
            _ => Vec::new(),
        }
    }

    /// Must pieces be hashed?
    pub fn has_pieces(&self) -> bool {
        matches!(self.hashing, Hashing::Pieces(_) | Hashing::Grouped(_))
    }

    pub fn add(&mut self, piece: PieceHash) {
        match &mut self.hashing {
            Hashing::Pieces(digest) => digest.add(piece),
            Hashing::Grouped(grouped) => grouped.add(piece),
            _ => {}
        }
    }
}

impl<R> Hashing<R> {
    fn update(&mut self, read: &[u8]) {
        match self {
            Hashing::Whole(hasher) => {
                hasher.update(read);
            }
            Hashing::InOrder(hasher) => hasher.update(read),
            _ => {}
        }
    }
}

impl Decoding {
    /// Once it is known whether a byte order mark says otherwise.
    fn is_single_byte(&self) -> bool {
        self.decoder.encoding().is_single_byte()
    }

    /// Decodes the rest of the piece; true if it was the last.
    fn decode(&mut self, text: &mut Vec<u8>) -> Result<bool, CutError> {
        loop {
            let piece = &self.piece[self.at..];
            let room = self.decoder.max_utf8_buffer_length_without_replacement(piece.len());
            let start = text.len();
            let room = room.filter(|room| text.try_reserve(*room).is_ok());
            let room = room.ok_or(io::Error::from(io::ErrorKind::OutOfMemory))?;
            text.resize(start + room, 0);
            let to = &mut text[start..];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(piece, to, self.ended);
            text.truncate(start + written);
            self.at += read;
            match result {
                DecoderResult::InputEmpty => return Ok(self.ended),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    let line = 1 + memchr_iter(b'\n', text).count() as u64;
                    return Err(self.malformed().line(line).into());
                }
            }
        }
    }

    fn malformed(&self) -> Problem {
        let name = self.decoder.encoding().name();
        Problem::new(
            Code::BadEncoding,
            format!("the line has bytes that are no {name}"),
            match self.decoder.encoding() == self.encoding.get() {
                true => {
                    "set input.encoding to the encoding of the file, or write the file again if it was cut off or damaged"
                }
                false => "its byte order mark says so: write the file again without it, or in that encoding",
            },
        )
    }

    /// UTF-16 has a zero in each delimiter and line end: text without any is of another encoding.
    fn narrow(&self) -> Option<Problem> {
        let wide = [UTF_16LE, UTF_16BE].contains(&self.encoding.get());
        let marked = [&b"\xEF\xBB\xBF"[..], b"\xFF\xFE", b"\xFE\xFF"]
            .iter()
            .any(|mark| self.piece.starts_with(mark));
        if !wide || marked || self.piece.is_empty() || memchr(0, &self.piece).is_some() {
            return None;
        }
        let problem = Problem::new(
            Code::BadEncoding,
            "the file is not UTF-16: each character takes one byte",
            "write it as UTF-16, or set input.encoding to the encoding of the files",
        );
        Some(problem.line(1))
    }
}

/// What is wrong with the input stands behind `text`.
fn reached(error: CutError, text: &[u8]) -> CutError {
    match error {
        CutError::Problem(problem) => problem.line(1 + memchr_iter(b'\n', text).count() as u64).into(),
        read => read,
    }
}

/// A whole text.
///
/// # Errors
/// On bytes that are none of the encoding's.
pub fn decoded(bytes: Vec<u8>, encoding: Encoding) -> Result<Vec<u8>, Problem> {
    if encoding.is_utf8() {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    match Source::new(&bytes[..], encoding).fill(&mut text, 0, usize::MAX) {
        Ok(_) => Ok(text),
        Err(e) => Err(e.problem(0)),
    }
}

/// Reads until `bytes` has `target` bytes or the input ends. What stands behind `from` is written over. `rest`: how much is left of
/// the input, if it is known.
fn read(input: &mut impl Read, bytes: &mut Vec<u8>, from: usize, target: usize, rest: Option<u64>) -> io::Result<()> {
    // A long record may be too much for a small machine: that is its own fault, and not the end of the others.
    // A round number: what is read behind the beginning of a record fits the same memory every time.
    let room = if target > ROUND {
        target.next_multiple_of(ROUND)
    } else {
        target
    };
    let reserved = bytes.try_reserve(room.saturating_sub(bytes.len()));
    reserved.map_err(|_| io::ErrorKind::OutOfMemory)?;
    // In as few calls as can be: `read_to_end` begins with 8 KiB. Of memory that is used again, next to nothing is filled with zeros.
    bytes.resize(target, 0);
    let mut end = from;
    let read = loop {
        match input.read(&mut bytes[end..]) {
            Ok(0) => break Ok(()),
            Ok(n) => {
                end += n;
                if rest == Some((end - from) as u64) {
                    break Ok(());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    bytes.truncate(end);
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoding(label: &str) -> Encoding {
        Encoding::parse(label).unwrap()
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    proptest! {
        #[test]
        fn texts_come_back_whatever_their_encoding_and_pieces(text in "[a-c,\n\u{e4}\u{20ac}\u{10348}]{0,400}", step in 1usize..300) {
            // As no text begins that has no mark.
            let text = format!("x,{text}");
            let narrow: String = text.chars().filter(|c| *c < '\u{2000}').collect();
            for (bytes, label, text) in [
                (utf16(&text, u16::to_le_bytes), "utf-16", &text),
                (utf16(&text, u16::to_be_bytes), "utf-16be", &text),
                (utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), "utf-16", &text),
                (text.clone().into_bytes(), "utf-8", &text),
                (encoding_rs::GB18030.encode(&text).0.into_owned(), "gb18030", &text),
                (encoding_rs::WINDOWS_1252.encode(&narrow).0.into_owned(), "latin1", &narrow),
            ] {
                let mut source = Source::new(&bytes[..], encoding(label));
                let (mut found, mut ended) = (Vec::new(), false);
                while !ended {
                    let (from, target) = (found.len(), found.len() + step);
                    ended = source.fill(&mut found, from, target).unwrap();
                }
                prop_assert_eq!(&found, text.as_bytes());
                prop_assert_eq!((source.bytes(), source.hash()), (bytes.len() as u64, blake3::hash(&bytes)));
                prop_assert_eq!(decoded(bytes, encoding(label)).unwrap(), text.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_none_of_the_encoding_is_an_error_with_its_line() {
        let lines = "x,y\n".repeat(100);
        for (bytes, label, line, words) in [
            ([lines.as_bytes(), b"\xff\n"].concat(), "gbk", 101, "no GBK"),
            (
                [utf16(&lines, u16::to_le_bytes), vec![0x41]].concat(),
                "utf-16",
                101,
                "no UTF-16LE",
            ),
            (
                [utf16(&lines, u16::to_le_bytes), vec![0, 0xd8, 10, 0]].concat(),
                "utf-16",
                101,
                "no UTF-16LE",
            ),
            (
                [b"\xEF\xBB\xBF", lines.as_bytes(), b"\xe9\n"].concat(),
                "latin1",
                101,
                "no UTF-8",
            ),
            (lines.clone().into_bytes(), "utf-16", 1, "each character takes one byte"),
            (b"\x1F\x8B\x08\0".to_vec(), "latin1", 1, "gzip"),
        ] {
            let problem = decoded(bytes, encoding(label)).unwrap_err();
            assert_eq!(problem.line, Some(line), "{problem}");
            assert!(problem.message.contains(words), "{problem}");
        }
    }
}
