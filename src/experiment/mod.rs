//! Is another version better than the champion, and is it different at all?

pub mod arm;
pub mod difference;
#[cfg(test)]
mod fixtures;
pub mod mismatch;
pub mod paired;
pub mod sequence;
mod student;
