//! The blocks of a range.

use super::piece::{hash_pieces, read_through};
use super::{InputRange, Span, TextRange, TextRules};
use crate::format::compression::Unpacked;
use crate::format::csv::cut::{self, Bounds, Sizes};
use crate::format::digest::PieceHash;
use crate::format::table::RowGroups;
use crate::format::{BLOCK, Blocks, CutError, Cutting, RECORD_MAX};
use blake3::{Hash, Hasher};
use std::fs::File;
use std::io;
use std::ops::Range;

/// Why what was read isn't what was surveyed.
#[derive(Debug)]
pub enum Mismatch {
    Read(io::Error),
    /// Other bytes stand there than did when it was surveyed: from where to where they were compared.
    Bytes {
        from: u64,
        to: u64,
    },
    /// Its last record ends elsewhere than a survey found by what stood in front of the range, or behind it.
    End {
        surveyed: u64,
        found: u64,
    },
}

impl From<io::Error> for Mismatch {
    fn from(e: io::Error) -> Mismatch {
        Mismatch::Read(e)
    }
}

impl<'a> Blocks<Span<'a>> {
    /// Those of a range: of a text the blocks that one machine cuts there, of a table its beginning and the row groups. The input is to
    /// be as long as it was. `cutting`: its dialect is the opened input's own ([`TextRules::dialect`](super::TextRules)).
    ///
    /// # Errors
    /// It can't be read; a table isn't one.
    pub fn of_range(file: &'a File, range: &InputRange, cutting: &Cutting) -> Result<Blocks<Span<'a>>, CutError> {
        match range {
            InputRange::Text(range) => {
                let sizes = Sizes {
                    block: BLOCK,
                    record_max: RECORD_MAX,
                };
                let rules = TextRules {
                    rows: cutting.format.rows,
                    encoding: cutting.encoding,
                    dialect: cutting.dialect,
                };
                Ok(Blocks::Text(of_text_range(file, range, &rules, sizes)?))
            }
            InputRange::RowGroups { groups, .. } => {
                let all = RowGroups::open(io::empty(), Some(file), cutting.format.rows, cutting.bound)?;
                Ok(Blocks::Table {
                    groups: all.of_run(groups.clone()),
                    begun: false,
                })
            }
            InputRange::Whole { size, .. } => {
                let cutting = Cutting {
                    size: Some(*size),
                    file: Some(file),
                    ..*cutting
                };
                Blocks::new(Span::new(file, 0..*size), &cutting)
            }
        }
    }

    /// Has the range what was surveyed? To be asked once all its blocks are hashed, before anything of them is given away. Of a text
    /// it is what was read; a table's pieces are read for it.
    ///
    /// # Errors
    /// It hasn't, or can't be read.
    pub fn verify(&self, file: &File, range: &InputRange) -> Result<(), Mismatch> {
        match (self, range) {
            (Blocks::Text(blocks), InputRange::Text(range)) => {
                range.check(&Found {
                    head: blocks.head(),
                    pieces: blocks.large_pieces(),
                })?;
                // So each range begins where the one in front of it has ended, whatever was surveyed.
                // The last one ends with the input, whose last line may lack its line feed: it counts as if it had one.
                if range.is_last {
                    return Ok(());
                }
                let (surveyed, found) = (range.end, blocks.bytes() - blocks.rest_bytes());
                match surveyed == found {
                    true => Ok(()),
                    false => Err(Mismatch::End { surveyed, found }),
                }
            }
            (_, InputRange::Whole { size, hash }) => match self.bytes() == *size && self.hash()? == hash.0 {
                true => Ok(()),
                false => Err(Mismatch::Bytes { from: 0, to: *size }),
            },
            _ => range.verify(file),
        }
    }
}

impl InputRange {
    /// The same of a range that wasn't read to its end, by reading all of it again.
    ///
    /// # Errors
    /// Bytes aren't what was surveyed, or can't be read.
    pub fn verify(&self, file: &File) -> Result<(), Mismatch> {
        match self {
            InputRange::Text(range) => range.check(&Found {
                head: hash_of(file, range.begin..range.from)?,
                pieces: hash_pieces(file, range.to, range.piece, indices(&range.pieces))?,
            }),
            InputRange::RowGroups { piece, pieces, .. } => {
                let size = file.metadata()?.len();
                check_pieces(pieces, &hash_pieces(file, size, *piece, indices(pieces))?, *piece)
            }
            InputRange::Whole { size, hash } => match hash_of(file, 0..*size)? == hash.0 {
                true => Ok(()),
                false => Err(Mismatch::Bytes { from: 0, to: *size }),
            },
        }
    }
}

/// What a text's range has.
struct Found {
    head: Hash,
    pieces: Vec<PieceHash>,
}

impl TextRange {
    fn check(&self, found: &Found) -> Result<(), Mismatch> {
        if found.head != self.head.0 {
            let (from, to) = (self.begin, self.from);
            return Err(Mismatch::Bytes { from, to });
        }
        check_pieces(&self.pieces, &found.pieces, self.piece)
    }
}

fn check_pieces(expected: &[PieceHash], found: &[PieceHash], size: u64) -> Result<(), Mismatch> {
    // One that wasn't read is as another one.
    let other = expected
        .iter()
        .enumerate()
        .find(|(i, piece)| found.get(*i) != Some(piece));
    match other.map(|(_, piece)| piece.index() * size) {
        Some(from) => Err(Mismatch::Bytes { from, to: from + size }),
        None => Ok(()),
    }
}

fn indices(pieces: &[PieceHash]) -> impl Iterator<Item = u64> {
    pieces.iter().map(PieceHash::index)
}

fn hash_of(file: &File, range: Range<u64>) -> io::Result<Hash> {
    let mut hasher = Hasher::new();
    read_through(file, range, |read| {
        hasher.update(read);
    })?;
    Ok(hasher.finalize())
}

/// `rules`: as the opened input has them.
pub(super) fn of_text_range<'a>(
    file: &'a File,
    range: &TextRange,
    rules: &TextRules,
    sizes: Sizes,
) -> Result<cut::Blocks<Unpacked<Span<'a>>>, CutError> {
    let bounds = Bounds {
        from: range.from,
        until: (!range.is_last).then_some(range.to),
        piece: Some(range.piece),
    };
    let input = Unpacked::Plain(Span::new(file, range.from..range.to));
    let mut blocks = cut::Blocks::bounded(input, *rules, bounds, sizes);
    let mut taken = Ok(());
    read_through(file, range.begin..range.from, |head| {
        if taken.is_ok() {
            taken = blocks.take_head(head);
        }
    })?;
    taken.map(|()| blocks)
}
