//! The frames of a Zstandard file (RFC 8878), one after the other, also those to be skipped.

use super::step::{Fault, Step};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode::{
    ZSTD_error_frameParameter_windowTooLarge, ZSTD_error_memory_allocation,
};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

pub(super) const MAGIC: &[u8] = b"\x28\xB5\x2F\xFD";

/// Does a file that begins so begin with a frame?
pub(super) fn is_frame(first: &[u8]) -> bool {
    let skipped = |magic: &[u8]| magic[0] & 0xF0 == 0x50 && magic[1..] == *b"\x2A\x4D\x18";
    first.starts_with(MAGIC) || first.get(..4).is_some_and(skipped)
}

pub(super) struct Frames {
    context: DCtx<'static>,
    /// A frame has begun, and not ended.
    open: bool,
}

impl Frames {
    /// `max_window`: the bytes that a frame may look back, rounded down to a power of two. So much memory it takes.
    pub fn new(max_window: u64) -> Frames {
        let mut context = DCtx::create();
        // What the library knows on machines of 64 bits.
        let log = max_window.checked_ilog2().unwrap_or(0).clamp(10, 31);
        let set = context.set_parameter(DParameter::WindowLogMax(log));
        set.expect("it is within the library's bounds");
        Frames { context, open: false }
    }

    /// Unpacks some of `input`. With none, at the end of the file: what is left to give.
    pub fn step(&mut self, input: &[u8], text: &mut [u8]) -> Result<Step, Fault> {
        // A call would begin a frame.
        if input.is_empty() && !self.open {
            return Ok(Step { taken: 0, given: 0 });
        }
        let (mut input, mut text) = (InBuffer::around(input), OutBuffer::around(text));
        // How much it would like to read next: 0 where a frame ended, and all of it was given.
        let hint = self.context.decompress_stream(&mut text, &mut input).map_err(fault)?;
        self.open = hint != 0;
        Ok(Step {
            taken: input.pos(),
            given: text.pos(),
        })
    }

    /// May the file end here?
    pub fn is_whole(&self) -> bool {
        !self.open
    }
}

/// The library returns the negative of its codes.
fn fault(code: usize) -> Fault {
    let number = code.wrapping_neg();
    match number {
        _ if number == ZSTD_error_frameParameter_windowTooLarge as usize => Fault::Window,
        _ if number == ZSTD_error_memory_allocation as usize => Fault::Memory,
        _ => Fault::Damaged(get_error_name(code).to_lowercase()),
    }
}
