//! What becomes of a scored file.

use serde::Serialize;

/// Decided once, by policy or by what is wrong with the input; the ledger keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It has an output.
    #[default]
    Publish,
    /// Its output is kept back until a person releases it; a report says why, and how.
    Hold,
    /// It has a report instead of an output.
    Fail,
}
