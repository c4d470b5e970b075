//! `transform monitor` through the binary.

mod alerts;
mod baseline;
mod hold;
mod report;
mod usual;
mod watched;
