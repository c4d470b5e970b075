//! Any bytes are JSON or an error, as serde_json has it; what is JSON is walked, and read as rows of each form, as a reader reads
//! it that is as simple as can be.
//!
//! cargo +nightly fuzz run json
#![no_main]

use transform::format::json::agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::agree(bytes));
