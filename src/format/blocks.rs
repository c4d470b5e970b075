//! An input, cut into blocks of whole rows.

use super::compression::{Limits, Unpacked};
use super::csv::cut;
use super::csv::dialect::Dialect;
use super::{Compression, CutError, Encoding, FileFormat, PieceHash, RowFormat};
use std::io::Read;

/// How an input is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cutting {
    pub format: FileFormat,
    pub encoding: Encoding,
    pub dialect: Dialect,
    /// Of the file, if it is known. It only saves memory and calls.
    pub size: Option<u64>,
    /// What a compressed input may ask for.
    pub limits: Limits,
}

impl Cutting {
    /// How long the text is, if it is known: where it is decoded or unpacked, it isn't as long as the file.
    pub fn text_size(&self) -> Option<u64> {
        let is_utf8 = self.encoding.is_utf8() || self.format.rows == RowFormat::JsonLines;
        self.size
            .filter(|_| is_utf8 && self.format.compression == Compression::None)
    }
}

/// The blocks of one input, in order.
pub enum Blocks<R> {
    Text(cut::Blocks<Unpacked<R>>),
}

/// Whole rows: what becomes a part.
pub enum Block {
    Text(Vec<u8>),
}

/// The beginning of an input, by which it is opened.
#[derive(Clone, Copy)]
pub enum Beginning<'a> {
    /// Its first block, without a byte order mark.
    Text(&'a [u8]),
}

/// A block, and what was read with it.
pub enum Unhashed {
    Text(cut::Unhashed),
}

impl<R: Read> Blocks<R> {
    pub fn new(input: R, cutting: &Cutting) -> Blocks<R> {
        let Cutting {
            format,
            encoding,
            dialect,
            limits,
            ..
        } = *cutting;
        let size = cutting.text_size();
        let input = Unpacked::new(input, format.compression, limits);
        Blocks::Text(match format.rows {
            // JSON is UTF-8 (RFC 8259), whatever CSVs are.
            RowFormat::JsonLines => cut::Blocks::unpacked(input, Encoding::UTF_8, dialect, size).of_lines(),
            rows => cut::Blocks::unpacked(input, encoding, dialect.of(rows), size),
        })
    }

    /// The next block, or `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>, CutError> {
        match self {
            Blocks::Text(blocks) => Ok(blocks.next_block()?.map(Block::Text)),
        }
    }

    /// The same; but whoever gets it must [`Unhashed::hash`] it.
    pub fn next_unhashed(&mut self) -> Result<Option<Unhashed>, CutError> {
        match self {
            Blocks::Text(blocks) => Ok(blocks.next_unhashed()?.map(Unhashed::Text)),
        }
    }

    /// Takes the hash of what was read with a block. They may come in any order.
    pub fn add(&mut self, piece: Option<PieceHash>) {
        match self {
            Blocks::Text(blocks) => blocks.add(piece),
        }
    }

    /// Gives back a block's memory for the next one.
    pub fn recycle(&mut self, memory: Vec<u8>) {
        match self {
            Blocks::Text(blocks) => blocks.recycle(memory),
        }
    }

    /// True once the last block has been given out.
    pub fn ended(&self) -> bool {
        match self {
            Blocks::Text(blocks) => blocks.ended(),
        }
    }

    /// Bytes of the input read so far, and their BLAKE3 hash: as they stand there. Once all blocks are hashed.
    pub fn bytes(&self) -> u64 {
        match self {
            Blocks::Text(blocks) => blocks.bytes(),
        }
    }

    pub fn hash(&self) -> blake3::Hash {
        match self {
            Blocks::Text(blocks) => blocks.hash(),
        }
    }
}

/// Without rows.
impl Default for Block {
    fn default() -> Block {
        Block::Text(Vec::new())
    }
}

impl Block {
    /// As an input begins.
    pub fn beginning(&self) -> Beginning<'_> {
        match self {
            Block::Text(text) => Beginning::Text(text),
        }
    }

    /// Its text; empty where it is none.
    pub fn text(&self) -> &[u8] {
        match self {
            Block::Text(text) => text,
        }
    }

    /// Its memory, for another one; of a text it holds the text.
    pub fn into_memory(self) -> Vec<u8> {
        match self {
            Block::Text(text) => text,
        }
    }

    /// Without the first bytes, which hold no rows.
    pub fn behind(self, front: usize) -> Block {
        match self {
            Block::Text(mut text) => {
                text.drain(..front);
                Block::Text(text)
            }
        }
    }

    /// The bytes that it takes.
    pub fn length(&self) -> usize {
        match self {
            Block::Text(text) => text.len(),
        }
    }
}

impl Unhashed {
    /// What was read with it is hashed.
    pub fn hashed(block: Block) -> Unhashed {
        match block {
            Block::Text(text) => Unhashed::Text(cut::Unhashed::hashed(text)),
        }
    }

    pub fn length(&self) -> usize {
        match self {
            Unhashed::Text(block) => block.length(),
        }
    }

    /// Hashes what was read; it is to be given back by [`Blocks::add`].
    pub fn hash(&self) -> Option<PieceHash> {
        match self {
            Unhashed::Text(block) => block.hash(),
        }
    }

    pub fn block(self) -> Block {
        match self {
            Unhashed::Text(block) => Block::Text(block.block()),
        }
    }
}
