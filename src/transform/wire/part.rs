//! The head of a part: all that is no text.

use super::damaged::Damaged;
use super::lists::{push_all, push_numbers, take_all, take_optional};
use super::{bad, counts, trial};
use crate::format::{CutError, Out};
use crate::monitor::leb128::{push as push_number, push_text, take, take_text};
use crate::problem::{Code, Problem};
use crate::transform::{Opened, Part};

/// # Panics
/// On a part whose range couldn't be read.
pub fn push(part: &Part, out: &mut Vec<u8>) {
    let row_group = part.row_group.map_or(0, |group| u64::from(group) + 1);
    for number in [
        part.rows,
        part.lines,
        part.bytes(),
        part.not_finite,
        part.length as u64,
        row_group,
    ] {
        push_number(number, out);
    }
    push_numbers(&part.unknown, out);
    push_numbers(&part.lacking, out);
    counts::push(&part.counts, out);
    push_number(part.keyed, out);
    push_number(part.keys.len() as u64, out);
    part.keys.iter().for_each(|key| out.extend(key.to_le_bytes()));
    push_all(&part.refusals, out, |text, out| push_text(text, out));
    bad::push(&part.rejects, out);
    match &part.problem {
        None => out.push(0),
        Some(CutError::Problem(problem)) => {
            out.push(1);
            push_problem(problem, out);
        }
        Some(CutError::Read(e)) => unreachable!("what can't be read is scored elsewhere: {e}"),
    }
    push_all(part.arms.as_slice(), out, trial::push_arms);
    push_all(&part.trials, out, trial::push);
}

/// `source`: the records of its bad rows.
pub fn of(head: &[u8], out: Out, source: Vec<u8>, opened: &Opened) -> Result<Part, Damaged> {
    let part = take_part(&mut &head[..], out, source).ok_or(Damaged::Content("the head of a part isn't one"))?;
    match check(&part, opened) {
        true => Ok(part),
        false => Err(Damaged::Content("a part isn't one of the input, as it was opened")),
    }
}

fn take_part(rest: &mut &[u8], out: Out, source: Vec<u8>) -> Option<Part> {
    let part = Part {
        source,
        front: 0,
        out,
        rows: take(rest)?,
        lines: take(rest)?,
        elsewhere: Some(take(rest)?),
        not_finite: take(rest)?,
        length: take(rest)?.try_into().ok()?,
        row_group: match take(rest)? {
            0 => None,
            group => Some(u32::try_from(group - 1).ok()?),
        },
        unknown: take_all(rest, take)?,
        lacking: take_all(rest, take)?,
        counts: counts::take(rest)?,
        keyed: take(rest)?,
        keys: take_all(rest, |rest| {
            let (key, behind) = rest.split_first_chunk()?;
            *rest = behind;
            Some(u64::from_le_bytes(*key))
        })?,
        refusals: take_all(rest, take_text)?,
        rejects: bad::take(rest)?,
        problem: take_optional(rest, take_problem)?.map(CutError::from),
        arms: take_optional(rest, trial::take_arms)?,
        trials: take_all(rest, trial::take)?,
    };
    rest.is_empty().then_some(part)
}

/// Does all fit together, and to the input? What it says of the input must be what it is joined as.
fn check(part: &Part, opened: &Opened) -> bool {
    let features = opened.lineup.signature().inputs.len();
    // A part's rows and lines are told in so many bits.
    let numbers = [part.rows, part.lines, part.bytes(), part.not_finite, part.keyed];
    let mut numbers = numbers.iter().chain(&part.unknown).chain(&part.lacking);
    let zero = opened
        .counter
        .as_ref()
        .map(|counter| counter.zero())
        .unwrap_or_default();
    let whole = part.problem.is_some()
        || part.out.rows().is_none_or(|rows| rows == part.rows)
            && part.arms.is_some() == opened.arms.is_some()
            && part.trials.len() == usize::from(opened.keeps_arms && opened.arms.is_some()) + opened.shadows.len();
    whole
        && numbers.all(|number| *number <= u32::MAX.into())
        && part.unknown.len() == features
        && (part.lacking.is_empty() || part.lacking.len() == features)
        && part.keyed >= part.keys.len() as u64
        && counts::are_alike(&part.counts, &zero)
        && part.arms.as_ref().is_none_or(|arms| trial::check_arms(arms, opened))
        && bad::check(part, opened)
}

fn push_problem(problem: &Problem, out: &mut Vec<u8>) {
    push_text(problem.code.name(), out);
    push_all(problem.line.as_slice(), out, |line, out| push_number(*line, out));
    push_all(problem.column.as_slice(), out, |column, out| push_text(column, out));
    push_text(&problem.message, out);
    push_text(&problem.hint, out);
}

fn take_problem(rest: &mut &[u8]) -> Option<Problem> {
    Some(Problem {
        code: Code::parse(&take_text(rest)?)?,
        line: take_optional(rest, take)?,
        column: take_optional(rest, take_text)?,
        message: take_text(rest)?,
        hint: take_text(rest)?,
    })
}
