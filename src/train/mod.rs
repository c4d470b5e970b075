//! A CSV of examples -> a candidate model version. Never approves.

pub mod frame;
pub mod profile;
