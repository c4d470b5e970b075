//! The members of a gzip file (RFC 1952), one after the other.
//!
//! flate2's own `MultiGzDecoder` takes the zeros behind the last member, which tapes and block devices leave, for a damaged one.

use super::step::{Fault, Step};
use flate2::{Crc, Decompress, FlushDecompress, Status};

pub(super) const MAGIC: &[u8] = b"\x1F\x8B";

const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const FLAGS_RESERVED: u8 = 0xE0;

pub(super) struct Members {
    part: Part,
    /// Bytes of a part of fixed length.
    field: [u8; 10],
    filled: usize,
    flags: u8,
    inflate: Decompress,
    /// Of the header, then of the text.
    crc: Crc,
}

/// Of a member, in their order; what its flags don't announce is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed,
    ExtraLength,
    /// So many bytes are left of it.
    Extra(u16),
    Name,
    Comment,
    HeaderCrc,
    Body,
    Trailer,
    /// Of the last one, unless another follows.
    End,
    Padding,
}

impl Members {
    pub fn new() -> Members {
        Members {
            part: Part::Fixed,
            field: [0; 10],
            filled: 0,
            flags: 0,
            inflate: Decompress::new(false),
            crc: Crc::new(),
        }
    }

    /// Unpacks some of `input`. With none, at the end of the file: what is left to give.
    pub fn step(&mut self, input: &[u8], text: &mut [u8]) -> Result<Step, Fault> {
        if self.part == Part::Body {
            return self.inflate(input, text);
        }
        let mut taken = 0;
        while taken < input.len() && self.part != Part::Body {
            self.byte(input[taken])?;
            taken += 1;
        }
        Ok(Step { taken, given: 0 })
    }

    /// May the file end here?
    pub fn is_whole(&self) -> bool {
        matches!(self.part, Part::End | Part::Padding)
    }

    fn inflate(&mut self, input: &[u8], text: &mut [u8]) -> Result<Step, Fault> {
        let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, text, FlushDecompress::None);
        let status = status.map_err(|_| Fault::Damaged("its compressed data make no sense".into()))?;
        let step = Step {
            taken: (self.inflate.total_in() - taken) as usize,
            given: (self.inflate.total_out() - given) as usize,
        };
        self.crc.update(&text[..step.given]);
        if status == Status::StreamEnd {
            self.part = Part::Trailer;
        }
        Ok(step)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        match self.part {
            Part::End if byte == 0 => self.part = Part::Padding,
            Part::End => {
                self.inflate.reset(false);
                self.crc.reset();
                self.part = Part::Fixed;
                return self.byte(byte);
            }
            Part::Padding if byte == 0 => {}
            Part::Padding => return Err(garbage()),
            Part::Trailer => return self.trailer(byte),
            _ => return self.header(byte),
        }
        Ok(())
    }

    fn header(&mut self, byte: u8) -> Result<(), Fault> {
        let sum = self.crc.sum();
        self.crc.update(&[byte]);
        match self.part {
            Part::Fixed => {
                self.push(byte);
                if !MAGIC.starts_with(&self.field[..self.filled.min(MAGIC.len())]) {
                    return Err(garbage());
                }
                if self.filled < 10 {
                    return Ok(());
                }
                self.flags = self.field[3];
                if self.field[2] != 8 || self.flags & FLAGS_RESERVED != 0 {
                    return Err(Fault::Damaged(
                        "its header has a method or flags that gzip has not".into(),
                    ));
                }
            }
            Part::ExtraLength => {
                self.push(byte);
                if self.filled < 2 {
                    return Ok(());
                }
                let length = u16::from_le_bytes([self.field[0], self.field[1]]);
                if length > 0 {
                    self.part = Part::Extra(length);
                    return Ok(());
                }
            }
            Part::Extra(left) if left > 1 => {
                self.part = Part::Extra(left - 1);
                return Ok(());
            }
            Part::Name | Part::Comment if byte != 0 => return Ok(()),
            Part::HeaderCrc => {
                // Its own bytes are not part of it.
                if self.filled == 0 {
                    self.field[2..6].copy_from_slice(&sum.to_le_bytes());
                }
                self.push(byte);
                if self.filled < 2 {
                    return Ok(());
                }
                if self.field[..2] != self.field[2..4] {
                    return Err(Fault::Damaged("its header's checksum doesn't fit".into()));
                }
            }
            _ => {}
        }
        self.next();
        Ok(())
    }

    /// To the next part of the header that there is, or the body.
    fn next(&mut self) {
        self.filled = 0;
        let behind = |part| match part {
            Part::Fixed => (Part::ExtraLength, FLAG_EXTRA),
            Part::ExtraLength | Part::Extra(_) => (Part::Name, FLAG_NAME),
            Part::Name => (Part::Comment, FLAG_COMMENT),
            Part::Comment => (Part::HeaderCrc, FLAG_HEADER_CRC),
            _ => (Part::Body, u8::MAX),
        };
        let mut announced;
        loop {
            (self.part, announced) = behind(self.part);
            if self.part == Part::Body {
                return self.crc.reset();
            }
            if self.flags & announced != 0 {
                return;
            }
        }
    }

    fn trailer(&mut self, byte: u8) -> Result<(), Fault> {
        self.push(byte);
        if self.filled < 8 {
            return Ok(());
        }
        self.filled = 0;
        self.part = Part::End;
        let expected = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()].concat();
        match self.field[..8] == expected {
            true => Ok(()),
            false => Err(Fault::Damaged(
                "its checksum or length is not that of its contents".into(),
            )),
        }
    }

    fn push(&mut self, byte: u8) {
        self.field[self.filled] = byte;
        self.filled += 1;
    }
}

fn garbage() -> Fault {
    Fault::Damaged("something follows its end that is no gzip".into())
}
