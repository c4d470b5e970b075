//! The direct reader and the general one agree on every input.
//!
//! cargo +nightly fuzz run readers
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transform::format::csv::reader::fuzzing::readers_agree(bytes));
