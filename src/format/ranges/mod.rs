//! An input in ranges, for several machines: each range gives exactly the blocks that one machine cuts there, one range's behind the
//! other's.
//!
//! One machine reads a text [`BLOCK`](super::BLOCK) bytes at a time and cuts where the last record ends that is no padding. So a range
//! may begin at any multiple of a block, if it knows where that record ends: what stands between is its head. A record's end can't be
//! told from the middle of a text, for a quote may be open there. A [`survey`] of a piece tells what follows from either case, by the
//! cutter itself; [`Ranges`] puts surveys together from the first piece on, where a record begins. Nothing is guessed.
//!
//! A table's ranges are runs of row groups. What can't be cut (compressed texts, encodings of several bytes, streams) is one range.
//!
//! Who has a range checks that it reads what was surveyed: the BLAKE3 of its head and pieces, which are also what that of the whole
//! input is composed of. All reading is positioned: the descriptor may be shared.

mod blocks;
mod division;
mod fold;
mod piece;
mod span;
mod survey;
#[cfg(test)]
mod tests;

pub use blocks::Mismatch;
pub use division::Division;
pub use fold::{Ranges, TextRange};
pub use piece::{hash_pieces, overlapping};
pub use span::Span;
pub use survey::{Found, Survey, survey};

pub use super::csv::cut::TextRules;
use super::digest::{HexHash, PieceHash};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Bytes of a table's pieces.
pub const TABLE_PIECE: u64 = 4 << 20;

/// What one machine scores of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum InputRange {
    Text(TextRange),
    /// Of a table.
    RowGroups {
        groups: Range<usize>,
        /// Bytes of a piece.
        piece: u64,
        /// Those that hold what is read for these row groups: [`Table::extents`](super::table::Table::extents).
        pieces: Vec<PieceHash>,
    },
    /// All of it. `size`: bytes.
    Whole {
        size: u64,
        hash: HexHash,
    },
}
