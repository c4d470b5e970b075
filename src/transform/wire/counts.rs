//! What was counted of rows.

use super::lists::take_run;
use crate::monitor::Counts;
use crate::monitor::leb128::push as push_number;

pub fn push(counts: &Counts, out: &mut Vec<u8>) {
    let bytes = counts.bytes();
    push_number(bytes.len() as u64, out);
    out.extend(bytes);
}

pub fn take(rest: &mut &[u8]) -> Option<Counts> {
    Counts::of(take_run(rest)?)
}

/// By what is counted.
pub fn are_alike(counts: &Counts, zero: &Counts) -> bool {
    let bins = |counts: &Counts| {
        counts
            .columns
            .iter()
            .map(|column| column.bins.len())
            .collect::<Vec<_>>()
    };
    let segments = counts.segments.iter().map(|segment| &segment.column);
    bins(counts) == bins(zero)
        && segments.eq(zero.segments.iter().map(|segment| &segment.column))
        && counts.tallies.len() == zero.tallies.len()
        && counts.duplicates.is_none()
        && counts.absent.is_empty()
}
