//! What a registered version is worth: on fresh labelled rows, and beside a candidate.

pub mod approval;
pub mod approved;
pub mod details;
pub mod registered;
