//! How far the history was written down for others.

use super::Ledger;
use crate::error::Result;
use jiff::civil::Date;

/// The last day (UTC) that was. Numbers don't quite grow with time: one may be given before midnight, and another one after it to
/// what ended before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    pub day: Date,
    /// All transformations up to this number are written down.
    pub whole: i64,
    /// So are those up to this one that ended on that day, or before.
    pub seen: i64,
}

const KEY: &str = "exported";

impl Ledger {
    pub fn exported(&self) -> Result<Option<Exported>> {
        let text = self.meta(KEY)?;
        Ok(text.and_then(|text| {
            let mut words = text.split(' ');
            Some(Exported {
                day: words.next()?.parse().ok()?,
                whole: words.next()?.parse().ok()?,
                seen: words.next()?.parse().ok()?,
            })
        }))
    }

    /// Doesn't wait for the disk: what a power cut takes back is written down again.
    pub fn set_exported(&mut self, Exported { day, whole, seen }: Exported) -> Result<()> {
        self.set_meta(KEY, &format!("{day} {whole} {seen}"))
    }
}
