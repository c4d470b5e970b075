//! What is read of an ONNX file before ONNX Runtime sees it; its library is to be absent.
//!
//! ORT_DYLIB_PATH=/absent cargo +nightly fuzz run onnx
#![no_main]

mod score;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| score::or_refuse(transform::model::Format::Onnx, bytes));
