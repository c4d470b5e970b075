//! What rows are written into, and how parts of an output become its bytes.

use super::{Input, compression};
use std::mem::take;

/// What the rows of a part are written into.
pub enum Out {
    Text(Vec<u8>),
}

impl Out {
    pub fn new() -> Out {
        Out::Text(Vec::new())
    }

    /// Empties it, and keeps its memory. `room`: for how many bytes there should be some.
    pub fn clear(&mut self, room: usize) {
        match self {
            Out::Text(text) => {
                text.clear();
                text.reserve(room);
            }
        }
    }

    /// Takes the rows behind its own.
    pub fn append(&mut self, next: Out) {
        match (self, next) {
            (Out::Text(text), Out::Text(next)) => text.extend(next),
        }
    }

    /// BLAKE3 of what it holds.
    pub fn hash(&self) -> blake3::Hash {
        match self {
            Out::Text(text) => blake3::hash(text),
        }
    }

    /// The memory that it holds, in bytes.
    pub fn memory(&self) -> usize {
        match self {
            Out::Text(text) => text.capacity(),
        }
    }
}

impl Default for Out {
    fn default() -> Out {
        Out::new()
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
}

impl<'a> Assembly<'a> {
    pub fn new(input: &'a Input) -> Assembly<'a> {
        let front = input.out();
        match compression::Writer::new(input.output().compression) {
            None => Assembly::Text { front },
            Some(writer) => Assembly::Packed(Packed {
                front,
                writer: Some(writer),
                bytes: Vec::new(),
            }),
        }
    }

    /// The next bytes.
    pub fn add<'b>(&'b mut self, out: &'b mut Out) -> &'b [u8] {
        match (self, out) {
            (Assembly::Text { front }, Out::Text(text)) => {
                text.splice(..0, take(front).iter().copied());
                text
            }
            (Assembly::Packed(packed), Out::Text(text)) => packed.add(text),
        }
    }

    /// The last bytes.
    pub fn end(&mut self) -> &[u8] {
        match self {
            Assembly::Text { front } => take(front),
            Assembly::Packed(packed) => packed.end(),
        }
    }
}
