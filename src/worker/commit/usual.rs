//! What a day's rows are held against, where that isn't the baseline's own rows.

use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::monitor::week::{week_before, whole};
use crate::monitor::{Compare, Policy, Then};
use jiff::Timestamp;
use jiff::civil::Date;
use std::ops::Range;
use std::sync::Arc;

/// What was counted on the same weekday a week before.
pub struct Usual {
    /// In microseconds since 1970.
    day: Range<i64>,
    pub then: Then,
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
        let start = Timestamp::from_microsecond(day.start).unwrap_or_default();
        let date = start.to_zoned_datetime(policy.timezone.clone()).date();
        let then = counted_on(ledger, made_by, baseline, date, policy)?;
        Ok(Some(Usual { day, then }))
    }

    /// Is it of that time?
    pub fn is_of(&self, at: i64, policy: &Policy) -> bool {
        self.day == week_before(at, &policy.timezone)
    }
}

/// What was counted on a day that rows were held against, as the ledger has it by now.
pub fn counted_on(ledger: &Ledger, made_by: &str, baseline: Sha256Sum, date: Date, policy: &Policy) -> Result<Then> {
    let day = whole(date, &policy.timezone).unwrap_or(0..0);
    let counts = ledger.counted_between(made_by, baseline, day)?;
    let date = date.to_string();
    Ok(match counts.rows >= policy.min_rows {
        true => Then::Day {
            date,
            counts: Arc::new(counts),
        },
        false => Then::Few { date },
    })
}
