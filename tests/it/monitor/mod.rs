//! `transform monitor` through the binary.

mod baseline;
mod hold;
mod report;
mod usual;
mod watched;
