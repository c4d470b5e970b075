//! Bad rows: where they stand, and why they are bad.

use super::lists::{push_all, take_all};
use crate::format::Cause;
use crate::monitor::leb128::{push as push_number, take as take_number};
use crate::transform::{Opened, Part, Reject};

pub fn push(rejects: &[Reject], out: &mut Vec<u8>) {
    push_all(rejects, out, |reject, out| {
        let line = reject.line.map_or(0, |line| u64::from(line) + 1);
        push_number(reject.row.into(), out);
        push_number(line, out);
        push_number(reject.start.into(), out);
        push_number((reject.end - reject.start).into(), out);
        let cause = reject.cause.numbers();
        cause.into_iter().for_each(|number| push_number(number.into(), out));
    });
}

pub fn take(rest: &mut &[u8]) -> Option<Vec<Reject>> {
    take_all(rest, |rest| {
        let row = take_u32(rest)?;
        let line = match take_number(rest)? {
            0 => None,
            line => Some(u32::try_from(line - 1).ok()?),
        };
        let start = take_u32(rest)?;
        Some(Reject {
            row,
            line,
            start,
            end: start.checked_add(take_u32(rest)?)?,
            cause: Cause::of_numbers([take_u32(rest)?, take_u32(rest)?, take_u32(rest)?])?,
        })
    })
}

/// Are they rows of the part, in order, with all their records and nothing else, and bad for columns of the input?
pub fn check(part: &Part, opened: &Opened) -> bool {
    let rejects = &part.rejects;
    let features = opened.lineup.signature().inputs.len();
    let records: u64 = rejects.iter().map(|reject| u64::from(reject.end - reject.start)).sum();
    let is_cause = |reject: &Reject| match reject.cause {
        Cause::Refused(why) => (why as usize) < part.refusals.len(),
        cause => cause.is_of(features, opened.input.width()),
    };
    records == part.source.len() as u64
        && rejects.is_sorted_by(|one, next| one.row < next.row)
        && rejects.last().is_none_or(|last| u64::from(last.row) < part.rows)
        && rejects.iter().all(is_cause)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take_number(rest)?.try_into().ok()
}
