//! An input, cut into blocks of whole rows.

use super::Input;
use super::compression::{Limits, Unpacked};
use super::csv::cut;
use super::csv::dialect::Dialect;
use super::digest::Hashed;
use super::table::{RowGroup, RowGroups, Stream, Table, Undecoded};
use super::{Compression, CutError, Encoding, FileFormat, PieceHash, RowFormat};
use crate::problem::{Code, Problem};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// How an input is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cutting<'a> {
    pub format: FileFormat,
    pub encoding: Encoding,
    pub dialect: Dialect,
    /// Of the file, if it is known. It only saves memory and calls.
    pub size: Option<u64>,
    /// What a compressed input may ask for.
    pub limits: Limits,
    /// The input, where it can be read at any place.
    pub file: Option<&'a File>,
    /// Bytes, for what is in memory of a table at once.
    pub bound: u64,
}

impl Cutting<'_> {
    /// How long the text is, if it is known: where it is decoded or unpacked, it isn't as long as the file.
    pub fn text_size(&self) -> Option<u64> {
        let is_utf8 = self.encoding.is_utf8() || self.format.rows == RowFormat::JsonLines;
        self.size
            .filter(|_| self.format.is_text() && is_utf8 && self.format.compression == Compression::None)
    }
}

/// The blocks of one input, in order.
#[expect(clippy::large_enum_variant, reason = "there is one of an input")]
pub enum Blocks<R> {
    Text(cut::Blocks<Unpacked<R>>),
    /// At first its beginning, without rows; then its row groups.
    Table {
        groups: RowGroups,
        begun: bool,
    },
    /// The same, of record batches as they come.
    Stream {
        stream: Box<Stream<Hashed<R>>>,
        table: Arc<Table>,
        needed: Vec<usize>,
        begun: bool,
        ended: bool,
    },
}

/// Whole rows: what becomes a part.
pub enum Block {
    Text(Vec<u8>),
    /// A table's beginning, without rows.
    Table(Arc<Table>),
    RowGroup(RowGroup),
}

/// The beginning of an input, by which it is opened.
#[derive(Clone, Copy)]
pub enum Beginning<'a> {
    /// Its first block, without a byte order mark.
    Text(&'a [u8]),
    Table(&'a Table),
}

/// A block, and what was read with it.
pub enum Unhashed {
    Text(cut::Unhashed),
    Table(Arc<Table>),
    RowGroup(Undecoded),
    /// Of a stream, whose batches are read in order.
    Decoded(RowGroup),
}

impl<R: Read> Blocks<R> {
    /// # Errors
    /// A table can't be read, or isn't one.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unreachable_code, reason = "there are no tables then")
    )]
    pub fn new(input: R, cutting: &Cutting) -> Result<Blocks<R>, CutError> {
        let Cutting {
            format,
            encoding,
            dialect,
            limits,
            ..
        } = *cutting;
        let size = cutting.text_size();
        if !format.is_text() {
            if format.compression != Compression::None {
                return Err(compressed(format.compression).into());
            }
            if format.rows == RowFormat::ArrowStream {
                let stream = Stream::open(Hashed::new(input), cutting.bound)?;
                return Ok(Blocks::Stream {
                    table: Arc::new(stream.table()),
                    stream: Box::new(stream),
                    needed: Vec::new(),
                    begun: false,
                    ended: false,
                });
            }
            return Ok(Blocks::Table {
                groups: RowGroups::open(input, cutting.file, format.rows, cutting.bound)?,
                begun: false,
            });
        }
        let input = Unpacked::new(input, format.compression, limits);
        Ok(Blocks::Text(match format.rows {
            // JSON is UTF-8 (RFC 8259), whatever CSVs are.
            RowFormat::JsonLines => cut::Blocks::unpacked(input, Encoding::UTF_8, dialect, size).of_lines(),
            rows => cut::Blocks::unpacked(input, encoding, dialect.of(rows), size),
        }))
    }

    /// The next block, or `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>, CutError> {
        match self {
            Blocks::Text(blocks) => Ok(blocks.next_block()?.map(Block::Text)),
            Blocks::Table { .. } | Blocks::Stream { .. } => self.next_unhashed()?.map(Unhashed::block).transpose(),
        }
    }

    /// The same; but whoever gets it must [`Unhashed::hash`] it.
    pub fn next_unhashed(&mut self) -> Result<Option<Unhashed>, CutError> {
        match self {
            Blocks::Text(blocks) => Ok(blocks.next_unhashed()?.map(Unhashed::Text)),
            Blocks::Table { groups, begun: true } => Ok(groups.next_group().map(Unhashed::RowGroup)),
            Blocks::Table { groups, begun } => {
                *begun = true;
                Ok(Some(Unhashed::Table(groups.table().clone())))
            }
            Blocks::Stream {
                stream,
                table,
                needed,
                begun,
                ended,
            } => {
                if !*begun {
                    *begun = true;
                    return Ok(Some(Unhashed::Table(table.clone())));
                }
                let group = if *ended { None } else { stream.next(needed)? };
                if group.is_none() && !*ended {
                    *ended = true;
                    // What stands behind its end is hashed, too.
                    stream.drain()?;
                }
                Ok(group.map(Unhashed::Decoded))
            }
        }
    }

    /// Reads no more than an opened input takes.
    pub fn open(&mut self, input: &Input) {
        match (self, input.columns()) {
            (Blocks::Table { groups, .. }, Some(columns)) => groups.need(columns, input.texts()),
            (Blocks::Stream { needed, .. }, Some(columns)) => *needed = columns.into(),
            _ => {}
        }
    }

    /// Reads no more than what an output keeps of a table.
    pub fn open_kept(&mut self, input: &Input) {
        let kept = input.kept();
        match self {
            Blocks::Table { groups, .. } => groups.need(&kept, &[]),
            Blocks::Stream { needed, .. } => *needed = kept,
            Blocks::Text(_) => {}
        }
    }

    /// Takes the hash of what was read with a block. They may come in any order.
    pub fn add(&mut self, piece: Option<PieceHash>) {
        match self {
            Blocks::Text(blocks) => blocks.add(piece),
            Blocks::Table { .. } | Blocks::Stream { .. } => {}
        }
    }

    /// Gives back a block's memory for the next one.
    pub fn recycle(&mut self, memory: Vec<u8>) {
        match self {
            Blocks::Text(blocks) => blocks.recycle(memory),
            Blocks::Table { .. } | Blocks::Stream { .. } => {}
        }
    }

    /// True once the last block has been given out.
    pub fn ended(&self) -> bool {
        match self {
            Blocks::Text(blocks) => blocks.ended(),
            Blocks::Table { groups, begun } => *begun && groups.ended(),
            Blocks::Stream { ended, .. } => *ended,
        }
    }

    /// Bytes of the input read so far, and their BLAKE3 hash: as they stand there. Once all blocks are hashed. Of a text's range: those
    /// in front of it, too; it has a hash of its own ([`Blocks::verify`]).
    pub fn bytes(&self) -> u64 {
        match self {
            Blocks::Text(blocks) => blocks.bytes(),
            Blocks::Table { groups, .. } => groups.bytes(),
            Blocks::Stream { stream, .. } => stream.source().bytes(),
        }
    }

    /// # Errors
    /// A table is read for it, and can't be.
    ///
    /// # Panics
    /// On a text's range.
    pub fn hash(&self) -> io::Result<blake3::Hash> {
        match self {
            Blocks::Text(blocks) => Ok(blocks.hash()),
            Blocks::Table { groups, .. } => groups.hash(),
            Blocks::Stream { stream, .. } => Ok(stream.source().hash()),
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
            Block::Table(table) => Beginning::Table(table),
            // Row groups are none.
            Block::RowGroup(_) => Beginning::Text(&[]),
        }
    }

    /// Its text; empty where it is none.
    pub fn text(&self) -> &[u8] {
        match self {
            Block::Text(text) => text,
            _ => &[],
        }
    }

    /// The number of a table's row group, from 0.
    pub fn row_group(&self) -> Option<u32> {
        match self {
            Block::RowGroup(group) => Some(group.index as u32),
            _ => None,
        }
    }

    /// Its memory, for another one; of a text it holds the text.
    pub fn into_memory(self) -> Vec<u8> {
        match self {
            Block::Text(text) => text,
            _ => Vec::new(),
        }
    }

    /// Without the first bytes, which hold no rows.
    pub fn behind(self, front: usize) -> Block {
        match self {
            Block::Text(mut text) => {
                text.drain(..front);
                Block::Text(text)
            }
            table => table,
        }
    }

    /// The bytes that it takes.
    pub fn length(&self) -> usize {
        match self {
            Block::Text(text) => text.len(),
            Block::Table(_) => 0,
            Block::RowGroup(group) => group.memory,
        }
    }
}

impl Unhashed {
    /// What was read with it is hashed.
    pub fn hashed(block: Block) -> Unhashed {
        match block {
            Block::Text(text) => Unhashed::Text(cut::Unhashed::hashed(text)),
            Block::Table(table) => Unhashed::Table(table),
            Block::RowGroup(_) => unreachable!("a table begins with its columns"),
        }
    }

    pub fn length(&self) -> usize {
        match self {
            Unhashed::Text(block) => block.length(),
            Unhashed::Table(_) => 0,
            Unhashed::RowGroup(group) => group.memory(),
            Unhashed::Decoded(group) => group.memory,
        }
    }

    /// Hashes what was read; it is to be given back by [`Blocks::add`].
    pub fn hash(&self) -> Option<PieceHash> {
        match self {
            Unhashed::Text(block) => block.hash(),
            _ => None,
        }
    }

    /// # Errors
    /// A row group can't be read or decoded.
    pub fn block(self) -> Result<Block, CutError> {
        Ok(match self {
            Unhashed::Text(block) => Block::Text(block.block()),
            Unhashed::Table(table) => Block::Table(table),
            Unhashed::RowGroup(group) => Block::RowGroup(group.decode()?),
            Unhashed::Decoded(group) => Block::RowGroup(group),
        })
    }
}

/// Of a table: it compresses its columns itself, and is read at any place.
fn compressed(compression: Compression) -> Problem {
    let name = compression.name();
    Problem::new(
        Code::FormatMismatch,
        format!("the file is a table that was compressed as a whole ({name}), which can't be read at any place"),
        "send it as it is: Parquet and Arrow files compress their columns themselves",
    )
}
