//! Parquet, a row group at a time: [`footer`] reads and checks what stands at the end, of which [`thrift`] looks through the bytes
//! first; [`group`] reads the chunks of the columns that are needed, and [`pages`] looks at their pages before they are decoded.

mod footer;
mod group;
mod pages;
mod thrift;

pub use footer::Footer;
