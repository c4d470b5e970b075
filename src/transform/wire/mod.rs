//! Parts that are scored elsewhere: a part file holds those of a range of an input, in order, and whoever joins them reads it.
//!
//! A file is a line that names the format and its number, a frame for each part, and an end. A frame is a byte that says so, the
//! lengths of its three runs of bytes in eight bytes each, little endian, and these: the head (numbers in LEB128, see [`part`]), the
//! rows of the output, and the records of bad rows. What was scored can't be told again from what was sent, but it comes to the same
//! output, rejects, counts and trials.
//!
//! What is read may be damaged, or of anybody: it is a part of the opened input, or [`Damaged`].

mod bad;
mod counts;
mod damaged;
mod lists;
mod part;
mod reader;
mod trial;

pub use damaged::Damaged;
pub use reader::PartReader;

use super::Part;
use std::io::{self, Write};

/// The number goes up whenever what is behind it is written otherwise.
const BEGINNING: &[u8] = b"transform part 1\n";

/// A frame follows, or nothing.
const PART: u8 = 1;
const END: u8 = 0;

/// The lengths in front of a frame.
const LENGTHS: usize = 3 * size_of::<u64>();

/// Writes parts.
pub struct PartWriter<W> {
    to: W,
    head: Vec<u8>,
    records: Vec<u8>,
    columns: Vec<u8>,
}

impl<W: Write> PartWriter<W> {
    pub fn new(mut to: W) -> io::Result<PartWriter<W>> {
        to.write_all(BEGINNING)?;
        Ok(PartWriter {
            to,
            head: Vec::new(),
            records: Vec::new(),
            columns: Vec::new(),
        })
    }

    /// Columns are gone then.
    ///
    /// # Panics
    /// On a part whose range couldn't be read.
    pub fn write(&mut self, part: &mut Part) -> io::Result<()> {
        self.head.clear();
        part::push(part, &mut self.head);
        self.records.clear();
        for (_, record) in part.bad_rows() {
            self.records.extend_from_slice(record);
        }
        let out = part.out.bytes(&mut self.columns);
        let runs = [&self.head[..], out, &self.records];
        let mut front = vec![PART];
        runs.iter()
            .for_each(|run| front.extend((run.len() as u64).to_le_bytes()));
        self.to.write_all(&front)?;
        runs.into_iter().try_for_each(|run| self.to.write_all(run))
    }

    pub fn end(mut self) -> io::Result<()> {
        self.to.write_all(&[END])?;
        self.to.flush()
    }
}
