//! What is kept of trials, and of arms.

use super::counts;
use super::lists::{push_all, push_numbers, take_all, take_run};
use crate::monitor::leb128::{push as push_number, take as take_number};
use crate::monitor::sketch::Sketch;
use crate::transform::Opened;
use crate::transform::trial::{ArmsPart, Side, TrialPart, Tried};
use std::time::Duration;

pub fn push(part: &TrialPart, out: &mut Vec<u8>) {
    out.push(part.is_lost.into());
    push_tally(&part.tally, out);
    let mut before = 0;
    push_all(&part.rows, out, |_, _| ());
    for &(line, end) in &part.rows {
        push_number(line.into(), out);
        push_number((end - before) as u64, out);
        before = end;
    }
    push_number(part.text.len() as u64, out);
    out.extend_from_slice(&part.text);
}

pub fn take(rest: &mut &[u8]) -> Option<TrialPart> {
    let is_lost = take_flag(rest)?;
    let tally = take_tally(rest)?;
    let mut end = 0usize;
    let rows = take_all(rest, |rest| {
        let line = u32::try_from(take_number(rest)?).ok()?;
        end = end.checked_add(take_number(rest)?.try_into().ok()?)?;
        Some((line, end))
    })?;
    let text = take_run(rest)?.to_vec();
    // What was lost may have been so within a row.
    let is_whole = is_lost || end == text.len();
    (is_whole && end <= text.len()).then_some(TrialPart {
        text,
        rows,
        tally,
        is_lost,
    })
}

pub fn push_arms(part: &ArmsPart, out: &mut Vec<u8>) {
    out.push(part.is_unanswered.into());
    push_tally(&part.tried, out);
    counts::push(&part.counts, out);
    push_numbers(&part.unknown, out);
}

pub fn take_arms(rest: &mut &[u8]) -> Option<ArmsPart> {
    Some(ArmsPart {
        is_unanswered: take_flag(rest)?,
        tried: take_tally(rest)?,
        counts: counts::take(rest)?,
        unknown: take_all(rest, take_number)?,
    })
}

/// Are they those of the input?
pub fn check_arms(part: &ArmsPart, opened: &Opened) -> bool {
    let Some(arms) = &opened.arms else { return false };
    let zero = ArmsPart::of(arms, &opened.lineup);
    part.unknown.len() == zero.unknown.len() && counts::are_alike(&part.counts, &zero.counts)
}

/// What is known of a part: nothing of a file.
fn push_tally(tally: &Tried, out: &mut Vec<u8>) {
    for side in &tally.sides {
        push_number(side.rows, out);
        push_number(side.bad_rows, out);
        push_number(side.took.as_nanos() as u64, out);
        let predictions = side.predictions.bytes();
        push_number(predictions.len() as u64, out);
        out.extend(predictions);
    }
    push_number(tally.both, out);
    push_number(tally.unassigned, out);
}

fn take_tally(rest: &mut &[u8]) -> Option<Tried> {
    let sides = [take_side(rest)?, take_side(rest)?];
    Some(Tried {
        sides,
        both: take_number(rest)?,
        unassigned: take_number(rest)?,
        ..Tried::default()
    })
}

fn take_side(rest: &mut &[u8]) -> Option<Side> {
    let side = Side {
        rows: take_number(rest)?,
        bad_rows: take_number(rest)?,
        took: Duration::from_nanos(take_number(rest)?),
        predictions: Sketch::of(take_run(rest)?)?,
    };
    (side.bad_rows <= side.rows).then_some(side)
}

fn take_flag(rest: &mut &[u8]) -> Option<bool> {
    match take_number(rest)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
