//! What a caller used of its limits.

use super::quota::{Counter, Period};
use super::rate::Bucket;

/// What a caller used, whichever of its keys it asks with: rotation gives nobody more. A count a period, so that a quota by the
/// week begins where it should when one by the day is changed back.
#[derive(Debug, Default)]
pub struct Usage {
    pub(super) bucket: Bucket,
    pub(super) counters: [Counter; Period::ALL.len()],
}

impl Usage {
    pub(super) fn counter(&self, period: Period) -> &Counter {
        &self.counters[period as usize]
    }
}
