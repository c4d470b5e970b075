//! Any method, path, query and content type is a route, or none.
//!
//! cargo +nightly fuzz run request_head
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transform::serve::fuzzing::route(bytes));
