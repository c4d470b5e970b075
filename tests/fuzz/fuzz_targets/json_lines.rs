//! Any bytes are JSON Lines or are refused; what is read and written of each line is what a reader and a writer make of it that are as
//! simple as can be. Blocks are 16 bytes long here, so that cuts fall everywhere.
//!
//! cargo +nightly fuzz run json_lines
#![no_main]

use transform::format::json::line_agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| line_agreement::agree(bytes));
