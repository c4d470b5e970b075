//! cargo +nightly fuzz run lightgbm -- -dict=fuzz_targets/trees.dict
#![no_main]

mod score;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| score::or_refuse(transform::model::Format::Lightgbm, bytes));
