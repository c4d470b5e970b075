//! `transform monitor` through the binary.

mod alerts;
mod baseline;
mod handing_on;
mod hold;
mod report;
mod usual;
mod watched;
