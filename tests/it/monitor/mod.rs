//! `transform monitor` through the binary.

mod baseline;
mod hold;
mod usual;
mod watched;
