//! What a gate holds a candidate against, and what comes of it.

use crate::evaluate::Approved;
use serde::Serialize;

/// What a candidate must not be worse than.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// No version is approved.
    Nothing,
    /// The approved version, on the same rows.
    Version(&'a Approved),
    /// Why the approved version can't be held against it.
    Incomparable(&'a str),
}

impl<'a> From<Option<&'a Approved>> for Against<'a> {
    fn from(approved: Option<&'a Approved>) -> Against<'a> {
        approved.map_or(Against::Nothing, Against::Version)
    }
}

/// Whether one condition holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateCheck {
    /// The gate's key.
    pub key: String,
    pub holds: bool,
    /// The candidate's figure; none where it is undefined.
    pub found: Option<f64>,
    /// What it was held against: the bound, or the approved version's figure.
    pub against: Option<f64>,
    /// For people.
    pub sentence: String,
    /// Of `not_worse_than_approved`, where both have the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// What was found of both on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub metric: &'static str,
    /// The candidate's figure less the approved version's; its 95 % interval, where there is one.
    pub value: f64,
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    /// How much worse it may be.
    pub tolerance: f64,
}
