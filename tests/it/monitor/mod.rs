//! `transform monitor` through the binary.

mod alerts;
mod arms;
mod baseline;
mod handing_on;
pub mod hold;
mod labels;
mod report;
mod usual;
mod watched;
mod windows;
