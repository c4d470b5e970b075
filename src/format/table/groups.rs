//! A table's row groups, one after the other: what stands for the blocks of a text.

use super::{RowGroup, Source, Table};
use crate::format::digest::{Digest, PieceHash};
use crate::format::{CutError, RowFormat};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// What is hashed at once of a file.
const PIECE: u64 = 1 << 20;

pub struct RowGroups {
    table: Arc<Table>,
    source: Arc<Source>,
    /// The places of the columns that are read.
    needed: Arc<[usize]>,
    /// Of those, the ones that become text.
    texts: Arc<[usize]>,
    next: usize,
    /// Behind the last one.
    end: usize,
}

/// A row group that is still to be read and decoded, by whoever has it.
pub struct Undecoded {
    table: Arc<Table>,
    source: Arc<Source>,
    needed: Arc<[usize]>,
    texts: Arc<[usize]>,
    index: usize,
}

impl RowGroups {
    /// `file`: the input, where it can be read at any place; else all of it is taken into memory. `bound`: bytes, for what is in memory
    /// at once.
    ///
    /// # Errors
    /// It can't be read, is no table, or is larger than the bound and no file.
    pub fn open(input: impl Read, file: Option<&File>, format: RowFormat, bound: u64) -> Result<RowGroups, CutError> {
        let source = match file {
            Some(file) => Source::of(file)?,
            None => Source::whole(input, bound)?,
        };
        let table = Table::open(&source, format, bound)?;
        Ok(RowGroups {
            next: 0,
            end: table.groups().len(),
            table: Arc::new(table),
            source: Arc::new(source),
            needed: Arc::default(),
            texts: Arc::default(),
        })
    }

    /// No others than those of a run.
    pub fn of_run(self, groups: Range<usize>) -> RowGroups {
        RowGroups {
            next: groups.start.min(self.end),
            end: groups.end.min(self.end),
            ..self
        }
    }

    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// `columns`: the places of those that are read from now on, ascending. `texts`: of those that become text.
    pub fn need(&mut self, columns: &[usize], texts: &[usize]) {
        self.needed = columns.into();
        self.texts = texts.into();
    }

    pub fn next_group(&mut self) -> Option<Undecoded> {
        let index = self.next;
        (index < self.end).then(|| {
            self.next += 1;
            Undecoded {
                table: self.table.clone(),
                source: self.source.clone(),
                needed: self.needed.clone(),
                texts: self.texts.clone(),
                index,
            }
        })
    }

    pub fn ended(&self) -> bool {
        self.next >= self.end
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.source.size()
    }

    /// Of the whole file.
    ///
    /// # Errors
    /// It can't be read.
    pub fn hash(&self) -> io::Result<blake3::Hash> {
        let mut digest = Digest::default();
        for index in 0..self.source.size().div_ceil(PIECE) {
            let end = ((index + 1) * PIECE).min(self.source.size());
            let piece = self.source.read(index * PIECE..end)?;
            digest.add(PieceHash::of(&piece, index, PIECE as usize));
        }
        Ok(digest.hash())
    }
}

impl Undecoded {
    /// # Errors
    /// It can't be read, is damaged, or needs more memory than there may be.
    pub fn decode(&self) -> Result<RowGroup, CutError> {
        let group = self.table.read(&self.source, self.index, &self.needed)?;
        self.table.check_text(&group, &self.texts)?;
        Ok(group)
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.table.memory(self.index, &self.needed) as usize
    }
}
