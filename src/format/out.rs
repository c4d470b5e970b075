//! What rows are written into, and how parts of an output become its bytes.

use super::table::{Columns, Writer};
use super::writing::Style;
use super::{Block, Input, compression};
use crate::problem::Problem;
use std::mem::take;

/// What the rows of a part are written into.
pub enum Out {
    Text(Vec<u8>),
    Columns(Columns),
}

impl Out {
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unreachable_code, reason = "there are no columns then")
    )]
    pub fn new(input: &Input) -> Out {
        match input.writing().style() {
            Style::Columns(schema) => Out::Columns(Columns::new(schema.clone())),
            _ => Out::Text(Vec::new()),
        }
    }

    /// Empties it, and keeps its memory. `room`: for how many bytes there should be some.
    pub fn clear(&mut self, room: usize) {
        match self {
            Out::Text(text) => {
                text.clear();
                text.reserve(room);
            }
            Out::Columns(columns) => columns.clear(),
        }
    }

    /// Its rows, as they are told to another program; of columns, what they keep of a table isn't among them, and they are gone then.
    /// `room`: memory for that.
    pub fn bytes<'b>(&'b mut self, room: &'b mut Vec<u8>) -> &'b [u8] {
        match self {
            Out::Text(text) => text,
            Out::Columns(columns) => {
                room.clear();
                columns.push_bytes(room);
                room
            }
        }
    }

    /// Takes such rows instead of its own. None if they are none of this output.
    pub fn set(&mut self, bytes: Vec<u8>) -> Option<()> {
        match self {
            Out::Text(text) => *text = bytes,
            Out::Columns(columns) => columns.set_bytes(&bytes)?,
        }
        Some(())
    }

    /// Is what it keeps of a table still to be read?
    pub fn lacks_kept(&self) -> bool {
        matches!(self, Out::Columns(columns) if columns.lacks_kept())
    }

    /// Keeps what there is to be kept of the row group that its rows are of. False: it is none of these.
    pub fn keep(&mut self, input: &Input, block: &Block) -> bool {
        match (self, input, block) {
            (Out::Columns(columns), Input::Table(input), Block::RowGroup(group)) if group.rows == columns.rows() => {
                columns.keep_of(group, input.kept());
                true
            }
            _ => false,
        }
    }

    /// How many rows it has, where that can be told.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Out::Text(_) => None,
            Out::Columns(columns) => Some(columns.rows() as u64),
        }
    }

    /// The memory that it holds, in bytes.
    pub fn memory(&self) -> usize {
        match self {
            Out::Text(text) => text.capacity(),
            Out::Columns(columns) => columns.memory(),
        }
    }
}

/// A text that is compressed.
pub struct Packed<'a> {
    front: &'a [u8],
    /// None once all is written.
    writer: Option<compression::Writer>,
    bytes: Vec<u8>,
}

impl Packed<'_> {
    fn add(&mut self, text: &[u8]) -> &[u8] {
        self.bytes.clear();
        if let Some(writer) = &mut self.writer {
            writer.write(take(&mut self.front), &mut self.bytes);
            writer.write(text, &mut self.bytes);
        }
        &self.bytes
    }

    fn end(&mut self) -> &[u8] {
        self.add(&[]);
        if let Some(writer) = self.writer.take() {
            writer.finish(&mut self.bytes);
        }
        &self.bytes
    }
}

/// Parts' rows, in order -> the bytes of the output.
pub enum Assembly<'a> {
    /// What stands in front of the rows is written with the first of them: a small output in one go.
    Text {
        front: &'a [u8],
    },
    Packed(Packed<'a>),
    Table(Box<Writer>),
}

impl<'a> Assembly<'a> {
    /// # Errors
    /// A kept column can't be written.
    pub fn new(input: &'a Input) -> Result<Assembly<'a>, Problem> {
        if let Style::Columns(schema) = input.writing().style() {
            let writer = Writer::new(schema, input.output().rows, input.format().is_text())?;
            return Ok(Assembly::Table(Box::new(writer)));
        }
        let front = input.out();
        Ok(match compression::Writer::new(input.output().compression) {
            None => Assembly::Text { front },
            Some(writer) => Assembly::Packed(Packed {
                front,
                writer: Some(writer),
                bytes: Vec::new(),
            }),
        })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// Columns can't be written: a defect of this program, or of its libraries.
    pub fn add<'b>(&'b mut self, out: &'b mut Out) -> Result<&'b [u8], Problem> {
        Ok(match (self, out) {
            (Assembly::Text { front }, Out::Text(text)) => {
                text.splice(..0, take(front).iter().copied());
                text
            }
            (Assembly::Packed(packed), Out::Text(text)) => packed.add(text),
            (Assembly::Table(writer), Out::Columns(columns)) => writer.add(columns)?,
            _ => unreachable!("parts of an output are alike"),
        })
    }

    /// The last bytes.
    ///
    /// # Errors
    /// As of [`Assembly::add`].
    pub fn end(&mut self) -> Result<&[u8], Problem> {
        Ok(match self {
            Assembly::Text { front } => take(front),
            Assembly::Packed(packed) => packed.end(),
            Assembly::Table(writer) => writer.end()?,
        })
    }
}
