//! Surveys -> ranges.

use super::Survey;
use crate::format::digest::{Digest, HexHash, PieceHash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A range of a text: it has the records that end behind `begin`, and are cut off by what is read up to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRange {
    /// Where its first record begins, or the padding in front of it. What stands from there to `from` is its head.
    pub begin: u64,
    pub from: u64,
    pub to: u64,
    /// Where its last record ends, padding aside, and the next range begins; or the input ends.
    pub end: u64,
    /// Does the input end with it?
    pub is_last: bool,
    pub head: HexHash,
    /// Bytes of a piece.
    pub piece: u64,
    /// All from `from` to `to`.
    pub pieces: Vec<PieceHash>,
}

/// The ranges of a text, as soon as they are known.
#[derive(Debug)]
pub struct Ranges {
    size: u64,
    piece: u64,
    /// Surveys that came before one in front of them.
    early: BTreeMap<u64, Survey>,
    /// How many were taken.
    count: u64,
    digest: Digest,
    /// Does the first line that begins in the next piece, or behind it, stand in a quoted field?
    in_quotes: bool,
    /// Can't that be told?
    is_lost: bool,
    /// Its end isn't known yet.
    open: TextRange,
    known: VecDeque<TextRange>,
}

impl Ranges {
    /// `size`: of the file. `piece`: bytes of a piece.
    pub fn new(size: u64, piece: u64) -> Ranges {
        Ranges {
            size,
            piece,
            early: BTreeMap::new(),
            count: 0,
            digest: Digest::default(),
            in_quotes: false,
            is_lost: false,
            open: TextRange {
                begin: 0,
                from: 0,
                to: 0,
                end: 0,
                is_last: false,
                head: HexHash(blake3::hash(b"")),
                piece,
                pieces: Vec::new(),
            },
            known: VecDeque::new(),
        }
    }

    /// How many pieces are to be surveyed.
    pub fn pieces(&self) -> u64 {
        self.size.div_ceil(self.piece)
    }

    /// One survey of each piece, in any order.
    pub fn take(&mut self, survey: Survey) {
        self.early.insert(survey.piece.index(), survey);
        while let Some(next) = self.early.remove(&self.count) {
            self.count += 1;
            self.add(next);
        }
    }

    fn add(&mut self, survey: Survey) {
        self.digest.add(survey.piece);
        self.open.pieces.push(survey.piece);
        self.open.to = self.size.min(self.count * self.piece);
        if self.count == self.pieces() {
            self.open.is_last = true;
            return self.close(self.size, self.open.head);
        }
        // Where no line begins, none stands otherwise than was known.
        if self.is_lost || !survey.has_line {
            return;
        }
        let found = match self.in_quotes {
            true => survey.quoted,
            false => survey.unquoted,
        };
        let Some(found) = found else {
            self.is_lost = true;
            return;
        };
        self.in_quotes = found.in_quotes;
        if let Some((cut, head)) = found.cut {
            self.close(cut, head);
        }
    }

    /// The next range begins at `cut`, and has that head.
    fn close(&mut self, cut: u64, head: HexHash) {
        let next = TextRange {
            begin: cut,
            from: self.open.to,
            to: self.open.to,
            end: 0,
            is_last: false,
            head,
            piece: self.piece,
            pieces: Vec::new(),
        };
        self.open.end = cut;
        self.known.push_back(std::mem::replace(&mut self.open, next));
    }

    /// The next range that is known. `None`: it isn't yet, or there are no more.
    pub fn next_range(&mut self) -> Option<TextRange> {
        self.known.pop_front()
    }

    /// Of the whole input, once all surveys were taken.
    pub fn hash(&self) -> Option<blake3::Hash> {
        (self.count == self.pieces()).then(|| self.digest.hash())
    }
}
