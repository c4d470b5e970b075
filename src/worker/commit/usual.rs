//! What a day's rows are held against, where that isn't the baseline's own rows.

use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::monitor::week::week_before;
use crate::monitor::{Compare, Counts, Policy};
use jiff::Timestamp;
use std::ops::Range;

/// What was counted on the same weekday a week before.
pub struct Usual {
    /// In microseconds since 1970.
    day: Range<i64>,
    /// None: of too few rows, so that the baseline's count.
    counts: Option<Counts>,
    /// For people.
    pub date: String,
}

impl Usual {
    /// Of the day in which `at` lies (microseconds since 1970). None: the baseline is what is usual.
    pub fn find(
        ledger: &Ledger,
        made_by: &str,
        baseline: Sha256Sum,
        at: i64,
        policy: &Policy,
    ) -> Result<Option<Usual>> {
        if policy.compare == Compare::Baseline {
            return Ok(None);
        }
        let day = week_before(at, &policy.timezone);
        let counts = ledger.counted_between(made_by, baseline, day.clone())?;
        let start = Timestamp::from_microsecond(day.start).unwrap_or_default();
        Ok(Some(Usual {
            counts: Some(counts).filter(|counts| counts.rows >= policy.min_rows),
            date: start.to_zoned_datetime(policy.timezone.clone()).date().to_string(),
            day,
        }))
    }

    /// Is it of that time?
    pub fn is_of(&self, at: i64, policy: &Policy) -> bool {
        self.day == week_before(at, &policy.timezone)
    }

    pub fn counts(&self) -> Option<&Counts> {
        self.counts.as_ref()
    }
}
