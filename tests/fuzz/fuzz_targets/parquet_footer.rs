//! A Parquet file is refused or read, within bounds. polars' decoders panic at some of what is damaged, which is caught: a panic alone
//! is no find.
//!
//! cargo +nightly fuzz run parquet_footer -- -rss_limit_mb=512
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| transform::format::table::fuzz(bytes, transform::format::RowFormat::Parquet)
);
