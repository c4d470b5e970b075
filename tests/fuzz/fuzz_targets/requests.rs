//! Any body, as any content type and by any protocol, is answered or refused: `transform::serve::fuzzing` says how the first bytes choose.
//!
//! cargo +nightly fuzz run requests
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transform::serve::fuzzing::answer(bytes));
