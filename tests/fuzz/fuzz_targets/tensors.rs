//! Tensors, binary and in JSON, are read as the texts of their elements would be, one cell after the other.
//!
//! cargo +nightly fuzz run tensors
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transform::format::tensors::agreement::agree(bytes));
