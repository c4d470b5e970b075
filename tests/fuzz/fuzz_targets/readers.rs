//! The direct reader and the general one agree on every input; with an escape, so do the cutter, the readers, the writer and a
//! parser that is as simple as can be.
//!
//! cargo +nightly fuzz run readers
#![no_main]

use transform::format::csv::{agreement, reader};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    reader::fuzzing::readers_agree(bytes);
    if let Some((size, text)) = bytes.split_first() {
        agreement::agree(text, 1 + usize::from(size % 2), 1 + usize::from(size / 2));
    }
});
