//! A part file, read here: it must be what its node said that it wrote.

use super::task::PartFile;
use crate::error::{EngineFault, Error, Result};
use crate::format::{Hashed, Out};
use crate::spool::parts::{self, PartsOfInput};
use crate::transform::wire::{Damaged, PartReader};
use crate::transform::{Part, Prepared, Scored};
use std::fs::File;
use std::io::BufReader;

/// A part file, as a node says.
#[derive(Debug)]
pub struct NodePart {
    pub number: u64,
    pub file: PartFile,
    /// For people.
    pub node: String,
}

/// Reads it, and removes it at its end.
pub struct Reading<'a> {
    part: NodePart,
    reader: PartReader<'a, BufReader<Hashed<File>>>,
    read: Scored,
}

impl<'a> Reading<'a> {
    /// # Errors
    /// It can't be opened.
    pub fn open(part: NodePart, parts: &PartsOfInput, prepared: &'a Prepared) -> Result<Reading<'a>> {
        const BUFFER: usize = 256 << 10;
        let file = parts.open(part.number, &part.file.path);
        let file = file.map_err(|e| part.unlike(format!("it can't be opened: {e}")))?;
        let bytes = file.metadata().map_err(Error::io("look at", &part.file.path))?.len();
        if bytes != part.file.size {
            return Err(part.unlike(format!("it has {bytes} bytes, not {}", part.file.size)));
        }
        Ok(Reading {
            reader: prepared.reader(BufReader::with_capacity(BUFFER, Hashed::new(file))),
            part,
            read: Scored::default(),
        })
    }

    /// The next part in it. None: it was read to its end, and is whole. What was joined of it before counts for nothing if it isn't.
    ///
    /// # Errors
    /// It isn't what its node said.
    pub fn next(&mut self, memory: Out) -> Result<Option<Part>> {
        match self.reader.next(memory) {
            Ok(Some(part)) => {
                self.read.add(&part);
                Ok(Some(part))
            }
            Ok(None) => self.check().map(|()| None),
            Err(Damaged::Read(e)) => Err(Error::io("read", &self.part.file.path)(e)),
            Err(damaged) => Err(self.part.unlike(damaged.to_string())),
        }
    }

    fn check(&self) -> Result<()> {
        let file = &self.part.file;
        let source = self.reader.source().get_ref();
        if (source.bytes(), source.hash(), self.read) != (file.size, file.hash.0, file.scored) {
            return Err(self.part.unlike("it has other contents".into()));
        }
        parts::remove(&file.path);
        Ok(())
    }
}

impl NodePart {
    fn unlike(&self, what: String) -> Error {
        let message = format!(
            "the part isn't here as node {} says that it wrote it: {what}",
            self.node
        );
        Error::engine(EngineFault::Node, &self.file.path, message)
    }
}
