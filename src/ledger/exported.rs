//! How far the history was written down for others.

use super::Ledger;
use crate::error::Result;
use jiff::civil::Date;

/// The last day (UTC) that was, and the number of the last transformation in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    pub day: Date,
    pub last: i64,
}

const KEY: &str = "exported";

impl Ledger {
    pub fn exported(&self) -> Result<Option<Exported>> {
        let text = self.meta(KEY)?;
        Ok(text.and_then(|text| {
            let (day, last) = text.split_once(' ')?;
            Some(Exported {
                day: day.parse().ok()?,
                last: last.parse().ok()?,
            })
        }))
    }

    /// Doesn't wait for the disk: what a power cut takes back is written down again.
    pub fn set_exported(&mut self, Exported { day, last }: Exported) -> Result<()> {
        self.set_meta(KEY, &format!("{day} {last}"))
    }
}
