//! What came true, joined with what was predicted: labels come by key or by row, mostly late, and a few at a time.
//!
//! [`Given`] are the labels of a person's file. [`find`] tells which rows they are of, in the outputs that the ledger vouches for;
//! [`measure`] holds what these say against all labels that are known of their inputs. [`join`] is all of it, and what the ledger
//! keeps; [`report`] holds what came of it against what the versions were worth.
//!
//! The labels of one call are in memory, and the sums of the inputs that they are of; outputs and inputs are streams.

mod find;
mod given;
mod join;
mod label;
mod lines;
mod measure;
mod report;
mod segments;
mod sheet;
mod version;

pub use find::Few;
pub use given::{Conflict, Given, Of, text_cells, text_columns};
pub use join::{Joined, Request, join};
pub use lines::are_ground_truth;
pub use report::{OfVersion, Window, report};
pub use version::classes;
