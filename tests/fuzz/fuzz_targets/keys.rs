//! Any text is a keys file or an error; any headers present a key or none.
//!
//! cargo +nightly fuzz run keys
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transform::serve::fuzzing::keys(bytes));
