//! Part files, read part by part.

use super::damaged::Damaged;
use super::{BEGINNING, END, LENGTHS, PART, part};
use crate::format::Out;
use crate::transform::{Opened, Part};
use std::io::Read;
use std::mem::take;

/// Reads the parts of a file, one at a time.
pub struct PartReader<'a, R> {
    opened: &'a Opened,
    from: R,
    head: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl<'a, R: Read> PartReader<'a, R> {
    /// `from`: of a few reads for each part.
    pub fn new(from: R, opened: &'a Opened) -> PartReader<'a, R> {
        PartReader {
            opened,
            from,
            head: Vec::new(),
            begun: false,
            ended: false,
        }
    }

    /// What it reads from.
    pub fn source(&self) -> &R {
        &self.from
    }

    /// The next part; none at the end of a whole file. `out`: memory for its output, as [`Join::add`](crate::transform::Join::add)
    /// gives it back.
    pub fn next(&mut self, mut out: Out) -> Result<Option<Part>, Damaged> {
        if !self.begun {
            let mut beginning = [0; BEGINNING.len()];
            self.from.read_exact(&mut beginning)?;
            if beginning != BEGINNING {
                return Err(Damaged::Content("it isn't a part file of this version of the program"));
            }
            self.begun = true;
        }
        if self.ended {
            return Ok(None);
        }
        let mut kind = [0];
        self.from.read_exact(&mut kind)?;
        match kind {
            [PART] => {}
            [END] => {
                self.ended = true;
                return match self.from.read(&mut kind)? {
                    0 => Ok(None),
                    _ => Err(Damaged::Content("something stands behind its end")),
                };
            }
            _ => return Err(Damaged::Content("no part begins where one should")),
        }
        let mut lengths = [0; LENGTHS];
        self.from.read_exact(&mut lengths)?;
        let mut lengths = lengths
            .as_chunks::<8>()
            .0
            .iter()
            .map(|length| u64::from_le_bytes(*length));
        let mut length = || lengths.next().unwrap_or_default();
        let (head, rows, records) = (length(), length(), length());
        read(&mut self.from, head, &mut self.head)?;
        let mut bytes = match &mut out {
            Out::Text(text) => take(text),
            Out::Columns(_) => Vec::new(),
        };
        read(&mut self.from, rows, &mut bytes)?;
        let is_set = out.set(bytes);
        is_set.ok_or(Damaged::Content("a part's columns aren't those of the output"))?;
        let mut source = Vec::new();
        read(&mut self.from, records, &mut source)?;
        part::of(&self.head, out, source, self.opened).map(Some)
    }
}

/// What a length claims takes no memory before it is there.
fn read(from: &mut impl Read, length: u64, into: &mut Vec<u8>) -> Result<(), Damaged> {
    const FIRST: u64 = 1 << 20;
    into.clear();
    into.reserve(length.min(FIRST) as usize);
    match from.take(length).read_to_end(into)? as u64 == length {
        true => Ok(()),
        false => Err(Damaged::Short),
    }
}
